//! A big table in parts: block ranges that several connections read under one snapshot.

use std::collections::VecDeque;

use forebay_core::source::SourceError;
use tokio_postgres::SimpleQueryMessage;

use super::catalog::{History, Relation};
use super::fault;
use super::query::Selection;
use super::session::Session;

/// Blocks of one part: 32 MiB where blocks have 8 KiB. Parts are taken as connections become free, so
/// that all are busy to the end.
const PART: i64 = 4096;

/// The first version that reads a range of blocks without looking at the others.
const RANGES: u32 = 140_000;

/// How many blocks a table has now; no row for what is no ordinary table by itself.
const BLOCKS: &str = "SELECT pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8 \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am am ON am.oid = c.relam \
    WHERE c.oid = $1 AND c.relkind = 'r' AND am.amname = 'heap' \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid)";

/// The parts of a table that is read whole: a condition for each, `None` for all of it.
pub(super) struct Parts(Vec<Option<String>>);

impl Parts {
    /// The table in one.
    pub(super) fn whole() -> Self {
        Self(vec![None])
    }

    /// Splits a table where that makes it faster.
    pub(super) async fn of(
        session: &Session,
        relation: &Relation,
        selection: &Selection<'_>,
    ) -> Result<Self, SourceError> {
        let doing = format!("looking at the size of table {}", relation.name);
        let failed = |error| fault::query(&doing, error);
        if session.version() < RANGES || relation.history != History::Tracked {
            return Ok(Self::whole());
        }
        let found = session.rows(BLOCKS, &[&relation.oid]).await.map_err(failed)?;
        let blocks: i64 = found.first().map_or(0, |row| row.get(0));
        if blocks < 2 * PART {
            return Ok(Self::whole());
        }
        // With a filter an index may be faster than looking at all blocks.
        if !selection.conditions.is_empty() {
            let explain = format!("EXPLAIN (COSTS OFF) {}", selection.select(None));
            let plan = session.client().simple_query(&explain).await.map_err(failed)?;
            let scans = plan.iter().any(|line| match line {
                SimpleQueryMessage::Row(row) => row.get(0).is_some_and(|line| line.contains("Seq Scan")),
                _ => false,
            });
            if !scans {
                return Ok(Self::whole());
            }
        }
        Ok(Self(ranges(blocks).map(Some).collect()))
    }

    /// A statement for each part.
    pub(super) fn map(self, statement: impl Fn(Option<String>) -> String) -> VecDeque<String> {
        self.0.into_iter().map(statement).collect()
    }
}

/// Conditions that cover a table of this many blocks. The last one has no end: blocks that are added
/// while others are read have no rows of the snapshot, but nothing here depends on it.
fn ranges(blocks: i64) -> impl Iterator<Item = String> {
    let starts = (0..blocks).step_by(usize::try_from(PART).unwrap_or(1));
    starts.map(move |start| {
        let end = start + PART;
        if end < blocks {
            format!("ctid >= '({start},0)' AND ctid < '({end},0)'")
        } else {
            format!("ctid >= '({start},0)'")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_and_the_last_one_is_open() {
        let found: Vec<String> = ranges(PART * 2 + 1).collect();
        assert_eq!(
            found,
            [
                "ctid >= '(0,0)' AND ctid < '(4096,0)'",
                "ctid >= '(4096,0)' AND ctid < '(8192,0)'",
                "ctid >= '(8192,0)'"
            ]
        );
        assert_eq!(ranges(PART * 2).count(), 2);
    }
}
