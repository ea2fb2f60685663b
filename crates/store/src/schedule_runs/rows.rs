//! Rows of firings and runs: how they are written, read, ended and forgotten, within a transaction of the caller.

use std::collections::HashMap;

use forebay_core::id::{ScheduleId, ScheduleRunId};
use forebay_core::schedule::{Cause, RunJob, ScheduleRun};
use forebay_core::{Error, Result, Timestamp};

use crate::db::{self, Connection, Row};

/// How many firings of a schedule are kept.
const KEPT_RUNS: i64 = 5_000;

pub(super) fn cancel(
    connection: &Connection,
    schedule: ScheduleId,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    cancel_waiting(connection, schedule, reason, now)?;
    db::query(
        "update schedule_runs set cancel_reason = $2
         where schedule_id = $1 and status = 'RUNNING' and cancel_reason is null",
    )
    .bind(schedule.to_string())
    .bind(reason)
    .execute(connection)
    .map_err(db::error)?;
    Ok(())
}

pub(super) fn cancel_waiting(
    connection: &Connection,
    schedule: ScheduleId,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    for sql in [
        "update schedule_run_jobs set status = 'CANCEL', message = $2, finished_at = $3
         where run_id in (select id from schedule_runs where schedule_id = $1 and status = 'QUEUED')",
        "update schedule_runs set status = 'CANCEL', message = $2, finished_at = $3
         where schedule_id = $1 and status = 'QUEUED'",
    ] {
        db::query(sql)
            .bind(schedule.to_string())
            .bind(reason)
            .bind(now.as_millis())
            .execute(connection)
            .map_err(db::error)?;
    }
    Ok(())
}

/// `false` when the schedule has fired for this cause before.
pub(super) fn insert(connection: &Connection, run: &ScheduleRun) -> Result<bool> {
    let id = run.id.to_string();
    let (cause, cause_key) = match run.cause {
        Cause::Occurrence(at) => ("OCCURRENCE", at.as_millis().to_string()),
        Cause::After(other) => ("SCHEDULE", other.to_string()),
        Cause::Asked => ("REQUEST", id.clone()),
    };
    let (started_by_type, started_by_id) = db::subject_columns(run.started_by);
    let done = db::query(
        "insert into schedule_runs
            (id, schedule_id, pool_id, cause, cause_key, outcome, status, message, mode, on_failure, overlap,
             started_by_type, started_by_id, cancel_reason, recorded_at, started_at, finished_at, priority)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         on conflict (schedule_id, cause, cause_key) do nothing",
    )
    .bind(id.as_str())
    .bind(run.schedule_id.to_string())
    .bind(run.pool_id.to_string())
    .bind(cause)
    .bind(cause_key)
    .bind(run.outcome.as_str())
    .bind(run.status.as_str())
    .bind(run.message.as_deref())
    .bind(run.mode.as_str())
    .bind(db::to_word(run.on_failure)?)
    .bind(db::to_word(run.overlap)?)
    .bind(started_by_type)
    .bind(started_by_id)
    .bind(run.cancel_reason.as_deref())
    .bind(run.recorded_at.as_millis())
    .bind(run.started_at.map(Timestamp::as_millis))
    .bind(run.finished_at.map(Timestamp::as_millis))
    .bind(run.priority.as_str())
    .execute(connection)
    .map_err(db::error)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    for job in &run.jobs {
        db::query(
            "insert into schedule_run_jobs
                (run_id, position, job_id, name, status, execution_id, message, started_at, finished_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(id.as_str())
        .bind(i64::from(job.position))
        .bind(job.job_id.to_string())
        .bind(job.name.as_str())
        .bind(job.status.as_str())
        .bind(job.execution_id.map(|id| id.to_string()))
        .bind(job.message.as_deref())
        .bind(job.started_at.map(Timestamp::as_millis))
        .bind(job.finished_at.map(Timestamp::as_millis))
        .execute(connection)
        .map_err(db::error)?;
    }
    Ok(true)
}

/// A schedule may fire every second, and its history must have an end.
pub(super) fn forget_old(connection: &Connection, schedule: ScheduleId) -> Result<()> {
    db::query(
        "delete from schedule_runs
         where schedule_id = $1 and status not in ('QUEUED', 'RUNNING') and seq <= coalesce((
             select seq from schedule_runs where schedule_id = $1 order by seq desc limit 1 offset $2
         ), 0)",
    )
    .bind(schedule.to_string())
    .bind(KEPT_RUNS)
    .execute(connection)
    .map_err(db::error)?;
    Ok(())
}

/// Runs with their jobs, in the order of the rows.
pub(super) fn read_all(connection: &Connection, rows: &[Row]) -> Result<Vec<ScheduleRun>> {
    let ids: Vec<String> = rows.iter().map(|row| db::get(row, "id")).collect::<Result<_>>()?;
    let job_rows = db::query(
        "select * from schedule_run_jobs
         where run_id in (select value from json_each($1)) order by run_id, position",
    )
    .bind(db::to_json(&ids)?)
    .fetch_all(connection)
    .map_err(db::error)?;
    let mut jobs: HashMap<ScheduleRunId, Vec<RunJob>> = HashMap::new();
    for row in &job_rows {
        jobs.entry(db::id(row, "run_id")?).or_default().push(read_job(row)?);
    }
    rows.iter().map(|row| read(row, jobs.remove(&db::id(row, "id")?).unwrap_or_default())).collect()
}

fn read(row: &Row, jobs: Vec<RunJob>) -> Result<ScheduleRun> {
    let cause = match db::get(row, "cause")? {
        "OCCURRENCE" => {
            let millis = db::get::<&str>(row, "cause_key")?.parse().map_err(Error::internal)?;
            Cause::Occurrence(Timestamp::from_millis(millis))
        }
        "SCHEDULE" => Cause::After(db::id(row, "cause_key")?),
        "REQUEST" => Cause::Asked,
        other => return Err(Error::internal(format!("column cause holds `{other}`"))),
    };
    Ok(ScheduleRun {
        id: db::id(row, "id")?,
        schedule_id: db::id(row, "schedule_id")?,
        pool_id: db::id(row, "pool_id")?,
        cause,
        outcome: db::word(row, "outcome")?,
        status: db::word(row, "status")?,
        message: db::get(row, "message")?,
        mode: db::word(row, "mode")?,
        priority: db::word(row, "priority")?,
        on_failure: db::word(row, "on_failure")?,
        overlap: db::word(row, "overlap")?,
        started_by: db::subject(row, "started_by_type", "started_by_id")?,
        cancel_reason: db::get(row, "cancel_reason")?,
        recorded_at: db::time(row, "recorded_at")?,
        started_at: db::optional_time(row, "started_at")?,
        finished_at: db::optional_time(row, "finished_at")?,
        jobs,
    })
}

fn read_job(row: &Row) -> Result<RunJob> {
    Ok(RunJob {
        position: u32::try_from(db::get::<i64>(row, "position")?).map_err(Error::internal)?,
        job_id: db::id(row, "job_id")?,
        name: db::get(row, "name")?,
        status: db::word(row, "status")?,
        execution_id: db::optional_id(row, "execution_id")?,
        message: db::get(row, "message")?,
        started_at: db::optional_time(row, "started_at")?,
        finished_at: db::optional_time(row, "finished_at")?,
    })
}
