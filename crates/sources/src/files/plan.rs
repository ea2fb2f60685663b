//! What a request means for one table: which columns are read, which rows pass, and what is kept to go
//! on from.

use std::ops::ControlFlow;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, TimeUnit};
use forebay_core::name::Identifier;
use forebay_core::source::{CursorValue, DeltaRequest, Extent, ReadRequest, Repeats, SourceError};

use super::file::Halt;
use super::gate::{self, Comparison, Test};
use super::table::Table;
use crate::choice::{chosen, invalid, place, shortened};
use crate::iso;

/// How a table is read.
pub(super) struct Plan {
    /// The places of the columns to read: those wanted first, then those that are only looked at.
    pub(super) columns: Vec<usize>,
    /// How many of them are wanted.
    pub(super) wanted: usize,
    pub(super) tests: Vec<Test>,
    pub(super) extent: Extent,
    pub(super) notes: Vec<String>,
    /// The newest value of the cursor column.
    pub(super) newest: Option<CursorValue>,
}

/// Refuses what needs SQL. It needs no look at the files.
pub(super) fn refuse_sql(request: &ReadRequest) -> Result<(), SourceError> {
    let delta_filter = request.delta.as_ref().is_some_and(|delta| delta.filter.is_some());
    let field = match (request.filters.is_empty(), delta_filter) {
        (true, false) => return Ok(()),
        (false, _) => "filter",
        (true, true) => "delta filter",
    };
    Err(invalid(format!(
        "{field} of table \"{}\": files are read without SQL; remove the {field} and choose the rows in a \
         transformation (the creation-date and change-date filters do work)",
        request.table
    )))
}

pub(super) fn plan(request: &ReadRequest, table: &Table, halt: &Halt) -> Result<Plan, SourceError> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let columns = chosen(&request.table, &names, &request.columns)?;
    let wanted = columns.len();
    let mut plan =
        Plan { columns, wanted, tests: Vec::new(), extent: Extent::Whole, notes: Vec::new(), newest: None };
    if let Some(bounds) = &request.date_bounds {
        let column = place(&request.table, &names, bounds.column.as_str())?;
        for (comparison, text) in [(Comparison::AtLeast, &bounds.from), (Comparison::AtMost, &bounds.until)] {
            if let Some(text) = text {
                let bound = bound(request, table, column, comparison, text)?;
                let place = plan.look_at(column);
                plan.tests.push(Test { place, comparison, bound, nulls: false });
            }
        }
    }
    let cursor = match &request.cursor {
        Some(cursor) => Some((cursor, place(&request.table, &names, cursor.as_str())?)),
        None => None,
    };
    if let Some((cursor, column)) = cursor {
        plan.newest = newest(request, table, cursor, column, halt)?;
    }
    if let Some(delta) = &request.delta {
        match cursor {
            Some((cursor, column)) => changes(request, table, delta, cursor, column, &mut plan)?,
            None => plan.notes.push("no change-date column; the whole table is read".to_owned()),
        }
    }
    table.check(&plan.columns)?;
    Ok(plan)
}

impl Plan {
    /// The tests of rows, in words.
    pub(super) fn conditions(&self, table: &Table) -> Vec<String> {
        let condition = |test: &Test| {
            let column = &table.columns[self.columns[test.place]].name;
            let comparison = match test.comparison {
                Comparison::AtLeast => "from",
                Comparison::Above => "after",
                Comparison::AtMost => "until",
            };
            let bound = gate::text(&test.bound).unwrap_or_default();
            let nulls = if test.nulls { ", or is empty" } else { "" };
            format!("{column} {comparison} {bound}{nulls}")
        };
        self.tests.iter().map(condition).collect()
    }

    /// The place in the batches of a column that is looked at.
    fn look_at(&mut self, column: usize) -> usize {
        match self.columns.iter().position(|other| *other == column) {
            Some(place) => place,
            None => {
                self.columns.push(column);
                self.columns.len() - 1
            }
        }
    }
}

/// The type of a column whose values are compared.
fn compared<'a>(
    request: &ReadRequest,
    table: &'a Table,
    column: usize,
    what: &str,
) -> Result<&'a DataType, SourceError> {
    table.check(&[column])?;
    let column = &table.columns[column];
    match &column.data_type {
        Some(data_type) if gate::compares(data_type) => Ok(data_type),
        _ => Err(invalid(format!(
            "{what} of table \"{}\": column \"{}\" has the type {}, which is not compared; choose a column of \
             dates, times, numbers or texts",
            request.table, column.name, column.type_name
        ))),
    }
}

