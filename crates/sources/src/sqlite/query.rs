//! The statement that reads a table: its columns, conditions and bound values.

use std::fmt;

use forebay_core::source::{DateBounds, DeltaRequest, Extent, ReadRequest, Repeats, SourceError};
use sqlparser::dialect::SQLiteDialect;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::catalog::{Column, Table};
use super::order::Order;
use crate::choice::{invalid, shortened};
use crate::{filter, iso};

/// A column that is compared, and what its values are compared as.
pub(super) struct Compared<'a> {
    pub(super) column: &'a Column,
    pub(super) order: Order,
}

/// What to run, and what it means.
pub(super) struct Plan {
    pub(super) sql: String,
    pub(super) bound: Vec<Bound>,
    pub(super) extent: Extent,
    pub(super) notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Integer(i64),
    Real(f64),
    Text(String),
}

impl fmt::Display for Bound {
    /// As SQL writes it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(formatter, "{value}"),
            Self::Real(value) => write!(formatter, "{value:?}"),
            Self::Text(value) => write!(formatter, "'{}'", value.replace('\'', "''")),
        }
    }
}

impl Plan {
    /// The statement with its values bound.
    pub(super) fn query(&self) -> Query<'static, Sqlite, SqliteArguments> {
        let sql = AssertSqlSafe(self.sql.clone()).into_sql_str();
        self.bound.iter().fold(sqlx::query(sql).persistent(false), |query, bound| match bound {
            Bound::Integer(value) => query.bind(*value),
            Bound::Real(value) => query.bind(*value),
            Bound::Text(value) => query.bind(value.clone()),
        })
    }
}

/// Plans the read of the chosen `columns`. `bounds` is the column of the request's date bounds, `cursor`
/// its cursor column.
pub(super) fn plan(
    request: &ReadRequest,
    table: &Table,
    columns: &[Column],
    bounds: Option<&Compared<'_>>,
    cursor: Option<&Compared<'_>>,
) -> Result<Plan, SourceError> {
    let mut conditions = Vec::new();
    let mut plan = Plan { sql: String::new(), bound: Vec::new(), extent: Extent::Whole, notes: Vec::new() };
    for sql in &request.filters {
        conditions.push(condition(request, "filter", sql)?);
    }
    if let (Some(bounds), Some(compared)) = (&request.date_bounds, bounds) {
        date_bounds(request, bounds, compared, &mut conditions, &mut plan.bound)?;
    }
    if let Some(delta) = &request.delta {
        changes(request, delta, table, cursor, &mut conditions, &mut plan)?;
    }
    let mut chosen: Vec<String> = columns.iter().map(|column| column.name.quoted()).collect();
    // Last, for the messages about values.
    chosen.extend(table.row_number.map(str::to_owned));
    plan.sql = format!("SELECT {} FROM main.{}", chosen.join(", "), request.table.name.quoted());
    if !conditions.is_empty() {
        plan.sql.push_str(" WHERE ");
        plan.sql.push_str(&conditions.join(" AND "));
    }
    Ok(plan)
}

/// A user's condition, checked to be one expression, in parentheses.
fn condition(request: &ReadRequest, what: &str, sql: &str) -> Result<String, SourceError> {
    Ok(format!("({})", filter::checked(&SQLiteDialect {}, &field(request, what), sql)?))
}

fn field(request: &ReadRequest, what: &str) -> String {
    format!("{what} of table \"{}\"", request.table)
}

fn date_bounds(
    request: &ReadRequest,
    bounds: &DateBounds,
    Compared { column, order }: &Compared<'_>,
    conditions: &mut Vec<String>,
    bound: &mut Vec<Bound>,
) -> Result<(), SourceError> {
    let (expression, quoted) = (order.expression(column), column.name.quoted());
    for (operator, text) in [(">=", &bounds.from), ("<=", &bounds.until)] {
        let Some(text) = text else { continue };
        bound.push(order.bound(text).ok_or_else(|| {
            let remedy = match order {
                Order::Moment => "date; write it as 2024-01-31 or 2024-01-31 12:00:00",
                Order::Number | Order::Text => "number, as the column's values are",
            };
            invalid(format!("{}: {} is no {remedy}", field(request, "creation date"), shortened(text)))
        })?);
        conditions.push(match order {
            // A value that is no date is let through, to be refused where it is read.
            Order::Moment => {
                format!("({expression} {operator} ? OR ({expression} IS NULL AND {quoted} IS NOT NULL))")
            }
            Order::Number | Order::Text => format!("{expression} {operator} ?"),
        });
    }
    Ok(())
}

/// Adds the conditions of a delta, or notes why the whole table is read: the rows that meet the delta
/// filter and are new by the cursor, and those that were added since the checkpoint.
fn changes(
    request: &ReadRequest,
    delta: &DeltaRequest,
    table: &Table,
    cursor: Option<&Compared<'_>>,
    conditions: &mut Vec<String>,
    plan: &mut Plan,
) -> Result<(), SourceError> {
    let mut both = Vec::new();
    if let Some(sql) = &delta.filter {
        both.push(condition(request, "delta filter", sql)?);
    }
    match cursor {
        Some(cursor) => match since(request, delta, cursor)? {
            Ok((condition, bound)) => {
                both.push(condition);
                plan.bound.push(bound);
            }
            Err(note) => {
                plan.notes.push(note);
                return Ok(());
            }
        },
        None if both.is_empty() => {
            plan.notes.push("no change-date column or delta filter; the whole table is read".to_owned());
            return Ok(());
        }
        None => {}
    }
    let mut condition = both.join(" AND ");
    if let (Some(number), Ok(last)) = (table.row_number, delta.since.position.parse()) {
        condition = format!("({condition} OR {number} > ?)");
        plan.bound.push(Bound::Integer(last));
    }
    conditions.push(condition);
    plan.extent = Extent::Changes;
    Ok(())
}

/// The condition of the cursor with its bound, or why there is none.
fn since(
    request: &ReadRequest,
    delta: &DeltaRequest,
    Compared { column, order }: &Compared<'_>,
) -> Result<Result<(String, Bound), String>, SourceError> {
    let name = &column.name;
    let since = match &delta.since.cursor {
        Some(since) if since.column == *name => since,
        Some(since) => {
            return Ok(Err(format!(
                "the change-date column is \"{name}\" now and was \"{}\"; the whole table is read",
                since.column
            )));
        }
        None => {
            return Ok(Err(format!(
                "no value of the change-date column \"{name}\" has been read yet; the whole table is read"
            )));
        }
    };
    let Some(mut bound) = order.bound(&since.value) else {
        return Ok(Err(format!(
            "the checkpoint {} does not compare with the values of column \"{name}\"; the whole table is read",
            shortened(&since.value)
        )));
    };
    if delta.offset_seconds != 0 && delta.repeats == Repeats::Harmless {
        let earlier = match &bound {
            Bound::Text(text) => iso::earlier(text, delta.offset_seconds),
            Bound::Integer(_) | Bound::Real(_) => None,
        };
        bound = Bound::Text(earlier.ok_or_else(|| {
            invalid(format!(
                "{}: column \"{name}\" does not hold dates as ISO text, so it cannot have an offset of {} seconds; \
                 set the offset to 0",
                field(request, "change date"),
                delta.offset_seconds
            ))
        })?);
    }
    let expression = order.expression(column);
    Ok(Ok(match delta.repeats {
        Repeats::Harmless => (format!("({expression} >= ? OR {expression} IS NULL)"), bound),
        Repeats::Avoid => (format!("{expression} > ?"), bound),
    }))
}
