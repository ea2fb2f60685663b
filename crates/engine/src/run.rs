//! One claimed execution, from its frozen spec to its end: hands it to the data plane, records its events, and
//! records how it ended or that it goes back into the queue.

use std::time::Duration;

use async_trait::async_trait;
use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::event::{Event, EventSink, Loss, Outcome};
use forebay_core::execution::{Claim, Execution, LogLevel, Status, TaskExecution};
use forebay_core::id::ExecutionId;
use forebay_core::name::Name;
use forebay_core::spec::{ExecutionSpec, Work};
use forebay_core::stop::Stop;
use forebay_store::{Claimed, Requeue};
use tokio::sync::mpsc;

use crate::Engine;
use crate::dispatch::log;
use crate::live::Running;
use crate::rescuer::Aftermath;

/// Events wait here; a full channel makes the run wait for the store.
const EVENTS_IN_FLIGHT: usize = 1024;
/// The most events written in one transaction.
const EVENTS_AT_A_TIME: usize = 256;
/// How often it is tried to write them before they are lost.
const EVENT_ATTEMPTS: u32 = 5;
/// How long is waited before the end of an execution is recorded again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often that is tried once the server stops.
const TRIES_IN_A_STOP: u32 = 5;

/// Events of a run, each with its moment.
type News = Vec<(Timestamp, Event)>;

/// Where a run leaves its execution.
enum End {
    Finish(Status, Option<String>),
    Requeue(Requeue),
}

impl Engine {
    pub(crate) async fn run(&self, run: Running, claimed: Claimed, stop: Stop, server: Stop) {
        let Claimed { execution, claim, spec } = claimed;
        tracing::info!(
            execution.id = %execution.id, data_pool.id = %execution.pool_id, claim = claim.number,
            attempt = execution.attempt, "execution started"
        );
        let (outcome, last) = match self.prepare(&execution, spec.as_deref()).await {
            Ok(spec) => self.run_to_its_end(spec, claim, stop).await,
            Err(outcome) => (outcome, News::new()),
        };
        self.end(&run, &execution, &outcome, last, &server).await;
        drop(run);
        self.run_of_push_is_over(&execution).await;
        self.run_is_over(execution.id);
        // Its place is free, and it may be due again itself.
        self.0.wake.notify_one();
    }

    /// What is left to do, if whoever started it may still have it done.
    async fn prepare(&self, execution: &Execution, spec: Option<&str>) -> Result<ExecutionSpec, Outcome> {
        let Some(spec) = spec else {
            let text = "what this execution was to do cannot be read any more; start the data job again";
            return Err(Outcome::Failed(text.to_owned()));
        };
        if let Some(refusal) = self.refusal(execution).await.map_err(|error| unread(execution.id, &error))? {
            return Err(Outcome::Failed(refusal));
        }
        let mut spec: ExecutionSpec = serde_json::from_str(spec).map_err(|error| {
            tracing::error!(execution.id = %execution.id, error = %error, "a stored execution spec cannot be read");
            Outcome::Failed("the stored job cannot be read by this version; start it again".to_owned())
        })?;
        // One that was never interrupted has nothing behind it.
        if execution.attempt > 1 || execution.interruptions > 0 {
            let tasks = self.store().task_executions(execution.id).await;
            leave_out_what_is_over(&mut spec, &tasks.map_err(|error| unread(execution.id, &error))?);
        }
        Ok(spec)
    }

    /// Why an execution may not begin although it was allowed to be queued.
    async fn refusal(&self, execution: &Execution) -> Result<Option<String>> {
        let caller = match self.caller_of(execution.started_by).await {
            Ok(caller) => caller,
            Err(Error::NotFound { kind, .. }) => {
                let text = format!("the {kind} that started this execution does not exist any more");
                return Ok(Some(format!("{text}; let somebody else start the data job")));
            }
            Err(error) => return Err(error),
        };
        let purpose = self.store().job_purpose(execution.job_id).await?;
        match self.pool_to_run(&caller, execution.pool_id, purpose).await {
            Ok(_) => Ok(None),
            Err(Error::NotFound { .. } | Error::Forbidden(_)) => Ok(Some(format!(
                "{} started this execution and may not {} of this pool any more; ask for the permission again, or \
                 let somebody else start it",
                caller.name,
                purpose.what_is_done()
            ))),
            Err(error) => Err(error),
        }
    }

