//! The tables a user may read.

use std::collections::BTreeMap;

use forebay_core::extraction::SourceTableName;
use forebay_core::name::Identifier;
use forebay_core::source::{SourceColumn, SourceError, SourceTable};
use tokio_postgres::Row;

use super::catalog::KEYS;
use super::fault;
use super::session::Session;

/// Partitions are read through the table they belong to. The estimate counts partitions and
/// children; what was never analysed has none. A table without columns holds nothing to read.
const TABLES: &str = "SELECT c.oid, n.nspname, c.relname, \
        CASE WHEN c.relkind IN ('r', 'p', 'm') THEN ( \
            WITH RECURSIVE tree (oid) AS (SELECT c.oid UNION \
                SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON tree.oid = i.inhparent) \
            SELECT sum(member.reltuples)::int8 FROM tree JOIN pg_catalog.pg_class member USING (oid) \
            WHERE member.relkind IN ('r', 'm') AND member.reltuples >= 0 \
                AND (member.relpages > 0 OR pg_catalog.current_setting('server_version_num')::int >= 140000)) \
        END \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition \
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%' \
        AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
        AND EXISTS (SELECT FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')) \
    ORDER BY n.nspname, c.relname";

const COLUMNS: &str = "SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) \
    FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped \
        AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') \
    ORDER BY a.attrelid, a.attnum";

/// All of them as of one moment.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Lists tables and views with their columns and keys, in a transaction that is left open. What has a
/// name that Forebay cannot carry (a control character) is left out with a line in the log.
pub(super) async fn tables(session: &Session) -> Result<Vec<SourceTable>, SourceError> {
    let failed = |error| fault::query("listing the tables", error);
    session.prepared(TABLES).await.map_err(failed)?;
    let (begun, found) =
        futures::future::join(session.client().batch_execute(BEGIN), session.rows(TABLES, &[])).await;
    begun.map_err(failed)?;
    let found = found.map_err(failed)?;
    let oids: Vec<u32> = found.iter().map(|row| row.get(0)).collect();
    let (columns, keys) =
        futures::future::join(session.rows(COLUMNS, &[&oids]), session.rows(KEYS, &[&oids])).await;
    let (columns, keys) = (columns.map_err(failed)?, keys.map_err(failed)?);
    let (columns, keys) = (by_table(&columns), by_table(&keys));
    let mut tables = Vec::with_capacity(found.len());
    for row in &found {
        let (oid, schema, name): (u32, &str, &str) = (row.get(0), row.get(1), row.get(2));
        match table(row, &columns, &keys, oid) {
            Ok(table) => tables.push(table),
            Err(error) => tracing::warn!(schema, table = name, %error, "a table is left out"),
        }
    }
    Ok(tables)
}

fn table(
    row: &Row,
    columns: &BTreeMap<u32, Vec<&Row>>,
    keys: &BTreeMap<u32, Vec<&Row>>,
    oid: u32,
) -> forebay_core::error::Result<SourceTable> {
    let named = |row: &Row| Identifier::parse("column", row.get(1));
    Ok(SourceTable {
        table: SourceTableName {
            schema: Some(Identifier::parse("schema", row.get(1))?),
            name: Identifier::parse("table", row.get(2))?,
        },
        columns: of(columns, oid)
            .map(|row| Ok(SourceColumn { name: named(row)?, type_name: row.get(2) }))
            .collect::<forebay_core::error::Result<_>>()?,
        key: of(keys, oid).map(named).collect::<forebay_core::error::Result<_>>()?,
        rows: row.get::<_, Option<i64>>(3).and_then(|rows| u64::try_from(rows).ok()),
    })
}

fn by_table(rows: &[Row]) -> BTreeMap<u32, Vec<&Row>> {
    let mut tables: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        tables.entry(row.get(0)).or_default().push(row);
    }
    tables
}

fn of<'a>(rows: &'a BTreeMap<u32, Vec<&'a Row>>, oid: u32) -> impl Iterator<Item = &'a Row> {
    rows.get(&oid).into_iter().flatten().copied()
}
