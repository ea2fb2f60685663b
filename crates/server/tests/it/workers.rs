//! Worker processes as the machine sees them: when they come and go, what they hold, and what their
//! deaths leave alone.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gate::{ENDLESS, Gate, waiting};
use crate::pool::{Job, Pool, finished, show, until};
use crate::server::Server;
use crate::source::Source;

/// The most that anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The arguments of a process; none when it has ended.
fn arguments(pid: u32) -> Vec<String> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// The processes of a server that run this command.
fn processes(server: &Server, command: &str) -> Vec<u32> {
    let data = server.data().to_string_lossy().into_owned();
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let arguments = arguments(*pid);
            arguments.first().is_some_and(|program| program.ends_with("forebay"))
                && arguments.get(1).is_some_and(|argument| argument == command)
                && arguments.iter().any(|argument| argument.contains(&data))
        })
        .collect()
}

pub(crate) fn worker_of(server: &Server, pool: &Pool) -> Option<u32> {
    processes(server, "worker").into_iter().find(|pid| arguments(*pid).contains(&pool.id))
}

/// The files that a process holds open.
fn open_files(pid: u32) -> Vec<String> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.map(|path| path.to_string_lossy().into_owned()).collect()
}

pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -s {name} {pid}");
}

async fn wait_until(told: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited until {told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// A job that does not end by itself, and its execution, which runs.
pub(crate) async fn endless(pool: &Pool) -> (Job, String) {
    let job = pool.job(None).await;
    job.transformation(ENDLESS).await;
    let execution = job.start("FULL").await;
    until(&pool.client, &execution, "its statement", |run| {
        run.0["tasks"][0]["steps"][0]["status"] == "RUNNING"
    })
    .await;
    (job, execution)
}

/// A job that reads a table of 1000 rows once the gate is open.
async fn gated(server: &Server, source: &Source) -> Job {
    source
        .execute(
            "CREATE TABLE slow (id integer PRIMARY KEY); INSERT INTO slow SELECT generate_series(1, 1000)",
        )
        .await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Source", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    let table = json!({"tableName": "slow", "schemaName": "public", "filterDefinition": Gate::FILTER});
    job.extraction(&json!([table])).await;
    job
}

async fn cancel(pool: &Pool, execution: &str) {
    let path = format!("/forebay/api/v1/executions/{execution}/cancel");
    pool.client.post(&path, &Value::Null).await.ok();
    finished(&pool.client, execution).await.ended("CANCEL");
}

#[tokio::test]
async fn a_pool_is_opened_by_its_worker_and_never_by_the_server() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    assert_eq!(processes(&server, "worker"), [0; 0], "a pool that nobody uses has no worker");
    let job = pool.job(None).await;
    job.transformation("CREATE TABLE made AS SELECT 7 AS a").await;
    job.run("FULL").await.succeeded();
    assert_eq!(pool.value(None, "SELECT a FROM made").await, 7);
    let worker = worker_of(&server, &pool).expect("a pool in use has a worker");
    assert_eq!(processes(&server, "worker"), [worker], "one worker");
    let servers = processes(&server, "serve");
    let [serve] = servers.as_slice() else { panic!("{servers:?} should be one process") };
    let holds = |pid: u32| open_files(pid).iter().any(|file| file.contains("/pools/"));
    assert!(holds(worker), "{:?}", open_files(worker));
    assert!(!holds(*serve), "{:?}", open_files(*serve));
    let metadata =
        |pid: u32| open_files(pid).iter().any(|file| file.contains("metadata") || file.contains(".db"));
    assert!(!metadata(worker), "{:?}", open_files(worker));
    // When memory runs short, the system takes a worker and not the server.
    let score = |pid: u32| -> i32 {
        let score = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
        score.trim().parse().unwrap()
    };
    assert!(score(worker) > score(*serve), "{} and {}", score(worker), score(*serve));
    let limits = std::fs::read_to_string(format!("/proc/{worker}/limits")).unwrap();
    let limit =
        |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(!limit("Max data size").contains("unlimited"), "{limits}");
    assert!(limit("Max core file size").split_whitespace().nth(4) == Some("0"), "{limits}");
}

#[tokio::test]
async fn a_worker_inherits_no_secret_and_no_path_of_the_metadata() {
    let server = Server::start();
    let source = Source::new().await;
    source.execute("CREATE TABLE small (id integer PRIMARY KEY)").await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Source", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "small"}])).await;
    job.run("FULL").await.succeeded();
    let worker = worker_of(&server, &pool).unwrap();
    let environment = std::fs::read(format!("/proc/{worker}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let names: Vec<&str> =
        environment.split('\0').filter_map(|entry| entry.split_once('=')).map(|(name, _)| name).collect();
    for name in ["PATH", "HOME", "FOREBAY_DATA_DIR", "FOREBAY_TOKEN"] {
        assert!(!names.contains(&name), "{names:?}");
    }
    let told = arguments(worker).join(" ");
    let password = source.configuration()["password"].as_str().unwrap_or_default().to_owned();
    assert!(password.is_empty() || !told.contains(&format!(" {password}")), "{told}");
    assert!(!told.contains("metadata") && !told.contains(".db") && !told.contains("secret"), "{told}");
    let data = server.data().to_string_lossy().into_owned();
    for argument in arguments(worker) {
        assert!(!argument.contains(&data) || argument.contains(&pool.id), "{argument} is not the pool's own");
    }
}

#[tokio::test]
async fn an_idle_worker_ends_and_the_next_question_starts_another() {
    let server = Server::start_with(&["--worker-idle-seconds", "1"]);
    let pool = Pool::create(&server.admin()).await;
    assert_eq!(pool.value(None, "SELECT 1").await, 1);
    let first = worker_of(&server, &pool).unwrap();
    wait_until("the idle worker ends", || !is_there(first)).await;
    assert_eq!(pool.value(None, "SELECT 2").await, 2);
    let second = worker_of(&server, &pool).unwrap();
    assert_ne!(first, second);
    // One that runs something is not idle.
    let (_, execution) = endless(&pool).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(show(&pool.client, &execution).await.status(), "RUNNING");
    cancel(&pool, &execution).await;
}

#[tokio::test]
async fn a_killed_worker_takes_no_other_pool_with_it_and_its_execution_goes_on() {
    let server = Server::start();
    let source = Source::new().await;
    let job = gated(&server, &source).await;
    let other = Pool::create(&server.admin()).await;
    let (_, untouched) = endless(&other).await;
    let gate = Gate::close(&source).await;
    let execution = job.start("FULL").await;
    waiting(&source, |count| count == 1).await;
    let worker = worker_of(&server, &job.pool).unwrap();
    let untouched_worker = worker_of(&server, &other).unwrap();
    signal(worker, "KILL");
    wait_until("the killed worker is gone, as a zombie too", || !is_there(worker)).await;
    // The API and the other pool do not notice.
    assert_eq!(other.value(None, "SELECT 1").await, 1);
    assert_eq!(show(&other.client, &untouched).await.status(), "RUNNING");
    assert_eq!(worker_of(&server, &other), Some(untouched_worker));
    gate.open().await;
    let run = finished(&job.pool.client, &execution).await.succeeded();
    assert_eq!(run.count("slow", "rowsAfter"), 1000);
    cancel(&other, &untouched).await;
}

#[tokio::test]
async fn a_worker_that_falls_silent_is_killed_and_its_execution_goes_on() {
    let server = Server::start_with(&["--worker-silence-seconds", "2"]);
    let source = Source::new().await;
    let job = gated(&server, &source).await;
    let gate = Gate::close(&source).await;
    let execution = job.start("FULL").await;
    waiting(&source, |count| count == 1).await;
    let worker = worker_of(&server, &job.pool).unwrap();
    signal(worker, "STOP");
    wait_until("the silent worker is gone", || !is_there(worker)).await;
    gate.open().await;
    finished(&job.pool.client, &execution).await.succeeded();
    assert_eq!(job.pool.value(None, "SELECT 1").await, 1);
}

#[tokio::test]
async fn a_cancel_is_final_when_the_worker_does_not_listen() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let (_, execution) = endless(&pool).await;
    let worker = worker_of(&server, &pool).unwrap();
    signal(worker, "STOP");
    let begun = Instant::now();
    cancel(&pool, &execution).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "the cancel took {:?}", begun.elapsed());
    assert!(!is_there(worker));
    assert_eq!(pool.value(None, "SELECT 1").await, 1, "the pool is as usable as before");
}

#[tokio::test]
async fn a_query_that_nobody_waits_for_is_interrupted_in_the_worker() {
    let server = Server::start_with(&["--worker-idle-seconds", "1"]);
    let pool = Pool::create(&server.admin()).await;
    assert_eq!(pool.value(None, "SELECT 1").await, 1);
    let worker = worker_of(&server, &pool).unwrap();
    let sql = "SELECT max(hash(a.range, b.range)) FROM range(1000000) a, range(1000000) b";
    let asked = tokio::time::timeout(Duration::from_secs(2), pool.ask(None, sql)).await;
    assert!(asked.is_err(), "the query ends by itself");
    // A worker that still worked on it would be killed in the end, and not be asked to close its file.
    wait_until("the worker is idle and ends", || !is_there(worker)).await;
    let file = server.data().join("pools").join(&pool.id).join("pool.duckdb.wal");
    assert!(!file.exists(), "the file was not closed in good order");
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_leaves_no_worker_and_closed_files() {
    let mut server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    job.transformation("CREATE TABLE made AS SELECT 7 AS a").await;
    job.run("FULL").await.succeeded();
    assert_eq!(processes(&server, "worker").len(), 1);
    assert!(server.terminate().success());
    assert_eq!(processes(&server, "worker"), [0; 0]);
    let dir = server.data().join("pools").join(&pool.id);
    assert!(dir.join("pool.duckdb").exists() && !dir.join("pool.duckdb.wal").exists());
    assert_eq!(std::fs::read_dir(server.data().join("workers")).unwrap().count(), 0);
}

#[tokio::test]
async fn workers_end_with_a_killed_server_and_the_next_one_ends_those_that_could_not() {
    let mut server = Server::start();
    let admin = server.admin();
    let (pool, other) = (Pool::create(&admin).await, Pool::create(&admin).await);
    for pool in [&pool, &other] {
        let job = pool.job(None).await;
        job.transformation("CREATE TABLE made AS SELECT 7 AS a").await;
        job.run("FULL").await.succeeded();
    }
    let (worker, stopped) = (worker_of(&server, &pool).unwrap(), worker_of(&server, &other).unwrap());
    signal(stopped, "STOP");
    server.kill();
    wait_until("the worker ends with its server", || arguments(worker).len() < 2).await;
    assert!(is_there(stopped));
    server.restart();
    wait_until("the stopped worker is ended", || arguments(stopped).len() < 2).await;
    for pool in [&pool, &other] {
        assert_eq!(pool.value(None, "SELECT a FROM made").await, 7);
    }
}

#[tokio::test]
async fn a_deleted_pool_has_no_worker() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    assert_eq!(pool.value(None, "SELECT 1").await, 1);
    let worker = worker_of(&server, &pool).unwrap();
    pool.client.delete(&pool.path("")).await.refused(204);
    wait_until("the worker of the deleted pool is gone", || !is_there(worker)).await;
    assert!(!server.data().join("pools").join(&pool.id).exists());
}
