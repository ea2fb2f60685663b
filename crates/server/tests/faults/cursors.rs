//! F20 to F24: rows that come late, tie, have an odd change date, or move while they are read.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Connection;

use crate::oracle::{self, Rows, rows};
use crate::pool::{Job, Pool, Run};
use crate::postgres_server::{PostgresServer, Setup};
use crate::rounds::Rounds;
use crate::server::Server;
use crate::source::Source;
use crate::stage::lines;

/// A table of a source and the job that extracts it.
struct Trial {
    source: Source,
    pool: Pool,
    connection: String,
    job: Job,
    table: &'static str,
}

impl Trial {
    async fn new(server: &Server, source: Source, table: &'static str, settings: Value) -> Self {
        let pool = Pool::create(&server.admin()).await;
        let connection = pool.connection("Source", "POSTGRESQL", &source.configuration()).await;
        let job = pool.job(Some(&connection)).await;
        let mut extraction = json!({"tableName": table, "changeDateColumn": "changed_at"});
        for (name, value) in settings.as_object().into_iter().flatten() {
            extraction[name] = value.clone();
        }
        job.extraction(&json!([extraction])).await;
        Self { source, pool, connection, job, table }
    }

    async fn run(&self, mode: &str) -> Run {
        self.job.run(mode).await.succeeded()
    }

    async fn held(&self) -> Rows {
        let sql = format!("SELECT concat_ws('|', id, note) FROM {}", self.table);
        rows(lines(&self.pool, Some(&self.connection), &sql).await)
    }

    /// Ends the round unless the table holds these rows.
    async fn holds(&self, told: &str, expected: impl IntoIterator<Item = String>) {
        let (expected, held) = (rows(expected), self.held().await);
        if let Err(findings) = oracle::one_of(&[("the source".to_owned(), &expected)], &held) {
            oracle::nothing(told, &findings);
        }
    }

    /// Ends the round unless the table holds what the source holds.
    async fn agrees(&self, told: &str) {
        let there = format!("SELECT concat_ws('|', id, note) FROM {}", self.table);
        self.holds(told, self.source.lines(&there).await).await;
    }
}

/// F20: eight writers, each with a transaction that is open over two DELTAs and writes old change dates.
pub(crate) async fn late(rounds: Rounds) {
    const WRITERS: u64 = 8;
    let server = Server::start();
    // A server of its own: a transaction in another database keeps the window wide too.
    let source = Source::alone().await;
    source
        .execute(
            "CREATE TABLE events (id bigint PRIMARY KEY, note text, changed_at timestamp NOT NULL);
             INSERT INTO events
                 SELECT n, 'old', timestamp '2026-02-01' + n * interval '1 second' FROM generate_series(1, 2000) n",
        )
        .await;
    let trial = Trial::new(&server, source, "events", Value::Null).await;
    trial.run("FULL").await;
    let mut next = 10_000;
    let mut expected: std::collections::BTreeMap<u64, String> =
        (1..=2000).map(|id| (id, "old".to_owned())).collect();
    while let Some(mut round) = rounds.next() {
        let mut writers = Vec::new();
        for _ in 0..WRITERS {
            let writer = trial.source.session().await;
            next += 1;
            let old = 1 + round.random.below(2000);
            writer
                .batch_execute(&format!(
                    "BEGIN; INSERT INTO events VALUES ({next}, 'late', timestamp '2025-01-01' + {next} * interval '1 second')"
                ))
                .await
                .unwrap();
            writers.push((writer, next, old));
        }
        for _ in 0..2 {
            next += 1;
            let now = format!(
                "INSERT INTO events VALUES ({next}, 'now', timestamp '2026-03-01' + {next} * interval '1 second')"
            );
            trial.source.execute(&now).await;
            expected.insert(next, "now".to_owned());
            trial.run("DELTA").await;
            trial
                .holds("with open transactions", expected.iter().map(|(id, note)| format!("{id}|{note}")))
                .await;
        }
        let begun = Instant::now();
        for (writer, id, old) in writers {
            let change = format!(
                "UPDATE events SET note = 'changed by {id}', changed_at = timestamp '2025-01-01' WHERE id = {old}; COMMIT"
            );
            writer.batch_execute(&change).await.unwrap();
            expected.insert(id, "late".to_owned());
            expected.insert(old, format!("changed by {id}"));
        }
        trial.run("DELTA").await;
        trial.holds("after late commits", expected.iter().map(|(id, note)| format!("{id}|{note}"))).await;
        round.held(begun.elapsed());
    }
}

