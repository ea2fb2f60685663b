//! Small loads that wait for their turn, and are shown in one.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{LoadReport, Warehouse, WarehouseError, WarehouseErrorKind, WriteMode};
use tokio::task::JoinHandle;

use super::{Pool, batch, checkpoint, spec, table};

type Committing = JoinHandle<Result<LoadReport, WarehouseError>>;

/// Loads `rows` rows into a table as far as its turn, which somebody else has.
async fn commit(pool: &Pool, name: &str, rows: i64, stop: Stop) -> Committing {
    let waiting = pool.warehouse.test_shows().company.len();
    let rows = batch(vec![("k", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef)]);
    let mut load = pool.warehouse.begin_load(spec(name, WriteMode::Replace, rows.schema())).await.unwrap();
    load.append(rows.clone()).await.unwrap();
    let point = checkpoint(name);
    let committing = tokio::spawn(async move { load.commit(rows.num_rows() as u64, &point, &stop).await });
    until_waiting(pool, waiting + 1).await;
    committing
}

async fn until_waiting(pool: &Pool, count: usize) {
    for _ in 0..6000 {
        if pool.warehouse.test_shows().company.len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{count} loads should wait for their turn");
}

/// Grows with each transaction.
async fn transactions(pool: &Pool) -> i64 {
    pool.own("SELECT txid_current()").await[0].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn loads_that_wait_for_their_turn_share_a_transaction() {
    const COUNT: i64 = 12;
    let pool = Pool::new();
    pool.execute(&["CREATE TABLE T_3(old INTEGER)", "INSERT INTO T_3 VALUES (1), (2)"]).await.unwrap();
    let turn = pool.warehouse.test_shows().turn_in_any_case();
    let mut alone = vec![commit(&pool, "alone", 1, Stop::never()).await];
    let mut before = transactions(&pool).await;
    drop(turn);
    alone.pop().unwrap().await.unwrap().unwrap();
    let for_one = transactions(&pool).await - before;

    let turn = pool.warehouse.test_shows().turn_in_any_case();
    let mut loads = Vec::new();
    for number in 0..COUNT {
        loads.push(commit(&pool, &format!("t_{number}"), number, Stop::never()).await);
    }
    before = transactions(&pool).await;
    drop(turn);
    for (number, load) in loads.into_iter().enumerate() {
        let report = load.await.unwrap().unwrap();
        let had = if number == 3 { 2 } else { 0 };
        assert_eq!((report.rows_before, report.rows_deleted), (had, had), "{number}");
        assert_eq!((report.rows_staged, report.rows_after), (number as u64, number as u64));
    }
    let for_all = transactions(&pool).await - before;
    assert!(for_all < COUNT * for_one, "{for_all} transactions, where one load takes {for_one}");
    for number in 0..COUNT {
        let name = format!("t_{number}");
        let kept = pool.warehouse.checkpoint(&table(&name)).await.unwrap();
        assert_eq!(kept, Some(checkpoint(&name)));
        assert_eq!(pool.text(&format!("SELECT count(*) FROM {name}")).await, [number.to_string()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_cannot_be_shown_costs_no_other_one() {
    let pool = Pool::new();
    pool.execute(&["CREATE VIEW seen AS SELECT 1 AS k"]).await.unwrap();
    let turn = pool.warehouse.test_shows().turn_in_any_case();
    let first = commit(&pool, "first", 1, Stop::never()).await;
    let wrong = commit(&pool, "seen", 2, Stop::never()).await;
    let last = commit(&pool, "last", 3, Stop::never()).await;
    drop(turn);
    let error = wrong.await.unwrap().unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Invalid);
    assert!(error.message.contains("is a view"), "{error}");
    assert_eq!(first.await.unwrap().unwrap().rows_after, 1);
    assert_eq!(last.await.unwrap().unwrap().rows_after, 3);
    assert_eq!(pool.text("SELECT * FROM seen").await, ["1"]);
    assert_eq!(pool.warehouse.checkpoint(&table("seen")).await.unwrap(), None);
    assert_eq!(pool.warehouse.checkpoint(&table("last")).await.unwrap(), Some(checkpoint("last")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_stopped_while_it_waits_is_not_shown_with_the_others() {
    let pool = Pool::new();
    // Its schema is there before anybody waits.
    pool.execute(&["CREATE TABLE other(k INTEGER)"]).await.unwrap();
    let turn = pool.warehouse.test_shows().turn_in_any_case();
    let (handle, stop) = Stop::new();
    let stopped = commit(&pool, "stopped", 1, stop).await;
    let shown = commit(&pool, "shown", 2, Stop::never()).await;
    handle.request();
    // It leaves before it knows that nobody has taken it along, for which it needs the turn.
    until_waiting(&pool, 1).await;
    drop(turn);
    assert_eq!(stopped.await.unwrap().unwrap_err().kind, WarehouseErrorKind::Canceled);
    assert_eq!(shown.await.unwrap().unwrap().rows_after, 2);
    assert!(pool.query("SELECT * FROM stopped").await.is_err());
    assert_eq!(pool.warehouse.checkpoint(&table("stopped")).await.unwrap(), None);
}
