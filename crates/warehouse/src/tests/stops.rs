//! Work that is cancelled, and work whose waiter goes away.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Query, Warehouse, WarehouseErrorKind, WriteMode};

use super::{Pool, batch, checkpoint, claim, merge, schema, spec};

const ENDLESS: &str =
    "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 8";

/// Waits until no other connection works on the pool.
async fn until_idle(pool: &Pool) {
    for _ in 0..6000 {
        // The root, those for the claims and for the settings, and the one that asks.
        if pool.own("SELECT count FROM duckdb_connection_count()").await == ["4"] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("work goes on that nobody waits for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_when_nobody_waits_for_it() {
    let pool = Pool::new();
    let query = Query { sql: ENDLESS.to_owned(), schemas: vec![schema()], limit: 1 };
    let stop = Stop::never();
    let asked = pool.warehouse.query(query, &stop);
    assert!(tokio::time::timeout(Duration::from_millis(50), asked).await.is_err());
    until_idle(&pool).await;

    let mut transaction = pool.warehouse.begin(&[schema()], claim()).await.unwrap();
    transaction.execute("CREATE TABLE t(a INTEGER)", &Stop::never()).await.unwrap();
    let asked = transaction.execute(ENDLESS, &stop);
    assert!(tokio::time::timeout(Duration::from_millis(50), asked).await.is_err());
    assert!(transaction.execute("SELECT 1", &Stop::never()).await.is_err());
    assert!(transaction.commit().await.is_err());
    until_idle(&pool).await;
    assert!(pool.query("SELECT * FROM t").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_dropped_while_it_appends_leaves_nothing() {
    let pool = Pool::new();
    let rows = batch(vec![("k", Arc::new(Int64Array::from_iter_values(0..2_000_000)) as ArrayRef)]);
    for mode in [WriteMode::Replace, merge(&["k"])] {
        let mut load = pool.warehouse.begin_load(spec("t", mode, rows.schema())).await.unwrap();
        let append = load.append(rows.clone());
        drop(tokio::time::timeout(Duration::from_millis(1), append).await);
        drop(load);
        until_idle(&pool).await;
        assert_eq!(
            pool.own(
                "SELECT count(*) FROM duckdb_tables() WHERE table_name NOT IN ('checkpoints', 'claims', 'patches')"
            )
            .await,
            ["0"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_stopped_at_any_moment_is_whole_or_not_at_all() {
    let pool = Pool::new();
    let old = batch(vec![
        ("k", Arc::new(Int64Array::from_iter_values(0..200_000)) as ArrayRef),
        ("v", Arc::new(Int64Array::from_iter_values((0..200_000).map(|_| 0)))),
    ]);
    pool.load("t", WriteMode::Replace, &old).await.unwrap();
    let mut ends = [0, 0];
    for round in 1..=24_i64 {
        let new = batch(vec![
            ("k", Arc::new(Int64Array::from_iter_values(100_000..200_000)) as ArrayRef),
            ("v", Arc::new(Int64Array::from_iter_values((0..100_000).map(|_| round)))),
        ]);
        let before = pool.text("SELECT max(v) FROM t").await;
        let mut load = pool.warehouse.begin_load(spec("t", merge(&["k"]), new.schema())).await.unwrap();
        load.append(new).await.unwrap();
        let (handle, stop) = Stop::new();
        let point = checkpoint(&round.to_string());
        let commit = load.commit(100_000, &point, &stop);
        let ask = async {
            tokio::time::sleep(Duration::from_millis(u64::try_from(round).unwrap() * 8)).await;
            handle.request();
        };
        let (done, ()) = futures::join!(commit, ask);
        let after = pool.text("SELECT max(v), count(*), count(DISTINCT k) FROM t").await;
        let found = pool.warehouse.checkpoint(&super::table("t")).await.unwrap();
        match done {
            Ok(report) => {
                ends[0] += 1;
                assert_eq!(report.rows_updated, 100_000);
                assert_eq!(after, [format!("{round}|200000|200000")]);
                assert_eq!(found, Some(point));
            }
            Err(error) => {
                ends[1] += 1;
                assert_eq!(error.kind, WarehouseErrorKind::Canceled, "{error}");
                assert_eq!(after, [format!("{}|200000|200000", before[0])]);
                assert_ne!(found, Some(point));
            }
        }
    }
    until_idle(&pool).await;
    assert_eq!(
        pool.own("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%staging%'").await,
        ["0"]
    );
}
