//! An execution as server-sent events: the whole state at once and after every change, until it
//! has ended. A reader who is slow skips to the newest state.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::id::ExecutionId;
use forebay_engine::{Changed, Engine};
use futures::Stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::{ExecutionView, TAG};
use crate::api::auth::Auth;
use crate::api::path::Path;
use crate::api::problem::Reply;

/// Follows an execution: events named `execution`, each with the whole state as JSON. The first is
/// the state as it is, the last the one in which the execution has ended; comments in between keep
/// the connection open.
#[utoipa::path(
    get, path = "", tag = TAG,
    responses((status = 200, body = ExecutionView, content_type = "text/event-stream"))
)]
pub(crate) async fn execution_events(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ExecutionId>,
) -> Reply<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    // Subscribed before the state is read, so that no change falls in between.
    let changes = engine.changes();
    engine.execution(&caller, id).await?;
    let follower = Follower { engine, caller, id, changes, last: String::new() };
    let stream = futures::stream::unfold(Some(follower), |follower| async { follower?.next().await });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

struct Follower {
    engine: Engine,
    caller: Caller,
    id: ExecutionId,
    changes: Receiver<Changed>,
    /// What was sent last.
    last: String,
}

impl Follower {
    /// The next event, and who sends the one after it: nobody when the execution has ended.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Option<Self>)> {
        loop {
            if !self.last.is_empty() {
                self.changed().await?;
            }
            let (text, is_finished) = match self.state().await {
                Ok(state) => state,
                // The permission was taken away, or the pool is gone.
                Err(Error::NotFound { .. } | Error::Forbidden(_)) => return None,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(execution.id = %self.id, error, "an execution cannot be followed");
                    return None;
                }
            };
            if text != self.last {
                let event = Event::default().event("execution").data(&text);
                self.last = text;
                return Some((Ok(event), (!is_finished).then_some(self)));
            }
            if is_finished {
                return None;
            }
        }
    }

    /// Waits until the execution may have changed; `None` when the engine is gone.
    async fn changed(&mut self) -> Option<()> {
        loop {
            match self.changes.recv().await {
                Ok(changed) if changed.0 != self.id => {}
                Ok(_) | Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return None,
            }
        }
        // The state read next has all the changes that are waiting, too.
        loop {
            match self.changes.try_recv() {
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(()),
            }
        }
    }

    async fn state(&self) -> Result<(String, bool)> {
        let (execution, tasks) = self.engine.execution(&self.caller, self.id).await?;
        let waits_for = self.engine.waits_for(&execution).await?;
        let view = ExecutionView::new(&execution, &tasks, waits_for);
        let text = serde_json::to_string(&view).map_err(Error::internal)?;
        Ok((text, execution.status.is_finished()))
    }
}
