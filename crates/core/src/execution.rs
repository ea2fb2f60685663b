//! One run of a data job, as it is told.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::access::Subject;
use crate::id::{DataJobId, DataPoolId, ExecutionId, LogMessageId, TaskId};

/// What an extraction reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExtractionMode {
    /// Everything again.
    Full,
    /// What is new since the checkpoint.
    Delta,
}

impl ExtractionMode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Delta => "DELTA",
        }
    }
}

/// Where an execution, a task or a step stands: `QUEUED → RUNNING → SUCCESS | FAIL | CANCEL | SKIPPED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Queued,
    Running,
    Success,
    Fail,
    Cancel,
    Skipped,
}

impl Status {
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Success, Self::Fail, Self::Cancel, Self::Skipped];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Success => "SUCCESS",
            Self::Fail => "FAIL",
            Self::Cancel => "CANCEL",
            Self::Skipped => "SKIPPED",
        }
    }

    #[must_use]
    pub const fn is_finished(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Success | Self::Fail | Self::Cancel | Self::Skipped => true,
        }
    }
}

/// One run of a data job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    pub id: ExecutionId,
    pub pool_id: DataPoolId,
    pub job_id: DataJobId,
    pub mode: ExtractionMode,
    pub status: Status,
    pub message: Option<String>,
    pub started_by: Subject,
    pub queued_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// One task of an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskExecution {
    pub task_id: TaskId,
    pub name: String,
    /// As `TaskKind::type_name`.
    pub kind: String,
    pub position: i64,
    pub status: Status,
    pub message: Option<String>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub steps: Vec<StepExecution>,
}

/// A table of an extraction, a statement of a transformation, a table of a model load.
#[derive(Clone, Debug, PartialEq)]
pub struct StepExecution {
    /// Place in the task, from 0.
    pub position: u32,
    pub name: String,
    pub status: Status,
    pub message: Option<String>,
    /// Rows so far while it runs.
    pub rows: u64,
    pub receipt: Option<Receipt>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// What a step did to a table, in numbers that add up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Rows that came from the source.
    pub rows_read: u64,
    pub rows_inserted: u64,
    pub rows_updated: u64,
    pub rows_deleted: u64,
    /// Rows that could not be kept.
    pub rows_rejected: u64,
    pub rows_before: u64,
    pub rows_after: u64,
    /// In memory, as Arrow arrays.
    pub bytes: u64,
    pub seconds: f64,
    pub checkpoint_before: Option<String>,
    pub checkpoint_after: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LogLevel {
    Debug,
    Info,
    Warning,
    Error,
}

/// A line of an execution's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogMessage {
    pub id: LogMessageId,
    pub execution_id: ExecutionId,
    pub task_id: Option<TaskId>,
    pub at: Timestamp,
    pub level: LogLevel,
    /// A stable name of the event, for programs.
    pub code: String,
    pub text: String,
}
