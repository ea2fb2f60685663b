//! Merges by keys that are not plain numbers.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use forebay_core::warehouse::{LoadReport, Warehouse, WarehouseErrorKind, WriteMode};

use super::{Pool, batch, identifier, merge};

fn numbers(report: &LoadReport) -> [u64; 6] {
    [
        report.rows_staged,
        report.rows_inserted,
        report.rows_updated,
        report.rows_deleted,
        report.rows_before,
        report.rows_after,
    ]
}

#[tokio::test]
async fn nan_and_the_zeroes_are_one_key_each() {
    let pool = Pool::new();
    let rows = |keys: Vec<f64>, value: &str| {
        let values = vec![Some(value); keys.len()];
        batch(vec![
            ("k", Arc::new(Float64Array::from(keys)) as ArrayRef),
            ("v", Arc::new(StringArray::from(values))),
        ])
    };
    pool.load("t", WriteMode::Replace, &rows(vec![f64::NAN, 0.0, f64::INFINITY], "old")).await.unwrap();
    let report = pool
        .load("t", merge(&["k"]), &rows(vec![f64::NAN, -0.0, f64::INFINITY, f64::NEG_INFINITY], "new"))
        .await
        .unwrap();
    assert_eq!(numbers(&report), [4, 1, 3, 0, 3, 4]);
    assert_eq!(pool.text("SELECT DISTINCT v FROM t").await, ["new"]);
}

#[tokio::test]
async fn keys_of_several_columns_meet_only_as_a_whole() {
    let pool = Pool::new();
    let rows = |a: Vec<Option<i64>>, b: Vec<Option<&str>>, value: i64| {
        let values = Int64Array::from(vec![value; a.len()]);
        batch(vec![
            ("a", Arc::new(Int64Array::from(a)) as ArrayRef),
            ("b", Arc::new(StringArray::from(b))),
            ("v", Arc::new(values)),
        ])
    };
    let old = rows(vec![Some(1), Some(1), None, None], vec![Some("x"), None, Some("x"), None], 0);
    pool.load("t", WriteMode::Replace, &old).await.unwrap();
    let new = rows(vec![Some(1), None, Some(2)], vec![None, None, Some("")], 1);
    let report = pool.load("t", merge(&["a", "b"]), &new).await.unwrap();
    assert_eq!(numbers(&report), [3, 1, 2, 0, 4, 5]);
    assert_eq!(
        pool.text("SELECT a, b, v FROM t ORDER BY ALL NULLS FIRST").await,
        ["NULL|NULL|1", "NULL|x|0", "1|NULL|1", "1|x|0", "2||1"]
    );
}

#[tokio::test]
async fn an_order_column_that_is_not_extracted_is_no_order() {
    let pool = Pool::new();
    let rows = batch(vec![
        ("k", Arc::new(Int64Array::from(vec![1, 1])) as ArrayRef),
        ("v", Arc::new(StringArray::from(vec!["first", "last"]))),
    ]);
    let mut mode = merge(&["K"]);
    if let WriteMode::Merge { order, .. } = &mut mode {
        *order = Some(identifier("changed_at"));
    }
    pool.load("t", mode, &rows).await.unwrap();
    assert_eq!(pool.text("SELECT v FROM t").await, ["last"]);
}