    /// How the run has ended, and what it said last, which is to be recorded with that.
    async fn run_to_its_end(&self, spec: ExecutionSpec, claim: Claim, stop: Stop) -> (Outcome, News) {
        let id = spec.execution_id;
        let (sender, receiver) = mpsc::channel(EVENTS_IN_FLIGHT);
        let recorder = tokio::spawn(record(self.clone(), id, claim, receiver));
        let engine = self.clone();
        let events = Events { engine: self.clone(), sender };
        // A task of its own: a panic in a run ends that run and nothing else.
        let run = tokio::spawn(async move { engine.0.plane.run(&spec, claim, &events, &stop).await });
        let outcome = match run.await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(execution.id = %id, error = %error, "a run ended in a panic");
                Outcome::Failed(
                    "an internal error ended the run; the server's log has the details".to_owned(),
                )
            }
        };
        let last = recorder.await.unwrap_or_else(|error| {
            tracing::error!(execution.id = %id, error = %error, "the recorder of events ended in a panic");
            News::new()
        });
        (outcome, last)
    }

    /// Records where a run has left its execution. That must reach the store, or the job could never be started
    /// again; when the server stops first, the next start finds it running and takes it back.
    async fn end(
        &self,
        run: &Running,
        execution: &Execution,
        outcome: &Outcome,
        mut last: News,
        server: &Stop,
    ) {
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        let mut tries_in_a_stop = 0;
        loop {
            let Err(error) = self.record_end(run, execution, outcome, &last, server).await else { return };
            tries += 1;
            let lost = tries == EVENT_ATTEMPTS && !last.is_empty();
            tracing::error!(
                execution.id = %execution.id, lost, error = &error as &dyn std::error::Error,
                "the end of an execution cannot be recorded"
            );
            if lost {
                // Events that cannot be written must not keep it from its end.
                last.clear();
            }
            let stopping = server.is_requested();
            if stopping {
                tries_in_a_stop += 1;
                pause = FIRST_PAUSE;
            }
            if tries_in_a_stop == TRIES_IN_A_STOP {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = server.requested(), if !stopping => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn record_end(
        &self,
        run: &Running,
        execution: &Execution,
        outcome: &Outcome,
        last: &[(Timestamp, Event)],
        server: &Stop,
    ) -> Result<()> {
        // Held to the end: a cancel comes before, and is seen, or after, and finds it queued or ended.
        let standing = run.standing().await;
        let (id, claim, now) = (execution.id, run.claim, self.now());
        let recorded = match end_of(execution, outcome, standing.canceled_by(), server, now) {
            End::Finish(status, message) => {
                let mut last = last.to_vec();
                if let (Status::Fail, Outcome::Lost(_), Some(text)) = (status, outcome, &message) {
                    last.push((now, log(LogLevel::Error, "EXECUTION_LOST", text)));
                }
                let message = message.as_deref();
                let recorded = self.store().finish_claimed(id, claim, &last, status, message, now).await?;
                if recorded {
                    tracing::info!(execution.id = %id, status = status.as_str(), "execution finished");
                }
                recorded
            }
            End::Requeue(requeue) => {
                let recorded = self.store().requeue_execution(id, claim, last, &requeue).await?;
                if recorded {
                    let reason = requeue.because;
                    tracing::warn!(execution.id = %id, reason, "execution put back into the queue");
                }
                recorded
            }
        };
        if !recorded {
            // Whoever holds a newer claim of it, or ended it, tells the rest.
            tracing::warn!(
                execution.id = %id, claim = claim.number,
                "a run has ended that no longer held its execution; what it says is not taken"
            );
        }
        run.over(standing);
        Ok(())
    }
}

/// That the metadata could not be read, which is no fault of the execution.
fn unread(id: ExecutionId, error: &Error) -> Outcome {
    let error = error as &dyn std::error::Error;
    tracing::error!(execution.id = %id, error, "an execution cannot be prepared");
    Outcome::Lost(Loss::Interrupted { reason: "the metadata could not be read".to_owned() })
}

/// A cancel stands unless the run had succeeded before it looked.
fn end_of(
    execution: &Execution,
    outcome: &Outcome,
    canceled_by: Option<&Name>,
    server: &Stop,
    now: Timestamp,
) -> End {
    let after = |loss: &Loss| match Aftermath::of(execution, loss, now) {
        Aftermath::Requeue(requeue) => End::Requeue(requeue),
        Aftermath::Fail(message) => End::Finish(Status::Fail, Some(message)),
    };
    match (outcome, canceled_by) {
        (Outcome::Succeeded, _) => End::Finish(Status::Success, None),
        (Outcome::Failed(message), Some(name)) => {
            let text = format!("canceled by {name}; before it stopped it had failed: {message}");
            End::Finish(Status::Cancel, Some(text))
        }
        (Outcome::Failed(message), None) => End::Finish(Status::Fail, Some(message.clone())),
        (Outcome::Canceled | Outcome::Lost(_), Some(name)) => {
            End::Finish(Status::Cancel, Some(format!("canceled by {name}")))
        }
        (Outcome::Canceled, None) if server.is_requested() => {
            after(&Loss::Interrupted { reason: "the server was stopped".to_owned() })
        }
        (Outcome::Canceled, None) => End::Finish(Status::Cancel, Some("canceled".to_owned())),
        (Outcome::Lost(loss), None) => after(loss),
    }
}

/// Leaves out what an execution has done before it was interrupted: whole tasks, and of the extraction or push that
/// was interrupted the tables that are loaded.
fn leave_out_what_is_over(spec: &mut ExecutionSpec, tasks: &[TaskExecution]) {
    let told = |id| tasks.iter().find(|told| told.task_id == id);
    spec.tasks.retain(|task| !told(task.id).is_some_and(|told| told.status.is_finished()));
    for task in &mut spec.tasks {
        let done = match &mut task.work {
            Work::Extraction(extraction) => &mut extraction.done,
            Work::DataPush(push) => &mut push.done,
            Work::Transformation { .. } | Work::DataModelLoad(_) => continue,
        };
        let steps = told(task.id).map(|told| told.steps.as_slice()).unwrap_or_default();
        let over = steps.iter().filter(|step| matches!(step.status, Status::Success | Status::Skipped));
        *done = over.map(|step| step.position).collect();
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

/// Writes events in batches: as many as have come while the last ones were written. Gives those that came last, when
/// they are to be written with the end.
async fn record(
    engine: Engine,
    id: ExecutionId,
    claim: Claim,
    mut receiver: mpsc::Receiver<(Timestamp, Event)>,
) -> News {
    let mut batch = Vec::new();
    let mut held = true;
    while receiver.recv_many(&mut batch, EVENTS_AT_A_TIME).await > 0 {
        if held && receiver.is_closed() && receiver.is_empty() {
            return batch;
        }
        for attempt in 1..=EVENT_ATTEMPTS {
            // What a run says that was taken away is heard to its end, so that it is not held up, and not kept.
            if !held {
                break;
            }
            let error = match engine.store().record_events(id, claim, &batch).await {
                Ok(taken) => {
                    held = taken;
                    break;
                }
                Err(error) => error,
            };
            let (events, last) = (batch.len(), attempt == EVENT_ATTEMPTS);
            tracing::error!(execution.id = %id, events, lost = last, error = &error as &dyn std::error::Error, "events of an execution cannot be recorded");
            if !last {
                tokio::time::sleep(FIRST_PAUSE).await;
            }
        }
        batch.clear();
        engine.changed(id);
    }
    News::new()
}
