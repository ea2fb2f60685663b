//! Claims: the right to run one execution. Each has a number that is greater than that of every claim before, of
//! any execution. What a run says, and how it ends, is taken only under the newest claim of its execution while
//! that runs; being too late is an answer and no failure. A claim holds until its lease runs out, and is renewed
//! while its run lives.

use forebay_core::event::Event;
use forebay_core::execution::{Claim, Execution, LogLevel, Status};
use forebay_core::id::ExecutionId;
use forebay_core::{Error, Result, Timestamp};

use crate::db::{self, Connection, Row};
use crate::executions::{self, read_execution};
use crate::{Store, events};

/// So many events are written in less time than another thread takes to wake up.
const FEW_EVENTS: usize = 16;

/// An execution that was claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub execution: Execution,
    pub claim: Claim,
    /// What it is to do; `None` when that cannot be read any more.
    pub spec: Option<String>,
}

/// A claim of an execution that runs.
#[derive(Clone, Debug)]
pub struct Held {
    pub execution: Execution,
    pub claim: Claim,
}

/// How an execution goes back into the queue.
#[derive(Clone, Debug)]
pub struct Requeue {
    /// A sentence for the user.
    pub because: String,
    pub attempt: u32,
    pub interruptions: u32,
    pub not_before: Option<Timestamp>,
    pub at: Timestamp,
}

impl Store {
    /// Claims executions in this order, those that are still queued. They run from then on.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`; then none is claimed.
    pub async fn claim_executions(
        &self,
        ids: &[ExecutionId],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Claimed>> {
        let rows = self.transact(|transaction| claim_all(transaction, ids, now, lease_until)).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            forebay_core::fault::point("claim.after_commit");
            let Held { execution, claim } = read_held(&row)?;
            let spec = match self.spec(execution.id, &row) {
                Ok(spec) => Some(spec),
                Err(error) => {
                    tracing::error!(execution.id = %execution.id, ?error, "the spec of an execution does not open");
                    None
                }
            };
            claimed.push(Claimed { execution, claim, spec });
        }
        Ok(claimed)
    }

    /// Writes news of a run, all or none. `false`: the execution has ended or was claimed anew, and nothing is
    /// written.
    ///
    /// # Errors
    /// `NotFound` for the execution.
    pub async fn record_events(
        &self,
        id: ExecutionId,
        claim: Claim,
        events: &[(Timestamp, Event)],
    ) -> Result<bool> {
        if events.len() > FEW_EVENTS {
            let events = events.to_vec();
            return self.transact_much(move |transaction| record(transaction, id, claim, &events)).await;
        }
        self.transact(|transaction| record(transaction, id, claim, events)).await
    }

    /// Writes the last news of a run and ends its execution under its claim, as [`Store::finish_execution`] does:
    /// all of it or nothing. `false`: it has ended before or was claimed anew, and that stands.
    ///
    /// # Errors
    /// `Internal` when the status is not one of an end.
    pub async fn finish_claimed(
        &self,
        id: ExecutionId,
        claim: Claim,
        last: &[(Timestamp, Event)],
        status: Status,
        message: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        if last.len() > FEW_EVENTS {
            let (last, message) = (last.to_vec(), message.map(str::to_owned));
            let work = move |transaction: &Connection| {
                finish(transaction, id, claim, &last, status, message.as_deref(), now)
            };
            return self.transact_much(work).await;
        }
        self.transact(|transaction| finish(transaction, id, claim, last, status, message, now)).await
    }

    /// Ends an execution of which nothing runs, as [`Store::finish_execution`] does, if it stands as it was seen:
    /// queued, or running under the same claim. `false`: it stands elsewhere by now.
    ///
    /// # Errors
    /// `Internal` when the status is not one of an end.
    pub async fn finish_seen(
        &self,
        seen: &Held,
        status: Status,
        message: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let id = seen.execution.id;
        self.transact(|transaction| match seen.execution.status {
            Status::Queued if is_queued(transaction, id)? => {
                executions::finish(transaction, id, status, message, now)
            }
            Status::Running => finish(transaction, id, seen.claim, &[], status, message, now),
            Status::Queued | Status::Success | Status::Fail | Status::Cancel | Status::Skipped => Ok(false),
        })
        .await
    }

