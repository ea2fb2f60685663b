//! What becomes of an execution whose worker goes away, or whose claim nobody keeps.

use forebay_core::access::{Permission, Scope};
use forebay_core::event::Loss;
use forebay_core::execution::Status;

use super::house::{House, full};
use super::plane::Act;

fn interrupted() -> Loss {
    Loss::Interrupted { reason: "the worker was stopped".to_owned() }
}

fn died() -> Loss {
    Loss::Died { reason: "the worker ended by signal 9".to_owned() }
}

#[tokio::test]
async fn interrupted_work_goes_on_and_burns_no_attempt() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::LoseAtGate(interrupted()));
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    house.plane.act(job.id, Act::Succeed);
    house.plane.open_gate(1);
    let ended = house.ended(started.id).await;
    assert_eq!((ended.status, ended.attempt, ended.interruptions), (Status::Success, 1, 1));
    let log = house.log(started.id).await;
    assert_eq!(log[0].0, "EXECUTION_REQUEUED");
    assert!(log[0].1.starts_with("the worker was stopped; the execution is queued again"), "{log:?}");
    dispatcher.stop().await;
}

#[tokio::test]
async fn what_is_interrupted_again_and_again_fails_at_last() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::Lose(interrupted()));
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    for round in 1..=10 {
        let seen = house
            .until(started.id, |execution| execution.interruptions >= round || execution.status.is_finished())
            .await;
        assert!(!seen.status.is_finished(), "{round}: {seen:?}");
        // No pause is longer than a minute.
        house.clock.turn(60_000);
        house.engine.0.wake.notify_one();
    }
    let failed = house.ended(started.id).await;
    assert_eq!((failed.status, failed.attempt), (Status::Fail, 1));
    let message = failed.message.unwrap();
    assert!(
        message.contains("interrupted 11 times") && message.contains("the worker was stopped"),
        "{message}"
    );
    assert_eq!(house.log(started.id).await.last().unwrap().0, "EXECUTION_LOST");
    assert_eq!(house.plane.ran().len(), 11);
    dispatcher.stop().await;
}

