//! What the cursor and the two filters choose in a DELTA.

use forebay_core::source::{Extent, ReadRequest, SourceErrorKind};

use super::{Place, appended, name, ordered, since, whole};

/// The ids that a read gives, in order.
fn ids(read: &super::Read) -> Vec<i32> {
    let mut ids: Vec<i32> =
        read.column("id").into_iter().flatten().map(|id| id.parse().expect("a number")).collect();
    ids.sort_unstable();
    ids
}

fn filtered(mut request: ReadRequest, filter: &str) -> ReadRequest {
    request.delta.as_mut().expect("a delta").filter = Some(filter.to_owned());
    request
}

fn offset(mut request: ReadRequest, seconds: i64) -> ReadRequest {
    request.delta.as_mut().expect("a delta").offset_seconds = seconds;
    request
}

#[tokio::test]
async fn a_delta_reads_what_is_new_and_no_tie_again() {
    let place = Place::quiet("delta_ties").await;
    place.run("CREATE TABLE t (id int PRIMARY KEY, changed timestamp)").await;
    place.run("INSERT INTO t SELECT i, '2024-01-01' FROM generate_series(1, 5) i").await;
    place.run("INSERT INTO t VALUES (6, NULL), (7, 'infinity'), (8, '-infinity')").await;
    let request = ordered("t", "changed");
    let full = place.read(&request).await;
    assert_eq!(full.checkpoint.cursor.as_ref().expect("a cursor").value, "2024-01-01 00:00:00");
    // As new as the newest, older, and without a date: all are new rows.
    place
        .run("INSERT INTO t VALUES (9, '2024-01-01'), (10, '2001-01-01'), (11, NULL), (12, 'infinity')")
        .await;
    place.run("UPDATE t SET changed = '2024-02-01' WHERE id = 2; UPDATE t SET id = 13 WHERE id = 3").await;
    let delta = place.read(&since(&request, &full.checkpoint)).await;
    assert_eq!((delta.extent, ids(&delta)), (Extent::Changes, vec![2, 9, 10, 11, 12, 13]));
    assert_eq!(delta.checkpoint.cursor.as_ref().expect("a cursor").value, "2024-02-01 00:00:00");
    let delta = place.read(&since(&request, &delta.checkpoint)).await;
    assert_eq!(ids(&delta), [0; 0]);
    assert!(delta.notes.is_empty(), "{:?}", delta.notes);
}

#[tokio::test]
async fn an_offset_reads_a_stretch_again() {
    let place = Place::quiet("delta_offset").await;
    place.run("CREATE TABLE t (id int PRIMARY KEY, changed timestamptz, day date)").await;
    place
        .run("INSERT INTO t SELECT i, timestamptz '2024-01-01 12:00Z' + i * interval '1 s', date '2024-01-01' + i \
             FROM generate_series(1, 10) i")
        .await;
    let request = ordered("t", "changed");
    let full = place.read(&request).await;
    assert_eq!(ids(&place.read(&offset(since(&request, &full.checkpoint), 3)).await), [7, 8, 9, 10]);
    assert_eq!(ids(&place.read(&offset(since(&request, &full.checkpoint), -3)).await), [0; 0]);
    let request = ordered("t", "day");
    let full = place.read(&request).await;
    assert_eq!(ids(&place.read(&offset(since(&request, &full.checkpoint), 86_400)).await), [9, 10]);
    let request = ordered("t", "id");
    let full = place.read(&request).await;
    let error = place.try_read(&offset(since(&request, &full.checkpoint), 3)).await.expect_err("no time");
    assert!(error.message.contains("offset") && error.message.contains("id"), "{error}");
}

#[tokio::test]
async fn the_delta_filter_and_the_cursor_restrict_each_other_but_never_new_rows() {
    let place = Place::quiet("delta_filters").await;
    place.run("CREATE TABLE t (id int PRIMARY KEY, state text, changed timestamp)").await;
    place
        .run(
            "INSERT INTO t SELECT i, CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END, \
             timestamp '2024-01-01' + i * interval '1 s' FROM generate_series(1, 10) i",
        )
        .await;
    let request = ordered("t", "changed");
    let full = place.read(&request).await;
    // Both: what is in the offset's stretch and even.
    let both = filtered(offset(since(&request, &full.checkpoint), 3), "state = 'even'");
    assert_eq!(ids(&place.read(&both).await), [8, 10]);
    // An OR inside the filter stays inside.
    let or = filtered(offset(since(&request, &full.checkpoint), 3), "id = 1 OR id = 9");
    assert_eq!(ids(&place.read(&or).await), [9]);
    // Without a cursor the filter alone.
    let alone = whole("t");
    let full = place.read(&alone).await;
    assert_eq!(ids(&place.read(&filtered(since(&alone, &full.checkpoint), "id <= 2")).await), [1, 2]);
    // A row that the checkpoint did not show is read though neither asks for it.
    place.run("INSERT INTO t VALUES (11, 'odd', '2001-01-01')").await;
    assert_eq!(ids(&place.read(&filtered(since(&alone, &full.checkpoint), "id <= 2")).await), [1, 2, 11]);
    // Appended, only such rows are: the others were read.
    assert_eq!(ids(&place.read(&filtered(appended(&alone, &full.checkpoint), "id <= 2")).await), [11]);
    // The plain filter and the bounds restrict even them.
    let mut plain = filtered(since(&alone, &full.checkpoint), "id <= 2");
    plain.filters = vec!["id <> 11".to_owned(), "id <> 1 OR id = 1".to_owned()];
    assert_eq!(ids(&place.read(&plain).await), [1, 2]);
}

