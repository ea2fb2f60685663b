//! Schedules and their runs: what is written together, and what is written once.

use forebay_core::execution::Priority;
use forebay_core::id::{ScheduleId, ScheduleRunId};
use forebay_core::schedule::{
    Cause, CronExpression, Firing, FiringOutcome, Misfire, OnFailure, Overlap, Pattern, RunJob, Schedule,
    ScheduleRun, ScheduleSettings, Timetable, Trigger, Zone,
};

use super::*;

fn firing(at_millis: i64) -> Option<Firing> {
    Some(Firing { occurrence: at(at_millis), due: at(at_millis + 5) })
}

/// A store with a pool, a job and a schedule of it that is due at 105.
async fn house() -> (Store, DataJob, Schedule) {
    let store = Store::temporary().await.unwrap();
    let pool = new_pool();
    store.create_data_pool(&pool).await.unwrap();
    let job = DataJob {
        id: DataJobId::random(),
        pool_id: pool.id,
        connection_id: None,
        name: name("Load"),
        created_at: at(1),
    };
    store.create_data_job(&job).await.unwrap();
    let expression = CronExpression::parse("0 0 2 * * ?").unwrap();
    let schedule = Schedule {
        id: ScheduleId::random(),
        pool_id: pool.id,
        settings: ScheduleSettings {
            name: name("Nightly"),
            activation: Activation::Enabled,
            trigger: Trigger::Time(Timetable {
                pattern: Pattern::Cron { expression },
                time_zone: Zone::parse("timeZone", "Europe/Berlin").unwrap(),
            }),
            mode: ExtractionMode::Delta,
            priority: Priority::High,
            jobs: vec![job.id, job.id],
            on_failure: OnFailure::Continue,
            overlap: Overlap::Queue,
            misfire: Misfire::All,
            jitter_seconds: 7,
        },
        saved_by: Subject::User(UserId::random()),
        saved_at: at(3),
        created_at: at(2),
        next: firing(100),
    };
    store.create_schedule(&schedule).await.unwrap();
    (store, job, schedule)
}

fn run(schedule: &Schedule, cause: Cause) -> ScheduleRun {
    ScheduleRun {
        id: ScheduleRunId::random(),
        schedule_id: schedule.id,
        pool_id: schedule.pool_id,
        cause,
        outcome: FiringOutcome::Fired,
        status: Status::Queued,
        message: None,
        mode: schedule.settings.mode,
        priority: schedule.settings.priority,
        on_failure: schedule.settings.on_failure,
        overlap: schedule.settings.overlap,
        started_by: schedule.saved_by,
        cancel_reason: None,
        recorded_at: at(101),
        started_at: None,
        finished_at: None,
        jobs: vec![RunJob {
            position: 0,
            job_id: schedule.settings.jobs[0],
            name: "Load".to_owned(),
            status: Status::Queued,
            execution_id: None,
            message: None,
            started_at: None,
            finished_at: None,
        }],
    }
}

#[tokio::test]
async fn a_schedule_is_read_as_it_was_written() {
    let (store, job, mut schedule) = house().await;
    assert_eq!(store.schedule(schedule.pool_id, schedule.id).await.unwrap(), schedule);
    assert_eq!(store.due_schedules(at(104)).await.unwrap(), []);
    assert_eq!(store.due_schedules(at(105)).await.unwrap(), [schedule.clone()]);
    assert_eq!(store.next_schedule_due().await.unwrap(), Some(at(105)));
    assert_eq!(store.timed_schedules().await.unwrap(), [schedule.clone()]);
    assert_eq!(store.schedule_with_job(job.pool_id, job.id).await.unwrap(), Some("Nightly".to_owned()));
    let follower = Schedule {
        id: ScheduleId::random(),
        settings: ScheduleSettings {
            name: name("After"),
            trigger: Trigger::After(schedule.id),
            ..schedule.settings.clone()
        },
        next: None,
        ..schedule.clone()
    };
    store.create_schedule(&follower).await.unwrap();
    assert_eq!(
        store.schedules_after(schedule.pool_id, schedule.id).await.unwrap(),
        std::slice::from_ref(&follower)
    );
    assert_eq!(store.schedules(schedule.pool_id).await.unwrap(), [follower, schedule.clone()]);
    schedule.settings.name = name("After");
    let taken = store.update_schedule(&schedule).await;
    assert!(
        matches!(&taken, Err(Error::Conflict { reason }) if reason.contains("already is a schedule")),
        "{taken:?}"
    );
    (schedule.settings.name, schedule.settings.activation, schedule.next) =
        (name("Off"), Activation::Disabled, None);
    schedule.settings.jobs.pop();
    store.update_schedule(&schedule).await.unwrap();
    assert_eq!(store.schedule(schedule.pool_id, schedule.id).await.unwrap(), schedule);
    assert_eq!(store.next_schedule_due().await.unwrap(), None);
    // Both sides refuse to go alone, and go with their pool.
    assert!(store.delete_schedule(schedule.pool_id, schedule.id).await.is_err());
    assert!(store.delete_data_job(job.pool_id, job.id).await.is_err());
    store.delete_data_pool(schedule.pool_id).await.unwrap();
}

