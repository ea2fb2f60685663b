//! DELTA: what is new since the checkpoint meets the rows that are there.

use forebay_core::event::Outcome;
use forebay_core::execution::Status;
use forebay_core::extraction::{ColumnChoice, SourceTableName, TableExtraction};
use forebay_core::name::Identifier;
use forebay_core::source::{Repeats, SourceTable};
use forebay_core::warehouse::{Key, WriteMode};

use super::house::{House, identifier, identifiers, orders, table, with_cursor};
use super::source::{Answer, Rows};

/// A house in which the orders were loaded once.
async fn loaded(table: &TableExtraction) -> House {
    let house = House::new();
    let rows = Rows::whole(orders(&[(1, "open", 10), (2, "open", 20)])).key(&["id"]).cursor("updated", "20");
    house.source.rows("orders", rows);
    assert_eq!(house.full(std::slice::from_ref(table)).await.outcome, Outcome::Succeeded);
    house
}

fn offered(key: &[&str]) -> SourceTable {
    SourceTable {
        table: SourceTableName { schema: Some(identifier("public")), name: identifier("orders") },
        columns: Vec::new(),
        key: identifiers(key),
        rows: None,
    }
}

fn merge(key: &[&str], order: Option<&str>) -> WriteMode {
    WriteMode::Merge { key: Key::new(identifiers(key)).unwrap(), order: order.map(identifier) }
}

