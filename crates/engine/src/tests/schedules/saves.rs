//! What may be saved, by whom, and what stands in the way of a deletion.

use forebay_core::access::{Grant, Permission, Scope};
use forebay_core::error::Error;
use forebay_core::id::DataJobId;
use forebay_core::job::Activation;
use forebay_core::schedule::{JITTER_LIMIT_SECONDS, Pattern, TimeOfDay, Timetable, Trigger, Zone};

use super::super::house::{is_conflict, is_invalid, is_not_found, name};
use super::*;

#[tokio::test]
async fn what_is_saved_is_shown_and_says_when_it_fires_next() {
    let house = house().await;
    let (first, second) = (house.job("a").await, house.job("b").await);
    let schedule =
        house.save(ScheduleSettings { jitter_seconds: 60, ..hourly(&[second.id, first.id]) }).await;
    assert_eq!(schedule.next.unwrap().occurrence, at(HOUR));
    assert_eq!(
        (schedule.settings.jobs.as_slice(), schedule.saved_by),
        ([second.id, first.id].as_slice(), house.admin.subject)
    );
    assert_eq!(house.saved(schedule.id).await, schedule);
    assert_eq!(
        house.engine.schedules(&house.admin, house.pool).await.unwrap(),
        std::slice::from_ref(&schedule)
    );

    let change =
        ScheduleSettings { name: name("Daily"), trigger: cron("0 0 2 * * ?"), ..hourly(&[first.id]) };
    let changed =
        house.engine.update_schedule(&house.admin, house.pool, schedule.id, |_| Ok(change)).await.unwrap();
    assert_eq!((changed.next.unwrap().occurrence, changed.created_at), (at(2 * HOUR), schedule.created_at));
    assert_eq!(house.saved(schedule.id).await, changed);
}

#[tokio::test]
async fn a_wrong_schedule_is_refused_with_the_field() {
    let house = house().await;
    let job = house.job("a").await;
    let save =
        async |save: ScheduleSettings| house.engine.create_schedule(&house.admin, house.pool, save).await;
    is_invalid(save(hourly(&[])).await, "jobs", "1 to 100");
    is_invalid(save(hourly(&vec![job.id; 101])).await, "jobs", "1 to 100");
    is_not_found(save(hourly(&[DataJobId::random()])).await);
    let (other, _) = house.other_pool().await;
    let foreign = house.engine.create_data_job(&house.admin, other, name("x"), None).await.unwrap();
    is_not_found(save(hourly(&[foreign.id])).await);
    let jitter_seconds = JITTER_LIMIT_SECONDS + 1;
    is_invalid(
        save(ScheduleSettings { jitter_seconds, ..hourly(&[job.id]) }).await,
        "jitterSeconds",
        "at most",
    );
    let never = ScheduleSettings { trigger: cron("0 0 0 30 2 ?"), ..hourly(&[job.id]) };
    is_invalid(save(never).await, "pattern", "no moment from now on");
    let past = ScheduleSettings { trigger: cron("0 0 0 1 1 ? 2020"), ..hourly(&[job.id]) };
    is_invalid(save(past).await, "pattern", "no moment from now on");
    let after = ScheduleSettings { trigger: Trigger::After(ScheduleId::random()), ..hourly(&[job.id]) };
    is_not_found(save(after).await);
    assert_eq!(house.engine.schedules(&house.admin, house.pool).await.unwrap(), []);
    house.save(hourly(&[job.id])).await;
    is_conflict(save(hourly(&[job.id])).await, "choose another name");
}

#[tokio::test]
async fn schedules_that_follow_each_other_may_not_go_in_a_circle() {
    let house = house().await;
    let job = house.job("a").await;
    let after = |text: &str, other: ScheduleId| ScheduleSettings {
        name: name(text),
        trigger: Trigger::After(other),
        ..hourly(&[job.id])
    };
    let a = house.save(ScheduleSettings { name: name("A"), ..hourly(&[job.id]) }).await;
    let b = house.save(after("B", a.id)).await;
    let c = house.save(after("C", b.id)).await;
    let update = async |id, settings| {
        house.engine.update_schedule(&house.admin, house.pool, id, |_| Ok(settings)).await
    };
    is_invalid(
        update(a.id, after("A", c.id)).await,
        "afterScheduleId",
        "`A` runs after `C` runs after `B` runs after `A`",
    );
    is_invalid(update(a.id, after("A", a.id)).await, "afterScheduleId", "`A` runs after `A`");
    // What is followed cannot be deleted, and the end of the row can.
    let delete = async |id| house.engine.delete_schedule(&house.admin, house.pool, id).await;
    is_conflict(delete(b.id).await, "the schedule `C` runs after this one");
    for id in [c.id, b.id, a.id] {
        delete(id).await.unwrap();
    }
    is_not_found(delete(a.id).await);
}

