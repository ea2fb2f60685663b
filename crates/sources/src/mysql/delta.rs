//! What a DELTA asks for, so that no row is lost.
//!
//! A row of MySQL does not tell which transaction wrote it, and a table does not tell when it was changed last: both
//! are known only until the server starts anew. So a DELTA reads by the cursor, from a value on that stays behind
//! the oldest change that was still open, where that can be known; see [`newest`].

use forebay_core::extraction::{ColumnChoice, SourceTableName};
use forebay_core::source::{
    Checkpoint, CursorValue, DeltaRequest, Extent, ReadRequest, Repeats, SourceError,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::catalog::{Relation, RelationColumn, literal};
use super::moment::Oldest;
use super::query::{Condition, number, ticked};
use super::session::Session;
use super::types::CursorClass;
use crate::choice::invalid;

/// The column that orders changes.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) column: &'a RelationColumn,
    pub(super) class: CursorClass,
}

/// The checkpoint's position: what was read of which table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    table: String,
    /// When the table was made or rebuilt, as far as the server tells.
    made: Option<String>,
    /// A digest of the columns with their types.
    columns: String,
}

impl Position {
    /// The chosen columns of a table on a server, which is known by its address.
    pub(super) fn new(server: &str, relation: &Relation, columns: &[&RelationColumn]) -> Self {
        let mut digest = Sha256::new();
        for column in columns {
            digest.update(format!("{}\0{}\n", column.name, column.type_name));
        }
        Self {
            table: format!("{server}/{}", relation.sql),
            made: relation.made.clone(),
            columns: hex::encode(&digest.finalize()[..12]),
        }
    }
}

/// How a table is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) condition: Option<String>,
    pub(super) extent: Extent,
    pub(super) notes: Vec<String>,
}

impl Plan {
    fn whole(note: Option<&str>) -> Self {
        Self { condition: None, extent: Extent::Whole, notes: note.map(str::to_owned).into_iter().collect() }
    }
}

/// The request's cursor column.
pub(super) fn cursor<'a>(
    request: &ReadRequest,
    relation: &'a Relation,
) -> Result<Option<Cursor<'a>>, SourceError> {
    let Some(name) = &request.cursor else { return Ok(None) };
    let column = relation.column(name)?;
    match CursorClass::of(column.kind, &column.data_type) {
        Some(class) => Ok(Some(Cursor { column, class })),
        None => Err(invalid(format!(
            "table {}: the change-date column {name} has type {}, which does not order changes; choose a date, \
             timestamp, number or text",
            relation.name, column.type_name
        ))),
    }
}

/// Decides what is read of a table.
pub(super) async fn plan(
    session: &mut Session,
    request: &ReadRequest,
    relation: &Relation,
    cursor: Option<Cursor<'_>>,
    reading: &Position,
    oldest: Option<&Oldest>,
) -> Result<Plan, SourceError> {
    let Some(delta) = &request.delta else { return Ok(Plan::whole(None)) };
    let filter = match &delta.filter {
        Some(sql) => {
            let filter = Condition::parse(request, "delta filter", sql)?;
            filter.check(session, relation).await?;
            Some(filter.sql)
        }
        None => None,
    };
    if cursor.is_none() && filter.is_none() {
        return Ok(Plan::whole(None));
    }
    let since: Option<Position> = serde_json::from_str(&delta.since.position).ok();
    let Some(since) = since.filter(|since| since.table == reading.table) else {
        return Ok(Plan::whole(Some("the checkpoint is of another table, so the whole table is read")));
    };
    if since.made != reading.made {
        let note = "the table was made anew or rebuilt since the checkpoint, so the whole table is read";
        return Ok(Plan::whole(Some(note)));
    }
    if since.columns != reading.columns {
        let note = "other columns are read than at the checkpoint, or their types changed, so the whole table is \
                    read, to have them in all rows";
        return Ok(Plan::whole(Some(note)));
    }
    by_cursor(delta, filter, cursor, &relation.name, oldest)
}

fn by_cursor(
    delta: &DeltaRequest,
    filter: Option<String>,
    cursor: Option<Cursor<'_>>,
    table: &SourceTableName,
    oldest: Option<&Oldest>,
) -> Result<Plan, SourceError> {
    let mut notes: Vec<String> = unproven(delta.repeats, cursor, oldest).into_iter().collect();
    let mut conditions: Vec<String> = filter.into_iter().collect();
    if let Some(cursor) = cursor {
        let column = ticked(&cursor.column.name);
        match bound(delta, cursor, table)? {
            Some(bound) => conditions.push(match delta.repeats {
                // What has no value can be new at any time.
                Repeats::Harmless if cursor.column.nullable => {
                    format!("({column} >= {bound} OR {column} IS NULL)")
                }
                Repeats::Harmless => format!("{column} >= {bound}"),
                Repeats::Avoid => format!("{column} > {bound}"),
            }),
            None => notes.push(format!("there is no earlier value of {} to go on from", cursor.column.name)),
        }
    }
    if delta.repeats == Repeats::Avoid && delta.offset_seconds > 0 {
        // Rows that are appended would be there twice.
        let note = "the change date's offset is left out, because rows of a table without a key would be appended \
                    again; set a key to use it";
        notes.push(note.to_owned());
    }
    if conditions.is_empty() {
        notes.push("the whole table is read".to_owned());
        return Ok(Plan { condition: None, extent: Extent::Whole, notes });
    }
    Ok(Plan { condition: Some(conditions.join(" AND ")), extent: Extent::Changes, notes })
}

