//! What a DELTA asks for, so that no row is lost.
//!
//! A row may carry an old cursor value and become visible late, because its transaction was long. So
//! a DELTA of ordinary tables reads what the cursor and the delta filter say *and* every row whose
//! transaction the checkpoint's snapshot did not surely show.

use forebay_core::source::{DeltaRequest, Extent, ReadRequest, Repeats, SourceError};
use tokio_postgres::Client;

use super::catalog::{self, History, Relation, RelationColumn};
use super::checkpoint::{Point, Position, Reading};
use super::fault;
use super::moment::Moment;
use super::query::{Condition, literal};
use super::session::Session;
use super::types::CursorClass;
use crate::choice::invalid;

/// The column that orders changes.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) column: &'a RelationColumn,
    pub(super) class: CursorClass,
}

/// How a table is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing has changed since the checkpoint.
    Unchanged,
    /// The rows that meet one of the conditions, none of which meets two; all when there are none.
    Read { conditions: Vec<String>, extent: Extent, notes: Vec<String> },
}

impl Plan {
    fn whole(note: Option<String>) -> Self {
        Self::Read { conditions: Vec::new(), extent: Extent::Whole, notes: note.into_iter().collect() }
    }
}

/// The request's cursor column.
pub(super) fn cursor<'a>(
    request: &ReadRequest,
    relation: &'a Relation,
) -> Result<Option<Cursor<'a>>, SourceError> {
    let Some(name) = &request.cursor else { return Ok(None) };
    let column = relation.column(name)?;
    match CursorClass::of(column.type_oid) {
        Some(class) => Ok(Some(Cursor { column, class })),
        None => Err(invalid(format!(
            "table {}: the change-date column {name} has type {}, which does not order changes; choose a date, \
             timestamp, number or text",
            relation.name, column.type_name
        ))),
    }
}

/// Decides what is read of a table at this point.
pub(super) async fn plan(
    session: &Session,
    request: &ReadRequest,
    point: Point<'_>,
    reading: &Reading,
) -> Result<Plan, SourceError> {
    let Some(delta) = &request.delta else { return Ok(Plan::whole(None)) };
    let filter = match &delta.filter {
        Some(sql) => {
            let filter = Condition::parse(request, "delta filter", sql)?;
            filter.check(session.client(), point.relation).await?;
            Some(filter.sql)
        }
        None => None,
    };
    let since = Position::of(&delta.since).filter(|since| since.reading.table == reading.table);
    let moment = point.moment;
    let earlier = since.as_ref().and_then(|since| since.moment.as_ref()).filter(|then| then.precedes(moment));
    let earlier = earlier.filter(|_| point.relation.history == History::Tracked);
    if let (Some(then), Some(since)) = (earlier, &since)
        && moment.shows_the_same_as(then)
        && since.reading == *reading
        && reading.conditions.is_some()
    {
        return Ok(Plan::Unchanged);
    }
    if point.cursor.is_none() && filter.is_none() {
        return Ok(Plan::whole(None));
    }
    let Some(since) = &since else {
        let note = "the checkpoint is of another table, or of none that this database knows, so the whole table is \
                    read";
        return Ok(Plan::whole(Some(note.to_owned())));
    };
    if since.reading.columns != reading.columns {
        let note = "other columns are read than at the checkpoint, or their types changed, so the whole table is \
                    read, to have them in all rows";
        return Ok(Plan::whole(Some(note.to_owned())));
    }
    match point.relation.history {
        History::Tracked => tracked(session, delta, filter, point, since, earlier).await,
        History::View | History::Foreign | History::Storage | History::ColumnRights => {
            by_cursor(delta, filter, point)
        }
    }
}

/// Few rows of a scan are sent, so it should run in parallel workers wherever they are to be had. The
/// server takes a wrong guess: it does not know how many rows an id has.
const FEW_ROWS: &str = "SET LOCAL parallel_tuple_cost = 0";

