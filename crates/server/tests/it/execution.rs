//! Executions while they run: one at a time for a job, several at once for the server, followed,
//! cancelled, and what a restart makes of them.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::gate::{ENDLESS, Gate, waiting};
use crate::pool::{Job, Pool, Run, finished, show, until};
use crate::server::Server;
use crate::source::Source;

/// The most that a cancel may take.
const CANCELLED_WITHIN: Duration = Duration::from_secs(10);

/// A job that reads a table whose rows come once the gate is open.
async fn gated(server: &Server, source: &Source) -> Job {
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Source", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    let table = json!({"tableName": "slow", "schemaName": "public", "filterDefinition": Gate::FILTER});
    job.extraction(&json!([table])).await;
    job
}

async fn slow_source() -> Source {
    let source = Source::new().await;
    let sql = "CREATE TABLE slow (id integer PRIMARY KEY); INSERT INTO slow SELECT generate_series(1, 1000)";
    source.execute(sql).await;
    source
}

async fn global_job(pool: &Pool, sql: &str) -> Job {
    let job = pool.job(None).await;
    job.transformation(sql).await;
    job
}

/// Asks for the end of an execution and waits for it.
async fn cancelled(job: &Job, execution: &str) -> Run {
    let begun = Instant::now();
    let cancel = format!("/forebay/api/v1/executions/{execution}/cancel");
    job.pool.client.post(&cancel, &Value::Null).await.ok();
    let run = finished(&job.pool.client, execution).await.ended("CANCEL");
    assert!(begun.elapsed() < CANCELLED_WITHIN, "the cancel took {:?}", begun.elapsed());
    // A second cancel changes nothing.
    let again = job.pool.client.post(&cancel, &Value::Null).await.ok();
    assert_eq!(again["status"], "CANCEL");
    run
}

#[tokio::test]
async fn a_second_start_is_a_conflict_that_names_the_live_execution() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = global_job(&pool, ENDLESS).await;
    let live = job.start("FULL").await;
    for path in [job.execute_path("DELTA"), job.path("/execute")] {
        let refused = pool.client.post(&path, &Value::Null).await.refused(409);
        assert!(refused["detail"].as_str().unwrap().contains(&live), "{refused}");
        assert_eq!(refused["executionId"], json!(live));
    }
    pool.client.delete(&job.path("")).await.refused(409);
    pool.client.delete(&pool.path("")).await.refused(409);
    cancelled(&job, &live).await;
    let next = job.start("FULL").await;
    assert_ne!(next, live);
    cancelled(&job, &next).await;
    pool.client.delete(&pool.path("")).await.refused(204);
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_execution() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = global_job(&pool, "SELECT 1").await;
    let start = |key: &'static str| {
        let request = pool.client.request(Method::POST, &job.execute_path("FULL"));
        async move { Answer::of(request.header("idempotency-key", key)).await }
    };
    let first = start("a").await.ok()["executionId"].clone();
    assert_eq!(start("a").await.ok()["executionId"], first);
    finished(&pool.client, first.as_str().unwrap()).await.succeeded();
    assert_eq!(start("a").await.ok()["executionId"], first, "after the end too");
    let second = start("b").await.ok()["executionId"].clone();
    assert_ne!(second, first);
    finished(&pool.client, second.as_str().unwrap()).await.succeeded();
}

#[tokio::test]
async fn a_hundred_starts_at_once_with_one_key_are_one_execution() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = global_job(&pool, "SELECT 1").await;
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let request = pool.client.request(Method::POST, &job.execute_path("FULL"));
        starts.spawn(async move {
            Answer::of(request.header("idempotency-key", "once")).await.ok()["executionId"].to_string()
        });
    }
    let ids: std::collections::BTreeSet<String> = starts.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let executions = pool.client.get(&format!("/forebay/api/v1/executions/{}", unquoted(&ids))).await.ok();
    assert_eq!(executions["jobId"], json!(job.id));
    finished(&pool.client, &unquoted(&ids)).await.succeeded();
}

fn unquoted(ids: &std::collections::BTreeSet<String>) -> String {
    ids.first().unwrap().trim_matches('"').to_owned()
}

