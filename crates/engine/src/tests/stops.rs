//! What becomes of executions when the server stops, and when it is killed.

use forebay_core::event::Event;
use forebay_core::execution::Status;
use forebay_core::job::TaskKind;

use super::house::House;
use super::plane::Act;

#[tokio::test]
async fn a_stop_of_the_server_is_no_cancel_and_the_next_start_goes_on() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilStopped);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    dispatcher.stop().await;
    let waiting = house.execution(started.id).await;
    assert_eq!((waiting.status, waiting.started_at, waiting.message), (Status::Queued, None, None));
    assert_eq!(house.tasks(started.id).await, [Status::Queued]);
    let log = house.log(started.id).await;
    assert_eq!(log[0].0, "EXECUTION_REQUEUED");

    let house = house.restarted();
    house.plane.act(job.id, Act::Succeed);
    let dispatcher = house.dispatch();
    assert_eq!(house.ended(started.id).await.status, Status::Success);
    let [first, second] = house.plane.ran().try_into().unwrap();
    assert_eq!(first, second);
    dispatcher.stop().await;
}

#[tokio::test]
async fn an_execution_goes_on_with_the_task_that_was_interrupted() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.task(&job, "Second", TaskKind::Transformation(Some("SELECT 2".to_owned()))).await;
    house.task(&job, "Third", TaskKind::Transformation(Some("SELECT 3".to_owned()))).await;
    let tasks = house.engine.tasks(&house.admin, house.pool, job.id).await.unwrap();
    let [first, second, third] = [tasks[0].id, tasks[1].id, tasks[2].id];
    let events = vec![
        Event::TaskStarted { task: first },
        Event::TaskFinished { task: first, status: Status::Success, message: Some("done".to_owned()) },
        Event::TaskStarted { task: second },
    ];
    house.plane.tell_and_act(job.id, events, Act::UntilStopped);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    dispatcher.stop().await;
    assert_eq!(house.tasks(started.id).await, [Status::Success, Status::Queued, Status::Queued]);

    let house = house.restarted();
    house.plane.act(job.id, Act::Succeed);
    let dispatcher = house.dispatch();
    house.ended(started.id).await;
    let rest: Vec<_> = house.plane.ran()[1].tasks.iter().map(|task| task.id).collect();
    assert_eq!(rest, [second, third]);
    assert_eq!(house.tasks(started.id).await[0], Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_cancel_stands_when_the_server_stops_before_or_after_it() {
    for cancel_first in [true, false] {
        let house = House::new().await;
        let job = house.job("a").await;
        house.plane.act(job.id, Act::UntilStoppedAndGate);
        let dispatcher = house.dispatch();
        let started = house.start(job.id).await;
        house.plane.begun(1).await;
        let cancel = async || {
            house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
            house.plane.stopped(1).await;
        };
        if cancel_first {
            cancel().await;
            dispatcher.ask();
        } else {
            dispatcher.ask();
            house.plane.stopped(1).await;
            cancel().await;
        }
        house.plane.open_gate(1);
        dispatcher.ended().await;
        let ended = house.execution(started.id).await;
        assert_eq!(ended.status, Status::Cancel, "cancel first: {cancel_first}");
        assert_eq!(ended.message.as_deref(), Some("canceled by Administrator"));
    }
}

#[tokio::test]
async fn an_execution_that_was_put_back_can_be_canceled() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilStopped);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    dispatcher.stop().await;
    let house = house.restarted();
    let canceled = house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
    assert_eq!(canceled.status, Status::Cancel);
}

#[tokio::test]
async fn a_stop_lets_a_run_that_is_past_it_end_well() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilGate);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    dispatcher.ask();
    house.plane.open_gate(1);
    dispatcher.ended().await;
    assert_eq!(house.execution(started.id).await.status, Status::Success);
}

#[tokio::test]
async fn after_a_crash_what_ran_is_failed_with_the_reason_and_what_waited_runs() {
    let house = House::with_limit(1).await;
    let (running, waiting) = (house.job("running").await, house.job("waiting").await);
    house.plane.act(running.id, Act::UntilStopped);
    let dispatcher = house.dispatch();
    let (ran, waited) = (house.start(running.id).await, house.start(waiting.id).await);
    house.plane.begun(1).await;
    dispatcher.kill().await;
    assert_eq!(house.execution(ran.id).await.status, Status::Running);

    let house = house.restarted();
    let dispatcher = house.dispatch();
    let failed = house.ended(ran.id).await;
    assert_eq!(failed.status, Status::Fail);
    assert!(failed.message.unwrap().contains("the server stopped while"));
    assert_eq!(house.log(ran.id).await.last().unwrap().0, "EXECUTION_INTERRUPTED");
    assert_eq!(house.ended(waited.id).await.status, Status::Success);
    // The job is free again.
    house.plane.act(running.id, Act::Succeed);
    let again = house.start(running.id).await;
    assert_eq!(house.ended(again.id).await.status, Status::Success);
    dispatcher.stop().await;
}
