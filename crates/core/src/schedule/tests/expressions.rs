//! What cron expressions mean, and what is said of wrong ones.

use super::*;

/// In UTC, where no clock is set.
#[track_caller]
fn check(expression: &str, after: &str, expected: &[&str]) {
    let found = firings(cron(expression), "UTC", after, expected.len());
    let expected: Vec<String> = expected.iter().map(|at| format!("{at}+00:00")).collect();
    assert_eq!(found, expected, "{expression}");
}

#[test]
fn cron_expressions_mean_what_quartz_means() {
    let jan = "2026-01-01T00:00:00Z";
    check("0 0 2 * * ?", jan, &["2026-01-01T02:00:00", "2026-01-02T02:00:00"]);
    check("0 0 2 * * *", jan, &["2026-01-01T02:00:00", "2026-01-02T02:00:00"]);
    check("*/20 * * * * ?", jan, &["2026-01-01T00:00:20", "2026-01-01T00:00:40", "2026-01-01T00:01:00"]);
    check("0/20 5 0 ? * *", jan, &["2026-01-01T00:05:00", "2026-01-01T00:05:20", "2026-01-01T00:05:40"]);
    check(
        "0 30 8-10 ? * 2-6",
        jan,
        &[
            "2026-01-01T08:30:00",
            "2026-01-01T09:30:00",
            "2026-01-01T10:30:00",
            "2026-01-02T08:30:00",
            "2026-01-02T09:30:00",
            "2026-01-02T10:30:00",
            "2026-01-05T08:30:00",
        ],
    );
    // Days of the week count from Sunday, which is 1.
    check("0 0 0 ? * 1", jan, &["2026-01-04T00:00:00", "2026-01-11T00:00:00"]);
    check("0 0 0 ? * SUN", jan, &["2026-01-04T00:00:00"]);
    check("0 0 0 ? * 7", jan, &["2026-01-03T00:00:00"]);
    check("0 0 0 ? * mon-fri", jan, &["2026-01-02T00:00:00", "2026-01-05T00:00:00"]);
    check("0 0 0 ? feb,nov *", jan, &["2026-02-01T00:00:00", "2026-02-02T00:00:00"]);
    check(
        "0 0 12 1/10 * ?",
        jan,
        &[
            "2026-01-01T12:00:00",
            "2026-01-11T12:00:00",
            "2026-01-21T12:00:00",
            "2026-01-31T12:00:00",
            "2026-02-01T12:00:00",
        ],
    );
    check(
        "0 0 0 ? * 2/2",
        jan,
        &["2026-01-02T00:00:00", "2026-01-05T00:00:00", "2026-01-07T00:00:00", "2026-01-09T00:00:00"],
    );
    check("0 0 0 1 1 ? 2028", jan, &["2028-01-01T00:00:00"]);
    check("0 0 0 1 1 ? 2027/2", jan, &["2027-01-01T00:00:00", "2029-01-01T00:00:00"]);
}

#[test]
fn l_w_and_nth_days_are_found() {
    let jan = "2026-01-01T00:00:00Z";
    check("0 0 3 L * ?", jan, &["2026-01-31T03:00:00", "2026-02-28T03:00:00", "2026-03-31T03:00:00"]);
    check("0 0 3 1,L * ?", jan, &["2026-01-01T03:00:00", "2026-01-31T03:00:00", "2026-02-01T03:00:00"]);
    // 31 January 2026 is a Saturday, so is 28 February.
    check("0 0 3 LW * ?", jan, &["2026-01-30T03:00:00", "2026-02-27T03:00:00", "2026-03-31T03:00:00"]);
    // 15 February and 15 March 2026 are Sundays.
    check("0 0 3 15W * ?", jan, &["2026-01-15T03:00:00", "2026-02-16T03:00:00", "2026-03-16T03:00:00"]);
    check("0 0 3 15W,L 1 ?", jan, &["2026-01-15T03:00:00", "2026-01-31T03:00:00"]);
    check("0 0 3 ? * FRIL", jan, &["2026-01-30T03:00:00", "2026-02-27T03:00:00"]);
    check("0 0 3 ? * 6L", jan, &["2026-01-30T03:00:00"]);
    check("0 0 3 ? * 2#1", jan, &["2026-01-05T03:00:00", "2026-02-02T03:00:00"]);
    check("0 0 3 ? * WED#5", jan, &["2026-04-29T03:00:00", "2026-07-29T03:00:00"]);
}

