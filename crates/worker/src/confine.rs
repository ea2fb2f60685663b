//! Confines this process before it does anything else: memory, open files, and which files it can
//! reach. The engine refuses files to SQL by itself; this holds when the engine, a driver or a parser
//! has a hole. The network stays open, for sources are read over it.
//!
//! Where the system cannot confine, it says so and goes on: a worker that is confined by half is
//! better than none, and the log tells which it is.

#[cfg(target_os = "linux")]
mod files;

use std::fmt;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How eagerly the system ends a worker when memory runs short, from -1000 to 1000: before the server,
/// which has 0.
const OOM_SCORE: &str = "500";

/// What a worker may use.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Folders and files that it may read and write.
    pub write: Vec<PathBuf>,
    /// Folders that it may read, and in which it may make and write files but remove none: SQLite needs
    /// two files beside a database that is in WAL mode.
    pub sources: Vec<PathBuf>,
    /// Folders and files that it may only read, beside those of the system that every program needs.
    pub read: Vec<PathBuf>,
    /// The most memory that it may ask for, in bytes.
    pub memory_bytes: Option<u64>,
    /// The most files and connections that it may hold open.
    pub open_files: u64,
}

/// What confines a process, for people: `landlock ABI 7, memory 3072 MiB, 1024 open files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement(Vec<String>);

impl fmt::Display for Confinement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join(", "))
    }
}

/// Confines this process, for good. Call it before the first thread is started: file access is
/// confined for the calling thread and those that it starts.
#[must_use]
pub fn confine(bounds: &Bounds) -> Confinement {
    // While the file can still be written. Best effort: where it cannot, the system chooses by size alone.
    drop(std::fs::write("/proc/self/oom_score_adj", OOM_SCORE));
    let mut told = vec![confine_files(bounds)];
    if let Some(bytes) = bounds.memory_bytes {
        told.push(match lower(Resource::Data, bytes) {
            Ok(bytes) => format!("memory {} MiB", bytes / (1024 * 1024)),
            Err(error) => format!("memory unbounded: {error}"),
        });
    }
    told.push(match lower(Resource::Nofile, bounds.open_files) {
        Ok(files) => format!("{files} open files"),
        Err(error) => format!("open files unbounded: {error}"),
    });
    // A core would hold passwords and rows.
    if let Err(error) = lower(Resource::Core, 0) {
        told.push(format!("cores are written: {error}"));
    }
    Confinement(told)
}

#[cfg(target_os = "linux")]
fn confine_files(bounds: &Bounds) -> String {
    match files::confine(bounds) {
        Ok(told) => told,
        Err(error) => format!("files unconfined: {error}"),
    }
}

#[cfg(not(target_os = "linux"))]
fn confine_files(_: &Bounds) -> String {
    "files unconfined: this system has no Landlock".to_owned()
}

/// Lowers a limit to `wanted`, or leaves it where it is lower already.
fn lower(resource: Resource, wanted: u64) -> rustix::io::Result<u64> {
    let now = getrlimit(resource);
    let limit = now.maximum.map_or(wanted, |most| most.min(wanted));
    setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    Ok(limit)
}
