//! Loads and transformations that meet.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::record_batch::RecordBatch;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{LoadSpec, Warehouse, WarehouseErrorKind, WarehouseTable, WriteMode};

use super::{Pool, batch, checkpoint, claim, identifier, merge, schema, spec, table};

fn rows(keys: std::ops::Range<i64>, value: i64) -> RecordBatch {
    let values = Int64Array::from_iter_values(keys.clone().map(|_| value));
    batch(vec![("k", Arc::new(Int64Array::from_iter_values(keys)) as ArrayRef), ("v", Arc::new(values))])
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tables_of_new_schemas_are_loaded_at_a_time() {
    let pool = Pool::new();
    let mut loads = Vec::new();
    for number in 0..24 {
        let warehouse = Arc::clone(&pool.warehouse);
        loads.push(tokio::spawn(async move {
            let schema = identifier(&format!("schema_{}", number % 4));
            let table = WarehouseTable { schema, name: identifier(&format!("t_{number}")) };
            for round in 0..4 {
                let mode = if round % 2 == 0 { WriteMode::Replace } else { merge(&["k"]) };
                let rows = rows(0..1000, round);
                let spec = LoadSpec { table: table.clone(), ..spec("t", mode, rows.schema()) };
                let mut load = warehouse.begin_load(spec).await?;
                for part in 0..10 {
                    load.append(rows.slice(part * 100, 100)).await?;
                }
                let report = load.commit(1000, &checkpoint("x"), &Stop::never()).await?;
                assert_eq!(report.rows_after, 1000);
            }
            Ok::<_, forebay_core::warehouse::WarehouseError>(())
        }));
    }
    for load in loads {
        load.await.unwrap().unwrap();
    }
    assert_eq!(pool.own("SELECT count(*) FROM _forebay.checkpoints").await, ["24"]);
    assert_eq!(
        pool.own("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%staging%'").await,
        ["0"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transformations_run_beside_loads_of_other_tables() {
    let pool = Pool::new();
    pool.load("source", WriteMode::Replace, &rows(0..1000, 0)).await.unwrap();
    let transformations = async {
        for number in 0..30 {
            let make = format!("CREATE OR REPLACE TABLE made AS SELECT *, {number} AS n FROM source");
            pool.execute(&[&make, "CREATE OR REPLACE VIEW seen AS SELECT * FROM made"]).await.unwrap();
        }
    };
    let loads = async {
        for number in 0..30 {
            pool.load("loaded", WriteMode::Replace, &rows(0..1000, number)).await.unwrap();
            pool.load("loaded", merge(&["k"]), &rows(500..1500, number)).await.unwrap();
        }
    };
    futures::join!(transformations, loads);
    assert_eq!(pool.text("SELECT count(*), max(n) FROM made").await, ["1000|29"]);
    assert_eq!(pool.text("SELECT count(*) FROM loaded").await, ["1500"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_transformations_of_one_table_are_a_conflict_for_the_second() {
    let pool = Pool::new();
    pool.load("t", WriteMode::Replace, &rows(0..10, 0)).await.unwrap();
    let mut first = pool.warehouse.begin(&[schema()], claim()).await.unwrap();
    let mut second = pool.warehouse.begin(&[schema()], claim()).await.unwrap();
    first.execute("UPDATE t SET v = 1", &Stop::never()).await.unwrap();
    let error = second.execute("UPDATE t SET v = 2", &Stop::never()).await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Conflict, "{error}");
    assert!(error.message.contains("run it again"), "{error}");
    assert!(second.commit().await.is_err());
    first.commit().await.unwrap();
    assert_eq!(pool.text("SELECT DISTINCT v FROM t").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_waits_for_a_transformation_that_changes_its_table() {
    let pool = Pool::new();
    pool.load("t", WriteMode::Replace, &rows(0..10, 0)).await.unwrap();
    let mut transformation = pool.warehouse.begin(&[schema()], claim()).await.unwrap();
    transformation.execute("UPDATE t SET v = 1", &Stop::never()).await.unwrap();
    let load = async { pool.load("t", merge(&["k"]), &rows(5..15, 2)).await };
    let commit = async {
        // Another load is not held up meanwhile.
        pool.load("other", WriteMode::Replace, &rows(0..10, 0)).await.unwrap();
        transformation.commit().await.unwrap();
    };
    let (report, ()) = futures::join!(load, commit);
    let report = report.unwrap();
    assert_eq!((report.rows_updated, report.rows_inserted, report.rows_after), (5, 5, 15));
    assert_eq!(pool.text("SELECT v, count(*) FROM t GROUP BY v ORDER BY v").await, ["1|5", "2|10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_sees_what_was_committed_while_it_was_staged() {
    let pool = Pool::new();
    pool.load("t", WriteMode::Replace, &rows(0..10, 0)).await.unwrap();
    let new = rows(10..20, 2);
    let mut load = pool.warehouse.begin_load(spec("t", merge(&["k"]), new.schema())).await.unwrap();
    load.append(new).await.unwrap();
    pool.execute(&["INSERT INTO t BY NAME SELECT k + 10 AS k, 1 AS v FROM t"]).await.unwrap();
    let report = load.commit(10, &checkpoint("x"), &Stop::never()).await.unwrap();
    assert_eq!((report.rows_before, report.rows_updated, report.rows_after), (20, 10, 20));
    assert_eq!(pool.text("SELECT v, count(*) FROM t GROUP BY v ORDER BY v").await, ["0|10", "2|10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_keeps_what_it_sees_while_a_table_is_replaced() {
    let pool = Pool::new();
    pool.load("t", WriteMode::Replace, &rows(0..1000, 0)).await.unwrap();
    let reads = async {
        for _ in 0..100 {
            let seen = pool.text("SELECT count(DISTINCT v), count(*) FROM t").await;
            assert_eq!(seen, ["1|1000"], "half a load is seen");
        }
    };
    let loads = async {
        for number in 0..30 {
            pool.load("t", WriteMode::Replace, &rows(0..1000, number)).await.unwrap();
        }
    };
    futures::join!(reads, loads);
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_rows_are_seen_by_no_list() {
    let pool = Pool::new();
    let new = rows(0..10, 0);
    for mode in [WriteMode::Replace, merge(&["k"])] {
        let mut load = pool.warehouse.begin_load(spec("t", mode, new.schema())).await.unwrap();
        load.append(new.clone()).await.unwrap();
        assert_eq!(
            pool.text(
                "SELECT count(*) FROM duckdb_tables() WHERE table_name NOT IN ('checkpoints', 'claims', 'patches')"
            )
            .await,
            ["0"]
        );
        assert_eq!(pool.warehouse.tables().await.unwrap(), []);
        assert_eq!(pool.warehouse.checkpoint(&table("t")).await.unwrap(), None);
    }
}
