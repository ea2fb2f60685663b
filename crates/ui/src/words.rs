//! How times, durations and states are written on pages.

use forebay_core::Timestamp;
use forebay_core::execution::{Execution, Status};
use forebay_core::name::Identifier;

/// A state, and how it looks.
pub(super) struct Badge {
    pub(super) text: &'static str,
    pub(super) look: &'static str,
}

impl From<Status> for Badge {
    fn from(status: Status) -> Self {
        let (text, look) = match status {
            Status::Queued => ("waiting", "waits"),
            Status::Running => ("running", "runs"),
            Status::Success => ("succeeded", "good"),
            Status::Fail => ("failed", "bad"),
            Status::Cancel => ("cancelled", "ended"),
            Status::Skipped => ("skipped", "ended"),
        };
        Self { text, look }
    }
}

/// A word of the API, as a field of a form has it.
pub(super) fn word(word: impl serde::Serialize) -> String {
    serde_json::json!(word).as_str().unwrap_or_default().to_owned()
}

/// Names of columns, one after the other.
pub(super) fn listed(columns: &[Identifier]) -> String {
    columns.iter().map(Identifier::as_str).collect::<Vec<_>>().join(", ")
}

/// A moment in UTC, to the second.
pub(super) fn moment(at: Timestamp) -> String {
    written(at, "%Y-%m-%d %H:%M:%S UTC")
}

/// A time of day in UTC, to the second.
pub(super) fn clock(at: Timestamp) -> String {
    written(at, "%H:%M:%S UTC")
}

/// A day in UTC.
pub(super) fn day(at: Timestamp) -> String {
    written(at, "%Y-%m-%d")
}

fn written(at: Timestamp, form: &str) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => at.strftime(form).to_string(),
        Err(_) => "at no time that a calendar has".to_owned(),
    }
}

/// How long something took: `0.42 s`, `3 min 5 s`, `2 h 10 min`.
pub(super) fn duration(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0..10 => format!("{}.{:02} s", seconds, millis % 1000 / 10),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// How long an execution ran, or has run so far.
pub(super) fn took(execution: &Execution, now: Timestamp) -> Option<String> {
    let begun = execution.started_at?;
    let ended = execution.finished_at.unwrap_or(now);
    Some(duration(ended.as_millis() - begun.as_millis()))
}

/// A number with its thousands apart: `6 001 215`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A size in bytes: `512 B`, `1.5 MiB`, `120 GiB`.
pub(super) fn size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, larger);
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ if tenths >= 1000 => format!("{} {unit}", tenths / 10),
        _ => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_are_written_for_people() {
        assert_eq!(moment(Timestamp::from_millis(1_700_000_000_000)), "2023-11-14 22:13:20 UTC");
        assert_eq!(clock(Timestamp::from_millis(1_700_000_000_000)), "22:13:20 UTC");
        assert_eq!(day(Timestamp::from_millis(0)), "1970-01-01");
        let check = |millis, expected: &str| assert_eq!(duration(millis), expected, "{millis}");
        check(-5, "0.00 s");
        check(420, "0.42 s");
        check(59_999, "59 s");
        check(185_000, "3 min 5 s");
        check(7_800_000, "2 h 10 min");
        assert_eq!(number(6_001_215), "6\u{202f}001\u{202f}215");
        assert_eq!(number(12), "12");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(120 * 1024 * 1024 * 1024), "120 GiB");
    }
}
