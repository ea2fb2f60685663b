//! How the tables of a job's extractions were loaded last, for whoever is about to execute the job again. It is read
//! from what executions told; what the next one goes on from lies with the rows.

use std::collections::HashMap;

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission};
use forebay_core::error::Result;
use forebay_core::execution::{ExtractionMode, Receipt};
use forebay_core::history::LastStep;
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId, TableExtractionId, TaskId};
use forebay_core::job::TaskKind;

use crate::Engine;

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
        let mut last: HashMap<(TaskId, String), LastStep> = HashMap::new();
        for step in self.store().last_steps(job.id).await? {
            last.insert((step.task, step.name.clone()), step);
        }
        let mut found = Vec::new();
        for (task, table, name) in wanted {
            // Of two tables with one name at most one is enabled, and the rows of both lie in one place.
            let Some(step) = last.get(&(task, name)).cloned() else { continue };
            let LastStep { execution, mode, at, receipt, .. } = step;
            found.push(LastLoad { task, table, execution, mode, at, receipt });
        }
        Ok(found)
    }
}
