//! Metadata in SQLite: everything a user sets up, who may do what, and how executions went. This crate holds
//! all metadata SQL and keeps secrets sealed; it knows no rule of the engine beyond what the schema can say.

mod access;
mod backup;
mod claims;
mod connections;
mod db;
mod events;
mod executions;
mod jobs;
mod log_budget;
mod logs;
mod models;
mod parameters;
mod pools;
mod queue;
mod retention;
mod schedule_runs;
mod schedules;
mod secrets;
mod settings;
mod task_executions;
mod tasks;
#[cfg(test)]
mod tests;
mod totals;

use std::path::Path;
use std::sync::Arc;

use forebay_core::{Error, Result};

pub use crate::access::KeyKind;
pub use crate::claims::{Claimed, Held, Requeue};
pub use crate::totals::{LiveExecutions, Totals};

use crate::db::Pool;
use crate::secrets::Secrets;

/// The name of the database file.
const DATABASE: &str = "metadata.db";

/// The metadata database. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    read: Pool,
    /// SQLite has one writer at a time; a pool of one connection lets writers wait in order.
    write: Pool,
    secrets: Secrets,
}

impl Store {
    /// Opens `metadata.db` and `secret.key` in `dir`, making both when there is neither.
    ///
    /// # Errors
    /// `Unavailable` when the folder or database cannot be opened, or when the key is missing or is not the one
    /// the database was written with.
    pub async fn open(dir: &Path) -> Result<Self> {
        let database = dir.join(DATABASE);
        let secrets = match database.try_exists() {
            Ok(true) => Secrets::read(dir)?,
            Ok(false) => Secrets::read_or_make(dir)?,
            Err(error) => {
                tracing::error!(%error, "the data folder cannot be read");
                return Err(Error::Unavailable {
                    what: format!("the folder {} cannot be read", dir.display()),
                });
            }
        };
        let (write, read) = db::open_file(&database).await?;
        Self::check(Inner { read, write, secrets }).await
    }

    /// A store that is gone once it is dropped, for tests.
    ///
    /// # Errors
    /// `Internal` when SQLite refuses.
    pub async fn in_memory() -> Result<Self> {
        let pool = db::open_memory().await?;
        Self::check(Inner { read: pool.clone(), write: pool, secrets: Secrets::random() }).await
    }

    /// Waits for what is under way and closes the database.
    pub async fn close(&self) {
        self.inner.read.close().await;
        self.inner.write.close().await;
    }

    async fn check(inner: Inner) -> Result<Self> {
        inner.secrets.check(&inner.write).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    fn read(&self) -> &Pool {
        &self.inner.read
    }

    fn write(&self) -> &Pool {
        &self.inner.write
    }

    /// A transaction that writes. Whatever it calls takes its connection: the pool has no second one.
    async fn begin(&self) -> Result<db::Transaction> {
        db::begin(&self.inner.write).await
    }

    fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }
}
