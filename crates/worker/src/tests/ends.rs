//! How workers end, and what that means for what ran in them.

use std::process::{Command, Stdio};
use std::time::Duration;

use forebay_core::event::{Loss, Outcome};
use forebay_core::id::DataPoolId;
use forebay_core::plane::DataPlane;
use forebay_core::stop::Stop;
use forebay_core::warehouse::WarehouseErrorKind;
use rustix::process::Signal;

use crate::tests::house::{House, PATIENCE, is_there, launch};
use crate::workers::leftovers;
use crate::{Patience, WorkerPlane};

fn died(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Lost(Loss::Died { reason }) => reason,
        other => panic!("{other:?} is no death"),
    }
}

fn interrupted(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Lost(Loss::Interrupted { reason }) => reason,
        other => panic!("{other:?} is no interruption"),
    }
}

#[tokio::test]
async fn a_worker_that_dies_takes_its_runs_with_it_and_nothing_else() {
    let house = House::new();
    let (pool, other) = (DataPoolId::random(), DataPoolId::random());
    let (stop, stopped) = Stop::new();
    let untouched = house.run(other, "wait", stopped);
    house.runs(other, 1).await;
    for (act, expected) in
        [("abort", "aborted (signal 6)"), ("memory", "ran out of memory"), ("exit", "exit code 3")]
    {
        let outcome = house.run(pool, act, Stop::never()).await.unwrap();
        assert!(died(&outcome).contains(expected), "{act}: {outcome:?}");
    }
    assert_eq!(house.ask(pool, "running").await, "0", "the pool has another worker");
    assert_eq!(house.ask(other, "running").await, "1");
    assert_eq!((house.plane.workers().started, house.plane.workers().lost), (5, 3));
    stop.request();
    assert_eq!(untouched.await.unwrap(), Outcome::Canceled);
}

#[tokio::test]
async fn a_killed_worker_is_waited_for_and_its_run_is_told_by_which_signal() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let run = house.run(pool, "wait", Stop::never());
    house.runs(pool, 1).await;
    let pid = house.signal(pool, Signal::KILL);
    let outcome = run.await.unwrap();
    assert!(died(&outcome).contains("signal 9"), "{outcome:?}");
    assert!(!is_there(pid), "no zombie is left");
    assert!(house.worker(pool).is_none());
    let note = house.dir.path().join("workers").join(format!("{pool}.pid"));
    assert!(!note.exists());
}

#[tokio::test]
async fn nobody_is_to_blame_for_a_death_while_a_query_ran_too() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let run = house.run(pool, "wait", Stop::never());
    house.runs(pool, 1).await;
    let error = house.query(pool, "abort").await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Unavailable);
    assert!(error.message.contains("signal 6") && error.message.contains("try again"), "{error}");
    let outcome = run.await.unwrap();
    assert!(interrupted(&outcome).contains("a query ran in it"), "{outcome:?}");
}

#[tokio::test]
async fn a_cancel_stands_when_the_worker_dies_of_it() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let (stop, stopped) = Stop::new();
    let run = house.run(pool, "deaf", stopped);
    house.runs(pool, 1).await;
    stop.request();
    house.signal(pool, Signal::KILL);
    assert_eq!(run.await.unwrap(), Outcome::Canceled);
}

#[tokio::test]
async fn a_worker_that_falls_silent_is_killed_and_its_run_is_interrupted() {
    let patience = Patience { silence: Duration::from_secs(2), ..Patience::default() };
    let (house, pool) = (House::with(patience), DataPoolId::random());
    let run = house.run(pool, "wait", Stop::never());
    house.runs(pool, 1).await;
    let pid = house.signal(pool, Signal::STOP);
    let outcome = run.await.unwrap();
    assert!(interrupted(&outcome).contains("had not answered"), "{outcome:?}");
    assert!(!is_there(pid));
    house.runs(pool, 0).await;
}

