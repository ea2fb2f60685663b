//! What is filled in, saved and filled in again.

use super::*;

const JOB: &str = "6f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b11";
const OTHER: &str = "7f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b12";

fn form(fields: &[(&str, &str)]) -> ScheduleForm {
    let read: HashMap<&str, &str> = fields.iter().copied().collect();
    serde_json::from_value(json!(read)).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

#[test]
fn what_is_saved_is_filled_in_again() {
    let place = format!("place:{JOB}");
    let other = format!("place:{OTHER}");
    for fields in [
        vec![("kind", "INTERVAL"), ("every", "90"), ("startAt", "2026-01-02T03:04:05.5")],
        vec![("kind", "HOURLY"), ("minute", "5")],
        vec![("kind", "DAILY"), ("dailyAt", "23:59"), ("timeZone", "Europe/Berlin")],
        vec![("kind", "WEEKLY"), ("weeklyAt", "01:00"), ("day:MON", "on"), ("day:SUN", "on")],
        vec![("kind", "MONTHLY"), ("monthDay", "31")],
        vec![("kind", "MONTHLY"), ("monthDay", "LAST"), ("monthlyAt", "00:00")],
        vec![("kind", "CRON"), ("expression", "0 0/5 1 * * ?")],
        vec![("kind", "AFTER"), ("after", OTHER)],
    ] {
        let mut fields = fields;
        fields.extend([
            ("name", "Nightly"),
            ("mode", "FULL"),
            (place.as_str(), "1, 3"),
            (other.as_str(), "2"),
            ("onFailure", "CONTINUE"),
            ("overlap", "QUEUE"),
            ("misfire", "ALL"),
            ("priority", "HIGH"),
            ("jitterSeconds", "30"),
        ]);
        let settings = form(&fields).settings(Some(Activation::Disabled), now()).unwrap();
        assert_eq!(settings.activation, Activation::Disabled);
        let jobs: Vec<String> = settings.jobs.iter().map(ToString::to_string).collect();
        assert_eq!(jobs, [JOB, OTHER, JOB]);
        let again = ScheduleForm::of(&settings);
        assert_eq!(again.settings(Some(Activation::Disabled), now()).unwrap(), settings, "{fields:?}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_field() {
    let place = format!("place:{JOB}");
    let check = |fields: &[(&str, &str)], expected: &str| {
        let fields: Vec<(&str, &str)> =
            [("name", "x"), ("mode", "FULL"), (place.as_str(), "1")].iter().chain(fields).copied().collect();
        let message = form(&fields).settings(None, now()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    check(&[("kind", "INTERVAL"), ("every", "x")], "pattern.every: must be a whole number, not `x`");
    check(&[("kind", "INTERVAL"), ("every", "0")], "pattern.every: must be from 1");
    check(&[("kind", "INTERVAL"), ("startAt", "soon")], "pattern.startAt: must be a time");
    check(&[("kind", "HOURLY"), ("minute", "300")], "field 2 (minutes)");
    check(&[("kind", "DAILY"), ("dailyAt", "25:00")], "pattern.at: must be a time");
    check(&[("kind", "WEEKLY")], "pattern.days: is missing");
    check(&[("kind", "MONTHLY"), ("monthDay", "300")], "pattern.day: must be from 1 to 31");
    check(&[("kind", "CRON"), ("expression", "* * * * *")], "has 5 fields");
    check(&[("kind", "SOMETIMES")], "form: unknown variant `SOMETIMES`");
    check(&[("kind", "AFTER")], "afterScheduleId: is missing");
    check(&[("timeZone", "Mars")], "timeZone: `Mars` is no IANA time zone");
    check(&[("place:x", "first")], "jobs: must be a whole number, not `first`");
    check(&[("jitterSeconds", "-1")], "jitterSeconds: must be a whole number");
    check(&[("mode", "SOME")], "form: unknown variant `SOME`");
}
