//! Lets the rows of a data push meet those of their table: rows that lack columns, and rows that say what goes.
//!
//! What goes is settled among the staged rows first, so that the order in which rows came counts. Then the
//! table loses the keys that are to be removed, and takes the rest by key.

use duckdb::Connection;
use forebay_core::name::{Identifier, quote};
use forebay_core::warehouse::{
    Absent, CHANGE_DATE_COLUMN, Key, KeyRepeats, LoadReport, Onto, Patch, WarehouseError,
};

use crate::catalog::{Column, describe};
use crate::drift::grow;
use crate::error::{internal, invalid};
use crate::merge::{Merge, Merged, Staged as Keys};
use crate::names::{list, qualified, same};
use crate::session::Halt;
use crate::show::{Staged, all_staged, change, count_rows, run, target_columns};

/// The keys that the table is to lose, with the place of the last row that says so.
const REMOVED: &str = "temp.removed";
/// The keys of the rows that come.
const COMING: &str = "temp.coming";
/// What the table has of these keys in the columns that do not come.
const OLD: &str = "temp.old";
/// A name that no column has.
const PLACE: &str = "\"\u{1}\"";

/// Everything that the commit of a patch does with rows, inside its transaction.
///
/// # Errors
/// `Invalid` for a patch that cannot be told apart from its rows; `Drift` for columns that do not fit.
pub(crate) fn apply(
    connection: &Connection,
    halt: &Halt,
    load: &Staged,
    patch: &Patch,
) -> Result<LoadReport, WarehouseError> {
    let (from, to) = (qualified(&load.staging.table), qualified(&load.spec.table));
    let target = target_columns(connection, &load.spec.table)?;
    let staged = count_rows(connection, &from)?;
    all_staged(load, staged)?;
    let before = if target.is_some() { count_rows(connection, &to)? } else { 0 };
    halt.check()?;
    let incoming = load.spec.columns.fields().iter().map(|field| field.name().as_str());
    let kept = target.iter().flatten().map(|column| column.name.as_str());
    let numbered = !incoming.chain(kept).any(|name| same(name, "rowid"));
    let rows = Rows { connection, halt, from: &from, to: &to, patch, numbered };
    let removes = rows.settle(&load.spec.table.name)?;
    let (merged, changes) = match (patch.onto, target) {
        (Onto::Nothing, target) => {
            if target.is_some() {
                run(connection, &format!("DROP TABLE {to}"))?;
            }
            (Merged { deleted: before, ..rows.make()? }, Vec::new())
        }
        (Onto::Table, None) => (rows.make()?, Vec::new()),
        (Onto::Table, Some(columns)) => {
            let coming = rows.coming(load, &columns)?;
            let changes = grow(connection, &coming, &load.spec.table, &columns)?;
            (rows.meet(&coming, &columns, removes)?, changes)
        }
    };
    let Merged { inserted, updated, deleted } = merged;
    run(connection, &format!("DROP TABLE {from}"))?;
    if removes {
        run(connection, &format!("DROP TABLE {REMOVED}"))?;
    }
    Ok(LoadReport {
        rows_staged: staged,
        rows_inserted: inserted,
        rows_updated: updated,
        rows_deleted: deleted,
        rows_before: before,
        rows_after: (before + inserted).saturating_sub(deleted),
        changes,
    })
}

/// The staged rows of a patch, and where they go.
struct Rows<'a> {
    connection: &'a Connection,
    halt: &'a Halt,
    /// The staging table, quoted.
    from: &'a str,
    /// The target, quoted; it may be missing.
    to: &'a str,
    patch: &'a Patch,
    /// Whether the engine's numbers of rows can be asked for: a column of the name hides them.
    numbered: bool,
}

