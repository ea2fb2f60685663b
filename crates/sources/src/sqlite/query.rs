//! The statement that reads a table: its columns, conditions and bound values.

use forebay_core::source::{
    Checkpoint, CursorValue, DateBounds, DeltaRequest, Extent, ReadRequest, Repeats, SourceError,
};
use sqlparser::dialect::SQLiteDialect;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::catalog::{Column, Table};
use super::values::{Kind, Stored};
use crate::choice::{invalid, place, shortened};
use crate::{filter, iso};

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

/// Plans the read of the chosen `columns`. `newest` is the cursor column's greatest value in the
/// snapshot, `Null` without a cursor.
pub(super) fn plan(
    request: &ReadRequest,
    table: &Table,
    columns: &[Column],
    newest: &Stored,
) -> Result<Plan, SourceError> {
    let mut conditions = Vec::new();
    let mut plan = Plan { sql: String::new(), bound: Vec::new(), extent: Extent::Whole, notes: Vec::new() };
    for sql in &request.filters {
        conditions.push(format!("({})", filter::checked(&SQLiteDialect {}, &field(request, "filter"), sql)?));
    }
    if let Some(bounds) = &request.date_bounds {
        date_bounds(request, table, bounds, &mut conditions, &mut plan.bound)?;
    }
    if let Some(delta) = &request.delta {
        changes(request, delta, newest, &mut conditions, &mut plan)?;
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

fn field(request: &ReadRequest, what: &str) -> String {
    format!("{what} of table \"{}\"", request.table)
}

fn date_bounds(
    request: &ReadRequest,
    table: &Table,
    bounds: &DateBounds,
    conditions: &mut Vec<String>,
    bound: &mut Vec<Bound>,
) -> Result<(), SourceError> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let column = &table.columns[place(&request.table, &names, bounds.column.as_str())?];
    let quoted = column.name.quoted();
    for (operator, value) in [(">=", &bounds.from), ("<=", &bounds.until)] {
        let Some(value) = value else { continue };
        if matches!(column.kind, Kind::Date | Kind::Timestamp) {
            if iso::date(value).is_none() && iso::timestamp(value).is_none() {
                return Err(invalid(format!(
                    "{}: {} is no date; write it as 2024-01-31 or 2024-01-31 12:00:00",
                    field(request, "creation date"),
                    shortened(value)
                )));
            }
            // One shape on both sides, whatever the texts' separators and zones are. A value that is
            // no date is let through, to be refused where it is read.
            let shaped = |what: &str| format!("strftime('%Y-%m-%d %H:%M:%f', {what})");
            conditions.push(format!(
                "({column} {operator} {bound} OR ({column} IS NULL AND {quoted} IS NOT NULL))",
                column = shaped(&quoted),
                bound = shaped("?")
            ));
        } else {
            conditions.push(format!("{quoted} {operator} ?"));
        }
        bound.push(Bound::Text(value.clone()));
    }
    Ok(())
}

/// Adds the conditions of a delta, or notes why the whole table is read.
fn changes(
    request: &ReadRequest,
    delta: &DeltaRequest,
    newest: &Stored,
    conditions: &mut Vec<String>,
    plan: &mut Plan,
) -> Result<(), SourceError> {
    let since = match (&request.cursor, &delta.since) {
        (None, _) if delta.filter.is_none() => {
            plan.notes.push("no change-date column or delta filter; the whole table is read".to_owned());
            return Ok(());
        }
        (None, _) => None,
        (Some(cursor), Checkpoint { cursor: Some(since), .. }) if since.column == *cursor => {
            match comparable(since, newest) {
                Some(value) => Some((since, value)),
                None => {
                    plan.notes.push(format!(
                        "the checkpoint {} does not compare with column \"{cursor}\", which is {} now; the whole \
                         table is read",
                        shortened(&since.value),
                        newest.class()
                    ));
                    return Ok(());
                }
            }
        }
        (Some(cursor), Checkpoint { cursor: Some(since), .. }) => {
            plan.notes.push(format!(
                "the change-date column is \"{cursor}\" now and was \"{}\"; the whole table is read",
                since.column
            ));
            return Ok(());
        }
        (Some(cursor), Checkpoint { cursor: None, .. }) => {
            plan.notes.push(format!(
                "no value of the change-date column \"{cursor}\" has been read yet; the whole table is read"
            ));
            return Ok(());
        }
    };
    if let Some(sql) = &delta.filter {
        let sql = filter::checked(&SQLiteDialect {}, &field(request, "delta filter"), sql)?;
        conditions.push(format!("({sql})"));
    }
    if let Some((since, value)) = since {
        let column = since.column.quoted();
        match delta.repeats {
            Repeats::Harmless => {
                conditions.push(format!("({column} >= ? OR {column} IS NULL)"));
                plan.bound.push(less_offset(since, value, delta.offset_seconds, &mut plan.notes));
            }
            Repeats::Avoid => {
                conditions.push(format!("{column} > ?"));
                plan.bound.push(value);
            }
        }
    }
    plan.extent = Extent::Changes;
    Ok(())
}

/// The checkpoint's value in the storage class that the column has now: SQLite orders all numbers
/// below all texts.
fn comparable(since: &CursorValue, newest: &Stored) -> Option<Bound> {
    match newest {
        Stored::Integer(_) => match since.value.parse() {
            Ok(value) => Some(Bound::Integer(value)),
            Err(_) => since.value.parse().ok().map(Bound::Real),
        },
        Stored::Real(_) => since.value.parse().ok().map(Bound::Real),
        _ => Some(Bound::Text(since.value.clone())),
    }
}

fn less_offset(since: &CursorValue, value: Bound, seconds: i64, notes: &mut Vec<String>) -> Bound {
    if seconds <= 0 {
        return value;
    }
    if let Bound::Text(text) = &value
        && let Some(earlier) = iso::earlier(text, seconds)
    {
        return Bound::Text(earlier);
    }
    notes.push(format!(
        "the offset of {seconds} seconds is not applied: column \"{}\" does not hold dates as ISO text",
        since.column
    ));
    value
}
