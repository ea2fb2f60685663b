//! F09 and F10: a disk that is full, under the pools' rows and under the metadata.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::client::Answer;
use crate::isolated::{can_make_disks, fill, on_a_small_disk, seen_by};
use crate::pool::{Pool, finished};
use crate::processes;
use crate::rounds::Rounds;
use crate::server::Server;
use crate::stage::{RECOVERED_WITHIN, Stage, eventually, lines};

const NO_DISKS: &str = "needs a namespace in which a small disk can be mounted (unshare -rm)";

/// A server whose data folder, or a folder in it, lies on a small disk, and that disk as it sees it.
fn on_small_disk(folder: &str, mebibytes: u64) -> (Server, std::path::PathBuf) {
    let mut server = Server::prepare(&[]);
    let folder: std::path::PathBuf = server.data().join(folder).components().collect();
    let starter = on_a_small_disk(&folder, mebibytes);
    let words: Vec<&str> = starter.iter().map(String::as_str).collect();
    server.set_starter(&words);
    server.restart();
    let process = processes::server(&server.data()).expect("the server's process");
    let seen = seen_by(process, &folder);
    (server, seen)
}

/// F09: the disk of the pools is full while rows are loaded.
pub(crate) async fn of_the_pools(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        if !can_make_disks() {
            return rounds.cannot_be_staged(NO_DISKS);
        }
        let (server, disk) = on_small_disk("pools", 96);
        let stage = Stage::on(server, 60_000, None).await;
        let other = Pool::create(&stage.server.admin()).await.job(None).await;
        other.transformation("CREATE OR REPLACE TABLE made AS SELECT 7 AS a").await;
        other.run("FULL").await.succeeded();
        let filler = fill(&disk, 2 * 1024 * 1024);
        let run = stage.job.run("FULL").await.ended("FAIL");
        let why = run.0["message"].as_str().unwrap_or_default().to_lowercase();
        assert!(
            why.contains("disk") && (why.contains("full") || why.contains("space")),
            "the reason is told: {why}"
        );
        assert_eq!(lines(&other.pool, None, "SELECT a FROM made").await, ["7"], "another pool answers");
        assert_eq!(lines(&stage.pool, None, "SELECT 7").await, ["7"], "the pool itself answers");
        let begun = Instant::now();
        std::fs::remove_file(filler).expect("room again");
        stage.run("FULL", "with room again").await;
        let recovery = begun.elapsed();
        stage.exact("with room again").await;
        other.run("FULL").await.succeeded();
        stage.in_order("with room again").await;
        round.held(recovery);
    }
}

/// F10: the disk of the metadata is full. Reading works, starting is refused, and room heals it.
pub(crate) async fn of_the_metadata(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        if !can_make_disks() {
            return rounds.cannot_be_staged(NO_DISKS);
        }
        let (server, disk) = on_small_disk("", 64);
        let pool = Pool::create(&server.admin()).await;
        let job = pool.job(None).await;
        job.transformation("CREATE OR REPLACE TABLE made AS SELECT 7 AS a").await;
        job.run("FULL").await.succeeded();
        let mut others = Vec::new();
        for _ in 0..60 {
            others.push(pool.job(None).await);
        }
        let filler = fill(&disk, 0);
        let start = async || {
            let request = pool.client.request(Method::POST, &job.execute_path("FULL"));
            Answer::of(request.timeout(Duration::from_secs(30))).await
        };
        // What is free in the database's own files may take a few more. One that was taken may be on for ever:
        // how it ended cannot be written.
        let mut refused = start().await;
        for other in &others {
            if refused.status >= 500 {
                break;
            }
            let request = pool.client.request(Method::POST, &other.execute_path("FULL"));
            refused = Answer::of(request.timeout(Duration::from_secs(30))).await;
        }
        assert!(matches!(refused.status, 503 | 507), "a start on a full disk: {refused}");
        let why = refused.text().to_lowercase();
        assert!(
            why.contains("disk") || why.contains("space") || why.contains("storage"),
            "the reason is told: {why}"
        );
        for path in ["/health", "/integration/api/pools", &pool.path("/jobs")] {
            let answer = pool.client.get(path).await;
            assert_eq!(answer.status, 200, "reading on a full disk: {answer}");
        }
        let begun = Instant::now();
        std::fs::remove_file(filler).expect("room again");
        eventually("starts to be taken again", RECOVERED_WITHIN, async || {
            let answer = start().await;
            // One that was taken while the disk was filling may still be on.
            let taken = matches!(answer.status, 200 | 202 | 409);
            if let Some(execution) = answer.json()["executionId"].as_str().filter(|_| taken) {
                finished(&pool.client, execution).await;
            }
            taken
        })
        .await;
        let recovery = begun.elapsed();
        job.run("FULL").await.succeeded();
        assert_eq!(lines(&pool, None, "SELECT a FROM made").await, ["7"]);
        round.held(recovery);
    }
}
