//! What the types of Parquet files become, and what is refused.

use std::fs;
use std::sync::Arc;

use ::parquet::data_type::{ByteArray, FixedLenByteArray, FixedLenByteArrayType, Int96, Int96Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use arrow::array::Int32Builder;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array,
    DictionaryArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, LargeBinaryArray, LargeStringArray, ListArray, MapBuilder, NullArray, StringArray,
    StringBuilder, StringViewArray, StructArray, Time32MillisecondArray, Time32SecondArray,
    Time64MicrosecondArray, Time64NanosecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, i256};
use arrow::record_batch::RecordBatch;
use forebay_core::source::SourceErrorKind;

use super::Place;
use crate::reading::{Read, assert_error, only, read, request, try_read};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

async fn kept(columns: Vec<(&str, ArrayRef)>) -> Read {
    let place = Place::new();
    place.write_parquet("t.parquet", &batch(columns));
    read(&*place.source(), &request("t")).await
}

/// One column of two rows, the second NULL: its type and first value.
#[track_caller]
fn check(found: &Read, column: &str, kind: &str, value: &str) {
    let place = found.columns.iter().position(|(name, _)| name == column).unwrap();
    assert_eq!(found.columns[place].1, kind, "{column}");
    assert_eq!(found.rows[0][place], value, "{column}");
    assert_eq!(found.rows[1][place], "~", "{column}");
}

#[tokio::test]
async fn numbers_texts_and_bytes_keep_their_values() {
    let dictionary: DictionaryArray<Int32Type> = [Some("red"), None].into_iter().collect();
    let half = arrow::compute::cast(&Float32Array::from(vec![Some(0.5), None]), &DataType::Float16).unwrap();
    let found = kept(vec![
        ("bool", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("i8", Arc::new(Int8Array::from(vec![Some(i8::MIN), None]))),
        ("i16", Arc::new(Int16Array::from(vec![Some(i16::MIN), None]))),
        ("i32", Arc::new(Int32Array::from(vec![Some(i32::MIN), None]))),
        ("i64", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
        ("u8", Arc::new(UInt8Array::from(vec![Some(u8::MAX), None]))),
        ("u16", Arc::new(UInt16Array::from(vec![Some(u16::MAX), None]))),
        ("u32", Arc::new(UInt32Array::from(vec![Some(u32::MAX), None]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("f16", half),
        ("f32", Arc::new(Float32Array::from(vec![Some(f32::INFINITY), None]))),
        ("f64", Arc::new(Float64Array::from(vec![Some(f64::NAN), None]))),
        ("text", Arc::new(StringArray::from(vec![Some("ü\0"), None]))),
        ("large", Arc::new(LargeStringArray::from(vec![Some("l"), None]))),
        ("view", Arc::new(StringViewArray::from(vec![Some("a text longer than twelve bytes"), None]))),
        ("dictionary", Arc::new(dictionary)),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(&b"\xff\0"[..]), None]))),
        ("large_bytes", Arc::new(LargeBinaryArray::from(vec![Some(&b"\x01"[..]), None]))),
        (
            "fixed",
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([1, 2]), None].into_iter(), 2)
                    .unwrap(),
            ),
        ),
    ])
    .await;
    check(&found, "bool", "Boolean", "true");
    check(&found, "i8", "Int8", "-128");
    check(&found, "i16", "Int16", "-32768");
    check(&found, "i32", "Int32", "-2147483648");
    check(&found, "i64", "Int64", "-9223372036854775808");
    check(&found, "u8", "UInt8", "255");
    check(&found, "u16", "UInt16", "65535");
    check(&found, "u32", "UInt32", "4294967295");
    check(&found, "u64", "UInt64", "18446744073709551615");
    check(&found, "f16", "Float32", "0.5");
    check(&found, "f32", "Float32", "inf");
    check(&found, "f64", "Float64", "NaN");
    check(&found, "text", "Utf8", "ü\0");
    check(&found, "large", "Utf8", "l");
    check(&found, "view", "Utf8", "a text longer than twelve bytes");
    check(&found, "dictionary", "Utf8", "red");
    check(&found, "bytes", "Binary", "ff00");
    check(&found, "large_bytes", "Binary", "01");
    check(&found, "fixed", "Binary", "0102");
}