/// A bound of the creation date as a value of its column.
fn bound(
    request: &ReadRequest,
    table: &Table,
    column: usize,
    comparison: Comparison,
    text: &str,
) -> Result<ArrayRef, SourceError> {
    let data_type = compared(request, table, column, "creation date")?;
    let day = match data_type {
        // A day begins at its midnight: the days from a later time on begin with the next one.
        DataType::Date32 => iso::moment(text).and_then(|moment| {
            let day = 86_400_000_000;
            let begun = i64::from(comparison == Comparison::AtLeast && moment.rem_euclid(day) != 0);
            iso::date_text(moment.div_euclid(day) + begun)
        }),
        _ => None,
    };
    gate::value(data_type, day.as_deref().unwrap_or(text)).ok_or_else(|| {
        let column = &table.columns[column];
        let remedy = match data_type {
            DataType::Date32 | DataType::Timestamp(..) => "write it as 2024-01-31 or 2024-01-31 12:00:00",
            _ => "write a value of the column's type",
        };
        invalid(format!(
            "creation date of table \"{}\": {} does not compare with column \"{}\" of type {}; {remedy}",
            request.table,
            shortened(text),
            column.name,
            column.type_name
        ))
    })
}

/// The newest value of the cursor column in the whole table.
fn newest(
    request: &ReadRequest,
    table: &Table,
    cursor: &Identifier,
    column: usize,
    halt: &Halt,
) -> Result<Option<CursorValue>, SourceError> {
    compared(request, table, column, "change date")?;
    let mut newest: Option<ArrayRef> = None;
    table.read(&[column], halt, &mut |batch| {
        newest = gate::newest(newest.take(), batch.column(0)).map_err(|error| {
            invalid(format!("table \"{}\": column \"{cursor}\" does not order changes", request.table))
                .caused_by(error)
        })?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(newest.as_ref().and_then(gate::text).map(|value| CursorValue { column: cursor.clone(), value }))
}

/// Adds the test of a delta, or notes why the whole table is read.
fn changes(
    request: &ReadRequest,
    table: &Table,
    delta: &DeltaRequest,
    cursor: &Identifier,
    column: usize,
    plan: &mut Plan,
) -> Result<(), SourceError> {
    let data_type = compared(request, table, column, "change date")?;
    let since = match &delta.since.cursor {
        Some(since) if since.column == *cursor => since,
        Some(since) => {
            plan.notes.push(format!(
                "the change-date column is \"{cursor}\" now and was \"{}\"; the whole table is read",
                since.column
            ));
            return Ok(());
        }
        None => {
            plan.notes.push(format!(
                "no value of the change-date column \"{cursor}\" has been read yet; the whole table is read"
            ));
            return Ok(());
        }
    };
    let offset = match delta.repeats {
        Repeats::Harmless => delta.offset_seconds,
        Repeats::Avoid => 0,
    };
    let from = less_offset(request, table, column, data_type, &since.value, offset)?;
    let Some(bound) = gate::value(data_type, &from) else {
        plan.notes.push(format!(
            "the checkpoint {} does not compare with column \"{cursor}\", which is {} now; the whole table is read",
            shortened(&since.value),
            table.columns[column].type_name
        ));
        return Ok(());
    };
    // The newest value may have gone with its row: what was read stays read.
    plan.newest = plan.newest.take().or_else(|| Some(since.clone()));
    let place = plan.look_at(column);
    plan.tests.push(match delta.repeats {
        Repeats::Harmless => Test { place, comparison: Comparison::AtLeast, bound, nulls: true },
        Repeats::Avoid => Test { place, comparison: Comparison::Above, bound, nulls: false },
    });
    plan.extent = Extent::Changes;
    Ok(())
}

fn less_offset(
    request: &ReadRequest,
    table: &Table,
    column: usize,
    data_type: &DataType,
    value: &str,
    seconds: i64,
) -> Result<String, SourceError> {
    if seconds == 0 {
        return Ok(value.to_owned());
    }
    let earlier = match data_type {
        DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, None) | DataType::Utf8 => {
            iso::earlier(value, seconds)
        }
        _ => None,
    };
    earlier.ok_or_else(|| {
        invalid(format!(
            "change date of table \"{}\": column \"{}\" holds no dates, so it cannot have an offset of {seconds} \
             seconds; set the offset to 0",
            request.table, table.columns[column].name
        ))
    })
}
