//! What is kept after a read, to go on from.

use forebay_core::source::{Checkpoint, CursorValue, ReadRequest, Repeats, SourceError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use super::catalog::{History, Relation, RelationColumn};
use super::delta::{Cursor, hashes_lists};
use super::fault;
use super::moment::Moment;
use super::query::{Condition, literal};
use super::session::Session;
use super::types::CursorClass;
use crate::choice::invalid;

/// The checkpoint's position: how a table was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// What the read showed, where the rows tell their transactions.
    pub(super) moment: Option<Moment>,
    pub(super) reading: Reading,
    /// A digest of what was asked for, whatever the table was then.
    #[serde(default)]
    pub(super) asked: String,
    /// The transactions between the moment's `xmin` and `xmax` of which the read showed rows, as far
    /// as the table must not be read twice. `None` when that was not asked, or they were too many.
    pub(super) seen: Option<Vec<i64>>,
}

/// What was read of which table: another reading of an unchanged table gives other rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reading {
    pub(super) table: u32,
    /// A digest of the columns with their types.
    pub(super) columns: String,
    /// A digest of the conditions; `None` when what they let through depends on more than the rows.
    pub(super) conditions: Option<String>,
}

impl Reading {
    /// The chosen columns and the plain conditions, as they are sent.
    pub(super) fn new(relation: &Relation, columns: &[&RelationColumn], conditions: &[Condition]) -> Self {
        let mut digest = Sha256::new();
        for column in columns {
            let computed = column.computed.as_deref().unwrap_or_default();
            let line = format!("{}\0{}\0{}\0{computed}\n", column.number, column.name, column.type_name);
            digest.update(line);
        }
        let lasting = !relation.policed && conditions.iter().all(|condition| lasting(&condition.sql));
        let mut condition = Sha256::new();
        for line in conditions {
            condition.update(format!("{}\n", line.sql));
        }
        Self { table: relation.oid, columns: short(digest), conditions: lasting.then(|| short(condition)) }
    }
}

/// A digest of what a request asks for, its delta aside.
pub(super) fn asked(request: &ReadRequest) -> String {
    let plain = ReadRequest { delta: None, ..request.clone() };
    short(Sha256::new().chain_update(format!("{plain:?}")))
}

impl Position {
    /// That of a checkpoint, if it is one of PostgreSQL's.
    pub(super) fn of(checkpoint: &Checkpoint) -> Option<Self> {
        serde_json::from_str(&checkpoint.position).ok()
    }

    /// Whether the same is asked again at a moment at which all is as it was, the definitions of tables
    /// and rights on them included: these change in transactions as well. A name without a schema may
    /// lead elsewhere by a setting of the server.
    pub(super) fn holds(&self, moment: &Moment, request: &ReadRequest) -> bool {
        let same = |then: &Moment| then.precedes(moment) && moment.shows_the_same_as(then);
        request.table.schema.is_some()
            && self.moment.as_ref().is_some_and(same)
            && self.reading.conditions.is_some()
            && self.asked == asked(request)
    }
}

fn short(digest: Sha256) -> String {
    hex::encode(&digest.finalize()[..12])
}

/// Whether a condition surely depends on its row alone: no function, no subquery, no clock.
fn lasting(condition: &str) -> bool {
    let lower = condition.to_lowercase();
    let called = lower.as_bytes().windows(2).any(|pair| {
        pair[1] == b'(' && (pair[0].is_ascii_alphanumeric() || matches!(pair[0], b'_' | b'"' | b'$' | 0x80..))
    });
    const CLOCKS: [&str; 8] =
        ["select", "current", "localtime", "now", "today", "tomorrow", "yesterday", "user"];
    !called && !CLOCKS.iter().any(|word| lower.contains(word))
}

/// Whether the newest value of a cursor, and which transactions were seen, can be told later.
#[derive(Clone, Copy)]
pub(super) struct Point<'a> {
    pub(super) moment: &'a Moment,
    pub(super) relation: &'a Relation,
    pub(super) cursor: Option<Cursor<'a>>,
}

