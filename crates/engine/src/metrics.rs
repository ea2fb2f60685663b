//! Figures for those who watch the server. They count and name nobody: no pool, no job, no user.

use forebay_core::access::Caller;
use forebay_core::error::Result;
use forebay_core::plane::Workers;
use forebay_store::{LiveExecutions, Totals};

use crate::{DiskState, Engine};

/// The server at one moment.
#[derive(Clone, Debug)]
pub struct Figures {
    pub live: LiveExecutions,
    /// How long the execution has waited that was queued first; 0 when none waits.
    pub waiting_seconds: f64,
    pub totals: Totals,
    pub workers: Workers,
    /// `None` right after a start.
    pub disk: Option<DiskState>,
}

impl Engine {
    /// # Errors
    /// `Forbidden` for everybody but administrators and those who were granted METRICS.
    pub async fn figures(&self, caller: &Caller) -> Result<Figures> {
        self.may_read_figures(caller).await?;
        let live = self.store().live_executions().await?;
        let waiting_millis =
            live.waiting_since.map_or(0, |since| self.now().as_millis().saturating_sub(since.as_millis()));
        #[expect(clippy::cast_precision_loss, reason = "a wait of 2^53 milliseconds has not happened yet")]
        let waiting_seconds = waiting_millis.max(0) as f64 / 1000.0;
        let totals = self.store().totals().await?;
        Ok(Figures { live, waiting_seconds, totals, workers: self.0.plane.workers(), disk: self.disk() })
    }
}