/// F21: rows that tie with the newest change date, by the second and by the day; with a key and without one.
pub(crate) async fn ties(rounds: Rounds) {
    let server = Server::start();
    while let Some(round) = rounds.next() {
        let begun = Instant::now();
        for (kind, key) in [("timestamp", "PRIMARY KEY"), ("date", "PRIMARY KEY"), ("date", "")] {
            let source = Source::new().await;
            let told = format!("{kind} {key}");
            source
                .execute(&format!(
                    "CREATE TABLE days (id bigint {key}, note text, changed_at {kind});
                     INSERT INTO days SELECT n, 'first', '2026-05-01' FROM generate_series(1, 500) n"
                ))
                .await;
            let trial = Trial::new(&server, source, "days", Value::Null).await;
            trial.run("FULL").await;
            for visit in 1..=3 {
                let first = visit * 1000;
                let sql = format!(
                    "INSERT INTO days SELECT n, 'same day', '2026-05-01' FROM generate_series({first}, {first} + 99) n"
                );
                trial.source.execute(&sql).await;
                trial.run("DELTA").await;
                trial.agrees(&told).await;
            }
            if key.is_empty() {
                // Appended: a changed row is there as it was and as it is.
                trial.source.execute("UPDATE days SET note = 'again' WHERE id = 7").await;
                trial.run("DELTA").await;
                let both = rows(["7|again".to_owned(), "7|first".to_owned()]);
                let mut held = trial.held().await;
                held.retain(|row, _| row.starts_with("7|"));
                assert_eq!(held, both, "{told}: a changed row of a table without a key");
            }
        }
        round.held(begun.elapsed());
    }
}

/// F22: the checkpoint is never above the newest value, however fine the source's times are.
pub(crate) async fn precision(rounds: Rounds) {
    let server = Server::start();
    while let Some(round) = rounds.next() {
        let begun = Instant::now();
        for digits in [0, 3, 6] {
            let source = Source::new().await;
            source
                .execute(&format!(
                    "CREATE TABLE fine (id bigint PRIMARY KEY, note text, changed_at timestamp({digits}));
                     INSERT INTO fine
                         SELECT n, 'first', timestamp '2026-05-01 10:00:00.123456' + n * interval '999.999 milliseconds'
                         FROM generate_series(1, 300) n"
                ))
                .await;
            let trial = Trial::new(&server, source, "fine", Value::Null).await;
            let told = format!("timestamp({digits})");
            let run = trial.run("FULL").await;
            never_above(&trial, &run, &told).await;
            let between = "INSERT INTO fine SELECT 1000, 'tie', max(changed_at) FROM fine;
                           INSERT INTO fine SELECT 1001, 'finer', max(changed_at) + interval '1 microsecond' FROM fine";
            trial.source.execute(between).await;
            let run = trial.run("DELTA").await;
            never_above(&trial, &run, &told).await;
            trial.agrees(&told).await;
        }
        milliseconds_in_sqlite(&server).await;
        round.held(begun.elapsed());
    }
}

async fn never_above(trial: &Trial, run: &Run, told: &str) {
    let checkpoint = run.receipt(trial.table)["checkpointAfter"].as_str().unwrap_or_default().to_owned();
    // "changed_at = VALUE at POSITION"
    let value =
        checkpoint.split_once(" = ").map_or("", |(_, rest)| rest.split(" at ").next().unwrap_or_default());
    let newest = trial.source.value(&format!("SELECT max(changed_at)::text FROM {}", trial.table)).await;
    let sql = format!("SELECT ('{value}'::timestamp <= '{newest}'::timestamp)::text");
    assert_eq!(
        trial.source.value(&sql).await,
        "true",
        "{told}: the checkpoint {checkpoint} is above {newest}"
    );
}

/// Times as text of three digits, which are finer than the column says.
async fn milliseconds_in_sqlite(server: &Server) {
    let path = server.files().join(format!("fine-{}.db", uuid::Uuid::new_v4()));
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut file = sqlx::sqlite::SqliteConnection::connect_with(&options).await.unwrap();
    let execute = async |file: &mut sqlx::sqlite::SqliteConnection, sql: &'static str| {
        sqlx::raw_sql(sql).execute(file).await.unwrap();
    };
    execute(
        &mut file,
        "create table fine (id integer primary key, note text, changed_at text);
         insert into fine values (1, 'first', '2026-05-01 10:00:00.999'), (2, 'first', '2026-05-01 10:00:01.000')",
    )
    .await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Fine", "SQLITE", &json!({"path": path})).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "fine", "changeDateColumn": "changed_at"}])).await;
    job.run("FULL").await.succeeded();
    execute(
        &mut file,
        "insert into fine values (3, 'tie', '2026-05-01 10:00:01.000'), (4, 'finer', '2026-05-01 10:00:01.0005')",
    )
    .await;
    job.run("DELTA").await.succeeded();
    let held = rows(lines(&pool, Some(&connection), "SELECT concat_ws('|', id, note) FROM fine").await);
    let expected = ["1|first", "2|first", "3|tie", "4|finer"].map(str::to_owned);
    assert_eq!(held, rows(expected), "times in SQLite");
}

