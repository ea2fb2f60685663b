//! Metadata in SQLite: everything a user sets up, who may do what, and how executions went. This crate holds
//! all metadata SQL and keeps secrets sealed; it knows no rule of the engine beyond what the schema can say.

mod access;
mod audit;
mod backup;
mod claims;
mod comparison;
mod connections;
mod contents;
mod db;
mod events;
mod executions;
mod exports;
mod groups;
mod history;
mod identities;
mod jobs;
mod last_loads;
mod log_budget;
mod logs;
mod model_loads;
mod models;
mod name_mappings;
mod oauth;
mod parameters;
mod pools;
mod push;
mod queue;
mod retention;
mod schedule_runs;
mod schedules;
mod secrets;
mod sessions;
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
pub use crate::contents::ContentsChange;
pub use crate::oauth::{
    Code, Consent, DeviceRequest, DeviceState, Exchanged, Hash, RefreshToken, Refreshed, SigningKey,
    TokenHolder, TokenMarks,
};
pub use crate::sessions::SessionHash;
pub use crate::totals::{LiveExecutions, Totals};

use crate::db::{Connection, Reader, Readers, Writer};
use crate::secrets::Secrets;

/// The name of the database file.
const DATABASE: &str = "metadata.db";

/// The metadata database. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Readers,
    writer: Writer,
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
        // An upgrade may take long.
        let opening = tokio::task::spawn_blocking(move || db::open_file(&database));
        let (writer, readers) = opening.await.map_err(Error::internal)??;
        Self::check(Inner { readers, writer, secrets }).await
    }

    /// A store that is gone once it is dropped, for tests.
    ///
    /// # Errors
    /// `Internal` when SQLite refuses.
    pub async fn temporary() -> Result<Self> {
        let (writer, readers) = db::open_temporary()?;
        Self::check(Inner { readers, writer, secrets: Secrets::random() }).await
    }

    /// Waits for what is under way and closes the database.
    pub async fn close(&self) {
        self.inner.readers.close();
        self.inner.writer.close().await;
    }

    async fn check(inner: Inner) -> Result<Self> {
        inner.secrets.check(&inner.writer, &inner.readers).await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// For some statements that find their rows by an index.
    fn read(&self) -> Result<Reader<'_>> {
        self.inner.readers.get()
    }

    /// As [`Store::read`], all statements as of one moment.
    fn snapshot(&self) -> Result<Reader<'_>> {
        self.inner.readers.snapshot()
    }

    /// Reads what may be much, as of one moment.
    async fn scan<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.readers.scan(work).await
    }

    fn write(&self) -> &Writer {
        &self.inner.writer
    }

    /// Makes a change of several statements: all of it or, with an error, nothing. What it reads stays true.
    async fn transact<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.inner.writer.transact(work).await
    }

    /// As [`Store::transact`], for what may take long.
    async fn transact_much<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.writer.transact_much(work).await
    }

    fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }
}