#[test]
fn days_that_a_month_does_not_have_are_left_out() {
    let jan = "2026-01-01T00:00:00Z";
    check(
        "0 0 3 31 * ?",
        jan,
        &[
            "2026-01-31T03:00:00",
            "2026-03-31T03:00:00",
            "2026-05-31T03:00:00",
            "2026-07-31T03:00:00",
            "2026-08-31T03:00:00",
        ],
    );
    check("0 0 3 29 2 ?", jan, &["2028-02-29T03:00:00", "2032-02-29T03:00:00"]);
    // 2100 is no leap year.
    check("0 0 3 29 2 ?", "2096-03-01T00:00:00Z", &["2104-02-29T03:00:00"]);
    assert!(firings(cron("0 0 3 30 2 ?"), "UTC", jan, 1).is_empty());
    assert!(firings(cron("0 0 3 1 1 ? 2020"), "UTC", jan, 1).is_empty());
}

#[test]
fn a_moment_is_not_after_itself_and_parts_of_a_second_count() {
    let at = "2026-01-01T02:00:00Z";
    check("0 0 2 * * ?", at, &["2026-01-02T02:00:00"]);
    check("0 0 2 * * ?", "2026-01-01T01:59:59.999Z", &["2026-01-01T02:00:00"]);
    check("0 0 2 * * ?", "2026-01-01T02:00:00.001Z", &["2026-01-02T02:00:00"]);
    check("* * * * * ?", "2026-01-01T02:00:00.5Z", &["2026-01-01T02:00:01", "2026-01-01T02:00:02"]);
}

#[test]
fn a_wrong_expression_is_refused_with_the_field_and_the_remedy() {
    let check = |expression: &str, parts: &[&str]| {
        let error = CronExpression::parse(expression).expect_err(expression).to_string();
        assert!(error.starts_with("pattern: "), "{expression}: {error}");
        for part in parts {
            assert!(error.contains(part), "{expression}: {error} has no {part:?}");
        }
    };
    check("", &["has 0 fields"]);
    check("* * * * *", &["has 5 fields", "put the seconds in front"]);
    check("0 0 0 1 1 ? 2026 x", &["has 8 fields"]);
    check("@daily", &["has 1 fields"]);
    check("60 0 0 * * ?", &["field 1 (seconds)", "`60` is not a whole number from 0 to 59"]);
    check("0 -1 0 * * ?", &["field 2 (minutes)", "``"]);
    check("0 +1 0 * * ?", &["field 2 (minutes)", "`+1`"]);
    check("0 0 24 * * ?", &["field 3 (hours)", "`24`"]);
    check("? 0 0 * * ?", &["field 1 (seconds)", "write `*` here"]);
    check("0 0 0 32 * ?", &["field 4 (day of month)", "`32`", "1 to 31"]);
    check("0 0 0 0 * ?", &["field 4 (day of month)", "`0`"]);
    check("0 0 0 L-3 * ?", &["field 4 (day of month)", "write L, or a day"]);
    check("0 0 0 1,LW * ?", &["field 4 (day of month)", "`LW` stands alone"]);
    check("0 0 0 ?/2 * *", &["field 4 (day of month)", "`?`"]);
    check("0 0 0 1 13 ?", &["field 5 (month)", "1 (JAN) to 12 (DEC)"]);
    check("0 0 0 1 MON ?", &["field 5 (month)", "`MON`"]);
    check("0 0 0 ? * 0", &["field 6 (day of week)", "1 (SUN) to 7 (SAT)"]);
    check("0 0 0 ? * 8", &["field 6 (day of week)"]);
    check("0 0 0 ? * L", &["field 6 (day of week)", "FRIL"]);
    check("0 0 0 ? * MON#6", &["field 6 (day of week)", "#1 to #5"]);
    check("0 0 0 ? * FRI-MON", &["field 6 (day of week)", "6-7,1-2"]);
    check("0 0 0 ? * +MON", &["field 6 (day of week)", "`+MON`"]);
    check("0 0 0 1 1 ? 1969", &["field 7 (year)", "1970 to 2099"]);
    check("0 0 22-2 * * ?", &["field 3 (hours)", "22-23,0-2"]);
    check("0 0,,5 0 * * ?", &["field 2 (minutes)", "an empty place"]);
    check("0 , 0 * * ?", &["field 2 (minutes)", "an empty place"]);
    check("0 0/0 0 * * ?", &["field 2 (minutes)", "step `/0`"]);
    check("0 0/99 0 * * ?", &["field 2 (minutes)", "from 1 to 59"]);
    check("0 /5 0 * * ?", &["field 2 (minutes)", "begins nowhere"]);
    check("0 1,* 0 * * ?", &["field 2 (minutes)", "stands alone"]);
    check("0 0 0 ? * ?", &["both `?`"]);
    check("0 0 0 1 * MON", &["both say which days", "write `?` in one"]);
    check("0 0 0 99999999999 * ?", &["field 4 (day of month)"]);
    check("0 0 0 1W-5 * ?", &["field 4 (day of month)"]);
    check("0 0 0 é * ?", &["field 4 (day of month)", "`é`"]);
}