impl Rows<'_> {
    /// Leaves the rows that come. `true`: [`REMOVED`] has keys that are to go.
    fn settle(&self, table: &Identifier) -> Result<bool, WarehouseError> {
        let Some(key) = &self.patch.key else { return Ok(false) };
        if let Some(removal) = &self.patch.removal {
            if !self.numbered {
                return Err(invalid(format!(
                    "{table}: a column is named rowid, which is what the engine calls the places of rows; rename it to remove rows by key"
                )));
            }
            let (from, removal, columns) = (self.from, removal.quoted(), list(key.columns()));
            run(
                self.connection,
                &format!(
                    "CREATE TEMP TABLE {REMOVED} AS SELECT {columns}, max(rowid) AS {PLACE} FROM {from} \
                     WHERE {removal} GROUP BY {columns}"
                ),
            )?;
            let same_key = same_key(key, "staged", "gone");
            change(
                self.connection,
                &format!(
                    "DELETE FROM {from} WHERE rowid IN (SELECT staged.rowid FROM {from} AS staged \
                     JOIN {REMOVED} AS gone ON {same_key} AND staged.rowid <= gone.{PLACE})"
                ),
            )?;
            self.halt.check()?;
        }
        if self.patch.repeats == KeyRepeats::LastWins {
            let keys = Keys::look(self.connection, self.from, key)?;
            if keys.rows > keys.keys {
                self.merge(self.from, key).keep_last(self.connection, keys.rows - keys.keys)?;
            }
            self.halt.check()?;
        }
        Ok(self.patch.removal.is_some())
    }

    fn merge<'b>(&'b self, from: &'b str, key: &'b Key) -> Merge<'b> {
        let order = self.patch.order.as_ref();
        Merge { from, to: self.to, key, order, numbered: self.numbered }
    }

    /// What is selected of the staged rows.
    fn selection(&self, alias: &str) -> String {
        match &self.patch.removal {
            Some(removal) => format!("{alias}* EXCLUDE ({})", removal.quoted()),
            None => format!("{alias}*"),
        }
    }

    /// Makes the table of the rows.
    fn make(&self) -> Result<Merged, WarehouseError> {
        let (to, from, selection) = (self.to, self.from, self.selection(""));
        run(self.connection, &format!("CREATE TABLE {to} AS SELECT {selection} FROM {from}"))?;
        Ok(Merged { inserted: count_rows(self.connection, to)?, updated: 0, deleted: 0 })
    }

    /// The columns that come. One in which nothing was ever said is of whatever type the table has.
    fn coming(&self, load: &Staged, columns: &[Column]) -> Result<Vec<Column>, WarehouseError> {
        let mut coming = describe(self.connection, self.from)?;
        coming.retain(|column| {
            !self.patch.removal.as_ref().is_some_and(|removal| same(removal.as_str(), &column.name))
        });
        for column in &mut coming {
            let says_nothing = load.spec.columns.fields().iter().any(|field| {
                field.data_type() == &arrow::datatypes::DataType::Null && same(field.name(), &column.name)
            });
            if says_nothing && let Some(known) = columns.iter().find(|other| same(&other.name, &column.name))
            {
                column.kind.clone_from(&known.kind);
            }
        }
        Ok(coming)
    }

    /// Lets the rows meet those of the table.
    fn meet(&self, coming: &[Column], columns: &[Column], removes: bool) -> Result<Merged, WarehouseError> {
        let Some(key) = &self.patch.key else {
            let added = self.insert("", "")?;
            return Ok(Merged { inserted: added, updated: 0, deleted: 0 });
        };
        let removed = if removes { self.remove(REMOVED, key)?.1 } else { 0 };
        self.halt.check()?;
        let absent: Vec<&str> = columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| !same(name, CHANGE_DATE_COLUMN))
            .filter(|name| !coming.iter().any(|column| same(name, &column.name)))
            .collect();
        let keeps = self.patch.absent == Absent::Unchanged && !absent.is_empty();
        if keeps {
            self.keep_old(key, &absent)?;
            self.halt.check()?;
        }
        let columns = list(key.columns());
        run(
            self.connection,
            &format!("CREATE TEMP TABLE {COMING} AS SELECT DISTINCT {columns} FROM {}", self.from),
        )?;
        let (updated, gone) = self.remove(COMING, key)?;
        run(self.connection, &format!("DROP TABLE {COMING}"))?;
        self.halt.check()?;
        let added = if keeps {
            let names: Vec<String> = (0..absent.len())
                .map(|place| format!(", old.value{place} AS {}", quote(absent[place])))
                .collect();
            let same_old = key.columns().iter().enumerate().map(|(place, column)| {
                format!("old.key{place} IS NOT DISTINCT FROM staged.{}", column.quoted())
            });
            let join = format!(" LEFT JOIN {OLD} AS old ON {}", same_old.collect::<Vec<_>>().join(" AND "));
            let added = self.insert(&names.concat(), &join)?;
            run(self.connection, &format!("DROP TABLE {OLD}"))?;
            added
        } else {
            self.insert("", "")?
        };
        if updated > gone || updated > added {
            return Err(internal(format!(
                "{}: {updated} keys were there, {gone} rows went and {added} came, so nothing was shown",
                self.to
            )));
        }
        tracing::debug!(removed, updated, gone, added, "a table was patched");
        Ok(Merged { inserted: added - updated, updated, deleted: removed + gone - updated })
    }

    /// Removes the rows of the table whose keys are in another one. Says how many keys were there, and how many
    /// rows went.
    fn remove(&self, keys: &str, key: &Key) -> Result<(u64, u64), WarehouseError> {
        let same_key = Keys::look(self.connection, keys, key)?.same_key(key);
        self.merge(keys, key).remove(self.connection, self.halt, &same_key)
    }

    /// Notes what the table has in the columns that do not come: of a key that it has more than once, its last
    /// row's.
    fn keep_old(&self, key: &Key, absent: &[&str]) -> Result<(), WarehouseError> {
        let mut names = Vec::new();
        for (place, column) in key.columns().iter().enumerate() {
            names.push(format!("target.{} AS key{place}", column.quoted()));
        }
        for (place, column) in absent.iter().enumerate() {
            names.push(format!("target.{} AS value{place}", quote(column)));
        }
        let (names, to, from) = (names.join(", "), self.to, self.from);
        let same_key = same_key(key, "staged", "target");
        let partition: Vec<String> =
            key.columns().iter().map(|column| format!("target.{}", column.quoted())).collect();
        let partition = partition.join(", ");
        run(
            self.connection,
            &format!(
                "CREATE TEMP TABLE {OLD} AS SELECT {names} FROM {to} AS target \
                 WHERE EXISTS (SELECT 1 FROM {from} AS staged WHERE {same_key}) \
                 QUALIFY row_number() OVER (PARTITION BY {partition} ORDER BY target.rowid DESC) = 1"
            ),
        )
    }

    /// Adds the staged rows to the table, with more columns from what is joined.
    fn insert(&self, more: &str, join: &str) -> Result<u64, WarehouseError> {
        let (to, from, selection) = (self.to, self.from, self.selection("staged."));
        let insert = format!("INSERT INTO {to} BY NAME SELECT {selection}{more} FROM {from} AS staged{join}");
        let (rows, added) = (count_rows(self.connection, from)?, change(self.connection, &insert)?);
        if added != rows {
            let text = format!("{to}: {rows} rows were to come and {added} came, so nothing was shown");
            return Err(internal(text));
        }
        Ok(added)
    }
}

/// The condition that two rows have one key; NULL is a value like any other.
fn same_key(key: &Key, one: &str, other: &str) -> String {
    let columns = key.columns().iter().map(Identifier::quoted);
    columns
        .map(|column| format!("{one}.{column} IS NOT DISTINCT FROM {other}.{column}"))
        .collect::<Vec<_>>()
        .join(" AND ")
}
