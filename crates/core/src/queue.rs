//! Which execution is next, and why another one waits: plain functions of what waits and what runs.
//!
//! Pools come before executions. Of the pools that may begin something, the one with the fewest running
//! executions is served, and among equals the one that was served least recently: a pool that queues a thousand
//! executions keeps nobody waiting but itself. Within a pool the priority counts, which grows while an execution
//! waits, and then the age. Nothing here reads a clock or the metadata.

use std::collections::{HashMap, HashSet};

use crate::Timestamp;
use crate::execution::Priority;
use crate::id::{DataPoolId, ExecutionId};

/// A waiting execution gains one step of priority for each time of this length, in milliseconds.
pub const MILLIS_PER_STEP: i64 = 10 * 60 * 1000;

/// An execution that waits for others of its lane has this as the moment before which it is not begun: no clock
/// gets there.
pub const HELD: Timestamp = Timestamp::from_millis(i64::MAX);

/// How many executions may run at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub running: usize,
    /// Of one pool.
    pub per_pool: usize,
    /// That read one source host, of all jobs.
    pub per_source: usize,
}

/// An execution that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub id: ExecutionId,
    pub pool: DataPoolId,
    pub source_host: Option<String>,
    pub priority: Priority,
    /// It runs with no other execution of its pool beside it.
    pub runs_alone: bool,
    pub queued_at: Timestamp,
    /// Grows from each execution that was queued to the next.
    pub place: u64,
    pub not_before: Option<Timestamp>,
}

/// An execution that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pub pool: DataPoolId,
    pub source_host: Option<String>,
    pub runs_alone: bool,
}

/// What waits and what runs at one moment.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    pub waiting: Vec<Waiting>,
    pub running: Vec<Running>,
    /// When each pool was served last, as a number that grows; a pool that never was is missing.
    pub turns: HashMap<DataPoolId, u64>,
}

/// Why an execution waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitsFor {
    pub reason: WaitReason,
    /// A sentence for the user.
    pub text: String,
    /// When it ends by itself, where that is known.
    pub until: Option<Timestamp>,
}

/// What an execution waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// As many executions run on this server as may.
    ServerLimit,
    /// As many executions of its pool run as may.
    PoolLimit,
    /// As many executions read its source's host as may.
    SourceLimit,
    /// It was put back into the queue, and a pause is kept before the next try.
    Backoff,
    /// An execution that may have ended its worker runs with no other one of its pool beside it.
    RunsAlone,
    /// Another execution writes the same table before it.
    Lane,
    /// The disk of the data folder has too little room.
    Disk,
    /// Others come first, or it begins in a moment.
    Turn,
}

impl Queue {
    /// The execution to begin now; `None` when nothing may.
    #[must_use]
    pub fn next(&self, limits: Limits, disk_is_low: bool, now: Timestamp) -> Option<ExecutionId> {
        if disk_is_low || self.running.len() >= limits.running {
            return None;
        }
        let counts = Counts::of(&self.running);
        let mut pools: HashMap<DataPoolId, Vec<&Waiting>> = HashMap::new();
        for waiting in &self.waiting {
            if waiting.is_due(now) && counts.pool(waiting.pool) < limits.per_pool {
                pools.entry(waiting.pool).or_default().push(waiting);
            }
        }
        let mut order: Vec<DataPoolId> = pools.keys().copied().collect();
        let turn = |pool: &DataPoolId| self.turns.get(pool).copied().unwrap_or_default();
        let first_place =
            |pool: &DataPoolId| pools[pool].iter().map(|waiting| waiting.place).min().unwrap_or_default();
        order.sort_by_key(|pool| (counts.pool(*pool), turn(pool), first_place(pool)));
        order.iter().find_map(|pool| next_of_pool(&pools[pool], &counts, limits, now))
    }

    /// Takes one that waits as begun: it runs, and its pool was served last.
    pub fn begin(&mut self, id: ExecutionId) {
        let Some(place) = self.waiting.iter().position(|waiting| waiting.id == id) else { return };
        let begun = self.waiting.swap_remove(place);
        let newest = self.turns.values().copied().max().unwrap_or_default();
        self.turns.insert(begun.pool, newest.saturating_add(1));
        self.running.push(Running {
            pool: begun.pool,
            source_host: begun.source_host,
            runs_alone: begun.runs_alone,
        });
    }

