//! Workers that a killed server left. They end by themselves as soon as their connection closes,
//! unless they are stopped or the system is slow; so the next server looks, and kills.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use forebay_core::id::DataPoolId;
use rustix::process::{Pid, Signal, kill_process};

/// The most that the system may take to end a killed process.
const PATIENCE: Duration = Duration::from_secs(10);

/// The note of a pool's worker: its process id.
pub(crate) fn note(notes: &Path, pool: DataPoolId) -> PathBuf {
    notes.join(format!("{pool}.pid"))
}

/// Kills every noted worker that still lives, waits for its end and removes the notes.
pub(crate) fn end_all(notes: &Path) {
    let Ok(entries) = std::fs::read_dir(notes) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let pool = path.file_stem().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let pid = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
        if let (Some(pool), Some(pid)) = (pool, pid.and_then(Pid::from_raw)) {
            end(pool, pid);
        }
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the note of a worker cannot be removed"
            );
        }
    }
}

fn end(pool: DataPoolId, pid: Pid) {
    if !is_worker_of(pid, pool) {
        return;
    }
    let number = pid.as_raw_nonzero();
    tracing::warn!(data_pool.id = %pool, worker.pid = number, "a worker of a server that was killed is ended");
    let begun = Instant::now();
    while is_worker_of(pid, pool) && begun.elapsed() < PATIENCE {
        if kill_process(pid, Signal::KILL).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process is the worker of a pool. Its number alone says nothing: numbers are used again.
fn is_worker_of(pid: Pid, pool: DataPoolId) -> bool {
    // A process that has ended has an empty command line until its parent has seen the end.
    let Ok(line) = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())) else { return false };
    let pool = pool.to_string();
    let mut arguments = line.split(|byte| *byte == 0);
    arguments.any(|argument| argument == b"worker") && arguments.any(|argument| argument == pool.as_bytes())
}
