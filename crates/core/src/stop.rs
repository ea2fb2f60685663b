//! The request to cancel: asked once, seen by everything that works for the execution.

use std::sync::Mutex;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;

/// What long work watches. Cloning gives another view of the same request.
#[derive(Clone, Debug)]
pub struct Stop(Shared<oneshot::Receiver<()>>);

/// The other end: asks for the stop.
#[derive(Debug)]
pub struct StopHandle(Mutex<Option<oneshot::Sender<()>>>);

impl Stop {
    /// A stop that can be asked for through the handle. Dropping the handle asks for nothing.
    #[must_use]
    pub fn new() -> (StopHandle, Self) {
        let (sender, receiver) = oneshot::channel();
        (StopHandle(Mutex::new(Some(sender))), Self(receiver.shared()))
    }

    /// A stop that nobody will ask for.
    #[must_use]
    pub fn never() -> Self {
        Self::new().1
    }

    /// Whether the stop has been asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        matches!(self.0.clone().now_or_never(), Some(Ok(())))
    }

    /// Resolves once the stop is asked for.
    pub async fn requested(&self) {
        if self.0.clone().await.is_err() {
            futures::future::pending::<()>().await;
        }
    }
}

impl StopHandle {
    /// Asks for the stop. A second request changes nothing.
    pub fn request(&self) {
        let sender = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // An error says that nobody listens any more: the work is over, and there is nothing to stop.
            sender.send(()).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_by_every_clone() {
        let (handle, stop) = Stop::new();
        let other = stop.clone();
        assert!(!stop.is_requested());
        handle.request();
        handle.request();
        assert!(stop.is_requested() && other.is_requested());
        futures::executor::block_on(other.requested());
    }

    #[test]
    fn dropping_the_handle_is_no_request() {
        let (handle, stop) = Stop::new();
        drop(handle);
        assert!(!stop.is_requested());
        assert!(stop.requested().now_or_never().is_none());
    }
}
