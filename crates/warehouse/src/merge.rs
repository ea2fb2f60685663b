//! Merges staged rows into a table by key, and counts exactly.

use duckdb::Connection;
use forebay_core::name::Identifier;
use forebay_core::warehouse::{Key, WarehouseError};

use crate::error::failed;
use crate::names::list;
use crate::session::Halt;
use crate::show::{change, count};

/// What became of the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

/// Merges the table `from` into the table `to`, or makes the latter when it does not exist. NULL is
/// a value of a key like any other, and so is NaN.
pub(crate) fn merge(
    connection: &Connection,
    halt: &Halt,
    (from, to): (&str, &str),
    key: &Key,
    order: Option<&Identifier>,
    exists: bool,
) -> Result<Merged, WarehouseError> {
    let repeated = keep_last(connection, from, key, order)?;
    halt.check()?;
    if !exists {
        connection.execute_batch(&format!("CREATE TABLE {to} AS SELECT * FROM {from}")).map_err(failed)?;
        return Ok(Merged {
            inserted: count(connection, &format!("SELECT count(*) FROM {to}"))?,
            updated: 0,
            deleted: 0,
        });
    }
    let same_key: Vec<String> = key
        .columns()
        .iter()
        .map(|column| format!("target.{c} IS NOT DISTINCT FROM staged.{c}", c = column.quoted()))
        .collect();
    let same_key = same_key.join(" AND ");
    let updated = count(
        connection,
        &format!(
            "SELECT count(*) FROM {from} AS staged WHERE EXISTS (SELECT 1 FROM {to} AS target WHERE {same_key})"
        ),
    )?;
    halt.check()?;
    // Removing and adding is what the engine does for an update of whole rows anyway. A key that
    // the table had more than once is one row afterwards.
    let gone =
        change(connection, &format!("DELETE FROM {to} AS target USING {from} AS staged WHERE {same_key}"))?;
    halt.check()?;
    let added = change(connection, &format!("INSERT INTO {to} BY NAME SELECT * FROM {from}"))?;
    tracing::debug!(repeated, updated, gone, added, "rows were merged");
    Ok(Merged { inserted: added - updated, updated, deleted: gone - updated })
}

/// Leaves one row for each key: the last by the order column, and among equals the one that came
/// last. Says how many rows it removed.
fn keep_last(
    connection: &Connection,
    from: &str,
    key: &Key,
    order: Option<&Identifier>,
) -> Result<u64, WarehouseError> {
    let key = list(key.columns());
    let twice = format!("SELECT count(*) FROM (SELECT 1 FROM {from} GROUP BY {key} HAVING count(*) > 1)");
    if count(connection, &twice)? == 0 {
        return Ok(0);
    }
    let order = order.map(|column| format!("{} DESC NULLS LAST, ", column.quoted())).unwrap_or_default();
    change(
        connection,
        &format!(
            "DELETE FROM {from} WHERE rowid IN (SELECT place.id FROM (SELECT rowid AS id, row_number() OVER \
             (PARTITION BY {key} ORDER BY {order}rowid DESC) AS number FROM {from}) AS place WHERE place.number > 1)"
        ),
    )
}
