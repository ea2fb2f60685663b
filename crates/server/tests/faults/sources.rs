//! F17 to F19: a source that restarts, falls silent or is slow, while it is read.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gate::Gate;
use crate::generated::Generated;
use crate::journal::Journal;
use crate::pool::{Job, Pool, show};
use crate::postgres_server::{Database, PostgresServer, Setup};
use crate::proxy::{Manner, Proxy};
use crate::rounds::Rounds;
use crate::server::Server;
use crate::source::Source;
use crate::stage::{LOOK_AGAIN, RECOVERED_WITHIN, Stage, ended, eventually};

const ROWS: u64 = 20_000;

/// A connection's configuration, by way of a proxy.
fn by_way_of(proxy: &Proxy, mut configuration: Value) -> Value {
    configuration["host"] = json!("127.0.0.1");
    configuration["port"] = json!(proxy.port);
    configuration
}

/// The codes of an execution's log.
pub(crate) async fn codes(job: &Job, execution: &str) -> Vec<String> {
    let path = format!("/forebay/api/v1/executions/{execution}/logs?limit=1000");
    let log = job.pool.client.get(&path).await.ok();
    let lines = log["logMessages"].as_array().into_iter().flatten();
    lines.filter_map(|line| line["logTranslationCode"].as_str().map(str::to_owned)).collect()
}

/// F17: the database is stopped as by a crash while rows are under way, and comes back.
pub(crate) async fn restart(rounds: Rounds) {
    let mut postgres = PostgresServer::start(Setup::default()).await;
    let database = postgres.database("things").await;
    let proxy = Proxy::to(postgres.port).await;
    let server = Server::start();
    let data = Generated::on(Source::of(database.clone()).await, ROWS).await;
    let pool = Pool::create(&server.admin()).await;
    let configuration = by_way_of(&proxy, data.source.configuration());
    let connection = pool.connection("Things", "POSTGRESQL", &configuration).await;
    let job = pool.job(Some(&connection)).await;
    let mut table = data.table();
    // Lets half of the rows through and holds the rest.
    table["filterDefinition"] = json!(format!("id < {} OR {}", ROWS / 2, Gate::FILTER));
    job.extraction(&json!([table])).await;
    let mut stage = Stage { server, data, pool, connection, job, journal: Journal::new() };
    while let Some(round) = rounds.next() {
        let told = format!("a source that restarts in round {}", round.number);
        stage.data.change_all().await;
        let gate = Gate::close(&stage.data.source).await;
        let execution = stage.start("FULL").await;
        crate::gate::waiting(&stage.data.source, |count| count >= 1).await;
        postgres.stop("QUIT");
        drop(gate);
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_millis(500)).await;
        postgres.resume().await;
        proxy.lead_to(postgres.port);
        let at = Database { port: postgres.port, ..database.clone() };
        stage.data.reach(Source::of(at).await);
        let run = stage.watched(&execution, &[], RECOVERED_WITHIN, &told).await.succeeded();
        let recovery = begun.elapsed();
        stage.exact(&told).await;
        let codes = codes(&stage.job, &run.id()).await;
        assert!(codes.iter().any(|code| code == "TASK_RETRY"), "{told}: no attempt is told in {codes:?}");
        stage.in_order(&told).await;
        round.held(recovery);
    }
}

/// F18, in a network of its own: packets to and from the source vanish while rows are under way.
pub(crate) async fn black_hole(rounds: Rounds) {
    if !rounds.is_inside() {
        return crate::isolated::in_a_network_of_its_own("F18", &rounds);
    }
    const DETECTED_WITHIN: Duration = Duration::from_secs(120);
    while let Some(round) = rounds.next() {
        let stage = Stage::gated(&[], 1_000).await;
        let gate = Gate::close(&stage.data.source).await;
        let execution = stage.start("FULL").await;
        crate::gate::waiting(&stage.data.source, |count| count == 1).await;
        let port = stage.data.source.configuration()["port"].as_u64().expect("a port");
        let hole = crate::isolated::BlackHole::dig(port);
        let begun = Instant::now();
        eventually("the silence to be noticed", DETECTED_WITHIN, async || {
            let told = codes(&stage.job, &execution).await;
            told.iter().any(|code| code == "TASK_RETRY")
        })
        .await;
        let recovery = begun.elapsed();
        drop(hole);
        drop(gate);
        let told = "after a black hole";
        stage.watched(&execution, &[], DETECTED_WITHIN, told).await.succeeded();
        stage.exact(told).await;
        round.held(recovery);
    }
}

/// F19: the first row takes longer than any patience with a dead source, and the rest trickles.
pub(crate) async fn slow(rounds: Rounds) {
    /// Longer than the pause after which a run says that it waits.
    const FIRST_ROW: Duration = Duration::from_secs(40);
    while let Some(round) = rounds.next() {
        let server = Server::start();
        let data = Generated::new(2_000).await;
        let direct = data.source.configuration();
        let proxy = Proxy::to(u16::try_from(direct["port"].as_u64().unwrap()).unwrap()).await;
        let pool = Pool::create(&server.admin()).await;
        let connection = pool.connection("Things", "POSTGRESQL", &by_way_of(&proxy, direct)).await;
        let job = pool.job(Some(&connection)).await;
        let mut table = data.table();
        table["filterDefinition"] = json!(Gate::FILTER);
        job.extraction(&json!([table])).await;
        let stage = Stage { server, data, pool, connection, job, journal: Journal::new() };
        let gate = Gate::close(&stage.data.source).await;
        let execution = stage.start("FULL").await;
        crate::gate::waiting(&stage.data.source, |count| count == 1).await;
        tokio::time::sleep(FIRST_ROW).await;
        let waits = show(&stage.pool.client, &execution).await;
        assert_eq!(waits.status(), "RUNNING", "a slow source is not given up: {:#}", waits.0);
        let told = codes(&stage.job, &execution).await;
        assert!(told.iter().any(|code| code.contains("WAITING")), "the log says that it waits: {told:?}");
        proxy.behave(Manner::Slowly(4_000));
        gate.open().await;
        let begun = Instant::now();
        let run = ended(&stage.pool.client, &execution, Duration::from_secs(180), "a slow source").await;
        run.succeeded();
        stage.exact("a slow source").await;
        stage.in_order("a slow source").await;
        round.held(begun.elapsed());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
