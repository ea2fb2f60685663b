//! Checks of deltas: what is new since a checkpoint arrives, and what is known is not lost.

use futures::StreamExt;

use super::{Moment, Row, SourceFixture, identifier, opened, read, read_or_unchanged, row, since, whole};
use crate::source::{Checkpoint, Extent, ReadRequest, Repeats};

/// A table of three rows, of which two are the newest and one has no change date.
fn known() -> Vec<Row> {
    vec![
        row(1, "old", 10),
        row(2, "newest", 20),
        row(3, "as new", 20),
        Row { id: 4, name: None, changed: None },
    ]
}

/// After a FULL, a DELTA reads the rows that are new, those at the bound that came late, and those
/// without a change date; what it reads again is at the bound or has no change date.
pub async fn a_delta_brings_what_is_new(fixture: &dyn SourceFixture) {
    fixture.create("delta", &known()).await;
    let full = read(fixture, &since(fixture, "delta", None, Repeats::Harmless)).await;
    assert_eq!(full.extent, Extent::Whole);
    assert_eq!(full.ids(), [1, 2, 3, 4]);
    let cursor = full.checkpoint.cursor.as_ref().expect("a read with a cursor keeps its newest value");
    assert_eq!(cursor.column, identifier("changed"));

    let undated = Row { id: 7, name: Some("undated".to_owned()), changed: None };
    fixture.insert("delta", &[row(5, "at the bound", 20), row(6, "new", 30), undated.clone()]).await;
    let delta = read(fixture, &since(fixture, "delta", Some(&full.checkpoint), Repeats::Harmless)).await;
    assert_eq!(delta.extent, Extent::Changes);
    for wanted in [row(5, "at the bound", 20), row(6, "new", 30), undated] {
        assert!(delta.rows.contains(&wanted), "{wanted:?} is missing from {:?}", delta.rows);
    }
    assert!(!delta.ids().contains(&1), "a row below the bound is read again");

    fixture.insert("delta", &[row(8, "newer", 40)]).await;
    let next = read(fixture, &since(fixture, "delta", Some(&delta.checkpoint), Repeats::Harmless)).await;
    assert!(next.rows.contains(&row(8, "newer", 40)));
    for known in [1, 2, 3, 5] {
        assert!(!next.ids().contains(&known), "row {known} is below the bound and read again");
    }
}

/// Where rows are appended, no row that was read comes again, and what is newer comes once.
pub async fn a_delta_that_appends_repeats_nothing(fixture: &dyn SourceFixture) {
    fixture.create("appended", &known()).await;
    let full = read(fixture, &since(fixture, "appended", None, Repeats::Avoid)).await;
    fixture.insert("appended", &[row(5, "new", 30), row(6, "new", 31)]).await;
    let delta = read(fixture, &since(fixture, "appended", Some(&full.checkpoint), Repeats::Avoid)).await;
    assert_eq!(delta.extent, Extent::Changes);
    assert_eq!(delta.ids(), [5, 6]);
    fixture.insert("appended", &[row(7, "new", 32)]).await;
    let next = read(fixture, &since(fixture, "appended", Some(&delta.checkpoint), Repeats::Avoid)).await;
    assert_eq!(next.ids(), [7]);
}

/// The offset moves the bound down.
pub async fn a_delta_begins_earlier_by_its_offset(fixture: &dyn SourceFixture) {
    fixture.create("offset", &[row(1, "a", 10), row(2, "b", 18), row(3, "c", 20)]).await;
    let full = read(fixture, &since(fixture, "offset", None, Repeats::Harmless)).await;
    fixture.insert("offset", &[row(4, "late", 19)]).await;
    let mut request = since(fixture, "offset", Some(&full.checkpoint), Repeats::Harmless);
    if let Some(delta) = &mut request.delta {
        delta.offset_seconds = 120;
    }
    assert_eq!(read(fixture, &request).await.ids(), [2, 3, 4]);
}

