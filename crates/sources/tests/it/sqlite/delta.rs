//! Deltas: ties at the cursor, late rows, columns of mixed values, and filters.

use forebay_core::explanation::Asked;
use forebay_core::source::{Checkpoint, Extent, ReadRequest, Repeats};

use super::Database;
use crate::reading::{Read, assert_error, bounds, delta, identifier, only, read, request, try_read};

fn cursor(table: &str, column: &str) -> ReadRequest {
    ReadRequest { cursor: Some(identifier(column)), columns: only(&["id"]), ..request(table) }
}

async fn full(database: &Database, column: &str) -> Checkpoint {
    read(&*database.source(), &cursor("t", column)).await.checkpoint
}

async fn changes(database: &Database, column: &str, since: &Checkpoint, repeats: Repeats) -> Read {
    let request = ReadRequest { delta: delta(since, repeats), ..cursor("t", column) };
    let found = read(&*database.source(), &request).await;
    assert_eq!(found.extent, Extent::Changes);
    found
}

#[tokio::test]
async fn moments_order_changes_however_they_are_written() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, changed TIMESTAMP); \
         INSERT INTO t VALUES (-3, '2024-01-01T08:00:00'), (-2, '2024-01-01 11:00:00+02:00')",
    )
    .await;
    let since = full(&database, "changed").await;
    assert_eq!(
        since.cursor.as_ref().unwrap().value,
        "2024-01-01 09:00:00.000000",
        "as texts the other one is newest"
    );
    // Below the row numbers seen, so that the cursor alone must find them.
    database
        .run(
            "INSERT INTO t VALUES (-10, '2024-01-01 09:30:00'), (-11, '2024-01-01T09:00:00.000001Z'), \
             (-12, '2024-01-01T10:30:00+0130'), (-13, '2024-01-01 07:59:59-01'), (-14, '2024-01-01')",
        )
        .await;
    assert_eq!(
        changes(&database, "changed", &since, Repeats::Harmless).await.lines(),
        ["-12", "-11", "-10", "-2"]
    );
    assert_eq!(changes(&database, "changed", &since, Repeats::Avoid).await.lines(), ["-11", "-10"]);
}

#[tokio::test]
async fn rows_that_tie_or_come_late_are_read_once_where_rows_are_numbered() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER, changed TIMESTAMP); \
         INSERT INTO t VALUES (1, '2024-01-01'), (2, '2024-01-02'), (3, NULL)",
    )
    .await;
    let since = full(&database, "changed").await;
    database
        .run("INSERT INTO t VALUES (4, '2024-01-02'), (5, '2023-01-01'), (6, NULL), (7, '2024-01-03')")
        .await;
    let found = changes(&database, "changed", &since, Repeats::Avoid).await;
    assert_eq!(found.lines(), ["4", "5", "6", "7"]);
    let found = changes(&database, "changed", &found.checkpoint, Repeats::Avoid).await;
    assert!(found.rows.is_empty());
    // A change of a row that was read is new by the cursor.
    database.run("UPDATE t SET changed = '2024-01-04' WHERE id = 1").await;
    assert_eq!(changes(&database, "changed", &found.checkpoint, Repeats::Avoid).await.lines(), ["1"]);
}

#[tokio::test]
async fn numbers_and_texts_can_be_cursors_but_not_both() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, number INTEGER, real REAL, text TEXT, free); \
         INSERT INTO t VALUES (-9, 9, 0.5, 'a', 9), (-8, 10, 1e300, 'b', 10.5), (-7, NULL, NULL, NULL, NULL)",
    )
    .await;
    let expected = [("number", "10"), ("real", "1e300"), ("text", "b"), ("free", "10.5")];
    let mut kept = Vec::new();
    for (column, newest) in expected {
        let since = full(&database, column).await;
        assert_eq!(since.cursor.as_ref().unwrap().value, newest);
        assert_eq!(
            changes(&database, column, &since, Repeats::Harmless).await.lines(),
            ["-8", "-7"],
            "{column}"
        );
        let mut offset = ReadRequest { delta: delta(&since, Repeats::Harmless), ..cursor("t", column) };
        offset.delta.as_mut().unwrap().offset_seconds = 60;
        let found = try_read(&*database.source(), &offset).await;
        assert_error(found, &["change date of table \"t\"", column, "set the offset to 0"]);
        kept.push(since);
    }
    // Integers sort below every text: the rows that are new would be lost.
    database.run("INSERT INTO t (id, free) VALUES (-6, 'word'), (-5, 11)").await;
    let mixed = ReadRequest { delta: delta(&kept[3], Repeats::Harmless), ..cursor("t", "free") };
    assert_error(
        try_read(&*database.source(), &mixed).await,
        &["change date of table \"t\"", "\"free\"", "an integer and text", "choose a column"],
    );
    database.run("UPDATE t SET free = x'01'").await;
    assert_error(try_read(&*database.source(), &mixed).await, &["\"free\"", "a blob"]);
    // All texts now: the number that was kept compares with none of them.
    database.run("UPDATE t SET number = 'n' || id").await;
    let found = changes(&database, "number", &kept[0], Repeats::Harmless).await;
    assert_eq!(found.rows.len(), 5, "as texts, every one of them is greater");
}