#[tokio::test]
async fn a_firing_and_the_move_to_the_next_one_are_written_together_and_once() {
    let (store, _, mut schedule) = house().await;
    let first = run(&schedule, Cause::Occurrence(at(100)));
    assert!(
        store
            .record_firings(&schedule, std::slice::from_ref(&first), firing(200), None, at(106))
            .await
            .unwrap()
    );
    assert_eq!(store.live_schedule_runs().await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(store.schedule_run(first.id).await.unwrap(), first);
    // Somebody who read the schedule before is too late, and writes nothing.
    let late = run(&schedule, Cause::Occurrence(at(150)));
    assert!(!store.record_firings(&schedule, &[late], firing(300), None, at(107)).await.unwrap());
    schedule.next = firing(200);
    assert_eq!(store.schedule(schedule.pool_id, schedule.id).await.unwrap(), schedule);
    // The same occurrence again, as after a clock that was set back: the first record stands.
    let again = run(&schedule, Cause::Occurrence(at(100)));
    assert!(store.record_firings(&schedule, &[again], firing(210), None, at(108)).await.unwrap());
    let (runs, total) = store.schedule_runs(schedule.pool_id, schedule.id, 10, 0).await.unwrap();
    assert_eq!((runs, total), (vec![first], 1));
    // One that was switched off in between does not fire.
    schedule.next = firing(210);
    let settings = ScheduleSettings { activation: Activation::Disabled, ..schedule.settings.clone() };
    let off = Schedule { settings, next: None, ..schedule.clone() };
    store.update_schedule(&off).await.unwrap();
    let late = run(&schedule, Cause::Occurrence(at(210)));
    assert!(!store.record_firings(&schedule, &[late], firing(220), None, at(211)).await.unwrap());
    assert!(!store.replan_schedule(schedule.id, schedule.next, firing(230)).await.unwrap());
}

#[tokio::test]
async fn a_run_goes_from_its_start_to_one_end_and_its_followers_come_with_it() {
    let (store, _, schedule) = house().await;
    let first = run(&schedule, Cause::Asked);
    assert!(store.record_run(&first, None, at(110)).await.unwrap());
    assert!(store.start_schedule_run(first.id, at(111)).await.unwrap());
    assert!(!store.start_schedule_run(first.id, at(112)).await.unwrap());
    let execution = ExecutionId::random();
    let mut job = RunJob { status: Status::Running, execution_id: Some(execution), ..first.jobs[0].clone() };
    store.update_run_job(first.id, &job).await.unwrap();
    let told = store.schedules_of_executions(&[execution, ExecutionId::random()]).await.unwrap();
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [(execution, (schedule.id, "Nightly".to_owned()))]);
    (job.status, job.finished_at) = (Status::Success, Some(at(120)));
    store.update_run_job(first.id, &job).await.unwrap();
    // What has ended stays as it ended.
    store.update_run_job(first.id, &RunJob { status: Status::Fail, ..job.clone() }).await.unwrap();
    assert_eq!(store.schedule_run(first.id).await.unwrap().jobs, [job]);

    let follower = (run(&schedule, Cause::After(first.id)), None);
    let finish = async |status, followers: &[_]| {
        store.finish_schedule_run(first.id, status, None, followers, at(121)).await.unwrap()
    };
    assert!(finish(Status::Success, std::slice::from_ref(&follower)).await);
    assert!(!finish(Status::Fail, &[(run(&schedule, Cause::Asked), None)]).await);
    assert_eq!(store.schedule_run(first.id).await.unwrap().status, Status::Success);
    assert_eq!(store.live_runs_of(schedule.id).await.unwrap(), [follower.0]);
}

#[tokio::test]
async fn a_cancel_ends_what_waits_and_marks_what_runs() {
    let (store, _, schedule) = house().await;
    let (first, second) = (run(&schedule, Cause::Asked), run(&schedule, Cause::Asked));
    store.record_run(&first, None, at(110)).await.unwrap();
    store.start_schedule_run(first.id, at(111)).await.unwrap();
    store.record_run(&second, None, at(112)).await.unwrap();
    store.cancel_waiting_runs(schedule.id, "off", at(113)).await.unwrap();
    let ended = store.schedule_run(second.id).await.unwrap();
    assert_eq!(
        (ended.status, ended.message.as_deref(), ended.jobs[0].status),
        (Status::Cancel, Some("off"), Status::Cancel)
    );
    assert_eq!(store.schedule_run(first.id).await.unwrap().cancel_reason, None);
    let third = run(&schedule, Cause::Asked);
    store.record_run(&third, Some("replaced"), at(114)).await.unwrap();
    store.cancel_schedule_runs(schedule.id, "again", at(115)).await.unwrap();
    let marked = store.schedule_run(first.id).await.unwrap();
    assert_eq!((marked.status, marked.cancel_reason.as_deref()), (Status::Running, Some("replaced")));
    assert_eq!(store.schedule_run(third.id).await.unwrap().status, Status::Cancel);
    store.cancel_all_schedule_runs("restored", at(116)).await.unwrap();
    assert_eq!(store.live_schedule_runs().await.unwrap(), []);
    let ended = store.schedule_run(first.id).await.unwrap();
    assert_eq!((ended.message.as_deref(), ended.jobs[0].status), (Some("restored"), Status::Cancel));
}
