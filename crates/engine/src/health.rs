//! Whether the server is ready for work, check by check. What is said is for everybody: it holds no secret, no
//! path and no name.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::Engine;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// A disk that was not looked at for so long does not answer.
const LAST_LOOK: Duration = Duration::from_secs(30);

/// One thing that must be good before the server is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    /// What is wrong; `None`: nothing.
    pub problem: Option<&'static str>,
}

/// Whether the dispatcher is at work.
#[derive(Default)]
pub(crate) struct Dispatching(AtomicBool);

/// The dispatcher is at work for as long as this lives.
pub(crate) struct AtWork<'a>(&'a Dispatching);

impl Dispatching {
    pub(crate) fn begin(&self) -> AtWork<'_> {
        self.0.store(true, Ordering::Relaxed);
        AtWork(self)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

impl Engine {
    /// What must be good before the server is ready, and what is not.
    pub async fn checks(&self) -> [Check; 3] {
        let metadata = match tokio::time::timeout(PATIENCE, self.store().settings()).await {
            Ok(Ok(_)) => None,
            Ok(Err(_)) => Some("the metadata cannot be read; the log has the details"),
            Err(_) => Some("the metadata does not answer"),
        };
        let dispatcher = match self.0.dispatching.0.load(Ordering::Relaxed) {
            true => None,
            false => Some("the queue of executions is not worked on"),
        };
        let disk = match self.disk() {
            None => Some("the disk was not looked at yet"),
            Some(state) if state.space.is_none() || state.looked_at.elapsed() > LAST_LOOK => {
                Some("the disk of the data folder does not answer")
            }
            Some(state) if !state.takes_writes => Some("the disk of the data folder takes no writes"),
            Some(_) => None,
        };
        [("metadata", metadata), ("dispatcher", dispatcher), ("disk", disk)]
            .map(|(name, problem)| Check { name, problem })
    }
}
