//! What tables and views there are.

use duckdb::Connection;
use forebay_core::name::Identifier;
use forebay_core::warehouse::{PoolColumn, PoolTable, PoolTableKind, WarehouseError, WarehouseTable};

use crate::error::failed;
use crate::names::{OWN_SCHEMA, STAGING, same};

/// Tables and views with their schemas, of the pool's own file.
const ENTRIES: &str = "SELECT schema_name, table_name, false AS is_view FROM duckdb_tables() \
     WHERE database_name = current_database() AND NOT internal \
     UNION ALL SELECT schema_name, view_name, true FROM duckdb_views() \
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

/// Looks a table up, as the engine does: without regard to the case of ASCII letters.
pub(crate) fn find(connection: &Connection, table: &WarehouseTable) -> Result<Found, WarehouseError> {
    let (schema, name) = (table.schema.as_str(), table.name.as_str());
    let sql = format!(
        "SELECT schema_name, table_name, is_view FROM ({ENTRIES}) WHERE lower(schema_name) = lower(?) AND lower(table_name) = lower(?)"
    );
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let rows = statement.query_map([schema, name], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
    });
    let rows = rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)?;
    let Some((schema, name, is_view)) =
        rows.into_iter().find(|(found_schema, found, _)| same(found_schema, schema) && same(found, name))
    else {
        return Ok(Found::Nothing);
    };
    let sql = "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() \
               AND schema_name = ? AND table_name = ? ORDER BY column_index";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let rows =
        statement.query_map([&schema, &name], |row| Ok(Column { name: row.get(0)?, kind: row.get(1)? }));
    let columns = rows.and_then(Iterator::collect).map_err(failed)?;
    Ok(if is_view { Found::View(columns) } else { Found::Table(columns) })
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
        "SELECT e.schema_name, e.table_name, e.is_view, c.column_name, c.data_type FROM ({ENTRIES}) e \
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
            row.get::<_, Option<String>>(3)?,
            row.get::<_, Option<String>>(4)?,
        ))
    });
    let rows = rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)?;
    let mut tables: Vec<PoolTable> = Vec::new();
    for (schema, table, is_view, column, type_name) in rows {
        let (Ok(schema), Ok(name)) =
            (Identifier::parse("schema", &schema), Identifier::parse("table", &table))
        else {
            continue;
        };
        let table = WarehouseTable { schema, name };
        if tables.last().is_none_or(|last| last.table != table) {
            let kind = if is_view { PoolTableKind::View } else { PoolTableKind::Table };
            tables.push(PoolTable { table, kind, columns: Vec::new() });
        }
        if let (Some(last), Some(column), Some(type_name)) = (tables.last_mut(), column, type_name)
            && let Ok(name) = Identifier::parse("column", &column)
        {
            last.columns.push(PoolColumn { name, type_name });
        }
    }
    Ok(tables)
}
