//! Executing again what failed, and nothing else.

use forebay_core::access::{Permission, Scope};
use forebay_core::error::Error;
use forebay_core::event::Event;
use forebay_core::execution::Status;
use forebay_core::id::TaskId;
use forebay_core::job::{Activation, TaskKind};
use forebay_core::spec::Work;

use super::house::{House, is_conflict, is_not_found, table};
use super::plane::Act;

fn step(task: TaskId, step: u32, text: &str, status: Status) -> [Event; 2] {
    [
        Event::StepStarted { task, step, name: text.to_owned() },
        Event::StepFinished { task, step, status, message: None, receipt: None },
    ]
}

#[tokio::test]
async fn the_tables_and_tasks_that_did_not_succeed_are_executed_again() {
    let house = House::new().await;
    let job = house.empty_job("a").await;
    let script = || TaskKind::Transformation(Some("SELECT 1".to_owned()));
    let first = house.task(&job, "Before", script()).await.id;
    let tables = vec![table("orders"), table("items"), table("notes"), table("late")];
    let extraction = house.task(&job, "Extract", TaskKind::Extraction(tables.clone())).await.id;
    let last = house.task(&job, "After", script()).await.id;
    let mut told = vec![
        Event::TaskStarted { task: first },
        Event::TaskFinished { task: first, status: Status::Success, message: None },
        Event::TaskStarted { task: extraction },
    ];
    told.extend(step(extraction, 0, "orders", Status::Success));
    told.extend(step(extraction, 1, "items", Status::Fail));
    told.extend(step(extraction, 2, "notes", Status::Skipped));
    told.push(Event::TaskFinished { task: extraction, status: Status::Fail, message: None });
    told.push(Event::TaskFinished { task: last, status: Status::Skipped, message: None });
    house.plane.tell_and_act(job.id, told, Act::Fail("no"));
    let failed = house.start(job.id).await;
    is_conflict(house.engine.failed_parts(&house.admin, failed.id).await, "has not ended yet");
    let dispatcher = house.dispatch();
    house.ended(failed.id).await;

    let parts = house.engine.failed_parts(&house.admin, failed.id).await.unwrap();
    assert_eq!(parts.names, ["Extract (items, late)", "After"]);
    house.plane.act(job.id, Act::Succeed);
    let again = house.engine.start_failed_parts(&house.admin, failed.id).await.unwrap();
    assert_eq!(again.mode, failed.mode);
    house.ended(again.id).await;
    dispatcher.stop().await;
    let ran = house.plane.ran().pop().unwrap();
    assert_eq!(ran.tasks.iter().map(|task| task.id).collect::<Vec<_>>(), [extraction, last]);
    let Work::Extraction(work) = &ran.tasks[0].work else { panic!("{ran:?}") };
    assert_eq!(work.tables, [tables[1].clone(), tables[3].clone()]);
    is_conflict(
        house.engine.start_failed_parts(&house.admin, again.id).await,
        "nothing of the execution failed",
    );
}

#[tokio::test]
async fn what_was_cancelled_before_it_began_is_executed_again_whole() {
    let house = House::new().await;
    let job = house.job("a").await;
    let queued = house.start(job.id).await;
    house.engine.cancel_execution(&house.admin, queued.id).await.unwrap();
    let parts = house.engine.failed_parts(&house.admin, queued.id).await.unwrap();
    assert_eq!(parts.names, ["Transform"]);
    let viewer = house.member(Scope::Pool(house.pool), &[Permission::View]).await;
    let refused = house.engine.start_failed_parts(&viewer, queued.id).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let stranger = house.member(Scope::Pool(house.pool), &[]).await;
    is_not_found(house.engine.start_failed_parts(&stranger, queued.id).await);

    let again = house.engine.start_failed_parts(&house.admin, queued.id).await.unwrap();
    let live = house.engine.start_failed_parts(&house.admin, queued.id).await;
    assert!(
        matches!(live, Err(Error::ExecutionIsLive { execution, .. }) if execution == again.id),
        "{live:?}"
    );
    house.engine.cancel_execution(&house.admin, again.id).await.unwrap();
    // What is switched off by now is not executed again.
    let task = house.engine.tasks(&house.admin, house.pool, job.id).await.unwrap()[0].id.to_string();
    let off = Activation::Disabled;
    house.engine.set_task_activation(&house.admin, house.pool, job.id, &task, off).await.unwrap();
    is_conflict(house.engine.failed_parts(&house.admin, queued.id).await, "not in the data job any more");
}
