//! Snapshots: one moment for all connections, a big table read by several, and readers that end early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forebay_core::source::{ReadRequest, SourceErrorKind, TableReader, TableRows};
use futures::StreamExt;

use super::{server, source, source_of_user, until};
use crate::mariadb_server::MariadbServer;
use crate::reading::{assert_error, only, read, read_in, request};

async fn rows(snapshot: &dyn forebay_core::source::Snapshot, request: &ReadRequest) -> TableRows {
    match snapshot.read(request).await.unwrap() {
        TableReader::Rows(rows) => rows,
        TableReader::Unchanged => panic!("a full read"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_big_table_is_read_in_ranges_that_hold_every_row_once() {
    let server = MariadbServer::start(&[], &[]).await;
    let database = server.database("big");
    // Keys in clusters far apart, on both sides of zero, and at the ends of their type.
    database.run(
        "CREATE TABLE t (k bigint NOT NULL, n int NOT NULL, PRIMARY KEY (k, n)); \
         INSERT INTO t SELECT seq, 1 FROM seq_1_to_300000; INSERT INTO t SELECT seq, 2 FROM seq_1_to_300000; \
         INSERT INTO t SELECT -1000000000000 - CAST(seq AS SIGNED), 3 FROM seq_1_to_10000; \
         INSERT INTO t VALUES (-9223372036854775808, 0), (9223372036854775807, 0), (0, 0); \
         CREATE TABLE u (k tinyint unsigned PRIMARY KEY, v int); INSERT INTO u SELECT seq, 1 FROM seq_0_to_255; \
         ANALYZE TABLE t",
    );
    let executed = || {
        let said = server.run("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'");
        said.split('\t').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = executed();
    let source = source(&database);
    let mut found: Vec<(i64, i64)> = Vec::new();
    for row in read(&*source, &request("t")).await.rows {
        found.push((row[0].parse().unwrap(), row[1].parse().unwrap()));
    }
    assert!(executed() >= before + 2, "the table was read by one statement");
    found.sort_unstable();
    assert_eq!(found.len(), 610_003);
    found.dedup();
    assert_eq!(found.len(), 610_003, "a row came twice");
    assert_eq!((found[0].0, found[610_002].0), (i64::MIN, i64::MAX));
    // With a condition that every row has to be looked at for, too.
    let mut wanted = request("t");
    wanted.filters = vec!["n <> 2".to_owned()];
    wanted.columns = only(&["n"]);
    let before = executed();
    assert_eq!(read(&*source, &wanted).await.rows.len(), 310_003);
    assert!(executed() >= before + 2);
    wanted.filters = vec!["k = 7".to_owned()];
    let before = executed();
    assert_eq!(read(&*source, &wanted).await.rows.len(), 2);
    assert_eq!(executed(), before + 1);
    assert_eq!(read(&*source, &request("u")).await.rows.len(), 256);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_read_by_several_connections_show_one_moment() {
    let server = MariadbServer::start(&[], &[]).await;
    let database = server.database("moment");
    database.run(
        "CREATE TABLE a (id int PRIMARY KEY, v int); INSERT INTO a SELECT seq, 100 FROM seq_1_to_500; \
         CREATE TABLE b (id int PRIMARY KEY, v int); INSERT INTO b SELECT seq, 100 FROM seq_1_to_500",
    );
    let stop = Arc::new(AtomicBool::new(false));
    let moves = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (stopped, counted, mut writer) = (Arc::clone(&stop), Arc::clone(&moves), database.session());
        scope.spawn(move || {
            let mut id = 0;
            while !stopped.load(Ordering::Relaxed) {
                id = id % 500 + 1;
                writer.run(&format!(
                    "BEGIN; UPDATE a SET v = v - 1 WHERE id = {id}; UPDATE b SET v = v + 1 WHERE id = {id}; COMMIT"
                ));
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let reading = async {
            let source = source(&database);
            for _ in 0..20 {
                let before = moves.load(Ordering::Relaxed);
                let snapshot = source.snapshot().await.unwrap();
                // Something is written after the snapshot and before it is read.
                while moves.load(Ordering::Relaxed) < before + 3 {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                let (a, b) = (request("a"), request("b"));
                let (a, b) = futures::join!(read_in(&*snapshot, &a), read_in(&*snapshot, &b));
                let mut sum = 0;
                for row in a.unwrap().unwrap().rows.iter().chain(&b.unwrap().unwrap().rows) {
                    sum += row[1].parse::<i64>().unwrap();
                }
                assert_eq!(sum, 100_000, "two moments are mixed");
            }
        };
        let reading = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(reading));
        let ended = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(reading));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_lock_one_connection_reads_all() {
    let database = server().await.database("alone");
    database.run(
        "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT seq FROM seq_1_to_100000; \
         CREATE TABLE old (id int) ENGINE = MyISAM; INSERT INTO old VALUES (1)",
    );
    let reader = source_of_user(&database, "alone_reader", "SELECT ON alone.*");
    let snapshot = reader.snapshot().await.unwrap();
    database.run("INSERT INTO a VALUES (0); INSERT INTO old VALUES (2)");
    let (first, second) = (request("a"), request("old"));
    let (a, old) = futures::join!(read_in(&*snapshot, &first), read_in(&*snapshot, &second));
    let (a, old) = (a.unwrap().unwrap(), old.unwrap().unwrap());
    assert_eq!(a.rows.len(), 100_000);
    assert!(a.notes.iter().any(|note| note.contains("grant RELOAD")), "{:?}", a.notes);
    assert_eq!(old.lines(), ["1", "2"]);
    assert!(old.notes.iter().any(|note| note.contains("MyISAM")), "{:?}", old.notes);
    // A reader that goes away gives the one connection back, with what it sees.
    let mut dropped = rows(&*snapshot, &first).await;
    assert!(dropped.batches.next().await.unwrap().is_ok());
    drop(dropped);
    assert_eq!(read_in(&*snapshot, &first).await.unwrap().unwrap().rows.len(), 100_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_had_soon_is_done_without() {
    let server = MariadbServer::start(&[], &[]).await;
    let database = server.database("held");
    database.run("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE b (id int)");
    let mut holder = database.session();
    holder.run("LOCK TABLES b WRITE");
    let source = source(&database);
    let snapshot = source.snapshot().await.unwrap();
    let found = read_in(&*snapshot, &request("a")).await.unwrap().unwrap();
    assert_eq!(found.lines(), ["1"]);
    assert!(found.notes.iter().any(|note| note.contains("held a table")), "{:?}", found.notes);
    // Nothing is left locked.
    holder.run("UNLOCK TABLES; INSERT INTO b VALUES (1); INSERT INTO a VALUES (2)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_changes_under_a_snapshot_is_said_to() {
    let database = server().await.database("altered");
    database.run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 2)");
    let source = source(&database);
    let snapshot = source.snapshot().await.unwrap();
    database.run("ALTER TABLE t ADD COLUMN w varchar(9) NOT NULL DEFAULT 'x', ALGORITHM = COPY");
    let found = read_in(&*snapshot, &request("t")).await;
    let error = assert_error(found, &["table t", "run the job again"]);
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
    drop(snapshot);
    assert_eq!(read(&*source, &request("t")).await.lines(), ["1|2|x"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_ends_with_its_reader_and_with_its_snapshot() {
    let database = server().await.database("ended");
    database.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT seq FROM seq_1_to_86400");
    let source = source(&database);
    let waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST \
                 WHERE INFO LIKE '%86399%' AND USER = 'forebay' AND DB = 'ended'";
    let mut wanted = request("t");
    wanted.filters = vec!["SLEEP(1) = 0 AND id <> 86399".to_owned()];
    let snapshot = source.snapshot().await.unwrap();
    let mut table = rows(&*snapshot, &wanted).await;
    tokio::select! {
        _ = table.batches.next() => panic!("it sleeps for a day"),
        () = until(&database, waits, "1") => {}
    }
    drop(table);
    until(&database, waits, "0").await;
    // The snapshot's other connections are as they were; a reader left when the snapshot closes ends by an error.
    let mut table = rows(&*snapshot, &wanted).await;
    tokio::select! {
        _ = table.batches.next() => panic!("it sleeps for a day"),
        () = until(&database, waits, "1") => {}
    }
    drop(snapshot);
    let error = table.batches.next().await.unwrap().unwrap_err();
    assert!(error.message.contains("snapshot was closed"), "{error}");
    until(&database, waits, "0").await;
    drop(source);
    let left = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'forebay' AND DB = 'ended'";
    until(&database, left, "0").await;
}
