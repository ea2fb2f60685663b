//! Lets the rows of a load take the place of all that their table had.

use duckdb::Connection;
use forebay_core::warehouse::{LoadReport, WarehouseError, WarehouseErrorKind};

use crate::catalog::{Found, find};
use crate::checkpoints::Checkpoints;
use crate::error::failed;
use crate::feed::Piece;
use crate::names::qualified;
use crate::session::Halt;
use crate::show::{Staged, all_staged, count_rows, is_view, roll_back, run};

/// How many rows the target has; `None` when there is none, or none that is known of and [`replace`] finds out. In
/// the turn of whoever will replace it, and not in a transaction: a name that is not there ends it.
pub(crate) fn rows_before(
    connection: &Connection,
    checkpoints: &Checkpoints,
    load: &Staged,
) -> Result<Option<u64>, WarehouseError> {
    // For a name that is not there the engine looks through all that are, for one that is like it.
    if load.waiting.is_some() && !checkpoints.may_have(&load.spec.table) {
        return Ok(None);
    }
    // The engine finds a name at once, and lists all tables that there are for every look into its lists.
    let count = format!("SELECT count(*) FROM {}", qualified(&load.spec.table));
    let mut statement = match connection.prepare(&count).map_err(failed) {
        Ok(statement) => statement,
        // Missing, or a view that is broken: that is seen when the target is made.
        Err(error) if error.kind == WarehouseErrorKind::Invalid => return Ok(None),
        Err(error) => return Err(error),
    };
    let rows: i64 = statement.query_row([], |row| row.get(0)).map_err(failed)?;
    Ok(Some(rows.unsigned_abs()))
}

/// Replaces the target. `before` is what it had, as far as is known.
pub(crate) fn replace(
    connection: &Connection,
    halt: &Halt,
    load: &Staged,
    before: Option<u64>,
) -> Result<LoadReport, WarehouseError> {
    let replaced = match (&load.waiting, before) {
        (Some(rows), Some(before)) => {
            load.staging.make_target(connection, rows.clone()).map(|after| (before, after))
        }
        (Some(rows), None) => make_or_replace(connection, load, rows),
        (None, before) => {
            let after = take_place(connection, load, before.is_some());
            after.map(|after| (before.unwrap_or(0), after))
        }
    };
    let (before, after) = replaced.map_err(|error| unless_a_view(connection, halt, load, error))?;
    all_staged(load, after)?;
    Ok(LoadReport {
        rows_staged: after,
        rows_inserted: after,
        rows_updated: 0,
        rows_deleted: before,
        rows_before: before,
        rows_after: after,
        changes: Vec::new(),
    })
}

/// Makes the target of rows that wait in memory, which mostly is not there. Says how many rows it had and has.
fn make_or_replace(
    connection: &Connection,
    load: &Staged,
    rows: &Piece,
) -> Result<(u64, u64), WarehouseError> {
    let made = load.staging.make_missing_target(connection, rows.clone())?;
    if made > 0 {
        return Ok((0, made));
    }
    // It was there, or no rows came.
    let before = count_rows(connection, &qualified(&load.spec.table))?;
    Ok((before, load.staging.make_target(connection, rows.clone())?))
}

/// Lets the staging table become the target.
fn take_place(connection: &Connection, load: &Staged, exists: bool) -> Result<u64, WarehouseError> {
    let (from, to) = (qualified(&load.staging.table), qualified(&load.spec.table));
    if exists {
        run(connection, &format!("DROP TABLE {to}"))?;
    }
    run(connection, &format!("ALTER TABLE {from} RENAME TO {}", load.spec.table.name.quoted()))?;
    count_rows(connection, &to)
}

/// What is wrong with a target that cannot be replaced: a view passes for a table until then.
fn unless_a_view(
    connection: &Connection,
    halt: &Halt,
    load: &Staged,
    error: WarehouseError,
) -> WarehouseError {
    if error.kind != WarehouseErrorKind::Invalid {
        return error;
    }
    // The transaction has failed, and is of no use for a look.
    roll_back(connection, halt);
    match find(connection, &load.spec.table) {
        Ok(Found::View(_)) => is_view(&load.spec.table),
        Ok(Found::Nothing | Found::Table(_)) => error,
        Err(error) => error,
    }
}
