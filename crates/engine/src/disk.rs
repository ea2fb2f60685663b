//! Watches the disk that holds the data. With too little free on it, no execution begins: what would fill the
//! disk waits, and what runs, reading and cancelling go on. It heals by itself when there is room again.
//!
//! How free space is measured is handed in, so that tests fill and empty a disk as they like.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_core::pool::DataPool;
use forebay_core::settings::Setting;
use forebay_core::stop::Stop;

use crate::Engine;
use crate::backup::folder::blocking;

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it is tried whether the disk takes what is written.
const TRY_EVERY: Duration = Duration::from_secs(30);
const MIB: u64 = 1024 * 1024;

/// The disk that holds the data folder. Calls may block.
pub trait Disk: Send + Sync + 'static {
    /// # Errors
    /// The disk does not answer.
    fn space(&self) -> io::Result<Space>;

    /// Writes something small, and removes it again.
    ///
    /// # Errors
    /// The disk takes nothing.
    fn try_to_write(&self) -> io::Result<()>;
}

/// In bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What this process may still use.
    pub free: u64,
    pub total: u64,
}

/// The disk as it was when it was last looked at.
#[derive(Clone, Debug)]
pub struct DiskState {
    /// `None`: it did not answer.
    pub space: Option<Space>,
    /// With less free, no execution begins, in bytes.
    pub minimum_free: u64,
    /// With less free, somebody should know, in bytes.
    pub alarm_free: u64,
    pub takes_writes: bool,
    pub(crate) looked_at: Instant,
    tried_at: Instant,
}

impl DiskState {
    /// Whether no execution may begin.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.space.is_some_and(|space| space.free < self.minimum_free)
    }

    /// Whether somebody should make room.
    #[must_use]
    pub fn is_alarming(&self) -> bool {
        self.space.is_none_or(|space| space.free < self.alarm_free) || !self.takes_writes
    }
}

/// A pool, and what its files take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSize {
    pub pool: DataPool,
    pub bytes: u64,
}

/// The disk, and what is known of it.
pub(crate) struct DiskWatch {
    disk: Arc<dyn Disk>,
    state: Mutex<Option<DiskState>>,
}

impl DiskWatch {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, state: Mutex::new(None) }
    }

    fn state(&self) -> Option<DiskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: DiskState) -> Option<DiskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).replace(state)
    }
}

impl Engine {
    /// The disk as it was when it was last looked at; `None` before the first time.
    #[must_use]
    pub fn disk(&self) -> Option<DiskState> {
        self.0.disk.state()
    }

    /// What the files of every pool take, the largest first: rows, published models, and what is pushed and waits.
    /// Files that come or go meanwhile count or do not.
    ///
    /// # Errors
    /// `Forbidden` for everybody but administrators.
    pub async fn pool_sizes(&self, caller: &Caller) -> Result<Vec<PoolSize>> {
        Self::administrator(caller)?;
        let pools = self.store().data_pools().await?;
        let dir = self.0.settings.pools_dir.clone();
        let mut sizes = blocking(move || {
            let size = |pool: DataPool| PoolSize { bytes: bytes_below(&dir.join(pool.id.to_string())), pool };
            Ok(pools.into_iter().map(size).collect::<Vec<_>>())
        })
        .await?;
        sizes.sort_by_key(|size| std::cmp::Reverse(size.bytes));
        Ok(sizes)
    }

    /// What the files of one pool take, in bytes, as [`Engine::pool_sizes`] counts them.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn pool_size(&self, caller: &Caller, pool: DataPoolId) -> Result<u64> {
        self.pool_to_watch(caller, pool).await?;
        let dir = self.0.settings.pools_dir.join(pool.to_string());
        blocking(move || Ok(bytes_below(&dir))).await
    }

    /// Refuses what would need room on a disk that has none.
    ///
    /// # Errors
    /// `InsufficientStorage`, with what is free, what is needed and what to do.
    pub(crate) fn disk_has_room(&self) -> Result<()> {
        match self.disk() {
            Some(state) if state.is_low() => Err(Error::InsufficientStorage { what: low(&state) }),
            _ => Ok(()),
        }
    }

    /// Looks at the disk, and once again in a while, until the stop is asked for.
    pub(crate) async fn watch_disk(&self, stop: &Stop) {
        while !stop.is_requested() {
            self.look_at_disk().await;
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.requested() => {}
            }
        }
    }

    pub(crate) async fn look_at_disk(&self) {
        let settings = match self.store().settings().await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the settings of the disk cannot be read"
                );
                return;
            }
        };
        let before = self.disk();
        let due = before.as_ref().is_none_or(|before| {
            !before.takes_writes || before.is_alarming() || before.tried_at.elapsed() >= TRY_EVERY
        });
        let disk = Arc::clone(&self.0.disk.disk);
        let looked =
            tokio::task::spawn_blocking(move || (disk.space(), due.then(|| disk.try_to_write()))).await;
        let (space, tried) = match looked {
            Ok(looked) => looked,
            Err(error) => (Err(io::Error::other(error)), None),
        };
        let space = space
            .inspect_err(|error| tracing::error!(%error, "the disk of the data folder does not answer"))
            .ok();
        let total = space.map_or(0, |space| space.total);
        let now = Instant::now();
        let (takes_writes, tried_at) = match (&tried, &before) {
            (Some(tried), _) => (tried.is_ok(), now),
            (None, Some(before)) => (before.takes_writes, before.tried_at),
            (None, None) => (true, now),
        };
        let state = DiskState {
            space,
            minimum_free: settings.disk_minimum_free(total),
            alarm_free: settings.disk_alarm_free(total),
            takes_writes,
            looked_at: now,
            tried_at,
        };
        if let Some(Err(error)) = &tried
            && before.as_ref().is_none_or(|before| before.takes_writes)
        {
            tracing::error!(%error, "the disk of the data folder takes no writes");
        }
        tell(before.as_ref(), &state);
        let was_low = self.0.disk.set(state).is_some_and(|before| before.is_low());
        if was_low && self.disk_has_room().is_ok() {
            // What waited for the disk is due.
            self.0.wake.notify_one();
        }
    }
}

/// The size of all files below a folder. What cannot be looked at, or is gone by then, counts nothing.
fn bytes_below(dir: &Path) -> u64 {
    let (mut bytes, mut folders) = (0, vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            // Of a link, not of what it leads to.
            let Ok(told) = entry.metadata() else { continue };
            if told.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += told.len();
            }
        }
    }
    bytes
}

/// Says so when the disk became low, alarming or good; not again while it stays so.
fn tell(before: Option<&DiskState>, now: &DiskState) {
    let (was_low, was_alarming) =
        before.map_or((false, false), |before| (before.is_low(), before.is_alarming()));
    if now.is_low() && !was_low {
        tracing::error!("no execution begins: {}", low(now));
    } else if now.is_alarming() && !was_alarming {
        let free_mib = now.space.map(|space| space.free / MIB);
        tracing::warn!(free_mib, alarm_mib = now.alarm_free / MIB, "the disk of the data folder fills up");
    } else if !now.is_alarming() && was_alarming {
        tracing::info!("the disk of the data folder has room again");
    }
}

fn low(state: &DiskState) -> String {
    let free = state.space.map_or(0, |space| space.free);
    format!(
        "the disk of the data folder has {} MiB free, and an execution begins with at least {} MiB; free space on \
         it, or lower the setting {}",
        free / MIB,
        state.minimum_free.div_ceil(MIB),
        Setting::DiskMinimumFreeMib.name()
    )
}
