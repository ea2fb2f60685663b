//! Deltas: what is new arrives, and what became visible late is not lost.

use forebay_core::source::{Extent, ReadRequest, Repeats, SourceErrorKind};

use super::{server, source, source_of_user};
use crate::mariadb_server::MariadbServer;
use crate::reading::{assert_error, bounds, delta, identifier, only, read, request, try_read};

/// All of a table, with a cursor to go on from.
fn ordered(table: &str, cursor: &str) -> ReadRequest {
    ReadRequest { cursor: Some(identifier(cursor)), ..request(table) }
}

fn ids(lines: &[Vec<String>]) -> Vec<&str> {
    lines.iter().map(|row| row[0].as_str()).collect()
}

/// A change that was open when the table was read is found by the next DELTA, although a later one was visible
/// before it.
async fn a_late_commit_is_found(type_name: &str, repeats: Repeats) {
    let server = MariadbServer::start(&[], &[]).await;
    let database = server.database("late");
    database.run(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, changed {type_name} NOT NULL DEFAULT CURRENT_TIMESTAMP(6)); \
         INSERT INTO t (id) VALUES (1)"
    ));
    let source = source(&database);
    let mut long = database.session();
    long.run("BEGIN; INSERT INTO t (id) VALUES (2)");
    database.run("DO SLEEP(1.5); INSERT INTO t (id) VALUES (3)");
    let full = read(&*source, &ordered("t", "changed")).await;
    assert_eq!(ids(&full.rows), ["1", "3"]);
    long.run("COMMIT");
    let mut next = ordered("t", "changed");
    next.delta = delta(&full.checkpoint, repeats);
    let found = read(&*source, &next).await;
    assert_eq!(found.extent, Extent::Changes);
    assert!(ids(&found.rows).contains(&"2"), "{:?}", found.rows);
    assert!(found.notes.iter().any(|note| note.contains("oldest transaction")), "{:?}", found.notes);
}

#[tokio::test]
async fn a_late_commit_is_found_by_a_timestamp() {
    a_late_commit_is_found("timestamp(6)", Repeats::Harmless).await;
    a_late_commit_is_found("timestamp(6)", Repeats::Avoid).await;
}

#[tokio::test]
async fn a_late_commit_is_found_by_a_date_without_zone() {
    a_late_commit_is_found("datetime(6)", Repeats::Harmless).await;
}

#[tokio::test]
async fn a_statement_that_waits_is_late_too() {
    let server = MariadbServer::start(&[], &[]).await;
    let database = server.database("waits");
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, changed timestamp(6) NOT NULL); CREATE TABLE gate (id int); \
         INSERT INTO t VALUES (1, NOW(6))",
    );
    // It has the time of its beginning, and no transaction of the table's engine before the gate opens.
    let mut gate = database.session();
    gate.run("LOCK TABLES gate WRITE");
    let mut late = database.session();
    late.begin("INSERT INTO t SELECT 2, NOW(6) FROM (SELECT COUNT(*) FROM gate) AS passed");
    super::until(
        &database,
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'",
        "1",
    )
    .await;
    database.run("DO SLEEP(1.5); INSERT INTO t VALUES (3, NOW(6))");
    let reader = source_of_user(&database, "waits_reader", "SELECT ON waits.*; PROCESS ON *.*");
    let full = read(&*reader, &ordered("t", "changed")).await;
    assert_eq!(ids(&full.rows), ["1", "3"]);
    gate.run("UNLOCK TABLES");
    super::until(&database, "SELECT COUNT(*) FROM t", "3").await;
    let mut next = ordered("t", "changed");
    next.delta = delta(&full.checkpoint, Repeats::Harmless);
    assert!(ids(&read(&*reader, &next).await.rows).contains(&"2"));
}

#[tokio::test]
async fn a_user_that_sees_no_transactions_is_told_what_to_do() {
    let database = server().await.database("blind");
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, changed timestamp); INSERT INTO t VALUES (1, '2024-01-01')",
    );
    let reader = source_of_user(&database, "blind_reader", "SELECT ON blind.*");
    let full = read(&*reader, &ordered("t", "changed")).await;
    let mut next = ordered("t", "changed");
    next.delta = delta(&full.checkpoint, Repeats::Harmless);
    let found = read(&*reader, &next).await;
    for part in ["PROCESS", "offset", "RELOAD"] {
        assert!(found.notes.iter().any(|note| note.contains(part)), "{part}: {:?}", found.notes);
    }
}

