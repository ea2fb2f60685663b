//! How the durations and rows of a job went, as small pictures with a table of the same figures.

use forebay_core::Timestamp;
use forebay_core::execution::Execution;
use forebay_engine::JobHistory;

use crate::words::{duration, moment, number, took};

/// All measures are in pixels.
const HEIGHT: u64 = 40;
const STEP: u64 = 12;

/// The last executions of a job that succeeded.
pub(super) struct TrendCard {
    pub(super) name: String,
    pub(super) pictures: [Picture; 2],
    /// The newest first.
    pub(super) figures: Vec<Figure>,
}

/// Bars, the oldest at the left.
pub(super) struct Picture {
    pub(super) title: &'static str,
    /// What can be seen, in one sentence.
    pub(super) text: String,
    /// What stands below it: the newest value.
    pub(super) newest: String,
    pub(super) width: u64,
    pub(super) bars: Vec<Bar>,
}

pub(super) struct Bar {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) height: u64,
}

/// The figures of one execution.
pub(super) struct Figure {
    pub(super) place: String,
    pub(super) queued: String,
    pub(super) mode: &'static str,
    pub(super) took: String,
    pub(super) rows: String,
}

impl TrendCard {
    /// `None` for a job of which none has succeeded.
    pub(super) fn of(found: &JobHistory, now: Timestamp) -> Option<Self> {
        if found.trend.is_empty() {
            return None;
        }
        let millis: Vec<u64> = found.trend.iter().map(|(execution, _)| millis(execution)).collect();
        let rows: Vec<u64> = found.trend.iter().map(|(_, rows)| *rows).collect();
        let seconds = |millis: u64| duration(i64::try_from(millis).unwrap_or(i64::MAX));
        let figure = |(execution, rows): &(Execution, u64)| Figure {
            place: crate::execution::place(execution.pool_id, execution.id),
            queued: moment(execution.queued_at),
            mode: execution.mode.as_str(),
            took: took(execution, now).unwrap_or_default(),
            rows: number(*rows),
        };
        Some(Self {
            name: found.job.name.to_string(),
            pictures: [Picture::of("Duration", &millis, seconds), Picture::of("Rows read", &rows, number)],
            figures: found.trend.iter().rev().map(figure).collect(),
        })
    }
}

impl Picture {
    fn of(title: &'static str, values: &[u64], written: impl Fn(u64) -> String) -> Self {
        let least = values.iter().min().copied().unwrap_or_default();
        let most = values.iter().max().copied().unwrap_or_default();
        let newest = written(values.last().copied().unwrap_or_default());
        let text = format!(
            "{title} of the last {} executions that succeeded: from {} to {}, the newest {newest}",
            values.len(),
            written(least),
            written(most),
        );
        let bar = |(value, place): (&u64, u64)| {
            let height = u128::from(*value) * u128::from(HEIGHT) / u128::from(most.max(1));
            // What is small is still to be seen.
            let height = u64::try_from(height).unwrap_or(HEIGHT).max(1);
            Bar { x: place * STEP, y: HEIGHT - height, height }
        };
        let bars: Vec<Bar> = values.iter().zip(0..).map(bar).collect();
        Self { title, text, newest, width: STEP * bars.len() as u64, bars }
    }
}

fn millis(execution: &Execution) -> u64 {
    match (execution.started_at, execution.finished_at) {
        (Some(begun), Some(ended)) => {
            u64::try_from(ended.as_millis() - begun.as_millis()).unwrap_or_default()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_values_beside_the_greatest() {
        let picture = Picture::of("Rows read", &[0, 50, 100], number);
        let bars: Vec<_> = picture.bars.iter().map(|bar| (bar.x, bar.y, bar.height)).collect();
        assert_eq!(bars, [(0, 39, 1), (12, 20, 20), (24, 0, 40)]);
        assert_eq!(picture.width, 36);
        let text = "Rows read of the last 3 executions that succeeded: from 0 to 100, the newest 100";
        assert_eq!(picture.text, text);
        let none = Picture::of("Rows read", &[0], number);
        assert_eq!(none.bars[0].height, 1);
    }
}
