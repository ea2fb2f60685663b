//! Drops what is older than the settings keep: log messages, then executions, then what of OAuth has ended and
//! entries of the audit log, then data pushes and data exports. It works
//! in small steps, so that nobody waits long for it, and acts on what the store says is due: a crash only makes it
//! late.

use std::time::Duration;

use forebay_core::Timestamp;
use forebay_core::error::Result;
use forebay_core::settings::Setting;
use forebay_core::stop::Stop;

use crate::Engine;

/// A start has better things to do.
const BEFORE_THE_FIRST: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(60);
/// Between two steps, for everybody else who writes.
const PAUSE: Duration = Duration::from_millis(10);
/// More empty pages than this are given back to the file system.
const EMPTY_PAGES: u64 = 256;

/// What a round has dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tidied {
    /// Executions whose log messages went.
    pub(crate) logs: u64,
    pub(crate) executions: u64,
    /// Data pushes, with their files.
    pub(crate) pushes: u64,
}

impl Engine {
    /// Watches the disk and drops what is old, until the stop is asked for.
    pub async fn keep_house(&self, stop: Stop) {
        tokio::join!(self.watch_disk(&stop), self.tidy_regularly(&stop));
    }

    async fn tidy_regularly(&self, stop: &Stop) {
        let mut pause = BEFORE_THE_FIRST;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // A setting has changed.
                () = self.0.tidy.notified() => {}
                () = stop.requested() => return,
            }
            pause = EVERY;
            match self.tidy_up(stop).await {
                Ok(tidied) if tidied == Tidied::default() => {}
                Ok(Tidied { logs, executions, pushes }) => {
                    tracing::info!(logs, executions, pushes, "dropped what is older than the settings keep");
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "old executions cannot be dropped"
                    );
                }
            }
        }
    }

    /// One round: everything that is due, unless the stop comes first.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub(crate) async fn tidy_up(&self, stop: &Stop) -> Result<Tidied> {
        let settings = self.store().settings().await?;
        let before = |millis: i64| Timestamp::from_millis(self.now().as_millis().saturating_sub(millis));
        let mut tidied = Tidied::default();
        let text = format!(
            "the log messages of this execution were dropped {} days after its end ({})",
            settings.logs_kept_days(),
            Setting::LogsKeptDays.name()
        );
        let logs_before = before(settings.logs_kept_millis());
        while !stop.is_requested() {
            match self.store().drop_logs_of_executions_ended_before(logs_before, &text).await? {
                0 => break,
                dropped => tidied.logs += dropped,
            }
            tokio::time::sleep(PAUSE).await;
        }
        let executions_before = before(settings.executions_kept_millis());
        while !stop.is_requested() {
            match self.store().drop_executions_ended_before(executions_before).await? {
                0 => break,
                dropped => tidied.executions += dropped,
            }
            tokio::time::sleep(PAUSE).await;
        }
        while !stop.is_requested() {
            match self.store().drop_executions_beyond(settings.executions_kept_per_job()).await? {
                0 => break,
                dropped => tidied.executions += dropped,
            }
            tokio::time::sleep(PAUSE).await;
        }
        while !stop.is_requested() && self.store().drop_ended_oauth(self.now()).await? > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let audit_before = before(settings.audit_kept_millis());
        while !stop.is_requested() && self.store().drop_audit_entries_before(audit_before).await? > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        tidied.pushes = self.tidy_pushes(before(settings.data_pushes_kept_millis()), stop).await?;
        self.store().forget_ended_sessions(self.now()).await?;
        self.tidy_signing_keys().await?;
        self.tidy_exports().await?;
        let mut left = u64::MAX;
        while !stop.is_requested() {
            match self.store().give_back_space().await? {
                // A file that was made before files could shrink has as many afterwards.
                empty if empty <= EMPTY_PAGES || empty >= left => break,
                empty => left = empty,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(tidied)
    }
}
