//! F07 and F08: a server that is killed again and again with a full queue, and one that is asked to stop.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::gate::{Gate, waiting};
use crate::journal::{Entry, Journal};
use crate::pool::{Job, Pool};
use crate::rounds::Rounds;
use crate::server::Server;
use crate::source::Source;
use crate::stage::{RECOVERED_WITHIN, ended, lines, try_show, try_start};

const JOBS: usize = 50;
const POOLS: usize = 5;

/// F07: every job is started once, and every one ends well, however often the server is killed. A job that ran
/// twice at a time would insert twice what it inserts.
pub(crate) async fn kills(rounds: Rounds) {
    /// A round ends when all have ended; a server that is killed too fast never gets anywhere.
    const MOST_KILLS: usize = 20;
    while let Some(mut round) = rounds.next() {
        let mut server = Server::start();
        let mut pools = Vec::new();
        for _ in 0..POOLS {
            pools.push(Pool::create(&server.admin()).await);
        }
        let mut jobs: Vec<(Job, String)> = Vec::new();
        for number in 0..JOBS {
            let job = pools[number % POOLS].job(None).await;
            job.transformation(&format!(
                "CREATE OR REPLACE TABLE made_{number} AS SELECT range AS n FROM range(1000000) ORDER BY hash(n);
                 INSERT INTO made_{number} SELECT count(*) FROM made_{number};
                 CREATE OR REPLACE TABLE done_{number} AS SELECT count(*) AS rows, sum(n) AS total FROM made_{number}"
            ))
            .await;
            let execution = try_start(&job, "FULL", "once").await.expect("the server answers");
            jobs.push((job, execution));
        }
        let begun = Instant::now();
        let mut last_kill = Instant::now();
        let (mut ends, mut kills) = (0, 0);
        while kills < MOST_KILLS {
            tokio::time::sleep(Duration::from_millis(400 + round.random.below(800))).await;
            server.kill();
            kills += 1;
            last_kill = Instant::now();
            server.restart();
            ends = 0;
            for (job, execution) in &jobs {
                if let Some(run) = try_show(&job.pool.client, execution).await {
                    ends += usize::from(!run.is_live());
                }
            }
            if ends == JOBS {
                break;
            }
        }
        for (number, (job, execution)) in jobs.iter().enumerate() {
            let told = format!("job {number} of {JOBS}, {ends} had ended at the last kill");
            ended(&job.pool.client, execution, RECOVERED_WITHIN, &told).await.succeeded();
            let sql = format!("SELECT concat_ws('|', rows, total) FROM done_{number}");
            assert_eq!(lines(&job.pool, None, &sql).await, ["1000001|500000500000"], "{told}");
            let again = try_start(job, "FULL", "once").await;
            assert_eq!(again.as_ref(), Some(execution), "{told}: the same key");
        }
        rounds.note(format!("{JOBS} jobs over {kills} kills took {:.0} s", begun.elapsed().as_secs_f64()));
        round.held(last_kill.elapsed());
    }
}

/// F08: a server with ten running jobs is asked to stop. They are shown as interrupted, and go on.
pub(crate) async fn stop(rounds: Rounds) {
    const RUNNING: usize = 10;
    while let Some(round) = rounds.next() {
        let limits =
            ["--running-limit", "10", "--pool-limit", "10", "--source-limit", "10", "--drain-seconds", "1"];
        let mut server = Server::start_with(&limits);
        let source = Source::new().await;
        source.execute("CREATE TABLE slow (id integer PRIMARY KEY); INSERT INTO slow SELECT generate_series(1, 1000)").await;
        let journal = Journal::new();
        let mut jobs = Vec::new();
        let gate = Gate::close(&source).await;
        for _ in 0..RUNNING {
            let pool = Pool::create(&server.admin()).await;
            let connection = pool.connection("Source", "POSTGRESQL", &source.configuration()).await;
            let job = pool.job(Some(&connection)).await;
            job.extraction(&json!([{"tableName": "slow", "filterDefinition": Gate::FILTER}])).await;
            let execution = job.start("FULL").await;
            journal.append(Entry::Started { execution: execution.clone() });
            jobs.push((job, connection, execution));
        }
        waiting(&source, |count| count == RUNNING as u64).await;
        let begun = Instant::now();
        let status = server.terminate();
        assert!(status.success(), "the server ended with {status}");
        assert!(begun.elapsed() < Duration::from_secs(30), "the stop took {:?}", begun.elapsed());
        waiting(&source, |count| count == 0).await;
        gate.open().await;
        let begun = Instant::now();
        server.restart();
        for (job, connection, execution) in &jobs {
            let run = ended(&job.pool.client, execution, RECOVERED_WITHIN, "after a stop").await.succeeded();
            let log = format!("/forebay/api/v1/executions/{execution}/logs?limit=1000");
            let log = job.pool.client.get(&log).await.ok().to_string();
            assert!(log.contains("EXECUTION_REQUEUED"), "the interruption is told: {log}");
            assert!(run.0["attempt"].is_null() || run.0["attempt"] == 1, "no attempt is burnt: {:#}", run.0);
            assert_eq!(lines(&job.pool, Some(connection), "SELECT count(*) FROM slow").await, ["1000"]);
        }
        round.held(begun.elapsed());
    }
}
