//! What happens when the columns at the source change.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int32Array, Int64Array, StringArray};
use forebay_core::warehouse::{Warehouse, WarehouseErrorKind, WriteMode};

use super::{Pool, batch, checkpoint, merge, table};

fn integers(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

#[tokio::test]
async fn gained_and_widened_columns_are_followed_and_told() {
    let pool = Pool::new();
    for mode in [WriteMode::Append, merge(&["k"])] {
        let old = batch(vec![("k", integers(&[1])), ("amount", integers(&[5]))]);
        pool.load("t", WriteMode::Replace, &old).await.unwrap();
        let new = batch(vec![
            ("note", Arc::new(StringArray::from(vec!["new"])) as ArrayRef),
            ("K", integers(&[2])),
            ("Amount", Arc::new(Int64Array::from(vec![i64::MAX]))),
        ]);
        let report = pool.load("t", mode, &new).await.unwrap();
        assert_eq!(
            report.changes,
            [
                "column note (VARCHAR) was added; older rows have NULL until the next FULL",
                "column Amount was widened from INTEGER to BIGINT"
            ]
        );
        assert_eq!(
            pool.text("SELECT k, amount, note FROM t ORDER BY k").await,
            ["1|5|NULL".to_owned(), format!("2|{}|new", i64::MAX)]
        );
    }
}

#[tokio::test]
async fn lost_and_narrowed_columns_fail_and_change_nothing() {
    let pool = Pool::new();
    let old = batch(vec![
        ("k", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
        ("gone", integers(&[5])),
        ("text", Arc::new(StringArray::from(vec!["a"]))),
    ]);
    pool.load("t", WriteMode::Replace, &old).await.unwrap();
    for mode in [WriteMode::Append, merge(&["k"])] {
        let new = batch(vec![("k", integers(&[2])), ("text", integers(&[3])), ("extra", integers(&[3]))]);
        let error = pool.load("t", mode, &new).await.unwrap_err();
        assert_eq!(error.kind, WarehouseErrorKind::Drift);
        for word in ["t: ", "gone (INTEGER) is gone", "text was VARCHAR and is INTEGER", "mode=FULL"] {
            assert!(error.message.contains(word), "{word}: {error}");
        }
        assert_eq!(pool.text("SELECT k, gone, text FROM t").await, ["1|5|a"]);
        assert_eq!(pool.warehouse.checkpoint(&table("t")).await.unwrap(), Some(checkpoint("x")));
        assert_eq!(
            pool.own("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%staging%'").await,
            ["0"]
        );
    }
    // A narrower number fits the wider column as it is.
    let narrow = batch(vec![
        ("k", integers(&[2])),
        ("gone", integers(&[6])),
        ("text", Arc::new(StringArray::from(vec!["b"]))),
    ]);
    assert!(pool.load("t", WriteMode::Append, &narrow).await.unwrap().changes.is_empty());
    // FULL takes whatever comes.
    let new = batch(vec![("other", integers(&[1]))]);
    pool.load("t", WriteMode::Replace, &new).await.unwrap();
    assert_eq!(pool.text("SELECT other FROM t").await, ["1"]);
}

#[tokio::test]
async fn decimals_widen_without_losing_a_digit() {
    let pool = Pool::new();
    let decimal = |value: i128, precision, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale).unwrap())
    };
    pool.load("t", WriteMode::Replace, &batch(vec![("v", decimal(99_999, 5, 2))])).await.unwrap();
    let report = pool.load("t", WriteMode::Append, &batch(vec![("v", decimal(1, 38, 4))])).await.unwrap();
    assert_eq!(report.changes, ["column v was widened from DECIMAL(5,2) to DECIMAL(38,4)"]);
    assert_eq!(pool.text("SELECT v::VARCHAR FROM t ORDER BY v").await, ["0.0001", "999.9900"]);
}

#[tokio::test]
async fn names_that_differ_only_in_case_are_one_table() {
    let pool = Pool::new();
    let rows = batch(vec![("k", integers(&[1]))]);
    pool.load("Orders", WriteMode::Replace, &rows).await.unwrap();
    let report = pool.load("orders", WriteMode::Replace, &rows).await.unwrap();
    assert_eq!((report.rows_before, report.rows_deleted, report.rows_after), (1, 1, 1));
    let report = pool.load("ORDERS", WriteMode::Append, &rows).await.unwrap();
    assert_eq!((report.rows_before, report.rows_after), (1, 2));
    assert!(pool.warehouse.checkpoint(&table("oRDERS")).await.unwrap().is_some());
    assert_eq!(pool.own("SELECT count(*) FROM _forebay.checkpoints").await, ["1"]);
}

#[tokio::test]
async fn a_view_in_the_place_of_the_target_is_named() {
    let pool = Pool::new();
    pool.execute(&["CREATE VIEW t AS SELECT 1 AS k"]).await.unwrap();
    let rows = batch(vec![("k", integers(&[1]))]);
    for mode in [WriteMode::Replace, WriteMode::Append, merge(&["k"])] {
        let error = pool.load("t", mode, &rows).await.unwrap_err();
        assert_eq!(error.kind, WarehouseErrorKind::Invalid);
        assert!(error.message.contains("t is a view"), "{error}");
    }
    assert_eq!(pool.warehouse.checkpoint(&table("t")).await.unwrap(), None);
    assert_eq!(pool.text("SELECT k FROM t").await, ["1"]);
}

#[tokio::test]
async fn a_dropped_table_has_no_checkpoint() {
    let pool = Pool::new();
    let rows = batch(vec![("k", integers(&[1]))]);
    pool.load("t", WriteMode::Replace, &rows).await.unwrap();
    pool.execute(&["DROP TABLE t"]).await.unwrap();
    assert_eq!(pool.warehouse.checkpoint(&table("t")).await.unwrap(), None);
}
