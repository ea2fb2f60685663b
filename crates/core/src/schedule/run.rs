//! How one firing of a schedule is told: what became of it, and how the run of its jobs went.

use serde::{Deserialize, Serialize};

use super::{OnFailure, Overlap};
use crate::Timestamp;
use crate::access::Subject;
use crate::execution::{ExtractionMode, Priority, Status};
use crate::id::{DataJobId, DataPoolId, ExecutionId, ScheduleId, ScheduleRunId};

/// What made a schedule fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The pattern named this moment.
    Occurrence(Timestamp),
    /// The other schedule's run succeeded.
    After(ScheduleRunId),
    /// Somebody asked for it.
    Asked,
}

/// What became of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FiringOutcome {
    Fired,
    /// It fired later than it was due, by the misfire policy.
    CaughtUp,
    /// It was left out, since the run before was still on.
    Skipped,
    /// Nobody looked when it was due.
    Missed,
}

impl FiringOutcome {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "FIRED",
            Self::CaughtUp => "CAUGHT_UP",
            Self::Skipped => "SKIPPED",
            Self::Missed => "MISSED",
        }
    }
}

/// One firing. What the schedule said when it fired is frozen in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRun {
    pub id: ScheduleRunId,
    pub schedule_id: ScheduleId,
    pub pool_id: DataPoolId,
    pub cause: Cause,
    pub outcome: FiringOutcome,
    /// How its jobs went: `Success` when every job succeeded, `Skipped` when none failed but some were not run.
    pub status: Status,
    /// Why it was skipped, missed or caught up, or how it ended.
    pub message: Option<String>,
    pub mode: ExtractionMode,
    pub priority: Priority,
    pub on_failure: OnFailure,
    pub overlap: Overlap,
    /// Whose right to execute it has.
    pub started_by: Subject,
    /// Who asked for its end, and why: what runs of it is to be canceled.
    pub cancel_reason: Option<String>,
    pub recorded_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// In order; empty when it was not run.
    pub jobs: Vec<RunJob>,
}

/// A job's turn in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunJob {
    /// Place in the run, from 0.
    pub position: u32,
    pub job_id: DataJobId,
    /// As it was called when the schedule fired.
    pub name: String,
    pub status: Status,
    pub execution_id: Option<ExecutionId>,
    pub message: Option<String>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}
