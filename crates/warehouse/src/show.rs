//! Shows a load's rows and records its checkpoint, in one transaction, or leaves everything as it was.

use std::time::Duration;

use duckdb::Connection;
use forebay_core::name::Identifier;
use forebay_core::source::Checkpoint;
use forebay_core::warehouse::{
    Key, LoadReport, LoadSpec, Onto, WarehouseError, WarehouseErrorKind, WarehouseTable, WriteMode,
};

use crate::catalog::{Column, Found, describe, find, is_table};
use crate::checkpoints::Checkpoints;
use crate::claims::Shows;
use crate::drift::evolve;
use crate::error::{committed_all_the_same, failed, internal, invalid};
use crate::feed::Piece;
use crate::merge::{Merge, Merged, merge};
use crate::names::{qualified, same};
use crate::patch::apply;
use crate::replace::{replace, rows_before};
use crate::session::Halt;
use crate::staging::Staging;

/// Rows that wait in a staging table, in an open transaction of the connection, or in memory.
pub(crate) struct Staged {
    pub(crate) spec: LoadSpec,
    pub(crate) staging: Staging,
    /// The rows that are not in the table yet. Then they all are not, and it does not exist.
    pub(crate) waiting: Option<Piece>,
    pub(crate) rows: u64,
    pub(crate) checkpoint: Checkpoint,
}

/// How often a conflict with a transformation is tried again, and how long is waited before: about
/// half a minute in all. The rows may have taken an hour to read.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) fn show(
    connection: &Connection,
    halt: &Halt,
    shows: &Shows,
    staged: &Staged,
) -> Result<LoadReport, WarehouseError> {
    if staged.waiting.is_none() {
        let kept = shows.turn_of(staged.spec.claim, halt).and_then(|_turn| commit(connection, halt));
        if let Err(error) = kept {
            roll_back(connection, halt);
            return Err(error);
        }
    }
    let mut tries = 1;
    loop {
        let error = match show_once(connection, halt, shows, staged) {
            Ok(report) => return Ok(report),
            Err(error) => error,
        };
        roll_back(connection, halt);
        let again = error.kind == WarehouseErrorKind::Conflict && tries < TRIES;
        let error = if again { pause(halt).err() } else { Some(error) };
        if let Some(error) = error {
            if staged.waiting.is_none() {
                let _turn = shows.turn_in_any_case();
                remove(connection, halt, &staged.staging.table);
            }
            return Err(error);
        }
        tries += 1;
    }
}

fn show_once(
    connection: &Connection,
    halt: &Halt,
    shows: &Shows,
    staged: &Staged,
) -> Result<LoadReport, WarehouseError> {
    let _turn = shows.turn_of(staged.spec.claim, halt)?;
    let to = &staged.spec.table;
    let report = if staged.spec.mode.only_replaces() {
        let before = rows_before(connection, &shows.checkpoints, staged)?;
        begin(connection, [&to.schema])?;
        replace(connection, halt, staged, before)?
    } else {
        let known = is_table(connection, to)?;
        begin(connection, [&to.schema])?;
        meet(connection, halt, staged, known)?
    };
    record(connection, &shows.checkpoints, staged, &report)?;
    forebay_core::fault::point("show.before_commit");
    commit(connection, halt)?;
    forebay_core::fault::point("show.after_commit");
    Ok(report)
}

/// Begins to show rows in these schemas, and makes those that are missing. In a turn: two who make the same one at a
/// time would be in conflict.
pub(crate) fn begin<'a>(
    connection: &Connection,
    schemas: impl IntoIterator<Item = &'a Identifier>,
) -> Result<(), WarehouseError> {
    run(connection, "BEGIN TRANSACTION")?;
    for schema in schemas {
        run(connection, &format!("CREATE SCHEMA IF NOT EXISTS {}", schema.quoted()))?;
    }
    Ok(())
}

/// Lets the rows meet those of their table. `known`: it was there a moment before.
fn meet(
    connection: &Connection,
    halt: &Halt,
    load: &Staged,
    known: bool,
) -> Result<LoadReport, WarehouseError> {
    if let Some(rows) = &load.waiting {
        load.staging.make_of(connection, rows.clone())?;
    }
    match &load.spec.mode {
        WriteMode::Patch(patch) => apply(connection, halt, load, patch),
        WriteMode::Merge { key, order } => add(connection, halt, load, known, Some((key, order.as_ref()))),
        WriteMode::Replace | WriteMode::Append => add(connection, halt, load, known, None),
    }
}

fn pause(halt: &Halt) -> Result<(), WarehouseError> {
    for _ in 0..10 {
        halt.check()?;
        std::thread::sleep(PAUSE / 10);
    }
    Ok(())
}

/// Commits, unless the stop was asked for before. An error means that nothing was kept.
pub(crate) fn commit(connection: &Connection, halt: &Halt) -> Result<(), WarehouseError> {
    let commit = || connection.execute_batch("COMMIT").map_err(failed);
    match halt.unless_asked(commit) {
        Err(error) if committed_all_the_same(&error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a pool's file could not be tidied");
            Ok(())
        }
        done => done,
    }
}

pub(crate) fn roll_back(connection: &Connection, halt: &Halt) {
    in_the_end(connection, halt, "ROLLBACK");
}

/// Removes a staging table; one that stays is removed when the file is opened next.
fn remove(connection: &Connection, halt: &Halt, staging: &WarehouseTable) {
    in_the_end(connection, halt, &format!("DROP TABLE IF EXISTS {}", qualified(staging)));
}

