//! The figures of the server, written for people.

use forebay_core::id::DataPoolId;
use forebay_core::plane::WorkerStatus;
use forebay_engine::{DiskState, Figures, PoolSize};

use crate::words::{Badge, duration, number, size};

/// The disk of the data folder.
pub(super) struct DiskRow {
    pub(super) badge: Badge,
    pub(super) free: String,
    pub(super) total: String,
    /// With less free, no execution begins.
    pub(super) minimum_free: String,
    /// With less free, the log and the metrics warn.
    pub(super) alarm_free: String,
}

impl DiskRow {
    /// `None`: the disk does not answer.
    pub(super) fn of(state: &DiskState) -> Option<Self> {
        let space = state.space?;
        let (text, look) = match (state.is_low(), state.is_alarming()) {
            (true, _) => ("too full: no execution begins", "bad"),
            (false, true) => ("alarm", "bad"),
            (false, false) => ("good", "good"),
        };
        Some(Self {
            badge: Badge { text, look },
            free: size(space.free),
            total: size(space.total),
            minimum_free: size(state.minimum_free),
            alarm_free: size(state.alarm_free),
        })
    }
}

/// What a pool takes.
pub(super) struct PoolRow {
    pub(super) id: DataPoolId,
    pub(super) name: String,
    pub(super) size: String,
}

impl PoolRow {
    pub(super) fn of(of: &PoolSize) -> Self {
        Self { id: of.pool.id, name: of.pool.name.to_string(), size: size(of.bytes) }
    }
}

/// A worker process, and the pool it works for.
pub(super) struct WorkerRow {
    pub(super) pool_id: DataPoolId,
    pub(super) pool_name: String,
    pub(super) pid: u32,
    pub(super) running: usize,
    pub(super) memory: String,
    pub(super) peak: String,
}

impl WorkerRow {
    pub(super) fn of(worker: &WorkerStatus, pools: &[PoolSize]) -> Self {
        let pool = pools.iter().find(|of| of.pool.id == worker.pool);
        Self {
            pool_id: worker.pool,
            // One that was deleted has a worker for a moment more.
            pool_name: pool.map_or_else(|| worker.pool.to_string(), |of| of.pool.name.to_string()),
            pid: worker.pid,
            running: worker.running,
            memory: size(worker.memory_bytes),
            peak: size(worker.peak_bytes),
        }
    }
}

/// The main figures: what `GET /metrics` tells a program.
pub(super) fn of(figures: &Figures) -> Vec<(&'static str, String)> {
    let (live, totals, workers) = (&figures.live, &figures.totals, &figures.workers);
    #[expect(clippy::cast_possible_truncation, reason = "a wait is shown to the hundredth of a second")]
    let waiting = duration((figures.waiting_seconds * 1000.0) as i64);
    vec![
        ("Executions that run", number(live.running)),
        ("Executions that wait", number(live.queued)),
        ("Longest wait", waiting),
        ("Succeeded", number(totals.succeeded)),
        ("Failed", number(totals.failed)),
        ("Cancelled", number(totals.canceled)),
        ("Skipped", number(totals.skipped)),
        ("Rows read", number(totals.rows_read)),
        ("Rows inserted", number(totals.rows_inserted)),
        ("Rows updated", number(totals.rows_updated)),
        ("Rows deleted", number(totals.rows_deleted)),
        ("Rows rejected", number(totals.rows_rejected)),
        ("Read from sources", size(totals.bytes_read)),
        ("Log messages dropped", number(totals.logs_dropped)),
        ("Workers started", number(workers.started)),
        ("Workers lost", number(workers.lost)),
    ]
}
