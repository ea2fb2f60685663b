//! What becomes of the occurrences that are due: which fire, which are caught up and which were missed. A pure
//! function, so that every rule can be tested without a server.

use super::{Firing, Misfire, Schedule, Trigger};
use crate::Timestamp;

/// How long after it was due an occurrence still counts as on time, in milliseconds.
pub const GRACE_MILLIS: i64 = 60_000;
/// The most occurrences that are caught up.
pub const CATCH_UP_LIMIT: usize = 100;
/// The most missed occurrences that are recorded one by one; what came before them is told in one record.
const TOLD_LIMIT: usize = 100;
/// The most occurrences that are gone through at a time; of more, only newer ones are looked at.
const LOOKED_AT: usize = 20_000;

/// What to do with one occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub occurrence: Timestamp,
    pub verdict: Verdict,
    /// Why it was missed or caught up.
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fire,
    CatchUp,
    Miss,
}

/// What to do about a schedule that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the occurrences.
    pub decisions: Vec<Decision>,
    pub next: Option<Firing>,
}

impl Plan {
    /// What is due of an enabled schedule; `None` when nothing is.
    #[must_use]
    pub fn of(schedule: &Schedule, now: Timestamp) -> Option<Self> {
        let next = schedule.next.filter(|next| next.due <= now)?;
        let due = due(schedule, next, now);
        let on_time_from = Timestamp::from_millis(now.as_millis().saturating_sub(GRACE_MILLIS));
        // An occurrence is due before the one after it, so the late ones come first.
        let late = due.firings.partition_point(|firing| firing.due < on_time_from);
        let (late, on_time) = due.firings.split_at(late);
        let caught_up = match schedule.settings.misfire {
            Misfire::None => 0,
            // An occurrence that is on time does the work of the latest that was missed.
            Misfire::Latest => usize::from(on_time.is_empty()).min(late.len()),
            Misfire::All => late.len().min(CATCH_UP_LIMIT),
        };
        let (missed, caught_up) = late.split_at(late.len() - caught_up);
        let mut decisions = missed_ones(schedule, missed, due.incomplete, next, now);
        decisions.extend(caught_up.iter().map(|firing| Decision {
            occurrence: firing.occurrence,
            verdict: Verdict::CatchUp,
            reason: Some(format!(
                "it was due at {} and nobody looked until {}",
                local(schedule, firing.due),
                local(schedule, now)
            )),
        }));
        decisions.extend(on_time.iter().map(|firing| Decision {
            occurrence: firing.occurrence,
            verdict: Verdict::Fire,
            reason: None,
        }));
        Some(Self { decisions, next: due.next })
    }
}

/// What is due, in order, and what comes after it.
struct Due {
    firings: Vec<Firing>,
    next: Option<Firing>,
    /// There were more than anybody wants to go through: older ones are left out.
    incomplete: bool,
}

fn due(schedule: &Schedule, first: Firing, now: Timestamp) -> Due {
    let mut firings = vec![first];
    let mut incomplete = false;
    let mut from = first.occurrence;
    loop {
        let mut following = Following::new(schedule, from);
        loop {
            let firing = following.next();
            match firing {
                Some(firing) if firing.due <= now => firings.push(firing),
                next => return Due { firings, next, incomplete },
            }
            if firings.len() > LOOKED_AT {
                break;
            }
        }
        // Half of the time that is left is skipped, as often as it takes.
        let last = firings.last().map_or(from, |firing| firing.occurrence).as_millis();
        from = Timestamp::from_millis(last + (now.as_millis() - last) / 2);
        firings.clear();
        incomplete = true;
    }
}

/// The firings after a moment.
struct Following<'schedule> {
    schedule: &'schedule Schedule,
    occurrences: Box<dyn Iterator<Item = Timestamp> + 'schedule>,
    ahead: Option<Timestamp>,
}

impl<'schedule> Following<'schedule> {
    fn new(schedule: &'schedule Schedule, after: Timestamp) -> Self {
        let mut occurrences: Box<dyn Iterator<Item = Timestamp> + 'schedule> =
            match &schedule.settings.trigger {
                Trigger::Time(timetable) => {
                    Box::new(timetable.occurrences_after(after).map(|occurrence| occurrence.at))
                }
                Trigger::After(_) => Box::new(std::iter::empty()),
            };
        let ahead = occurrences.next();
        Self { schedule, occurrences, ahead }
    }

    fn next(&mut self) -> Option<Firing> {
        let occurrence = self.ahead?;
        self.ahead = self.occurrences.next();
        Some(self.schedule.firing(occurrence, self.ahead))
    }
}

fn missed_ones(
    schedule: &Schedule,
    missed: &[Firing],
    incomplete: bool,
    first: Firing,
    now: Timestamp,
) -> Vec<Decision> {
    let told = missed.len().min(TOLD_LIMIT);
    let (untold, told) = missed.split_at(missed.len() - told);
    let decision = |occurrence, reason| Decision { occurrence, verdict: Verdict::Miss, reason: Some(reason) };
    let mut decisions = Vec::with_capacity(told.len() + 1);
    if incomplete || !untold.is_empty() {
        let (count, or_more) = (untold.len(), if incomplete { " or more" } else { "" });
        let until = told.first().map_or(now, |firing| firing.occurrence);
        let reason = format!(
            "this occurrence and others, {count}{or_more} in all before {}, were missed",
            local(schedule, until)
        );
        decisions.push(decision(first.occurrence, reason));
    }
    for firing in told {
        let reason = format!(
            "it was due at {} and nobody looked until {}: the server did not run, or its clock was set forward",
            local(schedule, firing.due),
            local(schedule, now)
        );
        decisions.push(decision(firing.occurrence, reason));
    }
    decisions
}

fn local(schedule: &Schedule, at: Timestamp) -> String {
    match &schedule.settings.trigger {
        Trigger::Time(timetable) => timetable.time_zone.local(at),
        Trigger::After(_) => format!("{} ms", at.as_millis()),
    }
}
