//! The functions that take values and give one, each with its types and its SQL.

use crate::model::Kind;

use self::Wanted::{Any, Date, Float, Int, Number, Text};

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Int,
    Float,
    /// INT or FLOAT; handed on as FLOAT.
    Number,
    Text,
    Date,
    Any,
}

impl Wanted {
    pub(super) fn takes(self, kind: Option<Kind>) -> bool {
        match (self, kind) {
            (_, None) | (Any, _) => true,
            (Int, Some(kind)) => kind == Kind::Int,
            (Float, Some(kind)) => kind == Kind::Float,
            (Number, Some(kind)) => matches!(kind, Kind::Int | Kind::Float),
            (Text, Some(kind)) => kind == Kind::String,
            (Date, Some(kind)) => kind == Kind::Date,
        }
    }

    /// The type that NULL is handed on as.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Int => Kind::Int,
            Float | Number => Kind::Float,
            Text | Any => Kind::String,
            Date => Kind::Date,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Int => "INT",
            Float => "FLOAT",
            Number => "a number",
            Text => "STRING",
            Date => "DATE",
            Any => "any type",
        }
    }
}

/// A function: `{0}` in its SQL stands for the first argument. One name may have several.
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [Wanted],
    pub(super) result: Kind,
    pub(super) sql: &'static str,
}

const fn of(name: &'static str, arguments: &'static [Wanted], result: Kind, sql: &'static str) -> Signature {
    Signature { name, arguments, result, sql }
}

pub(super) const SIGNATURES: &[Signature] = &[
    // Numbers.
    of("ABS", &[Int], Kind::Int, "abs({0})"),
    of("ABS", &[Float], Kind::Float, "abs({0})"),
    of("CEIL", &[Int], Kind::Int, "{0}"),
    of("CEIL", &[Float], Kind::Int, "CAST(ceil({0}) AS BIGINT)"),
    of("FLOOR", &[Int], Kind::Int, "{0}"),
    of("FLOOR", &[Float], Kind::Int, "CAST(floor({0}) AS BIGINT)"),
    of("ROUND", &[Int], Kind::Int, "{0}"),
    of("ROUND", &[Float], Kind::Int, "CAST(round({0}) AS BIGINT)"),
    of("ROUND", &[Number, Int], Kind::Float, "round({0}, CAST({1} AS INTEGER))"),
    of("SQRT", &[Number], Kind::Float, "(CASE WHEN {0} >= 0 THEN sqrt({0}) END)"),
    of("POWER", &[Number, Number], Kind::Float, "nullif(pow({0}, {1}), CAST('NaN' AS DOUBLE))"),
    // Texts.
    of("UPPER", &[Text], Kind::String, "upper({0})"),
    of("LOWER", &[Text], Kind::String, "lower({0})"),
    of("REVERSE", &[Text], Kind::String, "reverse({0})"),
    of("LEN", &[Text], Kind::Int, "length({0})"),
    of(
        "LEFT",
        &[Text, Int],
        Kind::String,
        "(CASE WHEN {1} > 0 THEN left({0}, {1}) WHEN {1} <= 0 THEN left({0}, 0) END)",
    ),
    of(
        "RIGHT",
        &[Text, Int],
        Kind::String,
        "(CASE WHEN {1} > 0 THEN right({0}, {1}) WHEN {1} <= 0 THEN left({0}, 0) END)",
    ),
    of(
        "SUBSTRING",
        &[Text, Int, Int],
        Kind::String,
        "(CASE WHEN {1} >= 0 AND {2} > 0 THEN substring({0}, {1} + 1, {2}) \
         WHEN {1} < 0 AND {1} + {2} > 0 THEN substring({0}, 1, {1} + {2}) \
         WHEN {1} IS NOT NULL AND {2} IS NOT NULL THEN left({0}, 0) END)",
    ),
    of("TRIM", &[Text], Kind::String, "trim({0})"),
    of("TRIM", &[Text, Text], Kind::String, "trim({0}, {1})"),
    of("LTRIM", &[Text], Kind::String, "ltrim({0})"),
    of("LTRIM", &[Text, Text], Kind::String, "ltrim({0}, {1})"),
    of("RTRIM", &[Text], Kind::String, "rtrim({0})"),
    of("RTRIM", &[Text, Text], Kind::String, "rtrim({0}, {1})"),
    of("REPLACE", &[Text, Text, Text], Kind::String, "replace({0}, {1}, {2})"),
    of(
        "STRING_SPLIT",
        &[Text, Text, Int],
        Kind::String,
        "(CASE WHEN {2} >= 0 THEN list_extract(string_split({0}, {1}), {2} + 1) END)",
    ),
    // Types.
    of("TO_STRING", &[Int], Kind::String, "CAST({0} AS VARCHAR)"),
    of("TO_STRING", &[Float], Kind::String, "CAST({0} AS VARCHAR)"),
    of(
        "TO_INT",
        &[Text],
        Kind::Int,
        "(CASE WHEN regexp_full_match({0}, '\\s*[+-]?[0-9]+\\s*') THEN TRY_CAST(trim({0}) AS BIGINT) END)",
    ),
    of("TO_FLOAT", &[Int], Kind::Float, "CAST({0} AS DOUBLE)"),
    of(
        "TO_FLOAT",
        &[Text],
        Kind::Float,
        "(CASE WHEN regexp_full_match({0}, '\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?\\s*') \
         THEN TRY_CAST(trim({0}) AS DOUBLE) END)",
    ),
    // Parts of dates.
    of("YEAR", &[Date], Kind::Int, "year({0})"),
    of("QUARTER", &[Date], Kind::Int, "quarter({0})"),
    of("MONTH", &[Date], Kind::Int, "month({0})"),
    of("CALENDAR_WEEK", &[Date], Kind::Int, "week({0})"),
    of("DAY", &[Date], Kind::Int, "day({0})"),
    of("HOURS", &[Date], Kind::Int, "hour({0})"),
    of("MINUTES", &[Date], Kind::Int, "minute({0})"),
    of("SECONDS", &[Date], Kind::Int, "second({0})"),
    of("MILLIS", &[Date], Kind::Int, "(millisecond({0}) % 1000)"),
    // Dates, rounded down.
    of("ROUND_YEAR", &[Date], Kind::Date, "date_trunc('year', {0})"),
    of("ROUND_QUARTER", &[Date], Kind::Date, "date_trunc('quarter', {0})"),
    of("ROUND_MONTH", &[Date], Kind::Date, "date_trunc('month', {0})"),
    of("ROUND_WEEK", &[Date], Kind::Date, "date_trunc('week', {0})"),
    of("ROUND_DAY", &[Date], Kind::Date, "date_trunc('day', {0})"),
    of("ROUND_HOUR", &[Date], Kind::Date, "date_trunc('hour', {0})"),
    of("ROUND_MINUTE", &[Date], Kind::Date, "date_trunc('minute', {0})"),
    of("ROUND_SECOND", &[Date], Kind::Date, "date_trunc('second', {0})"),
    // Time that goes by.
    of("ADD_YEARS", &[Date, Int], Kind::Date, "({0} + to_years(CAST({1} AS INTEGER)))"),
    of("ADD_MONTHS", &[Date, Int], Kind::Date, "({0} + to_months(CAST({1} AS INTEGER)))"),
    of("ADD_DAYS", &[Date, Int], Kind::Date, "({0} + to_days(CAST({1} AS INTEGER)))"),
    of("ADD_HOURS", &[Date, Int], Kind::Date, "({0} + to_hours({1}))"),
    of("ADD_MINUTES", &[Date, Int], Kind::Date, "({0} + to_minutes({1}))"),
    of("ADD_SECONDS", &[Date, Int], Kind::Date, "({0} + to_microseconds({1} * 1000000))"),
    of("ADD_MILLIS", &[Date, Int], Kind::Date, "({0} + to_microseconds({1} * 1000))"),
    of(
        "DAYS_BETWEEN",
        &[Date, Date],
        Kind::Float,
        "((epoch_us({1}) - epoch_us({0})) / CAST(86400000000 AS DOUBLE))",
    ),
    of(
        "HOURS_BETWEEN",
        &[Date, Date],
        Kind::Float,
        "((epoch_us({1}) - epoch_us({0})) / CAST(3600000000 AS DOUBLE))",
    ),
    of(
        "MINUTES_BETWEEN",
        &[Date, Date],
        Kind::Float,
        "((epoch_us({1}) - epoch_us({0})) / CAST(60000000 AS DOUBLE))",
    ),
    of(
        "SECONDS_BETWEEN",
        &[Date, Date],
        Kind::Float,
        "((epoch_us({1}) - epoch_us({0})) / CAST(1000000 AS DOUBLE))",
    ),
    of(
        "MILLIS_BETWEEN",
        &[Date, Date],
        Kind::Float,
        "((epoch_us({1}) - epoch_us({0})) / CAST(1000 AS DOUBLE))",
    ),
    of("ISNULL", &[Any], Kind::Int, "(CASE WHEN {0} IS NULL THEN 1 ELSE 0 END)"),
];

