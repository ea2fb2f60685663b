//! Every value goes in and comes out as it is.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, NullArray, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::compute::concat_batches;
use arrow::datatypes::IntervalMonthDayNanoType;
use forebay_core::warehouse::{WarehouseErrorKind, WriteMode};

use super::{Pool, batch, merge};

/// Loads a column by each mode and expects the same values back.
async fn round_trip(pool: &Pool, kind: &str, values: ArrayRef) {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
    let rows = batch(vec![("k", keys), ("v", Arc::clone(&values))]);
    for mode in [WriteMode::Replace, merge(&["k"]), WriteMode::Replace, WriteMode::Append] {
        let name = format!("t_{}", kind.to_ascii_lowercase().replace(|c: char| !c.is_alphanumeric(), "_"));
        if mode == WriteMode::Append {
            pool.load(&name, WriteMode::Replace, &rows.slice(0, 0)).await.unwrap();
        }
        pool.load(&name, mode, &rows).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        let found = pool.query(&format!("SELECT v FROM {name} ORDER BY k")).await.unwrap();
        let found = concat_batches(&found.schema, &found.batches).unwrap();
        assert_eq!(found.column(0), &values, "{kind}");
        let types = pool.text(&format!("SELECT DISTINCT typeof(v) FROM {name}")).await;
        assert_eq!(types, [kind]);
    }
}

#[tokio::test]
async fn numbers_come_out_as_they_went_in() {
    let pool = Pool::new();
    round_trip(&pool, "BOOLEAN", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))).await;
    round_trip(&pool, "TINYINT", Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(i8::MAX)]))).await;
    round_trip(&pool, "SMALLINT", Arc::new(Int16Array::from(vec![i16::MIN, i16::MAX]))).await;
    round_trip(&pool, "INTEGER", Arc::new(Int32Array::from(vec![i32::MIN, i32::MAX]))).await;
    round_trip(&pool, "BIGINT", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]))).await;
    round_trip(&pool, "UTINYINT", Arc::new(UInt8Array::from(vec![0, u8::MAX]))).await;
    round_trip(&pool, "USMALLINT", Arc::new(UInt16Array::from(vec![0, u16::MAX]))).await;
    round_trip(&pool, "UINTEGER", Arc::new(UInt32Array::from(vec![0, u32::MAX]))).await;
    round_trip(&pool, "UBIGINT", Arc::new(UInt64Array::from(vec![0, u64::MAX]))).await;
    for (precision, scale) in [(1, 0), (4, 4), (9, 2), (18, 3), (38, 0), (38, 10), (38, 38)] {
        let most = 10_i128.pow(u32::from(precision)) - 1;
        let values = Decimal128Array::from(vec![Some(most), None, Some(-most), Some(0)]);
        let values = values.with_precision_and_scale(precision, scale).unwrap();
        round_trip(&pool, &format!("DECIMAL({precision},{scale})"), Arc::new(values)).await;
    }
}

