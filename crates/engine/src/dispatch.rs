//! Claims what is next in the queue, up to the limits, and lets it run. How one execution runs is in `run`, who
//! keeps the claims is in `rescuer`.

use std::time::Duration;

use forebay_core::error::Result;
use forebay_core::event::Event;
use forebay_core::execution::LogLevel;
use forebay_core::stop::Stop;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::Engine;
use crate::live::Reserved;
use crate::rescuer::lease_from;

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
                // Whatever ends says so here, too.
                () = self.0.wake.notified() => while running.try_join_next().is_some() {},
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
        self.0.live.stop_all();
        while running.join_next().await.is_some() {}
    }

    async fn claim_all(&self, running: &mut JoinSet<()>, server: &Stop) -> Result<()> {
        let limits = self.limits();
        loop {
            let room = limits.running.saturating_sub(self.0.live.len());
            // What waits for room on the disk is looked at again when there is some.
            if room == 0 || server.is_requested() || self.disk_has_room().is_err() {
                return Ok(());
            }
            let now = self.now();
            let next = self.store().next_in_queue(limits, room, now).await?;
            if next.is_empty() {
                return Ok(());
            }
            // Before they are claimed: a cancel finds them queued, or here.
            let mut reserved: Vec<Reserved> = next.iter().map(|id| self.0.live.reserve(*id)).collect();
            for claimed in self.store().claim_executions(&next, now, lease_from(now)).await? {
                let id = claimed.execution.id;
                let Some(place) = reserved.iter().position(|reserved| reserved.id() == id) else { continue };
                let (run, stop) = reserved.swap_remove(place).begin(claimed.claim);
                self.changed(id);
                let (engine, server) = (self.clone(), server.clone());
                let span = tracing::info_span!(
                    "execution",
                    execution.id = %id,
                    data_pool.id = %claimed.execution.pool_id,
                    data_job.id = %claimed.execution.job_id,
                );
                running.spawn(async move { engine.run(run, claimed, stop, server).await }.instrument(span));
            }
            // One that was queued a moment ago and is not any more leaves the queue as it is.
        }
    }
}

/// A line of the server itself in an execution's log.
pub(crate) fn log(level: LogLevel, code: &str, text: &str) -> Event {
    Event::Log { task: None, level, code: code.to_owned(), text: text.to_owned() }
}
