//! What tables and views there are.

use duckdb::Connection;
use forebay_core::name::{Identifier, quote};
use forebay_core::warehouse::{PoolColumn, PoolTable, PoolTableKind, WarehouseError, WarehouseTable};

use crate::error::failed;
use crate::names::{OWN_SCHEMA, STAGING, qualified, same};

/// Tables and views with their schemas, of the pool's own file. What the engine estimates of a table without looking
/// at its rows is how many were put in, less those whose removal is tidied away.
const ENTRIES: &str = "SELECT schema_name, table_name, false AS is_view, estimated_size FROM duckdb_tables() \
     WHERE database_name = current_database() AND NOT internal \
     UNION ALL SELECT schema_name, view_name, true, NULL FROM duckdb_views() \
     WHERE database_name = current_database() AND NOT internal";

/// A column's name and type, as the engine writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
}

/// What stands under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Table(Vec<Column>),
    View(Vec<Column>),
}

/// Looks a table up, as the engine does: without regard to the case of ASCII letters. In a transaction, so that it
/// stays as it is meanwhile.
pub(crate) fn find(connection: &Connection, table: &WarehouseTable) -> Result<Found, WarehouseError> {
    let Some((schema, name, is_view)) = entry(connection, table)? else { return Ok(Found::Nothing) };
    if !is_view {
        return describe(connection, &format!("{}.{}", quote(&schema), quote(&name))).map(Found::Table);
    }
    // A view may be broken: then only the list of all columns knows its own.
    let sql = "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() \
               AND schema_name = ? AND table_name = ? ORDER BY column_index";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let rows = statement
        .query_map([&schema, &name], |row| Ok(Column { name: row.get(0)?, kind: row.get(1)? }))
        .and_then(Iterator::collect);
    rows.map(Found::View).map_err(failed)
}

/// The columns of a table that there is. `table` is quoted.
pub(crate) fn describe(connection: &Connection, table: &str) -> Result<Vec<Column>, WarehouseError> {
    let sql = format!("SELECT column_name, column_type FROM (DESCRIBE {table})");
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let rows = statement.query_map([], |row| Ok(Column { name: row.get(0)?, kind: row.get(1)? }));
    rows.and_then(Iterator::collect).map_err(failed)
}

/// Whether there is a table of this name, and no view. Not in a transaction: a name that is not there ends it.
pub(crate) fn is_table(connection: &Connection, table: &WarehouseTable) -> Result<bool, WarehouseError> {
    // The engine finds a name at once, and lists all tables that there are for every look into its lists. The
    // rows of a view have no numbers.
    let look = format!("SELECT rowid FROM {} LIMIT 0", qualified(table));
    if connection.prepare(&look).is_ok() {
        return Ok(true);
    }
    Ok(entry(connection, table)?.is_some_and(|(_, _, is_view)| !is_view))
}

/// The columns of a table; `None` when it is missing or a view.
pub(crate) fn columns(
    connection: &Connection,
    table: &WarehouseTable,
) -> Result<Option<Vec<PoolColumn>>, WarehouseError> {
    let Found::Table(columns) = find(connection, table)? else { return Ok(None) };
    let mut named = Vec::with_capacity(columns.len());
    for Column { name, kind } in columns {
        // A name that is no identifier came by SQL, and nothing that is loaded can have it.
        if let Ok(name) = Identifier::parse("column", &name) {
            named.push(PoolColumn { name, type_name: kind });
        }
    }
    Ok(Some(named))
}

/// Schema and name as they are written, and whether it is a view.
fn entry(
    connection: &Connection,
    table: &WarehouseTable,
) -> Result<Option<(String, String, bool)>, WarehouseError> {
    let (schema, name) = (table.schema.as_str(), table.name.as_str());
    let sql = format!(
        "SELECT schema_name, table_name, is_view FROM ({ENTRIES}) WHERE lower(schema_name) = lower(?) AND lower(table_name) = lower(?)"
    );
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let rows = statement.query_map([schema, name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(String, String, bool)> = rows.and_then(Iterator::collect).map_err(failed)?;
    Ok(rows.into_iter().find(|(found_schema, found, _)| same(found_schema, schema) && same(found, name)))
}

/// Those of the schemas that there are.
pub(crate) fn existing_schemas(
    connection: &Connection,
    schemas: &[Identifier],
) -> Result<Vec<Identifier>, WarehouseError> {
    let mut statement = connection
        .prepare("SELECT schema_name FROM duckdb_schemas() WHERE database_name = current_database()")
        .map_err(failed)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0));
    let found = rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)?;
    let exists = |schema: &&Identifier| found.iter().any(|found| same(found, schema.as_str()));
    Ok(schemas.iter().filter(exists).cloned().collect())
}

/// The pool's tables and views. What has a name that no [`Identifier`] can carry is left out.
pub(crate) fn tables(connection: &Connection) -> Result<Vec<PoolTable>, WarehouseError> {
    let sql = format!(
        "SELECT e.schema_name, e.table_name, e.is_view, e.estimated_size, c.column_name, c.data_type \
         FROM ({ENTRIES}) e \
         LEFT JOIN duckdb_columns() c ON c.database_name = current_database() \
         AND c.schema_name = e.schema_name AND c.table_name = e.table_name \
         WHERE e.schema_name <> '{OWN_SCHEMA}' AND NOT starts_with(e.table_name, '{STAGING}') \
         ORDER BY e.schema_name, e.table_name, c.column_index"
    );
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, bool>(2)?,
            row.get::<_, Option<i64>>(3)?,
            row.get::<_, Option<String>>(4)?,
            row.get::<_, Option<String>>(5)?,
        ))
    });
    let rows = rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)?;
    let mut tables: Vec<PoolTable> = Vec::new();
    for (schema, table, is_view, estimated, column, type_name) in rows {
        let (Ok(schema), Ok(name)) =
            (Identifier::parse("schema", &schema), Identifier::parse("table", &table))
        else {
            continue;
        };
        let table = WarehouseTable { schema, name };
        if tables.last().is_none_or(|last| last.table != table) {
            let kind = if is_view { PoolTableKind::View } else { PoolTableKind::Table };
            let rows_at_most = estimated.map(i64::unsigned_abs);
            tables.push(PoolTable { table, kind, columns: Vec::new(), rows_at_most });
        }
        if let (Some(last), Some(column), Some(type_name)) = (tables.last_mut(), column, type_name)
            && let Ok(name) = Identifier::parse("column", &column)
        {
            last.columns.push(PoolColumn { name, type_name });
        }
    }
    Ok(tables)
}
