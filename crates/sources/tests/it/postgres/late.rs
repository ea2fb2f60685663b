//! Rows that become visible late: none is lost, whatever their transactions did.

use std::collections::BTreeMap;

use forebay_core::source::{Checkpoint, Extent, ReadRequest, TableReader};
use tokio_postgres::Client;

use super::{Place, Read, appended, collect, ordered, run, say, since, whole};
use crate::postgres_server::{PostgresServer, Setup};

/// A table as a merge by its first column would keep it.
#[derive(Default)]
struct Merged(BTreeMap<String, String>);

impl Merged {
    fn merge(&mut self, read: &Read) {
        for row in 0..read.rows.num_rows() {
            let row = read.row(row);
            let key = row.split('|').next().expect("a first column").to_owned();
            self.0.insert(key, row);
        }
    }

    fn rows(&self) -> Vec<String> {
        let mut rows: Vec<String> = self.0.values().cloned().collect();
        rows.sort();
        rows
    }
}

/// What the table is, as a full read has it.
async fn truth(place: &Place, table: &str) -> Vec<String> {
    place.read(&whole(table)).await.sorted()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_eight_writers_over_two_deltas_all_arrive() {
    const WRITERS: usize = 8;
    let place = Place::new("late_writers").await;
    place.run("CREATE TABLE t (id int NOT NULL, writer int, step int, changed timestamptz)").await;
    place.run("INSERT INTO t SELECT i, -1, 0, now() FROM generate_series(1000, 1099) i").await;
    let request = ordered("t", "changed");
    let mut merged = Merged::default();
    let mut log = place.read(&whole("t")).await.sorted(); // As appended, without a key.

    let mut writers: Vec<Client> = Vec::new();
    for _ in 0..WRITERS {
        writers.push(place.database.client().await);
    }
    // All begin before the full load. The change date is the time of the transaction's start, as an
    // application sets it: long past when the rows become visible.
    for (writer, sql) in writers.iter().enumerate() {
        run(sql, "BEGIN").await;
        insert(sql, writer, 0).await;
    }
    let full = place.read(&request).await;
    assert_eq!(full.extent, Extent::Whole);
    assert_eq!(full.rows.num_rows(), 100);
    merged.merge(&full);
    place.run("INSERT INTO t VALUES (2000, -1, 0, clock_timestamp() + interval '1 hour')").await;

    // Two commit before the first delta, the others write on.
    for (writer, sql) in writers.iter().enumerate() {
        if writer < 2 {
            run(sql, "COMMIT").await;
        } else {
            insert(sql, writer, 1).await;
        }
    }
    let first = place.read(&since(&request, &full.checkpoint)).await;
    let first_appended = place.read(&appended(&request, &full.checkpoint)).await;
    assert_eq!(first.extent, Extent::Changes);
    merged.merge(&first);
    log.extend(first_appended.sorted());

    // Two commit between the deltas; one updates and deletes what is there; the rest write on, with
    // savepoints, a prepared transaction and one that takes everything back.
    for sql in &writers[2..4] {
        run(sql, "COMMIT").await;
    }
    run(&writers[4], "SAVEPOINT a; UPDATE t SET step = 7 WHERE id = 1000; DELETE FROM t WHERE id = 1001")
        .await;
    run(&writers[5], "SAVEPOINT a").await;
    insert(&writers[5], 5, 2).await;
    run(&writers[5], "ROLLBACK TO a; SAVEPOINT b").await;
    insert(&writers[5], 5, 3).await;
    run(&writers[5], "RELEASE b").await;
    run(&writers[6], "PREPARE TRANSACTION 'late_writers'").await;
    let second = place.read(&since(&request, &first.checkpoint)).await;
    log.extend(place.read(&appended(&request, &first_appended.checkpoint)).await.sorted());
    let second_appended = place.read(&appended(&request, &first_appended.checkpoint)).await;
    merged.merge(&second);

    run(&writers[4], "COMMIT").await;
    run(&writers[5], "COMMIT").await;
    run(&writers[6], "COMMIT PREPARED 'late_writers'").await;
    run(&writers[7], "ROLLBACK").await;
    let third = place.read(&since(&request, &second.checkpoint)).await;
    merged.merge(&third);
    log.extend(place.read(&appended(&request, &second_appended.checkpoint)).await.sorted());

    let mut expected = truth(&place, "t").await;
    assert_eq!(expected.len(), 100 - 1 + 1 + 7 + 5 + 1, "what the writers left");
    // Appended, the old state of the changed row stays, as the deleted row does in both.
    let changed = expected.iter().position(|row| row.starts_with("1000|")).expect("the changed row");
    let mut expected_log = expected.clone();
    expected_log.extend([log_of(&full, "1000|"), log_of(&full, "1001|")]);
    expected_log.sort();
    log.sort();
    assert_eq!(log, expected_log, "each row is appended once");
    assert!(expected[changed].starts_with("1000|-1|7|"));
    expected.push(log_of(&full, "1001|"));
    expected.sort();
    assert_eq!(merged.rows(), expected, "each row arrives");
}

async fn insert(sql: &Client, writer: usize, step: usize) {
    run(sql, &format!("INSERT INTO t VALUES ({}, {writer}, {step}, now())", writer * 10 + step)).await;
}

fn log_of(read: &Read, start: &str) -> String {
    read.sorted().into_iter().find(|row| row.starts_with(start)).expect("a row of the first read")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_is_lost_while_writers_run_freely() {
    const WRITERS: usize = 8;
    let place = Place::new("late_freely").await;
    place.run("CREATE TABLE t (id int PRIMARY KEY, version int, changed timestamptz)").await;
    let request = ordered("t", "changed");
    let mut work = Vec::new();
    for writer in 0..WRITERS {
        let sql = place.database.client().await;
        work.push(tokio::spawn(async move {
            // Long and short transactions, each with subtransactions, updates of rows of its own.
            for round in 0..40 {
                let id = writer * 1000 + round;
                let old = writer * 1000 + round / 2;
                run(
                    &sql,
                    &format!(
                        "BEGIN; INSERT INTO t VALUES ({id}, 0, now()); SAVEPOINT a; \
                         UPDATE t SET version = version + 1, changed = now() WHERE id = {old}; \
                         SELECT pg_sleep({} / 1000.0); COMMIT",
                        (writer * 7 + round * 3) % 40
                    ),
                )
                .await;
            }
        }));
    }
    let mut merged = Merged::default();
    let mut checkpoint: Option<Checkpoint> = None;
    let mut rounds = 0;
    loop {
        let done = work.iter().all(tokio::task::JoinHandle::is_finished);
        let request = checkpoint.as_ref().map_or(request.clone(), |since_then| since(&request, since_then));
        let read = place.read_or_unchanged(&request).await;
        if let Some(read) = read {
            merged.merge(&read);
            checkpoint = Some(read.checkpoint);
        }
        rounds += 1;
        if done {
            break;
        }
    }
    for task in work {
        task.await.expect("a writer's end");
    }
    assert!(rounds > 2, "{rounds} rounds");
    assert_eq!(merged.rows(), truth(&place, "t").await);
}

#[tokio::test]
async fn rows_survive_freezing_rewriting_and_a_restart() {
    let mut server = PostgresServer::start(Setup::default()).await;
    let place = Place::of(&server, "late_restart").await;
    place.run("CREATE TABLE t (id int PRIMARY KEY, changed timestamptz)").await;
    place.run("INSERT INTO t VALUES (1, '2024-01-01')").await;
    let request = ordered("t", "changed");
    let full = place.read(&request).await;
    let frozen_at = |id: u32| format!("INSERT INTO t VALUES ({id}, '2023-01-01')");

    // Written after the checkpoint with an old change date, then frozen: it is new all the same.
    place.run(&frozen_at(2)).await;
    place.run("VACUUM (FREEZE) t").await;
    let delta = place.read(&since(&request, &full.checkpoint)).await;
    assert_eq!(delta.column("id"), [Some("2".to_owned())]);

    place.run(&frozen_at(3)).await;
    place.run("VACUUM (FULL, FREEZE) t").await;
    let rewritten = place.read(&since(&request, &delta.checkpoint)).await;
    assert_eq!(rewritten.column("id"), [Some("3".to_owned())]);
    place.run("CLUSTER t USING t_pkey").await;
    let clustered = place.read(&since(&request, &rewritten.checkpoint)).await;
    assert_eq!(clustered.rows.num_rows(), 0);

    // A prepared transaction outlives the server.
    place.run(&format!("BEGIN; {}; PREPARE TRANSACTION 'over the restart'", frozen_at(4))).await;
    let before = place.read(&since(&request, &clustered.checkpoint)).await;
    assert_eq!(before.rows.num_rows(), 0);
    drop(place);
    for signal in ["INT", "QUIT"] {
        server.stop(signal);
        server.resume().await;
    }
    let database = server.at("late_restart");
    let place = Place::at(database).await;
    let after = place.read(&since(&request, &before.checkpoint)).await;
    assert_eq!(after.rows.num_rows(), 0);
    place.run("COMMIT PREPARED 'over the restart'").await;
    let last = place.read(&since(&request, &after.checkpoint)).await;
    assert_eq!((last.extent, last.column("id")), (Extent::Changes, vec![Some("4".to_owned())]));
}

#[tokio::test]
async fn unchanged_is_claimed_only_when_nothing_happened() {
    // Transactions count over the whole server, so no other test may share it.
    let server = PostgresServer::start(Setup::default()).await;
    let place = Place::of(&server, "late_unchanged").await;
    place
        .run("CREATE TABLE t (id int PRIMARY KEY, changed date); INSERT INTO t VALUES (1, '2024-01-01')")
        .await;
    let request = ordered("t", "changed");
    let mut checkpoint;
    for request in [&request, &ordered("public.t", "changed")] {
        checkpoint = place.read(request).await.checkpoint;
        assert!(place.read_or_unchanged(&since(request, &checkpoint)).await.is_none());
        assert!(place.read_or_unchanged(&appended(request, &checkpoint)).await.is_none());
        // Not even a sequence, a reader or another session changes a table.
        place.run("CREATE TEMP SEQUENCE IF NOT EXISTS s").await;
        checkpoint = place.read(request).await.checkpoint;
        place.run("BEGIN; SELECT nextval('s'), * FROM t; COMMIT").await;
        assert!(place.read_or_unchanged(&since(request, &checkpoint)).await.is_none());
    }
    for change in [
        "INSERT INTO t VALUES (2, NULL)",
        "UPDATE t SET changed = changed",
        "DELETE FROM t WHERE id = 2",
        "ALTER TABLE t ADD COLUMN more int DEFAULT 5",
        "TRUNCATE t",
        "BEGIN; CREATE TABLE other (); ROLLBACK",
    ] {
        checkpoint = place.read(&request).await.checkpoint;
        place.run(change).await;
        assert!(place.read_or_unchanged(&since(&request, &checkpoint)).await.is_some(), "{change}");
    }
    // A transaction that is open at both moments, or only at one, is no proof.
    let writer = place.database.client().await;
    run(&writer, "BEGIN; INSERT INTO t VALUES (3, NULL)").await;
    place.run("INSERT INTO t VALUES (4, NULL)").await;
    checkpoint = place.read(&request).await.checkpoint;
    assert!(place.read_or_unchanged(&since(&request, &checkpoint)).await.is_some());
    run(&writer, "COMMIT").await;
    let late = place.read(&since(&request, &checkpoint)).await;
    assert!(late.column("id").contains(&Some("3".to_owned())));

    // Other columns or conditions give other rows of the same table; a clock may, too.
    checkpoint = place.read(&request).await.checkpoint;
    let mut other = since(&request, &checkpoint);
    other.filters = vec!["id > 3".to_owned()];
    assert!(place.read_or_unchanged(&other).await.is_some());
    let mut other = since(&request, &checkpoint);
    other.columns = super::ColumnChoice::Only(vec![super::name("id")]);
    let read = place.read(&other).await;
    assert_eq!(read.extent, Extent::Whole);
    let mut filtered = request.clone();
    for (filter, proven) in [("id > 3 AND changed IS NULL", true), ("id > 3 AND now() > '2024-01-01'", false)]
    {
        filtered.filters = vec![filter.to_owned()];
        let checkpoint = place.read(&filtered).await.checkpoint;
        assert_eq!(
            place.read_or_unchanged(&since(&filtered, &checkpoint)).await.is_none(),
            proven,
            "{filter}"
        );
    }
}

#[tokio::test]
async fn appended_rows_are_appended_once_whatever_else_is_open() {
    let place = Place::new("late_append").await;
    place
        .run("CREATE TABLE t (n int, changed timestamptz); INSERT INTO t VALUES (1, 'infinity'), (2, NULL)")
        .await;
    let request = ordered("t", "changed");
    let blocker = place.database.client().await;
    run(&blocker, "BEGIN; CREATE TABLE elsewhere (); INSERT INTO t VALUES (100, now())").await;
    // Committed although older transactions are open, one of them in a subtransaction.
    place
        .run("INSERT INTO t VALUES (3, now()); BEGIN; SAVEPOINT a; INSERT INTO t VALUES (4, now()); COMMIT")
        .await;
    let full = place.read(&request).await;
    assert_eq!(full.rows.num_rows(), 4);
    let delta = place.read(&appended(&request, &full.checkpoint)).await;
    assert_eq!((delta.extent, delta.rows.num_rows()), (Extent::Changes, 0), "{:?}", delta.sorted());
    place.run("INSERT INTO t VALUES (5, '2001-01-01')").await;
    let mut with_offset = appended(&request, &delta.checkpoint);
    with_offset.delta.as_mut().expect("a delta").offset_seconds = 3600;
    let delta = place.read(&with_offset).await;
    assert_eq!(delta.column("n"), [Some("5".to_owned())]);
    assert!(delta.notes.iter().any(|note| note.contains("offset is left out")), "{:?}", delta.notes);
    run(&blocker, "COMMIT").await;
    let delta = place.read(&appended(&request, &delta.checkpoint)).await;
    assert_eq!(delta.column("n"), [Some("100".to_owned())]);
    let delta = place.read(&appended(&request, &delta.checkpoint)).await;
    assert_eq!(delta.rows.num_rows(), 0);
}

/// So many that a list of them would be long.
const MANY: &str = "DO $$ BEGIN FOR i IN 1..1100 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$";

#[tokio::test]
async fn late_rows_are_found_among_many_transactions() {
    let place = Place::quiet("late_many").await;
    place
        .run("CREATE TABLE t (id int PRIMARY KEY, changed timestamptz); INSERT INTO t VALUES (1, now())")
        .await;
    let request = ordered("t", "changed");
    let early = place.read(&request).await;
    let open = place.database.client().await;
    run(&open, "BEGIN; INSERT INTO t VALUES (2, '2001-01-01')").await;
    // Shown although an older transaction is open.
    place.run("INSERT INTO t VALUES (3, '2001-01-01')").await;
    let full = place.read(&request).await;
    assert_eq!(full.rows.num_rows(), 2);
    // A table without a key: what was shown is remembered.
    place.run("CREATE TABLE log (id int, changed timestamptz)").await;
    run(&open, "INSERT INTO log VALUES (2, '2001-01-01')").await;
    place.run("INSERT INTO log VALUES (3, '2001-01-01')").await;
    let logged = place.read(&ordered("log", "changed")).await;
    assert_eq!(logged.column("id"), [Some("3".to_owned())]);

    place.run(MANY).await;
    run(&open, "SAVEPOINT a; INSERT INTO t VALUES (4, '2001-01-01'); COMMIT").await;
    place.run("INSERT INTO log VALUES (5, '2001-01-01')").await;
    for checkpoint in [&early.checkpoint, &full.checkpoint] {
        let delta = place.read(&since(&request, checkpoint)).await;
        assert_eq!((delta.extent, delta.rows.num_rows()), (Extent::Changes, 3), "{:?}", delta.sorted());
    }
    let delta = place.read(&appended(&ordered("log", "changed"), &logged.checkpoint)).await;
    let mut ids: Vec<String> = delta.column("id").into_iter().flatten().collect();
    ids.sort();
    assert_eq!(ids, ["2", "5"]);
}

#[tokio::test]
async fn a_checkpoint_of_another_past_reads_the_whole_table() {
    let place = Place::quiet("late_other").await;
    place
        .run("CREATE TABLE t (id int PRIMARY KEY, changed date); INSERT INTO t VALUES (1, '2024-01-01')")
        .await;
    let request = ordered("t", "changed");
    let checkpoint = place.read(&request).await.checkpoint;
    let whole_with = async |place: &Place, request: &ReadRequest, why: &str| {
        let read = place.read(request).await;
        assert_eq!(read.extent, Extent::Whole, "{why}");
        assert!(read.notes.iter().any(|note| note.contains("whole table")), "{why}: {:?}", read.notes);
        read
    };
    let other = Place::new("late_other_2").await;
    other.run("CREATE TABLE t (id int PRIMARY KEY, changed date)").await;
    whole_with(&other, &since(&request, &checkpoint), "another database").await;
    let mut ahead = checkpoint.clone();
    ahead.position = ahead.position.replace("\"xmax\":", "\"xmax\":9");
    whole_with(&place, &since(&request, &ahead), "a state before the checkpoint").await;
    let mut alien = checkpoint.clone();
    alien.position = "what is this".to_owned();
    whole_with(&place, &since(&request, &alien), "no position of ours").await;

    // A table that takes the name of another one was written before the checkpoint.
    place.run("CREATE TABLE fresh (LIKE t INCLUDING ALL); INSERT INTO fresh VALUES (2, '2020-01-01')").await;
    let checkpoint = place.read(&request).await.checkpoint;
    place.run("BEGIN; ALTER TABLE t RENAME TO old; ALTER TABLE fresh RENAME TO t; COMMIT").await;
    let read = whole_with(&place, &since(&request, &checkpoint), "another table").await;
    assert_eq!(read.column("id"), [Some("2".to_owned())]);

    // A new column has its default in old rows, and no transaction wrote it there.
    place.run("ALTER TABLE t ADD COLUMN more int DEFAULT 5").await;
    let read = whole_with(&place, &since(&request, &read.checkpoint), "a new column").await;
    assert_eq!(read.column("more"), [Some("5".to_owned())]);
    place.run("ALTER TABLE t DROP COLUMN more; ALTER TABLE t ADD COLUMN more int DEFAULT 6").await;
    let read = whole_with(&place, &since(&request, &read.checkpoint), "another column of the name").await;
    assert_eq!(read.column("more"), [Some("6".to_owned())]);
    let read = place.read(&since(&request, &read.checkpoint)).await;
    assert_eq!((read.extent, read.rows.num_rows()), (Extent::Changes, 0));
}

#[tokio::test]
async fn what_truncating_and_loading_again_wrote_is_new() {
    let place = Place::quiet("late_reload").await;
    place
        .run("CREATE TABLE t (id int PRIMARY KEY, changed date); INSERT INTO t VALUES (1, '2024-01-01')")
        .await;
    let request = ordered("t", "changed");
    let checkpoint = place.read(&request).await.checkpoint;
    place
        .run("BEGIN; TRUNCATE t; COPY t FROM PROGRAM 'echo 2,2020-01-01' (FORMAT csv, FREEZE); COMMIT")
        .await;
    let delta = place.read(&since(&request, &checkpoint)).await;
    assert_eq!(delta.column("id"), [Some("2".to_owned())]);
    place.run("ALTER TABLE t ALTER changed TYPE timestamp").await;
    let delta = place.read(&since(&request, &delta.checkpoint)).await;
    assert_eq!(delta.column("id"), [Some("2".to_owned())]);
}

#[tokio::test]
async fn a_table_truncated_after_the_snapshot_is_not_read_as_empty() {
    let place = Place::new("late_truncated").await;
    place.run("CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE TABLE u (id int); CREATE TABLE v (id int)").await;
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    place.run("BEGIN; TRUNCATE t; INSERT INTO t VALUES (2); COMMIT").await;
    place.run("DROP TABLE u; CREATE TABLE u (id int)").await;
    for table in ["t", "public.t", "public.u"] {
        let error = super::read(&*snapshot, &whole(table)).await.expect_err("a table whose rows are gone");
        assert!(error.message.contains("was truncated") && error.message.contains("again"), "{error}");
    }
    // While one is read, nobody can do that.
    let reader = match snapshot.read(&whole("v")).await.expect("a reader") {
        TableReader::Rows(rows) => rows,
        TableReader::Unchanged => panic!("nothing to compare with"),
    };
    place.run("SET lock_timeout = '50ms'").await;
    assert!(place.sql.batch_execute("TRUNCATE v").await.is_err());
    assert_eq!(collect(reader).await.expect("an empty table").rows.num_rows(), 0);
    assert_eq!(say(&place.sql, "SELECT count(*)::text FROM t").await, "1");
}
