//! Rows that become visible late: writers hold transactions open across two DELTA runs, with change
//! dates older than rows that were read long ago. Every row arrives, and none twice.

use serde_json::json;
use tokio_postgres::Client;

use crate::compare::same_rows;
use crate::pool::Pool;
use crate::server::Server;
use crate::source::Source;

const WRITERS: usize = 8;

/// Opens a transaction that writes one new row and changes one old one, both dated long before now.
async fn write(client: &Client, id: usize) {
    let old = 1 + id % 40;
    client
        .batch_execute(&format!(
            "BEGIN;
             INSERT INTO events VALUES ({id}, 'late', timestamp '2026-01-01' + {id} * interval '1 second');
             UPDATE events SET note = 'changed by {id}', changed_at = timestamp '2026-01-01' + {id} * interval '1 second'
                 WHERE id = {old};"
        ))
        .await
        .unwrap();
}

#[tokio::test]
async fn rows_of_transactions_that_commit_late_arrive_with_the_next_delta() {
    let server = Server::start();
    // A server of its own: a transaction that is open in another database keeps the window wide too.
    let source = Source::alone().await;
    source
        .execute(
            "CREATE TABLE events (id integer PRIMARY KEY, note text, changed_at timestamp NOT NULL);
             INSERT INTO events
                 SELECT n, 'old', timestamp '2026-02-01' + n * interval '1 second' FROM generate_series(1, 1000) n;",
        )
        .await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Late", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "events", "changeDateColumn": "changed_at"}])).await;
    job.run("FULL").await.succeeded();

    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        writers.push(source.session().await);
    }
    let mut next = 10_000;
    let newer = |id: usize| {
        format!(
            "INSERT INTO events VALUES ({id}, 'quick', timestamp '2026-06-01' + {id} * interval '1 second')"
        )
    };
    // Each round half of the writers commit and begin anew, so that every transaction is open across
    // two DELTA runs while newer rows are read by both.
    for client in &writers {
        next += 1;
        write(client, next).await;
    }
    for round in 0..4 {
        next += 1;
        source.execute(&newer(next)).await;
        let run = job.run("DELTA").await.succeeded();
        same_rows(&source, "public", "events", "id", &pool, &connection).await;
        let read = run.count("events", "rowsRead");
        assert!(read < 100, "round {round} read {read} rows: it must find what is new, not read all again");
        for client in writers.iter().skip(round % 2).step_by(2) {
            client.batch_execute("COMMIT").await.unwrap();
            next += 1;
            write(client, next).await;
        }
    }
    for client in &writers {
        client.batch_execute("COMMIT").await.unwrap();
    }
    job.run("DELTA").await.succeeded();
    same_rows(&source, "public", "events", "id", &pool, &connection).await;
    let twice = "SELECT count(*) FROM (SELECT id FROM events GROUP BY id HAVING count(*) > 1)";
    assert_eq!(pool.value(Some(&connection), twice).await, "0");
    let late = "SELECT count(*) FROM events WHERE note = 'late'";
    assert_eq!(pool.value(Some(&connection), late).await, json!((WRITERS * 3).to_string()));
}
