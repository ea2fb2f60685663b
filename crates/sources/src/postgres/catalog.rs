//! What one table, view or other relation of a database is made of.

use forebay_core::extraction::SourceTableName;
use forebay_core::name::{Identifier, quote};
use forebay_core::source::{SourceError, SourceErrorKind};
use tokio_postgres::Row;

use super::fault;
use super::session::Session;
use super::types::Kind;
use crate::choice::{invalid, place};

/// A relation that can be read.
pub(super) struct Relation {
    pub(super) oid: u32,
    pub(super) name: SourceTableName,
    /// Quoted, with its schema.
    pub(super) sql: String,
    /// The columns that this user may read.
    pub(super) columns: Vec<RelationColumn>,
    /// Those that it may not.
    pub(super) hidden: Vec<String>,
    /// The primary key, in order.
    pub(super) key: Vec<Identifier>,
    pub(super) history: History,
    /// Which rows this user sees depends on policies, which may depend on anything.
    pub(super) policed: bool,
}

/// Whether each row tells the transaction that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum History {
    /// Ordinary tables: `xmin` is the transaction, and no change goes without one.
    Tracked,
    View,
    /// Foreign tables change without a transaction of this server.
    Foreign,
    /// A storage of its own need not tell transactions.
    Storage,
    /// A right on columns alone does not reach `xmin`.
    ColumnRights,
}

impl History {
    /// Completes "PostgreSQL does not tell which rows are new, because …".
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Tracked => "it does",
            Self::View => "this is a view",
            Self::Foreign => "its rows lie on another server",
            Self::Storage => "it has a storage of its own",
            Self::ColumnRights => "this user may read only some of its columns",
        }
    }
}

pub(super) struct RelationColumn {
    pub(super) name: Identifier,
    /// Its place in the table: another one of the same name has another.
    pub(super) number: i16,
    /// The type as PostgreSQL writes it.
    pub(super) type_name: String,
    pub(super) kind: Kind,
    /// The type below all domains, and its name in SQL.
    pub(super) type_oid: u32,
    pub(super) type_sql: String,
    /// How it is computed, when that happens as it is read.
    pub(super) computed: Option<String>,
}

impl Relation {
    /// A column by its name.
    pub(super) fn column(&self, name: &Identifier) -> Result<&RelationColumn, SourceError> {
        if self.hidden.iter().any(|hidden| hidden == name.as_str()) {
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
}

/// The relation, and the worst that is among its partitions and children.
const RELATION: &str = "WITH RECURSIVE tree (oid, root) AS ( \
        SELECT c.oid, true FROM pg_catalog.pg_class c \
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
            AND CASE WHEN $1::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $1 END \
      UNION SELECT i.inhrelid, false FROM pg_catalog.pg_inherits i JOIN tree ON tree.oid = i.inhparent \
    ) \
    SELECT c.oid, n.nspname, ( \
            SELECT CASE WHEN bool_or(member.relkind = 'v') THEN 'view' \
                WHEN bool_or(member.relkind = 'f') THEN 'foreign' \
                WHEN bool_or(am.amname <> 'heap') THEN 'storage' END \
            FROM tree JOIN pg_catalog.pg_class member ON member.oid = tree.oid \
                LEFT JOIN pg_catalog.pg_am am ON am.oid = member.relam) AS untracked, \
        pg_catalog.has_table_privilege(c.oid, 'SELECT'), pg_catalog.row_security_active(c.oid) \
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE tree.root";

/// Domains are followed down to the type that is sent. Read, a modifier of -1 says "as it is", where
/// none would make `character` one of a single character.
const COLUMNS: &str = "WITH RECURSIVE typed AS ( \
        SELECT a.attrelid, a.attnum, a.attname, a.attgenerated, \
            pg_catalog.format_type(a.atttypid, a.atttypmod) AS written, \
            t.oid, t.typtype, t.typbasetype, t.typtypmod, a.atttypmod AS modifier \
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
        WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped \
      UNION ALL \
        SELECT d.attrelid, d.attnum, d.attname, d.attgenerated, d.written, \
            t.oid, t.typtype, t.typbasetype, t.typtypmod, d.typtypmod \
        FROM typed d JOIN pg_catalog.pg_type t ON t.oid = d.typbasetype WHERE d.typtype = 'd' \
    ) \
    SELECT attname, written, oid, typtype::text, modifier, pg_catalog.format_type(oid, -1), attnum, \
        coalesce(pg_catalog.has_column_privilege(attrelid, attnum, 'SELECT'), false), \
        EXISTS (SELECT FROM pg_catalog.pg_cast c \
            WHERE c.castsource = typed.oid AND c.casttarget = 'pg_catalog.text'::regtype AND c.castmethod = 'f'), \
        (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d \
            WHERE d.adrelid = attrelid AND d.adnum = attnum AND attgenerated = 'v') \
    FROM typed WHERE typtype <> 'd' ORDER BY attnum";

