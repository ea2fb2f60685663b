//! The processes of a server under test, as the system shows them: found by the data folder in their command line.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::server::FOREBAY;

#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) id: u32,
    parent: u32,
    /// As in `/proc/*/stat`: `Z` is one that has ended and that nobody waited for.
    state: char,
    arguments: Vec<String>,
}

/// Every process that can be seen.
fn all() -> Vec<Process> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        // The name before the bracket may hold anything.
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let mut fields = rest.split_whitespace();
        let state = fields.next().and_then(|state| state.chars().next()).unwrap_or('?');
        let parent = fields.next().and_then(|parent| parent.parse().ok()).unwrap_or_default();
        let command = String::from_utf8_lossy(&read("cmdline")).into_owned();
        let arguments = command.split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        processes.push(Process { id, parent, state, arguments });
    }
    processes
}

fn running(data: &Path, command: &str) -> Vec<Process> {
    let folder = data.to_string_lossy().into_owned();
    let program_name = Path::new(FOREBAY).file_name();
    let is_meant = |process: &Process| {
        process.arguments.first().is_some_and(|program| Path::new(program).file_name() == program_name)
            && process.arguments.iter().any(|word| word == command)
            && process.arguments.iter().any(|word| word.contains(&folder))
    };
    all().into_iter().filter(is_meant).collect()
}

/// The server on a data folder.
pub(crate) fn server(data: &Path) -> Option<u32> {
    running(data, "serve").first().map(|process| process.id)
}

/// The workers of a data folder, or of one pool's when that is what is given.
pub(crate) fn workers(folder: &Path) -> Vec<u32> {
    running(folder, "worker").iter().map(|process| process.id).collect()
}

/// Waits until a pool has a worker.
pub(crate) async fn worker_of(folder: &Path) -> u32 {
    let begun = Instant::now();
    loop {
        if let Some(id) = workers(folder).first() {
            return *id;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "no worker of {} runs", folder.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What should not be: processes that ended and that the server did not wait for, workers without a server, and a
/// second worker of one pool.
pub(crate) fn strays(data: &Path) -> Vec<String> {
    let server = server(data);
    let mut strays = Vec::new();
    for process in all() {
        if process.state == 'Z' && server == Some(process.parent) {
            strays.push(format!("{} has ended and is not waited for", process.id));
        }
    }
    let mut seen = Vec::new();
    for worker in running(data, "worker") {
        if server.is_none() {
            strays.push(format!("worker {} without a server", worker.id));
        }
        if seen.contains(&worker.arguments) {
            strays.push(format!("worker {} beside another of its pool", worker.id));
        }
        seen.push(worker.arguments);
    }
    strays
}

/// Whether a process still runs.
pub(crate) fn is_alive(id: u32) -> bool {
    all().iter().any(|process| process.id == id && process.state != 'Z')
}

/// Sends one process a signal. One that has ended meanwhile is no error.
pub(crate) fn signal(id: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).output();
    sent.expect("the program kill");
}
