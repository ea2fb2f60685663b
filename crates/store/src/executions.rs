//! Executions: how they begin to wait, how they are found, how they end. How they run is in `claims`, their tasks
//! are in `task_executions`. Every change of state names the state it expects; being late is an answer.

use forebay_core::error::Kind;
use forebay_core::execution::{Execution, Status, TaskExecution};
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId};
use forebay_core::model::load::PlannedLoad;
use forebay_core::queue::HELD;
use forebay_core::text::cut;
use forebay_core::{Error, Result, Timestamp};

use crate::db::{self, Connection, Row};
use crate::secrets::Place;
use crate::{Store, jobs, model_loads, settings, task_executions, totals};

impl Store {
    /// Queues an execution with its tasks and the sealed spec. A key that the job has seen before gives the
    /// execution it was seen with, and nothing is queued.
    ///
    /// # Errors
    /// `ExecutionIsLive` when the job has one that is queued or running; `NotFound` for the job.
    pub async fn start_execution(
        &self,
        execution: &Execution,
        tasks: &[TaskExecution],
        spec_json: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Execution> {
        self.start_execution_with_loads(execution, tasks, &[], spec_json, idempotency_key).await
    }

    /// As [`Store::start_execution`], where some of the tasks load data models.
    ///
    /// # Errors
    /// `ExecutionIsLive` when the job has one that is queued or running; `NotFound` for the job.
    pub async fn start_execution_with_loads(
        &self,
        execution: &Execution,
        tasks: &[TaskExecution],
        loads: &[PlannedLoad],
        spec_json: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Execution> {
        let id = execution.id.to_string();
        let sealed_spec = self.secrets().seal(place(&id), spec_json.as_bytes())?;
        self.transact(|transaction| {
            if let Some(key) = idempotency_key
                && let Some(earlier) = seen_with(transaction, execution.job_id, key)?
            {
                return Ok(earlier);
            }
            if let Some(live) = live(transaction, execution.job_id)? {
                return Err(is_live(&live));
            }
            let (started_by_type, started_by_id) = db::subject_columns(execution.started_by);
            let row = db::query(
                "insert into executions
                (id, pool_id, job_id, mode, status, message, started_by_type, started_by_id, queued_at,
                 idempotency_key, sealed_spec, priority, source_host, lane, not_before)
             values ($1, $2, $3, $4, 'QUEUED', $5, $6, $7, $8, $9, $10, $11, $12, $13, case when exists (
                 select 1 from executions where pool_id = $2 and lane = $13 and status in ('QUEUED', 'RUNNING')
             ) then $14 end) returning *",
            )
            .bind(id.as_str())
            .bind(execution.pool_id.to_string())
            .bind(execution.job_id.to_string())
            .bind(execution.mode.as_str())
            .bind(execution.message.as_deref())
            .bind(started_by_type)
            .bind(started_by_id)
            .bind(execution.queued_at.as_millis())
            .bind(idempotency_key)
            .bind(sealed_spec)
            .bind(execution.priority.as_str())
            .bind(execution.source_host.clone())
            .bind(execution.lane.clone())
            .bind(HELD.as_millis())
            .fetch_one(transaction)
            .map_err(|error| match db::is_foreign_key(&error) {
                true => jobs::not_found(execution.job_id),
                false => db::error_or_duplicate(error, || format!("there already is an execution `{id}`")),
            })?;
            for task in tasks {
                task_executions::insert(transaction, &id, task)?;
            }
            for load in loads {
                model_loads::insert(transaction, &id, load)?;
            }
            read_execution(&row)
        })
        .await
    }

    /// The execution that a key of the job was seen with.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn execution_seen_with(
        &self,
        job: DataJobId,
        idempotency_key: &str,
    ) -> Result<Option<Execution>> {
        let connection = self.read()?;
        seen_with(&connection, job, idempotency_key)
    }

    /// Ends an execution that is queued or running, with its unfinished tasks and steps, and forgets its spec.
    /// `false` when it had ended before: the first end stands.
    ///
    /// # Errors
    /// `Internal` when the status is not one of an end.
    pub async fn finish_execution(
        &self,
        id: ExecutionId,
        status: Status,
        message: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        self.transact(|transaction| {
            if !finish(transaction, id, status, message, now)? {
                return Ok(false);
            }
            forebay_core::fault::point("finish.before_commit");
            Ok(true)
        })
        .await
    }

    /// # Errors
    /// `NotFound`.
    pub async fn execution(&self, id: ExecutionId) -> Result<Execution> {
        let row = db::query("select * from executions where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        read_execution(&row.ok_or_else(|| not_found(id))?)
    }

    /// One page of a job's executions, the newest first (pages count from 0), and how many there are in all.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn executions(&self, job: DataJobId, limit: u32, page: u32) -> Result<(Vec<Execution>, u64)> {
        self.scan(move |connection| {
            let row = db::query("select count(*) as executions from executions where job_id = $1")
                .bind(job.to_string())
                .fetch_one(connection)
                .map_err(db::error)?;
            let total = db::count(&row, "executions")?;
            let rows = db::query(
            "select * from executions where job_id = $1 order by queued_at desc, seq desc limit $2 offset $3",
        )
        .bind(job.to_string())
        .bind(i64::from(limit))
        .bind(i64::from(limit) * i64::from(page))
        .fetch_all(connection)
        .map_err(db::error)?;
            let executions = rows.iter().map(read_execution).collect::<Result<_>>()?;
            Ok((executions, total))
        })
        .await
    }

    /// The newest execution of each job of a pool that has one, the newest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn latest_executions(&self, pool: DataPoolId) -> Result<Vec<Execution>> {
        self.scan(move |connection| {
        let rows = db::query(
            "select executions.* from data_jobs
             join executions on executions.seq = (
                 select seq from executions where job_id = data_jobs.id order by queued_at desc, seq desc limit 1
             )
             where data_jobs.pool_id = $1 and data_jobs.purpose = 'DATA_JOB'
             order by executions.queued_at desc, executions.seq desc",
        )
        .bind(pool.to_string())
        .fetch_all(connection)
        .map_err(db::error)?;
        rows.iter().map(read_execution).collect()
        }).await
    }

