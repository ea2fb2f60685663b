//! SIGKILL of the server while it loads: afterwards a table holds the old rows or the new ones, never
//! a mix, with the checkpoint that belongs to them; the execution goes on by itself, and ends in the exact rows.
//!
//! The source tags every change with the number of its generation, so that a mix shows.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::compare::same_rows;
use crate::pool::{Job, Pool, Run, finished, show};
use crate::server::Server;
use crate::source::Source;

const ROWS: u64 = 150_000;
const KILLS: u64 = 5;

/// Where in a run to kill: parts of the time that a run takes undisturbed.
struct Moments(u64);

impl Moments {
    /// Another seed every time, which is in every message; FOREBAY_TEST_SEED repeats one.
    fn new() -> Self {
        let random = || RandomState::new().build_hasher().finish() | 1;
        Self(std::env::var("FOREBAY_TEST_SEED").map_or_else(|_| random(), |seed| seed.parse().unwrap()))
    }

    /// A part of `whole`, between none and all of it.
    fn next(&mut self, whole: Duration) -> Duration {
        // Xorshift: plenty for a choice of moments.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        whole.mul_f64((self.0 % 10_000) as f64 / 10_000.0)
    }
}

/// A server with a job of one table and a model of it, and the table's source.
struct Trial {
    server: Server,
    source: Source,
    pool: Pool,
    connection: String,
    job: Job,
    /// The generation that the next change has.
    generation: u64,
}

/// The change date of a generation.
fn changed_at(generation: u64) -> String {
    format!("2026-01-01 {:02}:{:02}:00", generation / 60, generation % 60)
}

