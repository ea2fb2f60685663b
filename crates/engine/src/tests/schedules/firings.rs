//! What fires when: on time, after an absence, and when the clock is set.

use forebay_core::access::{Caller, Grant, Permission, Scope, Subject};
use forebay_core::schedule::{Cause, FiringOutcome, Misfire};
use forebay_core::stop::Stop;

use super::super::house::{is_not_found, name};
use super::*;

use FiringOutcome::{CaughtUp, Fired, Missed};

#[tokio::test]
async fn an_occurrence_fires_once_and_runs_its_jobs_in_order() {
    let house = house().await;
    let (first, second) = (house.job("a").await, house.job("b").await);
    let schedule = house.save(hourly(&[second.id, first.id])).await;
    house.later(HOUR - 1).await;
    assert_eq!(house.told(schedule.id).await, []);
    house.later(1).await;
    house.engine.look().await;
    let dispatcher = house.dispatch();
    let runs = house.all_ended(schedule.id).await;
    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    assert_eq!((run.outcome, run.status, run.cause), (Fired, Status::Success, Cause::Occurrence(at(HOUR))));
    let ran: Vec<DataJobId> = house.plane.ran().iter().map(|spec| spec.job_id).collect();
    assert_eq!(ran, [second.id, first.id]);
    let ids: Vec<_> = run.jobs.iter().map(|job| job.execution_id.unwrap()).collect();
    let execution = house.execution(ids[0]).await;
    assert_eq!((execution.mode, execution.started_by), (ExtractionMode::Delta, house.admin.subject));
    assert_eq!(execution.priority, Priority::High);
    let told = house.engine.schedules_of_executions(&ids).await.unwrap();
    assert_eq!(told[&ids[1]], (schedule.id, "Hourly".to_owned()));
    assert_eq!(house.saved(schedule.id).await.next.unwrap().occurrence, at(2 * HOUR));
    dispatcher.stop().await;
}

