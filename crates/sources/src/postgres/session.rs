//! A connection: a statement on it ends when nobody waits for it any more, and one on which all went well
//! is used again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CancelToken, Client, Row, Statement};

use super::fault;
use super::link::Link;
use super::pulse::Backend;
use super::shared::Shared;
use super::tap::Taken;
use super::way::Way;
use crate::socket::PATIENCE;

/// A connection. Dropped while a statement runs, it asks the server to end the statement and then
/// closes the socket.
pub(super) struct Session {
    pub(super) client: Arc<Client>,
    /// The rows of its COPY, which do not go through the client.
    pub(super) rows: Taken,
    /// What it is one of; it may be idle there.
    pub(super) shared: Weak<Shared>,
    /// Whether it may read: given back when its statement has ended, and not before.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    pub(super) token: CancelToken,
    pub(super) way: Way,
    pub(super) connection: AbortHandle,
    pub(super) runtime: Handle,
    pub(super) backend: Backend,
    /// As `server_version_num`.
    pub(super) version: u32,
    /// Statements that were prepared on it, by their text.
    pub(super) statements: Mutex<HashMap<&'static str, Statement>>,
    /// Nothing runs: dropping the client says goodbye properly.
    pub(super) resting: bool,
}

impl Session {
    /// The rows of a statement that is asked often: it is prepared once. Several that were prepared are
    /// asked in one go when their futures are polled together, and answered in the order of their polls.
    pub(super) async fn rows(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.prepared(sql).await?;
        self.client.query(&statement, parameters).await
    }

    /// A statement, prepared now or before.
    pub(super) async fn prepared(&self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let known = self.lock().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.lock().insert(sql, statement.clone());
        Ok(statement)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<&'static str, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// As `server_version_num`.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Ends the transaction, and keeps the connection for whoever needs one next. Nothing waits for it.
    pub(super) fn give_back(mut self, link: &Link) {
        let shared = Arc::clone(link.shared());
        let runtime = self.runtime.clone();
        drop(runtime.spawn(async move {
            if self.client.batch_execute("ROLLBACK").await.is_ok() {
                self.permit = None;
                self.keep(&shared);
            }
        }));
    }

    /// Keeps the connection, on which no transaction was begun, for whoever needs one next.
    pub(super) fn keep(mut self, shared: &Arc<Shared>) {
        self.resting = true;
        shared.keep(self);
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The process that serves it.
    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Says that all statements have ended.
    pub(super) fn rest(&mut self) {
        self.resting = true;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.resting {
            return;
        }
        let (token, way, connection) = (self.token.clone(), self.way.clone(), self.connection.clone());
        let (client, permit) = (Arc::clone(&self.client), self.permit.take());
        let ending = self.shared.upgrade().map(Ending::begin);
        self.runtime.spawn(async move {
            let end = async {
                way.cancel(&token).await?;
                // Answered when the statement before it is over.
                client.simple_query("").await.map_err(|error| fault::query("ending a statement", error))
            };
            match timeout(PATIENCE, end).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a statement could not be cancelled"),
                Err(_) => tracing::debug!("a statement could not be cancelled in time"),
            }
            connection.abort();
            drop((ending, permit));
        });
    }
}

/// A statement that is being ended. Until it is over, all that work on the database know of it.
pub(super) struct Ending(Arc<Shared>);

impl Ending {
    pub(super) fn begin(shared: Arc<Shared>) -> Self {
        shared.ending.send_modify(|count| *count += 1);
        Self(shared)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ending.send_modify(|count| *count -= 1);
    }
}
