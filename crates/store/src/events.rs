//! News of an execution, written as it comes.

use forebay_core::event::Event;
use forebay_core::execution::Status;
use forebay_core::id::ExecutionId;
use forebay_core::model::load::KEY_WARNING;
use forebay_core::{Result, Timestamp};

use crate::db::{self, Connection};
use crate::executions::not_found;
use crate::log_budget::LogBudget;
use crate::logs::Line;
use crate::{model_loads, totals};

/// Writes news of an execution in a transaction of the caller. Once the execution has ended, its state stays and
/// only log messages are kept.
///
/// # Errors
/// `NotFound` for the execution.
pub(crate) fn write(
    connection: &Connection,
    execution: ExecutionId,
    events: &[(Timestamp, Event)],
) -> Result<()> {
    let row = db::query("select status, logs_kept, logs_dropped from executions where id = $1")
        .bind(execution.to_string())
        .fetch_optional(connection)
        .map_err(db::error)?;
    let row = row.ok_or_else(|| not_found(execution))?;
    let status: Status = db::word(&row, "status")?;
    let mut budget = LogBudget::of(connection, execution, &row)?;
    for (at, event) in events {
        apply(connection, execution, status, &mut budget, *at, event)?;
    }
    budget.close(connection)
}

fn apply(
    connection: &Connection,
    execution: ExecutionId,
    status: Status,
    budget: &mut LogBudget,
    at: Timestamp,
    event: &Event,
) -> Result<()> {
    if let Event::Log { task, level, code, text } = event {
        if let (Some(task), KEY_WARNING) = (task, code.as_str()) {
            model_loads::note_warning(connection, execution, *task, &budget.cut(text))?;
        }
        let line = Line { task: *task, at, level: *level, code, text };
        return budget.log(connection, line);
    }
    if status.is_finished() {
        return Ok(());
    }
    if let Event::TaskStarted { task } = event {
        model_loads::forget_warnings(connection, execution, *task)?;
    }
    let id = execution.to_string();
    let query = match event {
        Event::TaskStarted { task } => db::query(
            "update task_executions set status = 'RUNNING', message = null, started_at = $3, finished_at = null
             where execution_id = $1 and task_id = $2",
        )
        .bind(id)
        .bind(task.to_string())
        .bind(at.as_millis()),
        Event::TaskFinished { task, status, message } => db::query(
            "update task_executions set status = $3, message = $4, finished_at = $5
             where execution_id = $1 and task_id = $2",
        )
        .bind(id)
        .bind(task.to_string())
        .bind(status.as_str())
        .bind(message.as_deref().map(|message| budget.cut(message).into_owned()))
        .bind(at.as_millis()),
        Event::StepStarted { task, step, name } => db::query(
            "insert into step_executions (execution_id, task_id, position, name, status, row_count, started_at)
             select execution_id, task_id, $3, $4, 'RUNNING', 0, $5 from task_executions
             where execution_id = $1 and task_id = $2
             on conflict (execution_id, task_id, position) do update set
                 name = excluded.name, status = excluded.status, message = null, row_count = 0, receipt = null,
                 started_at = excluded.started_at, finished_at = null",
        )
        .bind(id)
        .bind(task.to_string())
        .bind(i64::from(*step))
        .bind(name.as_str())
        .bind(at.as_millis()),
        Event::StepProgress { task, step, rows } => db::query(
            "update step_executions set row_count = $4 where execution_id = $1 and task_id = $2 and position = $3",
        )
        .bind(id)
        .bind(task.to_string())
        .bind(i64::from(*step))
        .bind(db::integer(*rows)),
        Event::StepFinished { task, step, status, message, receipt } => db::query(
            "update step_executions
             set status = $4, message = $5, receipt = $6, row_count = coalesce($7, row_count), finished_at = $8
             where execution_id = $1 and task_id = $2 and position = $3",
        )
        .bind(id)
        .bind(task.to_string())
        .bind(i64::from(*step))
        .bind(status.as_str())
        .bind(message.as_deref().map(|message| budget.cut(message).into_owned()))
        .bind(receipt.as_ref().map(db::to_json).transpose()?)
        .bind(receipt.as_ref().map(|receipt| db::integer(receipt.rows_read)))
        .bind(at.as_millis()),
        Event::Log { .. } => return Ok(()),
    };
    let done = query.execute(connection).map_err(db::error)?;
    if done.rows_affected() == 0 {
        tracing::warn!(execution.id = %execution, "an event names a task or step the execution does not have");
    }
    if let (Event::StepFinished { receipt: Some(receipt), .. }, 1..) = (event, done.rows_affected()) {
        totals::count_rows(connection, receipt)?;
    }
    Ok(())
}