#[tokio::test]
async fn an_index_on_the_change_date_brings_no_row_twice_and_loses_none() {
    let place = Place::quiet("delta_index").await;
    for index in ["", "CREATE INDEX ON t (changed)", "CREATE INDEX ON t (changed) WHERE id < 0"] {
        place
            .run("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, state text, changed timestamp)")
            .await;
        place
            .run(
                "INSERT INTO t SELECT i, CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END, \
                 timestamp '2024-01-01' + i * interval '1 s' FROM generate_series(1, 10) i",
            )
            .await;
        if !index.is_empty() {
            place.run(index).await;
        }
        let request = ordered("t", "changed");
        let full = place.read(&request).await;
        // Newer; as old as what was read; old; in the stretch of the offset, changed and not.
        place
            .run("INSERT INTO t VALUES (11, 'odd', '2024-06-01'), (12, 'odd', '2024-01-01 00:00:10'), (13, 'odd', NULL)")
            .await;
        place.run("UPDATE t SET state = 'forgotten' WHERE id IN (1, 9)").await;
        let delta = place.read(&since(&request, &full.checkpoint)).await;
        assert_eq!(ids(&delta), [1, 9, 11, 12, 13], "{index}");
        let delta = place.read(&offset(since(&request, &full.checkpoint), 2)).await;
        assert_eq!(ids(&delta), [1, 8, 9, 10, 11, 12, 13], "{index}");
        let both = filtered(offset(since(&request, &full.checkpoint), 2), "state = 'even'");
        assert_eq!(ids(&place.read(&both).await), [1, 8, 9, 10, 11, 12, 13], "{index}");
        let both = filtered(offset(since(&request, &full.checkpoint), 4), "id = 7");
        assert_eq!(ids(&place.read(&both).await), [1, 7, 9, 11, 12, 13], "{index}");
        let mut plain = offset(since(&request, &full.checkpoint), 2);
        plain.filters = vec!["id <> 8 AND id <> 9".to_owned()];
        assert_eq!(ids(&place.read(&plain).await), [1, 10, 11, 12, 13], "{index}");
        assert_eq!(
            ids(&place.read(&appended(&request, &full.checkpoint)).await),
            [1, 9, 11, 12, 13],
            "{index}"
        );
        assert_eq!(delta.checkpoint.cursor.expect("a cursor").value, "2024-06-01 00:00:00", "{index}");
    }
}

#[tokio::test]
async fn without_cursor_and_filter_the_whole_table_is_read() {
    let place = Place::quiet("delta_none").await;
    place.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let full = place.read(&whole("t")).await;
    assert_eq!(full.checkpoint.cursor, None);
    place.run("INSERT INTO t VALUES (2)").await;
    let delta = place.read(&since(&whole("t"), &full.checkpoint)).await;
    assert_eq!((delta.extent, ids(&delta)), (Extent::Whole, vec![1, 2]));
}

#[tokio::test]
async fn a_cursor_may_be_any_type_with_an_order() {
    let place = Place::quiet("delta_types").await;
    place
        .run("CREATE DOMAIN stamp AS timestamptz; CREATE COLLATION backwards (provider = libc, locale = 'C')")
        .await;
    for (type_name, old, new, newest) in [
        ("smallint", "1", "2", "2"),
        ("bigint", "9", "10", "10"),
        ("numeric", "9.5", "10.25", "10.25"),
        ("numeric", "'NaN'", "10.25", "10.25"),
        ("real", "'Infinity'", "0.1", "0.1"),
        ("double precision", "0.1", "0.3", "0.3"),
        ("text COLLATE \"C\"", "'it''s'", "'zü'", "zü"),
        ("text COLLATE backwards", "'A'", "'a'", "a"),
        ("char(5)", "'ab'", "'abc'", "abc"),
        ("varchar(9)", "'20240101'", "'20240102'", "20240102"),
        ("date", "'0044-03-15 BC'", "'10000-01-01'", "10000-01-01"),
        (
            "timestamp",
            "'2024-01-01 00:00:00.000001'",
            "'2024-01-01 00:00:00.000002'",
            "2024-01-01 00:00:00.000002",
        ),
        ("timestamptz", "'2024-01-01 00:00+05'", "'2024-01-01 00:00+04'", "2023-12-31 20:00:00+00"),
        ("stamp", "'2024-01-01 00:00Z'", "'2024-01-02 00:00Z'", "2024-01-02 00:00:00+00"),
    ] {
        place
            .run(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, c {type_name})"))
            .await;
        place.run(&format!("INSERT INTO t VALUES (1, {old}), (2, {new})")).await;
        let request = ordered("t", "c");
        let full = place.read(&request).await;
        assert_eq!(
            full.checkpoint.cursor.as_ref().map(|cursor| cursor.value.trim()),
            Some(newest),
            "{type_name}"
        );
        assert_eq!(ids(&place.read(&since(&request, &full.checkpoint)).await), [0; 0], "{type_name}");
        place.run(&format!("INSERT INTO t VALUES (3, {old})")).await;
        assert_eq!(ids(&place.read(&since(&request, &full.checkpoint)).await), [3], "{type_name}");
    }
    place.run("CREATE TABLE u (id int PRIMARY KEY, c uuid)").await;
    let error = place.try_read(&ordered("u", "c")).await.expect_err("a type without an order");
    assert_eq!(error.kind, SourceErrorKind::Invalid);
    assert!(
        error.message.contains("u:") && error.message.contains(" c ") && error.message.contains("uuid"),
        "{error}"
    );
    let error = place.try_read(&ordered("u", "d")).await.expect_err("a column that is not there");
    assert!(error.message.contains("\"d\"") && error.message.contains("\"id\", \"c\""), "{error}");
}

