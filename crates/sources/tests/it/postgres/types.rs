//! Every type arrives as the server has it, or is refused with its table, column and value.

use forebay_core::source::SourceErrorKind;

use super::{Place, whole};

/// Inserts `literals` (and a NULL) into a column of the type, reads them, and compares each with
/// what the server makes of the column by the expression `exact`.
async fn check(place: &Place, type_name: &str, arrow: &str, exact: &str, literals: &[&str]) {
    place.run(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (id int, c {type_name})")).await;
    place.run("INSERT INTO t VALUES (0, NULL)").await;
    for (id, literal) in literals.iter().enumerate() {
        place.run(&format!("INSERT INTO t VALUES ({}, {literal})", id + 1)).await;
    }
    let read = place.read(&whole("t")).await;
    let found_type = read.schema.field(1).data_type().to_string();
    assert_eq!(found_type, arrow, "{type_name}");
    let expected: Vec<Option<String>> = place
        .sql
        .query(&format!("SELECT ({exact})::text FROM t ORDER BY id"), &[])
        .await
        .unwrap_or_else(|error| panic!("{type_name}: {error:?}"))
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(read.column("c"), expected, "{type_name}");
    assert_eq!(expected[0], None, "{type_name}: NULL stays NULL");
    let absent = expected[1..].iter().position(Option::is_none);
    assert_eq!(absent, None, "{type_name}: a value of the test is NULL at the server");
}

const DAYS: &str =
    "CASE c WHEN 'infinity' THEN 2147483647 WHEN '-infinity' THEN -2147483647 ELSE c - date '1970-01-01' END";
const MICROS: &str = "CASE c WHEN 'infinity' THEN 9223372036854775807 WHEN '-infinity' THEN -9223372036854775807 \
    ELSE extract(epoch FROM c) * 1000000 END::numeric(30, 0)";

#[tokio::test]
async fn numbers_arrive_exactly() {
    let place = Place::new("types_numbers").await;
    let check = |type_name, arrow, exact, literals| check(&place, type_name, arrow, exact, literals);
    check("boolean", "Boolean", "c", &["true", "false"]).await;
    check("smallint", "Int16", "c", &["-32768", "32767", "0"]).await;
    check("integer", "Int32", "c", &["-2147483648", "2147483647"]).await;
    check("bigint", "Int64", "c", &["-9223372036854775808", "9223372036854775807"]).await;
    check("oid", "UInt32", "c", &["0", "4294967295"]).await;
    let floats = &["0", "'-0'", "1.1", "'NaN'", "'Infinity'", "'-Infinity'", "1e-37", "3.4e38"];
    check("real", "Float32", "encode(float4send(c), 'hex')", floats).await;
    let floats =
        &["0", "'-0'", "0.1", "'NaN'", "'Infinity'", "'-Infinity'", "5e-324", "1.7976931348623157e308"];
    check("double precision", "Float64", "encode(float8send(c), 'hex')", floats).await;
    let cents = "(c * 100)::numeric(60, 0)";
    let amounts = &["0", "0.01", "-0.10", "12345678.99", "-99999999.99", "10000", "0.5", "1e7"];
    check("numeric(10, 2)", "Decimal128(10, 2)", cents, amounts).await;
    let wide = &["99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", "1"];
    check("numeric(38, 0)", "Decimal128(38, 0)", "c", wide).await;
    let small = &["0.00000000000000000000000000000000000001", "-0.99999999999999999999999999999999999999"];
    check("numeric(38, 38)", "Decimal128(38, 38)", "(c * 1e38)::numeric(60, 0)", small).await;
    check("numeric(1)", "Decimal128(1, 0)", "c", &["9", "-9", "0"]).await;
    // Without a scale, or wider than a decimal: the digits as they are, trailing zeroes too.
    let free = &["0", "1.50", "-0.0001", "1e100", "'NaN'", "'Infinity'", "'-Infinity'"];
    check("numeric", "Utf8", "c", free).await;
    check("numeric(39, 1)", "Utf8", "c", &["99999999999999999999999999999999999999.9"]).await;
    check("numeric(2, 5)", "Utf8", "c", &["0.00012"]).await;
    check("numeric(2, -3)", "Utf8", "c", &["12000"]).await;
    check("money", "Utf8", "c::numeric", &["'-92233720368547758.08'", "'92233720368547758.07'", "1000"])
        .await;
}

#[tokio::test]
async fn times_arrive_exactly() {
    let place = Place::new("types_times").await;
    let check = |type_name, arrow, exact, literals| check(&place, type_name, arrow, exact, literals);
    let dates = &[
        "'4713-11-24 BC'",
        "'0001-12-31 BC'",
        "'0001-01-01'",
        "'1969-12-31'",
        "'1970-01-01'",
        "'2000-02-29'",
        "'9999-12-31'",
        "'10000-01-01'",
        "'5874897-12-31'",
        "'infinity'",
        "'-infinity'",
    ];
    check("date", "Date32", DAYS, dates).await;
    let clock = "(extract(epoch FROM c) * 1000000)::bigint";
    check("time", "Time64(µs)", clock, &["'00:00'", "'23:59:59.999999'", "'24:00:00'", "'12:34:56.000001'"])
        .await;
    check("time(0)", "Time64(µs)", clock, &["'12:34:56.7'"]).await;
    let moments = &[
        "'4713-11-24 00:00:00 BC'",
        "'0001-12-31 23:59:59.999999 BC'",
        "'1969-12-31 23:59:59.999999'",
        "'2024-03-31 02:30:00'",
        "'9999-12-31 23:59:59.999999'",
        "'10000-01-01 00:00:00'",
        "'294247-01-10 04:00:54.775806'",
        "'infinity'",
        "'-infinity'",
    ];
    check("timestamp", "Timestamp(µs)", MICROS, moments).await;
    check("timestamp(0)", "Timestamp(µs)", MICROS, &["'2024-01-01 00:00:00.6'"]).await;
    let zoned = &[
        "'2024-03-31 02:30:00+02'",
        "'2024-03-31 02:30:00 Europe/Berlin'",
        "'1969-12-31 23:59:59.999999-12'",
        "'4713-11-24 00:00:00+00 BC'",
        "'294247-01-10 04:00:54.775806+00'",
        "'infinity'",
        "'-infinity'",
    ];
    check("timestamptz", "Timestamp(µs)", MICROS, zoned).await;
    // As written, whatever the zone of server and session.
    check("timetz", "Utf8", "c", &["'12:00+02'", "'24:00:00-12:30'", "'00:00:00.000001+15:59:59'"]).await;
    let parts = "extract(years FROM c) * 12 + extract(months FROM c) || ' ' || extract(days FROM c) || ' ' || \
        trunc((extract(hours FROM c) * 3600 + extract(minutes FROM c) * 60 + extract(seconds FROM c)) * 1000000000)";
    let intervals = &[
        "'0'",
        "'1 year 2 mons 3 days 04:05:06.789012'",
        "'-1 mons +1 day -00:00:00.000001'",
        "'178000000 years'",
        "'2147483647 days'",
        "'2562047 hours'",
        "'-2562047 hours'",
        "'1 mon -30 days'",
    ];
    check("interval", "Interval(MonthDayNano)", parts, intervals).await;
}

#[tokio::test]
async fn texts_and_bytes_arrive_exactly() {
    let place = Place::new("types_texts").await;
    let check = |type_name, arrow, exact, literals| check(&place, type_name, arrow, exact, literals);
    let texts = &[
        "''",
        "' '",
        "'NULL'",
        "'Grüße 🌊'",
        "E'a\\tb\\nc\\\\d'",
        "'it''s \"x\", {y}'",
        "repeat('ü', 100000)",
    ];
    check("text", "Utf8", "c", texts).await;
    check("varchar", "Utf8", "c", texts).await;
    check("varchar(3)", "Utf8", "c", &["'äöü'", "'a  '"]).await;
    // With the spaces that fill it up.
    check("char(3)", "Utf8", "rpad(c, 3)", &["'a'", "'äöü'", "''"]).await;
    check("name", "Utf8", "c", &["'a'", "repeat('x', 63)"]).await;
    check("\"char\"", "Utf8", "c", &["'a'", "''"]).await;
    check(
        "bytea",
        "Binary",
        "encode(c, 'hex')",
        &["'\\x'", "'\\x00ff10'", "decode(repeat('00', 5000), 'hex')"],
    )
    .await;
    check(
        "uuid",
        "Utf8",
        "c",
        &["'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'"],
    )
    .await;
    check("json", "Utf8", "c", &["'{\"a\" :  1, \"a\": [null]}'", "'\"\\u00fc\"'", "'null'"]).await;
    check("jsonb", "Utf8", "c", &["'{\"b\": 1, \"a\": [1.50, null]}'", "'null'", "'\"x\"'"]).await;
    check("jsonpath", "Utf8", "c", &["'$.a[*] ? (@ > 1)'"]).await;
    check("xml", "Utf8", "c", &["'<a b=\"1\">x &amp; y</a>'"]).await;
    check("tsvector", "Utf8", "c", &["'a:1A fat:2 ''it''''s'''"]).await;
    check("tsquery", "Utf8", "c", &["'fat & (rat | !cat)'"]).await;
    check("bit(5)", "Utf8", "c", &["B'10110'"]).await;
    check("bit varying", "Utf8", "c", &["B''", "B'1'"]).await;
}

#[tokio::test]
async fn other_types_arrive_as_the_server_writes_them() {
    let place = Place::new("types_other").await;
    place
        .run(
            "CREATE TYPE mood AS ENUM ('so so', 'glücklich', 'it''s \"ok\"'); \
             CREATE TYPE pair AS (a int, b text); \
             CREATE DOMAIN positive AS int CHECK (value > 0); \
             CREATE DOMAIN cents AS numeric(12, 2); \
             CREATE DOMAIN small_cents AS cents CHECK (value < 100); \
             CREATE DOMAIN words AS text[]; \
             CREATE DOMAIN a_mood AS mood",
        )
        .await;
    // Without the casts that some types have, which write otherwise.
    let written = "CASE WHEN c IS DISTINCT FROM NULL THEN format('%s', c) END";
    let check = |type_name, arrow, exact, literals| check(&place, type_name, arrow, exact, literals);
    check("mood", "Utf8", "c", &["'so so'", "'glücklich'", "'it''s \"ok\"'"]).await;
    check("a_mood", "Utf8", "c", &["'so so'"]).await;
    check("mood[]", "Utf8", "c", &["'{\"so so\",NULL}'", "'{}'"]).await;
    check("positive", "Int32", "c", &["1", "2147483647"]).await;
    check("cents", "Decimal128(12, 2)", "(c * 100)::numeric(60, 0)", &["-1.5"]).await;
    check("small_cents", "Decimal128(12, 2)", "(c * 100)::numeric(60, 0)", &["99.99"]).await;
    check("words", "Utf8", "c", &["'{a,\"b c\"}'"]).await;
    check("pair", "Utf8", "c", &["(1, 'x, \"y\"')", "(NULL, NULL)", "(NULL, '')"]).await;
    check("pair[]", "Utf8", "c", &["ARRAY[(1, 'x')::pair]"]).await;
    check("int[]", "Utf8", "c", &["'{1,NULL,3}'", "'{}'", "'{{1,2},{3,4}}'", "'[0:1]={7,8}'"]).await;
    check("text[]", "Utf8", "c", &["'{\"a,b\",\"\",\"NULL\",NULL,\"q\\\"\"}'"]).await;
    check("bytea[]", "Utf8", "c", &["ARRAY['\\x00ff'::bytea]"]).await;
    check("float8[]", "Utf8", "c", &["'{0.1,NaN,Infinity,5e-324}'"]).await;
    check("date[]", "Utf8", "c", &["'{2024-01-31,infinity,\"0044-03-15 BC\"}'"]).await;
    check("interval[]", "Utf8", "c", &["'{1 mon -1 day}'"]).await;
    check("int4range", "Utf8", "c", &["'[1,5)'", "'empty'", "'(,)'"]).await;
    check("numrange", "Utf8", "c", &["'(1.50,2]'"]).await;
    check("daterange", "Utf8", "c", &["'[2024-01-01,infinity)'"]).await;
    check("tsrange", "Utf8", "c", &["'[2024-01-01 00:00,)'"]).await;
    check("int8multirange", "Utf8", "c", &["'{[1,3),[5,9)}'", "'{}'"]).await;
    check("inet", "Utf8", written, &["'10.0.0.1'", "'10.0.0.1/8'", "'::1'"]).await;
    check("cidr", "Utf8", written, &["'10.0.0.0/8'", "'2001:db8::/32'"]).await;
    check("inet[]", "Utf8", "c", &["'{10.0.0.1,::1}'"]).await;
    check("macaddr", "Utf8", "c", &["'08:00:2B:01:02:03'"]).await;
    check("macaddr8", "Utf8", "c", &["'08:00:2b:01:02:03:04:05'"]).await;
    check("point", "Utf8", "c", &["'(0.1,-2)'"]).await;
    check("line", "Utf8", "c", &["'{1,-1,0}'"]).await;
    check("lseg", "Utf8", "c", &["'[(0,0),(1,1)]'"]).await;
    check("box", "Utf8", "c", &["'(1,1),(0,0)'"]).await;
    check("path", "Utf8", "c", &["'((0,0),(1,1))'", "'[(0,0),(1,1)]'"]).await;
    check("polygon", "Utf8", "c", &["'((0,0),(1,1),(2,0))'"]).await;
    check("circle", "Utf8", "c", &["'<(0,0),1>'"]).await;
    check("pg_lsn", "Utf8", "c", &["'16/B374D848'"]).await;
    check("xid", "Utf8", "c", &["'4294967295'"]).await;
    check("xid8", "Utf8", "c", &["'18446744073709551615'"]).await;
    check("tid", "Utf8", "c", &["'(1,2)'"]).await;
    check("regclass", "Utf8", "c", &["'pg_class'"]).await;
    check("regtype", "Utf8", "c", &["'int'"]).await;
    check("pg_snapshot", "Utf8", "c", &["'10:20:10,14'"]).await;
    check("aclitem", "Utf8", "c", &["'forebay=r/forebay'"]).await;
    check("int2vector", "Utf8", "c", &["'1 2 3'"]).await;
    check("refcursor", "Utf8", "c", &["'x'"]).await;
    // A session in UTC writes these.
    place.run("SET timezone = 'UTC'").await;
    check("timestamptz[]", "Utf8", "c", &["'{\"2024-03-31 02:30:00+02\",infinity}'"]).await;
    check("tstzrange", "Utf8", "c", &["'[2024-01-01 00:00+05:45,)'"]).await;
}

#[tokio::test]
async fn types_of_extensions_arrive_as_the_server_writes_them() {
    let place = Place::new("types_extensions").await;
    place
        .run("CREATE SCHEMA more; CREATE EXTENSION citext SCHEMA more; CREATE EXTENSION hstore SCHEMA more")
        .await;
    check(&place, "more.citext", "Utf8", "c", &["'MiXed'", "''"]).await;
    check(&place, "more.hstore", "Utf8", "c", &["'a=>1, \"b c\"=>NULL'", "''"]).await;
    // A cast to text that says something else than the type does.
    place
        .run(
            "CREATE TYPE odd AS (n int); \
             CREATE FUNCTION odd_text(odd) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'odd'::text $$; \
             CREATE CAST (odd AS text) WITH FUNCTION odd_text(odd)",
        )
        .await;
    let written = "CASE WHEN c IS DISTINCT FROM NULL THEN format('%s', c) END";
    check(&place, "odd", "Utf8", written, &["ROW(7)", "ROW(NULL)"]).await;
    assert_eq!(place.read(&whole("t")).await.sorted(), ["0|NULL", "1|(7)", "2|()"]);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_by_table_column_and_value() {
    let place = Place::new("types_refused").await;
    for (type_name, literal, value) in [
        ("numeric(10, 2)", "'NaN'", "NaN"),
        ("timestamp", "'294276-12-31 23:59:59.999999'", "294276-12-31 23:59:59.999999"),
        ("timestamptz", "'294247-01-10 04:00:54.775807+00'", "294247-01-10 04:00:54.775807"),
        ("interval", "'2562048 hours'", "0 months 0 days 9223372800000000 microseconds"),
    ] {
        place
            .run(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (id int, \"Bad Column\" {type_name})"))
            .await;
        place.run(&format!("INSERT INTO t VALUES (1, NULL), (2, {literal})")).await;
        let error = place.try_read(&whole("public.t")).await.expect_err("a value that cannot be kept");
        assert_eq!(error.kind, SourceErrorKind::Value, "{type_name}");
        for part in ["public.t", "Bad Column", value] {
            assert!(error.message.contains(part), "{type_name}: {error}");
        }
    }
}

#[tokio::test]
async fn a_text_that_is_no_unicode_is_refused() {
    let place = Place::new("types_no_unicode").await;
    place.run("CREATE DATABASE raw ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0").await;
    let raw = Place::at(super::PostgresServer::shared().await.at("raw")).await;
    raw.run("CREATE TABLE t (c text); INSERT INTO t VALUES (convert_from('\\xff41', 'SQL_ASCII'))").await;
    let error = raw.try_read(&whole("t")).await.expect_err("a text that is no Unicode");
    assert_eq!(error.kind, SourceErrorKind::Value);
    assert!(error.message.contains("column c") && error.message.contains("UTF-8"), "{error}");
}
