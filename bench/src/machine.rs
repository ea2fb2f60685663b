//! What the kernel says about processes and the machine: CPU, memory, load. Everything is read from `/proc`.

use std::collections::HashMap;
use std::fs;

/// Seconds of CPU from clock ticks.
fn seconds(ticks: u64) -> f64 {
    // Ticks of a process are far below 2^52.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52")]
    let ticks = ticks as f64;
    ticks / f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100))
}

/// The numbers of `/proc/PID/stat` after the program's name, which may hold spaces.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(|word| word.parse().unwrap_or(0)).collect())
}

/// A process and everything it started that still runs.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let parent = stat(pid).and_then(|numbers| u32::try_from(*numbers.get(1)?).ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.get(pid).into_iter().flatten());
        next += 1;
    }
    found
}

/// CPU seconds of a process, of its children that ended and were waited for, and of those that run.
pub(crate) fn tree_cpu(root: u32) -> f64 {
    let mut ticks = 0;
    for pid in tree(root) {
        if let Some(numbers) = stat(pid) {
            // utime, stime, cutime, cstime.
            ticks += numbers.get(11..15).map_or(0, |times| times.iter().sum::<u64>());
        }
    }
    seconds(ticks)
}

/// CPU seconds of the children of this process that ended and were waited for.
pub(crate) fn ended_children_cpu() -> f64 {
    let numbers = stat(std::process::id()).unwrap_or_default();
    seconds(numbers.get(13..15).map_or(0, |times| times.iter().sum()))
}

/// CPU seconds of this process without its children.
pub(crate) fn own_cpu() -> f64 {
    let numbers = stat(std::process::id()).unwrap_or_default();
    seconds(numbers.get(11..13).map_or(0, |times| times.iter().sum()))
}

/// Resident bytes of these processes, shared pages counted in each.
pub(crate) fn resident(processes: &[u32]) -> u64 {
    let page = rustix::param::page_size() as u64;
    let mut pages = 0;
    for pid in processes {
        let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        pages += text.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    }
    pages * page
}

/// Resident bytes of these processes, each shared page counted once in all. Dearer to ask for than `resident`.
pub(crate) fn proportional(processes: &[u32]) -> u64 {
    let mut kibibytes = 0;
    for pid in processes {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
        kibibytes += line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    }
    kibibytes * 1024
}

/// CPU seconds that the whole machine was busy since it started.
pub(crate) fn busy() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map(|word| word.parse().unwrap_or(0)).collect();
    // user, nice, system, irq, softirq; neither idle nor waiting.
    seconds([0, 1, 2, 5, 6].into_iter().filter_map(|at: usize| ticks.get(at)).sum())
}

/// The machine in one line.
pub(crate) fn described() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |at| at.1);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores ({model}), {} GiB, {}, Linux {}",
        (memory + (1 << 19)) >> 20,
        system.trim_matches('"'),
        kernel.trim()
    )
}
