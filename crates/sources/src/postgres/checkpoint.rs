//! The moment a snapshot shows, and what of it is kept to go on from.

use forebay_core::connection::PostgresqlConfig;
use forebay_core::source::{Checkpoint, CursorValue, SourceError};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::catalog::{History, Relation};
use super::delta::Cursor;
use super::fault;
use super::types::CursorClass;

/// What a snapshot shows: everything that committed before transaction `xmin`, nothing from `xmax`
/// on, and some of what lies between (PostgreSQL's own 64-bit transaction ids).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moment {
    /// The cluster, its timeline and the database: ids of transactions mean nothing elsewhere, nor
    /// after a restore to an earlier point in time.
    pub(super) database: String,
    pub(super) xmin: i64,
    pub(super) xmax: i64,
    /// When the oldest transaction still open began, in UTC; not kept.
    #[serde(skip)]
    pub(super) oldest: Option<String>,
}

impl Moment {
    /// The moment of an earlier checkpoint, when it is one of this database and not later than this.
    pub(super) fn earlier(&self, position: &str) -> Option<Self> {
        let earlier: Self = serde_json::from_str(position).ok()?;
        let same = earlier.database == self.database;
        (same && earlier.xmin <= self.xmin && earlier.xmax <= self.xmax).then_some(earlier)
    }

    /// Whether no transaction wrote anything between an earlier moment and this one: none was open
    /// then, none is open now, and none ended in between.
    pub(super) fn shows_the_same_as(&self, earlier: &Self) -> bool {
        earlier.xmin == earlier.xmax && self.xmin == self.xmax && earlier.xmax == self.xmax
    }
}

/// Looked at before the snapshot is taken, so that a transaction that ends in between counts. What
/// another user's sessions do may be hidden; then there is no answer.
const OLDEST: &str = "SELECT CASE WHEN bool_or(hidden) THEN NULL ELSE min(began) END::text FROM ( \
        SELECT xact_start AT TIME ZONE 'UTC' AS began, state IS NULL AND backend_type = 'client backend' AS hidden \
        FROM pg_catalog.pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid() \
      UNION ALL SELECT prepared AT TIME ZONE 'UTC', false FROM pg_catalog.pg_prepared_xacts \
        WHERE database = current_database() \
      UNION ALL SELECT clock_timestamp() AT TIME ZONE 'UTC', false) open";

const MOMENT: &str = "SELECT pg_catalog.pg_export_snapshot(), \
        pg_catalog.txid_snapshot_xmin(now.snapshot), pg_catalog.txid_snapshot_xmax(now.snapshot), \
        (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = current_database()) \
    FROM (SELECT pg_catalog.txid_current_snapshot() AS snapshot) now";

const CLUSTER: &str = "SELECT system.system_identifier::text || '/' || checkpoint.timeline_id::text \
    FROM pg_catalog.pg_control_system() system, pg_catalog.pg_control_checkpoint() checkpoint";

/// Begins a transaction, exports its snapshot and says what moment it shows.
pub(super) async fn open(
    client: &Client,
    config: &PostgresqlConfig,
) -> Result<(Moment, String), SourceError> {
    let failed = |error| fault::query("opening a snapshot", error);
    let oldest = client.query_one(OLDEST, &[]).await.map_err(failed)?.get(0);
    // A server that hides its identity is known by its address.
    let cluster = match client.query_one(CLUSTER, &[]).await {
        Ok(row) => row.get(0),
        Err(_) => format!("{}:{}", config.host, config.port),
    };
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)?;
    let row = client.query_one(MOMENT, &[]).await.map_err(failed)?;
    let database: String = row.get(3);
    let moment =
        Moment { database: format!("{cluster}/{database}"), xmin: row.get(1), xmax: row.get(2), oldest };
    Ok((moment, row.get(0)))
}

/// What to go on from after a read of a table at this moment.
pub(super) async fn of(
    client: &Client,
    moment: &Moment,
    relation: &Relation,
    cursor: Option<Cursor<'_>>,
) -> Result<Checkpoint, SourceError> {
    let position = match relation.history {
        History::Tracked => serde_json::to_string(moment)
            .map_err(|error| crate::choice::invalid("the checkpoint cannot be written").caused_by(error))?,
        History::Unknown => String::new(),
    };
    let Some(cursor) = cursor else { return Ok(Checkpoint { cursor: None, position }) };
    let column = cursor.column.name.quoted();
    let newest = format!("max({column})");
    // Where rows do not tell their transaction, one that is still open may bring older values yet.
    let newest = match (relation.history, cursor.class, &moment.oldest) {
        (History::Unknown, CursorClass::Time { zoned: true }, Some(oldest)) => {
            let oldest = super::query::literal(&format!("{oldest}+00"));
            format!("least({newest}, {oldest}::timestamptz::{})", cursor.column.type_sql)
        }
        _ => newest,
    };
    let finite = cursor.class.finite(&column).map(|finite| format!(" WHERE {finite}")).unwrap_or_default();
    let sql = format!("SELECT ({newest})::text FROM {}{finite}", relation.sql);
    let doing = format!("finding the newest {} of table {}", cursor.column.name, relation.name);
    let row = client.query_one(&sql, &[]).await.map_err(|error| fault::query(&doing, error))?;
    let value: Option<String> = row.get(0);
    let cursor = value.map(|value| CursorValue { column: cursor.column.name.clone(), value });
    Ok(Checkpoint { cursor, position })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(database: &str, xmin: i64, xmax: i64) -> Moment {
        Moment { database: database.to_owned(), xmin, xmax, oldest: None }
    }

    #[test]
    fn only_a_moment_of_the_same_past_is_earlier() {
        let now = moment("a", 10, 12);
        let check = |then: &Moment, expected: bool| {
            let position = serde_json::to_string(then).unwrap();
            assert_eq!(now.earlier(&position).is_some(), expected, "{then:?}");
        };
        check(&moment("a", 10, 12), true);
        check(&moment("a", 3, 11), true);
        check(&moment("b", 3, 11), false);
        check(&moment("a", 11, 12), false);
        check(&moment("a", 3, 13), false);
        assert_eq!(now.earlier(""), None);
    }

    #[test]
    fn the_same_is_claimed_only_when_nothing_was_open() {
        let check = |then: (i64, i64), now: (i64, i64), expected: bool| {
            let same = moment("a", now.0, now.1).shows_the_same_as(&moment("a", then.0, then.1));
            assert_eq!(same, expected, "{then:?} {now:?}");
        };
        check((5, 5), (5, 5), true);
        check((5, 5), (6, 6), false);
        check((5, 5), (5, 6), false);
        check((4, 5), (5, 5), false);
        check((4, 5), (4, 5), false);
    }
}