/// The checkpoint's cursor value, less the offset where rows may be read again.
fn bound(
    delta: &DeltaRequest,
    cursor: Cursor<'_>,
    table: &SourceTableName,
) -> Result<Option<String>, SourceError> {
    let column = &cursor.column.name;
    let Some(since) = delta.since.cursor.as_ref().filter(|since| since.column == *column) else {
        return Ok(None);
    };
    let with_offset = delta.offset_seconds > 0 && delta.repeats == Repeats::Harmless;
    match cursor.class {
        CursorClass::Time { .. } | CursorClass::Date => {
            let bound = format!("CAST({} AS DATETIME(6))", literal(&since.value));
            Ok(Some(if with_offset {
                format!("{bound} - INTERVAL {} SECOND", delta.offset_seconds)
            } else {
                bound
            }))
        }
        CursorClass::Number | CursorClass::Text if with_offset => Err(invalid(format!(
            "table {table}: the change-date column {column} is no date or time, so it cannot have an offset in \
             seconds; set the offset to 0"
        ))),
        // A value that is no number is of a column that was one of text: then there is none to go on from.
        CursorClass::Number => Ok(number(&since.value)),
        CursorClass::Text => Ok(Some(literal(&since.value))),
    }
}

/// What cannot be promised of a DELTA, and what helps.
fn unproven(repeats: Repeats, cursor: Option<Cursor<'_>>, oldest: Option<&Oldest>) -> Option<String> {
    let class = cursor?.class;
    let told = "MySQL does not tell which rows became visible late";
    Some(match class {
        CursorClass::Number | CursorClass::Text => format!(
            "{told}: a row with a lower value than one that was visible before it is found by the next FULL; choose a \
             change date to find it earlier"
        ),
        CursorClass::Time { .. } | CursorClass::Date => match oldest {
            None => format!(
                "{told}, and which transactions are open is not known (it needs the right PROCESS, on a server that \
                 follows no other one); set the change date's offset to more than your longest transaction takes"
            ),
            Some(_) if class == (CursorClass::Time { zoned: true }) || repeats == Repeats::Harmless => {
                format!(
                    "{told}: the next DELTA goes on from the start of the oldest transaction that is open now, which \
                 finds all rows if their change date is the time of their change or later"
                )
            }
            Some(_) => format!(
                "{told}, and the column's values have no time zone to compare with the server's clock; set a key, so \
                 that rows may be read again"
            ),
        },
    })
}

/// What to go on from after this read.
pub(super) async fn checkpoint(
    session: &mut Session,
    request: &ReadRequest,
    relation: &Relation,
    cursor: Option<Cursor<'_>>,
    reading: &Position,
    oldest: Option<&Oldest>,
) -> Result<Checkpoint, SourceError> {
    let position = serde_json::to_string(reading)
        .map_err(|error| invalid("the checkpoint cannot be written").caused_by(error))?;
    let Some(cursor) = cursor else { return Ok(Checkpoint { cursor: None, position }) };
    let sql = newest(cursor, relation, oldest, repeats_harm(request, relation));
    let doing = format!("finding the newest {} of table {}", cursor.column.name, relation.name);
    let answer = session.query(&doing, &sql).await?;
    let value = answer.first().map(str::to_owned);
    Ok(Checkpoint {
        cursor: value.map(|value| CursorValue { column: cursor.column.name.clone(), value }),
        position,
    })
}

/// The value to go on from: the greatest one, but not later than what an open transaction may still bring.
///
/// A `TIMESTAMP` is on the scale of the server's clock: it is held back to the start of the oldest change. The zone
/// of a `DATETIME` or `DATE` is not known. Whatever it is, a change that is `age` seconds old carries no value below
/// the greatest one less `age`, for that one is not later than now; nor one more than half a day below its own start
/// in UTC. So the greater of the two is safe. It may repeat rows of the last seconds, and is left out where that
/// would append them again.
fn newest(cursor: Cursor<'_>, relation: &Relation, oldest: Option<&Oldest>, repeats_harm: bool) -> String {
    let column = ticked(&cursor.column.name);
    let greatest = format!("MAX({column})");
    let held = match (cursor.class, oldest) {
        (CursorClass::Time { zoned: true }, Some(oldest)) => {
            format!("LEAST({greatest}, CAST({} AS DATETIME))", literal(&oldest.began))
        }
        (CursorClass::Time { zoned: false } | CursorClass::Date, Some(oldest)) if !repeats_harm => {
            let held = format!(
                "GREATEST({greatest} - INTERVAL {} SECOND, LEAST({greatest}, CAST({} AS DATETIME) - INTERVAL 13 HOUR))",
                oldest.age,
                literal(&oldest.began)
            );
            if cursor.class == CursorClass::Date { format!("DATE({held})") } else { held }
        }
        _ => greatest,
    };
    format!("SELECT CAST({held} AS CHAR) FROM {}", relation.sql)
}

/// Whether the rows will be appended, as far as can be told: in a delta it is said, and after a full read a key that
/// was not read cannot merge. A key set by hand is not known here.
fn repeats_harm(request: &ReadRequest, relation: &Relation) -> bool {
    match &request.delta {
        Some(delta) => delta.repeats == Repeats::Avoid,
        None => {
            let reads = |key: &str| match &request.columns {
                ColumnChoice::All => true,
                ColumnChoice::Only(columns) => {
                    columns.iter().any(|column| column.as_str().eq_ignore_ascii_case(key))
                }
            };
            relation.key.is_empty() || !relation.key.iter().all(|column| reads(column.as_str()))
        }
    }
}