#[tokio::test]
async fn numbers_and_texts_order_changes_exactly() {
    let database = server().await.database("cursors");
    database.run(
        r"CREATE TABLE t (id int PRIMARY KEY, big bigint unsigned, exact decimal(65,30), name varchar(50), day date); \
          INSERT INTO t VALUES (1, 18446744073709551613, 1.000000000000000000000000000001, 'a\\''b', '2024-01-30'), \
              (2, 18446744073709551614, 1.000000000000000000000000000002, 'a\\''c', '2024-01-31')",
    );
    let source = source(&database);
    for (cursor, value) in [
        ("big", "18446744073709551614"),
        ("exact", "1.000000000000000000000000000002"),
        ("name", r"a\'c"),
        ("day", "2024-01-31"),
        ("id", "2"),
    ] {
        database.run("DELETE FROM t WHERE id = 3");
        let full = read(&*source, &ordered("t", cursor)).await;
        assert_eq!(full.checkpoint.cursor.as_ref().unwrap().value, value, "{cursor}");
        database.run(
            r"INSERT INTO t VALUES (3, 18446744073709551615, 1.000000000000000000000000000003, 'a\\''d', '2024-02-01')",
        );
        let mut next = ordered("t", cursor);
        next.delta = delta(&full.checkpoint, Repeats::Avoid);
        assert_eq!(ids(&read(&*source, &next).await.rows), ["3"], "{cursor}");
        next.delta = delta(&full.checkpoint, Repeats::Harmless);
        assert_eq!(ids(&read(&*source, &next).await.rows), ["2", "3"], "{cursor}");
    }
    let mut next = ordered("t", "id");
    next.delta = delta(&read(&*source, &next).await.checkpoint, Repeats::Harmless);
    next.delta.as_mut().unwrap().offset_seconds = 5;
    assert_error(try_read(&*source, &next).await, &["id", "set the offset to 0"]);
}

#[tokio::test]
async fn what_orders_no_changes_is_refused() {
    let database = server().await.database("unordered");
    database.run("CREATE TABLE t (id int, f float, b blob, t time, g point, x bit(3))");
    for column in ["f", "b", "t", "g", "x"] {
        let error = assert_error(
            try_read(&*source(&database), &ordered("t", column)).await,
            &["table t", column, "does not order changes"],
        );
        assert_eq!(error.kind, SourceErrorKind::Invalid);
    }
    let mut bounded = request("t");
    bounded.date_bounds = bounds("b", Some("2024"), None);
    assert_error(try_read(&*source(&database), &bounded).await, &["creation date", "column b", "no bounds"]);
    bounded.date_bounds = bounds("id", Some("1 OR 1"), None);
    assert_error(try_read(&*source(&database), &bounded).await, &["creation date", "'1 OR 1'", "number"]);
}

#[tokio::test]
async fn the_delta_filter_and_the_cursor_say_together_what_is_new() {
    let database = server().await.database("filtered");
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, kind varchar(9), changed datetime); \
         INSERT INTO t VALUES (1, 'a', '2024-01-01'), (2, 'b', '2024-01-02')",
    );
    let source = source(&database);
    let full = read(&*source, &ordered("t", "changed")).await;
    database
        .run("INSERT INTO t VALUES (3, 'a', '2024-01-03'), (4, 'b', '2024-01-03'), (5, 'a', '2023-12-31')");
    let mut next = ordered("t", "changed");
    next.delta = delta(&full.checkpoint, Repeats::Harmless);
    next.delta.as_mut().unwrap().filter = Some("kind = 'a'".to_owned());
    assert_eq!(ids(&read(&*source, &next).await.rows), ["3"]);
    next.delta.as_mut().unwrap().filter = Some("nothing = 'a'".to_owned());
    assert_error(try_read(&*source, &next).await, &["delta filter of table t", "nothing"]);
    // Other columns, another table of the name: everything is read.
    next.delta.as_mut().unwrap().filter = None;
    next.columns = only(&["id"]);
    let whole = read(&*source, &next).await;
    assert_eq!((whole.extent, whole.rows.len()), (Extent::Whole, 5));
    assert!(whole.notes.iter().any(|note| note.contains("other columns")), "{:?}", whole.notes);
    next.table.schema = Some(identifier("filtered_other"));
    server().await.database("filtered_other").run("CREATE TABLE t (id int PRIMARY KEY, changed datetime)");
    let other = read(&*source, &next).await;
    assert!(other.notes.iter().any(|note| note.contains("another table")), "{:?}", other.notes);
}

#[tokio::test]
async fn conditions_mean_what_they_mean_by_default() {
    let database = server().await.database("meaning");
    database.run(
        r"CREATE TABLE t (id int, name varchar(20)); INSERT INTO t VALUES (1, 'it''s'), (2, 'a\\b'), (3, '')",
    );
    let source = source(&database);
    for (filter, expected) in [
        (r"name = 'it\'s'", vec!["1"]),
        (r#"name = "it's""#, vec!["1"]),
        (r"name = 'a\\b'", vec!["2"]),
        (r"name LIKE 'a\\\\b'", vec!["2"]),
        ("`name` = '' AND id - -1 = 4", vec!["3"]),
        ("LENGTH(name) > 3 OR id IN (SELECT 2)", vec!["1", "2"]),
    ] {
        let mut wanted = request("t");
        wanted.filters = vec![filter.to_owned()];
        assert_eq!(ids(&read(&*source, &wanted).await.rows), expected, "{filter}");
    }
    for filter in ["id = 1 INTO OUTFILE 'x'", "id = 1; DROP TABLE t", "id = (SELECT x FROM nowhere)", "f(id)"]
    {
        let mut wanted = request("t");
        wanted.filters = vec![filter.to_owned()];
        let error = assert_error(try_read(&*source, &wanted).await, &["filter of table t"]);
        assert_eq!(error.kind, SourceErrorKind::Invalid, "{error}");
    }
}
