//! How far a step has come, and how long it will still take by what it did the last time.

use forebay_core::Timestamp;
use forebay_core::execution::{Status, StepExecution};
use forebay_core::history::LearnedStep;

use crate::words::{duration, number};

/// How fast a step is, and what is left of it.
#[derive(Default)]
pub(super) struct Progress {
    /// Rows in a second; empty when there is nothing to divide.
    pub(super) speed: String,
    /// What is left of a step that runs; empty when nothing is known.
    pub(super) left: String,
    /// The rows so far and those of the last time, for a bar.
    pub(super) bar: Option<(u64, u64)>,
}

impl Progress {
    pub(super) fn of(step: &StepExecution, learned: Option<&LearnedStep>, now: Timestamp) -> Self {
        let Some(begun) = step.started_at else { return Self::default() };
        let end = step.finished_at.unwrap_or(now);
        let millis = (end.as_millis() - begun.as_millis()).max(0);
        let rows = step.receipt.as_ref().map_or(step.rows, |receipt| receipt.rows_read);
        let speed = match (rows, u64::try_from(millis)) {
            (1.., Ok(millis @ 1..)) => number(rows.saturating_mul(1000) / millis),
            _ => String::new(),
        };
        if step.status != Status::Running {
            return Self { speed, ..Self::default() };
        }
        let bar =
            learned.filter(|learned| learned.rows > 0).map(|learned| (rows.min(learned.rows), learned.rows));
        let left = learned.and_then(|learned| left(rows, millis, learned)).map(duration);
        Self { speed, left: left.map(|left| format!("about {left}")).unwrap_or_default(), bar }
    }
}

/// Milliseconds; `None` when it has come further than the last time, which tells nothing any more.
fn left(rows: u64, millis: i64, learned: &LearnedStep) -> Option<i64> {
    // Before there is a row, the last time is all that is known.
    if rows == 0 {
        return Some(learned.millis - millis).filter(|left| *left > 0);
    }
    let missing = learned.rows.checked_sub(rows).filter(|missing| *missing > 0)?;
    let left = i128::from(millis) * i128::from(missing) / i128::from(rows);
    i64::try_from(left).ok()
}

#[cfg(test)]
mod tests {
    use forebay_core::id::TaskId;

    use super::*;

    fn step(status: Status, rows: u64) -> StepExecution {
        StepExecution {
            position: 0,
            name: "orders".to_owned(),
            status,
            message: None,
            rows,
            receipt: None,
            started_at: Some(Timestamp::from_millis(1_000)),
            finished_at: None,
        }
    }

    #[test]
    fn what_is_left_is_learned_from_the_last_time() {
        let learned =
            LearnedStep { task: TaskId::random(), name: "orders".to_owned(), rows: 4_000, millis: 60_000 };
        let now = Timestamp::from_millis(11_000);
        let check = |status, rows, speed: &str, left: &str, bar| {
            let progress = Progress::of(&step(status, rows), Some(&learned), now);
            assert_eq!((progress.speed.as_str(), progress.left.as_str(), progress.bar), (speed, left, bar));
        };
        check(Status::Running, 1_000, "100", "about 30 s", Some((1_000, 4_000)));
        check(Status::Running, 0, "", "about 50 s", Some((0, 4_000)));
        check(Status::Running, 5_000, "500", "", Some((4_000, 4_000)));
        check(Status::Success, 1_000, "100", "", None);
        let unknown = Progress::of(&step(Status::Running, 1_000), None, now);
        assert_eq!((unknown.left.as_str(), unknown.bar), ("", None));
        let waiting = StepExecution { started_at: None, ..step(Status::Queued, 0) };
        assert_eq!(Progress::of(&waiting, Some(&learned), now).speed, "");
    }
}
