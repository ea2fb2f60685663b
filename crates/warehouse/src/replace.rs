//! Lets the rows of a load take the place of all that their table had.

use duckdb::Connection;
use forebay_core::warehouse::{LoadReport, WarehouseError, WarehouseErrorKind, WarehouseTable};

use crate::catalog::{Found, find};
use crate::error::failed;
use crate::names::qualified;
use crate::session::Halt;
use crate::show::{Staged, all_staged, count_rows, is_view, roll_back, run};

/// How many rows the target has; `None` when there is none. In the turn of whoever will replace it, and not
/// in a transaction: a name that is not there ends it.
pub(crate) fn rows_before(
    connection: &Connection,
    target: &WarehouseTable,
) -> Result<Option<u64>, WarehouseError> {
    // The engine finds a name at once, and lists all tables that there are for every look into its lists.
    let count = format!("SELECT count(*) FROM {}", qualified(target));
    let mut statement = match connection.prepare(&count).map_err(failed) {
        Ok(statement) => statement,
        // Missing, or a view that is broken: that is seen when the target is made.
        Err(error) if error.kind == WarehouseErrorKind::Invalid => return Ok(None),
        Err(error) => return Err(error),
    };
    let rows: i64 = statement.query_row([], |row| row.get(0)).map_err(failed)?;
    Ok(Some(rows.unsigned_abs()))
}

/// Replaces the target. `before` is what it had.
pub(crate) fn replace(
    connection: &Connection,
    halt: &Halt,
    load: &Staged,
    before: Option<u64>,
) -> Result<LoadReport, WarehouseError> {
    let replaced = match &load.waiting {
        Some(rows) => load.staging.make_target(connection, rows.clone()),
        None => take_place(connection, load, before.is_some()),
    };
    let after = replaced.map_err(|error| unless_a_view(connection, halt, load, error))?;
    all_staged(load, after)?;
    let before = before.unwrap_or(0);
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
