//! Checkpoints, kept in the pool's file beside the rows they speak for.

use duckdb::{Connection, params};
use forebay_core::source::Checkpoint;
use forebay_core::warehouse::{WarehouseError, WarehouseTable};

use crate::catalog::is_table;
use crate::error::{failed, internal};
use crate::names::{OWN_SCHEMA, folded};

/// The checkpoint of a table; `None` when the table is missing or none was ever written. Not in a transaction.
pub(crate) fn read(
    connection: &Connection,
    table: &WarehouseTable,
) -> Result<Option<Checkpoint>, WarehouseError> {
    let kept =
        format!("SELECT checkpoint FROM {OWN_SCHEMA}.checkpoints WHERE schema_name = ? AND table_name = ?");
    let mut statement = connection.prepare(&kept).map_err(failed)?;
    let rows = statement
        .query_map(params![folded(&table.schema), folded(&table.name)], |row| row.get::<_, String>(0));
    let found = rows.and_then(|mut rows| rows.next().transpose()).map_err(failed)?;
    let Some(text) = found else { return Ok(None) };
    // Somebody may have removed the table since.
    if !is_table(connection, table)? {
        return Ok(None);
    }
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| internal("a checkpoint cannot be read").caused_by(error))
}

/// Writes a table's checkpoint, in the transaction that shows its rows.
pub(crate) fn write(
    connection: &Connection,
    table: &WarehouseTable,
    checkpoint: &Checkpoint,
) -> Result<(), WarehouseError> {
    let text = serde_json::to_string(checkpoint)
        .map_err(|error| internal("a checkpoint cannot be written").caused_by(error))?;
    let (schema, name) = (folded(&table.schema), folded(&table.name));
    let kept = format!("{OWN_SCHEMA}.checkpoints");
    // INSERT OR REPLACE plans a merge, at five times the cost of both of these.
    let update = format!("UPDATE {kept} SET checkpoint = ? WHERE schema_name = ? AND table_name = ?");
    let updated = connection.execute(&update, params![text, schema, name]).map_err(failed)?;
    if updated == 0 {
        let insert = format!("INSERT INTO {kept} VALUES (?, ?, ?)");
        connection.execute(&insert, params![schema, name, text]).map_err(failed)?;
    }
    Ok(())
}

/// Removes a table's checkpoint, in the transaction that removes its rows.
pub(crate) fn remove(connection: &Connection, table: &WarehouseTable) -> Result<(), WarehouseError> {
    let remove = format!("DELETE FROM {OWN_SCHEMA}.checkpoints WHERE schema_name = ? AND table_name = ?");
    connection.execute(&remove, params![folded(&table.schema), folded(&table.name)]).map(drop).map_err(failed)
}
