//! A cancel ends the run CANCEL in whatever phase it comes, and nothing of that phase is kept.

use forebay_core::event::{Event, Outcome};
use forebay_core::execution::{ExtractionMode, Status};

use super::house::{House, Told, orders, table};
use super::source::{Answer, End, Rows};
use super::warehouse::Trouble;

fn ends(told: &Told) -> Vec<Status> {
    told.events.tasks().into_iter().map(|task| task.0).collect()
}

#[tokio::test]
async fn a_cancel_before_the_first_task_runs_nothing() {
    let house = House::new();
    let tasks = vec![house.extraction(&[table("orders")]), house.transformation("SELECT 1")];
    let told = house.run_stopped(house.spec(ExtractionMode::Full, tasks)).await;
    assert_eq!(told.outcome, Outcome::Canceled);
    assert_eq!(ends(&told), [Status::Cancel, Status::Cancel]);
    assert_eq!(house.source.snapshots(), 0);
}

#[tokio::test]
async fn a_cancel_while_a_table_is_opened_or_read_keeps_what_was_there() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[(1, "old", 1)])));
    house.full(&[table("orders")]).await;
    let before = house.rows("orders");
    for answer in [Answer::Hangs, Answer::Rows(Rows::whole(orders(&[(2, "new", 2)])).end(End::Hangs))] {
        house.source.answer("orders", answer);
        let tasks = vec![house.extraction(&[table("orders")]), house.transformation("SELECT 1")];
        let told = house
            .run_and(ExtractionMode::Full, tasks, async |_, stop| {
                house.source.hangs().await;
                stop.request();
            })
            .await;
        assert_eq!(told.outcome, Outcome::Canceled);
        assert_eq!(ends(&told), [Status::Cancel, Status::Cancel]);
        assert_eq!(told.events.steps(), [("orders".to_owned(), Status::Cancel, "canceled".to_owned())]);
        assert_eq!(told.events.alarms(), ["EXECUTION_CANCELED"]);
        assert_eq!(house.rows("orders"), before);
        assert!(house.warehouse.scripts().is_empty());
        assert_eq!(house.source.open(), 0);
    }
}

#[tokio::test]
async fn a_cancel_while_a_table_is_committed_keeps_what_was_there() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[(1, "old", 1)])));
    house.full(&[table("orders")]).await;
    house.warehouse.trouble(Trouble::Hangs("orders"));
    house.source.rows("orders", Rows::whole(orders(&[(2, "new", 2)])));
    let tasks = vec![house.extraction(&[table("orders")])];
    let told = house
        .run_and(ExtractionMode::Full, tasks, async |_, stop| {
            house.warehouse.hangs().await;
            stop.request();
        })
        .await;
    assert_eq!(told.outcome, Outcome::Canceled);
    assert_eq!(house.rows("orders").shown(), ["1 old 1"]);
}

#[tokio::test]
async fn a_cancel_stops_every_table_and_those_that_were_done_stay() {
    let mut house = House::new();
    house.parallel = 2;
    house.source.rows("a", Rows::whole(orders(&[(1, "new", 1)])));
    house.source.rows("b", Rows::whole(orders(&[(1, "new", 1)])).end(End::Hangs));
    house.source.rows("c", Rows::whole(orders(&[(1, "new", 1)])).end(End::Hangs));
    let tasks = vec![house.extraction(&["a", "b", "c", "d"].map(table))];
    let told = house
        .run_and(ExtractionMode::Full, tasks, async |events, stop| {
            events
                .until(|event| matches!(event, Event::StepFinished { step: 0, status: Status::Success, .. }))
                .await;
            events.until(|event| matches!(event, Event::StepStarted { name, .. } if name == "c")).await;
            stop.request();
        })
        .await;
    assert_eq!(told.outcome, Outcome::Canceled);
    assert_eq!(house.rows("a").shown(), ["1 new 1"]);
    for name in ["b", "c", "d"] {
        assert!(house.warehouse.table(&house.target(name)).is_none());
    }
    let ends: Vec<Status> = told.events.steps().into_iter().map(|step| step.1).collect();
    assert_eq!(ends, [Status::Success, Status::Cancel, Status::Cancel]);
    assert_eq!(house.source.open(), 0);
}

#[tokio::test]
async fn a_cancel_while_a_statement_runs_keeps_no_statement_of_the_script() {
    let house = House::new();
    house.warehouse.trouble(Trouble::Hangs("forever"));
    let tasks = vec![house.transformation("SELECT 1; SELECT forever; SELECT 3")];
    let told = house
        .run_and(ExtractionMode::Full, tasks, async |_, stop| {
            house.warehouse.hangs().await;
            stop.request();
        })
        .await;
    assert_eq!(told.outcome, Outcome::Canceled);
    let ends: Vec<Status> = told.events.steps().into_iter().map(|step| step.1).collect();
    assert_eq!(ends, [Status::Success, Status::Cancel]);
    assert!(house.warehouse.scripts().is_empty());
}

#[tokio::test]
async fn a_cancel_between_two_tasks_keeps_the_first() {
    let house = House::new();
    house.warehouse.trouble(Trouble::Hangs("forever"));
    let tasks = vec![house.transformation("SELECT 1"), house.transformation("SELECT forever")];
    let told = house
        .run_and(ExtractionMode::Full, tasks, async |_, stop| {
            house.warehouse.hangs().await;
            stop.request();
        })
        .await;
    assert_eq!(told.outcome, Outcome::Canceled);
    assert_eq!(ends(&told), [Status::Success, Status::Cancel]);
    assert_eq!(house.warehouse.scripts(), [["SELECT 1"]]);
}