#[tokio::test]
async fn a_checkpoint_that_compares_with_nothing_reads_the_whole_table() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, changed TEXT); INSERT INTO t VALUES (1, 'first'), (2, 'second')",
    )
    .await;
    let since = full(&database, "changed").await;
    database.run("DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, changed TIMESTAMP)").await;
    database.run("INSERT INTO t VALUES (1, '2024-01-01')").await;
    let request = ReadRequest { delta: delta(&since, Repeats::Harmless), ..cursor("t", "changed") };
    let found = read(&*database.source(), &request).await;
    assert_eq!(found.extent, Extent::Whole);
    assert!(found.notes.iter().any(|note| note.contains("'second'")), "{:?}", found.notes);
}

#[tokio::test]
async fn the_offset_goes_below_the_newest_moment_where_repeats_are_harmless() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, changed TIMESTAMP, day DATE) WITHOUT ROWID; \
         INSERT INTO t VALUES (1, '2024-01-01 10:00:00', '2024-01-01'), (2, '2024-01-01T10:01:00Z', '2024-01-02')",
    )
    .await;
    for (column, seconds) in [("changed", 60), ("day", 86_400)] {
        let since = full(&database, column).await;
        for (repeats, expected) in [(Repeats::Harmless, vec!["1", "2"]), (Repeats::Avoid, vec![])] {
            let mut request = ReadRequest { delta: delta(&since, repeats), ..cursor("t", column) };
            request.delta.as_mut().unwrap().offset_seconds = seconds;
            let found = read(&*database.source(), &request).await.lines();
            assert_eq!(found, expected as Vec<&str>, "{column} {repeats:?}");
        }
    }
}

#[tokio::test]
async fn the_delta_filter_and_the_cursor_hold_together_and_added_rows_always_come() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, changed TIMESTAMP, open INTEGER); \
         INSERT INTO t VALUES (1, '2024-01-01', 1), (2, '2024-01-02', 1)",
    )
    .await;
    let since = full(&database, "changed").await;
    database
        .run("INSERT INTO t VALUES (-1, '2024-01-03', 1), (-2, '2024-01-03', 0), (3, '2023-01-01', 0)")
        .await;
    let mut request = ReadRequest { delta: delta(&since, Repeats::Harmless), ..cursor("t", "changed") };
    request.delta.as_mut().unwrap().filter = Some("open = 1 OR id = 77".to_owned());
    assert_eq!(read(&*database.source(), &request).await.lines(), ["-1", "2", "3"]);
    request.filters = vec!["id < 3".to_owned()];
    assert_eq!(read(&*database.source(), &request).await.lines(), ["-1", "2"], "a filter holds for all rows");
    request.cursor = None;
    assert_eq!(read(&*database.source(), &request).await.lines(), ["-1", "1", "2"], "without a cursor");
    request.delta.as_mut().unwrap().filter = Some("open = ?".to_owned());
    assert_error(
        try_read(&*database.source(), &request).await,
        &["delta filter of table \"t\"", "parameter"],
    );
}

#[tokio::test]
async fn an_emptied_table_keeps_its_checkpoint() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, changed TIMESTAMP); INSERT INTO t VALUES (1, '2024-01-01')",
    )
    .await;
    let since = full(&database, "changed").await;
    database.run("DELETE FROM t").await;
    let found = changes(&database, "changed", &since, Repeats::Harmless).await;
    assert!(found.rows.is_empty());
    assert_eq!(found.checkpoint.cursor, since.cursor);
}

#[tokio::test]
async fn what_is_asked_for_is_told_as_it_is_sent() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, changed TIMESTAMP, name TEXT); \
         INSERT INTO t VALUES (1, '2024-01-01', 'a'), (2, '2024-01-02', 'it''s')",
    )
    .await;
    let asked = async |request: &ReadRequest| {
        let snapshot = database.source().snapshot().await.unwrap();
        let explanation = snapshot.explain(request).await.unwrap();
        let Asked::Statement { sql, values, in_ranges } = explanation.asked else { panic!("a statement") };
        assert!(!in_ranges);
        (sql, values.join(", "))
    };
    let mut wanted = cursor("t", "changed");
    wanted.filters = vec!["name <> '?' -- all".to_owned()];
    wanted.date_bounds = bounds("name", Some("it's"), None);
    assert_eq!(
        asked(&wanted).await,
        (
            "SELECT \"id\", rowid FROM main.\"t\" WHERE (name <> '?') AND \"name\" >= ?".to_owned(),
            "'it''s'".to_owned()
        )
    );
    let since = full(&database, "changed").await;
    let request = ReadRequest { delta: delta(&since, Repeats::Harmless), ..cursor("t", "changed") };
    let (sql, values) = asked(&request).await;
    assert!(sql.contains(" OR rowid > ?)"), "{sql}");
    assert_eq!(values, "'2024-01-02 00:00:00.000000', 2");
    // A filter that the database does not take is said here too.
    wanted.filters = vec!["nothing = 1".to_owned()];
    let snapshot = database.source().snapshot().await.unwrap();
    assert_error(snapshot.explain(&wanted).await, &["nothing"]);
}
