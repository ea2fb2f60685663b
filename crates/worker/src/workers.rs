//! The server's side: a data plane that has one worker for each pool that is in use. It starts a worker
//! when one is needed, keeps it while it is used and for a while after, and watches it to its end.
//! What the end of a worker means for an execution is told as a
//! [`Loss`](forebay_core::event::Loss); what to do about it is decided elsewhere.

mod calls;
mod dial;
mod ending;
mod keeper;
pub(crate) mod leftovers;
mod plane;
mod run;
mod start;
mod stderr;
mod worker;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use forebay_core::id::DataPoolId;
use forebay_core::plane::Damage;
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};
use futures::future::join_all;

use crate::workers::worker::{Lease, Purpose, Worker};

/// The arguments of the worker of a pool, whose folder is given.
pub type Arguments = Arc<dyn Fn(DataPoolId, &Path) -> Vec<OsString> + Send + Sync>;

/// Looks for what was found damaged in the folder of a pool, which may be missing. Blocks.
pub type Damages = Arc<dyn Fn(&Path) -> std::io::Result<Vec<Damage>> + Send + Sync>;

/// How a worker is started.
#[derive(Clone)]
pub struct Launch {
    pub program: PathBuf,
    /// Anybody on the machine can read them. `worker` and the pool's id must be among them, in this
    /// order: a worker that was left by a killed server is known by them.
    pub arguments: Arguments,
    /// Holds a folder for each pool.
    pub pools_dir: PathBuf,
    /// Where the ids of running workers are noted, for the server that comes after one that was killed.
    pub notes_dir: PathBuf,
    pub damages: Damages,
    /// The most memory of a worker; told to people only, for the worker bounds itself.
    pub memory_bytes: Option<u64>,
}

/// How long the server is patient with a worker.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A worker that nobody used for this long is ended.
    pub idle: Duration,
    /// A worker that did not answer for this long is killed.
    pub silence: Duration,
    /// A run that goes on for this long after it was asked to stop takes its worker with it.
    pub stop: Duration,
    /// What starting may take, and what ending in good order may take.
    pub change: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(300),
            silence: Duration::from_secs(30),
            stop: Duration::from_secs(5),
            change: Duration::from_secs(30),
        }
    }
}

impl Patience {
    /// How often a worker is asked for a sign of life, and whether it is still needed.
    fn period(&self) -> Duration {
        let parts = [Duration::from_secs(5), self.silence / 4, self.idle / 2];
        parts.into_iter().min().unwrap_or_default().max(Duration::from_millis(50))
    }
}

/// Runs executions and answers for the rows of pools, each pool in a worker of its own.
pub struct WorkerPlane {
    shared: Arc<Shared>,
    pools: Mutex<HashMap<DataPoolId, Arc<Place>>>,
}

/// What the tasks that watch workers see.
struct Shared {
    launch: Launch,
    patience: Patience,
    started: AtomicU64,
    lost: AtomicU64,
}

/// The place of a pool's worker. Whoever holds the lock starts or ends it; nobody else does.
#[derive(Default)]
struct Place {
    occupant: tokio::sync::Mutex<Occupant>,
    /// The worker that was started last, for those who only look.
    last: Mutex<Option<Arc<Worker>>>,
}

#[derive(Default)]
enum Occupant {
    #[default]
    Nobody,
    /// Lives, or has ended and says so.
    Worker(Arc<Worker>),
    /// The pool is gone, or the server stops: no worker comes any more.
    Closed(&'static str),
}

impl WorkerPlane {
    /// A plane without workers. Those that a killed server left are ended first: they would hold
    /// their pools' files. Blocks for as long as that takes.
    #[must_use]
    pub fn new(launch: Launch, patience: Patience) -> Self {
        leftovers::end_all(&launch.notes_dir);
        let shared = Shared { launch, patience, started: AtomicU64::new(0), lost: AtomicU64::new(0) };
        Self { shared: Arc::new(shared), pools: Mutex::default() }
    }

    /// Ends all workers in good order, and waits for their ends. None is started any more.
    pub async fn stop(&self) {
        let places: Vec<Arc<Place>> = {
            let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.values().cloned().collect()
        };
        join_all(places.iter().map(|place| place.close("the server stops"))).await;
    }

    fn place(&self, pool: DataPoolId) -> Arc<Place> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pools.entry(pool).or_default())
    }

    /// The right to use a pool's worker, which is started when there is none.
    async fn lease(&self, pool: DataPoolId, purpose: Purpose) -> Result<Lease, WarehouseError> {
        let (place, shared) = (self.place(pool), Arc::clone(&self.shared));
        // A task of its own: a caller that goes away must not leave a half-started worker.
        let leasing = tokio::spawn(async move { place.lease(&shared, pool, purpose).await });
        leasing.await.map_err(|error| {
            WarehouseError::new(WarehouseErrorKind::Internal, "the pool's worker cannot be reached")
                .caused_by(error)
        })?
    }
}

impl Place {
    async fn lease(
        &self,
        shared: &Arc<Shared>,
        pool: DataPoolId,
        purpose: Purpose,
    ) -> Result<Lease, WarehouseError> {
        let mut occupant = self.occupant.lock().await;
        match &*occupant {
            Occupant::Worker(worker) => {
                if let Some(lease) = worker.lease(purpose) {
                    return Ok(lease);
                }
                // Two of them would not both get the pool's file.
                worker.ended().await;
            }
            Occupant::Nobody => {}
            Occupant::Closed(why) => {
                let text = format!("the pool has no worker any more: {why}");
                return Err(WarehouseError::new(WarehouseErrorKind::Unavailable, text));
            }
        }
        *occupant = Occupant::Nobody;
        let worker = start::start(shared, pool).await.map_err(|error| {
            tracing::error!(data_pool.id = %pool, error = &error as &dyn std::error::Error, "a worker cannot be started");
            WarehouseError::new(WarehouseErrorKind::Unavailable, error.to_string()).caused_by(error)
        })?;
        shared.started.fetch_add(1, Ordering::Relaxed);
        let lease = worker.lease(purpose);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&worker));
        *occupant = Occupant::Worker(worker);
        lease.ok_or_else(|| {
            let text = "the pool's worker ended as soon as it was started; try again";
            WarehouseError::new(WarehouseErrorKind::Unavailable, text)
        })
    }

    /// Ends the worker, if there is one, and lets none come after it.
    async fn close(&self, why: &'static str) {
        let mut occupant = self.occupant.lock().await;
        let before = std::mem::replace(&mut *occupant, Occupant::Closed(why));
        if let Occupant::Worker(worker) = before {
            worker.end();
            worker.ended().await;
        }
    }
}
