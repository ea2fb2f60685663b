//! How the tables of extractions were loaded last: those of a job, for whoever is about to execute it again, and those
//! that a pool has. It is read from what executions told; what the next one goes on from lies with the rows.

use std::collections::HashMap;

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission};
use forebay_core::error::Result;
use forebay_core::execution::{ExtractionMode, Receipt};
use forebay_core::extraction::TableExtraction;
use forebay_core::history::LastStep;
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId, TableExtractionId, TaskId};
use forebay_core::job::{DataJob, Task, TaskKind};
use forebay_core::name::Identifier;
use forebay_core::pool::connection_schema;
use forebay_core::warehouse::WarehouseTable;

use crate::Engine;

/// The newest load of a table that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub struct LastLoad {
    pub task: TaskId,
    pub table: TableExtractionId,
    /// What the table is called in the pool.
    pub name: Identifier,
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
        let tasks = self.store().tasks(job.id).await?;
        self.loads_of(job.id, &tasks).await
    }

    /// The last load of each of these tables by an extraction, with the job that did it, as far as the newest
    /// executions of the pool's jobs tell of one.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn table_loads(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        tables: &[WarehouseTable],
    ) -> Result<Vec<(WarehouseTable, DataJob, LastLoad)>> {
        self.pool_with(caller, Permission::View, pool).await?;
        let asked: HashMap<_, _> =
            tables.iter().map(|table| (same(&table.schema, &table.name), table)).collect();
        let mut tasks: HashMap<DataJobId, Vec<Task>> = HashMap::new();
        for task in self.store().extraction_tasks(pool).await? {
            tasks.entry(task.job_id).or_default().push(task);
        }
        let mut newest: HashMap<&WarehouseTable, (DataJob, LastLoad)> = HashMap::new();
        for job in self.store().data_jobs(pool).await? {
            let (Some(connection), Some(tasks)) = (job.connection_id, tasks.get(&job.id)) else { continue };
            let schema = connection_schema(pool, connection);
            // What a job has told is looked at only where it loads one of these tables.
            if !tasks.iter().flat_map(targets).any(|name| asked.contains_key(&same(&schema, name))) {
                continue;
            }
            for load in self.loads_of(job.id, tasks).await? {
                let Some(table) = asked.get(&same(&schema, &load.name)) else { continue };
                if newest.get(table).is_none_or(|(_, other)| other.at < load.at) {
                    newest.insert(table, (job.clone(), load));
                }
            }
        }
        Ok(newest.into_iter().map(|(table, (job, load))| (table.clone(), job, load)).collect())
    }

    async fn loads_of(&self, job: DataJobId, tasks: &[Task]) -> Result<Vec<LastLoad>> {
        // Steps are told by the name that the table has in the pool.
        let mut last: HashMap<(TaskId, String), LastStep> = HashMap::new();
        for step in self.store().last_steps(job).await? {
            last.insert((step.task, step.name.clone()), step);
        }
        let mut found = Vec::new();
        for task in tasks {
            let TaskKind::Extraction(tables) = &task.kind else { continue };
            for table in tables {
                let name = table.target_name().clone();
                // Of two tables with one name at most one is enabled, and the rows of both lie in one place.
                let Some(step) = last.get(&(task.id, name.to_string())).cloned() else { continue };
                let LastStep { execution, mode, at, receipt, .. } = step;
                found.push(LastLoad { task: task.id, table: table.id, name, execution, mode, at, receipt });
            }
        }
        Ok(found)
    }
}

/// The names that the tables of an extraction have in the pool.
fn targets(task: &Task) -> impl Iterator<Item = &Identifier> {
    let tables = match &task.kind {
        TaskKind::Extraction(tables) => tables.as_slice(),
        TaskKind::Transformation(_) | TaskKind::DataModelLoad(_) => &[],
    };
    tables.iter().map(TableExtraction::target_name)
}

/// What two names of one table have in common: the warehouse finds it in small and in capital letters.
fn same(schema: &Identifier, name: &Identifier) -> (String, String) {
    (schema.as_str().to_ascii_lowercase(), name.as_str().to_ascii_lowercase())
}
