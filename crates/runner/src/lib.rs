//! Runs one execution from its frozen spec: its tasks in order, telling what happens as events.
//!
//! [`run`] is what a job does. An extraction is in `extraction` and `table`, a transformation in
//! `transformation`, a data model load in `model_load`, a data push in `push`; `parameters` fills in `<%=…%>` for all. Before it
//! does anything, a run takes its job over in the warehouse, so that an older one shows nothing any more.
//!
//! Beside runs, [`preview`] looks at the first rows of a table at its source, [`explain`] says what an extraction would
//! ask for, and [`query`] answers a statement of a transformation that only reads.

use forebay_core::connection::ConnectionConfig;
use forebay_core::event::{EventSink, Outcome};
use forebay_core::execution::{Claim, LogLevel, Status};
use forebay_core::source::{PushedFiles, Source, SourceError};
use forebay_core::spec::{DataPushSpec, ExecutionSpec, TaskSpec, Work};
use forebay_core::stop::Stop;
use forebay_core::warehouse::Warehouse;

use crate::attempts::Attempts;
use crate::bounded::{Bounded, bound};
use crate::halt::{Halt, unless_stopped};
use crate::report::Report;

pub use crate::explain::explain;
pub use crate::preview::preview;
pub use crate::question::query;

mod attempts;
mod bounded;
mod columns;
mod day;
mod explain;
mod extraction;
mod halt;
mod hidden;
mod model_load;
mod parameters;
mod preview;
mod pseudonym;
mod push;
mod question;
mod report;
mod request;
mod scan;
mod script;
mod table;
#[cfg(test)]
mod tests;
mod transformation;
mod value;
mod waiting;

/// Makes a source of a connection's settings, and of what a client has sent.
pub trait OpenSource: Send + Sync {
    /// Opens the source, of which so many connections may read at a time. Nothing is reached before its
    /// first use.
    ///
    /// # Errors
    /// `Invalid` when the settings cannot describe a source.
    fn open(&self, config: &ConnectionConfig, connections: usize) -> Result<Box<dyn Source>, SourceError>;

    /// Opens the files of a data push. None is read yet.
    ///
    /// # Errors
    /// `Invalid` when the settings cannot describe the files.
    fn open_push(&self, push: &DataPushSpec) -> Result<Box<dyn PushedFiles>, SourceError>;
}

/// One function for connections and one for data pushes.
impl<C, P> OpenSource for (C, P)
where
    C: Fn(&ConnectionConfig, usize) -> Result<Box<dyn Source>, SourceError> + Send + Sync,
    P: Fn(&DataPushSpec) -> Result<Box<dyn PushedFiles>, SourceError> + Send + Sync,
{
    fn open(&self, config: &ConnectionConfig, connections: usize) -> Result<Box<dyn Source>, SourceError> {
        (self.0)(config, connections)
    }

    fn open_push(&self, push: &DataPushSpec) -> Result<Box<dyn PushedFiles>, SourceError> {
        (self.1)(push)
    }
}

/// What every part of an execution needs.
#[derive(Clone, Copy)]
struct Run<'a> {
    spec: &'a ExecutionSpec,
    claim: Claim,
    sources: &'a dyn OpenSource,
    warehouse: &'a dyn Warehouse,
    stop: &'a Stop,
}

/// How a task ended well.
enum Done {
    Success(String),
    /// There was nothing to do, and why.
    Skipped(String),
}

/// Runs one execution to its end. A task that fails stops the tasks after it; what went wrong is
/// told as events and in the outcome.
pub async fn run(
    spec: &ExecutionSpec,
    claim: Claim,
    sources: &dyn OpenSource,
    warehouse: &dyn Warehouse,
    events: &dyn EventSink,
    stop: &Stop,
) -> Outcome {
    let run = Run { spec, claim, sources, warehouse, stop };
    let events = &Bounded(events);
    for (position, task) in spec.tasks.iter().enumerate() {
        let report = Report::new(events, task.id);
        let rest = spec.tasks.get(position + 1..).unwrap_or_default();
        let ended = if stop.is_requested() {
            Err(Halt::Canceled)
        } else {
            report.task_started().await;
            run.task(task, &report).await
        };
        match ended {
            Ok(Done::Success(message)) => report.task_finished(Status::Success, Some(message)).await,
            Ok(Done::Skipped(message)) => report.task_finished(Status::Skipped, Some(message)).await,
            Err(Halt::Canceled) => {
                report
                    .log(LogLevel::Warning, "EXECUTION_CANCELED", "stopped before its end".to_owned())
                    .await;
                report.task_finished(Status::Cancel, Some("canceled".to_owned())).await;
                for task in rest {
                    Report::new(events, task.id)
                        .task_finished(Status::Cancel, Some("canceled".to_owned()))
                        .await;
                }
                return Outcome::Canceled;
            }
            Err(Halt::Failed(mut reason) | Halt::Passing(mut reason)) => {
                bound(&mut reason);
                // The last line of a failed task: clients show the newest message as the reason.
                report.log(LogLevel::Error, "TASK_FAILED", reason.clone()).await;
                report.task_finished(Status::Fail, Some(reason.clone())).await;
                let skipped = format!("not run: task {} failed", task.name);
                for task in rest {
                    Report::new(events, task.id).task_finished(Status::Skipped, Some(skipped.clone())).await;
                }
                return Outcome::Failed(format!("task {}: {reason}", task.name));
            }
        }
    }
    Outcome::Succeeded
}

impl Run<'_> {
    /// Runs a task, as often as its retry policy lets it.
    async fn task(&self, task: &TaskSpec, report: &Report<'_>) -> Result<Done, Halt> {
        let mut attempts = Attempts::new(task.retry, self.stop, report);
        loop {
            match self.attempt(task, report, &mut attempts).await {
                Err(Halt::Passing(reason)) if attempts.has_more() => attempts.next(&reason).await?,
                done => return done,
            }
        }
    }

    async fn attempt(
        &self,
        task: &TaskSpec,
        report: &Report<'_>,
        attempts: &mut Attempts<'_>,
    ) -> Result<Done, Halt> {
        // From here on an older run of the job, wherever it still goes on, shows nothing any more.
        unless_stopped(self.stop, self.warehouse.take_over(self.claim)).await??;
        match &task.work {
            Work::Extraction(spec) => extraction::run(self, task, spec, report, attempts).await,
            Work::Transformation { statement } => transformation::run(self, task, statement, report).await,
            Work::DataModelLoad(spec) => model_load::run(self, spec, report).await,
            Work::DataPush(spec) => push::run(self, spec, report, attempts).await,
        }
    }
}