#[tokio::test]
async fn the_priority_of_an_execution_is_told_and_an_unknown_one_is_refused() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = global_job(&pool, "SELECT 1").await;
    let start = async |path: String, body: Value| {
        let started = pool.client.post(&path, &body).await.ok();
        let run = finished(&pool.client, started["executionId"].as_str().unwrap()).await.succeeded();
        run.0["priority"].clone()
    };
    assert_eq!(start(job.execute_path("FULL"), Value::Null).await, "NORMAL");
    assert_eq!(start(format!("{}&priority=HIGH", job.execute_path("FULL")), Value::Null).await, "HIGH");
    assert_eq!(start(job.path("/execute"), json!({"priority": "LOW"})).await, "LOW");
    let path = format!("{}&priority=URGENT", job.execute_path("FULL"));
    let refused = pool.client.post(&path, &Value::Null).await.refused(400);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("priority") && detail.contains("`HIGH`"), "{refused}");
}

#[tokio::test]
async fn several_jobs_run_at_once_up_to_the_limit() {
    let server = Server::start_with(&["--running-limit", "2"]);
    let admin = server.admin();
    let (first_pool, second_pool) = (Pool::create(&admin).await, Pool::create(&admin).await);
    let mut jobs = Vec::new();
    for pool in [&first_pool, &first_pool, &second_pool] {
        let job = global_job(pool, &ENDLESS.replace("endless", &format!("endless_{}", jobs.len()))).await;
        jobs.push((job.start("FULL").await, job));
    }
    for (execution, _) in &jobs[..2] {
        until(&admin, execution, "running", |run| run.status() == "RUNNING").await;
    }
    let (waits, third) = &jobs[2];
    let waiting = show(&admin, waits).await.ended("QUEUED");
    assert_eq!(waiting.0["waitingFor"]["reason"], "SERVER_LIMIT", "{:#}", waiting.0);
    assert_eq!(waiting.0["waitingFor"]["text"], "2 executions run on this server already");
    cancelled(&jobs[0].1, &jobs[0].0).await;
    until(&admin, waits, "running", |run| run.status() == "RUNNING").await;
    assert_eq!(show(&admin, &jobs[1].0).await.status(), "RUNNING", "the others are not disturbed");
    // One that is still queued is cancelled too.
    let (fourth, fourth_job) = {
        let job = global_job(&second_pool, ENDLESS).await;
        (job.start("FULL").await, job)
    };
    assert_eq!(show(&admin, &fourth).await.status(), "QUEUED");
    let run = cancelled(&fourth_job, &fourth).await;
    assert_eq!(run.0["startedAt"], Value::Null);
    cancelled(third, waits).await;
    cancelled(&jobs[1].1, &jobs[1].0).await;
}

#[tokio::test]
async fn a_cancel_ends_the_statement_of_the_source_too() {
    let server = Server::start();
    let source = slow_source().await;
    let job = gated(&server, &source).await;
    job.transformation("CREATE TABLE never AS SELECT 1 AS a").await;
    let gate = Gate::close(&source).await;
    let execution = job.start("FULL").await;
    waiting(&source, |count| count == 1).await;
    let run = cancelled(&job, &execution).await;
    waiting(&source, |count| count == 0).await;
    assert_eq!(run.step("slow")["status"], "CANCEL");
    for task in run.0["tasks"].as_array().unwrap() {
        assert_eq!(task["status"], "CANCEL", "{task}");
    }
    let tables = job.pool.client.get(&job.pool.path("/tables")).await.ok();
    assert_eq!(tables, json!([]), "nothing is shown of a cancelled run");
    gate.open().await;
    job.run("FULL").await.succeeded();
}

#[tokio::test]
async fn a_cancel_interrupts_a_transformation_and_nothing_of_it_is_kept() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = global_job(&pool, &format!("CREATE TABLE first AS SELECT 1 AS a;\n{ENDLESS};\nSELECT 3")).await;
    let execution = job.start("FULL").await;
    until(&pool.client, &execution, "its second statement", |run| {
        run.0["tasks"][0]["steps"][1]["status"] == "RUNNING"
    })
    .await;
    let run = cancelled(&job, &execution).await;
    let steps = &run.0["tasks"][0]["steps"];
    assert_eq!(
        (&steps[0]["status"], &steps[1]["status"]),
        (&json!("SUCCESS"), &json!("CANCEL")),
        "{steps:#}"
    );
    assert_eq!(pool.client.get(&pool.path("/tables")).await.ok(), json!([]));
    // The pool is as usable as before.
    global_job(&pool, "CREATE TABLE next AS SELECT 1 AS a").await.run("FULL").await.succeeded();
}

