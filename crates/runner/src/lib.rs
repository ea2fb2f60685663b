//! Runs one execution from its frozen spec: tasks in order, each failure told, a cancel final.
//! It is handed its warehouse, a function that opens sources and a sink for events; it never sees
//! the metadata, so it can live in another process.

mod columns;
mod extraction;
mod model_load;
mod parameters;
mod script;
mod transformation;

use forebay_core::connection::ConnectionConfig;
use forebay_core::event::{Event, EventSink, Outcome};
use forebay_core::execution::{LogLevel, Status};
use forebay_core::id::TaskId;
use forebay_core::source::{Source, SourceError};
use forebay_core::spec::{ExecutionSpec, TaskSpec, Work};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Warehouse, WarehouseError, WarehouseErrorKind};

/// Opens the source that a configuration names.
pub type OpenSource = dyn Fn(&ConnectionConfig) -> Result<Box<dyn Source>, SourceError> + Send + Sync;

/// Everything a task needs.
pub(crate) struct Context<'run> {
    pub(crate) spec: &'run ExecutionSpec,
    pub(crate) task: &'run TaskSpec,
    pub(crate) sources: &'run OpenSource,
    pub(crate) warehouse: &'run dyn Warehouse,
    pub(crate) events: &'run dyn EventSink,
    pub(crate) stop: &'run Stop,
}

/// Why a task, or a step of it, did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Failed(String),
    Canceled,
}

/// How a task ended well.
pub(crate) enum Done {
    Succeeded,
    /// There was nothing to do; the reason.
    Skipped(String),
}

impl From<WarehouseError> for Failure {
    fn from(error: WarehouseError) -> Self {
        match error.kind {
            WarehouseErrorKind::Canceled => Self::Canceled,
            _ => Self::Failed(error.message),
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Failed(error.message)
    }
}

impl Context<'_> {
    pub(crate) async fn log(&self, level: LogLevel, code: &str, text: impl Into<String>) {
        log(self.events, Some(self.task.id), level, code, text.into()).await;
    }

    pub(crate) fn check_stop(&self) -> Result<(), Failure> {
        if self.stop.is_requested() { Err(Failure::Canceled) } else { Ok(()) }
    }
}

async fn log(events: &dyn EventSink, task: Option<TaskId>, level: LogLevel, code: &str, text: String) {
    events.record(Event::Log { task, level, code: code.to_owned(), text }).await;
}

/// Runs an execution to its end. The first failed task ends it; tasks after it are not run.
pub async fn run(
    spec: &ExecutionSpec,
    sources: &OpenSource,
    warehouse: &dyn Warehouse,
    events: &dyn EventSink,
    stop: &Stop,
) -> Outcome {
    let text = format!("{} execution with {} tasks", spec.mode.as_str(), spec.tasks.len());
    log(events, None, LogLevel::Info, "EXECUTION_STARTED", text).await;
    for (place, task) in spec.tasks.iter().enumerate() {
        let context = Context { spec, task, sources, warehouse, events, stop };
        events.record(Event::TaskStarted { task: task.id }).await;
        let ended = match context.check_stop() {
            Ok(()) => match &task.work {
                Work::Extraction(extraction) => extraction::run(&context, extraction).await,
                Work::Transformation { statement } => transformation::run(&context, statement).await,
                Work::DataModelLoad(load) => model_load::run(&context, load).await,
            },
            Err(canceled) => Err(canceled),
        };
        // Whatever broke while a cancel was under way broke because of it.
        let ended = if stop.is_requested() && ended.is_err() { Err(Failure::Canceled) } else { ended };
        let (status, message, rest) = match ended {
            Ok(Done::Succeeded) => (Status::Success, None, None),
            Ok(Done::Skipped(reason)) => (Status::Skipped, Some(reason), None),
            Err(Failure::Canceled) => {
                log(events, Some(task.id), LogLevel::Warning, "TASK_CANCELED", "cancelled".to_owned()).await;
                (Status::Cancel, None, Some((Status::Cancel, None, Outcome::Canceled)))
            }
            Err(Failure::Failed(message)) => {
                // Last in the task's log: clients show the newest message as the reason.
                log(events, Some(task.id), LogLevel::Error, "TASK_FAILED", message.clone()).await;
                let outcome = Outcome::Failed(format!("task {}: {message}", task.name));
                let skipped = format!("not run: task {} failed", task.name);
                (Status::Fail, Some(message), Some((Status::Skipped, Some(skipped), outcome)))
            }
        };
        events.record(Event::TaskFinished { task: task.id, status, message }).await;
        if let Some((status, message, outcome)) = rest {
            for later in &spec.tasks[place + 1..] {
                events.record(Event::TaskFinished { task: later.id, status, message: message.clone() }).await;
            }
            return outcome;
        }
    }
    log(events, None, LogLevel::Info, "EXECUTION_FINISHED", "all tasks are done".to_owned()).await;
    Outcome::Succeeded
}
