//! The tables of the connection's database that a user may read.

use std::collections::BTreeMap;

use forebay_core::extraction::SourceTableName;
use forebay_core::name::Identifier;
use forebay_core::source::{SourceColumn, SourceError, SourceTable};

use super::catalog::{columns_sql, keys_sql, literal, tables_sql};
use super::session::{Answer, Session};

/// Lists tables and views with their columns and keys. What has a name that Forebay cannot carry (a control
/// character) is left out with a line in the log, and so is what has no column that the user may read.
pub(super) async fn tables(session: &mut Session, database: &str) -> Result<Vec<SourceTable>, SourceError> {
    let doing = "listing the tables";
    let condition = format!("TABLE_SCHEMA = {}", literal(database));
    let found = session.query(doing, &tables_sql(&condition)).await?;
    let columns = session.query(doing, &columns_sql(&condition)).await?;
    let keys = session.query(doing, &keys_sql(&condition)).await?;
    let (columns_of, keys_of) = (by_table(&columns), by_table(&keys));
    let mut tables = Vec::with_capacity(found.rows.len());
    for row in 0..found.rows.len() {
        let name = found.value(row, "name").unwrap_or_default();
        let places = |of: &BTreeMap<&str, Vec<usize>>| of.get(name).cloned().unwrap_or_default();
        let readable: Vec<usize> = places(&columns_of)
            .into_iter()
            .filter(|place| columns.value(*place, "readable") != Some("0"))
            .collect();
        if readable.is_empty() {
            continue;
        }
        match table(&found, row, (&columns, &readable), (&keys, &places(&keys_of))) {
            Ok(table) => tables.push(table),
            Err(error) => tracing::warn!(table = name, %error, "a table is left out"),
        }
    }
    Ok(tables)
}

/// The rows of each table's name.
fn by_table(answer: &Answer) -> BTreeMap<&str, Vec<usize>> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for row in 0..answer.rows.len() {
        places.entry(answer.value(row, "owner").unwrap_or_default()).or_default().push(row);
    }
    places
}

fn table(
    found: &Answer,
    row: usize,
    (columns, readable): (&Answer, &[usize]),
    (keys, of_key): (&Answer, &[usize]),
) -> forebay_core::error::Result<SourceTable> {
    let named = |answer: &Answer, row: usize| {
        Identifier::parse("column", answer.value(row, "name").unwrap_or_default())
    };
    let mut table = SourceTable {
        table: SourceTableName {
            schema: Some(Identifier::parse("schema", found.value(row, "owner").unwrap_or_default())?),
            name: Identifier::parse("table", found.value(row, "name").unwrap_or_default())?,
        },
        columns: Vec::new(),
        key: Vec::new(),
        rows: found.value(row, "rows_about").and_then(|rows| rows.parse().ok()),
    };
    for place in readable {
        let type_name = columns.value(*place, "written").unwrap_or_default().to_owned();
        table.columns.push(SourceColumn { name: named(columns, *place)?, type_name });
    }
    for place in of_key {
        table.key.push(named(keys, *place)?);
    }
    Ok(table)
}
