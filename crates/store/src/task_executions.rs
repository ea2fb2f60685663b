//! The tasks and steps of an execution, as they were when it was started and as far as they have come.

use std::collections::HashMap;

use forebay_core::execution::{Receipt, StepExecution, TaskExecution};
use forebay_core::id::{ExecutionId, TaskId};
use forebay_core::{Error, Result, Timestamp};

use crate::Store;
use crate::db::{self, Connection, Row};

impl Store {
    /// The tasks of an execution with their steps, in order.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn task_executions(&self, execution: ExecutionId) -> Result<Vec<TaskExecution>> {
        // One transaction, so that tasks and steps are of one moment.
        let transaction = self.snapshot()?;
        let tasks =
            db::query("select * from task_executions where execution_id = $1 order by position, task_id")
                .bind(execution.to_string())
                .fetch_all(&transaction)
                .map_err(db::error)?;
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let steps =
            db::query("select * from step_executions where execution_id = $1 order by task_id, position")
                .bind(execution.to_string())
                .fetch_all(&transaction)
                .map_err(db::error)?;
        let mut steps_by_task: HashMap<TaskId, Vec<StepExecution>> = HashMap::new();
        for row in &steps {
            steps_by_task.entry(db::id(row, "task_id")?).or_default().push(read_step(row)?);
        }
        let mut told = Vec::with_capacity(tasks.len());
        for row in &tasks {
            let task_id = db::id(row, "task_id")?;
            told.push(read_task(row, task_id, steps_by_task.remove(&task_id).unwrap_or_default())?);
        }
        Ok(told)
    }
}

pub(crate) fn insert(connection: &Connection, execution: &str, task: &TaskExecution) -> Result<()> {
    db::query(
        "insert into task_executions
            (execution_id, task_id, name, kind, position, status, message, started_at, finished_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(execution)
    .bind(task.task_id.to_string())
    .bind(task.name.as_str())
    .bind(task.kind.as_str())
    .bind(task.position)
    .bind(task.status.as_str())
    .bind(task.message.as_deref())
    .bind(task.started_at.map(Timestamp::as_millis))
    .bind(task.finished_at.map(Timestamp::as_millis))
    .execute(connection)
    .map_err(db::error)?;
    for step in &task.steps {
        db::query(
            "insert into step_executions
                (execution_id, task_id, position, name, status, message, row_count, receipt, started_at, finished_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(execution)
        .bind(task.task_id.to_string())
        .bind(i64::from(step.position))
        .bind(step.name.as_str())
        .bind(step.status.as_str())
        .bind(step.message.as_deref())
        .bind(db::integer(step.rows))
        .bind(step.receipt.as_ref().map(db::to_json).transpose()?)
        .bind(step.started_at.map(Timestamp::as_millis))
        .bind(step.finished_at.map(Timestamp::as_millis))
        .execute(connection)
        .map_err(db::error)?;
    }
    Ok(())
}

fn read_task(row: &Row, task_id: TaskId, steps: Vec<StepExecution>) -> Result<TaskExecution> {
    Ok(TaskExecution {
        task_id,
        name: db::get(row, "name")?,
        kind: db::get(row, "kind")?,
        position: db::get(row, "position")?,
        status: db::word(row, "status")?,
        message: db::get(row, "message")?,
        started_at: db::optional_time(row, "started_at")?,
        finished_at: db::optional_time(row, "finished_at")?,
        steps,
    })
}

fn read_step(row: &Row) -> Result<StepExecution> {
    let receipt = match db::get::<Option<&str>>(row, "receipt")? {
        Some(_) => Some(db::json::<Receipt>(row, "receipt")?),
        None => None,
    };
    Ok(StepExecution {
        position: u32::try_from(db::get::<i64>(row, "position")?).map_err(Error::internal)?,
        name: db::get(row, "name")?,
        status: db::word(row, "status")?,
        message: db::get(row, "message")?,
        rows: db::count(row, "row_count")?,
        receipt,
        started_at: db::optional_time(row, "started_at")?,
        finished_at: db::optional_time(row, "finished_at")?,
    })
}
