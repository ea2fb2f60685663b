//! The one place that names the concrete types of the control plane: which clock, and that pools are
//! served by workers that are child processes of this binary.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forebay_core::Timestamp;
use forebay_engine::Clock;
use forebay_worker::{Launch, Patience, WorkerPlane};

use crate::serve::Options;
use crate::worker::Means;

/// What a worker may hold beside its engine when nothing else is said, in MiB: batches on their way,
/// threads and the program.
const BESIDE_ENGINE_MIB: u64 = 1024;

/// The clock on the wall.
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The workers of a server. Those that a killed server left on the same data are ended.
pub(crate) fn workers(options: &Options, data_dir: &Path) -> std::io::Result<WorkerPlane> {
    let workers = &options.workers;
    let memory_mib =
        workers.worker_memory_mib.unwrap_or(options.memory_mib.saturating_add(BESIDE_ENGINE_MIB));
    let means = Means {
        file_roots: options.file_roots.clone(),
        threads: std::thread::available_parallelism().map_or(2, usize::from),
        engine_memory_mib: options.memory_mib,
        memory_mib,
    };
    let launch = Launch {
        program: program()?,
        arguments: Arc::new(move |pool, dir| means.to_arguments(pool, dir)),
        pools_dir: data_dir.join("pools"),
        notes_dir: data_dir.join("workers"),
        damages: Arc::new(forebay_warehouse::damages),
        memory_bytes: Some(memory_mib.saturating_mul(1024 * 1024)),
    };
    let patience = Patience {
        idle: Duration::from_secs(workers.worker_idle_seconds),
        silence: Duration::from_secs(workers.worker_silence_seconds),
        stop: Duration::from_secs(workers.worker_stop_seconds),
        ..Patience::default()
    };
    Ok(WorkerPlane::new(launch, patience))
}

/// This program. On Linux by way of the running process, so that a worker is never of another version:
/// not even while the file is being replaced.
fn program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}
