//! Claims, cancels and ends that come at the same time: each execution has one of them after the other, and none
//! waits for those of another execution.

use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use forebay_core::event::{Event, Loss};
use forebay_core::execution::{Claim, LogLevel, Status};
use forebay_core::id::{DataJobId, ExecutionId};

use super::house::House;
use super::plane::Act;
use crate::live::{Live, Standing};

fn claim(number: u64) -> Claim {
    Claim { job: DataJobId::random(), number }
}

fn waits<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> bool {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[tokio::test]
async fn a_cancel_waits_for_the_claim_and_reaches_the_run() {
    let (live, id) = (Live::default(), ExecutionId::random());
    let reserved = live.reserve(id);
    assert!(live.claimed().is_empty(), "its claim is not recorded yet");
    let entry = live.get(id).unwrap();
    let mut canceling = Box::pin(entry.standing());
    assert!(waits(&mut canceling), "nobody knows yet whether it runs");
    let (run, stop) = reserved.begin(claim(7));
    assert!(matches!(*canceling.await, Standing::Running { canceled_by: None }));
    entry.stop();
    assert!(stop.is_requested());
    assert_eq!(live.claimed().iter().map(|(claim, _)| claim.number).collect::<Vec<_>>(), [7]);
    drop(run);
    assert!(!live.has(id));
}

#[tokio::test]
async fn what_was_not_claimed_after_all_is_over_for_who_waited() {
    let (live, id) = (Live::default(), ExecutionId::random());
    let reserved = live.reserve(id);
    let entry = live.get(id).unwrap();
    drop(reserved);
    assert!(matches!(*entry.standing().await, Standing::Over));
    assert!(!live.has(id) && live.len() == 0);
}

#[tokio::test]
async fn who_waits_for_the_end_finds_no_entry_any_more() {
    let (live, id) = (Live::default(), ExecutionId::random());
    let (run, _stop) = live.reserve(id).begin(claim(1));
    let entry = live.get(id).unwrap();
    let ending = run.standing().await;
    let mut canceling = Box::pin(entry.standing());
    assert!(waits(&mut canceling), "the end is being recorded");
    run.over(ending);
    assert!(matches!(*canceling.await, Standing::Over));
    assert!(!live.has(id));
}

#[tokio::test]
async fn a_run_that_lost_its_claim_is_stopped_by_the_next_and_does_not_take_its_entry_away() {
    let (live, id) = (Live::default(), ExecutionId::random());
    let (old, stop) = live.reserve(id).begin(claim(1));
    let (new, newer_stop) = live.reserve(id).begin(claim(2));
    assert!(stop.is_requested() && !newer_stop.is_requested());
    old.over(old.standing().await);
    drop(old);
    assert_eq!(live.claimed().iter().map(|(claim, _)| claim.number).collect::<Vec<_>>(), [2]);
    drop(new);
    assert_eq!(live.len(), 0);
}

#[tokio::test]
async fn an_execution_that_is_held_up_holds_up_no_other() {
    let house = House::new().await;
    let (held_up, other) = (house.job("held up").await, house.job("other").await);
    house.plane.act(held_up.id, Act::UntilGate);
    let dispatcher = house.dispatch();
    let slow = house.start(held_up.id).await;
    house.plane.begun(1).await;
    // As while its end is on the way to the disk.
    let standing = house.engine.0.live.get(slow.id).unwrap().standing().await;
    let quick = house.start(other.id).await;
    assert_eq!(house.ended(quick.id).await.status, Status::Success);
    house.plane.act(other.id, Act::UntilStopped);
    let canceled = house.start(other.id).await;
    house.plane.begun(3).await;
    house.engine.cancel_execution(&house.admin, canceled.id).await.unwrap();
    assert_eq!(house.ended(canceled.id).await.status, Status::Cancel);
    drop(standing);
    house.plane.open_gate(1);
    assert_eq!(house.ended(slow.id).await.status, Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_cancel_between_a_claim_and_its_run_reaches_the_run() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilStopped);
    let dispatcher = house.dispatch();
    for _ in 0..10 {
        let started = house.start(job.id).await;
        // The dispatcher sends its claim, and does not hear of it while this one thread looks for it here.
        while house.execution(started.id).await.status == Status::Queued {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(50)
                && house.execution(started.id).await.status == Status::Queued
            {}
        }
        house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
        let ended = house.ended(started.id).await;
        assert_eq!(ended.status, Status::Cancel);
        assert_eq!(ended.canceled_by.as_deref(), Some("Administrator"), "the run is told, not passed over");
    }
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_cancel_while_an_execution_goes_back_into_the_queue_stands() {
    let house = House::new().await;
    let job = house.job("a").await;
    // It would not begin again for some seconds of a clock that stands still.
    let loss = Loss::Died { reason: "the worker ended by signal 9".to_owned() };
    house.plane.act(job.id, Act::LoseAtGate(loss));
    let dispatcher = house.dispatch();
    for round in 0..30 {
        let started = house.start(job.id).await;
        house.plane.begun(round + 1).await;
        house.plane.open_gate(1);
        // From before the run has ended to while its way back is being recorded.
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        let told = house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
        let ended = house.until(started.id, |execution| execution.status != Status::Running).await;
        assert_eq!(ended.status, Status::Cancel, "round {round}: {told:?}");
    }
    dispatcher.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancel_that_races_the_end_is_one_of_the_two() {
    let house = House::with_limit(4).await;
    let job = house.job("a").await.id;
    let dispatcher = house.dispatch();
    for round in 0..50 {
        let started = house.start(job).await;
        // From before its claim to after its end.
        for _ in 0..round * 8 {
            tokio::task::yield_now().await;
        }
        let told = house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
        let ended = house.ended(started.id).await;
        assert!(matches!(ended.status, Status::Success | Status::Cancel), "{ended:?}");
        if told.status.is_finished() {
            assert_eq!(told, ended, "an end that was told stands");
        }
        // The job is free for the next one.
        let again = house.start(job).await;
        assert_eq!(house.ended(again.id).await.status, Status::Success);
    }
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_follower_hears_once_of_each_run_that_is_over() {
    let house = House::new().await;
    let id = ExecutionId::random();
    let mut following = house.engine.news_of(id);
    for _ in 0..2 {
        house.engine.changed(id);
        following.changed().await;
        assert!(waits(&mut Box::pin(following.over())), "nothing is over");
        house.engine.run_is_over(id);
        following.over().await;
        assert!(waits(&mut Box::pin(following.over())), "it was heard");
    }
    // What was over before somebody follows is in the state that they read.
    let mut later = house.engine.news_of(id);
    assert!(waits(&mut Box::pin(later.over())));
}

#[tokio::test]
async fn what_a_run_says_last_is_there_when_its_end_is() {
    let house = House::new().await;
    let job = house.job("a").await;
    let dispatcher = house.dispatch();
    for count in [1, 40, 700] {
        let line = |place| Event::Log {
            task: None,
            level: LogLevel::Info,
            code: "LINE".to_owned(),
            text: format!("line {place}"),
        };
        house.plane.tell_and_act(job.id, (0..count).map(line).collect(), Act::Succeed);
        let started = house.start(job.id).await;
        assert_eq!(house.ended(started.id).await.status, Status::Success);
        let log = house.log(started.id).await;
        assert_eq!(log.len(), count);
        assert_eq!(log.last().unwrap().1, format!("line {}", count - 1));
    }
    dispatcher.stop().await;
}
