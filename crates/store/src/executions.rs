//! Executions and how they went. Every change of state names the state it expects; being late is an answer.

use std::collections::HashMap;

use forebay_core::error::Kind;
use forebay_core::execution::{Execution, Receipt, Status, StepExecution, TaskExecution};
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId, TaskId};
use forebay_core::{Error, Result, Timestamp};

use crate::db::{self, Connection, Row};
use crate::secrets::Place;
use crate::{Store, jobs};

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
        let id = execution.id.to_string();
        let sealed_spec = self.secrets().seal(place(&id), spec_json.as_bytes())?;
        let mut transaction = self.begin().await?;
        if let Some(key) = idempotency_key
            && let Some(earlier) = seen_with(&mut transaction, execution.job_id, key).await?
        {
            return Ok(earlier);
        }
        if let Some(live) = live(&mut transaction, execution.job_id).await? {
            return Err(is_live(&live));
        }
        let (started_by_type, started_by_id) = db::subject_columns(execution.started_by);
        let row = db::query(
            "insert into executions
                (id, pool_id, job_id, mode, status, message, started_by_type, started_by_id, queued_at,
                 idempotency_key, sealed_spec)
             values ($1, $2, $3, $4, 'QUEUED', $5, $6, $7, $8, $9, $10) returning *",
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
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| match db::is_foreign_key(&error) {
            true => jobs::not_found(execution.job_id),
            false => db::error_or_duplicate(error, || format!("there already is an execution `{id}`")),
        })?;
        for task in tasks {
            insert_task(&mut transaction, &id, task).await?;
        }
        db::commit(transaction).await?;
        read_execution(&row)
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
        let mut connection = self.read().acquire().await.map_err(db::error)?;
        seen_with(&mut connection, job, idempotency_key).await
    }

    /// Takes the oldest queued execution, with its spec, unless `limit_running` are running already.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn claim_execution(
        &self,
        now: Timestamp,
        limit_running: usize,
    ) -> Result<Option<(Execution, String)>> {
        let limit = i64::try_from(limit_running).unwrap_or(i64::MAX);
        loop {
            let row = db::query(
                "update executions set status = 'RUNNING', started_at = $1
                 where id = (select id from executions where status = 'QUEUED' order by queued_at, seq limit 1)
                     and status = 'QUEUED'
                     and (select count(*) from executions where status = 'RUNNING') < $2
                 returning *",
            )
            .bind(now.as_millis())
            .bind(limit)
            .fetch_optional(self.write())
            .await
            .map_err(db::error)?;
            let Some(row) = row else {
                return Ok(None);
            };
            let execution = read_execution(&row)?;
            match self.spec(execution.id, &row) {
                Ok(spec) => return Ok(Some((execution, spec))),
                Err(error) => {
                    // It can never run, and the others behind it must not wait for it.
                    tracing::error!(execution.id = %execution.id, ?error, "the spec of an execution does not open");
                    let message =
                        "what this execution was to do cannot be read any more; start the data job again";
                    self.finish_execution(execution.id, Status::Fail, Some(message), now).await?;
                }
            }
        }
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
        let mut transaction = self.begin().await?;
        let done = db::query(
            "update executions set status = $2, message = $3, finished_at = $4, sealed_spec = null
             where id = $1 and status in ('QUEUED', 'RUNNING')",
        )
        .bind(id.to_string())
        .bind(status.as_str())
        .bind(message)
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await
        .map_err(db::error)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
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
                .execute(&mut *transaction)
                .await
                .map_err(db::error)?;
        }
        db::commit(transaction).await?;
        Ok(true)
    }

    /// Puts a running execution back into the queue, to go on with the task that was interrupted: tasks that
    /// ended well or were skipped stay so, the others are as if they had not begun. `false` when it is not
    /// running.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn requeue_execution(&self, id: ExecutionId) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let done = db::query(
            "update executions set status = 'QUEUED', started_at = null where id = $1 and status = 'RUNNING'",
        )
        .bind(id.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(db::error)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        for sql in [
            "update task_executions set status = 'QUEUED', message = null, started_at = null, finished_at = null
             where execution_id = $1 and status not in ('SUCCESS', 'SKIPPED')",
            "update step_executions
             set status = 'QUEUED', message = null, row_count = 0, receipt = null, started_at = null, finished_at = null
             where execution_id = $1 and task_id in (
                 select task_id from task_executions where execution_id = $1 and status = 'QUEUED'
             )",
        ] {
            db::query(sql).bind(id.to_string()).execute(&mut *transaction).await.map_err(db::error)?;
        }
        db::commit(transaction).await?;
        Ok(true)
    }

    /// The executions that are running; right after a start of the server, those that were interrupted.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn interrupted_executions(&self) -> Result<Vec<Execution>> {
        let rows = db::query("select * from executions where status = 'RUNNING' order by queued_at, seq")
            .fetch_all(self.read())
            .await
            .map_err(db::error)?;
        rows.iter().map(read_execution).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn execution(&self, id: ExecutionId) -> Result<Execution> {
        let row = db::query("select * from executions where id = $1")
            .bind(id.to_string())
            .fetch_optional(self.read())
            .await
            .map_err(db::error)?;
        read_execution(&row.ok_or_else(|| not_found(id))?)
    }

    /// One page of a job's executions, the newest first (pages count from 0), and how many there are in all.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn executions(&self, job: DataJobId, limit: u32, page: u32) -> Result<(Vec<Execution>, u64)> {
        let row = db::query("select count(*) as executions from executions where job_id = $1")
            .bind(job.to_string())
            .fetch_one(self.read())
            .await
            .map_err(db::error)?;
        let total = db::count(&row, "executions")?;
        let rows = db::query(
            "select * from executions where job_id = $1 order by queued_at desc, seq desc limit $2 offset $3",
        )
        .bind(job.to_string())
        .bind(i64::from(limit))
        .bind(i64::from(limit) * i64::from(page))
        .fetch_all(self.read())
        .await
        .map_err(db::error)?;
        let executions = rows.iter().map(read_execution).collect::<Result<_>>()?;
        Ok((executions, total))
    }

    /// The newest execution of each job of a pool that has one, the newest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn latest_executions(&self, pool: DataPoolId) -> Result<Vec<Execution>> {
        let rows = db::query(
            "select executions.* from data_jobs
             join executions on executions.seq = (
                 select seq from executions where job_id = data_jobs.id order by queued_at desc, seq desc limit 1
             )
             where data_jobs.pool_id = $1
             order by executions.queued_at desc, executions.seq desc",
        )
        .bind(pool.to_string())
        .fetch_all(self.read())
        .await
        .map_err(db::error)?;
        rows.iter().map(read_execution).collect()
    }

    /// The newest execution of a job.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn latest_execution(&self, job: DataJobId) -> Result<Option<Execution>> {
        let row =
            db::query("select * from executions where job_id = $1 order by queued_at desc, seq desc limit 1")
                .bind(job.to_string())
                .fetch_optional(self.read())
                .await
                .map_err(db::error)?;
        row.as_ref().map(read_execution).transpose()
    }

    /// The execution of a job that is queued or running.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn live_execution(&self, job: DataJobId) -> Result<Option<Execution>> {
        let mut connection = self.read().acquire().await.map_err(db::error)?;
        live(&mut connection, job).await
    }

    /// The tasks of an execution with their steps, in order.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn task_executions(&self, execution: ExecutionId) -> Result<Vec<TaskExecution>> {
        // One transaction, so that tasks and steps are of one moment.
        let mut transaction = self.read().begin().await.map_err(db::error)?;
        let tasks =
            db::query("select * from task_executions where execution_id = $1 order by position, task_id")
                .bind(execution.to_string())
                .fetch_all(&mut *transaction)
                .await
                .map_err(db::error)?;
        let steps =
            db::query("select * from step_executions where execution_id = $1 order by task_id, position")
                .bind(execution.to_string())
                .fetch_all(&mut *transaction)
                .await
                .map_err(db::error)?;
        db::commit(transaction).await?;
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

    fn spec(&self, id: ExecutionId, row: &Row) -> Result<String> {
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

async fn seen_with(connection: &mut Connection, job: DataJobId, key: &str) -> Result<Option<Execution>> {
    let row = db::query("select * from executions where job_id = $1 and idempotency_key = $2")
        .bind(job.to_string())
        .bind(key)
        .fetch_optional(connection)
        .await
        .map_err(db::error)?;
    row.as_ref().map(read_execution).transpose()
}

/// That an execution is live, as an error.
pub(crate) fn is_live(live: &Execution) -> Error {
    Error::ExecutionIsLive { execution: live.id, state: state(live.status) }
}

/// An execution of a pool that is queued or running.
pub(crate) async fn live_in_pool(connection: &mut Connection, pool: DataPoolId) -> Result<Option<Execution>> {
    let row = db::query(
        "select * from executions where pool_id = $1 and status in ('QUEUED', 'RUNNING')
         order by queued_at, seq limit 1",
    )
    .bind(pool.to_string())
    .fetch_optional(connection)
    .await
    .map_err(db::error)?;
    row.as_ref().map(read_execution).transpose()
}

pub(crate) async fn live(connection: &mut Connection, job: DataJobId) -> Result<Option<Execution>> {
    let row = db::query("select * from executions where job_id = $1 and status in ('QUEUED', 'RUNNING')")
        .bind(job.to_string())
        .fetch_optional(connection)
        .await
        .map_err(db::error)?;
    row.as_ref().map(read_execution).transpose()
}

async fn insert_task(connection: &mut Connection, execution: &str, task: &TaskExecution) -> Result<()> {
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
    .execute(&mut *connection)
    .await
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
        .execute(&mut *connection)
        .await
        .map_err(db::error)?;
    }
    Ok(())
}

fn read_execution(row: &Row) -> Result<Execution> {
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
    })
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