impl Point<'_> {
    /// What to go on from after a read at this moment.
    pub(super) async fn checkpoint(
        self,
        session: &Session,
        request: &ReadRequest,
        reading: Reading,
    ) -> Result<Checkpoint, SourceError> {
        let tracked = self.relation.history == History::Tracked;
        let position = Position {
            moment: tracked.then(|| self.moment.clone()),
            reading,
            asked: asked(request),
            seen: if tracked && self.repeats_harm(request) { self.seen(session).await? } else { None },
        };
        let position = serde_json::to_string(&position)
            .map_err(|error| invalid("the checkpoint cannot be written").caused_by(error))?;
        Ok(Checkpoint { cursor: self.newest(session.client()).await?, position })
    }

    /// Whether the rows will be appended, as far as can be told: in a delta it is said, and after a
    /// full read a key that was not read cannot merge. A key set by hand is not known here.
    fn repeats_harm(self, request: &ReadRequest) -> bool {
        match &request.delta {
            Some(delta) => delta.repeats == Repeats::Avoid,
            None => {
                let key = &self.relation.key;
                key.is_empty() || !key.iter().all(|column| reads(request, column.as_str()))
            }
        }
    }

    /// The transactions of which this moment shows rows, or members, of the table although others
    /// before them are still open. Subtransactions count as the transactions that rows name.
    async fn seen(self, session: &Session) -> Result<Option<Vec<i64>>, SourceError> {
        const LIMIT: usize = 10_000;
        let Moment { xmin, xmax, .. } = *self.moment;
        if xmin == xmax {
            return Ok(Some(Vec::new()));
        }
        let Some(window) = self.moment.window(xmin) else { return Ok(None) };
        let window = window.condition("xmin", &[], hashes_lists(session));
        let sql = format!(
            "SELECT xmin::pg_catalog.text::pg_catalog.int8 FROM {} WHERE {window} \
             UNION SELECT xmin::pg_catalog.text::pg_catalog.int8 FROM pg_catalog.pg_inherits WHERE {window} \
             ORDER BY 1 LIMIT {}",
            self.relation.sql,
            LIMIT + 1
        );
        let doing = format!("finding the newest transactions of table {}", self.relation.name);
        let rows = session.client().query(&sql, &[]).await.map_err(|error| fault::query(&doing, error))?;
        Ok((rows.len() <= LIMIT).then(|| rows.iter().map(|row| row.get(0)).collect()))
    }

    /// The greatest value of the cursor column, in the order of the column's own collation.
    async fn newest(self, client: &Client) -> Result<Option<CursorValue>, SourceError> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let (relation, column) = (self.relation, cursor.column.name.quoted());
        let newest = format!("max({column})");
        let newest = match (self.start_bounds(cursor.class), &self.moment.oldest) {
            (true, Some(oldest)) => {
                let oldest = literal(&format!("{oldest}+00"));
                format!("least({newest}, {oldest}::timestamptz::{})", cursor.column.type_sql)
            }
            _ => newest,
        };
        let finite =
            cursor.class.finite(&column).map(|finite| format!(" WHERE {finite}")).unwrap_or_default();
        let sql = format!("SELECT ({newest})::text FROM {}{finite}", relation.sql);
        let doing = format!("finding the newest {} of table {}", cursor.column.name, relation.name);
        let row = client.query_one(&sql, &[]).await.map_err(|error| fault::query(&doing, error))?;
        let value: Option<String> = row.get(0);
        Ok(value.map(|value| CursorValue { column: cursor.column.name.clone(), value }))
    }

    /// Where rows do not tell their transaction, one that is still open may bring values as old as
    /// its start: then the checkpoint stays behind it.
    pub(super) fn start_bounds(self, class: CursorClass) -> bool {
        let here = matches!(self.relation.history, History::View | History::Storage | History::ColumnRights);
        here && class == CursorClass::Time { zoned: true }
    }
}

fn reads(request: &ReadRequest, column: &str) -> bool {
    match &request.columns {
        forebay_core::extraction::ColumnChoice::All => true,
        forebay_core::extraction::ColumnChoice::Only(columns) => {
            columns.iter().any(|chosen| chosen.as_str().eq_ignore_ascii_case(column))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_condition_on_the_row_alone_lasts() {
        let check = |condition: &str, expected: bool| assert_eq!(lasting(condition), expected, "{condition}");
        check("a = 1 AND (b IN ('x', 'y') OR c IS NULL)", true);
        check("\"day\" >= '2024-01-01'", true);
        check("due < now()", false);
        check("due < CURRENT_DATE", false);
        check("due < 'Today'", false);
        check("f(a)", false);
        check("\"F\"(a)", false);
        check("a IN (SELECT b FROM c)", false);
        check("owner = SESSION_USER", false);
    }
}
