//! How often a task is tried in one execution, as its owner has set it.

use std::net::TcpListener;

use serde_json::json;

use crate::pool::{Job, Pool};
use crate::server::Server;

/// How often the log of an execution says that a task is tried again.
async fn retries(job: &Job, execution: &str) -> usize {
    let path = format!("/forebay/api/v1/executions/{execution}/logs?limit=100");
    let log = job.pool.client.get(&path).await.ok();
    let lines = log["logMessages"].as_array().unwrap();
    lines.iter().filter(|line| line["logTranslationCode"] == "TASK_RETRY").count()
}

#[tokio::test]
async fn a_task_is_tried_as_often_as_its_policy_says() {
    let server = Server::start();
    // A port that nobody answers on: whoever connects is turned away at once.
    let turned_away = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = turned_away.local_addr().unwrap().port();
    std::thread::spawn(move || turned_away.incoming().for_each(drop));
    let pool = Pool::create(&server.admin()).await;
    let source = json!({"host": "127.0.0.1", "port": port, "database": "erp", "user": "reader", "password": "x", "sslMode": "disable"});
    let connection = pool.connection("Gone", "POSTGRESQL", &source).await;
    let job = pool.job(Some(&connection)).await;
    let task = job.extraction(&json!([{"tableName": "orders"}])).await;
    let policy = pool.own(&format!("/jobs/{}/tasks/{task}/retry-policy", job.id));
    let client = &pool.client;

    let built_in = json!({"attempts": 3, "firstPauseSeconds": 5, "longestPauseSeconds": 60});
    assert_eq!(client.get(&policy).await.ok(), built_in);
    for (attempts, expected) in [(1, 0), (3, 2)] {
        let change = json!({"attempts": attempts, "firstPauseSeconds": 0, "longestPauseSeconds": 0});
        assert_eq!(client.put(&policy, &change).await.ok(), change);
        let run = job.run("FULL").await.ended("FAIL");
        assert_eq!(retries(&job, &run.id()).await, expected, "of {attempts} attempts");
    }
    // What is out of bounds names its field, and nothing is changed.
    let before = client.get(&policy).await.ok();
    for (change, field) in [
        (json!({"attempts": 0}), "attempts"),
        (json!({"attempts": 21}), "attempts"),
        (json!({"firstPauseSeconds": 1}), "firstPauseSeconds"),
        (json!({"longestPauseSeconds": 3601}), "longestPauseSeconds"),
    ] {
        let refused = client.put(&policy, &change).await.refused(400);
        assert!(refused.to_string().contains(field), "{refused}");
    }
    assert_eq!(client.get(&policy).await.ok(), before);
}
