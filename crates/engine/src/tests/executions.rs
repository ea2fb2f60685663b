//! The queue: one live execution per job, in order, up to the limit; cancel; exactly one end.

use forebay_core::Timestamp;
use forebay_core::error::Error;
use forebay_core::event::Event;
use forebay_core::execution::{ExtractionMode, LogLevel, Status};

use super::house::{House, full};
use super::plane::{Act, PATIENCE};
use crate::{CancelUnderWay, StartExecution};

#[tokio::test]
async fn an_execution_is_queued_before_the_answer_and_runs_to_its_end() {
    let house = House::new().await;
    let job = house.job("a").await;
    let started = house.start(job.id).await;
    assert_eq!(
        (started.status, started.mode, started.started_at),
        (Status::Queued, ExtractionMode::Full, None)
    );
    house.clock.turn(5);
    let dispatcher = house.dispatch();
    let ended = house.ended(started.id).await;
    assert_eq!((ended.status, ended.message), (Status::Success, None));
    assert_eq!(ended.started_at.map(|at| at.as_millis()), Some(1_005));
    assert_eq!(house.plane.ran()[0].execution_id, started.id);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_second_start_is_a_conflict_that_names_the_live_one() {
    let house = House::new().await;
    let job = house.job("a").await;
    let first = house.start(job.id).await;
    let refused = |state: &'static str| {
        let house = &house;
        async move {
            let second = house.engine.start_execution(&house.admin, house.pool, job.id, full()).await;
            let Err(Error::ExecutionIsLive { execution, state: told }) = second else { panic!("{second:?}") };
            assert_eq!((execution, told), (first.id, state));
        }
    };
    refused("queued").await;
    house.plane.act(job.id, Act::UntilGate);
    let dispatcher = house.dispatch();
    house.plane.begun(1).await;
    refused("running").await;
    house.plane.open_gate(1);
    house.ended(first.id).await;
    let second = house.start(job.id).await;
    house.plane.open_gate(1);
    assert_eq!(house.ended(second.id).await.status, Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn an_idempotency_key_gives_the_execution_it_was_seen_with() {
    let house = House::new().await;
    let (job, other) = (house.job("a").await, house.job("b").await);
    let with_key = || StartExecution { idempotency_key: Some("k".to_owned()), ..full() };
    let start =
        async |job| house.engine.start_execution(&house.admin, house.pool, job, with_key()).await.unwrap().id;
    let first = start(job.id).await;
    assert_eq!(start(job.id).await, first);
    assert_ne!(start(other.id).await, first);
    house.engine.cancel_execution(&house.admin, first).await.unwrap();
    assert_eq!(start(job.id).await, first);
    assert_eq!(house.execution(first).await.status, Status::Cancel);
}

#[tokio::test]
async fn executions_run_in_the_order_they_were_queued_up_to_the_limit() {
    let house = House::with_limit(2).await;
    let mut queued = Vec::new();
    for text in ["a", "b", "c", "d", "e"] {
        let job = house.job(text).await;
        house.plane.act(job.id, Act::UntilGate);
        house.clock.turn(1);
        queued.push(house.start(job.id).await.id);
    }
    let dispatcher = house.dispatch();
    house.plane.begun(2).await;
    for begun in 3..=5 {
        house.plane.open_gate(1);
        house.plane.begun(begun).await;
    }
    house.plane.open_gate(2);
    for id in &queued {
        assert_eq!(house.ended(*id).await.status, Status::Success);
    }
    let mut ran: Vec<_> = house.plane.ran().into_iter().map(|spec| spec.execution_id).collect();
    // The first two are claimed in order and begin together.
    ran[..2].sort_by_key(|id| queued.iter().position(|queued| queued == id));
    assert_eq!(ran, queued);
    assert_eq!(house.plane.most_running(), 2);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_queued_execution_is_canceled_before_it_begins() {
    let house = House::new().await;
    let job = house.job("a").await;
    let queued = house.start(job.id).await;
    let canceled = house.engine.cancel_execution(&house.admin, queued.id).await.unwrap();
    assert_eq!(canceled.status, Status::Cancel);
    assert_eq!(canceled.message.as_deref(), Some("canceled by Administrator before it began"));
    assert_eq!(house.tasks(queued.id).await, [Status::Cancel]);
    let other = house.job("b").await;
    let dispatcher = house.dispatch();
    let other = house.start(other.id).await;
    house.ended(other.id).await;
    assert_eq!(house.plane.ran().len(), 1);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_running_execution_ends_canceled_and_says_by_whom() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilStopped);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    let told = house.engine.cancel_data_job(&house.admin, house.pool, job.id).await.unwrap().unwrap();
    assert_eq!(told.id, started.id);
    let ended = house.ended(started.id).await;
    assert_eq!((ended.status, ended.message.as_deref()), (Status::Cancel, Some("canceled by Administrator")));
    assert_eq!(house.engine.cancel_data_job(&house.admin, house.pool, job.id).await.unwrap(), None);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_cancel_under_way_says_when_the_run_is_ended_by_force() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilStoppedAndGate);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    let running = house.execution(started.id).await;
    assert_eq!(house.engine.cancel_under_way(&running), None, "nobody asked yet");
    house.clock.turn(100);
    let mut news = house.engine.news_of(started.id);
    house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
    news.changed().await;
    let asked_at = house.engine.now();
    // A second cancel gives it no more time.
    house.clock.turn(700);
    house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
    let forced_at = asked_at.as_millis() + i64::try_from(PATIENCE.as_millis()).unwrap();
    let forced_at = Timestamp::from_millis(forced_at);
    assert_eq!(house.engine.cancel_under_way(&running), Some(CancelUnderWay { asked_at, forced_at }));
    house.plane.open_gate(1);
    assert_eq!(house.ended(started.id).await.status, Status::Cancel);
    dispatcher.stop().await;
    assert_eq!(house.engine.cancel_under_way(&running), None, "it is over");
}

#[tokio::test]
async fn a_cancel_that_comes_too_late_changes_nothing() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilGate);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    // The run is past the point where it looks at the stop.
    house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
    house.plane.open_gate(1);
    let ended = house.ended(started.id).await;
    assert_eq!(ended.status, Status::Success);
    assert_eq!(house.engine.cancel_execution(&house.admin, started.id).await.unwrap(), ended);
    dispatcher.stop().await;
}

