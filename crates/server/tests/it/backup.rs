//! A backup made while jobs load, restored on an empty machine: rows and checkpoints agree, so the next DELTA
//! brings exactly what the backup does not have.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::compare::same_rows;
use crate::pool::{Job, Pool, finished};
use crate::server::Server;
use crate::source::Source;

const ROWS: u32 = 20_000;
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
async fn a_backup_under_load_comes_back_with_rows_and_checkpoints_that_agree() {
    let server = Server::start();
    let source = Source::new().await;
    source
        .execute(&format!(
            "CREATE TABLE things (id integer PRIMARY KEY, payload text NOT NULL, changed_at timestamp NOT NULL);
             INSERT INTO things SELECT n, md5(n::text), '2026-01-01' FROM generate_series(1, {ROWS}) n"
        ))
        .await;
    let pool = Pool::create(&server.admin()).await;
    let connection = pool.connection("Things", "POSTGRESQL", &source.configuration()).await;
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "things", "changeDateColumn": "changed_at"}])).await;
    job.run("FULL").await.succeeded();

    // Change after change is loaded while the backup is made.
    let loading = async {
        for round in 1..=6 {
            source
                .execute(&format!(
                    "UPDATE things SET payload = payload || '{round}', changed_at = '2026-01-02 00:0{round}:00'
                     WHERE id % 7 = {round};
                     INSERT INTO things SELECT n, 'new', '2026-01-02 00:0{round}:00'
                     FROM generate_series({from}, {from} + 99) n",
                    from = 100_000 + round * 1_000
                ))
                .await;
            job.run("DELTA").await.succeeded();
        }
    };
    let (path, ()) = tokio::join!(back_up(&server, "busy"), loading);

    let restored = Server::restored(&path, server.admin_key());
    let there = Pool { client: restored.admin(), id: pool.id.clone() };
    let job = Job { pool: there.clone(), id: job.id.clone() };
    job.run("DELTA").await.succeeded();
    same_rows(&source, "public", "things", "id", &there, &connection).await;
    // And the one that was copied went on undisturbed.
    same_rows(&source, "public", "things", "id", &pool, &connection).await;
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
