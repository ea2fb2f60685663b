//! What becomes of executions when the server stops, and when it is killed.

use forebay_core::event::Event;
use forebay_core::execution::Status;
use forebay_core::job::TaskKind;
use forebay_core::spec::{ExecutionSpec, Work};

use super::house::{House, table};
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
    assert_eq!((waiting.attempt, waiting.interruptions), (1, 1), "no attempt is burnt");
    assert_eq!(house.tasks(started.id).await, [Status::Queued]);
    let log = house.log(started.id).await;
    assert_eq!(log[0].0, "EXECUTION_REQUEUED");
    assert!(log[0].1.contains("the server was stopped"), "{log:?}");
    assert_eq!(waiting.requeued_because, Some(log[0].1.clone()));

    let house = house.restarted();
    house.plane.act(job.id, Act::Succeed);
    let dispatcher = house.dispatch();
    assert_eq!(house.ended(started.id).await.status, Status::Success);
    let [first, second] = house.plane.ran().try_into().unwrap();
    assert_eq!(first, second);
    let [first, second] = house.plane.claims().try_into().unwrap();
    assert!(first.job == job.id && second.job == job.id && first.number < second.number);
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
async fn after_a_crash_what_ran_goes_on_and_what_waited_runs() {
    let house = House::with_limit(1).await;
    let (running, waiting) = (house.job("running").await, house.job("waiting").await);
    house.plane.act(running.id, Act::UntilStopped);
    let dispatcher = house.dispatch();
    let (ran, waited) = (house.start(running.id).await, house.start(waiting.id).await);
    house.plane.begun(1).await;
    dispatcher.kill().await;
    assert_eq!(house.execution(ran.id).await.status, Status::Running);

    let house = house.restarted();
    house.plane.act(running.id, Act::Succeed);
    let dispatcher = house.dispatch();
    let ended = house.ended(ran.id).await;
    assert_eq!((ended.status, ended.attempt, ended.interruptions), (Status::Success, 1, 1));
    let log = house.log(ran.id).await;
    assert_eq!(log[0].0, "EXECUTION_REQUEUED");
    assert!(log[0].1.contains("the server ended while this execution ran"), "{log:?}");
    assert_eq!(house.ended(waited.id).await.status, Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_cancel_that_a_crash_overtook_stands() {
    let house = House::new().await;
    let job = house.job("a").await;
    house.plane.act(job.id, Act::UntilStoppedAndGate);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    let told = house.engine.cancel_execution(&house.admin, started.id).await.unwrap();
    assert_eq!(told.canceled_by.as_deref(), Some("Administrator"));
    dispatcher.kill().await;
    let house = house.restarted();
    let dispatcher = house.dispatch();
    let ended = house.ended(started.id).await;
    assert_eq!((ended.status, ended.message.as_deref()), (Status::Cancel, Some("canceled by Administrator")));
    assert_eq!(house.plane.ran().len(), 1);
    dispatcher.stop().await;
}

#[tokio::test]
async fn tables_that_were_loaded_before_an_interruption_are_not_read_again() {
    let house = House::new().await;
    let job = house.empty_job("a").await;
    let tables = ["one", "two", "three"].map(table).to_vec();
    let task = house.task(&job, "Extract", TaskKind::Extraction(tables)).await.id;
    let step = |step, status| {
        let begun = Event::StepStarted { task, step, name: format!("step {step}") };
        [begun, Event::StepFinished { task, step, status, message: None, receipt: None }]
    };
    let mut events = vec![Event::TaskStarted { task }];
    events.extend(step(0, Status::Success));
    events.extend(step(2, Status::Skipped));
    events.push(Event::StepStarted { task, step: 1, name: "step 1".to_owned() });
    house.plane.tell_and_act(job.id, events, Act::UntilStopped);
    let dispatcher = house.dispatch();
    let started = house.start(job.id).await;
    house.plane.begun(1).await;
    dispatcher.stop().await;

    let house = house.restarted();
    house.plane.act(job.id, Act::Succeed);
    let dispatcher = house.dispatch();
    house.ended(started.id).await;
    let specs = house.plane.ran();
    let extraction = |spec: &ExecutionSpec| match &spec.tasks[0].work {
        Work::Extraction(extraction) => (extraction.tables.len(), extraction.done.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(extraction(&specs[0]), (3, Vec::new()));
    assert_eq!(extraction(&specs[1]), (3, vec![0, 2]));
    let (_, tasks) = house.engine.execution(&house.admin, started.id).await.unwrap();
    assert_eq!(tasks[0].steps[0].status, Status::Success);
    dispatcher.stop().await;
}