#[tokio::test]
async fn an_execution_that_ends_its_worker_twice_fails_with_the_reason() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::Lose(died()));
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    let waiting = house.until(started.id, |execution| execution.attempt == 2).await;
    assert_eq!((waiting.status, waiting.interruptions), (Status::Queued, 0));
    assert!(waiting.not_before.is_some() && waiting.is_suspect());
    assert!(waiting.requeued_because.unwrap().contains("signal 9"));
    house.clock.turn(10_000);
    house.engine.0.wake.notify_one();
    let failed = house.ended(started.id).await;
    assert_eq!((failed.status, failed.attempt), (Status::Fail, 2));
    let expected = "this execution ended its worker twice: the worker ended by signal 9";
    assert_eq!(failed.message.as_deref(), Some(expected));
    // The job is free again.
    house.plane.act(job.id, Act::Succeed);
    let again = house.start(job.id).await;
    assert_eq!(house.ended(again.id).await.status, Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_suspect_runs_alone_so_that_nobody_else_is_to_blame() {
    let house = House::new().await;
    let (bad, good) = (house.job("bad").await, house.job("good").await);
    house.plane.act(bad.id, Act::LoseAtGate(died()));
    let dispatcher = house.dispatch();
    let started = house.start(bad.id).await;
    house.plane.begun(1).await;
    house.plane.open_gate(1);
    house.until(started.id, |execution| execution.attempt == 2).await;
    house.plane.act(good.id, Act::UntilGate);
    let beside = house.start(good.id).await;
    house.plane.begun(2).await;
    house.plane.act(bad.id, Act::UntilGate);
    house.clock.turn(10_000);
    house.engine.0.wake.notify_one();
    let waits = house.waits_for(started.id, "RunsAlone").await;
    assert!(waits.contains("runs alone next: 1 execution of this pool still runs"), "{waits}");
    house.plane.open_gate(1);
    house.ended(beside.id).await;
    house.plane.begun(3).await;
    // Now it runs, and nothing else of its pool begins.
    let behind = house.start(good.id).await;
    house.waits_for(behind.id, "RunsAlone").await;
    house.plane.open_gate(1);
    assert_eq!(house.ended(started.id).await.status, Status::Success);
    house.plane.open_gate(1);
    assert_eq!(house.ended(behind.id).await.status, Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_cancel_wins_over_going_back() {
    for loss in [interrupted(), died()] {
        let house = House::new().await;
        let job = house.job("a").await;
        house.plane.act(job.id, Act::LoseAtGate(loss));
        let dispatcher = house.dispatch();
        let started = house.start(job.id).await;
        house.plane.begun(1).await;
        house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
        house.plane.open_gate(1);
        let ended = house.ended(started.id).await;
        assert_eq!(
            (ended.status, ended.message.as_deref()),
            (Status::Cancel, Some("canceled by Administrator"))
        );
        assert_eq!(house.engine.cancel_execution(&house.admin, started.id).await.unwrap(), ended);
        dispatcher.stop().await;
        assert_eq!(house.plane.ran().len(), 1);
    }
}

#[tokio::test]
async fn what_pauses_before_its_next_try_can_be_canceled() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::Lose(died()));
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.until(started.id, |execution| execution.attempt == 2).await;
    let waits = house.waits_for(started.id, "Backoff").await;
    assert!(waits.contains("tried again in 10 seconds"), "{waits}");
    let canceled = house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
    assert_eq!(
        (canceled.status, canceled.message.as_deref()),
        (Status::Cancel, Some("canceled by Administrator"))
    );
    house.clock.turn(10_000);
    house.engine.0.wake.notify_one();
    dispatcher.stop().await;
    assert_eq!(house.plane.ran().len(), 1);
}

#[tokio::test]
async fn a_claim_that_nobody_keeps_is_taken_back_and_its_run_says_nothing_more() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilGate);
    let silent = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    // Another server over the same metadata, which the first one gives no sign of life.
    let other = house.restarted();
    other.clock.turn(30_000);
    other.engine.look_at_leases().await.unwrap();
    assert_eq!(other.execution(started.id).await.status, Status::Running, "the lease holds");
    other.clock.turn(1);
    other.engine.look_at_leases().await.unwrap();
    let back = other.execution(started.id).await;
    assert_eq!((back.status, back.interruptions), (Status::Queued, 1));
    assert_eq!(other.store.lost_leases().await.unwrap(), 1);
    // The old run ends after all; the first end is that of the newest claim.
    let claimed = other
        .store
        .claim_executions(&[started.id], back.queued_at, back.queued_at)
        .await
        .unwrap()
        .pop()
        .unwrap();
    house.plane.open_gate(1);
    silent.stop().await;
    assert_eq!(house.execution(started.id).await.status, Status::Running);
    let newer = claimed.claim;
    assert!(newer.number > house.plane.claims()[0].number);
    assert!(
        other
            .store
            .finish_claimed(started.id, newer, &[], Status::Success, None, back.queued_at)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_run_whose_claim_was_taken_away_is_stopped() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilStopped);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    house.clock.turn(31_000);
    house.restarted().engine.look_at_leases().await.unwrap();
    house.plane.act(job.id, Act::Succeed);
    house.engine.look_at_leases().await.unwrap();
    house.plane.stopped(1).await;
    // It is queued, not canceled, and runs again.
    assert_eq!(house.ended(started.id).await.status, Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_claim_that_is_kept_is_not_taken_back_when_the_clock_jumps() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilGate);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    house.clock.turn(3_600_000);
    house.engine.look_at_leases().await.unwrap();
    house.plane.open_gate(1);
    let ended = house.ended(started.id).await;
    assert_eq!((ended.status, ended.interruptions), (Status::Success, 0));
    dispatcher.stop().await;
}

#[tokio::test]
async fn whoever_started_it_must_still_be_allowed_when_it_begins() {
    let house = House::new().await;
    let scope = Scope::Pool(house.pool);
    let (removed, deleted) = (house.job("removed").await, house.job("deleted").await);
    let first = house.member(scope, &[Permission::Execute]).await;
    let second = house.member(scope, &[Permission::Execute]).await;
    let start =
        async |caller, job| house.engine.start_execution(caller, house.pool, job, full()).await.unwrap().id;
    let (without, gone) = (start(&first, removed.id).await, start(&second, deleted.id).await);
    house.revoke(&first, scope).await;
    house.delete(&second).await;
    let dispatcher = house.dispatch();
    for (id, part) in [(without, "may not execute data jobs of this pool any more"), (gone, "does not exist")]
    {
        let ended = house.ended(id).await;
        assert_eq!(ended.status, Status::Fail);
        assert!(ended.message.as_deref().unwrap().contains(part), "{ended:?}");
    }
    assert!(house.plane.ran().is_empty());
    dispatcher.stop().await;
}
