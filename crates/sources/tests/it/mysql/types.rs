//! Every type arrives as it is, or its table fails with a message that names the value.

use std::sync::atomic::{AtomicUsize, Ordering};

use forebay_core::source::SourceErrorKind;

use super::{server, source};
use crate::reading::{assert_error, only, read, request, try_read};

/// The number of the next database: a type may be looked at twice.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// One table with a column of the type: its Arrow type, and each value as it arrives.
async fn check(type_name: &str, arrow: &str, values: &[(&str, &str)]) {
    let server = server().await;
    let database = server.database(&format!("type_{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    database.run(&format!("CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, v {type_name} NULL)"));
    let list: Vec<String> = values.iter().map(|(value, _)| format!("({value})")).collect();
    database.run(&format!("INSERT INTO t (v) VALUES {}, (NULL)", list.join(",")));
    let found = read(&*source(&database), &request("t")).await;
    assert_eq!(found.types(), ["id Int32", &format!("v {arrow}")], "{type_name}");
    let mut expected: Vec<&str> = values.iter().map(|(_, expected)| *expected).collect();
    expected.push("~");
    let found: Vec<&str> = found.rows.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(found, expected, "{type_name}");
}

#[tokio::test]
async fn whole_numbers_of_every_width_and_sign_arrive() {
    check("tinyint", "Int8", &[("-128", "-128"), ("127", "127")]).await;
    check("tinyint(1)", "Int8", &[("1", "1"), ("-5", "-5")]).await;
    check("tinyint unsigned", "UInt8", &[("0", "0"), ("255", "255")]).await;
    check("smallint", "Int16", &[("-32768", "-32768"), ("32767", "32767")]).await;
    check("smallint unsigned", "UInt16", &[("65535", "65535")]).await;
    check("mediumint", "Int32", &[("-8388608", "-8388608"), ("8388607", "8388607")]).await;
    check("mediumint unsigned", "UInt32", &[("16777215", "16777215")]).await;
    check("int", "Int32", &[("-2147483648", "-2147483648"), ("2147483647", "2147483647")]).await;
    check("int unsigned", "UInt32", &[("4294967295", "4294967295")]).await;
    check("int(8) unsigned zerofill", "UInt32", &[("7", "7")]).await;
    let (least, greatest) = ("-9223372036854775808", "9223372036854775807");
    check("bigint", "Int64", &[(least, least), (greatest, greatest)]).await;
    check("bigint unsigned", "UInt64", &[("18446744073709551615", "18446744073709551615"), ("0", "0")]).await;
    check("year", "Int16", &[("1901", "1901"), ("2155", "2155"), ("0", "0")]).await;
    check("bit(1)", "Boolean", &[("b'1'", "true"), ("b'0'", "false")]).await;
    check("bit(12)", "UInt64", &[("b'100000000001'", "2049")]).await;
    check("bit(64)", "UInt64", &[("~0", "18446744073709551615")]).await;
}

#[tokio::test]
async fn numbers_with_a_fraction_are_exact() {
    check(
        "decimal(15,2)",
        "Decimal128(15, 2)",
        &[("-0.01", "-0.01"), ("9999999999999.99", "9999999999999.99")],
    )
    .await;
    check("decimal(5,0)", "Decimal128(5, 0)", &[("-99999", "-99999")]).await;
    check("decimal(10,3) unsigned zerofill", "Decimal128(10, 3)", &[("12.5", "12.500")]).await;
    let nines = "9".repeat(38);
    check("decimal(38,0)", "Decimal128(38, 0)", &[(&nines, &nines)]).await;
    let tiny = format!("-0.{}1", "0".repeat(37));
    check("decimal(38,38)", "Decimal128(38, 38)", &[(&tiny, &tiny)]).await;
    let long = format!("{}.{}", "9".repeat(35), "8".repeat(30));
    check("decimal(65,30)", "Utf8", &[(&long, &long), ("-0.5", &format!("-0.5{}", "0".repeat(29)))]).await;
    // The text of a float is rounded by the server; its bits are not.
    check(
        "float",
        "Float32",
        &[("16777217", "16777216.0"), ("0.1", "0.1"), ("3.4028234e38", "3.4028235e38")],
    )
    .await;
    check("double", "Float64", &[("0.1", "0.1"), ("1.7976931348623157e308", "1.7976931348623157e308")]).await;
    check("double", "Float64", &[("-2.2250738585072014e-308", "-2.2250738585072014e-308")]).await;
}

#[tokio::test]
async fn dates_and_times_arrive_to_the_microsecond() {
    check("date", "Date32", &[("'1000-01-01'", "1000-01-01"), ("'9999-12-31'", "9999-12-31")]).await;
    check("date", "Date32", &[("'2024-02-29'", "2024-02-29"), ("'1969-12-31'", "1969-12-31")]).await;
    let kind = "Timestamp(µs)";
    check("datetime", kind, &[("'2024-02-29 23:59:59'", "2024-02-29T23:59:59")]).await;
    let precise = [
        ("'9999-12-31 23:59:59.999999'", "9999-12-31T23:59:59.999999"),
        ("'2024-01-31'", "2024-01-31T00:00:00"),
        ("'0001-01-01 00:00:00.000001'", "0001-01-01T00:00:00.000001"),
    ];
    check("datetime(6)", kind, &precise).await;
    // Written in the zone of the server, read in UTC.
    check("timestamp(3)", kind, &[("'2024-01-01 05:45:00.125'", "2024-01-01T00:00:00.125")]).await;
    let interval = "Interval(MonthDayNano)";
    let hours = [
        ("'838:59:59'", "838 hours 59 mins 59.000000000 secs"),
        ("'-838:59:59'", "-838 hours -59 mins -59.000000000 secs"),
        ("'00:00:00'", "0 secs"),
        ("'-00:00:01'", "-1.000000000 secs"),
    ];
    check("time", interval, &hours).await;
    check("time(6)", interval, &[("'12:34:56.789012'", "12 hours 34 mins 56.789012000 secs")]).await;
}

#[tokio::test]
async fn texts_of_every_character_set_are_utf_8_and_bytes_stay_bytes() {
    check("varchar(20) CHARACTER SET latin1", "Utf8", &[("'Größe €'", "Größe €")]).await;
    check("varchar(20) CHARACTER SET utf8mb3", "Utf8", &[("'žluťoučký'", "žluťoučký")]).await;
    check("varchar(20) CHARACTER SET utf16", "Utf8", &[("'😀 a'", "😀 a")]).await;
    check("varchar(20) CHARACTER SET sjis", "Utf8", &[("'日本語'", "日本語")]).await;
    check("varchar(20) CHARACTER SET koi8r", "Utf8", &[("'Привет'", "Привет")]).await;
    check("varchar(20)", "Utf8", &[("'😀'", "😀"), ("''", ""), (r"'a\nb\\'", "a\nb\\")]).await;
    check("char(5)", "Utf8", &[("'ab'", "ab")]).await;
    check("longtext", "Utf8", &[("REPEAT('é', 100000)", &"é".repeat(100_000))]).await;
    check("enum('a','b,c','ü')", "Utf8", &[("'b,c'", "b,c"), ("'ü'", "ü")]).await;
    check("set('x','y','z')", "Utf8", &[("'z,x'", "x,z"), ("''", "")]).await;
    check("json", "Utf8", &[(r#"'{"b": 1, "a": [1.0, "ü"]}'"#, r#"{"b": 1, "a": [1.0, "ü"]}"#)]).await;
    check(
        "uuid",
        "Utf8",
        &[("'123E4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000")],
    )
    .await;
    check("inet6", "Utf8", &[("'2001:db8::ff00:42:8329'", "2001:db8::ff00:42:8329")]).await;
    check("inet4", "Utf8", &[("'10.0.0.1'", "10.0.0.1")]).await;
    check("binary(4)", "Binary", &[("x'00ff'", "00ff0000")]).await;
    check("varbinary(4)", "Binary", &[("x'00ff'", "00ff"), ("''", "")]).await;
    check("longblob", "Binary", &[("x'fffe00'", "fffe00")]).await;
}

#[tokio::test]
async fn geometry_is_text_with_its_reference_system() {
    check("point", "Utf8", &[("POINT(1.5, -2)", "POINT(1.5 -2)")]).await;
    check(
        "geometry",
        "Utf8",
        &[
            ("ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))', 4326)", "SRID=4326;POLYGON((0 0,1 0,1 1,0 0))"),
            ("ST_GeomFromText('LINESTRING(0 0,0.1 1e20)')", "LINESTRING(0 0,0.1 1e20)"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_date_that_is_none_fails_its_table_by_name() {
    let database = server().await.database("zero");
    database.run(
        "SET sql_mode = 'ALLOW_INVALID_DATES'; \
         CREATE TABLE dates (id int PRIMARY KEY, d date, m datetime, s timestamp NULL); \
         INSERT INTO dates VALUES (1, '0000-00-00', NULL, NULL), (2, '2024-00-10', NULL, NULL), \
            (3, '2023-02-31', NULL, NULL), (4, NULL, '0000-00-00', NULL), (5, NULL, NULL, '0000-00-00'), \
            (6, '2024-02-29', NULL, NULL)",
    );
    let source = source(&database);
    for (id, parts) in [
        (1, ["dates", "column d", "0000-00-00"]),
        (2, ["dates", "column d", "2024-00-10"]),
        (3, ["dates", "column d", "2023-02-31"]),
        (4, ["dates", "column m", "0000-00-00"]),
        (5, ["dates", "column s", "0000-00-00"]),
    ] {
        let mut wanted = request("dates");
        wanted.filters = vec![format!("id = {id}")];
        let error = assert_error(try_read(&*source, &wanted).await, &parts);
        assert_eq!(error.kind, SourceErrorKind::Value);
        assert_error(try_read(&*source, &wanted).await, &["NULLIF"]);
    }
    // The remedies work: the rows or the column left out, or a view.
    let mut wanted = request("dates");
    wanted.filters = vec!["d > '2024-01-01' AND m IS NULL AND s IS NULL".to_owned(), "id = 6".to_owned()];
    assert_eq!(read(&*source, &wanted).await.lines(), ["6|2024-02-29|~|~"]);
    wanted = request("dates");
    wanted.columns = only(&["id"]);
    assert_eq!(read(&*source, &wanted).await.rows.len(), 6);
    database.run("CREATE VIEW mended AS SELECT id, NULLIF(m, 0) AS m FROM dates WHERE id > 3");
    assert_eq!(read(&*source, &request("mended")).await.lines(), ["4|~", "5|~", "6|~"]);
}

#[tokio::test]
async fn a_text_that_is_no_utf_8_fails_its_table_by_name() {
    let database = server().await.database("no_text");
    // Bytes that were written into the column behind the server's back are what is left when it was mended badly.
    database.run("CREATE VIEW broken AS SELECT 1 AS id, CAST(x'41ff42' AS BINARY) AS b");
    database.run(
        "CREATE TABLE texts (id int PRIMARY KEY, t varchar(20) CHARACTER SET utf8mb4); \
         INSERT INTO texts VALUES (1, 'good')",
    );
    assert_eq!(read(&*source(&database), &request("broken")).await.lines(), ["1|41ff42"]);
    assert_eq!(read(&*source(&database), &request("texts")).await.lines(), ["1|good"]);
}

#[tokio::test]
async fn wide_tables_and_long_rows_arrive() {
    let database = server().await.database("wide");
    let columns: Vec<String> = (0..300).map(|column| format!("c{column} int")).collect();
    database.run(&format!("CREATE TABLE wide ({})", columns.join(",")));
    let values: Vec<String> =
        (0..300).map(|value| if value % 7 == 0 { "NULL".to_owned() } else { value.to_string() }).collect();
    database.run(&format!("INSERT INTO wide VALUES ({})", values.join(",")));
    let found = read(&*source(&database), &request("wide")).await;
    let expected: Vec<String> =
        (0..300).map(|value| if value % 7 == 0 { "~".to_owned() } else { value.to_string() }).collect();
    assert_eq!(found.rows, [expected]);
    // A row of more than 16 MB travels in several packets; and one whose length is just the border's.
    database.run(
        "CREATE TABLE long_rows (id int PRIMARY KEY, b longblob); \
         INSERT INTO long_rows VALUES (1, REPEAT('x', 17 * 1024 * 1024)), (2, 'small'), \
             (3, REPEAT('y', 16777215 - 15))",
    );
    let source = source(&database);
    let mut wanted = request("long_rows");
    wanted.columns = only(&["b"]);
    let found = read(&*source, &wanted).await;
    let lengths: Vec<usize> = found.rows.iter().map(|row| row[0].len() / 2).collect();
    assert_eq!(lengths, [17 * 1024 * 1024, 5, 16_777_200]);
}
