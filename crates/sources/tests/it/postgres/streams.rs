//! One snapshot for all tables, bounded batches, and nothing left at the server when a reader goes.

use std::process::Command;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use forebay_core::explanation::Asked;
use forebay_core::extraction::ColumnChoice;
use forebay_core::source::{ReadRequest, SourceError, SourceErrorKind, TableReader, TableRows};
use futures::{StreamExt, TryStreamExt};
use tokio::time::{sleep, timeout};

use super::{Place, name, run, whole};
use crate::postgres_server::{PostgresServer, Setup};

/// How long anything here may take before it counts as hanging.
const BOUND: Duration = Duration::from_secs(60);

/// A view that never ends.
const ENDLESS: &str =
    "CREATE VIEW endless AS SELECT generate_series(1, 1000000000) AS id, repeat('x', 500) AS filler";

async fn rows(snapshot: &dyn forebay_core::source::Snapshot, table: &str) -> TableRows {
    match snapshot.read(&whole(table)).await.expect("a table that can be read") {
        TableReader::Rows(rows) => rows,
        TableReader::Unchanged => panic!("there is nothing to compare with"),
    }
}

/// Waits until the source's sessions of the test's database are as few as said.
async fn sessions(place: &Place, which: &str, most: i64) {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'forebay' AND {which}"
    );
    let began = Instant::now();
    loop {
        let count: i64 = place.sql.query_one(&sql, &[]).await.expect("the sessions").get(0);
        if count <= most {
            return;
        }
        assert!(began.elapsed() < BOUND, "{count} sessions are still there ({which})");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_tables_of_a_snapshot_show_one_moment() {
    let place = Place::new("streams_moment").await;
    place
        .run("CREATE TABLE a (id int); CREATE TABLE b (id int); INSERT INTO a SELECT generate_series(1, 500)")
        .await;
    let sql = place.database.client().await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writer = tokio::spawn(async move {
        let mut moves = 0;
        while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
            let (from, to) = if moves % 2 == 0 { ("a", "b") } else { ("b", "a") };
            run(
                &sql,
                &format!(
                    "WITH moved AS (DELETE FROM {from} RETURNING id) INSERT INTO {to} SELECT * FROM moved"
                ),
            )
            .await;
            moves += 1;
        }
        moves
    });
    for _ in 0..20 {
        let snapshot = place.source.snapshot().await.expect("a snapshot");
        let (a, b) = (whole("a"), whole("b"));
        let (a, b) = tokio::join!(super::read(&*snapshot, &a), super::read(&*snapshot, &b));
        let (a, b) = (a.expect("table a"), b.expect("table b"));
        let mut ids: Vec<i32> =
            a.sorted().iter().chain(&b.sorted()).map(|id| id.parse().expect("a number")).collect();
        ids.sort_unstable();
        assert!(
            ids.iter().copied().eq(1..=500),
            "each row once: {} and {}",
            a.rows.num_rows(),
            b.rows.num_rows()
        );
    }
    stop.send(()).expect("a writer that runs");
    assert!(writer.await.expect("the writer's end") > 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_big_table_is_read_in_parts_that_hold_every_row_once() {
    let place = Place::new("streams_parts").await;
    // Two rows in a block, and more than two parts.
    place
        .run(
            "CREATE TABLE big (id int, pad text); ALTER TABLE big ALTER pad SET STORAGE PLAIN; \
             INSERT INTO big SELECT id, repeat('x', 3000) FROM generate_series(1, 20000) AS id; ANALYZE big",
        )
        .await;
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    // What moves to new blocks, goes and comes after the snapshot is not seen to.
    place
        .run("UPDATE big SET pad = 'y' WHERE id % 2 = 0; DELETE FROM big WHERE id % 7 = 0; INSERT INTO big VALUES (0, '')")
        .await;
    let ids = |filters: &[&str]| ReadRequest {
        columns: ColumnChoice::Only(vec![name("id")]),
        filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
        ..whole("big")
    };
    for (filters, expected) in [(&[][..], 1..=20_000), (&["id > 5000"], 5_001..=20_000)] {
        let read = super::read(&*snapshot, &ids(filters)).await.expect("the table");
        let mut found: Vec<i32> = read.sorted().iter().map(|id| id.parse().expect("a number")).collect();
        found.sort_unstable();
        assert!(found.into_iter().eq(expected), "{filters:?}: each row once");
    }
}

#[tokio::test]
async fn batches_are_bounded_by_rows_and_bytes() {
    let place = Place::new("streams_batches").await;
    place
        .run(
            "CREATE TABLE long AS SELECT generate_series(1, 150000) AS id; \
             CREATE TABLE wide AS SELECT repeat('x', 6000000) AS c FROM generate_series(1, 7)",
        )
        .await;
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    let long: Vec<RecordBatch> = rows(&*snapshot, "long").await.batches.try_collect().await.expect("rows");
    let counts: Vec<usize> = long.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(counts, [30_720, 30_720, 30_720, 30_720, 27_120]);
    let wide: Vec<RecordBatch> = rows(&*snapshot, "wide").await.batches.try_collect().await.expect("rows");
    let counts: Vec<usize> = wide.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(counts, [2, 2, 2, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_away_ends_its_statement_at_the_server() {
    let place = Place::new("streams_dropped").await;
    place.run(ENDLESS).await;
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    // After some rows, before any, and after the first of two readers.
    let mut some = rows(&*snapshot, "endless").await;
    let batch = some.batches.next().await.expect("a batch").expect("rows");
    assert!(batch.num_rows() > 1000);
    let none = rows(&*snapshot, "endless").await;
    let mut other = rows(&*snapshot, "endless").await;
    drop(some);
    drop(none);
    sessions(&place, "state = 'active'", 1).await;
    assert!(other.batches.next().await.expect("a batch").is_ok(), "the other reader goes on");
    drop(other);
    sessions(&place, "state = 'active'", 0).await;
    // The snapshot's own session stays until it is dropped.
    assert_eq!(
        place
            .say(
                "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name = 'forebay' AND state = 'idle in transaction'"
            )
            .await,
        "1"
    );
    drop(snapshot);
    sessions(&place, "state <> 'idle'", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_on_a_connection_that_was_used_before_ends_with_its_reader() {
    let place = Place::new("streams_used").await;
    place.run("CREATE TABLE t (id int)").await;
    place.run(ENDLESS).await;
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    super::read(&*snapshot, &whole("t")).await.expect("the table");
    drop(snapshot);
    // Both connections wait to be used again.
    sessions(&place, "state <> 'idle'", 0).await;
    let used = place.say(KEPT).await;
    assert_eq!(used.split(',').count(), 2, "{used}");
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    let mut reader = rows(&*snapshot, "endless").await;
    assert!(reader.batches.next().await.expect("a batch").is_ok());
    assert_eq!(place.say(KEPT).await, used, "no connection is new");
    drop(reader);
    drop(snapshot);
    // The next snapshot comes when what was read before it is over.
    let next = place.source.snapshot().await.expect("a snapshot");
    assert_eq!(place.sql.query_one(READING, &[]).await.expect("an answer").get::<_, i64>(0), 0);
    drop(next);
}

const READING: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY%'";

/// The processes that serve the source.
const KEPT: &str = "SELECT string_agg(pid::text, ',' ORDER BY pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND application_name = 'forebay'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_goes_away_ends_its_readers() {
    let place = Place::new("streams_snapshot").await;
    place.run(ENDLESS).await;
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    let mut begun = rows(&*snapshot, "endless").await;
    assert!(begun.batches.next().await.expect("a batch").is_ok());
    let mut waiting = rows(&*snapshot, "endless").await;
    drop(snapshot);
    for reader in [&mut begun, &mut waiting] {
        let error = timeout(BOUND, last(reader)).await.expect("no hang");
        assert_eq!(error.kind, SourceErrorKind::Unreachable);
        assert!(error.message.contains("snapshot was closed"), "{error}");
    }
    sessions(&place, "state <> 'idle'", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opening_a_table_that_is_locked_can_be_given_up() {
    let place = Place::new("streams_locked").await;
    place.run("CREATE TABLE t (id int)").await;
    let holder = place.database.client().await;
    run(&holder, "BEGIN; LOCK TABLE t").await;
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    let request = whole("t");
    let mut opening = snapshot.read(&request);
    let began = Instant::now();
    loop {
        tokio::select! {
            _ = &mut opening => panic!("the table is locked"),
            () = sleep(Duration::from_millis(10)) => {}
        }
        if place
            .say(
                "SELECT count(*)::text FROM pg_locks WHERE NOT granted AND database = \
            (SELECT oid FROM pg_database WHERE datname = current_database())",
            )
            .await
            == "1"
        {
            break;
        }
        assert!(began.elapsed() < BOUND, "the reader does not get to the lock");
    }
    drop(opening);
    sessions(&place, "state = 'active'", 0).await;
    run(&holder, "COMMIT").await;
    assert_eq!(super::read(&*snapshot, &request).await.expect("the table").rows.num_rows(), 0);
}

/// The error at the end of a stream.
async fn last(reader: &mut TableRows) -> SourceError {
    loop {
        match reader.batches.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return error,
            None => panic!("the stream ends as if the table were whole"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_is_an_error_and_no_hang() {
    let mut server = PostgresServer::start(Setup::default()).await;
    let place = Place::of(&server, "streams_killed").await;
    place.run(ENDLESS).await;

    // The process of this connection alone, as the kernel kills one for its memory.
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    let mut reader = rows(&*snapshot, "endless").await;
    assert!(reader.batches.next().await.expect("a batch").is_ok());
    let pid = place
        .say("SELECT pid::text FROM pg_stat_activity WHERE query LIKE 'COPY%' AND datname = current_database() \
             AND pid <> pg_backend_pid()")
        .await;
    let killed = Command::new("kill").args(["-KILL", &pid]).status().expect("the program kill");
    assert!(killed.success());
    let error = timeout(BOUND, last(&mut reader)).await.expect("no hang");
    assert_eq!(error.kind, SourceErrorKind::Unreachable, "{error}");
    assert!(error.message.contains("reading table endless"), "{error}");
    // The server ended all other sessions too, the snapshot's with them, and starts anew.
    let error =
        timeout(BOUND, snapshot.read(&whole("endless"))).await.expect("no hang").err().expect("no snapshot");
    assert_eq!(error.kind, SourceErrorKind::Unreachable, "{error}");

    // The whole server.
    server.stop("QUIT");
    server.resume().await;
    let source = super::source(&server.at("streams_killed"));
    let snapshot = source.snapshot().await.expect("a snapshot");
    let mut reader = rows(&*snapshot, "endless").await;
    assert!(reader.batches.next().await.expect("a batch").is_ok());
    server.stop("QUIT");
    let error = timeout(BOUND, last(&mut reader)).await.expect("no hang");
    assert_eq!(error.kind, SourceErrorKind::Unreachable, "{error}");
    let error = timeout(BOUND, source.check()).await.expect("no hang").expect_err("no server");
    assert_eq!(error.kind, SourceErrorKind::Unreachable, "{error}");
    assert!(error.message.starts_with("Connect: "), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_the_middle_is_no_short_table() {
    let place = Place::new("streams_middle").await;
    place.run("CREATE VIEW broken AS SELECT 1 / (150000 - generate_series(1, 200000)) AS c").await;
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    let mut reader = rows(&*snapshot, "broken").await;
    let error = timeout(BOUND, last(&mut reader)).await.expect("no hang");
    assert_eq!(error.kind, SourceErrorKind::Invalid);
    assert!(error.message.contains("broken") && error.message.contains("division by zero"), "{error}");
    assert!(reader.batches.next().await.is_none());
}

/// Longer than a silent connection is left alone, and longer than two looks that find it broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_works_long_for_its_first_row_is_waited_for() {
    let place = Place::new("streams_slow").await;
    place.run("CREATE VIEW slow AS SELECT 7 AS id FROM pg_sleep(34)").await;
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    let mut slow = rows(&*snapshot, "slow").await;
    let batches: Vec<RecordBatch> =
        timeout(BOUND, slow.batches.by_ref().try_collect()).await.expect("in time").expect("its rows");
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_for_is_told_as_the_server_is_sent_it() {
    let place = Place::new("streams_told").await;
    place.run(ENDLESS).await;
    let request = ReadRequest { filters: vec!["id > 1 -- not the first".to_owned()], ..whole("endless") };
    let snapshot = place.source.snapshot().await.expect("a snapshot");
    let explanation = snapshot.explain(&request).await.expect("what is asked for");
    let Asked::Statement { sql, values, .. } = explanation.asked else { panic!("a statement") };
    assert!(values.is_empty() && sql.contains("WHERE (id > 1)"), "{sql}");
    let copies = "FROM pg_stat_activity WHERE query LIKE 'COPY%' AND datname = current_database() \
        AND pid <> pg_backend_pid()";
    assert_eq!(place.say(&format!("SELECT count(*)::text {copies}")).await, "0", "nothing was read");
    let TableReader::Rows(mut reader) = snapshot.read(&request).await.expect("the view") else {
        panic!("the view has rows")
    };
    assert!(reader.batches.next().await.expect("a batch").is_ok());
    assert_eq!(place.say(&format!("SELECT query {copies}")).await, sql);
}
