//! What a DELTA asks for, so that no row is lost.
//!
//! A row may carry an old cursor value and become visible late, because its transaction was long. So
//! a DELTA of an ordinary table reads what the cursor or the delta filter says *and* every row whose
//! transaction the checkpoint's snapshot did not surely show.

use forebay_core::source::{DeltaRequest, Extent, ReadRequest, Repeats, SourceError};

use super::catalog::{History, Relation, RelationColumn};
use super::checkpoint::Moment;
use super::query::{condition, literal};
use super::types::CursorClass;
use crate::choice::invalid;

/// The column that orders changes.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) column: &'a RelationColumn,
    pub(super) class: CursorClass,
}

/// How a table is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing has changed since the checkpoint.
    Unchanged,
    Read {
        condition: Option<String>,
        extent: Extent,
        notes: Vec<String>,
    },
}

/// The request's cursor column.
pub(super) fn cursor<'a>(
    request: &ReadRequest,
    relation: &'a Relation,
) -> Result<Option<Cursor<'a>>, SourceError> {
    let Some(name) = &request.cursor else { return Ok(None) };
    let column = relation.column(name)?;
    match CursorClass::of(column.type_oid) {
        Some(class) => Ok(Some(Cursor { column, class })),
        None => Err(invalid(format!(
            "table {}: the change-date column {name} has type {}, which does not order changes; choose a date, \
             timestamp, number or text",
            relation.name, column.type_name
        ))),
    }
}

pub(super) fn plan(
    request: &ReadRequest,
    relation: &Relation,
    cursor: Option<Cursor<'_>>,
    moment: &Moment,
) -> Result<Plan, SourceError> {
    let whole = |notes| Ok(Plan::Read { condition: None, extent: Extent::Whole, notes });
    let Some(delta) = &request.delta else { return whole(Vec::new()) };
    let since = match relation.history {
        History::Tracked => moment.earlier(&delta.since.position),
        History::Unknown => None,
    };
    if since.as_ref().is_some_and(|since| moment.shows_the_same_as(since)) {
        return Ok(Plan::Unchanged);
    }
    if cursor.is_none() && delta.filter.is_none() {
        return whole(Vec::new());
    }
    let window = since.as_ref().and_then(|since| newer(since, moment));
    let mut notes = Vec::new();
    if window.is_none() {
        match relation.history {
            History::Tracked => {
                notes.push(
                    "the checkpoint is of another database or of a state that was restored since, so the whole \
                     table is read"
                        .to_owned(),
                );
                return whole(notes);
            }
            History::Unknown => notes.push(unproven(relation, cursor, moment)),
        }
    }
    let mut alternatives = Vec::new();
    if let Some(filter) = &delta.filter {
        alternatives.push(condition(request, "delta filter", filter)?);
    }
    if let Some(cursor) = cursor {
        match since_cursor(delta, cursor, &relation.name)? {
            Some(after) => alternatives.push(after),
            // Without a bound all rows would match; the window alone is exact.
            None if window.is_some() => {}
            None => {
                notes.push(format!(
                    "there is no earlier value of {} to go on from, so the whole table is read",
                    cursor.column.name
                ));
                return whole(notes);
            }
        }
    }
    alternatives.extend(window);
    Ok(Plan::Read { condition: Some(alternatives.join(" OR ")), extent: Extent::Changes, notes })
}

/// The rows whose transaction was open or yet to come at `since`. A row tells 32 bits of its
/// transaction's 64; compared within the window from `since` to now, they are enough. `None` when
/// the window is wider than that.
fn newer(since: &Moment, moment: &Moment) -> Option<String> {
    let width = moment.xmax - since.xmin;
    let low = since.xmin & 0xffff_ffff;
    (width <= 0xffff_ffff).then(|| format!("((xmin::text::int8 - {low}) & 4294967295) < {width}"))
}

/// The rows at or after the checkpoint's cursor value.
fn since_cursor(
    delta: &DeltaRequest,
    cursor: Cursor<'_>,
    table: &forebay_core::extraction::SourceTableName,
) -> Result<Option<String>, SourceError> {
    let column = &cursor.column.name;
    let Some(since) = delta.since.cursor.as_ref().filter(|since| since.column == *column) else {
        return Ok(None);
    };
    let mut bound = format!("{}::{}", literal(&since.value), cursor.column.type_sql);
    if delta.offset_seconds != 0 {
        if !matches!(cursor.class, CursorClass::Time { .. }) {
            return Err(invalid(format!(
                "table {table}: the change-date column {column} is no date or time, so it cannot have an offset in \
                 seconds; set the offset to 0"
            )));
        }
        bound = format!("{bound} - interval '{} seconds'", delta.offset_seconds);
    }
    let column = column.quoted();
    Ok(Some(match delta.repeats {
        Repeats::Harmless => format!("({column} >= {bound} OR {column} IS NULL)"),
        // The rows at the bound were read. With an offset they are wanted again.
        Repeats::Avoid => format!("{column} > {bound}"),
    }))
}

fn unproven(relation: &Relation, cursor: Option<Cursor<'_>>, moment: &Moment) -> String {
    let table = &relation.name;
    match cursor.map(|cursor| cursor.class) {
        Some(CursorClass::Time { zoned: true }) if moment.oldest.is_some() => format!(
            "{table} is no ordinary table: rows of long transactions are found by going on from the start of the \
             oldest transaction that was open, which holds when the change date is the time of the transaction or later"
        ),
        _ => format!(
            "{table} is no ordinary table, so PostgreSQL does not tell which rows became visible late; set the \
             change date's offset to more than your longest transaction takes"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(since: i64, now: i64) -> Option<String> {
        let at = |xmin, xmax| Moment { database: String::new(), xmin, xmax, oldest: None };
        newer(&at(since, since), &at(now, now))
    }

    #[test]
    fn the_window_goes_over_the_wrap_of_32_bits() {
        assert_eq!(window(5, 9).as_deref(), Some("((xmin::text::int8 - 5) & 4294967295) < 4"));
        let wrapped = window((1 << 32) - 2, (1 << 32) + 3).unwrap();
        assert_eq!(wrapped, "((xmin::text::int8 - 4294967294) & 4294967295) < 5");
        assert_eq!(window(5, 5 + (1 << 32)), None);
    }
}