/// A table that did not change says so, or brings only what it may repeat; one that did never says so.
pub async fn a_delta_of_what_is_unchanged_brings_nothing_new(fixture: &dyn SourceFixture) {
    fixture.create("unchanged", &known()).await;
    let full = read(fixture, &since(fixture, "unchanged", None, Repeats::Harmless)).await;
    let request = since(fixture, "unchanged", Some(&full.checkpoint), Repeats::Harmless);
    if let Some(delta) = read_or_unchanged(fixture, &request).await {
        assert!(!delta.ids().contains(&1), "a row below the bound is read again");
        assert_eq!(delta.checkpoint.cursor, full.checkpoint.cursor);
    }
    let avoiding = since(fixture, "unchanged", Some(&full.checkpoint), Repeats::Avoid);
    if let Some(delta) = read_or_unchanged(fixture, &avoiding).await {
        assert!(delta.ids().is_empty(), "rows are read again: {:?}", delta.rows);
    }
    fixture.insert("unchanged", &[row(5, "older", 1)]).await;
    assert!(read_or_unchanged(fixture, &request).await.is_some(), "a table that changed is not unchanged");
}

/// Without a cursor and a delta filter there is nothing to go by.
pub async fn a_delta_without_a_cursor_reads_the_whole_table(fixture: &dyn SourceFixture) {
    fixture.create("no_cursor", &known()).await;
    let full = read(fixture, &whole(fixture, "no_cursor")).await;
    assert_eq!(full.checkpoint.cursor, None);
    fixture.insert("no_cursor", &[row(5, "older", 1)]).await;
    let mut request = since(fixture, "no_cursor", Some(&full.checkpoint), Repeats::Harmless);
    request.cursor = None;
    let delta = read(fixture, &request).await;
    assert_eq!(delta.extent, Extent::Whole);
    assert_eq!(delta.ids(), [1, 2, 3, 4, 5]);
}

/// The newest value of one column says nothing about another.
pub async fn a_delta_with_another_cursor_reads_the_whole_table(fixture: &dyn SourceFixture) {
    fixture.create("other_cursor", &known()).await;
    let full = read(fixture, &since(fixture, "other_cursor", None, Repeats::Harmless)).await;
    fixture.insert("other_cursor", &[row(5, "new", 30)]).await;
    let mut request = since(fixture, "other_cursor", Some(&full.checkpoint), Repeats::Harmless);
    request.cursor = Some(identifier("id"));
    let delta = read(fixture, &request).await;
    assert!(delta.ids().contains(&5));
    assert!(
        delta.extent == Extent::Changes || delta.ids() == [1, 2, 3, 4, 5],
        "what claims to be whole lacks rows: {:?}",
        delta.rows
    );
    assert_eq!(delta.checkpoint.cursor.map(|cursor| cursor.column), Some(identifier("id")));
}

/// A checkpoint of a table without rows has no cursor value, and loses nothing.
pub async fn a_delta_of_a_table_that_was_empty_brings_all_rows(fixture: &dyn SourceFixture) {
    fixture.create("was_empty", &[]).await;
    let (_, full) = drained(fixture, &since(fixture, "was_empty", None, Repeats::Harmless)).await;
    assert_eq!(full.cursor, None);
    let rows = [row(1, "a", 1), Row { id: 2, name: None, changed: Some(Moment(2)) }];
    fixture.insert("was_empty", &rows).await;
    // The types are not looked at: a source that finds them in the rows had none to find them in.
    let request = since(fixture, "was_empty", Some(&full), Repeats::Harmless);
    assert_eq!(drained(fixture, &request).await.0, 2);
}

/// Reads whatever the columns are, and counts the rows.
async fn drained(fixture: &dyn SourceFixture, request: &ReadRequest) -> (usize, Checkpoint) {
    let snapshot = match fixture.source().snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => panic!("a snapshot is opened: {error}"),
    };
    let mut table = opened(&*snapshot, request).await;
    let mut rows = 0;
    while let Some(batch) = table.batches.next().await {
        rows += batch.unwrap_or_else(|error| panic!("{request:?}: {error}")).num_rows();
    }
    (rows, table.checkpoint)
}