#[tokio::test]
async fn a_key_that_is_not_extracted_is_named() {
    let pool = Pool::new();
    let rows = batch(vec![("v", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    let error = pool.load("t", merge(&["id"]), &rows).await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Invalid);
    assert!(error.message.contains("id"), "{error}");
}

#[tokio::test]
async fn a_table_with_a_unique_index_is_merged_too() {
    let pool = Pool::new();
    let rows = |keys: Vec<i64>, value: i64| {
        let values = Int64Array::from(vec![value; keys.len()]);
        batch(vec![("k", Arc::new(Int64Array::from(keys)) as ArrayRef), ("v", Arc::new(values))])
    };
    pool.load("t", WriteMode::Replace, &rows(vec![1, 2], 0)).await.unwrap();
    pool.execute(&["CREATE UNIQUE INDEX t_key ON t(k)"]).await.unwrap();
    let report = pool.load("t", merge(&["k"]), &rows(vec![2, 3], 1)).await.unwrap();
    assert_eq!(numbers(&report), [2, 1, 1, 0, 2, 3]);
    assert_eq!(pool.text("SELECT k, v FROM t ORDER BY k").await, ["1|0", "2|1", "3|1"]);
    // A replace brings a table of its own, without the index.
    pool.load("t", WriteMode::Replace, &rows(vec![1, 1], 0)).await.unwrap();
    assert_eq!(pool.text("SELECT k FROM t").await, ["1", "1"]);
}

#[tokio::test]
async fn rows_carry_the_time_of_their_load() {
    let pool = Pool::new();
    let rows = batch(vec![("k", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    pool.load("t", WriteMode::Replace, &rows).await.unwrap();
    assert_eq!(pool.text("SELECT \"_CELONIS_CHANGE_DATE\"::VARCHAR FROM t").await, ["1970-01-01 00:00:00"]);
    let taken = batch(vec![("_celonis_change_date", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    assert!(pool.load("u", WriteMode::Replace, &taken).await.is_err());
}

#[tokio::test]
async fn keys_of_all_kinds_find_their_rows() {
    let pool = Pool::new();
    for (number, kind) in [
        DataType::Int16,
        DataType::Int64,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal128(9, 2),
        DataType::Decimal128(38, 3),
        DataType::Utf8,
        DataType::Binary,
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Microsecond, None),
    ]
    .into_iter()
    .enumerate()
    {
        let rows = |keys: std::ops::Range<i32>, value: &str| {
            let mut numbers: ArrayRef = Arc::new(arrow::array::Int32Array::from_iter_values(keys.clone()));
            if matches!(kind, DataType::Timestamp(..)) {
                numbers = cast(&numbers, &DataType::Int64).unwrap();
            }
            if kind == DataType::Binary {
                numbers = cast(&numbers, &DataType::Utf8).unwrap();
            }
            let values: StringArray = keys.map(|_| Some(value)).collect();
            batch(vec![("k", cast(&numbers, &kind).unwrap()), ("v", Arc::new(values))])
        };
        let name = format!("t{number}");
        pool.load(&name, WriteMode::Replace, &rows(0..9000, "old")).await.unwrap();
        let report = pool.load(&name, merge(&["k"]), &rows(8990..9010, "new")).await.unwrap();
        assert_eq!(numbers(&report), [20, 10, 10, 0, 9000, 9010], "{kind}");
        let counted = format!("SELECT count(*), count(DISTINCT k), count(*) FILTER (v = 'new') FROM {name}");
        assert_eq!(pool.text(&counted).await, ["9010|9010|20"], "{kind}");
    }
}

#[tokio::test]
async fn a_key_that_the_table_had_twice_is_one_row_afterwards() {
    let pool = Pool::new();
    let rows = |keys: Vec<Option<i64>>, value: i64| {
        let values = Int64Array::from(vec![value; keys.len()]);
        batch(vec![("k", Arc::new(Int64Array::from(keys)) as ArrayRef), ("v", Arc::new(values))])
    };
    let old = rows(vec![Some(1), Some(1), Some(1), None, None, Some(2)], 0);
    pool.load("t", WriteMode::Replace, &old).await.unwrap();
    let report = pool.load("t", merge(&["k"]), &rows(vec![Some(1), Some(3)], 1)).await.unwrap();
    assert_eq!(numbers(&report), [2, 1, 1, 2, 6, 5]);
    let report = pool.load("t", merge(&["k"]), &rows(vec![None, Some(4)], 2)).await.unwrap();
    assert_eq!(numbers(&report), [2, 1, 1, 1, 5, 5]);
    // Nothing to merge is no change.
    let report = pool.load("t", merge(&["k"]), &rows(Vec::new(), 3)).await.unwrap();
    assert_eq!(numbers(&report), [0, 0, 0, 0, 5, 5]);
    let rows = pool.text("SELECT k, v FROM t ORDER BY ALL NULLS LAST").await;
    assert_eq!(rows, ["1|1", "2|0", "3|1", "4|2", "NULL|2"]);
}

#[tokio::test]
async fn a_column_named_as_the_engines_row_number_is_only_a_column() {
    let pool = Pool::new();
    let rows = |keys: Vec<i64>, values: Vec<&str>| {
        let same = Int64Array::from(vec![7; keys.len()]);
        batch(vec![
            ("k", Arc::new(Int64Array::from(keys)) as ArrayRef),
            ("RowId", Arc::new(same)),
            ("v", Arc::new(StringArray::from(values))),
        ])
    };
    pool.load("t", WriteMode::Replace, &rows(vec![1, 2, 3], vec!["old"; 3])).await.unwrap();
    let new = rows(vec![2, 4, 2, 4], vec!["first", "first", "last", "last"]);
    let report = pool.load("t", merge(&["k"]), &new).await.unwrap();
    assert_eq!(numbers(&report), [4, 1, 1, 0, 3, 4]);
    assert_eq!(pool.text("SELECT k, v FROM t ORDER BY k").await, ["1|old", "2|last", "3|old", "4|last"]);
    // As the key, too.
    let report = pool.load("t", merge(&["RowId"]), &rows(vec![9], vec!["only"])).await.unwrap();
    assert_eq!(numbers(&report), [1, 0, 1, 3, 4, 1]);
}

#[tokio::test]
async fn a_list_of_tables_says_how_many_rows_each_has_at_most() {
    let pool = Pool::new();
    let rows = |keys: Vec<i64>| batch(vec![("k", Arc::new(Int64Array::from(keys)) as ArrayRef)]);
    pool.load("t", WriteMode::Replace, &rows(vec![1, 2, 3])).await.unwrap();
    pool.execute(&["CREATE VIEW v AS SELECT k FROM t"]).await.unwrap();
    let at_most = async || {
        let listed = pool.warehouse.tables().await.unwrap();
        listed.into_iter().map(|table| table.rows_at_most).collect::<Vec<_>>()
    };
    assert_eq!(at_most().await, [Some(3), None]);
    // The row that went may still count.
    pool.load("t", merge(&["k"]), &rows(vec![3, 4])).await.unwrap();
    let merged = at_most().await[0].unwrap();
    assert!((4..=5).contains(&merged), "{merged}");
}