#[tokio::test]
async fn a_failed_table_does_not_stop_the_others_and_is_told_everywhere() {
    let server = Server::start();
    let source = Source::new().await;
    source
        .execute("CREATE TABLE good (id integer PRIMARY KEY); CREATE TABLE other (id integer PRIMARY KEY)")
        .await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Source", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    let task = job
        .extraction(&json!([
            {"tableName": "good"},
            {"tableName": "missing"},
            {"tableName": "other", "filterDefinition": "no_such_column = 1"},
        ]))
        .await;
    job.transformation("CREATE TABLE never AS SELECT 1 AS a").await;
    let run = job.run("FULL").await.ended("FAIL");
    assert_eq!(run.step("good")["status"], "SUCCESS");
    let told = |name: &str| run.step(name)["message"].as_str().unwrap().to_owned();
    assert!(told("missing").contains("missing"), "{}", told("missing"));
    assert!(told("other").contains("no_such_column"), "{}", told("other"));
    let tasks = run.0["tasks"].as_array().unwrap();
    assert_eq!(
        (&tasks[0]["status"], &tasks[1]["status"]),
        (&json!("FAIL"), &json!("SKIPPED")),
        "{:#}",
        run.0
    );
    assert!(tasks[1]["message"].as_str().unwrap().contains("failed"), "{:#}", run.0);
    let message = run.0["message"].as_str().unwrap();
    assert!(message.contains("missing") && message.contains("no_such_column"), "{message}");

    let detail = format!("/logs/executions/detail?executionId={}&id={task}&type=TASK", run.id());
    let messages = pool.client.get(&pool.path(&detail)).await.ok();
    let first = messages["logMessages"][0]["logMessage"].as_str().unwrap();
    assert!(first.contains("missing") && first.contains("no_such_column"), "{first}");
    let codes: Vec<&str> = messages["logMessages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["logTranslationCode"].as_str().unwrap())
        .collect();
    for code in ["TABLE_LOADED", "TABLE_FAILED", "TASK_FAILED"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
    let own = pool.client.get(&format!("/forebay/api/v1/executions/{}/logs", run.id())).await.ok();
    assert!(own["logMessages"].as_array().unwrap().len() >= codes.len(), "{own}");
}

/// The executions in the `data:` lines of an event stream.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.map(|data| serde_json::from_str(data.trim()).unwrap()).collect()
}

#[tokio::test]
async fn the_events_of_an_execution_end_with_its_end() {
    let server = Server::start();
    let source = slow_source().await;
    let job = gated(&server, &source).await;
    let gate = Gate::close(&source).await;
    let execution = job.start("FULL").await;
    waiting(&source, |count| count == 1).await;
    let path = format!("/forebay/api/v1/executions/{execution}/events");
    let follower = tokio::spawn({
        let client = job.pool.client.clone();
        let path = path.clone();
        async move { client.get(&path).await }
    });
    gate.open().await;
    // The stream ends by itself.
    let answer = follower.await.unwrap();
    assert!(answer.content_type().starts_with("text/event-stream"), "{answer}");
    let followed = events(&answer.text());
    let statuses: Vec<&str> = followed.iter().map(|event| event["status"].as_str().unwrap()).collect();
    let (last, before) = statuses.split_last().unwrap();
    assert_eq!(*last, "SUCCESS");
    assert!(before.iter().all(|status| *status == "RUNNING"), "{statuses:?}");
    assert_eq!(followed.last().unwrap(), &show(&job.pool.client, &execution).await.0);
    // Whoever comes later is told the end at once.
    let late = events(&job.pool.client.get(&path).await.text());
    assert_eq!(late.len(), 1);
    assert_eq!(late[0]["status"], "SUCCESS");
}

#[tokio::test]
async fn what_was_queued_when_the_server_was_killed_runs_after_the_restart() {
    let mut server = Server::start_with(&["--running-limit", "1"]);
    let admin = server.admin();
    let source = slow_source().await;
    let running = gated(&server, &source).await;
    let gate = Gate::close(&source).await;
    let first = running.start("FULL").await;
    waiting(&source, |count| count == 1).await;
    let pool = Pool::create(&admin).await;
    let queued = global_job(&pool, "CREATE TABLE made AS SELECT 7 AS a").await;
    let second = queued.start("FULL").await;
    assert_eq!(show(&admin, &second).await.status(), "QUEUED");
    server.kill();
    // The source notices that its reader is gone.
    waiting(&source, |count| count == 0).await;
    gate.open().await;
    server.restart();
    finished(&admin, &second).await.succeeded();
    assert_eq!(pool.value(None, "SELECT a FROM made").await, 7);
    // The one that ran goes on by itself, and tells that it was interrupted.
    let run = finished(&admin, &first).await.succeeded();
    assert_eq!((&run.0["attempt"], &run.0["interruptions"]), (&json!(1), &json!(1)), "{:#}", run.0);
    let because = run.0["requeuedBecause"].as_str().unwrap();
    assert!(because.contains("the server ended while this execution ran"), "{because}");
    assert_eq!(run.count("slow", "rowsAfter"), 1000);
}

#[tokio::test]
async fn tables_that_were_loaded_before_a_kill_are_not_read_again() {
    let mut server = Server::start_with(&["--tables-at-a-time", "1"]);
    let admin = server.admin();
    let source = slow_source().await;
    // The bigger one is begun first.
    source
        .execute(
            "CREATE TABLE early (id integer PRIMARY KEY); INSERT INTO early SELECT generate_series(1, 20000)",
        )
        .await;
    let pool = Pool::create(&admin).await;
    let connection = pool.connection("Source", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    let slow = json!({"tableName": "slow", "schemaName": "public", "filterDefinition": Gate::FILTER});
    job.extraction(&json!([{"tableName": "early"}, slow])).await;
    let gate = Gate::close(&source).await;
    let execution = job.start("FULL").await;
    waiting(&source, |count| count == 1).await;
    let loaded = until(&admin, &execution, "its first table", |run| {
        run.0["tasks"][0]["steps"][0]["status"] == "SUCCESS"
    })
    .await;
    server.kill();
    waiting(&source, |count| count == 0).await;
    // Whoever read it again would miss it.
    source.execute("DROP TABLE early").await;
    gate.open().await;
    server.restart();
    let run = finished(&admin, &execution).await.succeeded();
    assert_eq!(run.receipt("early"), loaded.receipt("early"));
    assert_eq!((run.count("early", "rowsAfter"), run.count("slow", "rowsAfter")), (20_000, 1000));
    assert_eq!(pool.value(Some(&connection), "SELECT count(*)::INTEGER FROM early").await, 20_000);
}

#[tokio::test]
async fn what_ends_within_the_grace_of_a_stop_is_not_interrupted() {
    let mut server = Server::start_with(&["--drain-seconds", "60"]);
    let admin = server.admin();
    let source = slow_source().await;
    let job = gated(&server, &source).await;
    let gate = Gate::close(&source).await;
    let execution = job.start("FULL").await;
    waiting(&source, |count| count == 1).await;
    let log = server.log();
    let stopping = tokio::task::spawn_blocking(move || {
        let status = server.terminate();
        (server, status)
    });
    let begun = Instant::now();
    while !std::fs::read_to_string(&log).unwrap().contains("nothing begins any more") {
        assert!(begun.elapsed() < Duration::from_secs(30), "the server does not stop");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It still answers while it waits.
    assert_eq!(show(&admin, &execution).await.status(), "RUNNING");
    gate.open().await;
    let (stopped, status) = stopping.await.unwrap();
    server = stopped;
    assert!(status.success(), "{status}");
    server.restart();
    let run = finished(&admin, &execution).await.succeeded();
    assert_eq!(run.0["interruptions"], 0, "{:#}", run.0);
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_lets_go_of_an_execution_and_resumes_it_when_it_starts_again() {
    let mut server = Server::start_with(&["--drain-seconds", "0"]);
    let admin = server.admin();
    let source = slow_source().await;
    let job = gated(&server, &source).await;
    let gate = Gate::close(&source).await;
    let execution = job.start("FULL").await;
    waiting(&source, |count| count == 1).await;
    let status = server.terminate();
    assert!(status.success(), "{status}");
    waiting(&source, |count| count == 0).await;
    gate.open().await;
    server.restart();
    let run = finished(&admin, &execution).await.succeeded();
    assert_eq!(run.count("slow", "rowsAfter"), 1000);
    assert_eq!((&run.0["attempt"], &run.0["interruptions"]), (&json!(1), &json!(1)), "{:#}", run.0);
}
