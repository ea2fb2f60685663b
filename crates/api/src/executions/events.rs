//! An execution as server-sent events: the whole state at once and after every change, until it
//! has ended. A reader who is slow skips to the newest state.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::id::ExecutionId;
use forebay_engine::{Engine, Following};
use futures::Stream;
use tokio::time::Instant;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::{ExecutionView, TAG};
use crate::auth::Auth;
use crate::path::Path;
use crate::problem::Reply;

/// What every event is called.
const EVENT: &str = "execution";
/// Between two states a follower rests this many times as long as it took to read one: an execution of a thousand
/// tables is told less often than one of two, and costs its followers the same.
const REST: u32 = 10;
/// The longest rest. The end of a run is told at once.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// Follows an execution: events named `execution`, each with the whole state as JSON. The first is
/// the state as it is, the last the one in which the execution has ended; comments in between keep
/// the connection open.
#[utoipa::path(
    get, path = "", tag = TAG,
    responses((status = 200, body = ExecutionEvent, content_type = "text/event-stream"))
)]
pub(crate) async fn execution_events(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ExecutionId>,
) -> Reply<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    follow(engine, caller, id).await
}

/// The same, for whoever has been found out otherwise.
pub async fn follow(
    engine: Engine,
    caller: Caller,
    id: ExecutionId,
) -> Reply<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    // Followed before the state is read, so that no change falls in between.
    let news = engine.news_of(id);
    let mut follower =
        Follower { engine, caller, id, news, last: String::new(), unsent: None, rested: Instant::now() };
    follower.unsent = Some(follower.read().await?);
    let stream = futures::stream::unfold(Some(follower), |follower| async { follower?.next().await });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// One event of the stream. Comments, which keep the connection open, are none.
pub(crate) struct ExecutionEvent;

impl PartialSchema for ExecutionEvent {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let state = Ref::from_schema_name(ExecutionView::name());
        ObjectBuilder::new()
            .description(Some("One event of the stream. Comments, which keep the connection open, are none."))
            .property("event", text().enum_values(Some([EVENT])))
            .required("event")
            .property("data", text().content_media_type("application/json").content_schema(Some(state)))
            .required("data")
            .build()
            .into()
    }
}

impl ToSchema for ExecutionEvent {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ExecutionView::schemas(schemas);
        schemas.push((ExecutionView::name().into_owned(), ExecutionView::schema()));
    }
}

struct Follower {
    engine: Engine,
    caller: Caller,
    id: ExecutionId,
    news: Following,
    /// What was sent last.
    last: String,
    /// The first state.
    unsent: Option<Seen>,
    /// When the next state may be read.
    rested: Instant,
}

/// A state as JSON, and whether it is that of the end.
type Seen = (String, bool);

impl Follower {
    /// The next event, and who sends the one after it: nobody when the execution has ended.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Option<Self>)> {
        loop {
            let (text, is_finished) = match self.unsent.take() {
                Some(first) => first,
                None => {
                    self.news.changed().await;
                    tokio::select! {
                        () = tokio::time::sleep_until(self.rested) => {}
                        () = self.news.over() => {}
                    }
                    // It has all the changes that are waiting, too.
                    self.state_or_end().await?
                }
            };
            if text != self.last {
                let event = Event::default().event(EVENT).data(&text);
                self.last = text;
                return Some((Ok(event), (!is_finished).then_some(self)));
            }
            if is_finished {
                return None;
            }
        }
    }

    /// `None` when it cannot be followed any more.
    async fn state_or_end(&mut self) -> Option<Seen> {
        match self.read().await {
            Ok(state) => Some(state),
            // The permission was taken away, or the pool is gone.
            Err(Error::NotFound { .. } | Error::Forbidden(_)) => None,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(execution.id = %self.id, error, "an execution cannot be followed");
                None
            }
        }
    }

    async fn read(&mut self) -> Result<Seen> {
        let begun = Instant::now();
        let state = self.state().await;
        self.rested = Instant::now() + (begun.elapsed() * REST).min(LONGEST_REST);
        state
    }

    async fn state(&self) -> Result<Seen> {
        let (execution, tasks) = self.engine.execution(&self.caller, self.id).await?;
        let waits_for = self.engine.waits_for(&execution).await?;
        let view = ExecutionView::new(&execution, &tasks, waits_for);
        let text = serde_json::to_string(&view).map_err(Error::internal)?;
        Ok((text, execution.status.is_finished()))
    }
}