impl Trial {
    async fn new() -> Self {
        let server = Server::start();
        let source = Source::new().await;
        source
            .execute(&format!(
                "CREATE TABLE things (id integer PRIMARY KEY, generation integer NOT NULL, payload text NOT NULL,
                     changed_at timestamp NOT NULL);
                 INSERT INTO things SELECT n, 0, repeat(md5(n::text), 3), '{}' FROM generate_series(1, {ROWS}) n;",
                changed_at(0)
            ))
            .await;
        let pool = Pool::create(&server.admin()).await;
        let connection = pool.connection("Things", "POSTGRESQL", &source.configuration()).await;
        let job = pool.job(Some(&connection)).await;
        job.extraction(&json!([{"tableName": "things", "changeDateColumn": "changed_at"}])).await;
        let table = json!({"name": "things", "connectionId": connection, "primaryKey": ["id"]});
        let model = pool.model(&json!({"name": "Things", "tables": [table]})).await;
        job.load(&model).await;
        Self { server, source, pool, connection, job, generation: 1 }
    }

    /// How many rows the pool's table has of each generation.
    async fn generations(&self) -> Vec<(u64, u64)> {
        let sql = "SELECT generation, count(*)::INTEGER FROM things GROUP BY 1 ORDER BY 1";
        let rows = self.pool.query(Some(&self.connection), sql).await;
        rows.iter().map(|row| (row[0].as_u64().unwrap(), row[1].as_u64().unwrap())).collect()
    }

    async fn source_generations(&self) -> Vec<(u64, u64)> {
        let sql = "SELECT generation || ' ' || count(*) FROM things GROUP BY generation ORDER BY generation";
        let lines = self.source.lines(sql).await;
        let number = |text: &str| text.parse().unwrap();
        lines.iter().map(|line| line.split_once(' ').unwrap()).map(|(a, b)| (number(a), number(b))).collect()
    }

    /// Waits for the end of an execution that a killed server left; on the way, the table may only
    /// be as before or as after.
    async fn recovered(&self, execution: &str, allowed: &[&Vec<(u64, u64)>], told: &str) -> Run {
        let begun = Instant::now();
        loop {
            let run = show(&self.pool.client, execution).await;
            let held = self.generations().await;
            assert!(allowed.contains(&&held), "{told}: the table holds {held:?}, a mix of {allowed:?}");
            if !run.is_live() {
                return run;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{told}: left as {:#}", run.0);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// No staging table in the pool's file, no unfinished version of its model.
    async fn nothing_is_left_over(&self, told: &str) {
        let staging = "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%staging%'";
        let staging = self.pool.query(None, staging).await;
        assert!(staging.is_empty(), "{told}: {staging:?}");
        let models = self.server.data().join("pools").join(&self.pool.id).join("models");
        let mut unfinished = Vec::new();
        for model in entries(&models) {
            for version in entries(&model) {
                let name = version.file_name().unwrap().to_string_lossy().into_owned();
                if name.starts_with('.') {
                    unfinished.push(version);
                }
            }
        }
        assert!(unfinished.is_empty(), "{told}: {unfinished:?}");
    }

    /// Kills the server at a random moment of a run, and looks at what is there afterwards.
    async fn kill_during(&mut self, mode: &str, whole: Duration, moments: &mut Moments) {
        let told = format!("{mode}, generation {}, seed {}", self.generation, moments.0);
        let before = self.generations().await;
        let moment = moments.next(whole);
        let told = format!("{told}, killed after {moment:?} of {whole:?}");
        self.change(mode).await;
        let after = self.source_generations().await;
        let execution = self.job.start(mode).await;
        tokio::time::sleep(moment).await;
        self.server.kill();
        self.server.restart();

        let run = self.recovered(&execution, &[&before, &after], &told).await;
        assert_eq!(run.status(), "SUCCESS", "{told}: {:#}", run.0);
        // An interruption burns no attempt.
        assert_eq!(run.0["attempt"], 1, "{told}: {:#}", run.0);
        self.nothing_is_left_over(&told).await;
        let held = self.generations().await;
        assert_eq!(held, after, "{told}");

        // The checkpoint is that of the rows which are there.
        let next = self.job.run("DELTA").await.succeeded();
        let newest = held.last().unwrap().0;
        let step = next.step("things");
        let told_checkpoint = match step["receipt"]["checkpointBefore"].as_str() {
            Some(before) => before.to_owned(),
            None => step["message"].as_str().unwrap().to_owned(),
        };
        assert!(
            told_checkpoint.contains(&changed_at(newest)),
            "{told}: {told_checkpoint} with rows of {newest}"
        );
        same_rows(&self.source, "public", "things", "id", &self.pool, &self.connection).await;
        self.nothing_is_left_over(&told).await;
        self.generation += 1;
    }

    /// FULL: every row is of the new generation. DELTA: half of the rows are, and some are new.
    async fn change(&self, mode: &str) {
        let (generation, date) = (self.generation, changed_at(self.generation));
        let set = format!("UPDATE things SET generation = {generation}, changed_at = '{date}'");
        match mode {
            "FULL" => self.source.execute(&set).await,
            _ => {
                let first = 1_000_000 + generation * 1000;
                let last = first + 999;
                self.source
                    .execute(&format!(
                        "BEGIN; {set} WHERE id % 2 = {};
                         INSERT INTO things SELECT n, {generation}, md5(n::text), '{date}'
                             FROM generate_series({first}, {last}) n; COMMIT",
                        generation % 2
                    ))
                    .await;
            }
        }
    }

    /// The time of a run that nobody disturbs.
    async fn undisturbed(&mut self, mode: &str) -> Duration {
        self.change(mode).await;
        self.generation += 1;
        let begun = Instant::now();
        let execution = self.job.start(mode).await;
        finished(&self.pool.client, &execution).await.succeeded();
        begun.elapsed()
    }
}

fn entries(dir: &Path) -> Vec<std::path::PathBuf> {
    match std::fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        // A file, such as the name of the current version.
        Err(_) => Vec::new(),
    }
}

#[tokio::test]
async fn a_full_that_is_killed_leaves_old_rows_or_new_ones() {
    let mut trial = Trial::new().await;
    let mut moments = Moments::new();
    let whole = trial.undisturbed("FULL").await;
    for _ in 0..KILLS {
        trial.kill_during("FULL", whole, &mut moments).await;
    }
}

#[tokio::test]
async fn a_delta_that_is_killed_leaves_old_rows_or_new_ones() {
    let mut trial = Trial::new().await;
    trial.job.run("FULL").await.succeeded();
    let mut moments = Moments::new();
    let whole = trial.undisturbed("DELTA").await;
    for _ in 0..KILLS {
        trial.kill_during("DELTA", whole, &mut moments).await;
    }
}