    /// An execution with its newest claim.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn held_execution(&self, id: ExecutionId) -> Result<Held> {
        let row = db::query("select * from executions where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        read_held(&row.ok_or_else(|| executions::not_found(id))?)
    }

    /// Writes the last news of a run and puts its execution back into the queue, with a line in its log, to go on with the task that was
    /// interrupted: tasks before it stay as they ended, tables of it that are loaded stay loaded, and the rest is
    /// as if it had not begun. `false`: it has ended or was claimed anew, and that stands.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn requeue_execution(
        &self,
        id: ExecutionId,
        claim: Claim,
        last: &[(Timestamp, Event)],
        requeue: &Requeue,
    ) -> Result<bool> {
        self.transact(|transaction| {
        if !record(transaction, id, claim, last)? {
            return Ok(false);
        }
        let line = Event::Log {
            task: None,
            level: LogLevel::Warning,
            code: "EXECUTION_REQUEUED".to_owned(),
            text: requeue.because.clone(),
        };
        events::write(transaction, id, &[(requeue.at, line)])?;
        db::query(
            "update executions
             set status = 'QUEUED', started_at = null, lease_until = null, requeued_because = $2, attempt = $3,
                 interruptions = $4, not_before = $5
             where id = $1",
        )
        .bind(id.to_string())
        .bind(requeue.because.clone())
        .bind(i64::from(requeue.attempt))
        .bind(i64::from(requeue.interruptions))
        .bind(requeue.not_before.map(Timestamp::as_millis))
        .execute(transaction)
        .map_err(db::error)?;
        for sql in [
            // A task that was skipped because one before it failed is not over: that one is done again.
            "update task_executions set status = 'QUEUED', message = null, started_at = null, finished_at = null
             where execution_id = $1 and position >= (
                 select min(position) from task_executions
                 where execution_id = $1 and status not in ('SUCCESS', 'SKIPPED')
             )",
            // Each table of an extraction is committed for itself; the statements of a transformation and the
            // tables of a model are shown together or not at all.
            "update step_executions
             set status = 'QUEUED', message = null, row_count = 0, receipt = null, started_at = null, finished_at = null
             where execution_id = $1 and exists (
                 select 1 from task_executions as task
                 where task.execution_id = $1 and task.task_id = step_executions.task_id
                     and task.status = 'QUEUED'
                     and not (task.kind = 'EXTRACTION' and step_executions.status in ('SUCCESS', 'SKIPPED'))
             )",
        ] {
            db::query(sql).bind(id.to_string()).execute(transaction).map_err(db::error)?;
        }
        Ok(true)
        }).await
    }

    /// Notes who asked for the end of an execution that runs. The first one stays.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn note_cancel(&self, id: ExecutionId, canceled_by: &str) -> Result<()> {
        db::query(
            "update executions set canceled_by = $2 where id = $1 and status = 'RUNNING' and canceled_by is null",
        )
        .bind(id.to_string())
        .bind(canceled_by.to_owned())
        .execute_on(self.write())
.await
        .map_err(db::error)?;
        Ok(())
    }

    /// Renews the leases of claims; gives the numbers of those that still hold. Who misses one of theirs has lost
    /// that execution.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn renew_leases(&self, claims: &[u64], lease_until: Timestamp) -> Result<Vec<u64>> {
        self.transact(|transaction| {
            let rows = db::query(
                "update executions set lease_until = $2
                 where status = 'RUNNING' and claim in (select value from json_each($1)) returning claim",
            )
            .bind(db::to_json(claims)?)
            .bind(lease_until.as_millis())
            .fetch_all(transaction)
            .map_err(db::error)?;
            rows.iter().map(|row| db::count(row, "claim")).collect()
        })
        .await
    }

    /// The claims that hold; right after a start of the server, those that it held before.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn held_claims(&self) -> Result<Vec<Held>> {
        let rows = db::query("select * from executions where status = 'RUNNING' order by claim")
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(read_held).collect()
    }

    /// The claims whose lease had run out at a moment.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn lapsed_claims(&self, now: Timestamp) -> Result<Vec<Held>> {
        let rows = db::query(
            "select * from executions where status = 'RUNNING' and lease_until < $1 order by claim",
        )
        .bind(now.as_millis())
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        rows.iter().map(read_held).collect()
    }

    /// Counts claims that were taken back because their lease had run out.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn count_lost_leases(&self, lost: u64) -> Result<()> {
        db::query("update claims set lost = lost + $1")
            .bind(db::integer(lost))
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        Ok(())
    }

    /// How many claims were ever taken back because their lease had run out.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn lost_leases(&self) -> Result<u64> {
        let row = db::query("select lost from claims").fetch_one(&*self.read()?).map_err(db::error)?;
        db::count(&row, "lost")
    }
}

