//! How a run goes through its jobs: failures, what follows a success, and starts in the middle.

use forebay_core::schedule::Cause;

use super::super::house::{full, name};
use super::super::plane::Act;
use super::*;
use crate::StartExecution;

#[tokio::test]
async fn a_failure_stops_the_jobs_after_it_or_not_as_the_schedule_says() {
    for (on_failure, expected, ran) in [
        (OnFailure::Stop, [Status::Success, Status::Fail, Status::Skipped], 2),
        (OnFailure::Continue, [Status::Success, Status::Fail, Status::Success], 3),
    ] {
        let house = house().await;
        let (a, b, c) = (house.job("a").await, house.job("b").await, house.job("c").await);
        house.plane.act(b.id, Act::Fail("the source is gone"));
        let schedule = house.save(ScheduleSettings { on_failure, ..hourly(&[a.id, b.id, c.id]) }).await;
        let dispatcher = house.dispatch();
        house.later(HOUR).await;
        let runs = house.all_ended(schedule.id).await;
        assert_eq!((runs[0].status, statuses(&runs[0])), (Status::Fail, expected.to_vec()));
        assert_eq!(runs[0].message.as_deref(), Some("the data job `b` failed: the source is gone"));
        assert_eq!(house.plane.ran().len(), ran);
        dispatcher.stop().await;
    }
}

