//! Checkpoints, kept in the pool's file beside the rows they speak for.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use duckdb::{Connection, params, params_from_iter};
use forebay_core::source::Checkpoint;
use forebay_core::warehouse::{WarehouseError, WarehouseTable};

use crate::catalog::is_table;
use crate::error::{failed, internal};
use crate::names::{OWN_SCHEMA, folded};

/// A table's schema and name, as the file has them.
type Named = (String, String);

fn named(table: &WarehouseTable) -> Named {
    (folded(&table.schema), folded(&table.name))
}

/// The checkpoints of a pool, and which tables may have one. The file is open in this process alone: a table that is
/// not among them has none, and nobody asks the engine.
#[derive(Default)]
pub(crate) struct Checkpoints(Mutex<HashSet<Named>>);

impl Checkpoints {
    fn known(&self) -> MutexGuard<'_, HashSet<Named>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads which tables have one, before anything works on the file.
    pub(crate) fn open(&self, connection: &Connection) -> Result<(), WarehouseError> {
        let names = format!("SELECT schema_name, table_name FROM {OWN_SCHEMA}.checkpoints");
        let mut statement = connection.prepare(&names).map_err(failed)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let names = rows.and_then(Iterator::collect::<duckdb::Result<Vec<Named>>>).map_err(failed)?;
        self.known().extend(names);
        Ok(())
    }

    /// Whether a table may have one. One that has is mostly there.
    pub(crate) fn may_have(&self, table: &WarehouseTable) -> bool {
        self.known().contains(&named(table))
    }

    /// The checkpoint of a table; `None` when the table is missing or none was ever written. Not in a transaction.
    pub(crate) fn read(
        &self,
        connection: &Connection,
        table: &WarehouseTable,
    ) -> Result<Option<Checkpoint>, WarehouseError> {
        if !self.may_have(table) {
            return Ok(None);
        }
        let (schema, name) = named(table);
        let kept = format!(
            "SELECT checkpoint FROM {OWN_SCHEMA}.checkpoints WHERE schema_name = ? AND table_name = ?"
        );
        let mut statement = connection.prepare(&kept).map_err(failed)?;
        let rows = statement.query_map(params![schema, name], |row| row.get::<_, String>(0));
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
        &self,
        connection: &Connection,
        checkpoints: impl IntoIterator<Item = (&'a WarehouseTable, &'a Checkpoint)>,
    ) -> Result<(), WarehouseError> {
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for (table, checkpoint) in checkpoints {
            let text = serde_json::to_string(checkpoint)
                .map_err(|error| internal("a checkpoint cannot be written").caused_by(error))?;
            let (schema, name) = named(table);
            // The transaction may come to nothing: a table that is known may have none all the same.
            let known = !self.known().insert((schema.clone(), name.clone()));
            if known { &mut old } else { &mut new }.push([schema, name, text]);
        }
        if !old.is_empty() {
            // INSERT OR REPLACE plans a merge, at five times the cost of both of these.
            let update = format!(
                "UPDATE {OWN_SCHEMA}.checkpoints SET checkpoint = $3 WHERE schema_name = $1 AND table_name = $2"
            );
            let mut update = connection.prepare(&update).map_err(failed)?;
            for row in old {
                if update.execute(params_from_iter(&row)).map_err(failed)? == 0 {
                    new.push(row);
                }
            }
        }
        if !new.is_empty() {
            let rows = vec!["(?, ?, ?)"; new.len()].join(", ");
            let insert = format!("INSERT INTO {OWN_SCHEMA}.checkpoints VALUES {rows}");
            connection.execute(&insert, params_from_iter(new.iter().flatten())).map_err(failed)?;
        }
        Ok(())
    }

    /// Removes a table's checkpoint, in the transaction that removes its rows.
    pub(crate) fn remove(
        &self,
        connection: &Connection,
        table: &WarehouseTable,
    ) -> Result<(), WarehouseError> {
        let (schema, name) = named(table);
        let remove = format!("DELETE FROM {OWN_SCHEMA}.checkpoints WHERE schema_name = ? AND table_name = ?");
        connection.execute(&remove, params![schema, name]).map(drop).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::name::Identifier;

    use super::*;

    fn checkpoint(position: &str) -> Checkpoint {
        Checkpoint { cursor: None, position: position.to_owned() }
    }

    #[test]
    fn a_transaction_that_comes_to_nothing_leaves_none() {
        let identifier = |text| Identifier::parse("name", text).unwrap();
        let connection = Connection::open_in_memory().unwrap();
        crate::instance::prepare(&connection, &identifier("global")).unwrap();
        let run = |sql| connection.execute_batch(sql).unwrap();
        run("CREATE SCHEMA c; CREATE TABLE c.a(id INTEGER); CREATE TABLE c.b(id INTEGER)");
        let [a, b] =
            ["a", "B"].map(|name| WarehouseTable { schema: identifier("C"), name: identifier(name) });
        let (one, two) = (checkpoint("1"), checkpoint("2"));
        let checkpoints = Checkpoints::default();

        run("BEGIN");
        checkpoints.write(&connection, [(&a, &one)]).unwrap();
        run("ROLLBACK");
        assert_eq!(checkpoints.read(&connection, &a).unwrap(), None);
        checkpoints.write(&connection, [(&a, &one), (&b, &one)]).unwrap();
        checkpoints.write(&connection, [(&b, &two)]).unwrap();

        let opened = Checkpoints::default();
        opened.open(&connection).unwrap();
        for checkpoints in [checkpoints, opened] {
            assert_eq!(checkpoints.read(&connection, &a).unwrap(), Some(one.clone()));
            assert_eq!(checkpoints.read(&connection, &b).unwrap(), Some(two.clone()));
            assert_eq!(checkpoints.known().len(), 2);
        }
    }
}
