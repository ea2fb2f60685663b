//! How the tables of a job's extractions were loaded last, for whoever is about to execute the job again. It is read
//! from what executions told; what the next one goes on from lies with the rows.

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission};
use forebay_core::error::Result;
use forebay_core::execution::{ExtractionMode, Receipt, Status};
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId, TableExtractionId, TaskId};
use forebay_core::job::TaskKind;

use crate::Engine;

/// How many of a job's executions are looked at.
const LOOKED_AT: u32 = 20;

/// The newest load of a table that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub struct LastLoad {
    pub task: TaskId,
    pub table: TableExtractionId,
    pub execution: ExecutionId,
    pub mode: ExtractionMode,
    /// When it ended.
    pub at: Timestamp,
    pub receipt: Receipt,
}

impl Engine {
    /// The last load of each table of a job, as far as the job's newest executions tell of one.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn last_loads(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
    ) -> Result<Vec<LastLoad>> {
        self.pool_with(caller, Permission::View, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        // Steps are told by the name that the table has in the pool.
        let mut wanted = Vec::new();
        for task in self.store().tasks(job.id).await? {
            let TaskKind::Extraction(tables) = &task.kind else { continue };
            wanted.extend(tables.iter().map(|table| (task.id, table.id, table.target_name().to_string())));
        }
        let mut found = Vec::new();
        let (executions, _) = self.store().executions(job.id, LOOKED_AT, 0).await?;
        for execution in executions {
            if wanted.is_empty() {
                break;
            }
            let tasks = self.store().task_executions(execution.id).await?;
            wanted.retain(|(task, table, name)| {
                let steps = tasks.iter().filter(|told| told.task_id == *task).flat_map(|told| &told.steps);
                let mut loads = steps.filter(|step| step.status == Status::Success && step.name == *name);
                let Some(step) = loads.next() else { return true };
                let Some(receipt) = step.receipt.clone() else { return true };
                found.push(LastLoad {
                    task: *task,
                    table: *table,
                    execution: execution.id,
                    mode: execution.mode,
                    at: step.finished_at.unwrap_or(execution.queued_at),
                    receipt,
                });
                false
            });
        }
        Ok(found)
    }
}
