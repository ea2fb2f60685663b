//! F34 and F35: cancels in every state, and cancels that race the end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gate::{ENDLESS, Gate, waiting};
use crate::journal::{Entry, Journal};
use crate::oracle;
use crate::pool::{Job, Pool, show, until};
use crate::proxy::{Manner, Proxy};
use crate::rounds::Rounds;
use crate::server::Server;
use crate::source::Source;
use crate::sources::codes;
use crate::stage::{Stage, eventually, lines};

/// The most that a cancel may take, in every state.
const CANCELED_WITHIN: Duration = Duration::from_secs(10);
/// How many cancels of each kind a round has: with the others a hundred.
const OF_EACH: usize = 19;
const QUEUED: usize = 22;
/// Runs that do not listen at all; each takes the time after which its worker is killed.
const DEAF: usize = 2;

/// What the cancels of one round took.
#[derive(Default)]
struct Times(std::sync::Mutex<Vec<Duration>>);

impl Times {
    /// Cancels an execution, waits for its end and looks whether it stays.
    async fn cancel(&self, job: &Job, execution: &str, state: &str) {
        let client = &job.pool.client;
        let cancel = format!("/forebay/api/v1/executions/{execution}/cancel");
        let begun = Instant::now();
        client.post(&cancel, &Value::Null).await.ok();
        let run = until(client, execution, "its end", |run| !run.is_live()).await;
        let took = begun.elapsed();
        assert_eq!(run.status(), "CANCEL", "{state}: {:#}", run.0);
        assert!(took < CANCELED_WITHIN, "{state}: the cancel took {took:?}");
        let again = client.post(&cancel, &Value::Null).await;
        assert_eq!(
            (again.status, &again.json()["status"]),
            (200, &json!("CANCEL")),
            "{state}: a second cancel"
        );
        self.0.lock().unwrap().push(took);
    }

    /// Of the sorted times, the one that this part of them does not exceed.
    fn percentile(&self, part: f64) -> Duration {
        let mut times = self.0.lock().unwrap().clone();
        times.sort();
        let place = (times.len() as f64 * part).ceil() as usize;
        times[place.clamp(1, times.len()) - 1]
    }
}

/// A job that reads a table of one row through a gate or another filter.
async fn reader(server: &Server, configuration: &Value, filter: Option<&str>) -> Job {
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Source", "POSTGRESQL", configuration).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "one", "filterDefinition": filter}])).await;
    job
}

async fn source_of_one() -> Source {
    let source = Source::new().await;
    source.execute("CREATE TABLE one (id integer PRIMARY KEY); INSERT INTO one VALUES (1)").await;
    source
}

fn at(configuration: &Value, port: u16) -> Value {
    let mut configuration = configuration.clone();
    configuration["port"] = json!(port);
    configuration
}

pub(crate) async fn every_state(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        let times = Times::default();
        let server = Server::start_with(&["--running-limit", "4"]);
        let (reading, connecting) = (source_of_one().await, source_of_one().await);
        let gate = Gate::close(&reading).await;
        let port = u16::try_from(connecting.configuration()["port"].as_u64().unwrap()).unwrap();
        let silent = Proxy::to(port).await;
        silent.behave(Manner::Silent);
        // Nobody listens there: a port that was free a moment ago.
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let configuration = connecting.configuration();
        let reads = reader(&server, &reading.configuration(), Some(Gate::FILTER)).await;
        let connects = reader(&server, &at(&configuration, silent.port), None).await;
        let waits = reader(&server, &at(&configuration, closed), None).await;
        let transforms = Pool::create(&server.admin()).await.job(None).await;
        transforms.transformation(ENDLESS).await;
        let running = async |job: &Job| {
            let execution = job.start("FULL").await;
            until(&job.pool.client, &execution, "running", |run| run.status() == "RUNNING").await;
            execution
        };
        let of_reading = async {
            for _ in 0..OF_EACH {
                let execution = reads.start("FULL").await;
                waiting(&reading, |count| count == 1).await;
                times.cancel(&reads, &execution, "reading").await;
                // The source's statement is gone too, before the next one begins.
                waiting(&reading, |count| count == 0).await;
            }
        };
        let of_connecting = async {
            for _ in 0..OF_EACH {
                let execution = running(&connects).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
                times.cancel(&connects, &execution, "connecting").await;
            }
        };
        let of_waiting = async {
            for _ in 0..OF_EACH {
                let execution = running(&waits).await;
                eventually("the pause before another attempt", CANCELED_WITHIN, async || {
                    codes(&waits, &execution).await.iter().any(|code| code == "TASK_RETRY")
                })
                .await;
                times.cancel(&waits, &execution, "waiting for another attempt").await;
            }
        };
        let of_transforming = async {
            for _ in 0..OF_EACH {
                let execution = transforms.start("FULL").await;
                until(&transforms.pool.client, &execution, "its statement", |run| {
                    run.0["tasks"][0]["steps"][0]["status"] == "RUNNING"
                })
                .await;
                times.cancel(&transforms, &execution, "transforming").await;
            }
        };
        tokio::join!(of_reading, of_connecting, of_waiting, of_transforming);
        queued(&server, &times).await;
        nothing_is_shown(&reads).await;
        drop(gate);
        drop(server);
        committing(&times).await;
        let (half, most) = (times.percentile(0.5), times.percentile(0.99));
        let count = times.0.lock().unwrap().len();
        rounds.note(format!(
            "{count} cancels in mixed states: p50 {:.2} s, p99 {:.2} s",
            half.as_secs_f64(),
            most.as_secs_f64()
        ));
        round.held(most);
    }
}