#[tokio::test]
async fn another_cursor_goes_on_from_the_snapshot() {
    let place = Place::quiet("delta_other_cursor").await;
    place
        .run("CREATE TABLE t (id int PRIMARY KEY, changed date); INSERT INTO t VALUES (1, '2024-01-01')")
        .await;
    let full = place.read(&ordered("t", "changed")).await;
    place.run("INSERT INTO t VALUES (2, '2020-01-01')").await;
    let request = ordered("t", "id");
    let delta = place.read(&since(&request, &full.checkpoint)).await;
    assert_eq!((delta.extent, ids(&delta)), (Extent::Changes, vec![2]));
    assert_eq!(delta.checkpoint.cursor.expect("a cursor").column, name("id"));
}

#[tokio::test]
async fn a_view_goes_on_by_its_cursor_and_says_what_that_proves() {
    let place = Place::quiet("delta_view").await;
    place.run("CREATE TABLE t (id int PRIMARY KEY, changed timestamptz, at timestamp)").await;
    place.run("INSERT INTO t VALUES (1, '2024-01-01Z', '2024-01-01'), (2, NULL, NULL); CREATE VIEW v AS SELECT * FROM t").await;
    let request = ordered("v", "changed");
    let full = place.read(&request).await;
    assert_eq!(full.checkpoint.cursor.as_ref().expect("a cursor").value, "2024-01-01 00:00:00+00");

    // A transaction that is open holds the checkpoint back to its start.
    let writer = place.database.client().await;
    super::run(&writer, "BEGIN; INSERT INTO t VALUES (3, now(), now())").await;
    place.run("INSERT INTO t VALUES (4, clock_timestamp(), clock_timestamp())").await;
    let delta = place.read(&since(&request, &full.checkpoint)).await;
    assert_eq!((delta.extent, ids(&delta)), (Extent::Changes, vec![1, 2, 4]));
    assert!(
        delta.notes[0].contains("this is a view") && delta.notes[0].contains("oldest transaction"),
        "{:?}",
        delta.notes
    );
    super::run(&writer, "COMMIT").await;
    let delta = place.read(&since(&request, &delta.checkpoint)).await;
    assert_eq!(ids(&delta), [2, 3, 4]);
    // Appended, nothing is read twice: neither what has no date nor the newest.
    assert_eq!(ids(&place.read(&appended(&request, &delta.checkpoint)).await), [0; 0]);

    // A timestamp without a zone does not compare with the server's clock.
    let request = ordered("v", "at");
    let full = place.read(&request).await;
    let delta = place.read(&since(&request, &full.checkpoint)).await;
    assert!(delta.notes[0].contains("offset"), "{:?}", delta.notes);
    // A view with other columns is another reading.
    place.run("CREATE OR REPLACE VIEW v AS SELECT *, 7 AS more FROM t").await;
    let delta = place.read(&since(&request, &full.checkpoint)).await;
    assert_eq!(delta.extent, Extent::Whole);
}

#[tokio::test]
async fn what_other_users_do_is_unknown_to_a_user_without_the_right() {
    let place = Place::quiet("delta_hidden").await;
    place
        .run("CREATE TABLE t (id int, changed timestamptz); INSERT INTO t VALUES (1, '2024-01-01'); \
             CREATE VIEW v AS SELECT * FROM t; CREATE ROLE delta_hidden LOGIN PASSWORD 'x'; GRANT SELECT ON v TO delta_hidden")
        .await;
    let source = super::source(&place.database.as_user("delta_hidden", "x"));
    let snapshot = source.snapshot().await.expect("a snapshot");
    let request = ordered("v", "changed");
    let full = super::read(&*snapshot, &request).await.expect("a view");
    let delta = super::read(&*snapshot, &since(&request, &full.checkpoint)).await.expect("a view");
    assert!(delta.notes[0].contains("offset"), "another user's transactions are hidden: {:?}", delta.notes);
}
