//! The history of executions on the wire: items, messages and the status of each job.

use forebay_core::Timestamp;
use forebay_core::execution::{Execution, LogLevel as Level, LogMessage, StepExecution, TaskExecution};
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId, ScheduleId, TaskId};
use forebay_core::job::DataJob;
use serde::Serialize;
use utoipa::ToSchema;

use crate::words::{ExecutionStatus, ExecutionType, ExtractionMode, LogLevel};

/// How the newest execution of a data job stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntityStatus {
    /// The data job.
    #[schema(value_type = Uuid)]
    id: DataJobId,
    /// Null when it was never executed.
    status: Option<ExecutionStatus>,
    #[schema(value_type = Option<i64>)]
    last_execution_start_date: Option<Timestamp>,
}

impl EntityStatus {
    pub(super) fn new(job: &DataJob, latest: Option<&Execution>) -> Self {
        Self {
            id: job.id,
            status: latest.map(|execution| execution.status.into()),
            last_execution_start_date: latest.map(|execution| execution.queued_at),
        }
    }
}

/// An execution, one of its tasks or one of their steps.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecutionItemTransport {
    id: String,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    pool_name: String,
    #[schema(value_type = Uuid)]
    execution_id: ExecutionId,
    /// The schedule that started it; null when none did.
    scheduling_id: Option<String>,
    #[schema(value_type = Uuid)]
    job_id: DataJobId,
    /// On tasks and steps.
    #[schema(value_type = Option<Uuid>)]
    task_id: Option<TaskId>,
    /// On steps: the task's id, a hyphen and the step's place.
    step_id: Option<String>,
    name: String,
    status: ExecutionStatus,
    data_pool_version: Option<String>,
    #[schema(value_type = Option<i64>)]
    start_date: Option<Timestamp>,
    #[schema(value_type = Option<i64>)]
    end_date: Option<Timestamp>,
    #[serde(rename = "type")]
    kind: ExecutionType,
    mode: ExtractionMode,
    scheduling_name: Option<String>,
    execution_order: i64,
    monitored: bool,
}

impl ExecutionItemTransport {
    pub(super) fn of_job(execution: &Execution, pool_name: &str, job_name: &str) -> Self {
        Self {
            id: execution.id.to_string(),
            pool_id: execution.pool_id,
            pool_name: pool_name.to_owned(),
            execution_id: execution.id,
            scheduling_id: None,
            job_id: execution.job_id,
            task_id: None,
            step_id: None,
            name: job_name.to_owned(),
            status: execution.status.into(),
            data_pool_version: None,
            start_date: Some(execution.queued_at),
            end_date: execution.finished_at,
            kind: ExecutionType::Job,
            mode: execution.mode.into(),
            scheduling_name: None,
            execution_order: 0,
            monitored: false,
        }
    }

    /// With the schedule that started the execution, if one did.
    pub(super) fn scheduled(self, schedule: Option<&(ScheduleId, String)>) -> Self {
        Self {
            scheduling_id: schedule.map(|(id, _)| id.to_string()),
            scheduling_name: schedule.map(|(_, name)| name.clone()),
            ..self
        }
    }

    pub(super) fn of_task(execution: &Execution, pool_name: &str, task: &TaskExecution) -> Self {
        Self {
            id: format!("{}-{}", execution.id, task.task_id),
            task_id: Some(task.task_id),
            status: task.status.into(),
            start_date: task.started_at,
            end_date: task.finished_at,
            kind: ExecutionType::Task,
            execution_order: task.position,
            ..Self::of_job(execution, pool_name, &task.name)
        }
    }

    pub(super) fn of_step(
        execution: &Execution,
        pool_name: &str,
        task: &TaskExecution,
        step: &StepExecution,
    ) -> Self {
        let step_id = format!("{}-{}", task.task_id, step.position);
        Self {
            id: format!("{}-{step_id}", execution.id),
            task_id: Some(task.task_id),
            step_id: Some(step_id),
            status: step.status.into(),
            start_date: step.started_at,
            end_date: step.finished_at,
            kind: ExecutionType::Step,
            execution_order: i64::from(step.position),
            ..Self::of_job(execution, pool_name, &step.name)
        }
    }
}

/// A page of a job's executions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecutionItemWithPageTransport {
    /// The newest first.
    pub(super) execution_items: Vec<ExecutionItemTransport>,
    pub(super) num_of_pages: u64,
}

/// A line of an execution's log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogMessageTransport {
    id: Option<String>,
    execution_item_id: String,
    level: LogLevel,
    #[schema(value_type = Option<i64>)]
    date: Option<Timestamp>,
    log_message: String,
    /// A stable name of what happened.
    log_translation_code: Option<String>,
    log_translation_parameters: Vec<LogTranslationParameter>,
}

/// A part of a log message.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogTranslationParameter {
    key: Option<String>,
    value: Option<String>,
}

impl From<&LogMessage> for LogMessageTransport {
    fn from(message: &LogMessage) -> Self {
        Self {
            id: Some(message.id.to_string()),
            execution_item_id: match message.task_id {
                Some(task) => format!("{}-{task}", message.execution_id),
                None => message.execution_id.to_string(),
            },
            level: message.level.into(),
            date: Some(message.at),
            log_message: message.text.clone(),
            log_translation_code: Some(message.code.clone()),
            log_translation_parameters: Vec::new(),
        }
    }
}

impl LogMessageTransport {
    /// Why a task failed, from the task itself.
    pub(super) fn of_failure(execution: &Execution, task: &TaskExecution) -> Self {
        Self {
            id: None,
            execution_item_id: format!("{}-{}", execution.id, task.task_id),
            level: Level::Error.into(),
            date: task.finished_at.or(execution.finished_at),
            log_message: task
                .message
                .clone()
                .or_else(|| execution.message.clone())
                .unwrap_or_else(|| "the task failed".to_owned()),
            log_translation_code: Some("TASK_FAILED".to_owned()),
            log_translation_parameters: Vec::new(),
        }
    }

    pub(super) fn is_error(&self) -> bool {
        self.level == LogLevel::Error
    }
}

/// A page of log messages.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogMessageWithPageTransport {
    /// The newest first; on a failed task's first page, why it failed comes before all.
    pub(super) log_messages: Vec<LogMessageTransport>,
    pub(super) num_of_pages: u64,
}
