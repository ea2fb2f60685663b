//! What may work a moment later is tried again, and nothing else; an older run shows nothing.

use forebay_core::event::{Event, Outcome};
use forebay_core::execution::{Claim, ExtractionMode, LogLevel, Status};
use forebay_core::retry::RetryPolicy;
use forebay_core::warehouse::Warehouse;

use super::house::{House, orders, table};
use super::source::{Answer, End, Rows};
use super::warehouse::Trouble;

/// A house that tries everything so often, without a pause.
fn house(attempts: u32) -> House {
    let mut house = House::new();
    house.retry = RetryPolicy { attempts, first_pause_seconds: 0, longest_pause_seconds: 0 };
    house
}

#[tokio::test]
async fn only_the_tables_that_failed_are_read_again_under_a_new_snapshot() {
    let house = house(3);
    house.source.rows("a", Rows::whole(orders(&[(1, "a", 1)])));
    house.source.rows("b", Rows::whole(orders(&[(2, "old", 1), (3, "old", 1)])).end(End::Fails("broke off")));
    house.source.rows("b", Rows::whole(orders(&[(2, "new", 2)])));
    let told = house.full(&[table("a"), table("b")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.source.snapshots(), 2);
    assert_eq!(house.source.reads().len(), 3);
    assert_eq!(house.rows("a").shown(), ["1 a 1"]);
    assert_eq!(house.rows("b").shown(), ["2 new 2"], "nothing of the first reading is there");
    assert_eq!(told.events.logged("TASK_RETRY"), ["attempt 2 of 3 in 0 s: b: broke off"]);
    let last = |name: &str| {
        let steps = told.events.steps();
        steps.iter().rev().find(|step| step.0 == name).map(|step| step.1)
    };
    assert_eq!((last("a"), last("b")), (Some(Status::Success), Some(Status::Success)));
    let errors = told
        .events
        .all()
        .into_iter()
        .filter(|event| matches!(event, Event::Log { level: LogLevel::Error, .. }));
    assert_eq!(errors.count(), 0, "what was tried again is a warning");
}

#[tokio::test]
async fn a_source_that_does_not_come_back_fails_after_the_last_attempt() {
    let house = house(3);
    for _ in 0..3 {
        house.source.rows("a", Rows::whole(orders(&[])).end(End::Fails("broke off")));
    }
    let told = house.full(&[table("a")]).await;
    let expected = "task Extract: 1 of 1 tables failed: a: broke off";
    assert_eq!(told.outcome, Outcome::Failed(expected.to_owned()));
    assert_eq!(told.events.logged("TASK_RETRY").len(), 2);
    assert_eq!(house.source.snapshots(), 3);
}

#[tokio::test]
async fn a_snapshot_that_is_refused_is_asked_for_again() {
    let house = house(3);
    house.source.refuse_next_snapshots(2);
    house.source.rows("a", Rows::whole(orders(&[(1, "a", 1)])));
    let told = house.full(&[table("a")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let lines = told.events.logged("TASK_RETRY");
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with("attempt 3 of 3 in 0 s: too many connections"), "{lines:?}");
}

#[tokio::test]
async fn tables_that_were_loaded_stay_when_the_source_never_comes_back() {
    let house = house(2);
    house.source.rows("a", Rows::whole(orders(&[(1, "a", 1)])));
    house.source.rows("b", Rows::whole(orders(&[])).end(End::Fails("broke off")));
    let told = house
        .run_and(
            ExtractionMode::Full,
            vec![house.extraction(&[table("a"), table("b")])],
            async |events, _| {
                let failed =
                    |event: &Event| matches!(event, Event::Log { code, .. } if code == "TABLE_FAILED");
                events.until(failed).await;
                house.source.refuse_snapshots("gone");
            },
        )
        .await;
    let expected = "task Extract: 1 of 2 tables failed: b: gone";
    assert_eq!(told.outcome, Outcome::Failed(expected.to_owned()));
    assert_eq!(house.rows("a").shown(), ["1 a 1"]);
}

#[tokio::test]
async fn what_will_not_mend_itself_is_tried_once() {
    let house = house(3);
    house.source.answer("a", Answer::Refused("no such table"));
    let told = house.full(&[table("a")]).await;
    assert!(matches!(told.outcome, Outcome::Failed(_)));
    house.warehouse.trouble(Trouble::Fails("SELECT 1"));
    let again = house.run(ExtractionMode::Full, vec![house.transformation("SELECT 1")]).await;
    assert!(matches!(again.outcome, Outcome::Failed(_)));
    assert_eq!(told.events.logged("TASK_RETRY").len() + again.events.logged("TASK_RETRY").len(), 0);
}

#[tokio::test]
async fn a_transformation_is_tried_again_as_a_whole() {
    let house = house(3);
    house.warehouse.trouble(Trouble::Busy("SELECT 2", 2));
    let told = house.run(ExtractionMode::Full, vec![house.transformation("SELECT 1; SELECT 2")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.warehouse.scripts(), [["SELECT 1", "SELECT 2"]]);
    assert_eq!(told.events.logged("TASK_RETRY").len(), 2);
}

#[tokio::test]
async fn a_cancel_ends_the_pause_before_the_next_attempt() {
    let mut house = house(3);
    house.retry.first_pause_seconds = 3600;
    house.retry.longest_pause_seconds = 3600;
    house.source.rows("a", Rows::whole(orders(&[])).end(End::Fails("broke off")));
    let told = house
        .run_and(ExtractionMode::Full, vec![house.extraction(&[table("a")])], async |events, stop| {
            events.until(|event| matches!(event, Event::Log { code, .. } if code == "TASK_RETRY")).await;
            stop.request();
        })
        .await;
    assert_eq!(told.outcome, Outcome::Canceled);
}

#[tokio::test]
async fn a_run_whose_job_was_taken_over_shows_nothing() {
    let house = house(3);
    house.source.rows("orders", Rows::whole(orders(&[(1, "late", 1)])).end(End::Hangs));
    let spec = house.spec(ExtractionMode::Full, vec![house.extraction(&[table("orders")])]);
    // The runs of the tests have the number 1.
    house.warehouse.take_over(Claim { job: spec.job_id, number: 2 }).await.unwrap();
    let told = house.run_spec(spec).await;
    let Outcome::Failed(reason) = told.outcome else { panic!("{:?}", told.outcome) };
    assert!(reason.contains("a newer run of this data job has taken over"), "{reason}");
    assert_eq!(house.source.snapshots(), 0, "nothing is read in vain");
}
