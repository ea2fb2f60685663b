//! Measures one piece of work: time, CPU of who does it, of the source and of everybody else, and peak memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::machine;

/// How often memory is looked at.
const PAUSE: Duration = Duration::from_millis(25);

/// What was measured, by name with its unit at the end.
pub(crate) type Values = BTreeMap<&'static str, f64>;

/// Bytes as megabytes of a million.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52")]
    let bytes = bytes as f64;
    bytes / 1e6
}

/// How long, in milliseconds, so many of a hundred took at most. The times are in order, and some are there.
pub(crate) fn milliseconds_at(times: &[Duration], share: usize) -> f64 {
    times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1000.0
}

/// A measurement that has begun.
pub(crate) struct Meter {
    begun: Instant,
    /// A server that runs longer than the work does; without one the children of this process are measured.
    server: Option<u32>,
    source: Option<u32>,
    worker_cpu: f64,
    source_cpu: f64,
    busy: f64,
    memory: Option<Memory>,
}

impl Meter {
    /// Begins to measure a server that runs, and the source server that it reads, if any.
    pub(crate) fn of_server(server: u32, source: Option<u32>) -> Self {
        let memory = Memory::watch(server);
        Self { memory: Some(memory), ..Self::begin(Some(server), source) }
    }

    /// Begins to measure children of this process that start from now on.
    pub(crate) fn of_children(source: u32) -> Self {
        Self::begin(None, Some(source))
    }

    fn begin(server: Option<u32>, source: Option<u32>) -> Self {
        // What was written before is on the disk: no commit waits for it now.
        rustix::fs::sync();
        Self {
            server,
            source,
            worker_cpu: worker_cpu(server),
            source_cpu: source.map_or(0.0, machine::tree_cpu),
            busy: machine::busy(),
            memory: None,
            begun: Instant::now(),
        }
    }

    /// Looks at the memory of a child that has just started.
    pub(crate) fn watch(&mut self, child: u32) {
        self.memory = Some(Memory::watch(child));
    }

    /// What it was; the work ended at `ended`.
    pub(crate) fn end(self, ended: Instant) -> Values {
        // A backend of the source is counted by its server once it was waited for.
        std::thread::sleep(Duration::from_millis(100));
        let worker = worker_cpu(self.server) - self.worker_cpu;
        let source = self.source.map_or(0.0, machine::tree_cpu) - self.source_cpu;
        let busy = machine::busy() - self.busy;
        let (resident, proportional) = self.memory.map_or((0, 0), Memory::peak);
        let mut values = Values::from([
            ("wall_s", ended.duration_since(self.begun).as_secs_f64()),
            ("cpu_s", worker),
            ("others_cpu_s", (busy - worker - source).max(0.0)),
            ("peak_rss_mb", megabytes(resident)),
            ("peak_pss_mb", megabytes(proportional)),
        ]);
        if self.source.is_some() {
            values.insert("source_cpu_s", source);
        }
        values
    }
}

fn worker_cpu(server: Option<u32>) -> f64 {
    server.map_or_else(machine::ended_children_cpu, machine::tree_cpu)
}

/// The peak memory of a process tree, looked at by a thread.
struct Memory {
    stop: Arc<AtomicBool>,
    resident: Arc<AtomicU64>,
    proportional: Arc<AtomicU64>,
    watcher: Option<JoinHandle<()>>,
}

impl Memory {
    fn watch(root: u32) -> Self {
        let (stop, resident, proportional) = (Arc::default(), Arc::default(), Arc::default());
        let (stopped, most, shared) = (Arc::clone(&stop), Arc::clone(&resident), Arc::clone(&proportional));
        let watcher = std::thread::spawn(move || look(root, &stopped, &most, &shared));
        Self { stop, resident, proportional, watcher: Some(watcher) }
    }

    fn peak(mut self) -> (u64, u64) {
        self.end();
        (self.resident.load(Ordering::Relaxed), self.proportional.load(Ordering::Relaxed))
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            drop(watcher.join());
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.end();
    }
}

fn look(root: u32, stopped: &AtomicBool, resident: &AtomicU64, proportional: &AtomicU64) {
    let (mut weighed, mut looks, mut processes) = (0, 0_u32, Vec::new());
    while !stopped.load(Ordering::Relaxed) {
        // Who belongs to the tree is asked for less often: it means a look at every process of the machine.
        if looks.is_multiple_of(8) {
            processes = machine::tree(root);
        }
        looks += 1;
        let now = machine::resident(&processes);
        resident.fetch_max(now, Ordering::Relaxed);
        // Sharing is asked for at new peaks alone, since that walks all pages.
        if now > weighed + weighed / 50 {
            weighed = now;
            proportional.fetch_max(machine::proportional(&processes), Ordering::Relaxed);
        }
        std::thread::sleep(PAUSE);
    }
}