#[tokio::test]
async fn a_delta_of_a_table_that_was_never_loaded_or_is_gone_is_a_full() {
    let house = loaded(&with_cursor("orders")).await;
    house.warehouse.drop_table(&house.target("orders"));
    house.source.rows("orders", Rows::whole(orders(&[(9, "open", 90)])).cursor("updated", "90"));
    let told = house.delta(&[with_cursor("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.rows("orders").shown(), ["9 open 90"]);
    assert_eq!(house.source.reads()[1].delta, None);
    assert_eq!(house.warehouse.loads()[1].mode, WriteMode::Replace);
    assert_eq!(told.events.logged("TABLE_FIRST_LOAD").len(), 1);
}

#[tokio::test]
async fn a_delta_with_a_key_updates_and_inserts() {
    let house = loaded(&with_cursor("orders")).await;
    house.source.offer(offered(&["id"]));
    let rows =
        Rows::changes(orders(&[(2, "paid", 30), (3, "open", 31)])).key(&["id"]).cursor("updated", "31");
    house.source.rows("orders", rows);
    let told = house.delta(&[with_cursor("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.rows("orders").shown(), ["1 open 10", "2 paid 30", "3 open 31"]);
    let receipt = told.events.receipt();
    assert_eq!((receipt.rows_read, receipt.rows_inserted, receipt.rows_updated), (2, 1, 1));
    assert_eq!((receipt.rows_before, receipt.rows_after, receipt.rows_deleted), (2, 3, 0));
    assert_eq!(receipt.checkpoint_before.as_deref(), Some("updated = 20"));
    assert_eq!(receipt.checkpoint_after.as_deref(), Some("updated = 31"));
    let delta = house.source.reads()[1].delta.clone().unwrap();
    assert_eq!(delta.since.cursor.unwrap().value, "20");
    assert_eq!((delta.offset_seconds, delta.repeats), (60, Repeats::Harmless));
    assert_eq!(house.warehouse.loads()[1].mode, merge(&["id"], Some("updated")));
    assert!(told.events.alarms().is_empty());
}

#[tokio::test]
async fn a_delta_without_a_key_appends_and_warns() {
    let house = loaded(&with_cursor("orders")).await;
    house.source.rows("orders", Rows::changes(orders(&[(2, "paid", 30)])).cursor("updated", "30"));
    let told = house.delta(&[with_cursor("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.rows("orders").shown(), ["1 open 10", "2 open 20", "2 paid 30"]);
    assert_eq!(house.source.reads()[1].delta.as_ref().unwrap().repeats, Repeats::Avoid);
    let warned = told.events.logged("TABLE_NO_KEY");
    assert!(warned[0].contains("set the table's primary key"), "{warned:?}");
}

#[tokio::test]
async fn a_delta_without_a_filter_merges_the_whole_table_and_warns() {
    let house = loaded(&table("orders")).await;
    house.source.offer(offered(&["id"]));
    house.source.rows("orders", Rows::whole(orders(&[(2, "paid", 30), (3, "open", 31)])).key(&["id"]));
    let told = house.delta(&[table("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    // Order 1 is gone at the source, and kept until the next FULL.
    assert_eq!(house.rows("orders").shown(), ["1 open 10", "2 paid 30", "3 open 31"]);
    assert_eq!(told.events.alarms(), ["TABLE_NO_DELTA_FILTER"]);
    house.source.rows("orders", Rows::whole(orders(&[(2, "paid", 30), (3, "open", 31)])).key(&["id"]));
    house.full(&[table("orders")]).await;
    assert_eq!(house.rows("orders").shown(), ["2 paid 30", "3 open 31"]);
}

#[tokio::test]
async fn a_whole_table_without_a_key_is_replaced_and_warns() {
    let house = loaded(&table("orders")).await;
    house.source.rows("orders", Rows::whole(orders(&[(1, "open", 10), (2, "open", 20)])));
    let told = house.delta(&[table("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.rows("orders").shown(), ["1 open 10", "2 open 20"]);
    assert_eq!(told.events.alarms(), ["TABLE_NO_DELTA_FILTER", "TABLE_NO_KEY"]);
}

#[tokio::test]
async fn an_unchanged_table_is_not_read_and_its_step_is_skipped() {
    let house = loaded(&with_cursor("orders")).await;
    let before = house.rows("orders");
    house.source.answer("orders", Answer::Unchanged);
    let told = house.delta(&[with_cursor("orders")]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    let skipped = ("orders".to_owned(), Status::Skipped, "unchanged since updated = 20".to_owned());
    assert_eq!(told.events.steps(), [skipped]);
    assert_eq!(
        told.events.tasks(),
        [(Status::Success, "0 tables loaded, 0 rows; 1 table unchanged".to_owned())]
    );
    assert_eq!(house.rows("orders"), before);
    // Its key is asked for when something may have changed.
    assert_eq!(house.source.discoveries(), 0);
    house.source.rows("orders", Rows::changes(orders(&[(3, "new", 30)])));
    assert_eq!(house.delta(&[with_cursor("orders")]).await.outcome, Outcome::Succeeded);
    assert_eq!(house.source.discoveries(), 1);
}

#[tokio::test]
async fn of_one_key_twice_the_row_that_is_last_wins() {
    let house = loaded(&with_cursor("orders")).await;
    house.source.offer(offered(&["id"]));
    let rows = orders(&[(1, "late", 50), (1, "early", 40), (2, "first", 60), (2, "second", 60)]);
    house.source.rows("orders", Rows::changes(rows).key(&["id"]));
    let told = house.delta(&[with_cursor("orders")]).await;
    assert_eq!(house.rows("orders").shown(), ["1 late 50", "2 second 60"]);
    let receipt = told.events.receipt();
    assert_eq!((receipt.rows_read, receipt.rows_updated, receipt.rows_inserted), (4, 2, 0));
}

#[tokio::test]
async fn a_cursor_that_is_hashed_or_not_extracted_orders_nothing() {
    let hashed = TableExtraction { pseudonymised: identifiers(&["updated"]), ..with_cursor("orders") };
    let left_out = TableExtraction {
        columns: ColumnChoice::Only(identifiers(&["id", "status"])),
        ..with_cursor("orders")
    };
    for (table, columns) in [(hashed, vec![0, 1, 2]), (left_out, vec![0, 1])] {
        let house = House::new();
        house.source.offer(offered(&["id"]));
        for rows in [&[(1, "open", 10)], &[(1, "paid", 20)]] {
            let rows = orders(rows).project(&columns).unwrap();
            house.source.rows("orders", Rows::whole(rows).key(&["id"]).cursor("updated", "20"));
            assert_eq!(house.delta(std::slice::from_ref(&table)).await.outcome, Outcome::Succeeded);
        }
        assert_eq!(house.warehouse.loads()[1].mode, merge(&["id"], None));
        assert_eq!(house.rows("orders").rows.len(), 1);
    }
}

#[tokio::test]
async fn a_key_set_by_hand_stands_before_the_sources_own() {
    let by_hand = TableExtraction { manual_key: identifiers(&["status"]), ..with_cursor("orders") };
    let house = loaded(&by_hand).await;
    house.source.rows("orders", Rows::changes(orders(&[(7, "open", 30)])).key(&["id"]));
    let told = house.delta(&[by_hand]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.warehouse.loads()[1].mode, merge(&["status"], Some("updated")));
}

#[tokio::test]
async fn a_key_whose_columns_are_not_all_extracted_is_none() {
    let part = TableExtraction {
        columns: ColumnChoice::Only(identifiers(&["status", "updated"])),
        ..with_cursor("orders")
    };
    let house = House::new();
    house.source.offer(offered(&["id"]));
    for rows in [&[(1, "open", 10)], &[(1, "paid", 20)]] {
        let rows = orders(rows).project(&[1, 2]).unwrap();
        house
            .source
            .rows("orders", Rows::changes(rows).key(&["id"]).whole_if(house.source.reads().is_empty()));
        assert_eq!(house.delta(std::slice::from_ref(&part)).await.outcome, Outcome::Succeeded);
    }
    assert_eq!(house.source.reads()[1].delta.as_ref().unwrap().repeats, Repeats::Avoid);
    assert_eq!(house.warehouse.loads()[1].mode, WriteMode::Append);
}

#[tokio::test]
async fn columns_that_no_longer_fit_fail_the_table_and_name_the_remedy() {
    let house = loaded(&with_cursor("orders")).await;
    house.source.offer(offered(&["id"]));
    let before = house.rows("orders");
    let rows = orders(&[(3, "open", 30)]).project(&[0, 2]).unwrap();
    house.source.rows("orders", Rows::changes(rows).key(&["id"]));
    let told = house.delta(&[with_cursor("orders")]).await;
    assert!(
        matches!(&told.outcome, Outcome::Failed(text) if text.contains("mode=FULL")),
        "{:?}",
        told.outcome
    );
    assert_eq!(house.rows("orders"), before);
}

#[tokio::test]
async fn the_key_of_a_table_without_a_schema_is_the_only_one_of_its_name() {
    let house = loaded(&with_cursor("orders")).await;
    house.source.offer(offered(&["id"]));
    let other = SourceTableName { schema: Some(identifier("archive")), name: identifier("orders") };
    house.source.offer(SourceTable { table: other, ..offered(&["status"]) });
    house.source.rows("orders", Rows::changes(orders(&[(2, "paid", 30)])));
    house.delta(&[with_cursor("orders")]).await;
    // Two tables have the name, so nobody can say which key is meant.
    assert_eq!(house.source.reads()[1].delta.as_ref().unwrap().repeats, Repeats::Avoid);
    let exact = TableExtraction {
        table: SourceTableName { schema: Some(identifier("archive")), name: identifier("orders") },
        ..with_cursor("orders")
    };
    house.source.rows("orders", Rows::changes(orders(&[(2, "paid", 30)])));
    house.delta(&[exact]).await;
    assert_eq!(house.source.reads()[2].delta.as_ref().unwrap().repeats, Repeats::Harmless);
}

#[tokio::test]
async fn a_delta_filter_is_sent_in_delta_only() {
    let filtered = TableExtraction {
        filter: Some("status <> 'void'".to_owned()),
        delta_filter: Some("updated > 20".to_owned()),
        ..table("orders")
    };
    let house = loaded(&filtered).await;
    house.source.rows("orders", Rows::changes(orders(&[(2, "paid", 30)])));
    house.delta(&[filtered]).await;
    let [full, delta] = house.source.reads().try_into().unwrap();
    assert_eq!((full.filters.as_slice(), full.delta), (["status <> 'void'".to_owned()].as_slice(), None));
    assert_eq!(delta.filters, ["status <> 'void'"]);
    assert_eq!(delta.delta.unwrap().filter.as_deref(), Some("updated > 20"));
    let keys: Vec<Option<Identifier>> = vec![full.cursor, delta.cursor];
    assert_eq!(keys, [None, None]);
}