/// F23: rows without a change date, out of order, without a zone, and at an hour that there is twice.
pub(crate) async fn odd_dates(rounds: Rounds) {
    let server = Server::start();
    while let Some(round) = rounds.next() {
        let begun = Instant::now();
        for kind in ["timestamp", "timestamptz"] {
            let source = Source::new().await;
            source
                .execute(&format!(
                    "CREATE TABLE odd (id bigint PRIMARY KEY, note text, changed_at {kind});
                     INSERT INTO odd SELECT n, 'first', '2026-10-25 02:30:00' FROM generate_series(1, 100) n;
                     INSERT INTO odd VALUES (101, 'without', NULL), (102, 'always', 'infinity')"
                ))
                .await;
            let trial = Trial::new(&server, source, "odd", Value::Null).await;
            trial.run("FULL").await;
            trial.agrees(kind).await;
            let changes = [
                "INSERT INTO odd VALUES (200, 'without a date', NULL)",
                "UPDATE odd SET note = 'date taken away', changed_at = NULL WHERE id = 5",
                "INSERT INTO odd VALUES (201, 'out of order', '1999-12-31 23:59:59'), (202, 'long ago', '-infinity')",
                "SET timezone = 'Europe/Berlin'; INSERT INTO odd VALUES (203, 'the hour that is twice', '2026-10-25 02:30:00')",
                "SET timezone = 'Europe/Berlin'; INSERT INTO odd VALUES (204, 'the hour that is not', '2026-03-29 02:30:00')",
                "UPDATE odd SET note = 'dated back', changed_at = '2001-01-01' WHERE id = 6",
            ];
            for change in changes {
                trial.source.execute(change).await;
                trial.run("DELTA").await;
                trial.agrees(&format!("{kind}: {change}")).await;
            }
        }
        round.held(begun.elapsed());
    }
}

/// F24: rows of a table without a key are deleted, inserted and renumbered in pairs while it is read. A snapshot
/// never shows one of a pair without the other.
pub(crate) async fn moving(rounds: Rounds) {
    const PAIRS: u64 = 5_000;
    let server = Server::start();
    let postgres = PostgresServer::start(Setup::default()).await;
    let source = Source::of(postgres.database("moving").await).await;
    source
        .execute(&format!(
            "CREATE TABLE moving (pair bigint, side integer, version bigint, filler text);
             CREATE INDEX ON moving (pair);
             INSERT INTO moving SELECT n / 2, n % 2, 0, repeat('x', 200) FROM generate_series(0, {}) n",
            PAIRS * 2 - 1
        ))
        .await;
    let trial = Trial::new(&server, source, "moving", json!({"changeDateColumn": null})).await;
    while let Some(mut round) = rounds.next() {
        let begun = Instant::now();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut writers = Vec::new();
        for _ in 0..2 {
            let (writer, stopped, mut random) =
                (trial.source.session().await, stopped.clone(), round.random.clone());
            round.random.next();
            writers.push(tokio::spawn(async move {
                let mut written = 0_u64;
                while !*stopped.borrow() {
                    let pair = random.below(PAIRS);
                    let sql = format!(
                        "BEGIN;
                         WITH gone AS (DELETE FROM moving WHERE pair = {pair} RETURNING *)
                             INSERT INTO moving SELECT pair, side, version + 1, filler FROM gone;
                         COMMIT"
                    );
                    writer.batch_execute(&sql).await.unwrap();
                    written += 1;
                }
                written
            }));
        }
        for _ in 0..3 {
            trial.run("FULL").await;
            let sql = "SELECT concat_ws('|', count(*), count(DISTINCT (pair, side)), \
                       (SELECT count(*) FROM (SELECT pair FROM moving GROUP BY pair HAVING min(version) <> max(version)))) \
                       FROM moving";
            let held = lines(&trial.pool, Some(&trial.connection), sql).await;
            assert_eq!(held, [format!("{0}|{0}|0", PAIRS * 2)], "rows, different rows, torn pairs");
        }
        stop.send_replace(true);
        let mut written = 0;
        for writer in writers {
            written += writer.await.unwrap();
        }
        assert!(written > 10, "the writers changed {written} pairs only");
        tokio::time::sleep(Duration::from_millis(1)).await;
        round.held(begun.elapsed());
    }
}
