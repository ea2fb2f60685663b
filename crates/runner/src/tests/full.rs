//! FULL: contents, columns and checkpoint are replaced in one step.

use forebay_core::event::{Event, Outcome};
use forebay_core::execution::{ExtractionMode, Status};
use forebay_core::warehouse::WriteMode;

use super::house::{CHANGED_AT, House, orders, table, with_cursor};
use super::source::{Answer, End, Rows};

#[tokio::test]
async fn a_full_replaces_contents_columns_and_checkpoint() {
    let house = House::new();
    house
        .source
        .rows("orders", Rows::whole(orders(&[(1, "new", 10), (2, "new", 20)])).cursor("updated", "20"));
    let told = house.full(&[with_cursor("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.rows("orders").shown(), ["1 new 10", "2 new 20"]);
    assert_eq!(house.rows("orders").rows[0][3].as_deref(), Some(CHANGED_AT.to_string().as_str()));

    let other =
        super::house::batch(&[("number", std::sync::Arc::new(arrow::array::Int64Array::from(vec![7])))]);
    house.source.rows("orders", Rows::whole(other));
    let told = house.full(&[table("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let now = house.rows("orders");
    assert_eq!(now.shown(), ["7"]);
    assert_eq!(now.checkpoint.unwrap().position, "p1");
    let receipt = told.events.receipt();
    assert_eq!((receipt.rows_read, receipt.rows_before, receipt.rows_inserted), (1, 2, 1));
    assert_eq!((receipt.rows_deleted, receipt.rows_after), (2, 1));
    assert_eq!(receipt.checkpoint_before.as_deref(), Some("updated = 20"));
    assert_eq!(receipt.checkpoint_after.as_deref(), Some("p1"));
    assert!(receipt.bytes > 0 && receipt.seconds >= 0.0);
    assert!(house.source.reads().iter().all(|read| read.delta.is_none()));
    assert!(told.events.alarms().is_empty());
}

#[tokio::test]
async fn readers_see_the_old_rows_until_the_full_is_committed() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[(1, "old", 10)])));
    house.full(&[table("orders")]).await;
    house.source.rows("orders", Rows::whole(orders(&[(2, "new", 20)])).end(End::Hangs));
    let tasks = vec![house.extraction(&[table("orders")])];
    let told = house
        .run_and(ExtractionMode::Full, tasks, async |_, stop| {
            house.source.hangs().await;
            assert_eq!(house.rows("orders").shown(), ["1 old 10"]);
            stop.request();
        })
        .await;
    assert_eq!(told.outcome, Outcome::Canceled);
    assert_eq!(house.rows("orders").shown(), ["1 old 10"]);
}

#[tokio::test]
async fn an_error_in_the_middle_of_the_rows_leaves_the_table_as_it_was() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[(1, "old", 10)])).key(&["id"]).cursor("updated", "10"));
    house.full(&[with_cursor("orders")]).await;
    let before = house.rows("orders");
    for mode in [ExtractionMode::Full, ExtractionMode::Delta] {
        let half = Rows::whole(orders(&[(2, "new", 20)])).key(&["id"]).cursor("updated", "20");
        house.source.rows("orders", half.end(End::Fails("the connection broke")));
        let told = house.run(mode, vec![house.extraction(&[with_cursor("orders")])]).await;
        assert!(matches!(&told.outcome, Outcome::Failed(text) if text.contains("the connection broke")));
        assert_eq!(house.rows("orders"), before);
        let failed = ("orders".to_owned(), Status::Fail, "the connection broke".to_owned());
        assert_eq!(told.events.steps(), [failed]);
        assert_eq!(told.events.logged("TABLE_FAILED"), ["orders: the connection broke"]);
    }
}

#[tokio::test]
async fn no_rows_where_there_were_some_is_a_warning() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[(1, "old", 10), (2, "old", 10)])));
    house.full(&[table("orders")]).await;
    house.source.rows("orders", Rows::whole(orders(&[])));
    let told = house.full(&[table("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert!(house.rows("orders").rows.is_empty());
    let warned = told.events.logged("TABLE_FEWER_ROWS");
    assert!(warned[0].contains("2 rows"), "{warned:?}");
}

#[tokio::test]
async fn a_full_read_that_is_answered_with_changes_is_refused() {
    let house = House::new();
    for answer in [Answer::Unchanged, Answer::Rows(Rows::changes(orders(&[(1, "new", 10)])))] {
        house.source.answer("orders", answer);
        let told = house.full(&[with_cursor("orders")]).await;
        assert!(matches!(&told.outcome, Outcome::Failed(text) if text.contains("whole table")));
        assert!(house.warehouse.table(&house.target("orders")).is_none());
    }
}

#[tokio::test]
async fn a_table_without_rows_is_loaded_with_its_columns() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[])));
    let told = house.full(&[table("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.rows("orders").columns, ["id", "status", "updated", "_CELONIS_CHANGE_DATE"]);
    assert_eq!(house.warehouse.loads()[0].mode, WriteMode::Replace);
}

#[tokio::test]
async fn a_run_tells_its_steps_in_order() {
    let house = House::new();
    house.source.rows("orders", Rows::whole(orders(&[(1, "new", 10)])).note("read in one piece"));
    let told = house.full(&[table("orders")]).await;
    let kinds: Vec<String> = told
        .events
        .all()
        .into_iter()
        .map(|event| match event {
            Event::TaskStarted { .. } => "task started".to_owned(),
            Event::TaskFinished { status, .. } => format!("task {}", status.as_str()),
            Event::StepStarted { name, .. } => format!("step {name} started"),
            Event::StepProgress { .. } => "progress".to_owned(),
            Event::StepFinished { status, .. } => format!("step {}", status.as_str()),
            Event::Log { code, .. } => code,
        })
        .collect();
    let expected = [
        "task started",
        "EXTRACTION_STARTED",
        "step orders started",
        "TABLE_NOTE",
        "TABLE_LOADED",
        "step SUCCESS",
        "task SUCCESS",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(told.events.tasks(), [(Status::Success, "1 table loaded, 1 row".to_owned())]);
}
