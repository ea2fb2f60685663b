//! F36, F43 and F47: starts that are repeated, jobs that change while they wait, and a very long queue.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::gate::{Gate, waiting};
use crate::metadata;
use crate::pool::{Job, Pool, finished, show};
use crate::rounds::Rounds;
use crate::server::Server;
use crate::stage::{RECOVERED_WITHIN, Stage, ended, lines, try_start};

/// F36: a hundred clients start one job with one key at a time, and again after its end.
pub(crate) async fn repeated(rounds: Rounds) {
    const CLIENTS: usize = 100;
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    job.transformation("CREATE TABLE IF NOT EXISTS runs (n INTEGER); INSERT INTO runs VALUES (1)").await;
    while let Some(round) = rounds.next() {
        let begun = Instant::now();
        let key = format!("round {}", round.number);
        let start = || {
            let request = pool.client.request(Method::POST, &job.execute_path("FULL"));
            Answer::of(request.header("idempotency-key", &key))
        };
        let answers = futures::future::join_all((0..CLIENTS).map(|_| start())).await;
        let ids: std::collections::BTreeSet<String> =
            answers.iter().map(|answer| answer.ok()["executionId"].to_string()).collect();
        assert_eq!(ids.len(), 1, "one key gave {ids:?}");
        let id: String = serde_json::from_str(ids.first().unwrap()).unwrap();
        finished(&pool.client, &id).await.succeeded();
        assert_eq!(start().await.ok()["executionId"], json!(id), "after the end too");
        let runs = (round.number + 1).to_string();
        assert_eq!(lines(&pool, None, "SELECT count(*) FROM runs").await, [runs], "how often the job ran");
        round.held(begun.elapsed());
    }
}

/// F43: while an execution waits, its job's SQL and its connection's password change, and the one who started
/// another loses the right to.
pub(crate) async fn edited(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        let begun = Instant::now();
        let stage = Stage::gated(&["--running-limit", "1"], 1_000).await;
        let task =
            stage.job.transformation("CREATE OR REPLACE TABLE made AS SELECT 'as started' AS text").await;
        let blocker = Pool::create(&stage.server.admin()).await.job(None).await;
        blocker.transformation(crate::gate::ENDLESS).await;
        let blocking = blocker.start("FULL").await;
        crate::pool::until(&blocker.pool.client, &blocking, "running", |run| run.status() == "RUNNING").await;
        let execution = stage.start("FULL").await;
        let member = stage.server.member(&stage.pool.id, &["EXECUTE", "VIEW"]).await;
        let other = stage.pool.job(None).await;
        other.transformation("CREATE OR REPLACE TABLE theirs AS SELECT 1 AS a").await;
        let theirs = Pool { client: member.clone(), id: stage.pool.id.clone() };
        let theirs = Job { pool: theirs, id: other.id.clone() };
        let their_execution = theirs.start("FULL").await;

        stage.job.set_statement(&task, "CREATE OR REPLACE TABLE made AS SELECT 'as edited' AS text").await;
        set_password(&stage, "rotated away").await;
        take_rights_away(&stage).await;
        stage.pool.client.delete(&stage.job.path("")).await.refused(409);
        let cancel = format!("/forebay/api/v1/executions/{blocking}/cancel");
        blocker.pool.client.post(&cancel, &Value::Null).await.ok();

        // Frozen when it was started: the old password, the old SQL.
        finished(&stage.pool.client, &execution).await.succeeded();
        stage.exact("a job that was edited while it waited").await;
        let text = "SELECT text FROM made";
        assert_eq!(lines(&stage.pool, Some(&stage.connection), text).await, ["as started"]);
        let refused = finished(&stage.pool.client, &their_execution).await.ended("FAIL");
        let why = refused.0["message"].as_str().unwrap_or_default().to_owned();
        assert!(why.contains("permission") || why.contains("may"), "the reason is told: {why}");
        // The next one uses what is set now, and says what is wrong with it.
        let next = stage.job.run("FULL").await.ended("FAIL");
        let why = next.0["message"].as_str().unwrap_or_default().to_owned();
        assert!(why.to_lowercase().contains("password") || why.to_lowercase().contains("login"), "{why}");
        let right = stage.data.source.configuration()["password"].as_str().unwrap().to_owned();
        set_password(&stage, &right).await;
        stage.job.run("FULL").await.succeeded();
        assert_eq!(lines(&stage.pool, Some(&stage.connection), text).await, ["as edited"]);
        in_the_middle(&stage, &task).await;
        stage.in_order("after edits").await;
        round.held(begun.elapsed());
    }
}

