//! Claims queued executions, hands each frozen spec to the data plane and records its events.

use std::time::Duration;

use async_trait::async_trait;
use forebay_core::Timestamp;
use forebay_core::error::Result;
use forebay_core::event::{Event, EventSink, Outcome};
use forebay_core::execution::{Execution, LogLevel, Status};
use forebay_core::id::ExecutionId;
use forebay_core::spec::{ExecutionSpec, TaskSpec};
use forebay_core::stop::Stop;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::{Engine, Live};

/// Events wait here; a full channel makes the run wait for the store.
const EVENTS_IN_FLIGHT: usize = 1024;
/// The most events written in one transaction.
const EVENTS_AT_A_TIME: usize = 256;
/// How long a due execution waits at most when its wake-up was lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is tried to write them before they are lost.
const EVENT_ATTEMPTS: u32 = 5;
/// How long is waited before the end of an execution is recorded again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Engine {
    /// Cleans up what a crash left behind, then runs what is queued until the stop is asked for. Then
    /// what still runs is stopped, waited for, and put back into the queue: the next start goes on
    /// with it.
    ///
    /// # Errors
    /// Only internal ones, and only before the first execution is claimed.
    pub async fn dispatch(&self, stop: Stop) -> Result<()> {
        self.remove_rows_of_deleted_pools().await;
        for execution in self.store().interrupted_executions().await? {
            self.fail_interrupted(&execution).await?;
        }
        let mut running = JoinSet::new();
        while !stop.is_requested() {
            if let Err(error) = self.claim_all(&mut running, &stop).await {
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
        for live in self.0.live.lock().await.values() {
            live.stop.request();
        }
        while running.join_next().await.is_some() {}
        Ok(())
    }

    /// Nobody knows how far a crashed server came, so its executions are not gone on with unasked.
    async fn fail_interrupted(&self, execution: &Execution) -> Result<()> {
        let text = "the server stopped while this execution ran; every table is as it was before or \
                    completely loaded, and starting the job again goes on from there";
        let log = log(LogLevel::Error, "EXECUTION_INTERRUPTED", text);
        self.store().apply_events(execution.id, &[(self.now(), log)]).await?;
        self.store().finish_execution(execution.id, Status::Fail, Some(text), self.now()).await?;
        tracing::warn!(execution.id = %execution.id, data_pool.id = %execution.pool_id, "execution was interrupted");
        Ok(())
    }

    async fn claim_all(&self, running: &mut JoinSet<()>, server: &Stop) -> Result<()> {
        loop {
            let mut live = self.0.live.lock().await;
            let claimed = self.store().claim_execution(self.now(), self.0.settings.running_limit).await?;
            let Some((execution, spec)) = claimed else { return Ok(()) };
            let (handle, stop) = Stop::new();
            live.insert(execution.id, Live { stop: handle, canceled_by: None });
            drop(live);
            self.changed(execution.id);
            let (engine, server) = (self.clone(), server.clone());
            running.spawn(async move { engine.run(execution, spec, stop, server).await });
        }
    }

    async fn run(&self, execution: Execution, spec: String, stop: Stop, server: Stop) {
        let id = execution.id;
        tracing::info!(execution.id = %id, data_pool.id = %execution.pool_id, "execution started");
        let outcome = match self.rest_of(id, &spec).await {
            Ok(spec) => self.run_to_its_end(spec, stop).await,
            Err(message) => Outcome::Failed(message),
        };
        if outcome == Outcome::Canceled && server.is_requested() && self.put_back(id).await {
            return;
        }
        let canceled = match self.0.live.lock().await.get(&id).and_then(|live| live.canceled_by.clone()) {
            Some(name) => format!("canceled by {name}"),
            None => "canceled".to_owned(),
        };
        let (status, message) = match &outcome {
            Outcome::Succeeded => (Status::Success, None),
            Outcome::Failed(message) => (Status::Fail, Some(message.as_str())),
            Outcome::Canceled => (Status::Cancel, Some(canceled.as_str())),
        };
        self.finish(id, status, message, &server).await;
        self.0.live.lock().await.remove(&id);
        self.changed(id);
    }

    /// What is left to do of an execution: everything, unless it was put back after some of its tasks.
    async fn rest_of(&self, id: ExecutionId, spec: &str) -> Result<ExecutionSpec, String> {
        let mut spec: ExecutionSpec = serde_json::from_str(spec).map_err(|error| {
            tracing::error!(execution.id = %id, error = %error, "a stored execution spec cannot be read");
            "the stored job cannot be read by this version; start it again".to_owned()
        })?;
        let tasks = self.store().task_executions(id).await.map_err(|error| {
            tracing::error!(execution.id = %id, error = &error as &dyn std::error::Error, "the tasks of an execution cannot be read");
            "the tasks of this execution cannot be read; start the job again".to_owned()
        })?;
        let is_over =
            |task: &TaskSpec| tasks.iter().any(|told| told.task_id == task.id && told.status.is_finished());
        spec.tasks.retain(|task| !is_over(task));
        Ok(spec)
    }

    async fn run_to_its_end(&self, spec: ExecutionSpec, stop: Stop) -> Outcome {
        let id = spec.execution_id;
        let (sender, receiver) = mpsc::channel(EVENTS_IN_FLIGHT);
        let recorder = tokio::spawn(record(self.clone(), id, receiver));
        let engine = self.clone();
        let events = Events { engine: self.clone(), sender };
        // A task of its own: a panic in a run ends that run and nothing else.
        let run = tokio::spawn(async move { engine.0.plane.run(&spec, &events, &stop).await });
        let outcome = match run.await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(execution.id = %id, error = %error, "a run ended in a panic");
                Outcome::Failed(
                    "an internal error ended the run; the server's log has the details".to_owned(),
                )
            }
        };
        if let Err(error) = recorder.await {
            tracing::error!(execution.id = %id, error = %error, "the recorder of events ended in a panic");
        }
        outcome
    }

    /// Puts an execution that the server's stop interrupted back into the queue. `false` when
    /// somebody canceled it, which stands.
    async fn put_back(&self, id: ExecutionId) -> bool {
        // Held to the end: a cancel comes before, and is seen, or after, and finds it queued.
        let mut live = self.0.live.lock().await;
        if live.get(&id).is_some_and(|live| live.canceled_by.is_some()) {
            return false;
        }
        let text = "the server was stopped, so the execution is queued again: the next start goes on with \
                    the task that was interrupted";
        let told = [(self.now(), log(LogLevel::Warning, "EXECUTION_REQUEUED", text))];
        let put_back = match self.store().apply_events(id, &told).await {
            Ok(()) => self.store().requeue_execution(id).await,
            Err(error) => Err(error),
        };
        match put_back {
            Ok(_) => tracing::info!(execution.id = %id, "execution put back into the queue"),
            // The next start finds it running and ends it.
            Err(error) => {
                tracing::error!(execution.id = %id, error = &error as &dyn std::error::Error, "an execution cannot be put back into the queue");
            }
        }
        live.remove(&id);
        self.changed(id);
        true
    }

    /// Records the end of an execution. It must reach the store, or the job could never be started
    /// again; when the server stops first, the next start finds it running and ends it.
    async fn finish(&self, id: ExecutionId, status: Status, message: Option<&str>, server: &Stop) {
        let mut pause = FIRST_PAUSE;
        loop {
            let last = server.is_requested();
            match self.store().finish_execution(id, status, message, self.now()).await {
                Ok(_) => {
                    tracing::info!(execution.id = %id, status = status.as_str(), "execution finished");
                    return;
                }
                Err(error) => {
                    tracing::error!(execution.id = %id, error = &error as &dyn std::error::Error, "the end of an execution cannot be recorded");
                }
            }
            if last {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = server.requested() => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn log(level: LogLevel, code: &str, text: &str) -> Event {
    Event::Log { task: None, level, code: code.to_owned(), text: text.to_owned() }
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
        for attempt in 1..=EVENT_ATTEMPTS {
            let Err(error) = engine.store().apply_events(id, &batch).await else { break };
            let (events, last) = (batch.len(), attempt == EVENT_ATTEMPTS);
            tracing::error!(execution.id = %id, events, lost = last, error = &error as &dyn std::error::Error, "events of an execution cannot be recorded");
            if !last {
                tokio::time::sleep(FIRST_PAUSE).await;
            }
        }
        batch.clear();
        engine.changed(id);
    }
}
