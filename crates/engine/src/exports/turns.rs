//! Which exports run now, and which wait: the first that came is the first that runs. A pool cannot fill the queue.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_core::error::{Error, Result};
use forebay_core::id::{DataExportId, DataPoolId};
use tokio::sync::Notify;

use crate::Engine;

/// The most exports of one pool that wait or run.
const MOST_OF_A_POOL: usize = 20;
/// The same of all pools.
const MOST: usize = 200;
/// How soon a limit that was raised is noticed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The exports of this run of the server that have not ended.
#[derive(Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    pools: HashMap<DataExportId, DataPoolId>,
    waiting: VecDeque<DataExportId>,
    running: usize,
}

/// An export that waits or runs, until this goes away.
pub(crate) struct Entered {
    engine: Engine,
    id: DataExportId,
}

/// An export that runs, until this goes away.
pub(crate) struct Turn<'e>(&'e Turns);

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it waits or runs here.
    pub(crate) fn runs(&self, id: DataExportId) -> bool {
        self.lock().pools.contains_key(&id)
    }
}

impl Engine {
    /// Lines an export up.
    ///
    /// # Errors
    /// `Unavailable` when too many wait.
    pub(super) fn line_up(&self, id: DataExportId, pool: DataPoolId) -> Result<Entered> {
        let mut state = self.0.exports.lock();
        let of_pool = state.pools.values().filter(|other| **other == pool).count();
        if of_pool >= MOST_OF_A_POOL || state.pools.len() >= MOST {
            let what = format!(
                "{of_pool} data exports of this data pool and {} of all are not done yet; try again when some are",
                state.pools.len()
            );
            return Err(Error::Unavailable { what });
        }
        state.pools.insert(id, pool);
        state.waiting.push_back(id);
        Ok(Entered { engine: self.clone(), id })
    }
}

impl Entered {
    /// Waits until it may run.
    ///
    /// # Errors
    /// When the limit cannot be read.
    pub(super) async fn turn(&self) -> Result<Turn<'_>> {
        let turns = &self.engine.0.exports;
        loop {
            let changed = turns.changed.notified();
            let most = self.engine.store().settings().await?.exports_at_a_time();
            {
                let mut state = turns.lock();
                if state.running < most && state.waiting.front() == Some(&self.id) {
                    state.waiting.pop_front();
                    state.running += 1;
                    turns.changed.notify_waiters();
                    return Ok(Turn(turns));
                }
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.changed.notify_waiters();
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let turns = &self.engine.0.exports;
        {
            let mut state = turns.lock();
            state.pools.remove(&self.id);
            state.waiting.retain(|waiting| *waiting != self.id);
        }
        turns.changed.notify_waiters();
    }
}
