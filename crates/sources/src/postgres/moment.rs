//! The moment that a snapshot shows.

use forebay_core::source::{SourceError, SourceErrorKind};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::fault;
use super::session::Session;
use super::window::Window;

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
    /// Whether this moment lies in the past of another one of the same database.
    pub(super) fn precedes(&self, later: &Self) -> bool {
        self.database == later.database && self.xmin <= later.xmin && self.xmax <= later.xmax
    }

    /// Whether nothing was committed between an earlier moment and this one. All that began before
    /// `xmax` had ended at both, and nothing that began later is in either.
    pub(super) fn shows_the_same_as(&self, earlier: &Self) -> bool {
        earlier.xmin == earlier.xmax && self.xmin == self.xmax && earlier.xmax == self.xmax
    }

    /// The transactions from `since` on that this moment may show.
    pub(super) fn window(&self, since: i64) -> Option<Window> {
        Window::between(since, self.xmax)
    }
}

/// Looked at before the snapshot is taken, so that a transaction that ends in between counts. What
/// another user's sessions do may be hidden; then there is no answer.
const OLDEST: &str = "SELECT CASE WHEN bool_or(hidden) THEN NULL ELSE min(began) END::text FROM ( \
        SELECT xact_start AT TIME ZONE 'UTC' AS began, query = '<insufficient privilege>' AS hidden \
        FROM pg_catalog.pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid() \
      UNION ALL SELECT prepared AT TIME ZONE 'UTC', false FROM pg_catalog.pg_prepared_xacts \
        WHERE database = current_database() \
      UNION ALL SELECT clock_timestamp() AT TIME ZONE 'UTC', false) open";

const CLUSTER: &str = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()";

/// A server that was promoted writes its new timeline at once, but notes it at its next checkpoint.
const TIMELINE: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() \
        THEN (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()) \
        ELSE ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::int END::text";

const MOMENT: &str = "SELECT pg_catalog.pg_export_snapshot(), \
        pg_catalog.txid_snapshot_xmin(now.snapshot), pg_catalog.txid_snapshot_xmax(now.snapshot), \
        (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = current_database()) \
    FROM (SELECT pg_catalog.txid_current_snapshot() AS snapshot) now";

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Begins a transaction, exports its snapshot and says what moment it shows: one round trip on a
/// connection that was asked before. A server that hides its identity is known by its address.
pub(super) async fn open(session: &Session, address: String) -> Result<(Moment, String), SourceError> {
    let failed = |error| fault::query("opening a snapshot", error);
    // Prepared first: what is asked below must come in this order.
    for sql in [OLDEST, CLUSTER, TIMELINE, BEGIN, MOMENT] {
        session.prepared(sql).await.map_err(failed)?;
    }
    let (oldest, cluster, timeline, begun, moment) = futures::future::join5(
        session.rows(OLDEST, &[]),
        session.rows(CLUSTER, &[]),
        session.rows(TIMELINE, &[]),
        session.rows(BEGIN, &[]),
        session.rows(MOMENT, &[]),
    )
    .await;
    begun.map_err(failed)?;
    let (oldest, moment) = (one(oldest.map_err(failed)?)?, one(moment.map_err(failed)?)?);
    let text = |rows: Result<Vec<Row>, _>| rows.ok().and_then(|rows| rows.first().map(|row| row.get(0)));
    let cluster: String = text(cluster).unwrap_or(address);
    let timeline: String = text(timeline).unwrap_or_default();
    let database: String = moment.get(3);
    let database = format!("{cluster}/{timeline}/{database}");
    let shown = Moment { database, xmin: moment.get(1), xmax: moment.get(2), oldest: oldest.get(0) };
    Ok((shown, moment.get(0)))
}

fn one(rows: Vec<Row>) -> Result<Row, SourceError> {
    let none =
        || SourceError::new(SourceErrorKind::Unreachable, "PostgreSQL did not say what its snapshot shows");
    rows.into_iter().next().ok_or_else(none)
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
        let check = |then: &Moment, expected: bool| assert_eq!(then.precedes(&now), expected, "{then:?}");
        check(&moment("a", 10, 12), true);
        check(&moment("a", 3, 11), true);
        check(&moment("b", 3, 11), false);
        check(&moment("a", 11, 12), false);
        check(&moment("a", 3, 13), false);
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
