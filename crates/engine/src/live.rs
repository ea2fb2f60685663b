//! What runs here now: one entry for each execution, from before its claim is recorded until after its end is.
//!
//! Whoever changes where an execution stands holds the lock of its entry until the metadata says so: the claim, a
//! cancel and the end of one execution come one after the other, and those of different executions are recorded
//! together. What the metadata calls running has an entry here, or nobody runs it any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use forebay_core::Timestamp;
use forebay_core::execution::Claim;
use forebay_core::id::ExecutionId;
use forebay_core::name::Name;
use forebay_core::stop::{Stop, StopHandle};
use tokio::sync::OwnedMutexGuard;

/// What runs here. Cloning gives another handle on the same.
#[derive(Clone, Default)]
pub(crate) struct Live(Arc<Mutex<HashMap<ExecutionId, Arc<Entry>>>>);

/// One execution that is being claimed, runs, or is being ended.
pub(crate) struct Entry {
    id: ExecutionId,
    /// Known once it is recorded.
    claim: OnceLock<Claim>,
    /// When somebody asked for its end first. A stop of the server is no cancel.
    cancel_asked: OnceLock<Timestamp>,
    stop: StopHandle,
    standing: Arc<tokio::sync::Mutex<Standing>>,
}

/// Where an execution stands, as far as nobody is changing it.
#[derive(Debug)]
pub(crate) enum Standing {
    Running {
        /// Who asked for its end first; `None` when nobody did, so that a stop of the server is no cancel.
        canceled_by: Option<Name>,
    },
    /// It was not claimed, it has ended, or it is queued again: the metadata tells.
    Over,
}

/// An entry whose claim is being recorded: whoever wants to cancel the execution waits. Dropped, it was not claimed.
pub(crate) struct Reserved {
    live: Live,
    entry: Arc<Entry>,
    standing: Option<OwnedMutexGuard<Standing>>,
    seen: Stop,
}

/// An entry whose execution runs. Dropped, nobody runs it any more.
pub(crate) struct Running {
    live: Live,
    entry: Arc<Entry>,
    pub(crate) claim: Claim,
}

impl Live {
    pub(crate) fn len(&self) -> usize {
        self.entries().len()
    }

    /// An entry for an execution that is claimed next. A run of it that still has one has lost its claim, and is
    /// stopped.
    pub(crate) fn reserve(&self, id: ExecutionId) -> Reserved {
        let (stop, seen) = Stop::new();
        let standing = Arc::new(tokio::sync::Mutex::new(Standing::Over));
        let held = Arc::clone(&standing).try_lock_owned().expect("nobody else knows of this lock yet");
        let entry =
            Arc::new(Entry { id, claim: OnceLock::new(), cancel_asked: OnceLock::new(), stop, standing });
        if let Some(older) = self.entries().insert(id, Arc::clone(&entry)) {
            older.stop.request();
        }
        Reserved { live: self.clone(), entry, standing: Some(held), seen }
    }

    pub(crate) fn get(&self, id: ExecutionId) -> Option<Arc<Entry>> {
        self.entries().get(&id).map(Arc::clone)
    }

    /// Those whose claim is recorded.
    pub(crate) fn claimed(&self) -> Vec<(Claim, Arc<Entry>)> {
        let entries = self.entries();
        entries.values().filter_map(|entry| Some((*entry.claim.get()?, Arc::clone(entry)))).collect()
    }

    /// Whether an execution runs here, or is about to.
    pub(crate) fn has(&self, id: ExecutionId) -> bool {
        self.entries().contains_key(&id)
    }

    /// Asks all for their end.
    pub(crate) fn stop_all(&self) {
        for entry in self.entries().values() {
            entry.stop.request();
        }
    }

    /// Forgets an entry, unless another one has taken its place.
    fn forget(&self, entry: &Arc<Entry>) {
        let mut entries = self.entries();
        if entries.get(&entry.id).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            entries.remove(&entry.id);
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<ExecutionId, Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(crate) fn id(&self) -> ExecutionId {
        self.id
    }

    /// Where it stands. Nobody claims, cancels or ends it while this is held.
    pub(crate) async fn standing(&self) -> OwnedMutexGuard<Standing> {
        Arc::clone(&self.standing).lock_owned().await
    }

    /// Asks for its end.
    pub(crate) fn stop(&self) {
        self.stop.request();
    }

    /// Asks for its end because somebody wants it. The first time is the one that counts.
    pub(crate) fn cancel(&self, now: Timestamp) {
        self.cancel_asked.get_or_init(|| now);
        self.stop();
    }

    /// When somebody asked for its end.
    pub(crate) fn cancel_asked(&self) -> Option<Timestamp> {
        self.cancel_asked.get().copied()
    }
}

impl Reserved {
    pub(crate) fn id(&self) -> ExecutionId {
        self.entry.id
    }

    /// Its claim is recorded. Gives the run, and what it watches.
    pub(crate) fn begin(mut self, claim: Claim) -> (Running, Stop) {
        self.entry.claim.get_or_init(|| claim);
        if let Some(mut standing) = self.standing.take() {
            *standing = Standing::Running { canceled_by: None };
        }
        (Running { live: self.live.clone(), entry: Arc::clone(&self.entry), claim }, self.seen.clone())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // Whoever waits for the lock finds that it is over, and no entry.
        if self.standing.is_some() {
            self.live.forget(&self.entry);
        }
    }
}

impl Running {
    pub(crate) async fn standing(&self) -> OwnedMutexGuard<Standing> {
        self.entry.standing().await
    }

    /// The metadata says how it has ended, or that it is queued again.
    pub(crate) fn over(&self, mut standing: OwnedMutexGuard<Standing>) {
        *standing = Standing::Over;
        // Before the lock is free: whoever waits for it must not find the entry again.
        self.live.forget(&self.entry);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a panic, or when the end could not be recorded: its lease runs out, and it is taken back.
        self.live.forget(&self.entry);
    }
}

impl Standing {
    /// Who has asked for the end of what runs.
    pub(crate) fn canceled_by(&self) -> Option<&Name> {
        match self {
            Self::Running { canceled_by } => canceled_by.as_ref(),
            Self::Over => None,
        }
    }
}
