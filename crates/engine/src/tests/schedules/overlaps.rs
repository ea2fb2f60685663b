//! What happens when a schedule fires while its last run is on, and when a job runs already.

use forebay_core::error::Error;
use forebay_core::execution::Execution;
use forebay_core::job::DataJob;

use super::super::house::{Dispatcher, is_conflict};
use super::super::plane::Act;
use super::*;

use FiringOutcome::{CaughtUp, Fired, Skipped};

/// A schedule of one job whose first run is on.
async fn busy(overlap: Overlap, act: Act) -> (House, DataJob, Schedule, Dispatcher) {
    let house = house().await;
    let job = house.job("a").await;
    house.plane.act(job.id, act);
    let schedule = house.save(ScheduleSettings { overlap, ..hourly(&[job.id]) }).await;
    let dispatcher = house.dispatch();
    house.later(HOUR).await;
    house.plane.begun(1).await;
    (house, job, schedule, dispatcher)
}

#[tokio::test]
async fn skip_leaves_out_what_fires_while_a_run_is_on() {
    let (house, _, schedule, dispatcher) = busy(Overlap::Skip, Act::UntilGate).await;
    house.later(HOUR).await;
    assert_eq!(house.told(schedule.id).await, [(Fired, Status::Running), (Skipped, Status::Skipped)]);
    let message = house.runs(schedule.id).await[1].message.clone().unwrap();
    assert!(message.contains("still on"), "{message}");
    is_conflict(house.engine.run_schedule(&house.admin, house.pool, schedule.id).await, "still on");
    house.plane.open_gate(2);
    house.all_ended(schedule.id).await;
    house.later(HOUR).await;
    house.all_ended(schedule.id).await;
    assert_eq!(house.told(schedule.id).await[2], (Fired, Status::Success));
    assert_eq!(house.plane.ran().len(), 2);
    dispatcher.stop().await;
}

#[tokio::test]
async fn queue_lets_it_wait_for_its_turn() {
    let (house, _, schedule, dispatcher) = busy(Overlap::Queue, Act::UntilGate).await;
    house.later(HOUR).await;
    house.later(HOUR).await;
    let queued = (Fired, Status::Queued);
    assert_eq!(house.told(schedule.id).await, [(Fired, Status::Running), queued, queued]);
    house.plane.open_gate(3);
    house.all_ended(schedule.id).await;
    assert_eq!(house.told(schedule.id).await, [(Fired, Status::Success); 3]);
    assert_eq!((house.plane.ran().len(), house.plane.most_running()), (3, 1));
    dispatcher.stop().await;
}

#[tokio::test]
async fn replace_cancels_what_is_on_and_begins_after_it() {
    let (house, job, schedule, dispatcher) = busy(Overlap::Replace, Act::UntilStopped).await;
    house.later(HOUR).await;
    house.plane.stopped(1).await;
    house.plane.act(job.id, Act::Succeed);
    let runs = house.all_ended(schedule.id).await;
    assert_eq!(house.told(schedule.id).await, [(Fired, Status::Cancel), (Fired, Status::Success)]);
    assert_eq!(
        runs[0].message.as_deref(),
        Some("replaced by the run that was due at 2026-01-01T02:00:00+00:00")
    );
    let canceled = house.execution(runs[0].jobs[0].execution_id.unwrap()).await;
    assert_eq!(canceled.message.as_deref(), Some("canceled by the schedule Hourly"));
    assert_eq!(house.plane.most_running(), 1);
    dispatcher.stop().await;
}

#[tokio::test]
async fn of_several_that_are_on_time_together_replace_runs_the_last() {
    let house = house().await;
    let job = house.job("a").await;
    let save =
        ScheduleSettings { trigger: cron("0/20 * * * * ?"), overlap: Overlap::Replace, ..hourly(&[job.id]) };
    let schedule = house.save(save).await;
    let dispatcher = house.dispatch();
    house.later(MINUTE).await;
    house.all_ended(schedule.id).await;
    assert_eq!(
        house.told(schedule.id).await,
        [(Fired, Status::Cancel), (Fired, Status::Cancel), (Fired, Status::Success)]
    );
    assert_eq!(house.plane.ran().len(), 1);
    dispatcher.stop().await;
}

#[tokio::test]
async fn what_is_caught_up_waits_for_each_other_whatever_the_overlap_policy() {
    for overlap in [Overlap::Skip, Overlap::Queue, Overlap::Replace] {
        let house = house().await;
        let job = house.job("a").await;
        let schedule =
            house.save(ScheduleSettings { overlap, misfire: Misfire::All, ..hourly(&[job.id]) }).await;
        let dispatcher = house.dispatch();
        house.later(3 * HOUR + 30 * MINUTE).await;
        house.all_ended(schedule.id).await;
        assert_eq!(house.told(schedule.id).await, [(CaughtUp, Status::Success); 3], "{overlap:?}");
        assert_eq!((house.plane.ran().len(), house.plane.most_running()), (3, 1));
        dispatcher.stop().await;
    }
}

