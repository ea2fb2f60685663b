//! What tables, views and columns a database has.

use std::collections::HashMap;

use forebay_core::extraction::SourceTableName;
use forebay_core::name::Identifier;
use forebay_core::source::{SourceColumn, SourceError, SourceTable};
use sqlx::sqlite::SqliteConnection;

use super::failed;
use super::values::Kind;
use crate::choice::{invalid, listed};

/// A table or a view.
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    /// The primary key, in order.
    pub(super) key: Vec<Identifier>,
    /// The name by which a row's number can be read, if the table has such numbers.
    pub(super) row_number: Option<&'static str>,
}

#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: Identifier,
    pub(super) declared: String,
    pub(super) kind: Kind,
}

const TABLES: &str = "SELECT name, type, wr FROM pragma_table_list \
     WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
     ORDER BY name";

pub(super) async fn tables(connection: &mut SqliteConnection) -> Result<Vec<SourceTable>, SourceError> {
    let found: Vec<(String, String, bool)> = sqlx::query_as(TABLES)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| failed("list the tables", error))?;
    let estimates = estimates(connection).await?;
    let mut tables = Vec::with_capacity(found.len());
    for (name, kind, without_rowid) in found {
        // A view of a table that is gone must not hide all the others.
        let described = match Identifier::parse("table", &name) {
            Ok(identifier) => {
                let described = describe(connection, &name, &kind, without_rowid).await;
                described.map(|described| (identifier, described))
            }
            Err(error) => Err(invalid(error.to_string())),
        };
        match described {
            Ok((identifier, described)) => tables.push(SourceTable {
                table: SourceTableName { schema: None, name: identifier },
                columns: described
                    .columns
                    .into_iter()
                    .map(|column| SourceColumn { name: column.name, type_name: column.declared })
                    .collect(),
                key: described.key,
                rows: estimates.get(&name).copied(),
            }),
            Err(error) => tracing::warn!(table = name, %error, "a table is left out"),
        }
    }
    Ok(tables)
}

/// One table, by the name a request gives it.
pub(super) async fn table(
    connection: &mut SqliteConnection,
    name: &SourceTableName,
) -> Result<Table, SourceError> {
    if name.schema.as_ref().is_some_and(|schema| schema.as_str() != "main") {
        return Err(invalid(format!(
            "table \"{name}\": a SQLite file has no schemas; leave the schema empty"
        )));
    }
    let found: Vec<(String, String, bool)> = sqlx::query_as(TABLES)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| failed("list the tables", error))?;
    let wanted = name.name.as_str();
    match found.iter().find(|(found, ..)| found == wanted) {
        Some((found, kind, without_rowid)) => describe(connection, found, kind, *without_rowid).await,
        None => Err(invalid(format!(
            "the database has no table or view \"{wanted}\"; it has {}",
            listed(found.iter().map(|(name, ..)| name.as_str()))
        ))),
    }
}

async fn describe(
    connection: &mut SqliteConnection,
    name: &str,
    kind: &str,
    without_rowid: bool,
) -> Result<Table, SourceError> {
    let found: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT name, coalesce(type, ''), pk FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid",
    )
    .bind(name)
    .fetch_all(connection)
    .await
    .map_err(|error| failed(&format!("read the columns of \"{name}\""), error))?;
    let mut columns = Vec::with_capacity(found.len());
    let mut key = Vec::new();
    for (column, declared, place) in found {
        let identifier = Identifier::parse("column", &column).map_err(|error| {
            invalid(format!("table \"{name}\": {error}; rename the column or offer the table through a view"))
        })?;
        if place > 0 {
            key.push((place, identifier.clone()));
        }
        let declared = match declared.to_ascii_uppercase().find("GENERATED ALWAYS") {
            Some(end) => declared[..end].trim().to_owned(),
            None => declared,
        };
        columns.push(Column { kind: Kind::of(&declared), name: identifier, declared });
    }
    key.sort();
    let free =
        |number: &&str| !columns.iter().any(|column| column.name.as_str().eq_ignore_ascii_case(number));
    let row_number = if kind == "table" && !without_rowid {
        ["rowid", "_rowid_", "oid"].into_iter().find(|number| free(number))
    } else {
        None
    };
    Ok(Table { columns, key: key.into_iter().map(|(_, column)| column).collect(), row_number })
}

/// The numbers of rows that the last ANALYZE saw.
async fn estimates(connection: &mut SqliteConnection) -> Result<HashMap<String, u64>, SourceError> {
    let step = "read the row estimates";
    let analyzed = sqlx::query("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'")
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| failed(step, error))?;
    if analyzed.is_none() {
        return Ok(HashMap::new());
    }
    // `stat` begins with the number of rows; that of a partial index is less than the table's.
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl IS NOT NULL AND stat IS NOT NULL \
         GROUP BY tbl",
    )
    .fetch_all(connection)
    .await
    .map_err(|error| failed(step, error))?;
    Ok(rows.into_iter().filter_map(|(table, rows)| Some((table, u64::try_from(rows).ok()?))).collect())
}