/// Comparing the heads of rows is no faster when it is compiled, and compiling comes on top: 50 CPU ms of a look at 15
/// million rows. Servers know the setting since version 11.
const FEW_ROWS_UNCOMPILED: &str = "SET LOCAL parallel_tuple_cost = 0; SET LOCAL jit = off";

/// A delta of a table whose rows tell their transactions.
async fn tracked(
    session: &Session,
    delta: &DeltaRequest,
    filter: Option<String>,
    point: Point<'_>,
    since: &Position,
    earlier: Option<&Moment>,
) -> Result<Plan, SourceError> {
    let Some(then) = earlier else {
        let note = "the checkpoint is of another database or of a state that was restored since, so the whole table \
                    is read";
        return Ok(Plan::whole(Some(note.to_owned())));
    };
    // Of rows that are appended, those that were read must not come again.
    let seen = match (delta.repeats, &since.seen) {
        (Repeats::Harmless, _) => Some(&[][..]),
        (Repeats::Avoid, _) if then.xmin == then.xmax => Some(&[][..]),
        (Repeats::Avoid, seen) => seen.as_deref(),
    };
    let (Some(window), Some(seen)) = (point.moment.window(then.xmin), seen) else {
        let note = "the checkpoint is too old, or too much was written around it, to tell which rows are new, so the \
                    whole table is read";
        return Ok(Plan::whole(Some(note.to_owned())));
    };
    let few_rows = if session.version() >= 110_000 { FEW_ROWS_UNCOMPILED } else { FEW_ROWS };
    let unseen = |row: &str| window.condition(row, seen, hashes_lists(session));
    let (members, ordered, few) = futures::join!(
        members(session.client(), point.relation, unseen("i.xmin")),
        catalog::ordered(session, point.relation),
        session.client().batch_execute(few_rows),
    );
    let (members, ordered) = (members?, ordered?);
    few.map_err(|error| fault::query(&format!("preparing to read table {}", point.relation.name), error))?;
    let mut written = format!("({})", unseen("xmin"));
    if !members.is_empty() {
        let members: Vec<String> = members.iter().map(u32::to_string).collect();
        written = format!("({written} OR tableoid = ANY ('{{{}}}'::pg_catalog.oid[]))", members.join(","));
    }
    let (conditions, notes) = match delta.repeats {
        Repeats::Harmless => {
            let after = match point.cursor {
                Some(cursor) => after(delta, cursor, &point.relation.name)?,
                None => None,
            };
            let found =
                after.is_some() && point.cursor.is_some_and(|cursor| ordered.contains(&cursor.column.number));
            let asked: Vec<String> = filter.into_iter().chain(after).collect();
            let asked = asked.join(" AND ");
            let conditions = match (asked.is_empty(), found) {
                (true, _) => vec![written],
                // One look at all rows that touches nothing but their heads, and one at an index.
                (false, true) => {
                    let others = format!("({asked}) AND NOT {written}");
                    vec![written, others]
                }
                (false, false) => vec![format!("{written} OR ({asked})")],
            };
            (conditions, Vec::new())
        }
        // What the checkpoint's snapshot did not show is all that is new, and none of it was read.
        Repeats::Avoid => (vec![written], offset_is_left_out(delta).into_iter().collect()),
    };
    Ok(Plan::Read { conditions, extent: Extent::Changes, notes })
}

/// Whether the server looks up by hashes whether a value is in a list.
pub(super) fn hashes_lists(session: &Session) -> bool {
    session.version() >= 140_000
}