/// A schedule that fires while somebody's own execution of its job runs.
async fn met(overlap: Overlap, act: Act) -> (House, Execution, Schedule, Dispatcher) {
    let house = house().await;
    let (job, after) = (house.job("a").await, house.job("b").await);
    house.plane.act(job.id, act);
    let schedule = house.save(ScheduleSettings { overlap, ..hourly(&[job.id, after.id]) }).await;
    let dispatcher = house.dispatch();
    let own = house.start(job.id).await;
    house.plane.begun(1).await;
    house.later(HOUR).await;
    (house, own, schedule, dispatcher)
}

#[tokio::test]
async fn skip_passes_over_a_job_that_runs_already_and_says_so() {
    let (house, own, schedule, dispatcher) = met(Overlap::Skip, Act::UntilGate).await;
    let runs = house.all_ended(schedule.id).await;
    assert_eq!(
        (runs[0].status, statuses(&runs[0])),
        (Status::Skipped, vec![Status::Skipped, Status::Success])
    );
    assert!(runs[0].message.as_ref().unwrap().contains(&own.id.to_string()), "{:?}", runs[0].message);
    house.plane.open_gate(1);
    assert_eq!(house.ended(own.id).await.status, Status::Success);
    dispatcher.stop().await;
}

#[tokio::test]
async fn queue_waits_for_a_job_that_runs_already() {
    let (house, own, schedule, dispatcher) = met(Overlap::Queue, Act::UntilGate).await;
    let runs = house.runs(schedule.id).await;
    assert_eq!((runs[0].status, statuses(&runs[0])), (Status::Running, vec![Status::Queued; 2]));
    let message = runs[0].jobs[0].message.as_ref().unwrap();
    assert!(message.contains("waits for the end") && message.contains(&own.id.to_string()), "{message}");
    house.plane.open_gate(2);
    let runs = house.all_ended(schedule.id).await;
    assert_eq!((runs[0].status, statuses(&runs[0])), (Status::Success, vec![Status::Success; 2]));
    assert_ne!(runs[0].jobs[0].execution_id, Some(own.id));
    dispatcher.stop().await;
}

#[tokio::test]
async fn replace_cancels_the_execution_of_a_job_that_runs_already() {
    let (house, own, schedule, dispatcher) = met(Overlap::Replace, Act::UntilStopped).await;
    house.plane.stopped(1).await;
    house.plane.act(own.job_id, Act::Succeed);
    let runs = house.all_ended(schedule.id).await;
    assert_eq!(runs[0].status, Status::Success);
    assert_eq!(house.ended(own.id).await.status, Status::Cancel);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_cancel_ends_the_run_that_is_on_and_those_that_wait() {
    let (house, job, schedule, dispatcher) = busy(Overlap::Queue, Act::UntilStopped).await;
    house.later(HOUR).await;
    house.engine.cancel_schedule(&house.admin, house.pool, schedule.id).await.unwrap();
    let runs = house.all_ended(schedule.id).await;
    assert_eq!(house.told(schedule.id).await, [(Fired, Status::Cancel); 2]);
    assert!(runs.iter().all(|run| run.message.as_deref() == Some("canceled by Administrator")), "{runs:?}");
    assert_eq!(house.plane.ran().len(), 1);
    house.plane.act(job.id, Act::Succeed);
    let asked = house.engine.run_schedule(&house.admin, house.pool, schedule.id).await.unwrap();
    let last = house.all_ended(schedule.id).await.pop().unwrap();
    assert_eq!((last.id, last.status), (asked.id, Status::Success));
    dispatcher.stop().await;
}

#[tokio::test]
async fn disabling_ends_what_waits_and_lets_what_runs_go_on() {
    let (house, _, schedule, dispatcher) = busy(Overlap::Queue, Act::UntilGate).await;
    house.later(HOUR).await;
    house
        .engine
        .set_schedule_activation(&house.admin, house.pool, schedule.id, Activation::Disabled)
        .await
        .unwrap();
    house.plane.open_gate(1);
    house.all_ended(schedule.id).await;
    house.later(10 * HOUR).await;
    assert_eq!(house.told(schedule.id).await, [(Fired, Status::Success), (Fired, Status::Cancel)]);
    dispatcher.stop().await;
}

#[tokio::test]
async fn deleting_a_schedule_lets_its_execution_go_on() {
    let (house, job, schedule, dispatcher) = busy(Overlap::Skip, Act::UntilGate).await;
    house.engine.delete_schedule(&house.admin, house.pool, schedule.id).await.unwrap();
    house.engine.look().await;
    let runs = house.engine.schedule_runs(&house.admin, house.pool, schedule.id, 1, 0).await;
    assert!(matches!(runs, Err(Error::NotFound { .. })), "{runs:?}");
    let live = house.store.live_execution(job.id).await.unwrap().unwrap();
    house.plane.open_gate(1);
    assert_eq!(house.ended(live.id).await.status, Status::Success);
    dispatcher.stop().await;
}
