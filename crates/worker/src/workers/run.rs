//! One execution in a worker, as the server sees it: events come in, a stop goes out, and there is an
//! end whatever becomes of the worker.

use forebay_core::event::{EventSink, Loss, Outcome};
use forebay_core::execution::Claim;
use forebay_core::spec::ExecutionSpec;
use forebay_core::stop::Stop;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::protocol::run_command::Command;
use crate::protocol::run_news::News;
use crate::protocol::{RunCommand, StartRun, StopRun};
use crate::workers::WorkerPlane;
use crate::workers::calls::{Trouble, trouble};
use crate::workers::worker::{Purpose, Worker};

const UNREADABLE: &str =
    "this version of Forebay and its worker do not understand each other; restart the server";
const PANICKED: &str = "an internal error ended the run; the server's log has the details";

impl WorkerPlane {
    pub(super) async fn run_in_worker(
        &self,
        spec: &ExecutionSpec,
        claim: Claim,
        events: &dyn EventSink,
        stop: &Stop,
    ) -> Outcome {
        let lease = tokio::select! {
            lease = self.lease(spec.pool_id, Purpose::Run) => lease,
            () = stop.requested() => return Outcome::Canceled,
        };
        let lease = match lease {
            Ok(lease) => lease,
            // Nothing ran, so this is no fault of the execution.
            Err(error) => return Outcome::Lost(Loss::Interrupted { reason: error.message }),
        };
        let (commands, receiver) = mpsc::channel(2);
        let start = match start_of(spec, claim) {
            Ok(start) => start,
            Err(error) => {
                tracing::error!(execution.id = %spec.execution_id, error = %error, "an execution spec cannot be written");
                return Outcome::Failed(PANICKED.to_owned());
            }
        };
        let starting = Command::Start(start);
        tell(&commands, starting).await;
        let told = follow(&lease, receiver, events);
        tokio::pin!(told);
        let told = tokio::select! {
            told = &mut told => told,
            () = stop.requested() => {
                tell(&commands, Command::Stop(StopRun {})).await;
                tokio::select! {
                    told = &mut told => told,
                    () = tokio::time::sleep(self.shared.patience.stop) => {
                        lease.kill(format!(
                            "the pool's worker was ended: execution {} was asked to stop and did not",
                            spec.execution_id
                        ));
                        lease.ended().await;
                        return Outcome::Canceled;
                    }
                }
            }
        };
        match told {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                tracing::error!(execution.id = %spec.execution_id, "a run ended without an outcome");
                Outcome::Failed(PANICKED.to_owned())
            }
            Err(status) => match trouble(&lease, status).await {
                // Whoever asked for the stop has it, however the run came to its end.
                Trouble::Ended(_) if stop.is_requested() => Outcome::Canceled,
                Trouble::Ended(end) => Outcome::Lost(end.loss()),
                Trouble::Call(status) => {
                    tracing::error!(execution.id = %spec.execution_id, error = &status as &dyn std::error::Error, "a worker does not take an execution");
                    Outcome::Failed(UNREADABLE.to_owned())
                }
            },
        }
    }
}

fn start_of(spec: &ExecutionSpec, claim: Claim) -> serde_json::Result<StartRun> {
    Ok(StartRun { spec: serde_json::to_vec(spec)?, claim: serde_json::to_vec(&claim)? })
}

async fn tell(commands: &mpsc::Sender<RunCommand>, command: Command) {
    // A call that is over takes no command and needs none.
    drop(commands.send(RunCommand { command: Some(command) }).await);
}

/// Passes events on, one after the other, to the outcome. `None` when there is none.
async fn follow(
    worker: &Worker,
    commands: mpsc::Receiver<RunCommand>,
    events: &dyn EventSink,
) -> Result<Option<Outcome>, Status> {
    let unreadable = |_| Status::invalid_argument("the worker's news cannot be read");
    let mut news = worker.client().run(ReceiverStream::new(commands)).await?.into_inner();
    while let Some(message) = news.message().await? {
        match message.news {
            Some(News::Event(event)) => {
                events.record(serde_json::from_slice(&event).map_err(unreadable)?).await;
            }
            Some(News::Outcome(outcome)) => {
                return serde_json::from_slice(&outcome).map(Some).map_err(unreadable);
            }
            None => {}
        }
    }
    Ok(None)
}
