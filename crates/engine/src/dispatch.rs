//! Claims what is next in the queue, up to the limits, and lets it run. How one execution runs is in `run`, who
//! keeps the claims is in `rescuer`.

use std::time::Duration;

use forebay_core::error::Result;
use forebay_core::event::Event;
use forebay_core::execution::LogLevel;
use forebay_core::stop::Stop;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::rescuer::lease_from;
use crate::{Engine, Live};

/// How long a due execution waits at most when its wake-up was lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Engine {
    /// Takes back what a crash interrupted, then runs what is queued until the stop is asked for. Then nothing
    /// begins any more; what still runs has some time to end by itself, is then stopped and put back into the
    /// queue: the next start goes on with it.
    /// What cannot be read or written is logged and tried again.
    pub async fn dispatch(&self, stop: Stop) {
        self.remove_rows_of_deleted_pools().await;
        let _at_work = self.0.dispatching.begin();
        tokio::select! {
            () = self.run_queue(stop) => {}
            () = self.keep_leases() => {}
        }
    }

    async fn run_queue(&self, stop: Stop) {
        let mut running = JoinSet::new();
        let mut taken_back = false;
        while !stop.is_requested() {
            let looked = match taken_back {
                true => self.claim_all(&mut running, &stop).await,
                false => self.take_back_all().await,
            };
            match looked {
                Ok(()) if !taken_back => {
                    taken_back = true;
                    continue;
                }
                Ok(()) => {}
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the queue of executions cannot be read or written; it is tried again"
                ),
            }
            tokio::select! {
                () = self.0.wake.notified() => {}
                Some(_) = running.join_next() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = stop.requested() => {}
            }
        }
        self.drain(&mut running).await;
    }

    /// Lets what runs end, by itself as long as there is time.
    async fn drain(&self, running: &mut JoinSet<()>) {
        let left = running.len();
        if left > 0 {
            let seconds = self.0.settings.drain.as_secs();
            tracing::info!(executions = left, seconds, "nothing begins any more; waiting for what runs");
        }
        let ended = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(self.0.settings.drain, ended).await.is_ok() {
            return;
        }
        for live in self.0.live.lock().await.values() {
            live.stop.request();
        }
        while running.join_next().await.is_some() {}
    }

    async fn claim_all(&self, running: &mut JoinSet<()>, server: &Stop) -> Result<()> {
        let limits = self.limits();
        loop {
            let mut live = self.0.live.lock().await;
            // What waits for room on the disk is looked at again when there is some.
            if live.len() >= limits.running || server.is_requested() || self.disk_has_room().is_err() {
                return Ok(());
            }
            let now = self.now();
            let queue = self.store().front_of_queue(now).await?;
            let Some(id) = queue.next(limits, false, now) else { return Ok(()) };
            // One that was queued a moment ago and is not any more leaves the queue as it is.
            let claimed = self.store().claim_execution(id, now, lease_from(now)).await?;
            let Some(claimed) = claimed else { continue };
            let (handle, stop) = Stop::new();
            live.insert(id, Live { claim: claimed.claim, stop: handle, canceled_by: None });
            drop(live);
            self.changed(id);
            let (engine, server) = (self.clone(), server.clone());
            let span = tracing::info_span!(
                "execution",
                execution.id = %id,
                data_pool.id = %claimed.execution.pool_id,
                data_job.id = %claimed.execution.job_id,
            );
            running.spawn(async move { engine.run(claimed, stop, server).await }.instrument(span));
        }
    }
}

/// A line of the server itself in an execution's log.
pub(crate) fn log(level: LogLevel, code: &str, text: &str) -> Event {
    Event::Log { task: None, level, code: code.to_owned(), text: text.to_owned() }
}
