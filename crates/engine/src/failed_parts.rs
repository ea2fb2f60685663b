//! What of an execution did not succeed, to be executed again without the rest.

use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::execution::{Execution, Status, StepExecution, TaskExecution};
use forebay_core::extraction::TableExtraction;
use forebay_core::id::ExecutionId;
use forebay_core::job::{Activation, JobPurpose, Task, TaskKind};

use crate::{Engine, Selection, StartExecution, TaskSelection};

/// What would be executed again.
#[derive(Clone, Debug)]
pub struct FailedParts {
    execution: Execution,
    pub selection: Selection,
    /// Tasks in their order, each with the tables that are meant when it is not all of it.
    pub names: Vec<String>,
}

impl Engine {
    /// The parts of an execution that failed, were cancelled, or were not begun for that reason, as far as the job
    /// still has them: whole tasks, and of an extraction the tables that were not loaded.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` when there is nothing to execute again.
    pub async fn failed_parts(&self, caller: &Caller, id: ExecutionId) -> Result<FailedParts> {
        let (execution, ran) = self.execution(caller, id).await?;
        let purpose = self.store().job_purpose(execution.job_id).await?;
        self.pool_to_run(caller, execution.pool_id, purpose).await?;
        if purpose != JobPurpose::DataJob {
            return Err(Error::conflict("only executions of data jobs can be executed again in part"));
        }
        match execution.status {
            Status::Fail | Status::Cancel => {}
            Status::Queued | Status::Running => {
                return Err(Error::conflict("the execution has not ended yet"));
            }
            Status::Success | Status::Skipped => {
                return Err(Error::conflict("nothing of the execution failed"));
            }
        }
        let tasks = self.store().tasks(execution.job_id).await?;
        let (selection, names) = parts(&ran, &tasks);
        if names.is_empty() {
            return Err(Error::conflict("what failed is not in the data job any more, or is switched off"));
        }
        Ok(FailedParts { execution, selection, names })
    }

    /// Queues an execution of the parts of another one that did not succeed, in its mode and with its priority.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` when there is nothing to execute again, `ExecutionIsLive`,
    /// `InsufficientStorage`.
    pub async fn start_failed_parts(&self, caller: &Caller, id: ExecutionId) -> Result<Execution> {
        let FailedParts { execution, selection, .. } = self.failed_parts(caller, id).await?;
        let start = StartExecution {
            mode: execution.mode,
            selection,
            idempotency_key: None,
            priority: execution.priority,
        };
        self.start_execution(caller, execution.pool_id, execution.job_id, start).await
    }
}

/// What did not succeed, of the tasks that are there now.
fn parts(ran: &[TaskExecution], tasks: &[Task]) -> (Selection, Vec<String>) {
    // A task that was skipped before anything failed had nothing to do.
    let is_broken = |task: &TaskExecution| matches!(task.status, Status::Fail | Status::Cancel);
    let first = ran.iter().position(is_broken).unwrap_or_default();
    let mut selection = Selection {
        transformations: Some(Vec::new()),
        extractions: Some(Vec::new()),
        loads: Some(Vec::new()),
    };
    let mut names = Vec::new();
    for run in ran[first..].iter().filter(|run| run.status != Status::Success) {
        let of_run = |task: &&Task| task.id == run.task_id && task.activation == Activation::Enabled;
        let Some(task) = tasks.iter().find(of_run) else { continue };
        match &task.kind {
            TaskKind::Extraction(tables) => {
                let left: Vec<&TableExtraction> =
                    tables.iter().filter(|table| is_left(table, &run.steps)).collect();
                if left.is_empty() {
                    continue;
                }
                let shown: Vec<String> = left.iter().map(|table| table.target_name().to_string()).collect();
                names.push(match run.steps.is_empty() {
                    true => task.name.to_string(),
                    false => format!("{} ({})", task.name, shown.join(", ")),
                });
                let only = Some(left.iter().map(|table| table.id).collect());
                selection.extractions.get_or_insert_default().push(TaskSelection { task: task.id, only });
            }
            TaskKind::Transformation(_) => {
                names.push(task.name.to_string());
                selection.transformations.get_or_insert_default().push(task.id);
            }
            TaskKind::DataModelLoad(_) => {
                names.push(task.name.to_string());
                selection.loads.get_or_insert_default().push(TaskSelection { task: task.id, only: None });
            }
        }
    }
    (selection, names)
}

/// Whether a table is still to be loaded. One without a step counts: it was not begun, and to load one too many harms
/// nobody, while one too few would be missed in silence.
fn is_left(table: &TableExtraction, steps: &[StepExecution]) -> bool {
    let is_done = |step: &StepExecution| {
        matches!(step.status, Status::Success | Status::Skipped) && step.name == table.target_name().as_str()
    };
    table.activation == Activation::Enabled && !steps.iter().any(is_done)
}