    /// The newest execution of a job.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn latest_execution(&self, job: DataJobId) -> Result<Option<Execution>> {
        let row =
            db::query("select * from executions where job_id = $1 order by queued_at desc, seq desc limit 1")
                .bind(job.to_string())
                .fetch_optional(&*self.read()?)
                .map_err(db::error)?;
        row.as_ref().map(read_execution).transpose()
    }

    /// The execution of a job that is queued or running.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn live_execution(&self, job: DataJobId) -> Result<Option<Execution>> {
        let connection = self.read()?;
        live(&connection, job)
    }

    pub(crate) fn spec(&self, id: ExecutionId, row: &Row) -> Result<String> {
        let text = self.secrets().open(place(&id.to_string()), db::get(row, "sealed_spec")?)?;
        String::from_utf8(text).map_err(Error::internal)
    }
}

pub(crate) fn not_found(id: ExecutionId) -> Error {
    Error::not_found(Kind::Execution, id)
}

fn place(id: &str) -> Place<'_> {
    Place { table: "executions", row: id }
}

/// A state in the middle of a sentence.
pub(crate) fn state(status: Status) -> &'static str {
    match status {
        Status::Queued => "queued",
        Status::Running => "running",
        Status::Success => "succeeded",
        Status::Fail => "failed",
        Status::Cancel => "canceled",
        Status::Skipped => "skipped",
    }
}

fn seen_with(connection: &Connection, job: DataJobId, key: &str) -> Result<Option<Execution>> {
    let row = db::query("select * from executions where job_id = $1 and idempotency_key = $2")
        .bind(job.to_string())
        .bind(key)
        .fetch_optional(connection)
        .map_err(db::error)?;
    row.as_ref().map(read_execution).transpose()
}

/// That an execution is live, as an error.
pub(crate) fn is_live(live: &Execution) -> Error {
    Error::ExecutionIsLive { execution: live.id, state: state(live.status) }
}

/// An execution of a pool that is queued or running.
pub(crate) fn live_in_pool(connection: &Connection, pool: DataPoolId) -> Result<Option<Execution>> {
    let row = db::query(
        "select * from executions where pool_id = $1 and status in ('QUEUED', 'RUNNING')
         order by queued_at, seq limit 1",
    )
    .bind(pool.to_string())
    .fetch_optional(connection)
    .map_err(db::error)?;
    row.as_ref().map(read_execution).transpose()
}

