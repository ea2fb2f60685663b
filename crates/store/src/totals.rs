//! Totals that only grow, whatever retention drops, and how full the queue is: for those who watch the server.

use forebay_core::execution::{Receipt, Status};
use forebay_core::{Error, Result, Timestamp};

use crate::Store;
use crate::db::{self, Connection};

/// What all executions of this metadata did, the dropped ones too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub succeeded: u64,
    pub failed: u64,
    pub canceled: u64,
    pub skipped: u64,
    pub rows_read: u64,
    pub rows_inserted: u64,
    pub rows_updated: u64,
    pub rows_deleted: u64,
    pub rows_rejected: u64,
    /// In memory, as Arrow arrays.
    pub bytes_read: u64,
    /// Log messages beyond what an execution may keep.
    pub logs_dropped: u64,
    /// Claims that were taken back because nobody had renewed them in time.
    pub leases_lost: u64,
}

/// The executions that are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveExecutions {
    pub queued: u64,
    pub running: u64,
    /// When the one was queued that waits longest.
    pub waiting_since: Option<Timestamp>,
}

impl Store {
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn totals(&self) -> Result<Totals> {
        let row = db::query("select totals.*, claims.lost from totals, claims")
            .fetch_one(&*self.read()?)
            .map_err(db::error)?;
        Ok(Totals {
            succeeded: db::count(&row, "succeeded")?,
            failed: db::count(&row, "failed")?,
            canceled: db::count(&row, "canceled")?,
            skipped: db::count(&row, "skipped")?,
            rows_read: db::count(&row, "rows_read")?,
            rows_inserted: db::count(&row, "rows_inserted")?,
            rows_updated: db::count(&row, "rows_updated")?,
            rows_deleted: db::count(&row, "rows_deleted")?,
            rows_rejected: db::count(&row, "rows_rejected")?,
            bytes_read: db::count(&row, "bytes_read")?,
            logs_dropped: db::count(&row, "logs_dropped")?,
            leases_lost: db::count(&row, "lost")?,
        })
    }

    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn live_executions(&self) -> Result<LiveExecutions> {
        self.scan(move |connection| {
            let row = db::query(
                "select count(*) filter (where status = 'QUEUED') as queued,
                 count(*) filter (where status = 'RUNNING') as running,
                 min(queued_at) filter (where status = 'QUEUED') as waiting_since
             from executions where status in ('QUEUED', 'RUNNING')",
            )
            .fetch_one(connection)
            .map_err(db::error)?;
            Ok(LiveExecutions {
                queued: db::count(&row, "queued")?,
                running: db::count(&row, "running")?,
                waiting_since: db::optional_time(&row, "waiting_since")?,
            })
        })
        .await
    }
}

/// Counts an execution that has just ended, in the transaction that says so.
pub(crate) fn count_end(connection: &Connection, status: Status) -> Result<()> {
    let sql = match status {
        Status::Success => "update totals set succeeded = succeeded + 1",
        Status::Fail => "update totals set failed = failed + 1",
        Status::Cancel => "update totals set canceled = canceled + 1",
        Status::Skipped => "update totals set skipped = skipped + 1",
        Status::Queued | Status::Running => {
            return Err(Error::internal(format!("{} is no end", status.as_str())));
        }
    };
    db::query(sql).execute(connection).map_err(db::error)?;
    Ok(())
}

/// Counts the rows of a step that has just ended, in the transaction that says so.
pub(crate) fn count_rows(connection: &Connection, receipt: &Receipt) -> Result<()> {
    db::query(
        "update totals set rows_read = rows_read + $1, rows_inserted = rows_inserted + $2,
             rows_updated = rows_updated + $3, rows_deleted = rows_deleted + $4, rows_rejected = rows_rejected + $5,
             bytes_read = bytes_read + $6",
    )
    .bind(db::integer(receipt.rows_read))
    .bind(db::integer(receipt.rows_inserted))
    .bind(db::integer(receipt.rows_updated))
    .bind(db::integer(receipt.rows_deleted))
    .bind(db::integer(receipt.rows_rejected))
    .bind(db::integer(receipt.bytes))
    .execute(connection)
    .map_err(db::error)?;
    Ok(())
}
