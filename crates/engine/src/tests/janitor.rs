//! What is dropped when time goes by, and what watching the server shows of it.

use std::time::Duration;

use forebay_core::event::Event;
use forebay_core::execution::{LogLevel, Receipt, Status};
use forebay_core::job::TaskKind;
use forebay_core::settings::Setting;
use forebay_core::stop::Stop;

use super::house::House;
use super::plane::Act;
use crate::janitor::Tidied;

const DAY: i64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn logs_go_before_their_executions_and_the_last_success_stays() {
    let house = House::new().await;
    let job = house.job("Nightly").await;
    let told =
        Event::Log { task: None, level: LogLevel::Info, code: "TOLD".to_owned(), text: "x".to_owned() };
    house.plane.tell_and_act(job.id, vec![told], Act::Succeed);
    let dispatcher = house.dispatch();
    let mut executions = Vec::new();
    for _ in 0..3 {
        let execution = house.start(job.id).await;
        house.ended(execution.id).await;
        executions.push(execution.id);
        house.clock.turn(DAY);
    }
    dispatcher.stop().await;
    let (_handle, stop) = Stop::new();
    assert_eq!(house.engine.tidy_up(&stop).await.unwrap(), Tidied::default());
    house.clock.turn(40 * DAY);
    assert_eq!(house.engine.tidy_up(&stop).await.unwrap(), Tidied { logs: 3, ..Tidied::default() });
    let log = house.log(executions[0]).await;
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].1.contains("dropped 30 days after its end (logsKeptDays)"), "{log:?}");
    house.clock.turn(60 * DAY);
    assert_eq!(house.engine.tidy_up(&stop).await.unwrap(), Tidied { executions: 2, ..Tidied::default() });
    let (left, total) = house.engine.executions(&house.admin, house.pool, job.id, 10, 0).await.unwrap();
    assert_eq!((left[0].id, total), (executions[2], 1));
}

#[tokio::test]
async fn a_setting_that_keeps_less_is_acted_on_without_a_restart() {
    let house = House::new().await;
    let job = house.job("Nightly").await;
    let dispatcher = house.dispatch();
    for _ in 0..5 {
        house.ended(house.start(job.id).await.id).await;
        house.clock.turn(1);
    }
    dispatcher.stop().await;
    let (handle, stop) = Stop::new();
    let engine = house.engine.clone();
    let keeper = tokio::spawn(async move { engine.keep_house(stop).await });
    let change = [(Setting::ExecutionsKeptPerJob, Some(2))];
    house.engine.change_settings(&house.admin, &change).await.unwrap();
    let dropped = async {
        while house.engine.executions(&house.admin, house.pool, job.id, 10, 0).await.unwrap().1 > 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), dropped).await.expect("the janitor is woken");
    handle.request();
    keeper.await.unwrap();
}

#[tokio::test]
async fn figures_count_what_was_done_and_what_waits() {
    let house = House::new().await;
    let (good, bad) = (house.empty_job("Good").await, house.job("Bad").await);
    let task = house.task(&good, "Extract", TaskKind::Transformation(Some("SELECT 1".to_owned()))).await;
    let receipt =
        Receipt { rows_read: 70, rows_inserted: 40, rows_updated: 30, bytes: 900, ..Receipt::default() };
    let told = vec![
        Event::StepStarted { task: task.id, step: 0, name: "orders".to_owned() },
        Event::StepFinished {
            task: task.id,
            step: 0,
            status: Status::Success,
            message: None,
            receipt: Some(receipt),
        },
    ];
    house.plane.tell_and_act(good.id, told, Act::Succeed);
    house.plane.act(bad.id, Act::Fail("as told"));
    let (first, second) = (house.start(good.id).await, house.start(bad.id).await);
    house.clock.turn(2_500);
    let before = house.engine.figures(&house.admin).await.unwrap();
    assert_eq!((before.live.queued, before.live.running), (2, 0));
    assert!((before.waiting_seconds - 2.5).abs() < 1e-9, "{}", before.waiting_seconds);
    let dispatcher = house.dispatch();
    house.ended(first.id).await;
    house.ended(second.id).await;
    dispatcher.stop().await;
    let after = house.engine.figures(&house.admin).await.unwrap();
    assert_eq!((after.live.queued, after.waiting_seconds.to_bits()), (0, 0));
    assert_eq!((after.totals.succeeded, after.totals.failed), (1, 1));
    let rows = (after.totals.rows_read, after.totals.rows_inserted, after.totals.rows_updated);
    assert_eq!((rows, after.totals.bytes_read), ((70, 40, 30), 900));
}
