//! What one table, view or other relation of a database is made of.

use forebay_core::extraction::SourceTableName;
use forebay_core::name::{Identifier, quote};
use forebay_core::source::{SourceError, SourceErrorKind};
use tokio_postgres::{Client, Row};

use super::fault;
use super::types::Kind;
use crate::choice::{invalid, place};

/// A relation that can be read.
pub(super) struct Relation {
    pub(super) name: SourceTableName,
    /// Quoted, with its schema.
    pub(super) sql: String,
    pub(super) columns: Vec<RelationColumn>,
    /// The primary key, in order.
    pub(super) key: Vec<Identifier>,
    pub(super) history: History,
}

/// Whether each row tells the transaction that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum History {
    /// An ordinary table: `xmin` is the transaction, and no change goes without one.
    Tracked,
    /// A view, a foreign table, or a table of another storage.
    Unknown,
}

pub(super) struct RelationColumn {
    pub(super) name: Identifier,
    /// The type as PostgreSQL writes it.
    pub(super) type_name: String,
    pub(super) kind: Kind,
    /// The type below all domains, and its name in SQL.
    pub(super) type_oid: u32,
    pub(super) type_sql: String,
}

impl Relation {
    /// A column by its name; `None` when there is none of it.
    pub(super) fn column(&self, name: &Identifier) -> Result<&RelationColumn, SourceError> {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        Ok(&self.columns[place(&self.name, &names, name.as_str())?])
    }
}

/// Foreign tables change without a transaction of this server, and other storages may not tell one.
const RELATION: &str = "WITH RECURSIVE tree (oid) AS ( \
        SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
            AND CASE WHEN $1::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $1 END \
      UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON tree.oid = i.inhparent \
    ) \
    SELECT c.oid, n.nspname, NOT EXISTS ( \
        SELECT FROM tree JOIN pg_catalog.pg_class member ON member.oid = tree.oid \
            LEFT JOIN pg_catalog.pg_am am ON am.oid = member.relam \
        WHERE member.relkind IN ('v', 'f') OR am.amname <> 'heap') AS tracked \
    FROM (SELECT oid FROM tree LIMIT 1) first \
        JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

/// Domains are followed down to the type that is sent.
const COLUMNS: &str = "WITH RECURSIVE typed AS ( \
        SELECT a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS written, \
            t.oid, t.typtype, t.typbasetype, t.typtypmod, a.atttypmod AS modifier \
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
        WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped \
      UNION ALL \
        SELECT d.attnum, d.attname, d.written, t.oid, t.typtype, t.typbasetype, t.typtypmod, d.typtypmod \
        FROM typed d JOIN pg_catalog.pg_type t ON t.oid = d.typbasetype WHERE d.typtype = 'd' \
    ) \
    SELECT attname, written, oid, typtype::text, modifier, pg_catalog.format_type(oid, NULL) \
    FROM typed WHERE typtype <> 'd' ORDER BY attnum";

const KEY: &str = "SELECT a.attname FROM pg_catalog.pg_index i \
        CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k (attnum, place) \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
    WHERE i.indrelid = $1 AND i.indisprimary ORDER BY k.place";

/// Looks a relation up.
pub(super) async fn describe(client: &Client, table: &SourceTableName) -> Result<Relation, SourceError> {
    let doing = format!("looking table {table} up");
    let failed = |error| fault::query(&doing, error);
    let schema = table.schema.as_ref().map(Identifier::as_str);
    let Some(found) = client.query_opt(RELATION, &[&schema, &table.name.as_str()]).await.map_err(failed)?
    else {
        return Err(invalid(format!(
            "the database has no table or view \"{table}\" that this user can see; check schema, name and case"
        )));
    };
    let (oid, schema, tracked): (u32, String, bool) = (found.get(0), found.get(1), found.get(2));
    let columns: Result<Vec<_>, _> =
        client.query(COLUMNS, &[&oid]).await.map_err(failed)?.iter().map(|row| column(table, row)).collect();
    let key = client.query(KEY, &[&oid]).await.map_err(failed)?;
    Ok(Relation {
        name: table.clone(),
        sql: format!("{}.{}", quote(&schema), table.name.quoted()),
        columns: columns?,
        key: key.iter().map(|row| named(table, row.get(0))).collect::<Result<_, _>>()?,
        history: if tracked { History::Tracked } else { History::Unknown },
    })
}

fn column(table: &SourceTableName, row: &Row) -> Result<RelationColumn, SourceError> {
    let (type_oid, class, modifier): (u32, &str, i32) = (row.get(2), row.get(3), row.get(4));
    Ok(RelationColumn {
        name: named(table, row.get(0))?,
        type_name: row.get(1),
        kind: Kind::of(type_oid, modifier, class),
        type_oid,
        type_sql: row.get(5),
    })
}

fn named(table: &SourceTableName, column: &str) -> Result<Identifier, SourceError> {
    Identifier::parse("column", column).map_err(|error| {
        SourceError::new(
            SourceErrorKind::Invalid,
            format!("table {table}: {error}; rename the column or offer the table through a view"),
        )
    })
}
