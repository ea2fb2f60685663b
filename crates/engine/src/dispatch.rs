//! Claims queued executions, hands each frozen spec to the data plane and records its events.

use std::time::Duration;

use async_trait::async_trait;
use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::event::{Event, EventSink, Outcome};
use forebay_core::execution::{Execution, Status};
use forebay_core::id::ExecutionId;
use forebay_core::spec::ExecutionSpec;
use forebay_core::stop::Stop;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Engine;

/// Events wait here; a full channel makes the run wait for the store.
const EVENTS_IN_FLIGHT: usize = 1024;
/// The most events written in one transaction.
const EVENTS_AT_A_TIME: usize = 256;
/// How long a due execution waits at most when its wake-up was lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Engine {
    /// Ends what a stopped server left behind, then runs what is queued until the stop is asked
    /// for; then what still runs is cancelled and waited for.
    ///
    /// # Errors
    /// Only internal ones, and only before the first execution is claimed.
    pub async fn dispatch(&self, stop: Stop) -> Result<()> {
        for execution in self.store().interrupted_executions().await? {
            let text = "the server stopped while this execution ran; every table is as it was before or \
                        completely loaded, and starting the job again goes on from there";
            self.store().finish_execution(execution.id, Status::Fail, Some(text), self.now()).await?;
            tracing::warn!(execution.id = %execution.id, data_pool.id = %execution.pool_id, "execution was interrupted");
        }
        let mut running = JoinSet::new();
        while !stop.is_requested() {
            if let Err(error) = self.claim_all(&mut running).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the queue of executions cannot be read"
                );
            }
            tokio::select! {
                () = self.0.wake.notified() => {}
                Some(_) = running.join_next() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = stop.requested() => {}
            }
        }
        for handle in self.0.live.lock().await.values() {
            handle.request();
        }
        while running.join_next().await.is_some() {}
        Ok(())
    }

    async fn claim_all(&self, running: &mut JoinSet<()>) -> Result<()> {
        loop {
            let mut live = self.0.live.lock().await;
            let claimed = self.store().claim_execution(self.now(), self.0.settings.running_limit).await?;
            let Some((execution, spec)) = claimed else { return Ok(()) };
            let (handle, stop) = Stop::new();
            live.insert(execution.id, handle);
            drop(live);
            self.changed(execution.id);
            let engine = self.clone();
            running.spawn(async move { engine.run(execution, spec, stop).await });
        }
    }

    async fn run(&self, execution: Execution, spec: String, stop: Stop) {
        let id = execution.id;
        tracing::info!(execution.id = %id, data_pool.id = %execution.pool_id, "execution started");
        let (sender, receiver) = mpsc::channel(EVENTS_IN_FLIGHT);
        let recorder = tokio::spawn(record(self.clone(), id, receiver));
        let outcome = match serde_json::from_str::<ExecutionSpec>(&spec) {
            Ok(spec) => {
                let engine = self.clone();
                let events = Events { engine: self.clone(), sender };
                // A task of its own: a panic in a run ends that run and nothing else.
                let run = tokio::spawn(async move { engine.0.plane.run(&spec, &events, &stop).await });
                match run.await {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        tracing::error!(execution.id = %id, error = %error, "a run ended in a panic");
                        Outcome::Failed(
                            "an internal error ended the run; the server's log has the details".to_owned(),
                        )
                    }
                }
            }
            Err(error) => {
                drop(sender);
                tracing::error!(execution.id = %id, error = %error, "a stored execution spec cannot be read");
                Outcome::Failed("the stored job cannot be read by this version; start it again".to_owned())
            }
        };
        if let Err(error) = recorder.await {
            tracing::error!(execution.id = %id, error = %error, "the recorder of events ended in a panic");
        }
        let (status, message) = match &outcome {
            Outcome::Succeeded => (Status::Success, None),
            Outcome::Failed(message) => (Status::Fail, Some(message.as_str())),
            Outcome::Canceled => (Status::Cancel, Some("cancelled")),
        };
        // The state must reach the store, or the job could never be started again.
        let mut pause = Duration::from_millis(100);
        while let Err(error) = self.store().finish_execution(id, status, message, self.now()).await {
            tracing::error!(execution.id = %id, error = &error as &dyn std::error::Error, "the end of an execution cannot be recorded");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
        self.0.live.lock().await.remove(&id);
        self.changed(id);
        tracing::info!(execution.id = %id, status = status.as_str(), "execution finished");
    }
}

struct Events {
    engine: Engine,
    sender: mpsc::Sender<(Timestamp, Event)>,
}

#[async_trait]
impl EventSink for Events {
    async fn record(&self, event: Event) {
        // The recorder outlives the run, so a closed channel means that it panicked, which is logged there.
        drop(self.sender.send((self.engine.now(), event)).await);
    }
}

/// Writes events in batches: as many as have come while the last ones were written.
async fn record(engine: Engine, id: ExecutionId, mut receiver: mpsc::Receiver<(Timestamp, Event)>) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, EVENTS_AT_A_TIME).await > 0 {
        if let Err(error) = engine.store().apply_events(id, &batch).await {
            log_lost(id, batch.len(), &error);
        }
        batch.clear();
        engine.changed(id);
    }
}

fn log_lost(id: ExecutionId, events: usize, error: &Error) {
    tracing::error!(execution.id = %id, events, error = error as &dyn std::error::Error, "events of an execution are lost");
}
