//! What an execution stands beside: the one before it, and what its steps did when they succeeded last.

use forebay_core::Result;
use forebay_core::execution::Execution;
use forebay_core::history::LearnedStep;
use forebay_core::id::ExecutionId;

use crate::Store;
use crate::db;
use crate::executions::read_execution;

/// How many executions back a step's last success is looked for.
const LOOKED_AT: u32 = 20;

pub(crate) const EXECUTION_BEFORE: &str = "
    select before.* from executions as this
    join executions as before on before.seq = (
        select seq from executions
        where job_id = this.job_id and (queued_at, seq) < (this.queued_at, this.seq) and mode = this.mode
            and started_at is not null and finished_at is not null
        order by queued_at desc, seq desc limit 1
    )
    where this.id = $1";

/// Columns beside the one `max` are those of the row that has it.
pub(crate) const LEARNED_STEPS: &str = "
    select task_id, step.name as name, row_count, step.finished_at - step.started_at as millis,
        max(before.seq) as newest
    from executions as this
    join executions as before on before.seq in (
        select seq from executions
        where job_id = this.job_id and (queued_at, seq) < (this.queued_at, this.seq) and mode = this.mode
            and started_at is not null
        order by queued_at desc, seq desc limit $2
    )
    cross join step_executions as step on step.execution_id = before.id
    where this.id = $1 and step.status = 'SUCCESS' and step.started_at is not null and step.finished_at is not null
    group by task_id, step.name";

impl Store {
    /// The last execution of the same job and mode that was queued before this one, was begun, and has ended.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn execution_before(&self, id: ExecutionId) -> Result<Option<Execution>> {
        self.scan(move |connection| {
            let row = db::query(EXECUTION_BEFORE)
                .bind(id.to_string())
                .fetch_optional(connection)
                .map_err(db::error)?;
            row.as_ref().map(read_execution).transpose()
        })
        .await
    }

    /// What each step did when it succeeded last in the same job and mode before this execution. A step is known by
    /// its task and its name; one that has not succeeded for long is not told.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn learned_steps(&self, id: ExecutionId) -> Result<Vec<LearnedStep>> {
        self.scan(move |connection| {
            let rows = db::query(LEARNED_STEPS)
                .bind(id.to_string())
                .bind(LOOKED_AT)
                .fetch_all(connection)
                .map_err(db::error)?;
            let learned = rows.iter().map(|row| {
                Ok(LearnedStep {
                    task: db::id(row, "task_id")?,
                    name: db::get(row, "name")?,
                    rows: db::count(row, "row_count")?,
                    millis: db::get(row, "millis")?,
                })
            });
            learned.collect()
        })
        .await
    }
}