/// The keys of tables, by table and place. A key with more columns included is of its first ones
/// alone. The key of a table that others inherit from does not bind their rows, which are read
/// with its own; that of a partitioned table does.
pub(super) const KEYS: &str = "SELECT i.indrelid, a.attname FROM pg_catalog.pg_index i \
        JOIN pg_catalog.pg_class c ON c.oid = i.indrelid \
        CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k (attnum, place) \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
    WHERE i.indrelid = ANY ($1) AND i.indisprimary AND i.indisvalid AND k.place <= i.indnkeyatts \
        AND (c.relkind = 'p' \
            OR NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = i.indrelid)) \
    ORDER BY i.indrelid, k.place";

/// Columns whose rows an index gives in the column's own order.
const ORDERED: &str = "SELECT a.attnum FROM pg_catalog.pg_index i \
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
        JOIN pg_catalog.pg_am am ON am.oid = c.relam \
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
    WHERE i.indrelid = $1 AND i.indisvalid AND i.indpred IS NULL AND am.amname = 'btree' \
        AND i.indcollation[0] = a.attcollation";

/// The numbers of the columns whose greatest values the server finds without a look at all rows.
pub(super) async fn ordered(session: &Session, relation: &Relation) -> Result<Vec<i16>, SourceError> {
    let doing = format!("looking at the indexes of table {}", relation.name);
    let rows = session.rows(ORDERED, &[&relation.oid]).await.map_err(|error| fault::query(&doing, error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The bytes of tables and of what is below them; the same rules of looking a name up as for one.
const SIZES: &str = "SELECT coalesce(( \
        SELECT sum(pg_catalog.pg_relation_size(member.relid))::int8 FROM pg_catalog.pg_partition_tree( \
            pg_catalog.to_regclass(wanted.name)) AS member), \
        pg_catalog.pg_relation_size(pg_catalog.to_regclass(wanted.name)), 0) \
    FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS wanted (name, place) ORDER BY wanted.place";

/// About how much there is to read of tables, in bytes; 0 for what is not there.
pub(super) async fn sizes(session: &Session, tables: &[SourceTableName]) -> Result<Vec<u64>, SourceError> {
    let names: Vec<String> = tables.iter().map(sql_name).collect();
    let failed = |error| fault::query("looking at the sizes of tables", error);
    let rows = session.rows(SIZES, &[&names]).await.map_err(failed)?;
    Ok(rows.iter().map(|row| row.get::<_, i64>(0).unsigned_abs()).collect())
}

fn sql_name(table: &SourceTableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", schema.quoted(), table.name.quoted()),
        None => table.name.quoted(),
    }
}

/// Looks a relation up.
pub(super) async fn describe(session: &Session, table: &SourceTableName) -> Result<Relation, SourceError> {
    let doing = format!("looking table {table} up");
    let failed = |error| fault::query(&doing, error);
    let schema = table.schema.as_ref().map(Identifier::as_str);
    let found = session.rows(RELATION, &[&schema, &table.name.as_str()]).await.map_err(failed)?;
    let Some(found) = found.first() else {
        return Err(invalid(format!(
            "the database has no table or view \"{table}\" that this user can see; check schema, name and case"
        )));
    };
    let (oid, schema): (u32, String) = (found.get(0), found.get(1));
    // The snapshot shows it, but rights are those of now.
    let Some(whole) = found.get::<_, Option<bool>>(3) else { return Err(gone(table)) };
    let history = match found.get::<_, Option<&str>>(2) {
        Some("view") => History::View,
        Some("foreign") => History::Foreign,
        Some(_) => History::Storage,
        None if !whole => History::ColumnRights,
        None => History::Tracked,
    };
    let (mut columns, mut hidden) = (Vec::new(), Vec::new());
    let oids = vec![oid];
    let (rows, key) =
        futures::future::join(session.rows(COLUMNS, &[&oid]), session.rows(KEYS, &[&oids])).await;
    for row in rows.map_err(failed)? {
        if row.get(7) {
            columns.push(column(table, &row)?);
        } else {
            hidden.push(row.get(0));
        }
    }
    if columns.is_empty() {
        return Err(match hidden.len() {
            0 => invalid(format!("table {table} has no columns, so there is nothing to read of it")),
            _ => SourceError::new(
                SourceErrorKind::Denied,
                format!("table {table}: this user may read none of its columns; grant SELECT on it"),
            ),
        });
    }
    let key = key.map_err(failed)?;
    Ok(Relation {
        oid,
        name: table.clone(),
        sql: format!("{}.{}", quote(&schema), table.name.quoted()),
        columns,
        hidden,
        key: key.iter().map(|row| named(table, row.get(1))).collect::<Result<_, _>>()?,
        history,
        policed: found.get(4),
    })
}

fn column(table: &SourceTableName, row: &Row) -> Result<RelationColumn, SourceError> {
    let (type_oid, class, modifier): (u32, &str, i32) = (row.get(2), row.get(3), row.get(4));
    Ok(RelationColumn {
        name: named(table, row.get(0))?,
        number: row.get(6),
        type_name: row.get(1),
        kind: Kind::of(type_oid, modifier, class, row.get(8)),
        type_oid,
        type_sql: row.get(5),
        computed: row.get(9),
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

/// Whether the name still leads to the table that the snapshot shows, with the files it had.
const AS_SHOWN: &str = "WITH RECURSIVE tree (oid) AS (VALUES ($2::oid) \
      UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON tree.oid = i.inhparent) \
    SELECT coalesce(pg_catalog.to_regclass($1)::oid = $2, false) AND NOT EXISTS ( \
        SELECT FROM tree JOIN pg_catalog.pg_class member ON member.oid = tree.oid \
        WHERE member.relkind = 'r' AND member.relfilenode <> 0 \
            AND member.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(member.oid))";

/// Holds the table as it is until the transaction ends, and makes sure that it is what the snapshot
/// shows. A table that was truncated, rewritten or replaced after the snapshot was taken seems empty
/// in it, or is another one: PostgreSQL does not keep the old rows for us.
pub(super) async fn hold(session: &Session, relation: &Relation) -> Result<(), SourceError> {
    let table = &relation.name;
    let doing = format!("opening table {table}");
    let failed = |error| fault::query(&doing, error);
    // Any statement on a table locks it, whatever kind of table it is and whatever rights there are.
    session.prepared(AS_SHOWN).await.map_err(failed)?;
    let lock = format!("SELECT FROM {} LIMIT 0", relation.sql);
    // In this order, in one go.
    let (locked, shown) = futures::future::join(
        session.client().batch_execute(&lock),
        session.rows(AS_SHOWN, &[&relation.sql, &relation.oid]),
    )
    .await;
    locked.map_err(failed)?;
    match shown.map_err(failed)?.first() {
        Some(row) if row.get(0) => Ok(()),
        _ => Err(gone(table)),
    }
}

fn gone(table: &SourceTableName) -> SourceError {
    SourceError::new(
        SourceErrorKind::Unreachable,
        format!(
            "table {table} was truncated, rewritten or replaced after this extraction took its snapshot, so its \
             rows are gone from there. Run the job again"
        ),
    )
}
