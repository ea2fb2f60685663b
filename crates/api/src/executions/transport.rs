//! Executions as Forebay's own API tells them.

use forebay_core::Timestamp;
use forebay_core::execution::{Execution, Receipt, StepExecution, TaskExecution};
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId, TaskId};
use forebay_core::queue::WaitsFor;
use serde::Serialize;
use utoipa::ToSchema;

use crate::words::{ExecutionPriority, ExecutionStatus, ExtractionMode, WaitingReason};

/// An execution that was started or cancelled.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartedExecution {
    #[schema(value_type = Uuid)]
    execution_id: ExecutionId,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    #[schema(value_type = Uuid)]
    job_id: DataJobId,
    mode: ExtractionMode,
    status: ExecutionStatus,
}

impl From<&Execution> for StartedExecution {
    fn from(execution: &Execution) -> Self {
        Self {
            execution_id: execution.id,
            pool_id: execution.pool_id,
            job_id: execution.job_id,
            mode: execution.mode.into(),
            status: execution.status.into(),
        }
    }
}

/// One run of a data job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecutionView {
    #[schema(value_type = Uuid)]
    id: ExecutionId,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    #[schema(value_type = Uuid)]
    job_id: DataJobId,
    mode: ExtractionMode,
    status: ExecutionStatus,
    /// Why it failed.
    message: Option<String>,
    priority: ExecutionPriority,
    /// Counts from 1. Only an execution that ended its worker is tried again; what is interrupted goes on in the
    /// same attempt.
    attempt: u32,
    /// How often it was put back into the queue through no fault of its own.
    interruptions: u32,
    /// Why it was put back into the queue last.
    requeued_because: Option<String>,
    /// Who asked for its end first, while it ran.
    canceled_by: Option<String>,
    /// Why it waits; null when it does not.
    waiting_for: Option<WaitingFor>,
    #[schema(value_type = i64)]
    queued_at: Timestamp,
    #[schema(value_type = Option<i64>)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<i64>)]
    finished_at: Option<Timestamp>,
    /// In the order they run.
    tasks: Vec<TaskView>,
}

/// Why a queued execution waits, as of a moment ago.
#[derive(Serialize, ToSchema)]
pub(crate) struct WaitingFor {
    reason: WaitingReason,
    /// The same in words, with the figures.
    text: String,
    /// When it ends by itself, where that is known.
    #[schema(value_type = Option<i64>)]
    until: Option<Timestamp>,
}

impl From<WaitsFor> for WaitingFor {
    fn from(waits: WaitsFor) -> Self {
        Self { reason: waits.reason.into(), text: waits.text, until: waits.until }
    }
}

/// A task of an execution.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskView {
    #[schema(value_type = Uuid)]
    id: TaskId,
    name: String,
    /// EXTRACTION, TRANSFORMATION or DATA_MODEL_LOAD.
    #[serde(rename = "type")]
    kind: String,
    status: ExecutionStatus,
    message: Option<String>,
    #[schema(value_type = Option<i64>)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<i64>)]
    finished_at: Option<Timestamp>,
    steps: Vec<StepView>,
}

/// A table of an extraction, a statement of a transformation, a table of a model load.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepView {
    name: String,
    status: ExecutionStatus,
    message: Option<String>,
    /// Rows so far.
    rows: u64,
    #[schema(value_type = Option<i64>)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<i64>)]
    finished_at: Option<Timestamp>,
    /// What it did to the table, once it has.
    receipt: Option<ReceiptView>,
}

/// What a step did to a table, in numbers that add up.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptView {
    /// Rows that came from the source.
    rows_read: u64,
    rows_inserted: u64,
    rows_updated: u64,
    rows_deleted: u64,
    /// Rows that could not be kept.
    rows_rejected: u64,
    rows_before: u64,
    rows_after: u64,
    /// What was read, as it lay in memory.
    bytes: u64,
    seconds: f64,
    /// What a DELTA began at.
    checkpoint_before: Option<String>,
    /// What the next DELTA begins at.
    checkpoint_after: Option<String>,
}

impl ExecutionView {
    pub(super) fn new(execution: &Execution, tasks: &[TaskExecution], waits_for: Option<WaitsFor>) -> Self {
        Self {
            id: execution.id,
            pool_id: execution.pool_id,
            job_id: execution.job_id,
            mode: execution.mode.into(),
            status: execution.status.into(),
            message: execution.message.clone(),
            priority: execution.priority.into(),
            attempt: execution.attempt,
            interruptions: execution.interruptions,
            requeued_because: execution.requeued_because.clone(),
            canceled_by: execution.canceled_by.clone(),
            waiting_for: waits_for.map(WaitingFor::from),
            queued_at: execution.queued_at,
            started_at: execution.started_at,
            finished_at: execution.finished_at,
            tasks: tasks.iter().map(TaskView::from).collect(),
        }
    }
}

impl From<&TaskExecution> for TaskView {
    fn from(task: &TaskExecution) -> Self {
        Self {
            id: task.task_id,
            name: task.name.clone(),
            kind: task.kind.clone(),
            status: task.status.into(),
            message: task.message.clone(),
            started_at: task.started_at,
            finished_at: task.finished_at,
            steps: task.steps.iter().map(StepView::from).collect(),
        }
    }
}

impl From<&StepExecution> for StepView {
    fn from(step: &StepExecution) -> Self {
        Self {
            name: step.name.clone(),
            status: step.status.into(),
            message: step.message.clone(),
            rows: step.rows,
            started_at: step.started_at,
            finished_at: step.finished_at,
            receipt: step.receipt.as_ref().map(ReceiptView::from),
        }
    }
}

impl From<&Receipt> for ReceiptView {
    fn from(receipt: &Receipt) -> Self {
        Self {
            rows_read: receipt.rows_read,
            rows_inserted: receipt.rows_inserted,
            rows_updated: receipt.rows_updated,
            rows_deleted: receipt.rows_deleted,
            rows_rejected: receipt.rows_rejected,
            rows_before: receipt.rows_before,
            rows_after: receipt.rows_after,
            bytes: receipt.bytes,
            seconds: receipt.seconds,
            checkpoint_before: receipt.checkpoint_before.clone(),
            checkpoint_after: receipt.checkpoint_after.clone(),
        }
    }
}
