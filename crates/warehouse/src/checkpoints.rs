//! Checkpoints, kept in the pool's file beside the rows they speak for.

use duckdb::{Connection, params, params_from_iter};
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

/// Writes the checkpoints of tables, in the transaction that shows their rows and behind all that it makes: a new
/// table lets every statement be planned anew, which costs more than to write.
pub(crate) fn write<'a>(
    connection: &Connection,
    checkpoints: impl IntoIterator<Item = (&'a WarehouseTable, &'a Checkpoint)>,
) -> Result<(), WarehouseError> {
    let kept = format!("{OWN_SCHEMA}.checkpoints");
    // INSERT OR REPLACE plans a merge, at five times the cost of both of these.
    let update = format!("UPDATE {kept} SET checkpoint = $3 WHERE schema_name = $1 AND table_name = $2");
    let mut update = connection.prepare(&update).map_err(failed)?;
    let mut new = Vec::new();
    for (table, checkpoint) in checkpoints {
        let text = serde_json::to_string(checkpoint)
            .map_err(|error| internal("a checkpoint cannot be written").caused_by(error))?;
        let row = [folded(&table.schema), folded(&table.name), text];
        if update.execute(params_from_iter(&row)).map_err(failed)? == 0 {
            new.push(row);
        }
    }
    if !new.is_empty() {
        let mut insert =
            connection.prepare(&format!("INSERT INTO {kept} VALUES ($1, $2, $3)")).map_err(failed)?;
        for row in &new {
            insert.execute(params_from_iter(row)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Removes a table's checkpoint, in the transaction that removes its rows.
pub(crate) fn remove(connection: &Connection, table: &WarehouseTable) -> Result<(), WarehouseError> {
    let remove = format!("DELETE FROM {OWN_SCHEMA}.checkpoints WHERE schema_name = ? AND table_name = ?");
    connection.execute(&remove, params![folded(&table.schema), folded(&table.name)]).map(drop).map_err(failed)
}