#[tokio::test]
async fn a_worker_that_nobody_needs_closes_its_pool_and_ends_and_another_one_comes() {
    let patience = Patience { idle: Duration::from_millis(300), ..Patience::default() };
    let (house, pool) = (House::with(patience), DataPoolId::random());
    let (stop, stopped) = Stop::new();
    let run = house.run(pool, "wait", stopped);
    house.runs(pool, 1).await;
    // It is needed for as long as something runs.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let first = house.worker(pool).unwrap();
    assert_eq!(first.running, 1);
    assert!(first.memory_bytes > 0 && first.peak_bytes >= first.memory_bytes, "{first:?}");
    stop.request();
    run.await.unwrap();
    house.until("the idle worker ends", async || house.worker(pool).is_none()).await;
    assert!(!is_there(first.pid));
    let closed = house.dir.path().join("pools").join(pool.to_string()).join("closed");
    assert!(closed.exists(), "it was asked to end, not killed");
    house.ask(pool, "told").await;
    assert_ne!(house.worker(pool).unwrap().pid, first.pid);
    assert_eq!((house.plane.workers().started, house.plane.workers().lost), (2, 0));
}

#[tokio::test]
async fn a_pool_that_is_removed_has_no_worker_and_no_files() {
    let (house, pool) = (House::new(), DataPoolId::random());
    house.ask(pool, "told").await;
    let pid = house.worker(pool).unwrap().pid;
    house.plane.remove(pool).await.unwrap();
    assert!(!is_there(pid));
    assert!(!house.dir.path().join("pools").join(pool.to_string()).exists());
    // One that never had any is removed as well.
    house.plane.remove(DataPoolId::random()).await.unwrap();
}

#[tokio::test]
async fn a_plane_that_is_stopped_has_no_workers_and_starts_none() {
    let house = House::new();
    let pools = [DataPoolId::random(), DataPoolId::random()];
    let mut pids = Vec::new();
    for pool in pools {
        house.ask(pool, "told").await;
        pids.push(house.worker(pool).unwrap().pid);
    }
    house.plane.stop().await;
    for pid in pids {
        assert!(!is_there(pid));
    }
    let error = house.query(pools[0], "told").await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Unavailable);
    assert!(error.message.contains("the server stops"), "{error}");
}

#[tokio::test]
async fn a_worker_that_cannot_be_started_is_an_interruption_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    for (program, expected) in [("/no/such/program", "cannot be started"), ("/bin/false", "exit code 1")] {
        let mut launch = launch(dir.path());
        launch.program = program.into();
        let plane = std::sync::Arc::new(WorkerPlane::new(launch, Patience::default()));
        let house = House { plane, dir: tempfile::tempdir().unwrap() };
        let outcome = house.run(DataPoolId::random(), "wait", Stop::never()).await.unwrap();
        assert!(interrupted(&outcome).contains(expected), "{outcome:?}");
    }
}

#[test]
fn what_a_killed_server_left_is_ended_and_what_only_has_its_number_is_not() {
    let notes = tempfile::tempdir().unwrap();
    let (pool, other) = (DataPoolId::random(), DataPoolId::random());
    // Stopped, as only a process that does not end by itself is.
    let wait = "kill -STOP $$; sleep 600";
    let process = |pool: &str| {
        let mut command = Command::new("sh");
        let process = command.args(["-c", wait, "worker", pool]).stdin(Stdio::null()).spawn().unwrap();
        let begun = std::time::Instant::now();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
        while !state().contains(") T ") {
            assert!(begun.elapsed() < PATIENCE, "the process does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
        process
    };
    let mut left = process(&pool.to_string());
    let mut stranger = process("nothing");
    for (pool, process) in [(pool, &left), (other, &stranger)] {
        std::fs::write(leftovers::note(notes.path(), pool), process.id().to_string()).unwrap();
    }
    // Somebody must see its end, as the system's first process does for one that is left.
    let waiter = std::thread::spawn(move || left.wait().unwrap());
    leftovers::end_all(notes.path());
    let begun = std::time::Instant::now();
    while !waiter.is_finished() {
        assert!(begun.elapsed() < PATIENCE, "the worker is not ended");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(stranger.try_wait().unwrap().is_none(), "a process of the same number is left alone");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!(std::fs::read_dir(notes.path()).unwrap().count(), 0);
}
