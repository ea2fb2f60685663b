//! The queue as the engine sees it: its limits, and why an execution waits. What is next is decided in
//! `forebay_core::queue`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use forebay_core::error::Result;
use forebay_core::execution::{Execution, Status};
use forebay_core::id::ExecutionId;
use forebay_core::queue::{Limits, Queue, WaitsFor};

use crate::Engine;

/// How old the queue may be that an answer is taken from: many callers who ask often cost one look.
const SEEN_FOR: Duration = Duration::from_millis(500);

/// The whole queue as it was a moment ago.
#[derive(Default)]
pub(crate) struct SeenQueue(Mutex<Option<(Instant, Arc<Queue>)>>);

impl Engine {
    pub(crate) fn limits(&self) -> Limits {
        let settings = &self.0.settings;
        Limits {
            running: settings.running_limit,
            per_pool: settings.pool_limit,
            per_source: settings.source_limit,
        }
    }

    /// Why an execution waits, as of a moment ago; `None` when it does not. Whoever may see the execution may
    /// know: it names no other one.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn waits_for(&self, execution: &Execution) -> Result<Option<WaitsFor>> {
        if execution.status != Status::Queued {
            return Ok(None);
        }
        let queue = self.seen_queue(execution.id).await?;
        Ok(queue.waits_for(execution.id, self.limits(), self.disk_has_room().is_err(), self.now()))
    }

    async fn seen_queue(&self, id: ExecutionId) -> Result<Arc<Queue>> {
        let seen = self.0.queue.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, queue)) = seen
            && at.elapsed() < SEEN_FOR
            && queue.waiting.iter().any(|waiting| waiting.id == id)
        {
            return Ok(queue);
        }
        let queue = Arc::new(self.store().whole_queue().await?);
        let seen = Some((Instant::now(), Arc::clone(&queue)));
        *self.0.queue.0.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(queue)
    }
}
