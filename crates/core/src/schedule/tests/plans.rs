//! What becomes of occurrences that are due: on time, late, and far too many.

use super::*;

const HOUR: i64 = 3_600_000;

/// An hourly schedule whose next occurrence is at 01:00 on 2026-01-01.
fn hourly(misfire: Misfire) -> Schedule {
    let mut schedule = schedule(cron("0 0 * * * ?"), "UTC");
    schedule.settings.misfire = misfire;
    schedule.next = schedule.firing_after(utc("2026-01-01T00:00:00Z"));
    schedule
}

fn verdicts(plan: &Plan) -> Vec<Verdict> {
    plan.decisions.iter().map(|decision| decision.verdict).collect()
}

fn count(plan: &Plan, verdict: Verdict) -> usize {
    verdicts(plan).into_iter().filter(|found| *found == verdict).count()
}

#[test]
fn what_is_due_fires_and_the_next_one_follows() {
    let schedule = hourly(Misfire::None);
    assert_eq!(Plan::of(&schedule, utc("2026-01-01T00:59:59Z")), None);
    let plan = Plan::of(&schedule, utc("2026-01-01T01:00:00Z")).unwrap();
    assert_eq!(verdicts(&plan), [Verdict::Fire]);
    assert_eq!(plan.decisions[0].occurrence, utc("2026-01-01T01:00:00Z"));
    assert_eq!(plan.next.unwrap().occurrence, utc("2026-01-01T02:00:00Z"));
    // A minute late is on time.
    let plan = Plan::of(&schedule, utc("2026-01-01T01:01:00Z")).unwrap();
    assert_eq!(verdicts(&plan), [Verdict::Fire]);
}

#[test]
fn each_misfire_policy_does_as_it_says_after_24_missed_occurrences() {
    let later = utc("2026-01-02T00:30:00Z");
    let check = |misfire, caught_up: usize| {
        let plan = Plan::of(&hourly(misfire), later).unwrap();
        assert_eq!(plan.decisions.len(), 24, "{misfire:?}");
        let verdicts = verdicts(&plan);
        let (missed, caught) = verdicts.split_at(24 - caught_up);
        assert!(missed.iter().all(|verdict| *verdict == Verdict::Miss), "{misfire:?}");
        assert!(caught.iter().all(|verdict| *verdict == Verdict::CatchUp), "{misfire:?}");
        assert!(plan.decisions.iter().all(|decision| decision.reason.is_some()));
        assert_eq!(plan.next.unwrap().occurrence, utc("2026-01-02T01:00:00Z"));
        let mut moments = plan.decisions.iter().map(|decision| decision.occurrence.as_millis());
        assert_eq!(moments.next(), Some(utc("2026-01-01T01:00:00Z").as_millis()));
        assert!(
            moments.zip(1..).all(|(at, hours)| at == utc("2026-01-01T01:00:00Z").as_millis() + hours * HOUR)
        );
    };
    check(Misfire::None, 0);
    check(Misfire::Latest, 1);
    check(Misfire::All, 24);
}

#[test]
fn an_occurrence_that_is_on_time_stands_for_the_latest_missed_one() {
    let at = utc("2026-01-01T05:00:10Z");
    let latest = Plan::of(&hourly(Misfire::Latest), at).unwrap();
    assert_eq!(
        verdicts(&latest),
        [Verdict::Miss, Verdict::Miss, Verdict::Miss, Verdict::Miss, Verdict::Fire]
    );
    let all = Plan::of(&hourly(Misfire::All), at).unwrap();
    assert_eq!((count(&all, Verdict::CatchUp), count(&all, Verdict::Fire)), (4, 1));
}

