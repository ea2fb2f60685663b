//! What SQLite's declared types become, and which values do not fit them.

use forebay_core::source::SourceErrorKind;

use super::Database;
use crate::reading::{assert_error, bounds, only, read, request, try_read};

#[tokio::test]
async fn every_declared_type_keeps_its_values() {
    let database = Database::with(
        "CREATE TABLE t (whole INTEGER, small TINYINT, real DOUBLE PRECISION, amount DECIMAL(10,2), free NUMERIC, \
         flag BOOLEAN, day DATE, moment DATETIME, zoned TIMESTAMP, text VARCHAR(10), bytes BLOB, anything); \
         INSERT INTO t VALUES (9223372036854775807, -1, 0.1, 1234.5, '123456789012345678901234567890', 1, \
         '2024-01-31', '2024-01-31 10:00:00.123456', '2024-01-31T10:00:00+02:00', 'ü', x'00ff', 'word'), \
         (-9223372036854775808, 3.0, 2, '-99999999.99', 1.5, 0, '0000-01-01', '2024-01-31', '2024-01-31T10:00Z', \
         12, 'text', 7), \
         (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    )
    .await;
    let found = read(&*database.source(), &request("t")).await;
    assert_eq!(
        found.types(),
        [
            "whole Int64",
            "small Int64",
            "real Float64",
            "amount Decimal128(10, 2)",
            "free Utf8",
            "flag Boolean",
            "day Date32",
            "moment Timestamp(µs)",
            "zoned Timestamp(µs)",
            "text Utf8",
            "bytes Binary",
            "anything Utf8",
        ]
    );
    assert_eq!(
        found.lines(),
        [
            "9223372036854775807|-1|0.1|1234.50|1.2345678901234568e29|true|2024-01-31|2024-01-31T10:00:00.123456|\
             2024-01-31T08:00:00|ü|00ff|word",
            "-9223372036854775808|3|2.0|-99999999.99|1.5|false|0000-01-01|2024-01-31T00:00:00|2024-01-31T10:00:00|\
             12|74657874|7",
            "~|~|~|~|~|~|~|~|~|~|~|~",
        ]
    );
}

#[tokio::test]
async fn a_value_that_does_not_fit_fails_naming_table_column_row_and_value() {
    let database = Database::with(
        "CREATE TABLE t (whole INTEGER, real REAL, amount DECIMAL(5,2), flag BOOLEAN, day DATE, moment TIMESTAMP, \
         text TEXT, bytes BLOB); INSERT INTO t DEFAULT VALUES",
    )
    .await;
    let check = async |column: &str, value: &str, shown: &str| {
        database.run(&format!("DELETE FROM t; INSERT INTO t ({column}) VALUES (NULL), ({value})")).await;
        let mut wanted = request("t");
        wanted.columns = only(&[column]);
        let error = assert_error(
            try_read(&*database.source(), &wanted).await,
            &["table \"t\"", &format!("column \"{column}\""), "rowid 2", shown],
        );
        assert_eq!(error.kind, SourceErrorKind::Value);
    };
    check("whole", "'many'", "'many' is text").await;
    check("whole", "1.5", "'1.5' is a real number").await;
    check("whole", "x'0102'", "'x0102' is a blob").await;
    check("real", "'NaN'", "'NaN' is text").await;
    check("amount", "1.234", "'1.234'").await;
    check("amount", "1000", "'1000'").await;
    check("flag", "2", "'2' is an integer").await;
    check("day", "'2024-02-30'", "'2024-02-30'").await;
    check("day", "20240131", "'20240131' is an integer").await;
    check("moment", "'2024-01-31 10:00:00.1234567'", "'2024-01-31 10:00:00.1234567'").await;
    check("moment", "1706695200", "unixepoch").await;
    check("text", "x'ff'", "'xff' is a blob").await;
    check("text", "CAST(x'ff' AS TEXT)", "not UTF-8").await;
    check("bytes", "1", "'1' is an integer").await;
}

#[tokio::test]
async fn bounds_compare_moments_and_not_texts() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER, moment TIMESTAMP, day DATE, number INTEGER, free, text TEXT, flag BOOLEAN); \
         INSERT INTO t (id, moment, day, number, free, text) VALUES \
         (1, '2024-01-01T09:00:00Z', '2024-01-01', 9, 9, 'a'), \
         (2, '2024-01-01 10:00:00.000001', '2024-01-02', 10, 10.5, 'b'), \
         (3, '2024-01-01T13:00:00.5+02:00', '2024-01-03', 11, 100, 'c'), \
         (4, NULL, NULL, NULL, NULL, NULL)",
    )
    .await;
    let check = async |column: &str, from: Option<&str>, until: Option<&str>, expected: &[&str]| {
        let mut bounded = request("t");
        bounded.columns = only(&["id"]);
        bounded.date_bounds = bounds(column, from, until);
        assert_eq!(
            read(&*database.source(), &bounded).await.lines(),
            expected,
            "{column} {from:?} {until:?}"
        );
    };
    check("moment", Some("2024-01-01 10:00:00"), None, &["2", "3"]).await;
    check("moment", None, Some("2024-01-01 10:00:00"), &["1"]).await;
    check("moment", None, Some("2024-01-01T10:00:00.000001"), &["1", "2"]).await;
    check("moment", Some("2024-01-01T11:00:00.5Z"), Some("2024-01-01T11:00:00.5Z"), &["3"]).await;
    check("day", Some("2024-01-02"), Some("2024-01-02"), &["2"]).await;
    check("number", Some("10"), None, &["2", "3"]).await;
    check("free", Some("9.5"), None, &["2", "3"]).await;
    check("text", Some("b"), None, &["2", "3"]).await;
    let refuse = async |column: &str, from: &str, parts: &[&str]| {
        let mut bounded = request("t");
        bounded.date_bounds = bounds(column, Some(from), None);
        assert_error(try_read(&*database.source(), &bounded).await, parts);
    };
    refuse("moment", "now", &["creation date", "'now'", "2024-01-31"]).await;
    refuse("number", "ten", &["creation date", "'ten'", "number"]).await;
    database.run("INSERT INTO t (free) VALUES ('word')").await;
    refuse("free", "1", &["creation date", "\"free\"", "an integer and text"]).await;
}
