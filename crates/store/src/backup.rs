//! A copy of the metadata while it is in use, and what a restored copy must be told.

use std::path::Path;

use forebay_core::execution::Execution;
use forebay_core::id::DataPoolId;
use forebay_core::{Error, Result, Timestamp};

use crate::executions::read_execution;
use crate::{Store, db};

impl Store {
    /// Writes `metadata.db`, as of one moment, and the key that opens its secrets into a folder.
    ///
    /// # Errors
    /// `Unavailable` when the files cannot be written.
    pub async fn backup(&self, dir: &Path) -> Result<()> {
        self.secrets().write(dir)?;
        let copy = dir.join(crate::DATABASE);
        // `vacuum` runs in no transaction: it sees one moment by itself.
        let readers = self.inner.readers.clone();
        let copying = tokio::task::spawn_blocking(move || db::migrate::copy_to(&*readers.get()?, &copy));
        copying.await.map_err(Error::internal)?
    }

    /// The executions that are queued or running.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn unfinished_executions(&self) -> Result<Vec<Execution>> {
        self.scan(move |connection| {
            let rows = db::query(
                "select * from executions where status in ('QUEUED', 'RUNNING') order by queued_at, seq",
            )
            .fetch_all(connection)
            .map_err(db::error)?;
            rows.iter().map(read_execution).collect()
        })
        .await
    }

    /// The executions of a pool that ended well after a moment, the oldest first: what they loaded is missing
    /// from rows of that moment.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn succeeded_since(&self, pool: DataPoolId, moment: Timestamp) -> Result<Vec<Execution>> {
        self.scan(move |connection| {
            let rows = db::query(
                "select * from executions
             where pool_id = $1 and status = 'SUCCESS' and finished_at >= $2 order by finished_at, seq",
            )
            .bind(pool.to_string())
            .bind(moment.as_millis())
            .fetch_all(connection)
            .map_err(db::error)?;
            rows.iter().map(read_execution).collect()
        })
        .await
    }
}