#[tokio::test]
async fn floats_keep_nan_infinities_and_the_sign_of_zero() {
    let pool = Pool::new();
    let values =
        [0.0, -0.0, f64::MIN, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let rows = batch(vec![
        ("k", Arc::new(Int64Array::from_iter_values(0..8)) as ArrayRef),
        ("d", Arc::new(Float64Array::from(values.to_vec()))),
        ("f", Arc::new(Float32Array::from(values.map(|value| value as f32).to_vec()))),
    ]);
    pool.load("floats", WriteMode::Replace, &rows).await.unwrap();
    let found = pool.query("SELECT d, f FROM floats ORDER BY k").await.unwrap();
    let found = concat_batches(&found.schema, &found.batches).unwrap();
    let doubles = found.column(0).as_any().downcast_ref::<Float64Array>().unwrap();
    let floats = found.column(1).as_any().downcast_ref::<Float32Array>().unwrap();
    for (row, value) in values.into_iter().enumerate() {
        assert_eq!(doubles.value(row).to_bits(), value.to_bits());
        assert_eq!(floats.value(row).to_bits(), (value as f32).to_bits());
    }
}

#[tokio::test]
async fn texts_and_bytes_come_out_as_they_went_in() {
    let pool = Pool::new();
    let long = "ä€🦆".repeat(100_000);
    let texts = [
        Some(""),
        None,
        Some("a\0b"),
        Some("\0"),
        Some(" a "),
        Some("it's \"q\"\n\t\\"),
        Some("é🦆"),
        Some(&long),
    ];
    round_trip(&pool, "VARCHAR", Arc::new(StringArray::from(texts.to_vec()))).await;
    let bytes: Vec<u8> = (0..=255).collect();
    let blobs = [Some(b"".as_slice()), None, Some(&[0, 0]), Some(&bytes), Some(long.as_bytes())];
    round_trip(&pool, "BLOB", Arc::new(BinaryArray::from(blobs.to_vec()))).await;
}

#[tokio::test]
async fn dates_and_times_keep_their_infinities_and_far_years() {
    let pool = Pool::new();
    // Year -4712, 1970, 9999, 100000, and the engine's infinities.
    let dates = vec![
        Some(-2_440_588),
        None,
        Some(0),
        Some(2_932_896),
        Some(35_804_721),
        Some(i32::MAX),
        Some(-i32::MAX),
    ];
    round_trip(&pool, "DATE", Arc::new(Date32Array::from(dates))).await;
    let found = pool.text("SELECT v::VARCHAR FROM t_date WHERE isinf(v) ORDER BY v").await;
    assert_eq!(found, ["-infinity", "infinity"]);
    let day = 86_400_000_000_i64;
    let moments = vec![
        Some(-2_440_588 * day),
        None,
        Some(-1),
        Some(0),
        Some(35_804_721 * day + 1),
        Some(i64::MAX),
        Some(-i64::MAX),
    ];
    round_trip(&pool, "TIMESTAMP", Arc::new(TimestampMicrosecondArray::from(moments))).await;
    let found = pool.text("SELECT v::VARCHAR FROM t_timestamp WHERE isinf(v) ORDER BY v").await;
    assert_eq!(found, ["-infinity", "infinity"]);
    let times = vec![Some(0), None, Some(1), Some(day - 1)];
    round_trip(&pool, "TIME", Arc::new(Time64MicrosecondArray::from(times))).await;
}

#[tokio::test]
async fn intervals_keep_months_days_and_microseconds_apart() {
    let pool = Pool::new();
    let value = IntervalMonthDayNanoType::make_value;
    let values = vec![
        Some(value(0, 0, 0)),
        None,
        Some(value(14, 3, 5_000)),
        Some(value(-1, 40, -1_000)),
        Some(value(0, 0, 90_000_000_000_000_000)),
        Some(value(i32::MAX, i32::MIN, 1_000)),
    ];
    round_trip(&pool, "INTERVAL", Arc::new(IntervalMonthDayNanoArray::from(values))).await;
    let fine =
        batch(vec![("v", Arc::new(IntervalMonthDayNanoArray::from(vec![value(0, 0, 1)])) as ArrayRef)]);
    let error = pool.load("fine", WriteMode::Replace, &fine).await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Invalid);
    assert!(error.message.starts_with("fine.v: "), "{error}");
}

#[tokio::test]
async fn a_column_in_which_nothing_was_said_is_text() {
    let pool = Pool::new();
    let rows = batch(vec![("v", Arc::new(NullArray::new(2)) as ArrayRef)]);
    pool.load("nothing", WriteMode::Replace, &rows).await.unwrap();
    assert_eq!(pool.text("SELECT v, typeof(v) FROM nothing").await, ["NULL|VARCHAR", "NULL|VARCHAR"]);
}

#[tokio::test]
async fn a_type_that_cannot_be_kept_names_table_and_column() {
    let pool = Pool::new();
    let values = Decimal128Array::from(vec![1]).with_precision_and_scale(3, -2).unwrap();
    let rows = batch(vec![("amount", Arc::new(values) as ArrayRef)]);
    let error = pool.load("orders", WriteMode::Replace, &rows).await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Invalid);
    assert!(error.message.starts_with("orders.amount: "), "{error}");
}

#[tokio::test]
async fn more_rows_than_one_vector_and_one_row_group_come_out() {
    let pool = Pool::new();
    let rows = 300_000;
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    pool.load("many", WriteMode::Replace, &batch(vec![("v", values)])).await.unwrap();
    assert_eq!(
        pool.text("SELECT count(*), sum(v)::BIGINT, count(DISTINCT v) FROM many").await,
        [format!("{rows}|{}|{rows}", rows * (rows - 1) / 2)]
    );
}
