//! One execution in the worker: its events go out as they come, a stop comes in.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use forebay_core::event::{Event, EventSink};
use forebay_core::execution::Claim;
use forebay_core::id::ExecutionId;
use forebay_core::plane::PoolPlane;
use forebay_core::spec::ExecutionSpec;
use forebay_core::stop::Stop;
use futures::stream::{BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::protocol::run_command::Command;
use crate::protocol::run_news::News;
use crate::protocol::{RunCommand, RunNews};

/// News that wait to be sent; when the server does not read them, the run waits.
const NEWS_IN_FLIGHT: usize = 16;

/// The executions that run now.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<BTreeSet<ExecutionId>>>);

impl Running {
    pub(crate) fn list(&self) -> Vec<String> {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().map(ToString::to_string).collect()
    }

    fn enter(&self, id: ExecutionId) -> Entered {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Entered(self.clone(), id)
    }
}

struct Entered(Running, ExecutionId);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

struct Sink(mpsc::Sender<Result<RunNews, Status>>);

impl Sink {
    async fn tell(&self, news: News) {
        // A server that no longer reads has dropped the call, which stops the run as well.
        drop(self.0.send(Ok(RunNews { news: Some(news) })).await);
    }
}

#[async_trait]
impl EventSink for Sink {
    async fn record(&self, event: Event) {
        match serde_json::to_vec(&event) {
            Ok(event) => self.tell(News::Event(event)).await,
            Err(error) => tracing::error!(error = %error, "an event cannot be written as JSON"),
        }
    }
}

/// Starts the execution that the first command names, and gives its news.
pub(crate) async fn begin(
    plane: Arc<dyn PoolPlane>,
    running: &Running,
    mut commands: Streaming<RunCommand>,
) -> Result<BoxStream<'static, Result<RunNews, Status>>, Status> {
    let Some(RunCommand { command: Some(Command::Start(start)) }) = commands.message().await? else {
        return Err(Status::invalid_argument("the first command of a run starts it"));
    };
    // The text of an error could quote a secret.
    let unreadable = |_| Status::invalid_argument("the execution spec cannot be read by this version");
    let spec: ExecutionSpec = serde_json::from_slice(&start.spec).map_err(unreadable)?;
    let claim: Claim = serde_json::from_slice(&start.claim).map_err(unreadable)?;
    let entered = running.enter(spec.execution_id);
    let (sender, news) = mpsc::channel(NEWS_IN_FLIGHT);
    let (handle, stop) = Stop::new();
    // Ends with the run at the latest: the call is over when this end of the news is dropped.
    tokio::spawn(async move {
        let _entered = entered;
        let sink = Sink(sender);
        let run = plane.run(&spec, claim, &sink, &stop);
        tokio::pin!(run);
        let outcome = tokio::select! {
            outcome = &mut run => outcome,
            // The stop, or the end of the call: nobody waits for the outcome any more.
            _ = commands.message() => {
                handle.request();
                run.await
            }
        };
        match serde_json::to_vec(&outcome) {
            Ok(outcome) => sink.tell(News::Outcome(outcome)).await,
            Err(error) => tracing::error!(error = %error, "an outcome cannot be written as JSON"),
        }
    });
    Ok(ReceiverStream::new(news).boxed())
}
