//! How the steps of a job's executions went when they succeeded last.

use forebay_core::Result;
use forebay_core::history::LastStep;
use forebay_core::id::DataJobId;

use crate::Store;
use crate::db;

/// How many of a job's executions are looked at.
const LOOKED_AT: u32 = 20;

/// Columns beside the one `max` are those of the row that has it.
pub(crate) const LAST_STEPS: &str = "
    select step.task_id, step.name as name, step.receipt as receipt, newest.id as execution_id,
        newest.mode as mode, coalesce(step.finished_at, newest.queued_at) as ended_at, max(newest.seq) as place
    from executions as newest
    cross join step_executions as step on step.execution_id = newest.id
    where newest.seq in (
        select seq from executions where job_id = $1 order by queued_at desc, seq desc limit $2
    ) and step.status = 'SUCCESS' and step.receipt is not null
    group by step.task_id, step.name";

impl Store {
    /// The newest success of each step that has a receipt, as far as the newest executions of a job tell of one. A
    /// step is known by its task and its name.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn last_steps(&self, job: DataJobId) -> Result<Vec<LastStep>> {
        self.scan(move |connection| {
            let rows = db::query(LAST_STEPS)
                .bind(job.to_string())
                .bind(LOOKED_AT)
                .fetch_all(connection)
                .map_err(db::error)?;
            let last = rows.iter().map(|row| {
                Ok(LastStep {
                    task: db::id(row, "task_id")?,
                    name: db::get(row, "name")?,
                    execution: db::id(row, "execution_id")?,
                    mode: db::word(row, "mode")?,
                    at: db::time(row, "ended_at")?,
                    receipt: db::json(row, "receipt")?,
                })
            });
            last.collect()
        })
        .await
    }
}