#[tokio::test]
async fn dates_times_and_decimals_keep_their_values() {
    let wide = |value: i128| i256::from_i128(value);
    let most = 10i128.pow(38) - 1;
    let found = kept(vec![
        ("date32", Arc::new(Date32Array::from(vec![Some(-1), None]))),
        ("date64", Arc::new(Date64Array::from(vec![Some(86_400_000), None]))),
        ("time_s", Arc::new(Time32SecondArray::from(vec![Some(1), None]))),
        ("time_ms", Arc::new(Time32MillisecondArray::from(vec![Some(1), None]))),
        ("time_us", Arc::new(Time64MicrosecondArray::from(vec![Some(1), None]))),
        ("time_ns", Arc::new(Time64NanosecondArray::from(vec![Some(1000), None]))),
        ("s", Arc::new(TimestampSecondArray::from(vec![Some(-1), None]))),
        ("ms", Arc::new(TimestampMillisecondArray::from(vec![Some(1), None]))),
        ("us", Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None]).with_timezone("UTC"))),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![Some(-1000), None]).with_timezone("+02:00"))),
        (
            "decimal",
            Arc::new(Decimal128Array::from(vec![Some(-most), None]).with_precision_and_scale(38, 2).unwrap()),
        ),
        (
            "wide",
            Arc::new(
                Decimal256Array::from(vec![Some(wide(most)), None]).with_precision_and_scale(60, 3).unwrap(),
            ),
        ),
        ("nothing", Arc::new(NullArray::new(2))),
    ])
    .await;
    check(&found, "date32", "Date32", "1969-12-31");
    check(&found, "date64", "Date32", "1970-01-02");
    check(&found, "time_s", "Time64(µs)", "00:00:01");
    check(&found, "time_ms", "Time64(µs)", "00:00:00.001");
    check(&found, "time_us", "Time64(µs)", "00:00:00.000001");
    check(&found, "time_ns", "Time64(µs)", "00:00:00.000001");
    check(&found, "s", "Timestamp(µs)", "1969-12-31T23:59:59");
    check(&found, "ms", "Timestamp(µs)", "1970-01-01T00:00:00.001");
    check(&found, "us", "Timestamp(µs)", "1970-01-01T00:00:00.000001");
    check(&found, "ns", "Timestamp(µs)", "1969-12-31T23:59:59.999999");
    check(&found, "decimal", "Decimal128(38, 2)", "-999999999999999999999999999999999999.99");
    check(&found, "wide", "Decimal128(38, 3)", "99999999999999999999999999999999999.999");
    check(&found, "nothing", "Utf8", "~");
}

#[tokio::test]
async fn nested_values_are_json_text() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let pair = StructArray::try_new(
        vec![Field::new("a \"q\"", DataType::Utf8, true), Field::new("f", DataType::Float64, true)].into(),
        vec![
            Arc::new(StringArray::from(vec![Some("x\n"), None])),
            Arc::new(Float64Array::from(vec![Some(0.1), None])),
        ],
        Some(vec![true, false].into()),
    )
    .unwrap();
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("k");
    map.values().append_value(7);
    map.append(true).unwrap();
    map.append(false).unwrap();
    let found =
        kept(vec![("list", Arc::new(list)), ("pair", Arc::new(pair)), ("map", Arc::new(map.finish()))]).await;
    check(&found, "list", "Utf8", "[1,null]");
    check(&found, "pair", "Utf8", "{\"a \\\"q\\\"\":\"x\\n\",\"f\":0.1}");
    check(&found, "map", "Utf8", "{\"k\":7}");
}

#[tokio::test]
async fn a_value_that_would_lose_something_fails_naming_table_column_and_value() {
    let check = async |column: ArrayRef, parts: &[&str]| {
        let place = Place::new();
        let good: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        place.write_parquet("t.parquet", &batch(vec![("good", good), ("bad", column)]));
        let error = assert_error(
            try_read(&*place.source(), &request("t")).await,
            &[parts, &["table \"t\"", "column \"bad\"", "t.parquet", "row 2"]].concat(),
        );
        assert_eq!(error.kind, SourceErrorKind::Value);
        let mut good = request("t");
        good.columns = only(&["good"]);
        assert_eq!(read(&*place.source(), &good).await.lines(), ["1", "2"]);
    };
    check(
        Arc::new(TimestampNanosecondArray::from(vec![1000, 1_000_000_001])),
        &["1970-01-01T00:00:01.000000001", "finer than microseconds"],
    )
    .await;
    check(Arc::new(Time64NanosecondArray::from(vec![1000, 1])), &["00:00:00.000000001", "finer"]).await;
    check(Arc::new(TimestampMillisecondArray::from(vec![0, i64::MAX])), &["beyond the range"]).await;
    let wide = Decimal256Array::from(vec![i256::ONE, i256::from_i128(10i128.pow(38))]);
    check(Arc::new(wide.with_precision_and_scale(60, 0).unwrap()), &["100000000", "more than 38 digits"])
        .await;
}

#[tokio::test]
async fn a_type_that_cannot_be_kept_fails_who_reads_it() {
    let place = Place::new();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("good", Arc::new(Int64Array::from(vec![1]))),
        ("span", Arc::new(arrow::array::DurationSecondArray::from(vec![1]))),
        ("interval", Arc::new(arrow::array::IntervalYearMonthArray::from(vec![14]))),
    ];
    place.write_parquet("t.parquet", &batch(columns));
    for column in ["span", "interval"] {
        let mut bad = request("t");
        bad.columns = only(&["good", column]);
        assert_error(
            try_read(&*place.source(), &bad).await,
            &["table \"t\"", column, "leave the column out"],
        );
    }
    let mut good = request("t");
    good.columns = only(&["good"]);
    assert_eq!(read(&*place.source(), &good).await.lines(), ["1"]);
}

