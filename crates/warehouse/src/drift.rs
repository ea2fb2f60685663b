//! Lets a table follow the columns of its source where that keeps every value, and says so.

use duckdb::Connection;
use forebay_core::name::quote;
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind, WarehouseTable};

use crate::catalog::{Column, Found, find};
use crate::columns::{Fit, fit};
use crate::error::{failed, internal};
use crate::names::{qualified, same};

/// Adds and widens columns of the table for the staged ones; says what it changed.
///
/// # Errors
/// `Drift` for columns that are gone or narrower, with the remedy; the table is then as it was.
pub(crate) fn evolve(
    connection: &Connection,
    staging: &WarehouseTable,
    table: &WarehouseTable,
    columns: &[Column],
) -> Result<Vec<String>, WarehouseError> {
    let Found::Table(staged) = find(connection, staging)? else {
        return Err(internal("a staging table is missing"));
    };
    let mut broken = Vec::new();
    for Column { name, kind } in columns {
        if !staged.iter().any(|other| same(name, &other.name)) {
            broken.push(format!("{name} ({kind}) is gone"));
        }
    }
    let remedy = "run the job once with mode=FULL to take the new columns";
    follow(connection, &staged, table, columns, broken, remedy)
}

/// As [`evolve`], for rows that need not have all columns of the table.
pub(crate) fn grow(
    connection: &Connection,
    staged: &[Column],
    table: &WarehouseTable,
    columns: &[Column],
) -> Result<Vec<String>, WarehouseError> {
    let remedy = "push it once with the type REPLACE to take the new columns, or say the columns' types in tableSchema";
    follow(connection, staged, table, columns, Vec::new(), remedy)
}

fn follow(
    connection: &Connection,
    staged: &[Column],
    table: &WarehouseTable,
    columns: &[Column],
    mut broken: Vec<String>,
    remedy: &str,
) -> Result<Vec<String>, WarehouseError> {
    let mut alter = Vec::new();
    let mut changes = Vec::new();
    for Column { name, kind } in staged {
        match columns.iter().find(|other| same(name, &other.name)) {
            None => {
                alter.push(format!("ADD COLUMN {} {kind}", quote(name)));
                changes.push(format!(
                    "column {name} ({kind}) was added; older rows have NULL until the next FULL"
                ));
            }
            Some(Column { kind: old, .. }) => match fit(old, kind) {
                Fit::Fits => {}
                Fit::Widens => {
                    alter.push(format!("ALTER COLUMN {} TYPE {kind}", quote(name)));
                    changes.push(format!("column {name} was widened from {old} to {kind}"));
                }
                Fit::Differs => broken.push(format!("{name} was {old} and is {kind}")),
            },
        }
    }
    if !broken.is_empty() {
        let text = format!(
            "{}: the source's columns no longer fit the table: {}; {remedy}",
            table.name,
            broken.join(", ")
        );
        return Err(WarehouseError::new(WarehouseErrorKind::Drift, text));
    }
    for change in alter {
        connection.execute_batch(&format!("ALTER TABLE {} {change}", qualified(table))).map_err(failed)?;
    }
    Ok(changes)
}
