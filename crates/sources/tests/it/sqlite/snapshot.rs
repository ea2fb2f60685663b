//! One moment for all tables, and what happens when a reader or a snapshot goes away.

use std::time::Duration;

use forebay_core::source::{ReadRequest, TableReader};
use futures::StreamExt;
use tokio::time::timeout;

use super::Database;
use crate::reading::{assert_error, collect, identifier, read_in, request};

/// Far more than any of this takes: a test that waits longer hangs.
const BOUND: Duration = Duration::from_secs(120);
/// A table of more rows than anybody waits for.
const ENDLESS: &str = "CREATE VIEW endless AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n \
                       LIMIT 4000000000) SELECT id FROM n";

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_sends_no_rows_ends_with_its_reader() {
    let database = Database::with(ENDLESS).await;
    database.run("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)").await;
    let snapshot = database.source().snapshot().await.unwrap();
    // Looking for the newest value goes through all rows before it answers.
    let newest = ReadRequest { cursor: Some(identifier("id")), ..request("endless") };
    assert!(timeout(Duration::from_millis(50), snapshot.read(&newest)).await.is_err(), "it takes for ever");
    let next =
        timeout(BOUND, read_in(&*snapshot, &request("t"))).await.expect("the connection is free again");
    assert_eq!(next.unwrap().unwrap().lines(), ["1"]);

    let none = ReadRequest { filters: vec!["id < 0".to_owned()], ..request("endless") };
    let TableReader::Rows(mut table) = snapshot.read(&none).await.unwrap() else { panic!("it is new") };
    assert!(timeout(Duration::from_millis(50), table.batches.next()).await.is_err(), "there is no row");
    drop(table);
    let next =
        timeout(BOUND, read_in(&*snapshot, &request("t"))).await.expect("the connection is free again");
    assert_eq!(next.unwrap().unwrap().lines(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_with_its_snapshot() {
    let database = Database::with(ENDLESS).await;
    let snapshot = database.source().snapshot().await.unwrap();
    let none = ReadRequest { filters: vec!["id < 0".to_owned()], ..request("endless") };
    let TableReader::Rows(mut table) = snapshot.read(&none).await.unwrap() else { panic!("it is new") };
    assert!(timeout(Duration::from_millis(50), table.batches.next()).await.is_err(), "there is no row");
    drop(snapshot);
    let ended = timeout(BOUND, collect(table)).await.expect("the reader ends");
    assert_error(ended, &["\"endless\"", "the snapshot was closed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_reader_leaves_the_moment_as_it_was() {
    let database = Database::with(ENDLESS).await;
    database.run("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)").await;
    let snapshot = database.source().snapshot().await.unwrap();
    let TableReader::Rows(mut table) = snapshot.read(&request("endless")).await.unwrap() else {
        panic!("it is new")
    };
    assert!(timeout(BOUND, table.batches.next()).await.expect("there are rows").unwrap().is_ok());
    drop(table);
    database.run("INSERT INTO t VALUES (2)").await;
    assert_eq!(read_in(&*snapshot, &request("t")).await.unwrap().unwrap().lines(), ["1"]);
    drop(snapshot);
    let later = database.source().snapshot().await.unwrap();
    assert_eq!(read_in(&*later, &request("t")).await.unwrap().unwrap().lines(), ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_of_a_closed_snapshot_is_told_so_after_its_last_batch() {
    let database = Database::with(ENDLESS).await;
    let snapshot = database.source().snapshot().await.unwrap();
    let TableReader::Rows(mut table) = snapshot.read(&request("endless")).await.unwrap() else {
        panic!("it is new")
    };
    // As many as wait in the channel, and some more, so that it is full again when the snapshot closes.
    for _ in 0..5 {
        assert!(timeout(BOUND, table.batches.next()).await.expect("there are rows").unwrap().is_ok());
    }
    drop(snapshot);
    let ended = timeout(BOUND, collect(table)).await.expect("the reader ends");
    assert_error(ended, &["the snapshot was closed"]);
}
