//! The connections of one snapshot, shared by all tables that are read in it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use forebay_core::source::{SourceError, SourceErrorKind};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::limit::Limit;
use super::session::Session;

/// How long a session whose reader went away may take until it can be used again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sessions that all see the same moment. None can be made anew: one that breaks is gone from the snapshot.
pub(super) struct Pool {
    free: Mutex<Free>,
    turns: Semaphore,
    limit: Arc<Limit>,
}

struct Free {
    sessions: Vec<Session>,
    /// Sessions that have not broken, in use or not.
    left: usize,
    /// The snapshot is closed: what comes back is not kept.
    closed: bool,
}

impl Pool {
    pub(super) fn new(sessions: Vec<Session>, limit: Arc<Limit>) -> Arc<Self> {
        let left = sessions.len();
        Arc::new(Self {
            turns: Semaphore::new(left),
            limit,
            free: Mutex::new(Free { sessions, left, closed: false }),
        })
    }

    /// Waits for a session, in the order of asking, and until it may read beside those of other jobs.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Lease, SourceError> {
        let lost = || {
            let text = "the snapshot's connections to MySQL are gone; run the job again";
            SourceError::new(SourceErrorKind::Unreachable, text)
        };
        // It is given back with the session, or taken out of the game with it.
        let own = self.turns.acquire().await.map_err(|_| lost())?;
        let permit = self.limit.turn().await;
        own.forget();
        match self.free().sessions.pop() {
            Some(session) => Ok(Lease { session: Some(session), pool: Arc::clone(self), permit }),
            None => Err(lost()),
        }
    }

    /// Closes the snapshot: idle sessions end now, the others with their readers.
    pub(super) fn close(&self) {
        self.turns.close();
        let mut free = self.free();
        free.closed = true;
        free.sessions.clear();
    }

    fn give(&self, session: Session) {
        let mut free = self.free();
        if !free.closed {
            free.sessions.push(session);
            self.turns.add_permits(1);
        }
    }

    fn lose(&self) {
        let mut free = self.free();
        free.left = free.left.saturating_sub(1);
        if free.left == 0 {
            self.turns.close();
        }
    }

    fn is_closed(&self) -> bool {
        self.free().closed
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session in use. Dropped in the middle of a statement, the statement is ended at the server, and the session
/// goes back to the others once that has happened.
pub(super) struct Lease {
    session: Option<Session>,
    pool: Arc<Pool>,
    /// Of the limit over all jobs.
    permit: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// The session; `None` never comes before the lease's end.
    pub(super) fn session(&mut self) -> Result<&mut Session, SourceError> {
        let gone =
            || SourceError::new(SourceErrorKind::Unreachable, "the session is gone; run the job again");
        self.session.as_mut().ok_or_else(gone)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        if !session.is_busy() {
            return self.pool.give(session);
        }
        let Ok(runtime) = Handle::try_current() else { return self.pool.lose() };
        if self.pool.is_closed() {
            return; // Dropping the session ends its statement.
        }
        let (pool, permit) = (Arc::clone(&self.pool), self.permit.take());
        runtime.spawn(async move {
            let _until_it_ended = permit;
            match timeout(PATIENCE, session.settle()).await {
                Ok(Ok(())) => pool.give(session),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a connection of a snapshot is lost");
                    pool.lose();
                }
                Err(_) => {
                    tracing::debug!("a connection of a snapshot is lost, since its statement does not end");
                    pool.lose();
                }
            }
        });
    }
}