#[tokio::test]
async fn an_execution_that_is_canceled_while_it_ends_has_exactly_one_end() {
    let house = House::new().await;
    let dispatcher = house.dispatch();
    for round in 0..20 {
        let job = house.job(&format!("job {round}")).await;
        let started = house.start(job.id).await;
        let canceling = tokio::spawn({
            let (engine, admin) = (house.engine.clone(), house.admin.clone());
            async move { engine.cancel_execution(&admin, started.id).await.unwrap() }
        });
        let ended = house.ended(started.id).await;
        canceling.await.unwrap();
        assert!(matches!(ended.status, Status::Success | Status::Cancel), "{ended:?}");
        assert_eq!(house.execution(started.id).await, ended);
        assert_eq!(house.engine.cancel_execution(&house.admin, started.id).await.unwrap(), ended);
    }
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_panic_in_a_run_fails_that_run_only() {
    let house = House::new().await;
    let (bad, good) = (house.job("bad").await, house.job("good").await);
    house.plane.act(bad.id, Act::Panic);
    let dispatcher = house.dispatch();
    let (bad, good) = (house.start(bad.id).await, house.start(good.id).await);
    let failed = house.ended(bad.id).await;
    assert_eq!(failed.status, Status::Fail);
    assert!(failed.message.unwrap().contains("internal error"));
    assert_eq!(house.ended(good.id).await.status, Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_run_that_fails_is_data_with_its_message() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::Fail("task Extract: no such table"));
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    let ended = house.ended(started.id).await;
    assert_eq!((ended.status, ended.message.as_deref()), (Status::Fail, Some("task Extract: no such table")));
    assert_eq!(house.tasks(started.id).await, [Status::Skipped]);
    dispatcher.stop().await;
}

#[tokio::test]
async fn events_are_recorded_in_order() {
    let house = House::new().await;
    let job = house.job("a").await;
    let task = house.engine.tasks(&house.admin, house.pool, job.id).await.unwrap()[0].id;
    let mut events = vec![Event::TaskStarted { task }];
    for line in 0..700 {
        let text = format!("line {line}");
        events.push(Event::Log { task: Some(task), level: LogLevel::Info, code: "LINE".to_owned(), text });
    }
    events.push(Event::StepStarted { task, step: 0, name: "statement 1".to_owned() });
    events.push(Event::TaskFinished { task, status: Status::Success, message: None });
    house.plane.tell_and_act(job.id, events, Act::Succeed);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.ended(started.id).await;
    let log: Vec<String> = house.log(started.id).await.into_iter().map(|(_, text)| text).collect();
    let expected: Vec<String> = (0..700).map(|line| format!("line {line}")).collect();
    assert_eq!(log, expected);
    let (_, tasks) = house.engine.execution(&house.admin, started.id).await.unwrap();
    assert_eq!((tasks[0].status, tasks[0].steps[0].name.as_str()), (Status::Success, "statement 1"));
    dispatcher.stop().await;
}