/// Functions of one group of rows. Rows without a value do not count.
pub(super) const AGGREGATES: &[Signature] = &[
    of("COUNT", &[Any], Kind::Int, "count({0})"),
    of("SUM", &[Int], Kind::Int, "CAST(sum({0}) AS BIGINT)"),
    of("SUM", &[Float], Kind::Float, "sum({0})"),
    of("AVG", &[Number], Kind::Float, "avg({0})"),
    of("MEDIAN", &[Number], Kind::Float, "median({0})"),
    of("MEDIAN", &[Date], Kind::Date, "quantile_disc({0}, 0.5)"),
    of("MIN", &[Int], Kind::Int, "min({0})"),
    of("MIN", &[Float], Kind::Float, "min({0})"),
    of("MIN", &[Text], Kind::String, "min({0})"),
    of("MIN", &[Date], Kind::Date, "min({0})"),
    of("MAX", &[Int], Kind::Int, "max({0})"),
    of("MAX", &[Float], Kind::Float, "max({0})"),
    of("MAX", &[Text], Kind::String, "max({0})"),
    of("MAX", &[Date], Kind::Date, "max({0})"),
];

/// The units of DATEDIFF, each with the function that counts in it.
pub(super) const UNITS: [(&str, &str); 5] = [
    ("ms", "MILLIS_BETWEEN"),
    ("ss", "SECONDS_BETWEEN"),
    ("mi", "MINUTES_BETWEEN"),
    ("hh", "HOURS_BETWEEN"),
    ("dd", "DAYS_BETWEEN"),
];

/// Puts the arguments into a function's SQL. What stands in an argument is not looked at.
pub(super) fn filled(sql: &str, arguments: &[String]) -> String {
    let mut filled = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (number, after) = after.split_once('}').unwrap_or((after, ""));
        let argument = number.parse::<usize>().ok().and_then(|number| arguments.get(number));
        filled.push_str(argument.map_or("", String::as_str));
        rest = after;
    }
    filled.push_str(rest);
    filled
}
