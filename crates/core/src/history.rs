//! What was executed, day by day, and how an execution stands beside those before it. A day is a day in UTC; an
//! execution counts for the day in which it was queued.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use jiff::tz::Offset;

use crate::Timestamp;
use crate::error::{Error, Result};
use crate::execution::{ExtractionMode, Receipt, Status};
use crate::id::{DataJobId, DataPoolId, ExecutionId, TaskId};

/// Milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A day in UTC, by its distance from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    #[must_use]
    pub const fn of(moment: Timestamp) -> Self {
        Self(moment.as_millis().div_euclid(DAY))
    }

    /// The day that is so many days after 1970-01-01.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// A day as `2026-11-30`.
    ///
    /// # Errors
    /// `Invalid` for this field.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let begins = Date::strptime("%Y-%m-%d", text.trim())
            .and_then(|date| Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)));
        match begins {
            Ok(begins) => Ok(Self::of(Timestamp::from_millis(begins.as_millisecond()))),
            Err(_) => Err(Error::invalid(field, format!("`{text}` is no day; write it as 2026-11-30"))),
        }
    }

    /// Its first moment.
    #[must_use]
    pub const fn begins(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(DAY))
    }

    /// The day so many days later, or earlier.
    #[must_use]
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// How many days come from this one to another: 0 for the same.
    #[must_use]
    pub const fn until(self, other: Self) -> i64 {
        other.0.saturating_sub(self.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.begins().as_millis()) {
            Ok(begins) => write!(formatter, "{}", begins.strftime("%Y-%m-%d")),
            Err(_) => formatter.write_str("a day that no calendar has"),
        }
    }
}

/// Which executions of data jobs are meant.
#[derive(Clone, Debug)]
pub struct HistoryFilter {
    pub pools: Vec<DataPoolId>,
    pub from: Day,
    /// The last day.
    pub to: Day,
    pub status: Option<Status>,
    pub mode: Option<ExtractionMode>,
}

/// How many executions of a job that were queued in one day stand in this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedRuns {
    pub job: DataJobId,
    pub day: Day,
    pub status: Status,
    pub runs: u64,
}

/// The executions of one job and day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs(BTreeMap<u8, (Status, u64)>);

impl Runs {
    pub fn add(&mut self, status: Status, runs: u64) {
        self.0.entry(gravity(status)).or_insert((status, 0)).1 += runs;
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().map(|(_, runs)| runs).sum()
    }

    /// The state that asks for attention first; `None` without executions.
    #[must_use]
    pub fn worst(&self) -> Option<Status> {
        self.iter().next().map(|(status, _)| status)
    }

    /// How many stand in which way, the worst first.
    pub fn iter(&self) -> impl Iterator<Item = (Status, u64)> {
        self.0.values().rev().copied()
    }
}

/// How much a state asks for attention, beside others.
const fn gravity(status: Status) -> u8 {
    match status {
        Status::Fail => 5,
        Status::Cancel => 4,
        Status::Running => 3,
        Status::Queued => 2,
        Status::Skipped => 1,
        Status::Success => 0,
    }
}

/// The newest success of a step of a job's executions. A step is known by its task and its name.
#[derive(Clone, Debug, PartialEq)]
pub struct LastStep {
    pub task: TaskId,
    pub name: String,
    pub execution: ExecutionId,
    pub mode: ExtractionMode,
    /// When it ended.
    pub at: Timestamp,
    pub receipt: Receipt,
}

/// What a step of a task did when it succeeded last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearnedStep {
    pub task: TaskId,
    pub name: String,
    pub rows: u64,
    pub millis: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_and_written_as_a_date() {
        let day = Day::parse("from", " 2026-11-30 ").unwrap();
        assert_eq!((day.to_string(), day.begins().as_millis()), ("2026-11-30".to_owned(), 1_795_996_800_000));
        assert_eq!(Day::of(Timestamp::from_millis(1_795_996_800_000 + DAY - 1)), day);
        assert_eq!((day.plus(1).to_string(), day.until(day.plus(-2))), ("2026-12-01".to_owned(), -2));
        assert_eq!(Day::of(Timestamp::from_millis(-1)).to_string(), "1969-12-31");
        for text in ["", "30.11.2026", "2026-02-30", "2026-11-30T00:00:00", "99999-01-01"] {
            let error = Day::parse("from", text).unwrap_err().to_string();
            assert_eq!(error, format!("from: `{text}` is no day; write it as 2026-11-30"));
        }
    }

    #[test]
    fn the_worst_of_a_day_is_what_failed() {
        let mut runs = Runs::default();
        assert_eq!((runs.count(), runs.worst()), (0, None));
        for (status, count) in [(Status::Success, 3), (Status::Fail, 1), (Status::Success, 2)] {
            runs.add(status, count);
        }
        assert_eq!((runs.count(), runs.worst()), (6, Some(Status::Fail)));
        assert_eq!(runs.iter().collect::<Vec<_>>(), [(Status::Fail, 1), (Status::Success, 5)]);
    }
}