#[tokio::test]
async fn a_job_of_a_schedule_cannot_be_deleted_and_a_pool_with_schedules_can() {
    let house = house().await;
    let job = house.job("a").await;
    let a = house.save(hourly(&[job.id])).await;
    let follows = ScheduleSettings { name: name("B"), trigger: Trigger::After(a.id), ..hourly(&[job.id]) };
    house.save(follows).await;
    let deleted = house.engine.delete_data_job(&house.admin, house.pool, job.id).await;
    is_conflict(deleted, "the schedule `B` runs this data job");
    house.later(HOUR).await;
    let dispatcher = house.dispatch();
    house.all_ended(a.id).await;
    dispatcher.stop().await;
    let queued = house.store.live_execution(job.id).await.unwrap();
    if let Some(queued) = queued {
        house.engine.cancel_execution(&house.admin, queued.id).await.unwrap();
    }
    house.engine.delete_data_pool(&house.admin, house.pool).await.unwrap();
    assert_eq!(house.store.live_schedule_runs().await.unwrap(), []);
}

#[tokio::test]
async fn whoever_saves_a_schedule_may_execute_and_whoever_watches_sees_it() {
    let house = house().await;
    let job = house.job("a").await;
    let schedule = house.save(hourly(&[job.id])).await;
    let pool = Scope::Pool(house.pool);
    let manager = house.member(pool, &[Permission::View, Permission::Manage]).await;
    let operator = house.member(pool, &[Permission::Execute]).await;
    let editor = house.member(pool, &[Permission::View, Permission::Edit]).await;
    let stranger = house.member(pool, &[]).await;
    let engine = &house.engine;
    for (member, may_save, may_run) in
        [(&manager, true, true), (&operator, false, true), (&editor, false, false)]
    {
        let save = engine.update_schedule(member, house.pool, schedule.id, |_| Ok(hourly(&[job.id]))).await;
        assert_eq!(save.is_ok(), may_save, "{save:?}");
        engine.schedule(member, house.pool, schedule.id).await.unwrap();
        let run = engine.run_schedule(member, house.pool, schedule.id).await;
        assert_eq!(run.is_ok(), may_run, "{run:?}");
        if let Ok(run) = run {
            assert_eq!(run.started_by, member.subject);
            engine.cancel_schedule(member, house.pool, schedule.id).await.unwrap();
        }
    }
    is_not_found(engine.schedules(&stranger, house.pool).await);
    let saved = engine.run_schedule(&stranger, house.pool, schedule.id).await;
    is_not_found(saved);
    // Manage alone lets nobody start jobs, so it lets nobody lend that right.
    let half = house.member(pool, &[Permission::Manage]).await;
    let save = engine.create_schedule(&half, house.pool, hourly(&[job.id])).await;
    assert!(matches!(save, Err(Error::Forbidden(_))), "{save:?}");
    let grant = Grant {
        grantee: half.subject.into(),
        scope: pool,
        permissions: [Permission::Manage, Permission::Execute].into(),
    };
    engine.set_grant(&house.admin, &grant).await.unwrap();
    engine
        .create_schedule(&half, house.pool, ScheduleSettings { name: name("x"), ..hourly(&[job.id]) })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_preview_shows_twenty_firings_and_what_clocks_do_to_them() {
    let house = house().await;
    let job = house.job("a").await;
    let timetable = Timetable {
        pattern: Pattern::Daily { at: TimeOfDay::parse("at", "02:30").unwrap() },
        time_zone: Zone::parse("timeZone", "Europe/Berlin").unwrap(),
    };
    // 2026-03-20.
    house.clock.turn(78 * 24 * HOUR);
    let shown = house.engine.preview_timetable(&house.admin, house.pool, &timetable).await.unwrap();
    assert_eq!(shown.len(), 20);
    assert_eq!(shown[8].local, "2026-03-28T02:30:00+01:00");
    assert_eq!(shown[9].local, "2026-03-29T03:00:00+02:00");
    assert!(shown[9].occurrence.shift.as_ref().unwrap().explained().contains("2026-03-29T02:30:00"));
    assert!(shown[10].occurrence.shift.is_none());

    let save = ScheduleSettings {
        trigger: Trigger::Time(timetable),
        jitter_seconds: 300,
        activation: Activation::Disabled,
        ..hourly(&[job.id])
    };
    let schedule = house.save(save).await;
    assert_eq!(schedule.next, None);
    let saved = house.engine.preview_schedule(&house.admin, house.pool, schedule.id).await.unwrap();
    assert!(saved.iter().zip(&shown).all(|(saved, shown)| saved.occurrence == shown.occurrence));
    assert!(saved.iter().all(|firing| firing.due >= firing.occurrence.at));
    assert!(saved.iter().any(|firing| firing.due > firing.occurrence.at));
}
