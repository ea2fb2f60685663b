//! What CSV files may look like, and what their columns become.

use forebay_core::source::SourceErrorKind;

use super::Place;
use crate::reading::{assert_error, only, read, request, try_read};

#[tokio::test]
async fn columns_have_the_types_that_all_of_their_cells_have() {
    let text = "whole,exact,float,flag,day,moment,zoned,code,mixed,none\n\
                1,1.50,1e3,true,2024-01-31,2024-01-31 10:00:00,2024-01-31T10:00:00+02:00,00123,1,\n\
                -9223372036854775808,-0.125,2.5,FALSE,1969-12-31,2024-01-31,2024-01-31T10:00:00.5Z,7,x,\n\
                ,,,,,,,,,\n";
    let place = Place::with("t.csv", text);
    let found = read(&*place.source(), &request("t")).await;
    assert_eq!(
        found.types(),
        [
            "whole Int64",
            "exact Decimal128(4, 3)",
            "float Float64",
            "flag Boolean",
            "day Date32",
            "moment Timestamp(µs)",
            "zoned Timestamp(µs)",
            "code Utf8",
            "mixed Utf8",
            "none Utf8",
        ]
    );
    assert_eq!(
        found.lines(),
        [
            "1|1.500|1000.0|true|2024-01-31|2024-01-31T10:00:00|2024-01-31T08:00:00|00123|1|~",
            "-9223372036854775808|-0.125|2.5|false|1969-12-31|2024-01-31T00:00:00|2024-01-31T10:00:00.500|7|x|~",
            "~|~|~|~|~|~|~|~|~|~",
        ]
    );
    let tables = place.source().discover().await.unwrap();
    let types: Vec<&str> = tables[0].columns.iter().map(|column| column.type_name.as_str()).collect();
    assert_eq!(
        types,
        [
            "BIGINT",
            "DECIMAL(4,3)",
            "DOUBLE",
            "BOOLEAN",
            "DATE",
            "TIMESTAMP",
            "TIMESTAMP",
            "VARCHAR",
            "VARCHAR",
            "VARCHAR"
        ]
    );
    assert_eq!(tables[0].rows, None);
}

#[tokio::test]
async fn the_last_row_can_still_decide_a_type() {
    let mut text = "n\n".to_owned();
    for number in 0..70_000 {
        text.push_str(&format!("{number}\n"));
    }
    text.push_str("n/a\n");
    let found = read(&*Place::with("t.csv", text).source(), &request("t")).await;
    assert_eq!(found.types(), ["n Utf8"]);
    assert_eq!(found.rows.len(), 70_001);
}

#[tokio::test]
async fn an_empty_cell_is_null_and_a_quoted_one_is_an_empty_text() {
    let place = Place::with("t.csv", "text,number\na,1\n,\n\"\",\"\"\n");
    let found = read(&*place.source(), &request("t")).await;
    assert_eq!(found.types(), ["text Utf8", "number Int64"]);
    assert_eq!(found.lines(), ["a|1", "~|~", "|~"]);
}

#[tokio::test]
async fn the_delimiter_is_found_in_the_header() {
    for delimiter in [",", ";", "\t", "|"] {
        let text = format!("a{delimiter}\"b,,;;||\"{delimiter}c\n1{delimiter}\"2{delimiter}\"{delimiter}3\n");
        let found = read(&*Place::with("t.csv", text).source(), &request("t")).await;
        assert_eq!(found.columns.len(), 3, "{delimiter:?}");
        assert_eq!(found.rows, [["1", &format!("2{delimiter}"), "3"]], "{delimiter:?}");
    }
    let found = read(&*Place::with("t.csv", "only\n1\n\n3\n").source(), &request("t")).await;
    assert_eq!(found.lines(), ["1", "~", "3"], "in a table of one column an empty line is a row");
}

#[tokio::test]
async fn marks_line_ends_and_empty_lines_are_no_data() {
    let place = Place::with("t.csv", "\u{feff}a,b\r\n1,\"x\r\ny\"\r\n\r\n2,z");
    let found = read(&*place.source(), &request("t")).await;
    assert_eq!(found.types(), ["a Int64", "b Utf8"]);
    assert_eq!(found.rows, [["1", "x\r\ny"], ["2", "z"]]);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_line() {
    let check = async |text: &[u8], parts: &[&str]| {
        let place = Place::with("t.csv", text);
        let error = assert_error(try_read(&*place.source(), &request("t")).await, parts);
        assert!(error.message.contains("t.csv"), "{error}");
        assert!(!error.message.contains(&*place.dir.path().to_string_lossy()), "{error}");
        assert!(place.source().discover().await.unwrap().is_empty(), "a broken file is no table");
    };
    check(b"", &["is empty"]).await;
    check(b"a,,c\n", &["column 2 of the header", "must not be empty"]).await;
    check(b"a,b,a\n", &["column \"a\" twice"]).await;
    check(b"a,b\n1,2\n1,2,3\n", &["line 3", "3 cells", "2"]).await;
    check(b"a,b\n1,2\n1\n", &["line 3", "1 cell"]).await;
    check(b"a,b\n1,\"2\n3,4\n", &["line 2", "never closed"]).await;
    check(b"a,b\n1,\"2\"x\n", &["line 2", "closing quote"]).await;
    check(b"a,\xff\n", &["column 2 of the header", "UTF-8"]).await;
    check(b"\xff\xfea\0,\0b\0", &["UTF-16"]).await;
}

#[tokio::test]
async fn a_cell_that_is_not_utf8_fails_only_who_reads_it() {
    let place = Place::with("t.csv", b"good,bad\n1,ok\n2,\xe4\n");
    let error = assert_error(
        try_read(&*place.source(), &request("t")).await,
        &["t.csv", "line 3", "column \"bad\"", "UTF-8", "leave the column out"],
    );
    assert_eq!(error.kind, SourceErrorKind::Value);
    let mut good = request("t");
    good.columns = only(&["good"]);
    assert_eq!(read(&*place.source(), &good).await.lines(), ["1", "2"]);
}

#[tokio::test]
async fn a_table_of_long_texts_comes_in_batches_of_bounded_size() {
    let mut text = "id,text\n".to_owned();
    for id in 0..40 {
        text.push_str(&format!("{id},{}\n", "x".repeat(1 << 20)));
    }
    let place = Place::with("t.csv", text);
    let snapshot = place.source().snapshot().await.unwrap();
    let forebay_core::source::TableReader::Rows(table) = snapshot.read(&request("t")).await.unwrap() else {
        panic!("the table is new")
    };
    let batches: Vec<_> = futures::TryStreamExt::try_collect(table.batches).await.unwrap();
    assert!(batches.len() > 1, "{} batch", batches.len());
    for batch in &batches {
        assert!(batch.num_rows() <= 18, "{} rows of a megabyte", batch.num_rows());
    }
    assert_eq!(batches.iter().map(arrow::record_batch::RecordBatch::num_rows).sum::<usize>(), 40);
}