#[test]
fn a_long_absence_is_told_in_few_records() {
    // Every second for a year.
    for (misfire, caught_up) in [(Misfire::None, 0), (Misfire::Latest, 0), (Misfire::All, CATCH_UP_LIMIT)] {
        let mut schedule = schedule(cron("* * * * * ?"), "Europe/Berlin");
        schedule.settings.misfire = misfire;
        schedule.next = schedule.firing_after(utc("2026-01-01T00:00:00Z"));
        let now = utc("2027-01-01T00:00:00Z");
        let plan = Plan::of(&schedule, now).unwrap();
        assert_eq!(count(&plan, Verdict::CatchUp), caught_up, "{misfire:?}");
        // The last minute is on time, second by second.
        assert_eq!(count(&plan, Verdict::Fire), 61);
        assert_eq!(count(&plan, Verdict::Miss), 101);
        assert_eq!(plan.decisions[0].occurrence, utc("2026-01-01T00:00:01Z"));
        assert!(plan.decisions[0].reason.as_ref().unwrap().contains("or more in all before"));
        assert_eq!(plan.next.unwrap().occurrence, utc("2027-01-01T00:00:01Z"));
    }
}

#[test]
fn of_more_than_a_hundred_missed_occurrences_the_newest_are_caught_up() {
    let mut schedule = hourly(Misfire::All);
    schedule.next = schedule.firing_after(utc("2026-01-01T00:00:00Z"));
    let plan = Plan::of(&schedule, utc("2026-01-15T00:30:00Z")).unwrap();
    assert_eq!(count(&plan, Verdict::CatchUp), 100);
    assert_eq!(plan.decisions.last().unwrap().occurrence, utc("2026-01-15T00:00:00Z"));
    // 336 in all: 100 caught up, 100 recorded one by one, 136 in one record.
    assert_eq!(count(&plan, Verdict::Miss), 101);
    assert!(
        plan.decisions[0].reason.as_ref().unwrap().contains("136 in all before"),
        "{:?}",
        plan.decisions[0]
    );
}

#[test]
fn jitter_is_the_same_each_time_and_ends_before_the_next_occurrence() {
    let mut schedule = schedule(cron("0 * * * * ?"), "UTC");
    schedule.settings.jitter_seconds = 600;
    let mut after = utc("2026-01-01T00:00:00Z");
    let mut delays = Vec::new();
    for _ in 0..200 {
        let firing = schedule.firing_after(after).unwrap();
        assert_eq!(schedule.firing_after(after), Some(firing));
        let delay = firing.due.as_millis() - firing.occurrence.as_millis();
        assert!((0..60_000).contains(&delay), "{delay}");
        delays.push(delay);
        after = firing.occurrence;
    }
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 150, "{} different delays of 200", delays.len());
    let mut other = schedule.clone();
    other.id = ScheduleId::random();
    assert_ne!(other.firing_after(after), schedule.firing_after(after));
    schedule.settings.jitter_seconds = 0;
    let plain = schedule.firing_after(after).unwrap();
    assert_eq!(plain.due, plain.occurrence);
}

#[test]
fn a_firing_that_is_put_off_is_not_planned_anew() {
    let mut schedule = schedule(cron("0 0 * * * ?"), "UTC");
    schedule.settings.jitter_seconds = 1_800;
    schedule.next = schedule.firing_after(utc("2026-01-01T00:00:00Z"));
    let next = schedule.next.unwrap();
    assert!(next.due > next.occurrence);
    assert_eq!(schedule.replanned(next.occurrence), Some(next));
    assert_eq!(Plan::of(&schedule, next.occurrence), None);
    assert_eq!(Plan::of(&schedule, next.due).unwrap().decisions[0].verdict, Verdict::Fire);
}

#[test]
fn a_clock_that_was_set_back_brings_the_next_occurrence_nearer() {
    let mut schedule = hourly(Misfire::None);
    schedule.next = schedule.firing_after(utc("2027-01-01T00:00:00Z"));
    let nearer = schedule.replanned(utc("2026-01-01T00:10:00Z")).unwrap();
    assert_eq!(nearer.occurrence, utc("2026-01-01T01:00:00Z"));
    schedule.settings.activation = Activation::Disabled;
    assert_eq!(schedule.replanned(utc("2026-01-01T00:10:00Z")), None);
    schedule.settings.trigger = Trigger::After(ScheduleId::random());
    assert_eq!(schedule.firing_after(utc("2026-01-01T00:10:00Z")), None);
}