#[tokio::test]
async fn each_misfire_policy_does_as_it_says_after_24_ticks() {
    for (misfire, caught_up) in [(Misfire::None, 0), (Misfire::Latest, 1), (Misfire::All, 24)] {
        let house = house().await;
        let job = house.job("a").await;
        let schedule = house.save(ScheduleSettings { misfire, ..hourly(&[job.id]) }).await;
        house.clock.turn(24 * HOUR + 30 * MINUTE);
        let house = house.restarted();
        let dispatcher = house.dispatch();
        assert!(house.engine.plan_anew().await);
        let runs = house.all_ended(schedule.id).await;
        assert_eq!(runs.len(), 24, "{misfire:?}");
        let (missed, caught) = runs.split_at(24 - caught_up);
        assert!(
            missed.iter().all(|run| (run.outcome, run.status) == (Missed, Status::Skipped)),
            "{misfire:?}"
        );
        assert!(
            caught.iter().all(|run| (run.outcome, run.status) == (CaughtUp, Status::Success)),
            "{misfire:?}"
        );
        assert!(runs.iter().all(|run| run.message.as_ref().unwrap().contains("nobody looked until")));
        assert_eq!(house.plane.ran().len(), caught_up);
        assert_eq!(house.plane.most_running(), caught_up.min(1));
        assert_eq!(house.saved(schedule.id).await.next.unwrap().occurrence, at(25 * HOUR));
        dispatcher.stop().await;
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_fires_nothing_twice_and_goes_on_at_once() {
    let house = house().await;
    let job = house.job("a").await;
    let save = ScheduleSettings { trigger: cron("0 0/10 * * * ?"), ..hourly(&[job.id]) };
    let schedule = house.save(save).await;
    let dispatcher = house.dispatch();
    for _ in 0..6 {
        house.later(10 * MINUTE).await;
        house.all_ended(schedule.id).await;
    }
    assert_eq!(house.told(schedule.id).await, [(Fired, Status::Success); 6]);
    house.clock.turn(-HOUR);
    assert!(house.engine.plan_anew().await);
    for _ in 0..6 {
        house.later(10 * MINUTE).await;
    }
    assert_eq!(house.told(schedule.id).await.len(), 6);
    // Until then the hour was lived twice; now it is a new moment.
    house.later(10 * MINUTE).await;
    assert_eq!(house.all_ended(schedule.id).await.len(), 7);
    assert_eq!(house.plane.ran().len(), 7);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_forward_makes_what_it_passes_late() {
    let house = house().await;
    let job = house.job("a").await;
    let save =
        ScheduleSettings { trigger: cron("0 0/10 * * * ?"), misfire: Misfire::Latest, ..hourly(&[job.id]) };
    let schedule = house.save(save).await;
    let dispatcher = house.dispatch();
    house.later(10 * MINUTE).await;
    house.all_ended(schedule.id).await;
    house.clock.turn(HOUR + 5 * MINUTE);
    assert!(house.engine.plan_anew().await);
    house.all_ended(schedule.id).await;
    let told = house.told(schedule.id).await;
    assert_eq!(told[0], (Fired, Status::Success));
    assert_eq!(told[1..6], [(Missed, Status::Skipped); 5]);
    assert_eq!(told[6..], [(CaughtUp, Status::Success)]);
    // And back: every moment that passed again has its record.
    house.clock.turn(-HOUR);
    assert!(house.engine.plan_anew().await);
    for _ in 0..7 {
        house.later(9 * MINUTE).await;
    }
    assert_eq!(house.told(schedule.id).await.len(), 7);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_clock_that_ran_years_ahead_for_a_moment_does_not_silence_a_schedule() {
    let house = house().await;
    let job = house.job("a").await;
    let schedule = house.save(hourly(&[job.id])).await;
    let years = 3 * 365 * 24 * HOUR;
    house.later(years).await;
    house.clock.turn(-years);
    assert!(house.engine.plan_anew().await);
    assert_eq!(house.saved(schedule.id).await.next.unwrap().occurrence, at(HOUR));
}

#[tokio::test]
async fn enabling_after_a_long_time_fires_nothing_old() {
    let house = house().await;
    let job = house.job("a").await;
    let schedule = house.save(ScheduleSettings { misfire: Misfire::All, ..hourly(&[job.id]) }).await;
    let switch = async |activation| {
        let engine = &house.engine;
        engine.set_schedule_activation(&house.admin, house.pool, schedule.id, activation).await.unwrap()
    };
    assert_eq!(switch(Activation::Disabled).await.next, None);
    house.later(100 * HOUR + MINUTE).await;
    assert_eq!(switch(Activation::Enabled).await.next.unwrap().occurrence, at(101 * HOUR));
    house.engine.look().await;
    assert_eq!(house.told(schedule.id).await, []);
    house.later(HOUR).await;
    assert_eq!(house.told(schedule.id).await.len(), 1);
}

#[tokio::test]
async fn a_new_name_loses_no_occurrence_that_is_due() {
    let house = house().await;
    let job = house.job("a").await;
    let schedule = house.save(hourly(&[job.id])).await;
    house.clock.turn(HOUR + 1);
    let renamed = ScheduleSettings { name: name("Other"), ..hourly(&[job.id]) };
    house.engine.update_schedule(&house.admin, house.pool, schedule.id, |_| Ok(renamed)).await.unwrap();
    house.engine.look().await;
    assert_eq!(house.runs(schedule.id).await[0].cause, Cause::Occurrence(at(HOUR)));
    // Other times begin with the next one.
    house.clock.turn(HOUR);
    let moved = ScheduleSettings { trigger: cron("0 30 * * * ?"), ..hourly(&[job.id]) };
    let moved =
        house.engine.update_schedule(&house.admin, house.pool, schedule.id, |_| Ok(moved)).await.unwrap();
    assert_eq!(moved.next.unwrap().occurrence, at(2 * HOUR + 30 * MINUTE));
}

#[tokio::test]
async fn a_put_off_firing_starts_when_its_jitter_says() {
    let house = house().await;
    let job = house.job("a").await;
    let schedule = house.save(ScheduleSettings { jitter_seconds: 1_800, ..hourly(&[job.id]) }).await;
    let next = schedule.next.unwrap();
    let delay = next.due.as_millis() - next.occurrence.as_millis();
    assert!(delay > 0 && delay < 1_800_000);
    house.later(HOUR + delay - 1).await;
    let house = house.restarted();
    assert!(house.engine.plan_anew().await);
    house.engine.look().await;
    assert_eq!(house.told(schedule.id).await, []);
    house.later(1).await;
    assert_eq!(house.runs(schedule.id).await[0].outcome, Fired);
}

#[tokio::test]
async fn a_run_fails_with_the_reason_when_the_right_to_execute_is_gone() {
    let house = house().await;
    let (first, second) = (house.job("a").await, house.job("b").await);
    let scope = Scope::Pool(house.pool);
    let manager: Caller = house.member(scope, &[Permission::View, Permission::Manage]).await;
    let save = ScheduleSettings { on_failure: OnFailure::Stop, ..hourly(&[first.id, second.id]) };
    let schedule = house.engine.create_schedule(&manager, house.pool, save).await.unwrap();
    let grant = Grant { grantee: manager.subject.into(), scope, permissions: [Permission::View].into() };
    house.engine.set_grant(&house.admin, &grant).await.unwrap();
    house.later(HOUR).await;
    let runs = house.all_ended(schedule.id).await;
    assert_eq!((runs[0].status, statuses(&runs[0])), (Status::Fail, vec![Status::Fail, Status::Skipped]));
    let message = runs[0].message.as_ref().unwrap();
    assert!(message.contains("Member may not execute data jobs of this pool any more"), "{message}");

    let Subject::User(user) = manager.subject else { panic!("{manager:?}") };
    house.store.delete_user(user).await.unwrap();
    house.later(HOUR).await;
    let message = house.all_ended(schedule.id).await.pop().unwrap().message.unwrap();
    assert!(message.contains("does not exist any more; let somebody else save the schedule"), "{message}");
    assert!(house.plane.ran().is_empty());
}

#[tokio::test]
async fn the_scheduler_fires_by_itself_and_ends_when_it_is_asked_to() {
    let house = house().await;
    let job = house.job("a").await;
    let dispatcher = house.dispatch();
    let (stop, stopped) = Stop::new();
    let engine = house.engine.clone();
    let scheduler = tokio::spawn(async move { engine.run_schedules(stopped).await });
    let schedule = house.save(hourly(&[job.id])).await;
    house.clock.turn(HOUR);
    house.engine.0.scheduling.wake.notify_one();
    let waiting = async {
        loop {
            if let [run] = house.runs(schedule.id).await.as_slice()
                && run.status == Status::Success
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the schedule runs");
    stop.request();
    tokio::time::timeout(Duration::from_secs(30), scheduler).await.expect("it ends").unwrap();
    dispatcher.stop().await;
}

#[tokio::test]
async fn the_newest_firing_of_each_schedule_is_told() {
    let house = house().await;
    let (first, second) = (house.job("a").await, house.job("b").await);
    let often = house.save(hourly(&[first.id])).await;
    let never =
        ScheduleSettings { name: name("Later"), trigger: cron("0 0 0 1 1 ? 2030"), ..hourly(&[second.id]) };
    house.save(never).await;
    house.later(HOUR).await;
    let dispatcher = house.dispatch();
    house.all_ended(often.id).await;
    house.later(HOUR).await;
    let runs = house.all_ended(often.id).await;
    dispatcher.stop().await;
    assert_eq!(runs.len(), 2);
    let newest = house.engine.newest_schedule_runs(&house.admin, house.pool).await.unwrap();
    assert_eq!(newest.len(), 1);
    let newest = &newest[&often.id];
    assert_eq!((newest.cause, newest.status), (Cause::Occurrence(at(2 * HOUR)), Status::Success));
    assert_eq!(newest.jobs.len(), 1);
    let stranger = house.member(Scope::Pool(house.pool), &[]).await;
    is_not_found(house.engine.newest_schedule_runs(&stranger, house.pool).await);
}
