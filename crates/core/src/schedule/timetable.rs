//! Which moments a pattern names in a time zone. The rules where clocks are set:
//!
//! - A pattern that names hours (`0 30 2 * * ?`, daily, weekly, monthly) means days: it fires once for each time
//!   it names. A time that the clocks are set forward over fires at the moment they are; several such times fire
//!   once together. A time that is shown twice fires at the first.
//! - A cron expression for every hour (`0 30 * * * ?`) goes by what the clocks show: what they skip does not
//!   fire, what they show twice fires twice. So no elapsed hour is without its firing and none has two.
//! - An interval (every 90 minutes) counts elapsed time and does not see that clocks are set.

use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::cron::CronExpression;
use super::pattern::Pattern;
use super::zone::{Reading, Zone, clock, moment};
use crate::Timestamp;

/// A pattern in a time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timetable {
    pub pattern: Pattern,
    pub time_zone: Zone,
}

/// A moment that a timetable names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub at: Timestamp,
    /// What the setting of clocks has to do with it.
    pub shift: Option<Shift>,
}

/// How an occurrence stands to clocks that are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shift {
    /// The clocks are set forward over the time it was meant for, so it comes when they are.
    Skipped { planned: String },
    /// Clocks show this time twice, and this is the first of the two.
    First,
    /// Clocks show this time twice, and this is the second of the two.
    Second,
}

impl Shift {
    /// What to tell people about it.
    #[must_use]
    pub fn explained(&self) -> String {
        match self {
            Self::Skipped { planned } => {
                format!("the clocks are set forward over {planned}; it fires at the moment they are")
            }
            Self::First => "the clocks show this time twice; this is the first".to_owned(),
            Self::Second => "the clocks show this time twice; this is the second".to_owned(),
        }
    }
}

impl Timetable {
    /// What is named after a moment, in order. It may never end.
    pub fn occurrences_after(&self, after: Timestamp) -> Occurrences<'_> {
        let calendar = match (&self.pattern, self.pattern.as_cron()) {
            (Pattern::Every { interval, start_at }, _) => {
                Calendar::Interval { start: *start_at, millis: interval.millis() }
            }
            (_, Some(cron)) if cron.is_for_every_hour() => Calendar::Clock(cron),
            (_, Some(cron)) => Calendar::Days(cron),
            (_, None) => Calendar::Empty,
        };
        Occurrences { zone: &self.time_zone, calendar, after }
    }
}

/// The moments of a timetable in order.
pub struct Occurrences<'table> {
    zone: &'table Zone,
    calendar: Calendar,
    after: Timestamp,
}

enum Calendar {
    Days(CronExpression),
    Clock(CronExpression),
    Interval { start: Timestamp, millis: i64 },
    Empty,
}

impl Iterator for Occurrences<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        let found = match &self.calendar {
            Calendar::Days(cron) => by_days(self.zone, cron, self.after),
            Calendar::Clock(cron) => by_clock(self.zone, cron, self.after),
            Calendar::Interval { start, millis } => by_interval(self.zone, *start, *millis, self.after),
            Calendar::Empty => None,
        };
        match &found {
            Some(occurrence) => self.after = occurrence.at,
            None => self.calendar = Calendar::Empty,
        }
        found
    }
}

/// Each time that is named fires once.
fn by_days(zone: &Zone, cron: &CronExpression, after: Timestamp) -> Option<Occurrence> {
    let (mut wall, _) = zone.wall(after)?;
    loop {
        wall = cron.next(wall, false)?;
        let (at, shift) = match zone.read(wall)? {
            Reading::Once(at) => (at, None),
            Reading::Skipped { end } => (end, Some(Shift::Skipped { planned: clock(wall) })),
            Reading::Twice { first } => (first, Some(Shift::First)),
        };
        // Clocks that were set back show times again that have fired; several skipped times are one moment.
        if at > after {
            return Some(Occurrence { at, shift });
        }
    }
}

/// What clocks show fires each time they show it: from one setting of the clocks to the next, a wall clock time
/// is one moment.
fn by_clock(zone: &Zone, cron: &CronExpression, after: Timestamp) -> Option<Occurrence> {
    let (wall, mut offset) = zone.wall(after)?;
    let (mut wall, mut inclusive, mut from) = (wall, false, after);
    loop {
        let named = cron.next(wall, inclusive)?;
        let at = moment(named, offset)?;
        match zone.set_after(from) {
            Some((set, new_offset)) if at >= set => {
                wall = shown(set, new_offset)?;
                (offset, inclusive, from) = (new_offset, true, set);
            }
            _ => return Some(Occurrence { at, shift: shown_twice(zone, at) }),
        }
    }
}

fn by_interval(zone: &Zone, start: Timestamp, millis: i64, after: Timestamp) -> Option<Occurrence> {
    let elapsed = after.as_millis().checked_sub(start.as_millis())?;
    let steps = if elapsed < 0 { 0 } else { elapsed / millis + 1 };
    let at = Timestamp::from_millis(start.as_millis().checked_add(steps.checked_mul(millis)?)?);
    // Beyond the calendar there is nothing to name.
    zone.wall(at)?;
    Some(Occurrence { at, shift: shown_twice(zone, at) })
}

fn shown(at: Timestamp, offset: Offset) -> Option<jiff::civil::DateTime> {
    Some(offset.to_datetime(jiff::Timestamp::from_millisecond(at.as_millis()).ok()?))
}

fn shown_twice(zone: &Zone, at: Timestamp) -> Option<Shift> {
    let (wall, _) = zone.wall(at)?;
    match zone.read(wall)? {
        Reading::Twice { first } if first == at => Some(Shift::First),
        Reading::Twice { .. } => Some(Shift::Second),
        Reading::Once(_) | Reading::Skipped { .. } => None,
    }
}