    /// Why an execution waits; `None` when it does not.
    #[must_use]
    pub fn waits_for(
        &self,
        id: ExecutionId,
        limits: Limits,
        disk_is_low: bool,
        now: Timestamp,
    ) -> Option<WaitsFor> {
        let own = self.waiting.iter().find(|waiting| waiting.id == id)?;
        let counts = Counts::of(&self.running);
        let mut before = 0;
        let mut suspect_before = false;
        for other in &self.waiting {
            if other.pool == own.pool && other.is_due(now) && other.rank(now) < own.rank(now) {
                before += 1;
                suspect_before |= other.runs_alone;
            }
        }
        let in_pool = counts.pool(own.pool);
        let by_host = own.source_host.as_deref().map_or(0, |host| counts.host(host));
        let told = |reason, text: String| Some(WaitsFor { reason, text, until: None });
        if disk_is_low {
            let text = "the disk of the data folder has too little room; it begins when there is more";
            return told(WaitReason::Disk, text.to_owned());
        }
        if own.not_before == Some(HELD) {
            let text = "another execution writes the same table before it";
            return told(WaitReason::Lane, text.to_owned());
        }
        if let (false, Some(until)) = (own.is_due(now), own.not_before) {
            let millis = until.as_millis().saturating_sub(now.as_millis());
            // Whole seconds, so that a reader who asks again and again is not told of each millisecond.
            let text = format!(
                "it was put back into the queue and is tried again in {}",
                counted((millis.saturating_add(999) / 1000).unsigned_abs() as usize, "second")
            );
            return Some(WaitsFor { reason: WaitReason::Backoff, text, until: Some(until) });
        }
        if counts.alone.contains(&own.pool) {
            let text = "an execution of this pool runs alone, since it may have ended its worker before";
            return told(WaitReason::RunsAlone, format!("{text}{}", also_before(before)));
        }
        if own.runs_alone && in_pool > 0 {
            let text = format!(
                "it may have ended its worker and runs alone next: {} of this pool still {}",
                counted(in_pool, "execution"),
                verb(in_pool)
            );
            return told(WaitReason::RunsAlone, text);
        }
        if in_pool >= limits.per_pool {
            let text = format!("{} of this pool {} already", counted(in_pool, "execution"), verb(in_pool));
            return told(WaitReason::PoolLimit, format!("{text}{}", also_before(before)));
        }
        if let (Some(host), true) = (&own.source_host, by_host >= limits.per_source) {
            let text = format!(
                "{} {} the source {host} already",
                counted(by_host, "execution"),
                if by_host == 1 { "reads" } else { "read" }
            );
            return told(WaitReason::SourceLimit, format!("{text}{}", also_before(before)));
        }
        if suspect_before && in_pool > 0 {
            let text = "an execution of this pool that may have ended its worker runs alone before it";
            return told(WaitReason::RunsAlone, text.to_owned());
        }
        if self.running.len() >= limits.running {
            let running = self.running.len();
            let text = format!("{} {} on this server already", counted(running, "execution"), verb(running));
            return told(WaitReason::ServerLimit, format!("{text}{}", also_before(before)));
        }
        let text = match before {
            0 => "it begins in a moment, or when the pools before it have had their turn".to_owned(),
            _ => format!("{} of this pool {} before it", counted(before, "execution"), be(before)),
        };
        told(WaitReason::Turn, text)
    }
}

impl Waiting {
    fn is_due(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|moment| moment <= now)
    }

    /// The smaller one comes first.
    fn rank(&self, now: Timestamp) -> (i64, u64) {
        let base = match self.priority {
            Priority::Low => 0,
            Priority::Normal => 1,
            Priority::High => 2,
        };
        let waited = now.as_millis().saturating_sub(self.queued_at.as_millis()).max(0);
        (-(base + waited / MILLIS_PER_STEP), self.place)
    }
}

/// The first of a pool that may begin.
fn next_of_pool(
    waiting: &[&Waiting],
    counts: &Counts<'_>,
    limits: Limits,
    now: Timestamp,
) -> Option<ExecutionId> {
    let mut order = waiting.to_vec();
    order.sort_by_key(|waiting| waiting.rank(now));
    for waiting in order {
        if counts.alone.contains(&waiting.pool) {
            return None;
        }
        if waiting.source_host.as_deref().is_some_and(|host| counts.host(host) >= limits.per_source) {
            continue;
        }
        if waiting.runs_alone && counts.pool(waiting.pool) > 0 {
            // Its turn has come: nothing else begins, so that the pool becomes free for it.
            return None;
        }
        return Some(waiting.id);
    }
    None
}

/// How much runs.
struct Counts<'a> {
    pools: HashMap<DataPoolId, usize>,
    hosts: HashMap<&'a str, usize>,
    /// Pools in which something runs alone.
    alone: HashSet<DataPoolId>,
}

impl<'a> Counts<'a> {
    fn of(running: &'a [Running]) -> Self {
        let mut counts = Self { pools: HashMap::new(), hosts: HashMap::new(), alone: HashSet::new() };
        for one in running {
            *counts.pools.entry(one.pool).or_default() += 1;
            if let Some(host) = &one.source_host {
                *counts.hosts.entry(host).or_default() += 1;
            }
            if one.runs_alone {
                counts.alone.insert(one.pool);
            }
        }
        counts
    }

    fn pool(&self, pool: DataPoolId) -> usize {
        self.pools.get(&pool).copied().unwrap_or_default()
    }

    fn host(&self, host: &str) -> usize {
        self.hosts.get(host).copied().unwrap_or_default()
    }
}

fn counted(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

const fn verb(number: usize) -> &'static str {
    if number == 1 { "runs" } else { "run" }
}

const fn be(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

fn also_before(before: usize) -> String {
    match before {
        0 => String::new(),
        _ => format!("; {before} of this pool {} before it", be(before)),
    }
}

#[cfg(test)]
mod tests;