async fn set_password(stage: &Stage, password: &str) {
    let mut configuration = stage.data.source.configuration();
    configuration["password"] = json!(password);
    let body = json!({"name": "Things", "type": "POSTGRESQL", "configuration": configuration});
    let path = stage.pool.own(&format!("/connections/{}", stage.connection));
    stage.pool.client.put(&path, &body).await.ok();
}

/// Takes every right on the pool from everybody who has one.
async fn take_rights_away(stage: &Stage) {
    let path = stage.pool.own("/grants");
    let grants = stage.pool.client.get(&path).await.ok();
    for grant in grants.as_array().into_iter().flatten() {
        let body = json!({"subject": grant["subject"], "permissions": []});
        stage.pool.client.put(&path, &body).await.ok();
    }
}

/// The same while the execution runs.
async fn in_the_middle(stage: &Stage, task: &str) {
    let gate = Gate::close(&stage.data.source).await;
    let execution = stage.start("FULL").await;
    waiting(&stage.data.source, |count| count == 1).await;
    stage.job.set_statement(task, "CREATE OR REPLACE TABLE made AS SELECT 'later still' AS text").await;
    set_password(stage, "rotated away again").await;
    gate.open().await;
    finished(&stage.pool.client, &execution).await.succeeded();
    let text = "SELECT text FROM made";
    assert_eq!(lines(&stage.pool, Some(&stage.connection), text).await, ["as edited"]);
}

/// F47: ten thousand queued jobs and a hundred thousand past executions, over a restart.
pub(crate) async fn long_queue(rounds: Rounds) {
    const QUEUED: u64 = 10_000;
    const PAST: u64 = 100_000;
    const READY_WITHIN: Duration = Duration::from_secs(30);
    while let Some(round) = rounds.next() {
        let mut server = Server::start_with(&["--running-limit", "1"]);
        let pool = Pool::create(&server.admin()).await;
        let blocker = pool.job(None).await;
        blocker.transformation(crate::gate::ENDLESS).await;
        server.kill();
        metadata::add_past_executions(&server.data(), &pool.id, &blocker.id, PAST).await;
        let jobs = metadata::add_jobs(&server.data(), &pool.id, QUEUED).await;
        let begun = Instant::now();
        server.restart();
        ready(&server).await;
        let with_the_past = begun.elapsed();
        let blocking = blocker.start("FULL").await;
        let mut executions = Vec::new();
        for some in jobs.chunks(16) {
            let started = some.iter().map(|id| {
                let job = Job { pool: pool.clone(), id: id.clone() };
                async move { try_start(&job, "FULL", "once").await.expect("the server answers") }
            });
            executions.extend(futures::future::join_all(started).await);
        }
        server.kill();
        let begun = Instant::now();
        server.restart();
        ready(&server).await;
        let with_the_queue = begun.elapsed();
        assert!(with_the_queue < READY_WITHIN, "ready after {with_the_queue:?}");
        let mut times = Vec::new();
        for execution in executions.iter().rev().take(200) {
            let asked = Instant::now();
            assert_eq!(show(&pool.client, execution).await.status(), "QUEUED", "none is lost");
            times.push(asked.elapsed());
        }
        times.sort();
        let slowest = times[times.len() * 99 / 100];
        let cancel = format!("/forebay/api/v1/executions/{blocking}/cancel");
        pool.client.post(&cancel, &Value::Null).await.ok();
        in_order(&pool, &executions).await;
        rounds.note(format!(
            "ready after {:.2} s with {PAST} past executions, after {:.2} s with {QUEUED} queued ones too; answers \
             then within {:.0} ms (p99)",
            with_the_past.as_secs_f64(),
            with_the_queue.as_secs_f64(),
            slowest.as_secs_f64() * 1000.0
        ));
        round.held(with_the_queue);
    }
}

/// The first of the queue run first. They were started sixteen at a time, so within those any order is right.
async fn in_order(pool: &Pool, executions: &[String]) {
    let (first, later) = (&executions[..32], &executions[64]);
    let last = ended(&pool.client, later, RECOVERED_WITHIN, "the 65th of the queue").await.succeeded();
    let started = |run: &crate::pool::Run| run.0["startedAt"].as_i64().expect("a time of its start");
    for execution in first {
        let run = show(&pool.client, execution).await.succeeded();
        assert!(started(&run) <= started(&last), "an older execution began later");
    }
    let newest = executions.last().unwrap();
    assert_eq!(show(&pool.client, newest).await.status(), "QUEUED", "the last of the queue waits");
}

/// Waits until the server says that it is ready.
pub(crate) async fn ready(server: &Server) {
    let client = server.anonymous();
    crate::stage::eventually("the server to be ready", Duration::from_secs(60), async || {
        client.get("/ready").await.status == 200
    })
    .await;
}
