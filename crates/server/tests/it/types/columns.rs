//! The types of PostgreSQL with the values at their edges, and what becomes of them.

/// A column of PostgreSQL: its type, the type in the warehouse, and values with the text that the
/// warehouse writes for them.
pub(crate) struct Column {
    pub(crate) kind: &'static str,
    pub(crate) warehouse: &'static str,
    pub(crate) values: &'static [(&'static str, &'static str)],
}

const fn column(
    kind: &'static str,
    warehouse: &'static str,
    values: &'static [(&'static str, &'static str)],
) -> Column {
    Column { kind, warehouse, values }
}

pub(crate) const TYPES: &str = "
CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('sad', 'so so', 'Größe ✓');
CREATE TYPE pair AS (number integer, label text);
CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0);
CREATE DOMAIN words AS text[];
";

pub(crate) const COLUMNS: &[Column] = &[
    column("smallint", "SMALLINT", &[("-32768", "-32768"), ("32767", "32767"), ("0", "0")]),
    column("integer", "INTEGER", &[("-2147483648", "-2147483648"), ("2147483647", "2147483647")]),
    column(
        "bigint",
        "BIGINT",
        &[("'-9223372036854775808'", "-9223372036854775808"), ("9223372036854775807", "9223372036854775807")],
    ),
    column(
        "numeric(12,2)",
        "DECIMAL(12,2)",
        &[
            ("-9999999999.99", "-9999999999.99"),
            ("0.01", "0.01"),
            ("-0.5", "-0.50"),
            ("1000000", "1000000.00"),
        ],
    ),
    column(
        "numeric(38,0)",
        "DECIMAL(38,0)",
        &[("99999999999999999999999999999999999999", "99999999999999999999999999999999999999")],
    ),
    column(
        "numeric(38,38)",
        "DECIMAL(38,38)",
        &[("-0.99999999999999999999999999999999999999", "-.99999999999999999999999999999999999999")],
    ),
    column("numeric(5,5)", "DECIMAL(5,5)", &[("0.00001", ".00001")]),
    column(
        "numeric",
        "VARCHAR",
        &[
            (
                "123456789012345678901234567890123456789012.000000001",
                "123456789012345678901234567890123456789012.000000001",
            ),
            ("1.500", "1.500"),
            ("'NaN'", "NaN"),
            ("'-Infinity'", "-Infinity"),
            ("1e-20", "0.00000000000000000001"),
        ],
    ),
    column(
        "numeric(50,10)",
        "VARCHAR",
        &[
            (
                "1234567890123456789012345678901234567890.5",
                "1234567890123456789012345678901234567890.5000000000",
            ),
            ("'NaN'", "NaN"),
        ],
    ),
    column(
        "real",
        "FLOAT",
        &[
            ("'NaN'", "nan"),
            ("'Infinity'", "inf"),
            ("'-Infinity'", "-inf"),
            ("'3.4028235e38'", "3.4028235e+38"),
            ("'1e-45'", "1e-45"),
            ("'-0'", "-0.0"),
            ("0.1", "0.1"),
        ],
    ),
    column(
        "double precision",
        "DOUBLE",
        &[
            ("'NaN'", "nan"),
            ("'Infinity'", "inf"),
            ("'-Infinity'", "-inf"),
            ("'1.7976931348623157e308'", "1.7976931348623157e+308"),
            ("'5e-324'", "5e-324"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("'-0'", "-0.0"),
        ],
    ),
    column("boolean", "BOOLEAN", &[("true", "true"), ("false", "false")]),
    column(
        "text",
        "VARCHAR",
        &[
            ("''", ""),
            ("'Ünï ✓ 🦀 عربى'", "Ünï ✓ 🦀 عربى"),
            ("E'line\\nline\\t\\\\ \"quoted\" ''single'''", "line\nline\t\\ \"quoted\" 'single'"),
            ("E'\\x01\\x7f'", "\u{1}\u{7f}"),
            ("repeat('x', 100000)", LONG),
        ],
    ),
    column("varchar(5)", "VARCHAR", &[("'12345'", "12345"), ("'  a '", "  a ")]),
    column("char(5)", "VARCHAR", &[("'ab'", "ab   "), ("''", "     ")]),
    column("name", "VARCHAR", &[("'A Name'", "A Name")]),
    column("citext", "VARCHAR", &[("'MiXed'", "MiXed")]),
    column("\"char\"", "VARCHAR", &[("'x'", "x")]),
    column("bytea", "BLOB", &[("'\\x00ff10'", "\\x00\\xFF\\x10"), ("''", ""), ("'A'", "A")]),
    column(
        "date",
        "DATE",
        &[
            ("'2024-02-29'", "2024-02-29"),
            ("'1900-01-01'", "1900-01-01"),
            ("'9999-12-31'", "9999-12-31"),
            ("'10000-01-01'", "10000-01-01"),
            ("'5874897-12-31'", "5874897-12-31"),
            ("'0001-01-01 BC'", "0001-01-01 (BC)"),
            ("'4713-01-01 BC'", "4713-01-01 (BC)"),
            ("'infinity'", "infinity"),
            ("'-infinity'", "-infinity"),
        ],
    ),
    column(
        "time",
        "TIME",
        &[
            ("'00:00:00'", "00:00:00"),
            ("'23:59:59.999999'", "23:59:59.999999"),
            ("'24:00:00'", "24:00:00"),
            ("'12:34:56.7'", "12:34:56.7"),
        ],
    ),
    column(
        "time with time zone",
        "VARCHAR",
        &[("'12:34:56.789+05:30'", "12:34:56.789+05:30"), ("'00:00:00-15:59:59'", "00:00:00-15:59:59")],
    ),
    column(
        "timestamp",
        "TIMESTAMP",
        &[
            ("'2024-02-29 12:34:56.123456'", "2024-02-29 12:34:56.123456"),
            ("'1969-12-31 23:59:59.999999'", "1969-12-31 23:59:59.999999"),
            ("'10000-01-01 00:00:00'", "10000-01-01 00:00:00"),
            ("'294246-12-31 23:59:59'", "294246-12-31 23:59:59"),
            ("'0001-12-31 23:59:59 BC'", "0001-12-31 (BC) 23:59:59"),
            ("'4713-01-01 00:00:00 BC'", "4713-01-01 (BC) 00:00:00"),
            ("'infinity'", "infinity"),
            ("'-infinity'", "-infinity"),
        ],
    ),
    column(
        "timestamp with time zone",
        "TIMESTAMP",
        &[
            ("'2024-07-01 12:00:00+02'", "2024-07-01 10:00:00"),
            ("'2024-12-31 23:30:00-05:30'", "2025-01-01 05:00:00"),
            ("'infinity'", "infinity"),
            ("'-infinity'", "-infinity"),
        ],
    ),
    column(
        "interval",
        "INTERVAL",
        &[
            ("'1 year 2 months -3 days 04:05:06.789'", "1 year 2 months -3 days 04:05:06.789"),
            ("'0'", "00:00:00"),
            ("'1 month'", "1 month"),
            ("'-25:00:00.000001'", "-25:00:00.000001"),
            ("'40 days 30:00:00'", "40 days 30:00:00"),
        ],
    ),
    column(
        "uuid",
        "VARCHAR",
        &[("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")],
    ),
    column(
        "json",
        "VARCHAR",
        &[
            ("'{\"b\":  1, \"a\": [1,2], \"b\": 2}'", "{\"b\":  1, \"a\": [1,2], \"b\": 2}"),
            ("'null'", "null"),
        ],
    ),
    column(
        "jsonb",
        "VARCHAR",
        &[("'{\"b\":  1, \"a\": [1,2], \"b\": 2}'", "{\"a\": [1, 2], \"b\": 2}"), ("'1.50'", "1.50")],
    ),
    column("mood", "VARCHAR", &[("'so so'", "so so"), ("'Größe ✓'", "Größe ✓")]),
    column(
        "integer[]",
        "VARCHAR",
        &[("'{1,NULL,3}'", "{1,NULL,3}"), ("'{}'", "{}"), ("'{{1,2},{3,4}}'", "{{1,2},{3,4}}")],
    ),
    column("text[]", "VARCHAR", &[("ARRAY['a b', 'c', NULL, 'NULL', '']", "{\"a b\",c,NULL,\"NULL\",\"\"}")]),
    column(
        "timestamptz[]",
        "VARCHAR",
        &[("ARRAY[timestamptz '2024-07-01 12:00:00+02']", "{\"2024-07-01 10:00:00+00\"}")],
    ),
    column("int4range", "VARCHAR", &[("'[1,5)'", "[1,5)"), ("'empty'", "empty")]),
    column("tsrange", "VARCHAR", &[("'[2024-01-01,)'", "[\"2024-01-01 00:00:00\",)")]),
    column("inet", "VARCHAR", &[("'10.0.0.1/8'", "10.0.0.1/8"), ("'::1'", "::1")]),
    column("cidr", "VARCHAR", &[("'10.0.0.0/8'", "10.0.0.0/8")]),
    column("macaddr", "VARCHAR", &[("'08-00-2b-01-02-03'", "08:00:2b:01:02:03")]),
    column("pair", "VARCHAR", &[("ROW(1, 'a b')", "(1,\"a b\")"), ("ROW(NULL, '')", "(,\"\")")]),
    column("price", "DECIMAL(10,2)", &[("12.5", "12.50")]),
    column("words", "VARCHAR", &[("ARRAY['a', 'b']", "{a,b}")]),
    column("bit(3)", "VARCHAR", &[("B'101'", "101")]),
    column("bit varying", "VARCHAR", &[("B'10'", "10")]),
    column("point", "VARCHAR", &[("'(1,2.5)'", "(1,2.5)")]),
    column("tsvector", "VARCHAR", &[("'a fat cat'", "'a' 'cat' 'fat'")]),
    column("pg_lsn", "VARCHAR", &[("'16/B374D848'", "16/B374D848")]),
];

/// A hundred thousand letters.
const LONG: &str = match std::str::from_utf8(&[b'x'; 100_000]) {
    Ok(text) => text,
    Err(_) => "",
};