/// The rows of those that were queued.
fn claim_all(
    transaction: &Connection,
    ids: &[ExecutionId],
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Vec<Row>> {
    // One that is not queued any more leaves its number unused.
    let row = db::query("update claims set newest = newest + $1 returning newest")
        .bind(db::integer(ids.len() as u64))
        .fetch_one(transaction)
        .map_err(db::error)?;
    let newest: i64 = db::get(&row, "newest")?;
    let numbers = newest.saturating_sub(db::integer(ids.len() as u64)).saturating_add(1)..=newest;
    let mut rows = Vec::with_capacity(ids.len());
    for (id, number) in ids.iter().zip(numbers) {
        rows.extend(claim(transaction, *id, number, now, lease_until)?);
    }
    forebay_core::fault::point("claim.before_commit");
    Ok(rows)
}

/// The execution's row, unless it is not queued any more.
fn claim(
    transaction: &Connection,
    id: ExecutionId,
    number: i64,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<Row>> {
    let row = db::query(
        "update executions
         set status = 'RUNNING', started_at = $2, claim = $3, lease_until = $4, not_before = null
         where id = $1 and status = 'QUEUED' returning *",
    )
    .bind(id.to_string())
    .bind(now.as_millis())
    .bind(number)
    .bind(lease_until.as_millis())
    .fetch_optional(transaction)
    .map_err(db::error)?;
    let Some(row) = row else { return Ok(None) };
    db::query("update data_pools set last_claim = $2 where id = $1")
        .bind(db::get::<&str>(&row, "pool_id")?)
        .bind(number)
        .execute(transaction)
        .map_err(db::error)?;
    Ok(Some(row))
}

fn record(
    transaction: &Connection,
    id: ExecutionId,
    claim: Claim,
    events: &[(Timestamp, Event)],
) -> Result<bool> {
    if !holds(transaction, id, claim)? {
        return Ok(false);
    }
    if !events.is_empty() {
        events::write(transaction, id, events)?;
        forebay_core::fault::point("events.before_commit");
    }
    Ok(true)
}

fn finish(
    transaction: &Connection,
    id: ExecutionId,
    claim: Claim,
    last: &[(Timestamp, Event)],
    status: Status,
    message: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    if !record(transaction, id, claim, last)? || !executions::finish(transaction, id, status, message, now)? {
        return Ok(false);
    }
    forebay_core::fault::point("finish.before_commit");
    Ok(true)
}

fn is_queued(connection: &Connection, id: ExecutionId) -> Result<bool> {
    let row = db::query("select 1 from executions where id = $1 and status = 'QUEUED'")
        .bind(id.to_string())
        .fetch_optional(connection)
        .map_err(db::error)?;
    Ok(row.is_some())
}

/// Whether an execution runs under this claim.
fn holds(connection: &Connection, id: ExecutionId, claim: Claim) -> Result<bool> {
    let row = db::query(
        "select claim from executions where id = $1 and status = 'RUNNING' and coalesce(claim, 0) = $2",
    )
    .bind(id.to_string())
    .bind(db::integer(claim.number))
    .fetch_optional(connection)
    .map_err(db::error)?;
    Ok(row.is_some())
}

fn read_held(row: &Row) -> Result<Held> {
    let execution = read_execution(row)?;
    // What an earlier version had running has no claim; its number is then smaller than every one.
    let number = db::get::<Option<i64>>(row, "claim")?.unwrap_or_default();
    let number = u64::try_from(number).map_err(Error::internal)?;
    let claim = Claim { job: execution.job_id, number };
    Ok(Held { execution, claim })
}
