//! A standby as the source: its transactions are the primary's.

use std::time::{Duration, Instant};

use forebay_core::source::Extent;

use super::{Place, appended, ordered, run, since};
use crate::postgres_server::{PostgresServer, Setup};

/// Waits until the standby shows all that the primary has committed.
async fn caught_up(primary: &Place, standby: &Place) {
    let written = primary.say("SELECT pg_current_wal_insert_lsn()::text").await;
    // What is written is flushed with the next commit, and sent then.
    primary.run("BEGIN; SELECT txid_current(); COMMIT; CHECKPOINT").await;
    let began = Instant::now();
    while standby.say(&format!("SELECT (pg_last_wal_replay_lsn() >= '{written}')::text")).await != "true" {
        assert!(began.elapsed() < Duration::from_secs(60), "the standby does not follow");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_standby_is_read_and_goes_on_until_it_is_promoted() {
    let primary_server = PostgresServer::start(Setup::default()).await;
    let primary = Place::of(&primary_server, "standby").await;
    primary
        .run("CREATE TABLE t (id int, changed timestamptz); INSERT INTO t VALUES (1, '2024-01-01Z')")
        .await;
    let standby_server =
        PostgresServer::start(Setup { backup_of: Some(&primary_server), ..Setup::default() }).await;
    let standby = Place::at(standby_server.at("standby")).await;
    assert_eq!(standby.say("SELECT pg_is_in_recovery()::text").await, "true");
    caught_up(&primary, &standby).await;

    let request = ordered("t", "changed");
    let writer = primary.database.client().await;
    run(
        &writer,
        "BEGIN; INSERT INTO t VALUES (2, '2001-01-01'); SAVEPOINT a; INSERT INTO t VALUES (3, '2001-01-01')",
    )
    .await;
    primary.run("INSERT INTO t VALUES (4, '2024-01-02Z')").await;
    caught_up(&primary, &standby).await;
    let full = standby.read(&request).await;
    assert_eq!(full.column("id"), [Some("1".to_owned()), Some("4".to_owned())]);
    assert!(standby.source.discover().await.expect("tables").len() == 1);
    assert_eq!(standby.read(&appended(&request, &full.checkpoint)).await.rows.num_rows(), 0);

    run(&writer, "COMMIT").await;
    caught_up(&primary, &standby).await;
    let delta = standby.read(&appended(&request, &full.checkpoint)).await;
    assert_eq!((delta.extent, delta.sorted().len()), (Extent::Changes, 2));
    // Nothing happens: the standby can prove it.
    assert!(standby.read_or_unchanged(&since(&request, &delta.checkpoint)).await.is_none());
    // The primary goes on from a checkpoint of the standby, and the other way round.
    primary.run("INSERT INTO t VALUES (5, '2001-01-01')").await;
    let moved = primary.read(&since(&request, &delta.checkpoint)).await;
    assert_eq!((moved.extent, moved.column("id")), (Extent::Changes, vec![Some("5".to_owned())]));
    primary.run("INSERT INTO t VALUES (6, '2001-01-01')").await;
    caught_up(&primary, &standby).await;
    let back = standby.read(&since(&request, &moved.checkpoint)).await;
    assert_eq!((back.extent, back.column("id")), (Extent::Changes, vec![Some("6".to_owned())]));

    // Once promoted, its transactions are its own: what a checkpoint saw may never have reached it.
    assert_eq!(standby.say("SELECT pg_promote()::text").await, "true");
    let promoted = standby.read(&since(&request, &back.checkpoint)).await;
    assert_eq!((promoted.extent, promoted.rows.num_rows()), (Extent::Whole, 6));
    let after = standby.read(&since(&request, &promoted.checkpoint)).await;
    assert_eq!((after.extent, after.rows.num_rows()), (Extent::Changes, 0));
}
