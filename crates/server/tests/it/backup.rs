//! What a restored backup says of executions and models. That rows and checkpoints agree, also when it was made
//! under load, is F45 of the fault suite.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::pool::{Pool, finished};
use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a backup by the API and gives its folder.
async fn back_up(server: &Server, name: &str) -> String {
    let admin = server.admin();
    let begun = admin.post("/forebay/api/v1/backups", &json!({"name": name})).await;
    assert_eq!(begun.status, 202, "{begun}");
    let since = Instant::now();
    loop {
        let backup = admin.get(&format!("/forebay/api/v1/backups/{name}")).await.ok();
        if backup["state"] != "RUNNING" {
            assert_eq!(backup["state"], "DONE", "{backup}");
            return backup["path"].as_str().unwrap().to_owned();
        }
        assert!(since.elapsed() < PATIENCE, "{backup}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_was_queued_at_the_backup_is_failed_by_the_restore_and_models_come_back() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    job.transformation("CREATE OR REPLACE TABLE numbers AS SELECT range AS n FROM range(10)").await;
    let model = pool.model(&json!({"name": "Numbers", "tables": [{"name": "numbers"}]})).await;
    job.load(&model).await;
    job.run("FULL").await.succeeded();
    let slow = pool.job(None).await;
    slow.transformation("SELECT count(*) FROM range(1000000) a, range(1000000) b").await;
    let live = slow.start("FULL").await;
    let path = back_up(&server, "queued").await;
    server.admin().post(&format!("/forebay/api/v1/executions/{live}/cancel"), &Value::Null).await.ok();

    let restored = Server::restored(&path, server.admin_key());
    let there = Pool { client: restored.admin(), id: pool.id.clone() };
    let run = finished(&there.client, &live).await.ended("FAIL");
    assert!(run.0["message"].as_str().unwrap().contains("restored"), "{:#}", run.0);
    assert_eq!(there.value(None, "SELECT sum(n)::INTEGER FROM numbers").await, json!(45));
    let model = model["id"].as_str().unwrap();
    let published = restored.data().join("pools").join(&pool.id).join("models").join(model);
    assert!(published.read_dir().unwrap().next().is_some(), "the model's files are there");
}
