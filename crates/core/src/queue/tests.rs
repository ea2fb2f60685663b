//! Small queues with one answer each, and many random ones that must all be run to their end.

use super::*;

const LIMITS: Limits = Limits { running: 4, per_pool: 2, per_source: 4 };
const NOW: Timestamp = Timestamp::from_millis(100_000_000);

fn ago(minutes: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - minutes * 60_000)
}

fn waiting(pool: DataPoolId, place: u64) -> Waiting {
    Waiting {
        id: ExecutionId::random(),
        pool,
        source_host: None,
        priority: Priority::Normal,
        runs_alone: false,
        queued_at: NOW,
        place,
        not_before: None,
    }
}

fn running(pool: DataPoolId) -> Running {
    Running { pool, source_host: None, runs_alone: false }
}

fn reading(one: Waiting, host: &str) -> Waiting {
    Waiting { source_host: Some(host.to_owned()), ..one }
}

/// A server that begins what it may and ends the oldest one when it may begin nothing more.
struct Server {
    queue: Queue,
    limits: Limits,
    claims: u64,
    order: Vec<ExecutionId>,
}

impl Server {
    fn new(waiting: Vec<Waiting>, limits: Limits) -> Self {
        Self { queue: Queue { waiting, ..Queue::default() }, limits, claims: 0, order: Vec::new() }
    }

    fn begin(&mut self, now: Timestamp) -> Option<Waiting> {
        let id = self.queue.next(self.limits, false, now)?;
        let index = self.queue.waiting.iter().position(|waiting| waiting.id == id).unwrap();
        let begun = self.queue.waiting.swap_remove(index);
        self.claims += 1;
        self.queue.turns.insert(begun.pool, self.claims);
        self.queue.running.push(Running {
            pool: begun.pool,
            source_host: begun.source_host.clone(),
            runs_alone: begun.runs_alone,
        });
        self.order.push(id);
        self.check();
        Some(begun)
    }

    /// What must hold at every moment.
    fn check(&self) {
        let running = &self.queue.running;
        assert!(running.len() <= self.limits.running);
        for one in running {
            let in_pool = running.iter().filter(|other| other.pool == one.pool).count();
            assert!(in_pool <= self.limits.per_pool);
            assert!(!one.runs_alone || in_pool == 1, "beside one that runs alone");
            if let Some(host) = &one.source_host {
                let by_host = running.iter().filter(|other| other.source_host.as_ref() == Some(host)).count();
                assert!(by_host <= self.limits.per_source);
            }
        }
    }

    fn run_all(&mut self, now: Timestamp) {
        loop {
            while self.begin(now).is_some() {}
            if self.queue.running.is_empty() {
                return;
            }
            self.queue.running.remove(0);
        }
    }
}

#[test]
fn within_a_pool_the_priority_counts_and_then_the_age() {
    let pool = DataPoolId::random();
    let low = Waiting { priority: Priority::Low, ..waiting(pool, 1) };
    let first = waiting(pool, 2);
    let second = waiting(pool, 3);
    let high = Waiting { priority: Priority::High, ..waiting(pool, 4) };
    let ids = [high.id, first.id, second.id, low.id];
    let mut server = Server::new(vec![low, second, high, first], LIMITS);
    server.run_all(NOW);
    assert_eq!(server.order, ids);
}

#[test]
fn ten_minutes_of_waiting_are_a_step_of_priority() {
    let pool = DataPoolId::random();
    let first = |low_waits: i64| {
        let low = Waiting { priority: Priority::Low, queued_at: ago(low_waits), ..waiting(pool, 9) };
        let normal = waiting(pool, 1);
        let low_id = low.id;
        let queue = Queue { waiting: vec![low, normal], ..Queue::default() };
        queue.next(LIMITS, false, NOW) == Some(low_id)
    };
    assert!(!first(9));
    // Level with the other one, which is older by its place.
    assert!(!first(10));
    assert!(first(20));
}

#[test]
fn the_pool_with_the_fewest_running_comes_first_and_then_the_one_served_least_recently() {
    let [busy, served, waits] = [(); 3].map(|()| DataPoolId::random());
    let mut queue = Queue {
        waiting: vec![waiting(busy, 1), waiting(served, 2), waiting(waits, 3)],
        running: vec![running(busy)],
        turns: HashMap::from([(busy, 1), (served, 8), (waits, 7)]),
    };
    assert_eq!(queue.next(LIMITS, false, NOW), Some(queue.waiting[2].id));
    queue.turns.insert(waits, 9);
    assert_eq!(queue.next(LIMITS, false, NOW), Some(queue.waiting[1].id));
}

#[test]
fn a_pool_that_queues_a_thousand_keeps_nobody_waiting_but_itself() {
    let (greedy, other) = (DataPoolId::random(), DataPoolId::random());
    let all: Vec<Waiting> = (0..1_000).map(|place| waiting(greedy, place)).collect();
    let late = waiting(other, 1_000);
    let late_id = late.id;
    let mut server = Server::new(all, Limits { running: 1, ..LIMITS });
    server.begin(NOW).unwrap();
    server.queue.waiting.push(late);
    server.queue.running.clear();
    assert_eq!(server.begin(NOW).unwrap().id, late_id);
}

#[test]
fn nothing_begins_beyond_a_limit_or_on_a_full_disk() {
    let [one, two] = [(); 2].map(|()| DataPoolId::random());
    let queue = |running: Vec<Running>| Queue { waiting: vec![waiting(one, 1)], running, ..Queue::default() };
    assert!(queue(vec![running(two); 3]).next(LIMITS, false, NOW).is_some());
    assert!(queue(vec![running(two); 4]).next(LIMITS, false, NOW).is_none());
    assert!(queue(vec![running(one); 2]).next(LIMITS, false, NOW).is_none());
    assert!(queue(Vec::new()).next(LIMITS, true, NOW).is_none());
}

