//! Parquet files as pandas and pyarrow write them.

use std::sync::Arc;

use ::parquet::data_type::{Int32Type, Int64Type, Int96, Int96Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    DurationNanosecondArray, Float32Array, Float64Array, Int32Array, Int64Array, NullArray,
    Time64MicrosecondArray, UInt64Array,
};
use serde_json::{Value, json};

use super::{Push, batch, failure, push, rows};
use crate::pool::Pool;
use crate::server::Server;

#[tokio::test]
async fn q09_every_column_of_a_frame_is_kept() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let category: DictionaryArray<arrow::datatypes::Int32Type> = vec![Some("x"), None].into_iter().collect();
    let decimals = Decimal128Array::from(vec![Some(12_345), None]).with_precision_and_scale(7, 2).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("long", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
        ("int", Arc::new(Int32Array::from(vec![Some(7), None]))),
        ("unsigned", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("double", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
        ("float", Arc::new(Float32Array::from(vec![Some(0.5), None]))),
        ("bool", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("category", Arc::new(category)),
        ("date", Arc::new(Date32Array::from(vec![Some(19_782), None]))),
        ("time", Arc::new(Time64MicrosecondArray::from(vec![Some(45_296_000_001), None]))),
        // As pyarrow writes a timedelta: a whole number, and a hint of its own that it is none.
        ("delta", Arc::new(DurationNanosecondArray::from(vec![Some(86_400_000_000_000), None]))),
        ("decimal", Arc::new(decimals)),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x00\xff"), None]))),
        ("nothing", Arc::new(NullArray::new(2))),
        ("__index_level_0__", Arc::new(Int64Array::from(vec![0, 1]))),
    ];
    Push::done(&push(&pool, &json!({}), &[batch(columns)]).await);
    let shown = pool
        .query(
            None,
            "SELECT long::VARCHAR, int, unsigned::VARCHAR, double, float, bool, category, date::VARCHAR, \
             time::VARCHAR, delta::VARCHAR, decimal::VARCHAR, hex(bytes), nothing, __index_level_0__ \
             FROM TAB1 ORDER BY __index_level_0__",
        )
        .await;
    let expected = json!([
        "-9223372036854775808",
        7,
        "18446744073709551615",
        0.1,
        0.5,
        true,
        "x",
        "2024-02-29",
        "12:34:56.000001",
        "86400000000000",
        "123.45",
        "00FF",
        null,
        "0"
    ]);
    assert_eq!(json!(shown[0]), expected);
    assert!(shown[1][..13].iter().all(Value::is_null), "{:?}", shown[1]);
    // A column in which nothing was ever said takes whatever comes later.
    let later: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let index: ArrayRef = Arc::new(Int64Array::from(vec![2]));
    let fields = json!({"type": "DELTA"});
    let columns = vec![("int", Arc::clone(&later)), ("__index_level_0__", index), ("nothing", later)];
    Push::done(&push(&pool, &fields, &[batch(columns)]).await);
    let nothing = "SELECT nothing FROM TAB1 WHERE __index_level_0__ = 2";
    assert_eq!(pool.value(None, nothing).await, json!("1"));
}

/// A file with a number and a timestamp in the old form of 96 bits, which pyarrow writes for pandas.
fn int96(values: &[(i64, i64)]) -> Vec<u8> {
    const MESSAGE: &str = "message schema { optional int64 A; optional int96 T; optional int32 N; }";
    let schema = Arc::new(parse_message_type(MESSAGE).unwrap());
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let levels = vec![1; values.len()];
    let mut column = group.next_column().unwrap().unwrap();
    let numbers: Vec<i64> = values.iter().map(|value| value.0).collect();
    column.typed::<Int64Type>().write_batch(&numbers, Some(&levels), None).unwrap();
    column.close().unwrap();
    let moments: Vec<Int96> = values
        .iter()
        .map(|(_, micros)| {
            // Julian days, and nanoseconds of the day.
            let (day, nanos) =
                (micros.div_euclid(86_400_000_000) + 2_440_588, micros.rem_euclid(86_400_000_000) * 1000);
            let mut value = Int96::new();
            let low = u32::try_from(nanos & 0xffff_ffff).unwrap();
            value.set_data(low, u32::try_from(nanos >> 32).unwrap(), u32::try_from(day).unwrap());
            value
        })
        .collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int96Type>().write_batch(&moments, Some(&levels), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&[], Some(&vec![0; values.len()]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

#[tokio::test]
async fn timestamps_of_96_bits_are_timestamps() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let fields = json!({"type": "DELTA", "keys": ["A"]});
    for (number, micros) in [(1, 1_709_168_523_000_001), (2, -1), (1, 0)] {
        let push = Push::create(&pool, &fields).await;
        push.send("upserted", &int96(&[(number, micros)])).await;
        Push::done(&push.run().await);
    }
    let shown = pool.query(None, "SELECT \"A\", \"T\"::VARCHAR, \"N\" FROM TAB1 ORDER BY 1").await;
    let expected = json!([["1", "1970-01-01 00:00:00", null], ["2", "1969-12-31 23:59:59.999999", null]]);
    assert_eq!(json!(shown), expected);
    let columns = server.admin().get(&pool.path("/columns?tableName=TAB1")).await.ok();
    assert_eq!(columns[1]["type"], "DATE");
}

#[tokio::test]
async fn q31_long_texts_are_cut_as_the_contract_says_and_counted() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let long = "ü".repeat(100);
    let ended = push(&pool, &json!({}), &[rows(&[(1, &long), (2, "b")])]).await;
    Push::done(&ended);
    assert!(ended["logs"].to_string().contains("texts were cut: 1 in B (to 80 characters)"), "{ended:#}");
    assert_eq!(pool.value(None, "SELECT max(length(\"B\")) FROM TAB1").await, json!("80"));
    Push::done(&push(&pool, &json!({"fallbackVarcharLength": 100}), &[rows(&[(1, &long)])]).await);
    assert_eq!(pool.value(None, "SELECT max(length(\"B\")) FROM TAB1").await, json!("100"));
    // The column's own length counts characters too, and no list says another.
    let column = json!({"columnName": "B", "columnType": "STRING", "fieldLength": 3});
    let fields = json!({"tableSchema": {"tableName": "TAB1", "columns": [
        {"columnName": "A", "columnType": "INTEGER"}, column,
    ]}});
    Push::done(&push(&pool, &fields, &[rows(&[(1, &long)])]).await);
    assert_eq!(pool.value(None, "SELECT \"B\" FROM TAB1").await, json!("üüü"));
    let listed = server.admin().get(&pool.path("/columns?tableName=TAB1")).await.ok();
    assert!(listed.as_array().unwrap().iter().all(|column| column["length"].is_null()), "{listed}");
    // A server of one's own may keep them whole.
    server.admin().put("/forebay/api/v1/settings", &json!({"dataPushTextLength": 65_000})).await.ok();
    Push::done(&push(&pool, &json!({}), &[rows(&[(1, &long)])]).await);
    assert_eq!(pool.value(None, "SELECT max(length(\"B\")) FROM TAB1").await, json!("100"));
}

#[tokio::test]
async fn a_value_that_the_table_cannot_hold_fails_the_push_and_names_it() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    Push::done(&push(&pool, &json!({}), &[rows(&[(1, "a")])]).await);
    let fractions: ArrayRef = Arc::new(Float64Array::from(vec![2.0, 2.5]));
    let fields = json!({"type": "DELTA", "keys": ["A"]});
    let log = failure(&push(&pool, &fields, &[batch(vec![("A", fractions)])]).await);
    assert!(log.contains("column A (file 1 of 1, row 2): `2.5` does not fit"), "{log}");
    // Whole numbers that came as floats are none the less whole.
    let whole: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
    Push::done(&push(&pool, &fields, &[batch(vec![("A", whole)])]).await);
    assert_eq!(json!(super::table(&pool, "TAB1").await), json!([[1, "a"], [2, null]]));
}
