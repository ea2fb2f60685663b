//! The tables of one extraction: beside each other, each with its settings, and a failed one alone.

use std::sync::Arc;

use forebay_core::event::Outcome;
use forebay_core::execution::{ExtractionMode, Status};
use forebay_core::extraction::{ColumnChoice, DateFilter, TODAY, TableExtraction};
use forebay_core::job::Activation;
use forebay_core::source::DateBounds;
use forebay_core::spec::Work;
use tokio::sync::Barrier;

use super::house::{House, identifier, identifiers, orders, table};
use super::source::{Answer, End, Rows};
use super::warehouse::Trouble;

#[tokio::test]
async fn a_failed_table_stops_later_tasks_but_not_the_other_tables() {
    let house = House::new();
    house.source.answer("a", Answer::Refused("no such table"));
    house.source.rows("b", Rows::whole(orders(&[(1, "new", 1)])));
    let tasks = vec![house.extraction(&[table("a"), table("b")]), house.transformation("SELECT 1")];
    let told = house.run(ExtractionMode::Full, tasks).await;
    let Outcome::Failed(reason) = &told.outcome else { panic!("{:?}", told.outcome) };
    assert_eq!(reason, "task Extract: 1 of 2 tables failed: a: no such table");
    assert_eq!(house.rows("b").shown(), ["1 new 1"]);
    let steps: Vec<Status> = told.events.steps().into_iter().map(|step| step.1).collect();
    assert_eq!(steps, [Status::Fail, Status::Success]);
    let [extraction, transformation] = told.events.tasks().try_into().unwrap();
    assert_eq!(extraction.0, Status::Fail);
    assert_eq!(transformation, (Status::Skipped, "not run: task Extract failed".to_owned()));
    assert!(house.warehouse.scripts().is_empty());
    assert_eq!(told.events.alarms(), ["TABLE_FAILED", "TASK_FAILED"]);
}

#[tokio::test]
async fn as_many_tables_as_allowed_are_read_at_a_time() {
    let mut house = House::new();
    house.parallel = 2;
    let barrier = Arc::new(Barrier::new(2));
    let names = ["a", "b", "c", "d"];
    for name in names {
        let rows = Rows::whole(orders(&[(1, "new", 1)])).end(End::Together(Arc::clone(&barrier)));
        house.source.rows(name, rows);
    }
    let told = house.full(&names.map(table)).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.source.most_open(), 2);
    assert_eq!(house.source.snapshots(), 1);
    for name in names {
        assert_eq!(house.rows(name).shown(), ["1 new 1"]);
    }
}

#[tokio::test]
async fn a_table_that_was_loaded_before_an_interruption_is_not_read_again() {
    let house = House::new();
    house.source.rows("b", Rows::whole(orders(&[(1, "new", 1)])));
    let with_done = |done: &[u32]| {
        let mut task = house.extraction(&[table("a"), table("b"), table("c")]);
        let Work::Extraction(extraction) = &mut task.work else { panic!("{task:?}") };
        extraction.done = done.to_vec();
        task
    };
    let told = house.run(ExtractionMode::Full, vec![with_done(&[0, 2])]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    // The others keep their places.
    let steps = told.events.steps();
    assert_eq!(steps.len(), 1, "{steps:?}");
    let [extraction] = told.events.tasks().try_into().unwrap();
    assert_eq!(extraction.1, "1 table loaded, 1 row; 2 tables loaded before the interruption");
    let told = house.run(ExtractionMode::Full, vec![with_done(&[0, 1, 2])]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.source.snapshots(), 1, "nothing is left to read");
}

#[tokio::test]
async fn a_disabled_table_is_not_read() {
    let house = House::new();
    let disabled = TableExtraction { activation: Activation::Disabled, ..table("a") };
    house.source.rows("b", Rows::whole(orders(&[])));
    let told = house.full(&[disabled.clone(), table("b")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(told.events.steps().len(), 1);
    let told = house.full(&[disabled]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(told.events.tasks(), [(Status::Skipped, "no table is enabled".to_owned())]);
    assert_eq!(house.source.snapshots(), 1);
}

#[tokio::test]
async fn two_tables_with_one_target_are_refused_before_anything_is_read() {
    let house = House::new();
    let renamed = TableExtraction { target: Some(identifier("Orders")), ..table("archive") };
    let told = house.full(&[table("orders"), renamed]).await;
    let Outcome::Failed(reason) = &told.outcome else { panic!("{:?}", told.outcome) };
    assert!(reason.contains("orders and archive both have the target table"), "{reason}");
    assert!(house.source.reads().is_empty());
}

#[tokio::test]
async fn a_table_is_written_under_its_targets_name() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[(1, "new", 1)])));
    let renamed = TableExtraction { target: Some(identifier("Bestellungen")), ..table("orders") };
    let told = house.full(&[renamed]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.rows("Bestellungen").shown(), ["1 new 1"]);
    assert!(house.warehouse.table(&house.target("orders")).is_none());
    assert_eq!(told.events.steps()[0].0, "Bestellungen");
}

#[tokio::test]
async fn settings_of_a_table_reach_the_source() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[])));
    let set = TableExtraction {
        columns: ColumnChoice::Only(identifiers(&["id", "status"])),
        filter: Some(" status = 'open' ".to_owned()),
        creation_date: Some(DateFilter {
            column: identifier("created"),
            from: Some("2023-01-01".to_owned()),
            until: Some(TODAY.to_owned()),
        }),
        ..table("orders")
    };
    house.full(std::slice::from_ref(&set)).await;
    let read = &house.source.reads()[0];
    assert_eq!((&read.table, &read.columns), (&set.table, &set.columns));
    assert_eq!(read.filters, [" status = 'open' "]);
    let expected = DateBounds {
        column: identifier("created"),
        from: Some("2023-01-01".to_owned()),
        until: Some("2023-11-14 23:59:59.999999".to_owned()),
    };
    assert_eq!(read.date_bounds, Some(expected));
}

#[tokio::test]
async fn a_source_that_does_not_answer_fails_the_task_with_its_words() {
    let house = House::new();
    house.source.refuse_snapshots("the server does not answer");
    let told = house.full(&[table("orders")]).await;
    assert_eq!(told.outcome, Outcome::Failed("task Extract: the server does not answer".to_owned()));
    assert!(told.events.steps().is_empty());
    assert_eq!(told.events.logged("TASK_FAILED"), ["the server does not answer"]);
}

#[tokio::test]
async fn a_commit_that_fails_leaves_the_table_as_it_was() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[(1, "old", 1)])));
    house.full(&[table("orders")]).await;
    house.warehouse.trouble(Trouble::Fails("orders"));
    house.source.rows("orders", Rows::whole(orders(&[(2, "new", 2)])));
    let told = house.full(&[table("orders")]).await;
    assert!(matches!(told.outcome, Outcome::Failed(_)));
    assert_eq!(house.rows("orders").shown(), ["1 old 1"]);
}