/// Partitions and children that joined the table since: their rows are new here, however old they
/// are. `joined` is the condition on the entry `i` of the catalogue.
async fn members(client: &Client, relation: &Relation, joined: String) -> Result<Vec<u32>, SourceError> {
    let sql = format!(
        "WITH RECURSIVE tree (oid, joined) AS (VALUES ($1::oid, false) UNION \
            SELECT i.inhrelid, tree.joined OR ({joined}) \
            FROM pg_catalog.pg_inherits i JOIN tree ON tree.oid = i.inhparent) \
         SELECT oid FROM tree GROUP BY oid HAVING bool_and(joined) ORDER BY oid"
    );
    let doing = format!("looking for new partitions of table {}", relation.name);
    let rows = client.query(&sql, &[&relation.oid]).await.map_err(|error| fault::query(&doing, error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A delta of what does not tell its transactions: the cursor and the filter alone.
fn by_cursor(delta: &DeltaRequest, filter: Option<String>, point: Point<'_>) -> Result<Plan, SourceError> {
    let mut notes = vec![unproven(point)];
    let mut conditions: Vec<String> = filter.into_iter().collect();
    if let Some(cursor) = point.cursor {
        let column = cursor.column.name.quoted();
        match bound(delta, cursor, &point.relation.name)? {
            Some(bound) => conditions.push(match delta.repeats {
                // What has no value can be new at any time.
                Repeats::Harmless => format!("({column} >= {bound} OR {column} IS NULL)"),
                Repeats::Avoid => format!("{column} > {bound}"),
            }),
            None => notes.push(format!("there is no earlier value of {} to go on from", cursor.column.name)),
        }
    }
    if delta.repeats == Repeats::Avoid {
        notes.extend(offset_is_left_out(delta));
    }
    if conditions.is_empty() {
        notes.push("the whole table is read".to_owned());
        return Ok(Plan::Read { conditions: Vec::new(), extent: Extent::Whole, notes });
    }
    Ok(Plan::Read { conditions: vec![conditions.join(" AND ")], extent: Extent::Changes, notes })
}

/// The rows beyond the checkpoint's cursor value, or from its offset on. Rows at the value itself
/// were read, or the window has them; values without an end would come again each time.
fn after(
    delta: &DeltaRequest,
    cursor: Cursor<'_>,
    table: &forebay_core::extraction::SourceTableName,
) -> Result<Option<String>, SourceError> {
    let Some(bound) = bound(delta, cursor, table)? else { return Ok(None) };
    let column = cursor.column.name.quoted();
    let operator = if delta.offset_seconds > 0 { ">=" } else { ">" };
    let finite = cursor.class.finite(&column).map(|finite| format!(" AND {finite}")).unwrap_or_default();
    Ok(Some(format!("({column} {operator} {bound}{finite})")))
}

/// The checkpoint's cursor value, less the offset where rows may be read again.
fn bound(
    delta: &DeltaRequest,
    cursor: Cursor<'_>,
    table: &forebay_core::extraction::SourceTableName,
) -> Result<Option<String>, SourceError> {
    let column = &cursor.column.name;
    let Some(since) = delta.since.cursor.as_ref().filter(|since| since.column == *column) else {
        return Ok(None);
    };
    let bound = format!("{}::{}", literal(&since.value), cursor.column.type_sql);
    if delta.offset_seconds <= 0 || delta.repeats == Repeats::Avoid {
        return Ok(Some(bound));
    }
    if !matches!(cursor.class, CursorClass::Time { .. }) {
        return Err(invalid(format!(
            "table {table}: the change-date column {column} is no date or time, so it cannot have an offset in \
             seconds; set the offset to 0"
        )));
    }
    Ok(Some(format!("{bound} - pg_catalog.make_interval(secs => {})", delta.offset_seconds)))
}

/// Rows that are appended would be there twice.
fn offset_is_left_out(delta: &DeltaRequest) -> Option<String> {
    (delta.offset_seconds > 0).then(|| {
        "the change date's offset is left out, because rows of a table without a key would be appended again; set a \
         key to use it"
            .to_owned()
    })
}

fn unproven(point: Point<'_>) -> String {
    let class = point.cursor.map(|cursor| cursor.class);
    let because = point.relation.history.reason();
    let told = format!("PostgreSQL does not tell which rows became visible late, because {because}");
    if point.moment.oldest.is_some() && class.is_some_and(|class| point.start_bounds(class)) {
        format!(
            "{told}: the next DELTA goes on from the start of the oldest transaction that is open now, which finds \
             all rows if their change date is the time of their transaction or later"
        )
    } else {
        format!("{told}; set the change date's offset to more than your longest transaction takes")
    }
}
