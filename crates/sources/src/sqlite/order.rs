//! How the values of a column are put in order: by SQLite's own comparison where they are all numbers
//! or all texts, and as moments where the column is declared as dates or times, since the same moment
//! is written in many ways (`T` or a space, with a zone or without) that do not sort as texts.

use forebay_core::source::SourceError;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr};

use super::catalog::Column;
use super::failed;
use super::query::Bound;
use super::values::{Kind, Stored};
use crate::choice::invalid;
use crate::iso;

/// What a column's values are compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Moment,
    Number,
    Text,
}

impl Order {
    /// The column as an SQL expression to compare with [`Order::bound`]. It is NULL for what is no
    /// moment in a column of moments.
    pub(super) fn expression(self, column: &Column) -> String {
        let quoted = column.name.quoted();
        match self {
            Self::Moment => moment(&quoted),
            Self::Number | Self::Text => quoted,
        }
    }

    /// A text as a value to compare with; `None` when it is none.
    pub(super) fn bound(self, text: &str) -> Option<Bound> {
        match self {
            Self::Moment => Some(Bound::Text(iso::timestamp_text(iso::moment(text)?)?)),
            Self::Number => match text.parse() {
                Ok(number) => Some(Bound::Integer(number)),
                Err(_) => text.parse().ok().filter(|number: &f64| !number.is_nan()).map(Bound::Real),
            },
            Self::Text => Some(Bound::Text(text.to_owned())),
        }
    }
}

/// A moment's text as `YYYY-MM-DD HH:MM:SS.ffffff` in UTC. SQLite's own dates stop at milliseconds, so
/// the fraction is taken from the text; and they take words and numbers for dates, so the text must
/// begin as a date does.
fn moment(value: &str) -> String {
    // Up to the seconds stand 19 characters; then a fraction, then a zone, of which either may be missing.
    let zone = format!("ltrim(substr({value}, 20), '.0123456789')");
    let zone = format!(
        "CASE WHEN {zone} GLOB '*[+-][0-9][0-9]' THEN {zone} || ':00' \
         WHEN {zone} GLOB '*[+-][0-9][0-9][0-9][0-9]' THEN substr({zone}, 1, length({zone}) - 2) || ':' || \
         substr({zone}, -2) ELSE {zone} END"
    );
    let fraction = format!(
        "CASE substr({value}, 20, 1) WHEN '.' THEN \
         substr({value}, 21, length({value}) - 20 - length(ltrim(substr({value}, 21), '0123456789'))) ELSE '' END"
    );
    format!(
        "CASE WHEN typeof({value}) = 'text' AND {value} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN \
         strftime('%Y-%m-%d %H:%M:%S', substr({value}, 1, 19) || {zone}) || '.' || substr({fraction} || '000000', 1, 6) \
         END"
    )
}

/// How a column's values are ordered, and the greatest of them; `Null` when there is none.
pub(super) async fn look(
    connection: &mut SqliteConnection,
    table: &str,
    what: &str,
    column: &Column,
) -> Result<(Order, Stored), SourceError> {
    let quoted_table = forebay_core::name::quote(table);
    let step = format!("find the newest \"{}\" of table \"{table}\"", column.name);
    let unordered = |holds: &str| {
        invalid(format!(
            "{what} of table \"{table}\": column \"{}\" holds {holds}, which have no common order; choose a column \
             of dates, of numbers or of texts",
            column.name
        ))
    };
    if let Kind::Date | Kind::Timestamp = column.kind {
        let sql = format!("SELECT max({}) FROM main.{quoted_table}", Order::Moment.expression(column));
        return Ok((Order::Moment, one(connection, sql, &step).await?.remove(0)));
    }
    // SQLite sorts numbers before texts before bytes: the ends tell whether there are several kinds.
    let quoted = column.name.quoted();
    let sql = format!(
        "SELECT (SELECT min({quoted}) FROM main.{quoted_table}), (SELECT max({quoted}) FROM main.{quoted_table})"
    );
    let ends = one(connection, sql, &step).await?;
    match (&ends[0], &ends[1]) {
        (Stored::Null, Stored::Null) => Ok((Order::of(column.kind), Stored::Null)),
        (Stored::Integer(_) | Stored::Real(_), Stored::Integer(_) | Stored::Real(_)) => {
            Ok((Order::Number, ends[1].clone()))
        }
        (Stored::Text(_), Stored::Text(_)) => Ok((Order::Text, ends[1].clone())),
        (least, greatest) if least.class() == greatest.class() => Err(unordered(least.class())),
        (least, greatest) => Err(unordered(&format!("{} and {}", least.class(), greatest.class()))),
    }
}

impl Order {
    /// The order of a column that holds no value to tell it.
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Date | Kind::Timestamp => Self::Moment,
            Kind::Integer | Kind::Real | Kind::Decimal(..) | Kind::Boolean => Self::Number,
            Kind::Text | Kind::Blob | Kind::Any => Self::Text,
        }
    }
}

/// The values of one row.
async fn one(connection: &mut SqliteConnection, sql: String, step: &str) -> Result<Vec<Stored>, SourceError> {
    let row = sqlx::query(AssertSqlSafe(sql).into_sql_str())
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(|error| failed(step, error))?;
    let mut values = Vec::with_capacity(row.len());
    for place in 0..row.len() {
        values.push(Stored::of(row.try_get_raw(place).map_err(|error| failed(step, error))?));
    }
    Ok(values)
}
