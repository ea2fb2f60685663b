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

/// The right to run an execution, given by whoever hands out the work. Of two claims of one job, only
/// the one with the greater number may still show rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub job: DataJobId,
    /// Greater than that of every claim before, of any job.
    pub number: u64,
}

/// How much an execution matters beside the others that wait in its pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
}

impl Priority {
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Normal => "NORMAL",
            Self::High => "HIGH",
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
    pub priority: Priority,
    /// `host:port` of the server that its extractions read; `None` when they read none.
    pub source_host: Option<String>,
    /// From 1. Only an execution that ended its worker is tried again; what is interrupted stays at its attempt.
    pub attempt: u32,
    /// How often it was put back into the queue through no fault of its own.
    pub interruptions: u32,
    /// Why it was put back into the queue last.
    pub requeued_because: Option<String>,
    /// It is not begun before this moment.
    pub not_before: Option<Timestamp>,
    /// Who asked for its end first, while it ran.
    pub canceled_by: Option<String>,
    /// What it writes, when others must not write it before or beside it: of the executions of a pool with one
    /// lane, each begins when those that were queued before it have ended.
    pub lane: Option<String>,
}

impl Execution {
    /// An execution that waits for its first attempt, with a new id.
    #[must_use]
    pub fn queued(
        pool_id: DataPoolId,
        job_id: DataJobId,
        mode: ExtractionMode,
        started_by: Subject,
        queued_at: Timestamp,
    ) -> Self {
        Self {
            id: ExecutionId::random(),
            pool_id,
            job_id,
            mode,
            status: Status::Queued,
            message: None,
            started_by,
            queued_at,
            started_at: None,
            finished_at: None,
            priority: Priority::Normal,
            source_host: None,
            attempt: 1,
            interruptions: 0,
            requeued_because: None,
            not_before: None,
            canceled_by: None,
            lane: None,
        }
    }

    /// Whether it may have ended its worker: it then runs with no other execution of its pool beside it, so
    /// that nobody else can be to blame the next time.
    #[must_use]
    pub const fn is_suspect(&self) -> bool {
        self.attempt > 1
    }
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

/// Which messages of an execution's log are meant. Nothing said: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    pub task: Option<TaskId>,
    pub levels: Vec<LogLevel>,
    /// A part of the text, in small or capital letters.
    pub text: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOrder {
    NewestFirst,
    OldestFirst,
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