pub(crate) fn live(connection: &Connection, job: DataJobId) -> Result<Option<Execution>> {
    let row = db::query("select * from executions where job_id = $1 and status in ('QUEUED', 'RUNNING')")
        .bind(job.to_string())
        .fetch_optional(connection)
        .map_err(db::error)?;
    row.as_ref().map(read_execution).transpose()
}

/// Ends an execution in a transaction of the caller, as [`Store::finish_execution`] does.
pub(crate) fn finish(
    connection: &Connection,
    id: ExecutionId,
    status: Status,
    message: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    // What becomes of tasks and steps that were running, and of those that were not begun.
    let (running, queued) = match status {
        Status::Success => (Status::Success, Status::Skipped),
        Status::Fail => (Status::Fail, Status::Skipped),
        Status::Cancel => (Status::Cancel, Status::Cancel),
        Status::Skipped => (Status::Skipped, Status::Skipped),
        Status::Queued | Status::Running => {
            return Err(Error::internal(format!("an execution cannot end as {}", status.as_str())));
        }
    };
    let message = match message {
        // An engine's error may repeat whatever it was given.
        Some(text) => Some(cut(text, settings::read(connection)?.log_message_bytes()).into_owned()),
        None => None,
    };
    let done = db::query(
        "update executions
         set status = $2, message = $3, finished_at = $4, sealed_spec = null, lease_until = null, not_before = null
         where id = $1 and status in ('QUEUED', 'RUNNING')",
    )
    .bind(id.to_string())
    .bind(status.as_str())
    .bind(message)
    .bind(now.as_millis())
    .execute(connection)
    .map_err(db::error)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    totals::count_end(connection, status)?;
    // Whoever is next in its lane waits for nothing else any more.
    db::query(
        "update executions set not_before = null
         where status = 'QUEUED' and not_before = $2 and seq = (
             select min(other.seq) from executions as ended
             join executions as other on other.pool_id = ended.pool_id and other.lane = ended.lane
                 and other.status in ('QUEUED', 'RUNNING')
             where ended.id = $1 and ended.lane is not null
         )",
    )
    .bind(id.to_string())
    .bind(HELD.as_millis())
    .execute(connection)
    .map_err(db::error)?;
    for sql in [
        "update task_executions set status = case status when 'RUNNING' then $2 else $3 end, finished_at = $4
         where execution_id = $1 and status in ('QUEUED', 'RUNNING')",
        "update step_executions set status = case status when 'RUNNING' then $2 else $3 end, finished_at = $4
         where execution_id = $1 and status in ('QUEUED', 'RUNNING')",
    ] {
        db::query(sql)
            .bind(id.to_string())
            .bind(running.as_str())
            .bind(queued.as_str())
            .bind(now.as_millis())
            .execute(connection)
            .map_err(db::error)?;
    }
    Ok(true)
}

pub(crate) fn read_execution(row: &Row) -> Result<Execution> {
    Ok(Execution {
        id: db::id(row, "id")?,
        pool_id: db::id(row, "pool_id")?,
        job_id: db::id(row, "job_id")?,
        mode: db::word(row, "mode")?,
        status: db::word(row, "status")?,
        message: db::get(row, "message")?,
        started_by: db::subject(row, "started_by_type", "started_by_id")?,
        queued_at: db::time(row, "queued_at")?,
        started_at: db::optional_time(row, "started_at")?,
        finished_at: db::optional_time(row, "finished_at")?,
        priority: db::word(row, "priority")?,
        source_host: db::get(row, "source_host")?,
        attempt: small(row, "attempt")?,
        interruptions: small(row, "interruptions")?,
        requeued_because: db::get(row, "requeued_because")?,
        not_before: db::optional_time(row, "not_before")?,
        canceled_by: db::get(row, "canceled_by")?,
        lane: db::get(row, "lane")?,
    })
}

fn small(row: &Row, column: &str) -> Result<u32> {
    u32::try_from(db::get::<i64>(row, column)?).map_err(Error::internal)
}