#[test]
fn a_stored_pattern_is_read_as_it_was_written() {
    let patterns = [
        cron("0 0/15 2 ? * MON-FRI"),
        every(90, Unit::Minutes, "2026-01-01T00:00:00Z"),
        Pattern::Daily { at: time("02:30") },
        Pattern::Weekly { days: [Day::Mon, Day::Fri].into(), at: time("23:59") },
        Pattern::Monthly { day: MonthDay::Number(31), at: time("00:00") },
        Pattern::Monthly { day: MonthDay::Last, at: time("00:00") },
    ];
    for pattern in patterns {
        let table = Timetable { pattern, time_zone: zone("Europe/Berlin") };
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<Timetable>(&text).unwrap(), table, "{text}");
    }
    assert!(serde_json::from_str::<Pattern>(r#"{"type":"CRON","expression":"x"}"#).is_err());
    assert!(serde_json::from_str::<Zone>(r#""Mars/Olympus""#).is_err());
}

#[test]
fn simple_patterns_name_the_days_they_say() {
    let check = |pattern: Pattern, expected: &[&str]| {
        assert_eq!(firings(pattern, "Europe/Berlin", "2026-01-01T00:00:00Z", expected.len()), expected);
    };
    check(Pattern::Daily { at: time("02:30") }, &["2026-01-01T02:30:00+01:00", "2026-01-02T02:30:00+01:00"]);
    check(
        Pattern::Weekly { days: [Day::Sun, Day::Tue].into(), at: time("00:05") },
        &["2026-01-04T00:05:00+01:00", "2026-01-06T00:05:00+01:00", "2026-01-11T00:05:00+01:00"],
    );
    check(
        Pattern::Monthly { day: MonthDay::Number(30), at: time("06:00") },
        &["2026-01-30T06:00:00+01:00", "2026-03-30T06:00:00+02:00"],
    );
    check(
        Pattern::Monthly { day: MonthDay::Last, at: time("06:00") },
        &["2026-01-31T06:00:00+01:00", "2026-02-28T06:00:00+01:00"],
    );
}

#[test]
fn times_intervals_days_and_zones_are_checked() {
    for text in ["2:30", "24:00", "12:60", "12", "12:3", "-1:00", "+1:00", "12:30:00", ""] {
        assert!(
            TimeOfDay::parse("at", text).unwrap_err().to_string().starts_with("at: must be a time"),
            "{text}"
        );
    }
    assert!(Interval::new("every", 0, Unit::Minutes).is_err());
    assert!(Interval::new("every", 366 * 24 + 1, Unit::Hours).is_err());
    assert!(MonthDay::number("day", 32).is_err() && MonthDay::number("day", 0).is_err());
    for text in ["", "Mars/Olympus", "+02:00", "Etc/Unknown", "../etc/passwd"] {
        let error = Zone::parse("timeZone", text).unwrap_err().to_string();
        assert!(error.starts_with("timeZone: ") && error.contains("Europe/Berlin"), "{error}");
    }
    assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
}