/// Executes a statement that ends work. An interrupt that came before may hit it, so it is tried
/// again; where nothing is open any more there is nothing to roll back.
fn in_the_end(connection: &Connection, halt: &Halt, sql: &str) {
    halt.in_any_case(|| {
        for _ in 0..3 {
            match connection.execute_batch(sql) {
                Ok(()) => return,
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, sql, "not ended yet"),
            }
        }
    });
}

pub(crate) fn count(connection: &Connection, sql: &str) -> Result<u64, WarehouseError> {
    let counted: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
    Ok(counted.unsigned_abs())
}

pub(crate) fn count_rows(connection: &Connection, table: &str) -> Result<u64, WarehouseError> {
    count(connection, &format!("SELECT count(*) FROM {table}"))
}

/// Executes statements that answer nothing.
pub(crate) fn run(connection: &Connection, sql: &str) -> Result<(), WarehouseError> {
    connection.execute_batch(sql).map_err(failed)
}

/// Executes a changing statement, and says how many rows it changed.
pub(crate) fn change(connection: &Connection, sql: &str) -> Result<u64, WarehouseError> {
    connection.execute(sql, []).map(|rows| rows as u64).map_err(failed)
}

/// The numbers of a load must add up.
pub(crate) fn add_up(load: &Staged, report: &LoadReport) -> Result<(), WarehouseError> {
    let LoadReport { rows_before, rows_inserted, rows_after, rows_deleted, .. } = *report;
    if rows_before + rows_inserted != rows_after + rows_deleted {
        return Err(internal(format!(
            "{}: the numbers do not add up, so nothing was shown: {rows_before} before, {rows_inserted} inserted, {rows_deleted} deleted, {rows_after} after",
            load.spec.table.name
        )));
    }
    Ok(())
}

/// Writes down what became of a load, in its transaction, once its numbers add up.
fn record(
    connection: &Connection,
    checkpoints: &Checkpoints,
    load: &Staged,
    report: &LoadReport,
) -> Result<(), WarehouseError> {
    add_up(load, report)?;
    match &load.spec.mode {
        WriteMode::Replace | WriteMode::Append | WriteMode::Merge { .. } => {
            checkpoints.write(connection, [(&load.spec.table, &load.checkpoint)])?;
        }
        WriteMode::Patch(patch) => {
            if patch.onto == Onto::Nothing {
                // The rows that it spoke for are gone.
                checkpoints.remove(connection, &load.spec.table)?;
            }
            crate::patches::write(connection, load.spec.claim, &load.spec.table, report)?;
        }
    }
    Ok(())
}

/// Adds the rows of the staging table to the target, by key or behind the others, or makes it of them.
fn add(
    connection: &Connection,
    halt: &Halt,
    load: &Staged,
    known: bool,
    by: Option<(&Key, Option<&Identifier>)>,
) -> Result<LoadReport, WarehouseError> {
    let (from, to) = (qualified(&load.staging.table), qualified(&load.spec.table));
    let target = if known {
        // Where it went meanwhile, this fails and is tried again.
        let gone = |error| WarehouseError { kind: WarehouseErrorKind::Conflict, ..error };
        Some(describe(connection, &to).map_err(gone)?)
    } else {
        target_columns(connection, &load.spec.table)?
    };
    let staged = count_rows(connection, &from)?;
    all_staged(load, staged)?;
    let before = if target.is_some() { count_rows(connection, &to)? } else { 0 };
    halt.check()?;
    let is_new = target.is_none();
    let changes = match target {
        Some(columns) => evolve(connection, &load.staging.table, &load.spec.table, &columns)?,
        None => Vec::new(),
    };
    let Merged { inserted, updated, deleted } = match by {
        Some((key, order)) => {
            let numbered = !load.spec.columns.fields().iter().any(|field| same(field.name(), "rowid"));
            merge(connection, halt, &Merge { from: &from, to: &to, key, order, numbered }, !is_new)?
        }
        None if is_new => {
            run(connection, &format!("CREATE TABLE {to} AS SELECT * FROM {from}"))?;
            Merged { inserted: count_rows(connection, &to)?, updated: 0, deleted: 0 }
        }
        None => {
            let inserted = change(connection, &format!("INSERT INTO {to} BY NAME SELECT * FROM {from}"))?;
            if inserted != staged {
                let name = &load.spec.table.name;
                let text =
                    format!("{name}: {staged} rows were to come and {inserted} came, so nothing was shown");
                return Err(internal(text));
            }
            Merged { inserted, updated: 0, deleted: 0 }
        }
    };
    // A table that is as new as its rows is counted again; one that only took them is not.
    let expected = (before + inserted).saturating_sub(deleted);
    let after = if is_new { count_rows(connection, &to)? } else { expected };
    run(connection, &format!("DROP TABLE {from}"))?;
    Ok(LoadReport {
        rows_staged: staged,
        rows_inserted: inserted,
        rows_updated: updated,
        rows_deleted: deleted,
        rows_before: before,
        rows_after: after,
        changes,
    })
}

/// As many rows must be staged as were read.
pub(crate) fn all_staged(load: &Staged, staged: u64) -> Result<(), WarehouseError> {
    if staged == load.rows {
        return Ok(());
    }
    let (name, read) = (&load.spec.table.name, load.rows);
    Err(internal(format!("{name}: {read} rows were read and {staged} are staged, so nothing was shown")))
}

/// The target's columns; `None` when it is missing.
pub(crate) fn target_columns(
    connection: &Connection,
    table: &WarehouseTable,
) -> Result<Option<Vec<Column>>, WarehouseError> {
    match find(connection, table)? {
        Found::Nothing => Ok(None),
        Found::Table(columns) => Ok(Some(columns)),
        Found::View(_) => Err(is_view(table)),
    }
}

pub(crate) fn is_view(table: &WarehouseTable) -> WarehouseError {
    invalid(format!("{} is a view; drop it or choose another target table", table.name))
}