#[test]
fn what_waits_for_a_host_lets_others_of_its_pool_pass() {
    let [one, two] = [(); 2].map(|()| DataPoolId::random());
    let limits = Limits { per_source: 1, ..LIMITS };
    let blocked = reading(waiting(one, 1), "db:5432");
    let free = waiting(one, 2);
    let reads = Running { source_host: Some("db:5432".to_owned()), ..running(two) };
    let queue =
        Queue { waiting: vec![blocked.clone(), free.clone()], running: vec![reads], ..Queue::default() };
    assert_eq!(queue.next(limits, false, NOW), Some(free.id));
    let waits = queue.waits_for(blocked.id, limits, false, NOW).unwrap();
    assert_eq!(waits.reason, WaitReason::SourceLimit);
    assert!(waits.text.contains("1 execution reads the source db:5432"), "{}", waits.text);
}

#[test]
fn a_suspect_runs_alone_and_gets_its_turn() {
    let pool = DataPoolId::random();
    let suspect = Waiting { runs_alone: true, ..waiting(pool, 1) };
    let next = waiting(pool, 2);
    let mut queue = Queue {
        waiting: vec![suspect.clone(), next.clone()],
        running: vec![running(pool)],
        ..Queue::default()
    };
    // The pool becomes free for it first.
    assert_eq!(queue.next(LIMITS, false, NOW), None);
    for id in [suspect.id, next.id] {
        assert_eq!(queue.waits_for(id, LIMITS, false, NOW).unwrap().reason, WaitReason::RunsAlone);
    }
    queue.running.clear();
    assert_eq!(queue.next(LIMITS, false, NOW), Some(suspect.id));
    queue.running.push(Running { runs_alone: true, ..running(pool) });
    queue.waiting.remove(0);
    assert_eq!(queue.next(LIMITS, false, NOW), None);
    let waits = queue.waits_for(next.id, LIMITS, false, NOW).unwrap();
    assert_eq!(waits.reason, WaitReason::RunsAlone);
}

#[test]
fn what_pauses_is_passed_until_its_moment() {
    let pool = DataPoolId::random();
    let until = Timestamp::from_millis(NOW.as_millis() + 1_500);
    let paused = Waiting { not_before: Some(until), ..waiting(pool, 1) };
    let other = waiting(pool, 2);
    let queue = Queue { waiting: vec![paused.clone(), other.clone()], ..Queue::default() };
    assert_eq!(queue.next(LIMITS, false, NOW), Some(other.id));
    assert_eq!(queue.next(LIMITS, false, until), Some(paused.id));
    let waits = queue.waits_for(paused.id, LIMITS, false, NOW).unwrap();
    assert_eq!((waits.reason, waits.until), (WaitReason::Backoff, Some(until)));
    assert!(waits.text.ends_with("in 2 seconds"), "{}", waits.text);
}

#[test]
fn the_reason_names_what_is_in_the_way_and_how_many_are_before() {
    let [one, two] = [(); 2].map(|()| DataPoolId::random());
    let own = waiting(one, 5);
    let check = |running: Vec<Running>, disk_is_low: bool, reason: WaitReason, text: &str| {
        let mut all: Vec<Waiting> = (1..4).map(|place| waiting(one, place)).collect();
        all.push(own.clone());
        let queue = Queue { waiting: all, running, ..Queue::default() };
        let waits = queue.waits_for(own.id, LIMITS, disk_is_low, NOW).unwrap();
        assert_eq!((waits.reason, waits.text.as_str()), (reason, text));
    };
    let pool = "2 executions of this pool run already; 3 of this pool are before it";
    check(vec![running(one); 2], false, WaitReason::PoolLimit, pool);
    let server = "4 executions run on this server already; 3 of this pool are before it";
    check(vec![running(two); 4], false, WaitReason::ServerLimit, server);
    check(Vec::new(), false, WaitReason::Turn, "3 executions of this pool are before it");
    let disk = "the disk of the data folder has too little room; it begins when there is more";
    check(Vec::new(), true, WaitReason::Disk, disk);
    assert_eq!(Queue::default().waits_for(own.id, LIMITS, false, NOW), None);
}

/// Xorshift: plenty for many different queues, and the same ones in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[test]
fn every_queue_is_run_to_its_end_within_the_limits() {
    let mut numbers = Numbers(7);
    for _ in 0..200 {
        let pools: Vec<DataPoolId> = (0..1 + numbers.below(5)).map(|_| DataPoolId::random()).collect();
        let limits = Limits {
            running: 1 + numbers.below(6),
            per_pool: 1 + numbers.below(3),
            per_source: 1 + numbers.below(3),
        };
        let count = numbers.below(60);
        let all: Vec<Waiting> = (0..count)
            .map(|place| {
                let host = numbers.below(4);
                Waiting {
                    source_host: (host > 0).then(|| format!("db{host}:5432")),
                    priority: Priority::ALL[numbers.below(3)],
                    runs_alone: numbers.below(8) == 0,
                    queued_at: ago(i64::try_from(numbers.below(60)).unwrap()),
                    ..waiting(pools[numbers.below(pools.len())], place as u64)
                }
            })
            .collect();
        let mut server = Server::new(all, limits);
        server.run_all(NOW);
        assert_eq!((server.order.len(), server.queue.waiting.len()), (count, 0), "{limits:?}");
    }
}
