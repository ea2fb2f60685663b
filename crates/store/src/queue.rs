//! What waits and what runs, in few columns. What is next and why another one waits is decided in
//! `forebay_core::queue`, not here.

use std::collections::HashMap;

use forebay_core::id::{DataPoolId, ExecutionId};
use forebay_core::queue::{Limits, Queue, Running, Waiting};
use forebay_core::{Result, Timestamp};

use crate::Store;
use crate::db::{self, Connection, Row};

/// The first of each group of a pool that can be told apart by what it waits for. The rest of a group comes after
/// it by every rule, so ten thousand of them cost one look at an index.
pub(crate) const FIRST_OF_EACH_GROUP: &str = "
    select id, pool_id, source_host, priority, attempt, queued_at, seq, not_before from executions
    where seq in (
        select min(seq) from executions
        where status = 'QUEUED' and (not_before is null or not_before <= $1)
        group by pool_id, priority, source_host, attempt
    )";

/// The one that is behind another one in its group.
pub(crate) const NEXT_OF_ITS_GROUP: &str = "
    select next.id, next.pool_id, next.source_host, next.priority, next.attempt, next.queued_at, next.seq,
        next.not_before
    from executions as first
    join executions as next on next.pool_id = first.pool_id and next.priority = first.priority
        and next.source_host is first.source_host and next.attempt = first.attempt and next.seq > first.seq
    where first.id = $2 and next.status = 'QUEUED' and (next.not_before is null or next.not_before <= $1)
    order by next.seq limit 1";

/// So many at most; a negative number stands for all.
pub(crate) const ALL_THAT_WAIT: &str = "
    select id, pool_id, source_host, priority, attempt, queued_at, seq, not_before from executions
    where status = 'QUEUED' limit $1";

/// So many that wait are read in less time than another thread takes to wake up.
const FEW: u32 = 64;

impl Store {
    /// The executions to begin now, at most so many, in the order in which they begin.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn next_in_queue(
        &self,
        limits: Limits,
        most: usize,
        now: Timestamp,
    ) -> Result<Vec<ExecutionId>> {
        let transaction = self.snapshot()?;
        let mut queue = front(&transaction, now)?;
        let mut next = Vec::new();
        while next.len() < most
            && let Some(id) = queue.next(limits, false, now)
        {
            next.push(id);
            queue.begin(id);
            if next.len() < most {
                let behind = db::query(NEXT_OF_ITS_GROUP)
                    .bind(now.as_millis())
                    .bind(id.to_string())
                    .fetch_optional(&transaction)
                    .map_err(db::error)?;
                queue.waiting.extend(behind.as_ref().map(read_waiting).transpose()?);
            }
        }
        Ok(next)
    }

    /// All that waits and what runs.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn whole_queue(&self) -> Result<Queue> {
        {
            let transaction = self.snapshot()?;
            let few = db::query(ALL_THAT_WAIT).bind(FEW).fetch_all(&transaction).map_err(db::error)?;
            if few.len() < FEW as usize {
                return read_queue(&few, &transaction);
            }
        }
        self.scan(|connection| {
            let rows = db::query(ALL_THAT_WAIT).bind(-1_i64).fetch_all(connection).map_err(db::error)?;
            read_queue(&rows, connection)
        })
        .await
    }
}

/// What may be next: of all that waits, the first of each group, and what runs.
pub(crate) fn front(connection: &Connection, now: Timestamp) -> Result<Queue> {
    let rows =
        db::query(FIRST_OF_EACH_GROUP).bind(now.as_millis()).fetch_all(connection).map_err(db::error)?;
    read_queue(&rows, connection)
}

fn read_queue(waiting: &[Row], connection: &Connection) -> Result<Queue> {
    let waiting = waiting.iter().map(read_waiting).collect::<Result<_>>()?;
    let rows = db::query("select pool_id, source_host, attempt from executions where status = 'RUNNING'")
        .fetch_all(connection)
        .map_err(db::error)?;
    let running = rows.iter().map(read_running).collect::<Result<_>>()?;
    let rows = db::query("select id, last_claim from data_pools where last_claim > 0")
        .fetch_all(connection)
        .map_err(db::error)?;
    let mut turns: HashMap<DataPoolId, u64> = HashMap::with_capacity(rows.len());
    for row in &rows {
        turns.insert(db::id(row, "id")?, db::count(row, "last_claim")?);
    }
    Ok(Queue { waiting, running, turns })
}

fn read_waiting(row: &Row) -> Result<Waiting> {
    Ok(Waiting {
        id: db::id(row, "id")?,
        pool: db::id(row, "pool_id")?,
        source_host: db::get(row, "source_host")?,
        priority: db::word(row, "priority")?,
        runs_alone: runs_alone(row)?,
        queued_at: db::time(row, "queued_at")?,
        place: db::count(row, "seq")?,
        not_before: db::optional_time(row, "not_before")?,
    })
}

fn read_running(row: &Row) -> Result<Running> {
    Ok(Running {
        pool: db::id(row, "pool_id")?,
        source_host: db::get(row, "source_host")?,
        runs_alone: runs_alone(row)?,
    })
}

/// As `Execution::is_suspect`.
fn runs_alone(row: &Row) -> Result<bool> {
    Ok(db::get::<i64>(row, "attempt")? > 1)
}
