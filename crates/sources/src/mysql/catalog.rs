//! What one table or view of a database is made of.

use forebay_core::extraction::SourceTableName;
use forebay_core::name::Identifier;
use forebay_core::source::{SourceError, SourceErrorKind};

use super::session::{Answer, Session};
use super::types::{Declared, Kind};
use crate::choice::{invalid, place};

/// A table or view that can be read.
pub(super) struct Relation {
    pub(super) name: SourceTableName,
    /// Quoted, with its database.
    pub(super) sql: String,
    /// The columns that this user may read.
    pub(super) columns: Vec<RelationColumn>,
    /// Those that it may not.
    pub(super) hidden: Vec<String>,
    /// The primary key, in order.
    pub(super) key: Vec<Identifier>,
    /// What keeps the rows; `None` for a view.
    pub(super) engine: Option<String>,
    /// The server's own estimate.
    pub(super) rows: Option<u64>,
    /// When the table was made or rebuilt, as the server writes it.
    pub(super) made: Option<String>,
}

pub(super) struct RelationColumn {
    pub(super) name: Identifier,
    /// The type as the server writes it.
    pub(super) type_name: String,
    pub(super) data_type: String,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
}

impl Relation {
    /// A column by its name.
    pub(super) fn column(&self, name: &Identifier) -> Result<&RelationColumn, SourceError> {
        if self.hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(name.as_str())) {
            return Err(SourceError::new(
                SourceErrorKind::Denied,
                format!(
                    "table {}: this user may not read column {name}; grant SELECT on it, or leave it out",
                    self.name
                ),
            ));
        }
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        Ok(&self.columns[place(&self.name, &names, name.as_str())?])
    }

    /// Whether its rows are those of one moment in a snapshot.
    pub(super) fn keeps_versions(&self) -> bool {
        self.engine.as_deref().is_none_or(|engine| engine.eq_ignore_ascii_case("InnoDB"))
    }
}

/// A name in backticks.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as an SQL literal. Sessions take backslashes for escapes.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The columns of the tables that meet a condition. The server shows those for which the user has any right.
pub(super) fn columns_sql(condition: &str) -> String {
    format!(
        "SELECT TABLE_NAME AS owner, COLUMN_NAME AS name, COLUMN_TYPE AS written, DATA_TYPE AS type, \
             NUMERIC_PRECISION AS digits, NUMERIC_SCALE AS scale, IS_NULLABLE AS nullable, \
             PRIVILEGES LIKE '%select%' AS readable \
         FROM information_schema.COLUMNS WHERE {condition} ORDER BY TABLE_NAME, ORDINAL_POSITION"
    )
}

pub(super) fn keys_sql(condition: &str) -> String {
    format!(
        "SELECT TABLE_NAME AS owner, COLUMN_NAME AS name FROM information_schema.STATISTICS \
         WHERE {condition} AND INDEX_NAME = 'PRIMARY' ORDER BY TABLE_NAME, SEQ_IN_INDEX"
    )
}

pub(super) fn tables_sql(condition: &str) -> String {
    format!(
        "SELECT TABLE_SCHEMA AS owner, TABLE_NAME AS name, TABLE_TYPE AS type, ENGINE AS engine, \
             TABLE_ROWS AS rows_about, CREATE_TIME AS made \
         FROM information_schema.TABLES \
         WHERE {condition} AND TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME"
    )
}

/// Looks a table up; without a schema it is one of the connection's database.
pub(super) async fn describe(
    session: &mut Session,
    table: &SourceTableName,
    database: &str,
) -> Result<Relation, SourceError> {
    let doing = format!("looking table {table} up");
    let schema = table.schema.as_ref().map_or(database, Identifier::as_str);
    let condition = |schema: &str, name: &str| {
        format!("TABLE_SCHEMA = {} AND TABLE_NAME = {}", literal(schema), literal(name))
    };
    let found = session.query(&doing, &tables_sql(&condition(schema, table.name.as_str()))).await?;
    let Some(row) = the_one(&found, schema, table.name.as_str()) else {
        return Err(invalid(format!(
            "the server has no table or view \"{table}\" that this user can see (in database {schema:?}); check \
             schema, name and case"
        )));
    };
    let text = |column: &str| found.value(row, column).map(str::to_owned);
    let (owner, name) = (text("owner").unwrap_or_default(), text("name").unwrap_or_default());
    let mut relation = Relation {
        name: table.clone(),
        sql: format!("{}.{}", quoted(&owner), quoted(&name)),
        columns: Vec::new(),
        hidden: Vec::new(),
        key: Vec::new(),
        engine: (text("type").as_deref() != Some("VIEW"))
            .then(|| text("engine").unwrap_or_else(|| "unknown".to_owned())),
        rows: text("rows_about").and_then(|rows| rows.parse().ok()),
        made: text("made"),
    };
    let condition = condition(&owner, &name);
    let columns = session.query(&doing, &columns_sql(&condition)).await?;
    for row in 0..columns.rows.len() {
        // Where the server takes names without case, another table could be alike.
        if columns.value(row, "owner") != Some(name.as_str()) {
            continue;
        }
        if columns.value(row, "readable") == Some("0") {
            relation.hidden.push(columns.value(row, "name").unwrap_or_default().to_owned());
        } else {
            relation.columns.push(column(table, &columns, row)?);
        }
    }
    if relation.columns.is_empty() {
        return Err(match relation.hidden.len() {
            0 => invalid(format!(
                "table {table} has no columns that this user can see; if it is a view, check that what it reads is \
                 still there"
            )),
            _ => SourceError::new(
                SourceErrorKind::Denied,
                format!("table {table}: this user may read none of its columns; grant SELECT on it"),
            ),
        });
    }
    let keys = session.query(&doing, &keys_sql(&condition)).await?;
    for row in 0..keys.rows.len() {
        if keys.value(row, "owner") == Some(name.as_str()) {
            relation.key.push(named(table, keys.value(row, "name").unwrap_or_default())?);
        }
    }
    Ok(relation)
}

/// The table of exactly this name, or the only one that the server takes for it.
fn the_one(found: &Answer, schema: &str, name: &str) -> Option<usize> {
    let rows = 0..found.rows.len();
    let exact = rows
        .clone()
        .find(|row| found.value(*row, "owner") == Some(schema) && found.value(*row, "name") == Some(name));
    exact.or_else(|| (rows.len() == 1).then_some(0))
}

fn column(table: &SourceTableName, found: &Answer, row: usize) -> Result<RelationColumn, SourceError> {
    let text = |column: &str| found.value(row, column).unwrap_or_default();
    let number = |column: &str| found.value(row, column).and_then(|number| number.parse().ok());
    Ok(RelationColumn {
        name: named(table, text("name"))?,
        type_name: text("written").to_owned(),
        data_type: text("type").to_owned(),
        kind: Kind::of(&Declared {
            data_type: text("type"),
            column_type: text("written"),
            precision: number("digits"),
            scale: number("scale"),
        }),
        nullable: text("nullable") != "NO",
    })
}

fn named(table: &SourceTableName, column: &str) -> Result<Identifier, SourceError> {
    Identifier::parse("column", column).map_err(|error| {
        invalid(format!("table {table}: {error}; rename the column or offer the table through a view"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(quoted("a`b"), "`a``b`");
        assert_eq!(literal(r"it's \ "), r"'it''s \\ '");
    }
}