/// Writes one column of a physical type that Arrow does not write.
fn write_raw<T: ::parquet::data_type::DataType>(
    place: &Place,
    message: &str,
    values: &[T::T],
    levels: &[i16],
) {
    let schema = Arc::new(parse_message_type(message).unwrap());
    let file = fs::File::create(place.path("t.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::new())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, Some(levels), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

fn legacy(day: u32, nanos: u64) -> Int96 {
    let mut value = Int96::new();
    value.set_data(u32::try_from(nanos & 0xffff_ffff).unwrap(), u32::try_from(nanos >> 32).unwrap(), day);
    value
}

#[tokio::test]
async fn int96_timestamps_keep_their_microseconds_in_every_century() {
    const MESSAGE: &str = "message m { optional int96 t; }";
    // Julian days: 1970-01-01 is 2440588, 0001-01-01 is 1721426, 9999-12-31 is 5373484.
    let place = Place::new();
    let values = [
        legacy(2_440_588, 1000),
        legacy(1_721_426, 0),
        legacy(5_373_484, 86_399_999_999_000),
        legacy(2_440_587, 0),
    ];
    write_raw::<Int96Type>(&place, MESSAGE, &values, &[1, 1, 0, 1, 1]);
    let found = read(&*place.source(), &request("t")).await;
    assert_eq!(found.types(), ["t Timestamp(µs)"]);
    assert_eq!(
        found.lines(),
        [
            "1970-01-01T00:00:00.000001",
            "0001-01-01T00:00:00",
            "~",
            "9999-12-31T23:59:59.999999",
            "1969-12-31T00:00:00"
        ]
    );
    for lost in [legacy(2_440_588, 1), legacy(5_373_484, 999)] {
        write_raw::<Int96Type>(&place, MESSAGE, &[legacy(2_440_588, 0), lost], &[1, 1]);
        assert_error(
            try_read(&*place.source(), &request("t")).await,
            &["column \"t\"", "row 2", "finer than microseconds"],
        );
    }
}

#[tokio::test]
async fn uuids_are_text_and_plain_byte_arrays_are_bytes() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..16).collect();
    write_raw::<FixedLenByteArrayType>(
        &place,
        "message m { optional fixed_len_byte_array(16) u (UUID); }",
        &[FixedLenByteArray::from(ByteArray::from(bytes))],
        &[1, 0],
    );
    let found = read(&*place.source(), &request("t")).await;
    assert_eq!(found.types(), ["u Utf8"]);
    assert_eq!(found.lines(), ["00010203-0405-0607-0809-0a0b0c0d0e0f", "~"]);
    assert_eq!(place.source().discover().await.unwrap()[0].columns[0].type_name, "UUID");
}

#[tokio::test]
async fn the_number_of_rows_is_known() {
    let place = Place::new();
    let numbers = |count: i64| batch(vec![("n", Arc::new((0..count).collect::<Int64Array>()) as ArrayRef)]);
    place.write_parquet("t/1.parquet", &numbers(3));
    place.write_parquet("t/2.parquet", &numbers(4));
    let tables = place.source().discover().await.unwrap();
    assert_eq!(tables[0].rows, Some(7));
    assert_eq!(tables[0].columns[0].type_name, "Int64");
}

#[tokio::test]
async fn files_of_a_table_must_have_the_same_types() {
    let place = Place::new();
    place.write_parquet("t/1.parquet", &batch(vec![("n", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]));
    place.write_parquet(
        "t/2.parquet",
        &batch(vec![("n", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)]),
    );
    assert_error(
        try_read(&*place.source(), &request("t")).await,
        &["t/2.parquet", "\"n\"", "Utf8", "t/1.parquet", "Int64"],
    );
}

#[tokio::test]
async fn broken_files_are_named() {
    let place = Place::new();
    place.write_parquet("t.parquet", &super::batch(&[]));
    let whole = fs::read(place.path("t.parquet")).unwrap();
    let check = async |bytes: &[u8]| {
        place.write("t.parquet", bytes);
        assert_error(
            try_read(&*place.source(), &request("t")).await,
            &["file t.parquet", "not a Parquet file"],
        );
        assert!(place.source().discover().await.unwrap().is_empty());
    };
    check(b"").await;
    check(b"PAR1").await;
    check(b"id,name\n1,a\n").await;
    check(&whole[..whole.len() - 1]).await;
    check(&[&whole[..whole.len() - 20], &[0xff; 12], &whole[whole.len() - 8..]].concat()).await;
}
