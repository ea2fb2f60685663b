//! News about executions: that something has changed, never what. Who wants to know reads the state again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use forebay_core::id::ExecutionId;
use tokio::sync::{broadcast, watch};

use crate::Engine;

/// News that wait for a reader of all of them; who falls behind misses some.
const ALL_IN_FLIGHT: usize = 1024;

/// Says that something about an execution has changed.
#[derive(Clone, Copy, Debug)]
pub struct Changed(pub ExecutionId);

/// Who is told.
pub(crate) struct Changes {
    all: broadcast::Sender<Changed>,
    followed: Arc<Followed>,
}

/// Those who follow one execution are woken by its news alone: a thousand who each follow their own would else be
/// woken a thousand times for each.
#[derive(Default)]
struct Followed(Mutex<HashMap<ExecutionId, watch::Sender<Told>>>);

/// What was told last.
#[derive(Clone, Copy, Default)]
struct Told {
    /// How many runs of it are over.
    over: u64,
}

/// The news about one execution.
pub struct Following {
    id: ExecutionId,
    news: watch::Receiver<Told>,
    /// Of how many runs it was heard that they are over.
    heard: u64,
    followed: Arc<Followed>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { all: broadcast::channel(ALL_IN_FLIGHT).0, followed: Arc::default() }
    }
}

impl Changes {
    fn tell(&self, id: ExecutionId, over: bool) {
        // No subscriber is no failure.
        drop(self.all.send(Changed(id)));
        let followed = self.followed.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(followers) = followed.get(&id) {
            followers.send_modify(|told| told.over += u64::from(over));
        }
    }
}

impl Following {
    /// Resolves when the execution may have changed since this was called last, or since it is followed.
    pub async fn changed(&mut self) {
        // It cannot fail: the sender stays as long as somebody follows.
        drop(self.news.changed().await);
    }

    /// Resolves once for each run of the execution that is over: how it stands then is worth a look at once.
    pub async fn over(&mut self) {
        if let Ok(told) = self.news.wait_for(|told| told.over > self.heard).await {
            self.heard = told.over;
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut followed = self.followed.0.lock().unwrap_or_else(PoisonError::into_inner);
        // This one is counted still.
        if followed.get(&self.id).is_some_and(|followers| followers.receiver_count() <= 1) {
            followed.remove(&self.id);
        }
    }
}

impl Engine {
    /// News about every execution, as it comes. Whoever falls behind misses some and reads the state again.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.0.changes.all.subscribe()
    }

    /// News about one execution. What changes after this call is told, also when it was not read yet.
    #[must_use]
    pub fn news_of(&self, id: ExecutionId) -> Following {
        let followed = Arc::clone(&self.0.changes.followed);
        let news = {
            let mut followed = followed.0.lock().unwrap_or_else(PoisonError::into_inner);
            followed.entry(id).or_insert_with(|| watch::channel(Told::default()).0).subscribe()
        };
        let heard = news.borrow().over;
        Following { id, news, heard, followed }
    }

    pub(crate) fn changed(&self, id: ExecutionId) {
        self.0.changes.tell(id, false);
    }

    /// As [`Engine::changed`], when it has ended or is queued again.
    pub(crate) fn run_is_over(&self, id: ExecutionId) {
        self.0.changes.tell(id, true);
    }
}
