//! Checks of a model's keys. A broken key is a warning: the model is loaded all the same.
//!
//! A relation is checked only when both of its tables were written anew; a kept table is older than
//! what the pool holds now.

use duckdb::Connection;
use forebay_core::model::ForeignKey;
use forebay_core::name::Identifier;
use forebay_core::warehouse::WarehouseError;

use super::ModelTable;
use crate::catalog::Column;
use crate::error::internal;
use crate::names::{list, qualified, same};
use crate::session::Halt;
use crate::show::count;

pub(super) fn warnings(
    connection: &Connection,
    tables: &[ModelTable<'_>],
    foreign_keys: &[ForeignKey],
    halt: &Halt,
) -> Result<Vec<String>, WarehouseError> {
    let mut warnings = Vec::new();
    for table in tables.iter().filter(|table| !table.columns.is_empty()) {
        halt.check()?;
        primary_key(connection, table, &mut warnings)?;
    }
    for key in foreign_keys {
        halt.check()?;
        foreign_key(connection, key, tables, &mut warnings)?;
    }
    Ok(warnings)
}

/// The type of a column; `None` when it is missing.
fn kind<'a>(columns: &'a [Column], name: &Identifier) -> Option<&'a str> {
    columns.iter().find(|column| same(&column.name, name.as_str())).map(|column| column.kind.as_str())
}

fn is_number(kind: &str) -> bool {
    ["DECIMAL", "FLOAT", "DOUBLE"].iter().any(|begin| kind.starts_with(begin))
        || kind.ends_with("INT")
        || kind == "INTEGER"
        || kind == "UINTEGER"
}

/// Says which columns a table lacks; whether it has them all.
fn has_columns(table: &ModelTable<'_>, names: &[Identifier], key: &str, warnings: &mut Vec<String>) -> bool {
    let lost: Vec<Identifier> =
        names.iter().filter(|name| kind(&table.columns, name).is_none()).cloned().collect();
    if !lost.is_empty() {
        warnings.push(format!(
            "{}: {key} names {}, which the table does not have; correct the key",
            table.table.alias,
            list(&lost)
        ));
    }
    lost.is_empty()
}

/// How many values of some columns come more than once; NULL is no value.
fn repeated(
    connection: &Connection,
    table: &ModelTable<'_>,
    key: &[Identifier],
) -> Result<u64, WarehouseError> {
    let set: Vec<String> = key.iter().map(|column| format!("{} IS NOT NULL", column.quoted())).collect();
    count(
        connection,
        &format!(
            "SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1)",
            qualified(&table.table.table),
            set.join(" AND "),
            list(key)
        ),
    )
}

fn primary_key(
    connection: &Connection,
    table: &ModelTable<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), WarehouseError> {
    let key = &table.table.primary_key;
    if key.is_empty() || !has_columns(table, key, "the primary key", warnings) {
        return Ok(());
    }
    let alias = &table.table.alias;
    let twice = repeated(connection, table, key)?;
    if twice > 0 {
        warnings
            .push(format!("{alias}: {twice} values of the primary key ({}) come more than once", list(key)));
    }
    let empty: Vec<String> = key.iter().map(|column| format!("{} IS NULL", column.quoted())).collect();
    let empty = count(
        connection,
        &format!("SELECT count(*) FROM {} WHERE {}", qualified(&table.table.table), empty.join(" OR ")),
    )?;
    if empty > 0 {
        warnings.push(format!("{alias}: {empty} rows have no value in the primary key ({})", list(key)));
    }
    Ok(())
}

fn foreign_key(
    connection: &Connection,
    key: &ForeignKey,
    tables: &[ModelTable<'_>],
    warnings: &mut Vec<String>,
) -> Result<(), WarehouseError> {
    let find = |id| {
        tables
            .iter()
            .find(|table| table.table.id == id)
            .ok_or_else(|| internal("a relation names no table of the model"))
    };
    let (one, many) = (find(key.source)?, find(key.target)?);
    if one.columns.is_empty() || many.columns.is_empty() || key.columns.is_empty() {
        return Ok(());
    }
    let (ones, manys): (Vec<_>, Vec<_>) = key.columns.iter().cloned().unzip();
    let relation = format!("its relation with {}", many.table.alias);
    let other = format!("its relation with {}", one.table.alias);
    if !has_columns(one, &ones, &relation, warnings) | !has_columns(many, &manys, &other, warnings) {
        return Ok(());
    }
    let mut on = Vec::new();
    let mut set = Vec::new();
    for (left, right) in &key.columns {
        let (one, many) = (kind(&one.columns, left), kind(&many.columns, right));
        let alike = one == many || (one.is_some_and(is_number) && many.is_some_and(is_number));
        let cast = if alike { "" } else { "::VARCHAR" };
        on.push(format!("one.{}{cast} = many.{}{cast}", left.quoted(), right.quoted()));
        set.push(format!("many.{} IS NOT NULL", right.quoted()));
    }
    let orphans = count(
        connection,
        &format!(
            "SELECT count(*) FROM {} AS many WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS one WHERE {})",
            qualified(&many.table.table),
            set.join(" AND "),
            qualified(&one.table.table),
            on.join(" AND ")
        ),
    )?;
    if orphans > 0 {
        warnings.push(format!("{}: {orphans} rows have no row in {}", many.table.alias, one.table.alias));
    }
    let twice = repeated(connection, one, &ones)?;
    if twice > 0 {
        warnings.push(format!(
            "{}: {twice} values of {} come more than once, where its relation with {} needs them once",
            one.table.alias,
            list(&ones),
            many.table.alias
        ));
    }
    Ok(())
}