#[tokio::test]
async fn an_execution_that_somebody_cancels_ends_the_run_as_canceled() {
    let house = house().await;
    let (a, b) = (house.job("a").await, house.job("b").await);
    house.plane.act(a.id, Act::UntilStopped);
    let schedule = house.save(hourly(&[a.id, b.id])).await;
    let dispatcher = house.dispatch();
    house.later(HOUR).await;
    house.plane.begun(1).await;
    house.engine.cancel_data_job(&house.admin, house.pool, a.id).await.unwrap();
    let runs = house.all_ended(schedule.id).await;
    assert_eq!((runs[0].status, statuses(&runs[0])), (Status::Cancel, vec![Status::Cancel, Status::Skipped]));
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_schedule_that_follows_another_fires_once_for_each_of_its_successes() {
    let house = house().await;
    let (a, b) = (house.job("a").await, house.job("b").await);
    let first = house.save(hourly(&[a.id])).await;
    let follows =
        ScheduleSettings { name: name("After"), trigger: Trigger::After(first.id), ..hourly(&[b.id]) };
    let second = house.save(follows.clone()).await;
    let third =
        ScheduleSettings { name: name("Last"), trigger: Trigger::After(second.id), ..follows.clone() };
    let third = house.save(third).await;
    let off = ScheduleSettings { name: name("Off"), activation: Activation::Disabled, ..follows };
    let off = house.save(off).await;
    assert_eq!(second.next, None);
    let dispatcher = house.dispatch();
    house.later(HOUR).await;
    let runs = house.all_ended(first.id).await;
    let followed = house.until_runs(third.id, |runs| runs.iter().any(|run| run.status.is_finished())).await;
    assert_eq!(followed[0].status, Status::Success);
    assert_eq!(house.runs(second.id).await[0].cause, Cause::After(runs[0].id));
    assert_eq!(house.told(off.id).await, []);

    house.plane.act(a.id, Act::Fail("as told"));
    house.later(HOUR).await;
    house.all_ended(first.id).await;
    house.engine.look().await;
    assert_eq!((house.told(first.id).await.len(), house.told(second.id).await.len()), (2, 1));

    // A run that somebody asked for is followed too.
    house.plane.act(a.id, Act::Succeed);
    house.engine.run_schedule(&house.admin, house.pool, first.id).await.unwrap();
    house.until_runs(third.id, |runs| runs.len() == 2 && runs[1].status == Status::Success).await;
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_restart_between_two_jobs_goes_on_with_the_second() {
    let house = house().await;
    let (a, b) = (house.job("a").await, house.job("b").await);
    let schedule = house.save(hourly(&[a.id, b.id])).await;
    house.later(HOUR).await;
    let started = house.runs(schedule.id).await[0].jobs[0].execution_id.unwrap();
    let dispatcher = house.dispatch();
    house.ended(started).await;
    dispatcher.stop().await;

    // The scheduler has not seen the end of the first job.
    let house = house.restarted();
    assert_eq!(statuses(&house.runs(schedule.id).await[0]), [Status::Running, Status::Queued]);
    house.clock.turn(MINUTE);
    let dispatcher = house.dispatch();
    assert!(house.engine.plan_anew().await);
    let runs = house.all_ended(schedule.id).await;
    assert_eq!((runs.len(), runs[0].status), (1, Status::Success));
    let ran: Vec<DataJobId> = house.plane.ran().iter().map(|spec| spec.job_id).collect();
    assert_eq!(ran, [a.id, b.id]);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_start_that_a_crash_kept_from_being_recorded_is_found_again() {
    let house = house().await;
    let job = house.job("a").await;
    let schedule =
        house.save(ScheduleSettings { activation: Activation::Disabled, ..hourly(&[job.id]) }).await;
    let run = house.engine.run_schedule(&house.admin, house.pool, schedule.id).await.unwrap();
    // The execution is there, and the run does not know of it.
    let key = Some(format!("schedule run {} job 0", run.id));
    let start = StartExecution { idempotency_key: key, ..full() };
    let begun = house.engine.start_execution(&house.admin, house.pool, job.id, start).await.unwrap();
    let house = house.restarted();
    let dispatcher = house.dispatch();
    let runs = house.all_ended(schedule.id).await;
    assert_eq!((runs[0].status, runs[0].jobs[0].execution_id), (Status::Success, Some(begun.id)));
    assert_eq!(house.plane.ran().len(), 1);
    dispatcher.stop().await;
}

#[tokio::test]
async fn after_a_crash_while_a_job_runs_the_run_goes_by_how_the_execution_ends() {
    let house = house().await;
    let (a, b) = (house.job("a").await, house.job("b").await);
    house.plane.act(a.id, Act::UntilStopped);
    let schedule = house.save(hourly(&[a.id, b.id])).await;
    let dispatcher = house.dispatch();
    house.later(HOUR).await;
    house.plane.begun(1).await;
    dispatcher.kill().await;
    house.plane.act(a.id, Act::Succeed);

    let house = house.restarted();
    let dispatcher = house.dispatch();
    let runs = house.all_ended(schedule.id).await;
    assert_eq!((runs[0].status, statuses(&runs[0])), (Status::Success, vec![Status::Success; 2]));
    // It is the execution of before the crash that went on.
    assert_eq!(house.execution(runs[0].jobs[0].execution_id.unwrap()).await.interruptions, 1);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_job_that_is_gone_fails_its_turn() {
    let house = house().await;
    let (a, b) = (house.job("a").await, house.job("b").await);
    let save = ScheduleSettings { on_failure: OnFailure::Continue, ..hourly(&[a.id, b.id]) };
    let schedule = house.save(save).await;
    house.later(HOUR).await;
    let only_a = ScheduleSettings { on_failure: OnFailure::Continue, ..hourly(&[a.id]) };
    house.engine.update_schedule(&house.admin, house.pool, schedule.id, |_| Ok(only_a)).await.unwrap();
    house.engine.delete_data_job(&house.admin, house.pool, b.id).await.unwrap();
    let dispatcher = house.dispatch();
    let runs = house.all_ended(schedule.id).await;
    assert_eq!(statuses(&runs[0]), [Status::Success, Status::Fail]);
    assert_eq!(runs[0].jobs[1].message.as_deref(), Some("the data job does not exist any more"));
    assert_eq!(runs[0].jobs[1].name, "b");
    dispatcher.stop().await;
}