/// All places are taken, so whatever is started waits.
async fn queued(server: &Server, times: &Times) {
    let mut taken = Vec::new();
    for number in 0..4 {
        let job = Pool::create(&server.admin()).await.job(None).await;
        job.transformation(&ENDLESS.replace("endless", &format!("endless_{number}"))).await;
        let execution = job.start("FULL").await;
        until(&job.pool.client, &execution, "running", |run| run.status() == "RUNNING").await;
        taken.push((job, execution));
    }
    let job = Pool::create(&server.admin()).await.job(None).await;
    job.transformation("SELECT 1").await;
    for _ in 0..QUEUED - taken.len() {
        let execution = job.start("FULL").await;
        assert_eq!(show(&job.pool.client, &execution).await.status(), "QUEUED");
        times.cancel(&job, &execution, "queued").await;
    }
    for (job, execution) in &taken {
        times.cancel(job, execution, "transforming, with every place taken").await;
    }
}

async fn nothing_is_shown(job: &Job) {
    let tables = job.pool.client.get(&job.pool.path("/tables")).await.ok();
    assert_eq!(tables, json!([]), "nothing is shown of cancelled runs");
    let staging = "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%staging%'";
    assert!(lines(&job.pool, None, staging).await.is_empty(), "staging tables of cancelled runs");
}

/// A run that does not listen, in the middle of its commit.
async fn committing(times: &Times) {
    let mut stage = Stage::new(&[], 1_000).await;
    stage.restart(Some("show.before_commit=hold"));
    for _ in 0..DEAF {
        let from = stage.server.log_text().len();
        let execution = stage.start("FULL").await;
        crate::stage::logged(&stage.server, from, "fault point show.before_commit: ").await;
        times.cancel(&stage.job, &execution, "committing").await;
    }
    stage.restart(None);
    nothing_is_shown(&stage.job).await;
    stage.run("FULL", "after cancels").await;
    stage.exact("after cancels").await;
    stage.in_order("after cancels").await;
}

/// F35: a cancel, and another, race the end of a short run. Whatever is seen first as an end stays.
pub(crate) async fn race(rounds: Rounds) {
    const RACES: usize = 15;
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    job.transformation("CREATE OR REPLACE TABLE made AS SELECT range AS n FROM range(4000000)").await;
    job.run("FULL").await.succeeded();
    let begun = Instant::now();
    job.run("FULL").await.succeeded();
    let whole = begun.elapsed();
    let journal = Journal::new();
    let mut ends = std::collections::BTreeMap::new();
    while let Some(mut round) = rounds.next() {
        let mut worst = Duration::ZERO;
        for _ in 0..RACES {
            let execution = job.start("FULL").await;
            journal.append(Entry::Started { execution: execution.clone() });
            tokio::time::sleep(round.random.part_of(whole)).await;
            let begun = Instant::now();
            let cancel = format!("/forebay/api/v1/executions/{execution}/cancel");
            let watching = async {
                let mut after = 0;
                // A while longer than the end, which must not change.
                while after < 10 {
                    let run = show(&pool.client, &execution).await;
                    journal.append(Entry::Seen {
                        execution: execution.clone(),
                        status: run.status().to_owned(),
                    });
                    after += usize::from(!run.is_live());
                    assert!(begun.elapsed() < CANCELED_WITHIN, "no end: {:#}", run.0);
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            };
            let (first, second, ()) = tokio::join!(
                pool.client.post(&cancel, &Value::Null),
                pool.client.post(&cancel, &Value::Null),
                watching
            );
            first.ok();
            second.ok();
            worst = worst.max(begun.elapsed());
            let end = show(&pool.client, &execution).await.status().to_owned();
            *ends.entry(end.clone()).or_insert(0) += 1;
            let now = [(execution.clone(), Some(end))].into();
            let own: Vec<Entry> = journal
                .entries()
                .into_iter()
                .filter(|entry| match entry {
                    Entry::Started { execution: other } | Entry::Seen { execution: other, .. } => {
                        *other == execution
                    }
                    Entry::Shown { .. } => false,
                })
                .collect();
            oracle::nothing("a cancel that races the end", &oracle::states(&own, &now));
        }
        round.held(worst);
    }
    rounds.note(format!("races ended as {ends:?}"));
}
