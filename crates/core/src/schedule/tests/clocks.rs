//! What the setting of clocks does to each kind of pattern.

use super::*;

/// The firings after a moment as local times, and which of them the clocks have to do with.
#[track_caller]
fn check(pattern: Pattern, zone_name: &str, after: &str, expected: &[&str]) {
    assert_eq!(firings(pattern, zone_name, after, expected.len()), expected);
}

fn shifts(pattern: Pattern, zone_name: &str, after: &str, count: usize) -> Vec<Option<Shift>> {
    let table = Timetable { pattern, time_zone: zone(zone_name) };
    table.occurrences_after(utc(after)).take(count).map(|found| found.shift).collect()
}

#[test]
fn a_skipped_time_fires_when_the_clocks_are_set_forward() {
    // Berlin: on 2026-03-29 at 02:00 clocks are set to 03:00. New York: on 2026-03-08.
    let daily = || Pattern::Daily { at: time("02:30") };
    check(
        daily(),
        "Europe/Berlin",
        "2026-03-28T00:00:00Z",
        &["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"],
    );
    let planned = "2026-03-29T02:30:00".to_owned();
    assert_eq!(
        shifts(daily(), "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
        [None, Some(Shift::Skipped { planned }), None]
    );
    check(
        cron("0 0 2 * * ?"),
        "America/New_York",
        "2026-03-07T12:00:00Z",
        &["2026-03-08T03:00:00-04:00", "2026-03-09T02:00:00-04:00"],
    );
    // All skipped times of a pattern are one moment, and so is a time that falls on it.
    check(
        cron("0 0/15 2-3 * * ?"),
        "Europe/Berlin",
        "2026-03-29T00:00:00Z",
        &["2026-03-29T03:00:00+02:00", "2026-03-29T03:15:00+02:00", "2026-03-29T03:30:00+02:00"],
    );
    check(
        cron("0 0 1-4 * * ?"),
        "Europe/Berlin",
        "2026-03-28T23:30:00Z",
        &["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"],
    );
}

#[test]
fn a_time_that_is_shown_twice_fires_at_the_first() {
    // Berlin: on 2026-10-25 at 03:00 clocks are set to 02:00. New York: on 2026-11-01 at 02:00 to 01:00.
    let daily = || Pattern::Daily { at: time("02:30") };
    check(
        daily(),
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        &["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
    );
    assert_eq!(shifts(daily(), "Europe/Berlin", "2026-10-24T12:00:00Z", 2), [Some(Shift::First), None]);
    check(
        cron("0 0/30 1 ? * *"),
        "America/New_York",
        "2026-11-01T04:00:00Z",
        &["2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:00:00-05:00"],
    );
    // Asked in the second pass, what fired in the first is over.
    check(daily(), "Europe/Berlin", "2026-10-25T01:10:00Z", &["2026-10-26T02:30:00+01:00"]);
    // Asked between the two times of the first pass.
    check(daily(), "Europe/Berlin", "2026-10-25T00:10:00Z", &["2026-10-25T02:30:00+02:00"]);
}

#[test]
fn a_pattern_for_every_hour_goes_by_what_the_clocks_show() {
    let half = || cron("0 30 * * * ?");
    check(
        half(),
        "Europe/Berlin",
        "2026-03-29T00:00:00Z",
        &["2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-29T04:30:00+02:00"],
    );
    check(
        half(),
        "Europe/Berlin",
        "2026-10-24T23:45:00Z",
        &["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00"],
    );
    assert_eq!(
        shifts(half(), "Europe/Berlin", "2026-10-24T23:45:00Z", 3),
        [Some(Shift::First), Some(Shift::Second), None]
    );
    check(
        half(),
        "America/New_York",
        "2026-11-01T05:00:00Z",
        &["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-01T02:30:00-05:00"],
    );
    check(
        cron("0 0 0-23 * * ?"),
        "America/New_York",
        "2026-03-08T06:30:00Z",
        &["2026-03-08T03:00:00-04:00", "2026-03-08T04:00:00-04:00"],
    );
}

#[test]
fn every_elapsed_hour_has_one_firing_of_an_hourly_pattern() {
    for (name, after) in [
        ("Europe/Berlin", "2026-03-28T12:00:00Z"),
        ("Europe/Berlin", "2026-10-24T12:00:00Z"),
        ("America/New_York", "2026-03-07T12:00:00Z"),
        ("America/New_York", "2026-10-31T12:00:00Z"),
        ("Asia/Kolkata", "2026-03-28T12:00:00Z"),
    ] {
        let table = Timetable { pattern: cron("0 0 * * * ?"), time_zone: zone(name) };
        let found: Vec<i64> =
            table.occurrences_after(utc(after)).take(48).map(|found| found.at.as_millis()).collect();
        assert!(found.windows(2).all(|pair| pair[1] - pair[0] == 3_600_000), "{name} after {after}");
    }
}

#[test]
fn an_interval_counts_elapsed_time() {
    let start = "2026-03-28T23:00:00Z";
    check(
        every(60, Unit::Minutes, start),
        "Europe/Berlin",
        "2026-03-29T00:00:00Z",
        &["2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"],
    );
    check(
        every(6, Unit::Hours, start),
        "Europe/Berlin",
        "2026-03-28T22:00:00Z",
        &["2026-03-29T00:00:00+01:00", "2026-03-29T07:00:00+02:00", "2026-03-29T13:00:00+02:00"],
    );
    check(
        every(30, Unit::Minutes, "2026-10-25T00:00:00Z"),
        "Europe/Berlin",
        "2026-10-25T00:00:00Z",
        &["2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00"],
    );
    // The first one is where it is counted from.
    check(every(5, Unit::Hours, start), "UTC", "2020-01-01T00:00:00Z", &["2026-03-28T23:00:00+00:00"]);
}

#[test]
fn lord_howe_sets_its_clocks_by_half_an_hour() {
    // 2026-10-04 at 02:00 to 02:30; 2026-04-05 at 02:00 to 01:30.
    let name = "Australia/Lord_Howe";
    check(
        Pattern::Daily { at: time("02:15") },
        name,
        "2026-10-03T00:00:00Z",
        &["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"],
    );
    check(
        Pattern::Daily { at: time("01:45") },
        name,
        "2026-04-04T00:00:00Z",
        &["2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"],
    );
    check(
        cron("0 0/15 * * * ?"),
        name,
        "2026-04-04T14:15:00Z",
        &[
            "2026-04-05T01:30:00+11:00",
            "2026-04-05T01:45:00+11:00",
            "2026-04-05T01:30:00+10:30",
            "2026-04-05T01:45:00+10:30",
            "2026-04-05T02:00:00+10:30",
        ],
    );
    check(
        cron("0 0/15 * * * ?"),
        name,
        "2026-10-03T15:15:00Z",
        &["2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00"],
    );
}

#[test]
fn a_zone_that_never_sets_its_clocks_is_plain() {
    for (after, expected) in [
        ("2026-03-28T12:00:00Z", "2026-03-29T02:30:00+05:30"),
        ("2026-10-24T12:00:00Z", "2026-10-25T02:30:00+05:30"),
    ] {
        check(Pattern::Daily { at: time("02:30") }, "Asia/Kolkata", after, &[expected]);
        assert_eq!(shifts(Pattern::Daily { at: time("02:30") }, "Asia/Kolkata", after, 1), [None]);
    }
}

#[test]
fn a_skipped_midnight_fires_when_the_day_begins() {
    // Cairo: on 2026-04-24 at 00:00 clocks are set to 01:00.
    check(
        Pattern::Daily { at: time("00:00") },
        "Africa/Cairo",
        "2026-04-23T00:00:00Z",
        &["2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"],
    );
    let cairo = zone("Africa/Cairo");
    assert_eq!(cairo.start_of_day(utc("2026-04-24T12:00:00Z")), utc("2026-04-23T22:00:00Z"));
    assert_eq!(zone("Europe/Berlin").start_of_day(utc("2026-01-01T23:30:00Z")), utc("2026-01-01T23:00:00Z"));
}

#[test]
fn firings_always_go_forward() {
    let patterns = || {
        [
            cron("0 0/7 * * * ?"),
            cron("13 */11 0-6 * * ?"),
            cron("0 59 23 L * ?"),
            every(7, Unit::Hours, "2026-01-01T00:00:00Z"),
        ]
    };
    for name in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC"] {
        for pattern in patterns() {
            let table = Timetable { pattern, time_zone: zone(name) };
            let found: Vec<Timestamp> = table
                .occurrences_after(utc("2026-03-01T00:00:00Z"))
                .take(3_000)
                .map(|found| found.at)
                .collect();
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{name} {table:?}");
            // Asked anew after each, the next one is the same.
            for pair in found.windows(2).step_by(7) {
                assert_eq!(table.occurrences_after(pair[0]).next().map(|found| found.at), Some(pair[1]));
            }
        }
    }
}

#[test]
fn clocks_are_set_twice_a_year_or_never() {
    let told = |name: &str, after: &str, until: &str| {
        let changes = zone(name).changes(utc(after), utc(until));
        changes.into_iter().map(|change| (change.seconds, change.local)).collect::<Vec<_>>()
    };
    let (first, last) = ("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z");
    assert_eq!(
        told("Europe/Berlin", first, last),
        [(3600, "2026-03-29T03:00:00+02:00".to_owned()), (-3600, "2026-10-25T02:00:00+01:00".to_owned())]
    );
    // The moment itself counts at the end, and not at the beginning.
    let set = "2026-03-29T01:00:00Z";
    assert_eq!(told("Europe/Berlin", first, set).len(), 1);
    assert_eq!(told("Europe/Berlin", set, "2026-06-01T00:00:00Z"), []);
    assert_eq!(told("UTC", first, last), []);
    assert_eq!(told("Asia/Kolkata", first, last), []);
    let names = Zone::names();
    assert!(names.iter().any(|name| name == "Europe/Berlin"));
    for name in &names {
        Zone::parse("timeZone", name).unwrap();
    }
}
