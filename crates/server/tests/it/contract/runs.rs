//! How a run is started, followed and looked at when it failed.

use serde_json::{Value, json};

use super::configuration;
use crate::gate::ENDLESS;
use crate::pool::{Job, Pool, Run, finished};
use crate::server::Server;
use crate::world::World;

async fn status_of(pool: &Pool, job: &str) -> Value {
    let all = pool.client.get(&pool.path("/logs/status")).await.ok();
    let mut found = all.as_array().unwrap().iter().filter(|entry| entry["id"] == job);
    found.next().unwrap_or_else(|| panic!("no {job} in {all}")).clone()
}

#[tokio::test]
async fn q02_every_job_has_a_status_and_it_is_null_before_the_first_run() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    assert_eq!(pool.client.get(&pool.path("/logs/status")).await.ok(), json!([]));
    let (first, second) = (pool.job(None).await, pool.job(None).await);
    assert_eq!(status_of(&pool, &first.id).await["status"], Value::Null);
    second.transformation("SELECT 1").await;
    second.run("FULL").await.succeeded();
    assert_eq!(status_of(&pool, &first.id).await["status"], Value::Null);
    let entry = status_of(&pool, &second.id).await;
    assert_eq!(entry["status"], "SUCCESS");
    assert!(entry["lastExecutionStartDate"].is_i64(), "{entry}");
}

#[tokio::test]
async fn q03_a_start_is_seen_before_it_is_answered() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    let task = job.transformation("SELECT 1").await;
    job.run("FULL").await.succeeded();
    job.set_statement(&task, ENDLESS).await;
    pool.client.post(&job.path("/execute"), &configuration(&pool.id, &job.id)).await.ok();
    let live = |status: &Value| *status == json!("QUEUED") || *status == json!("RUNNING");
    let entry = status_of(&pool, &job.id).await;
    assert!(live(&entry["status"]), "the state of the run before counts as this one's: {entry}");
    let shown = pool.client.get(&job.path("")).await.ok();
    assert!(live(&shown["status"]) && shown["currentExecutionId"].is_string(), "{shown}");

    // A cancel is a POST without a body, and the state is CANCEL shortly after.
    pool.client.post(&job.path("/cancel"), &Value::Null).await.ok();
    let execution = shown["currentExecutionId"].as_str().unwrap();
    finished(&pool.client, execution).await.ended("CANCEL");
    assert_eq!(status_of(&pool, &job.id).await["status"], "CANCEL");
}

/// A job whose first run went well and whose second one fails in its fourth line.
async fn failing(pool: &Pool) -> (Job, Run, Run) {
    let job = pool.job(None).await;
    let task = job.transformation("SELECT 1").await;
    let first = job.run("FULL").await.succeeded();
    let sql = "CREATE TABLE kept AS SELECT 1 AS a;\n\n\nSELECT boom FROM kept;\nSELECT 2";
    job.set_statement(&task, sql).await;
    let second = job.run("FULL").await.ended("FAIL");
    (job, first, second)
}

#[tokio::test]
async fn q14_the_newest_run_comes_first() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let (job, first, second) = failing(&pool).await;
    let runs = pool.client.get(&pool.path(&format!("/logs/{}/executions", job.id))).await.ok();
    let items = runs["executionItems"].as_array().unwrap();
    let ids: Vec<&Value> = items.iter().map(|item| &item["executionId"]).collect();
    assert_eq!(ids, [&json!(second.id()), &json!(first.id())], "newest first");
    assert_eq!(runs["numOfPages"], 1);
    assert_eq!((&items[0]["status"], &items[0]["type"]), (&json!("FAIL"), &json!("JOB")));
}

#[tokio::test]
async fn q13_the_reason_why_a_task_failed_is_its_first_message() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let (job, _, second) = failing(&pool).await;
    // As the client looks for the reason.
    let tasks = pool.path(&format!("/logs/executions?executionId={}&type=TASK&id={}", second.id(), job.id));
    let tasks = pool.client.get(&tasks).await.ok();
    let failed: Vec<&Value> =
        tasks.as_array().unwrap().iter().filter(|task| task["status"] == "FAIL").collect();
    assert_eq!(failed.len(), 1, "{tasks}");
    let (execution, task) = (second.id(), failed[0]["taskId"].as_str().unwrap());
    let detail = format!("/logs/executions/detail?executionId={execution}&id={task}&type=TASK");
    let messages = pool.client.get(&pool.path(&detail)).await.ok();
    let message = &messages["logMessages"][0];
    assert_eq!(message["level"], "ERROR");
    let text = message["logMessage"].as_str().unwrap();
    assert!(text.contains("line 4") && text.contains("boom"), "{text}");
    // Only what was asked for.
    let errors =
        pool.client.get(&pool.path(&format!("{detail}&logLevels=ERROR&logLevels=WARNING"))).await.ok();
    for message in errors["logMessages"].as_array().unwrap() {
        assert!(["ERROR", "WARNING"].contains(&message["level"].as_str().unwrap()), "{message}");
    }
    let page = pool.client.get(&pool.path(&format!("{detail}&limit=1&page=1"))).await.ok();
    assert_eq!(page["logMessages"], json!([messages["logMessages"][1]]));
}

#[tokio::test]
async fn subsets_of_a_job_are_run_as_the_configuration_says() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let tables = world.job.path(&format!("/extractions/{}/tables/", world.extraction));
    admin.post(&tables, &json!([{"tableName": "two"}])).await.ok();
    let run = |change: Value| {
        let mut body = configuration(&world.pool.id, &world.job.id);
        body["mode"] = json!("FULL");
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (admin, path) = (admin.clone(), world.job.path("/execute"));
        async move {
            let started = admin.post(&path, &body).await.ok();
            let run = finished(&admin, started["executionId"].as_str().unwrap()).await.succeeded();
            let tasks = run.0["tasks"].as_array().unwrap().clone();
            let steps = tasks.iter().flat_map(|task| task["steps"].as_array().unwrap().clone());
            let names: Vec<String> = steps.map(|step| step["name"].as_str().unwrap().to_owned()).collect();
            names
        }
    };
    // The flag without a list: none; without the flag: all.
    let only_one_table = run(json!({
        "executeOnlySubsetOfExtractions": true,
        "extractions": [{"extractionId": world.extraction, "loadOnlySubsetOfTables": true, "tables": [world.table]}],
        "executeOnlySubsetOfTransformations": true, "transformations": [],
        "loadOnlySubsetOfDataModels": true, "dataModels": [],
    }))
    .await;
    assert_eq!(only_one_table, ["one"]);
    let no_extraction = run(json!({
        "executeOnlySubsetOfExtractions": true, "extractions": [], "transformations": ["ignored"],
    }))
    .await;
    assert!(!no_extraction.contains(&"one".to_owned()), "{no_extraction:?}");
    assert!(no_extraction.iter().any(|name| name.starts_with("statement 1")), "{no_extraction:?}");
    let all = run(json!({})).await;
    assert!(all.contains(&"one".to_owned()) && all.contains(&"two".to_owned()), "{all:?}");
    assert!(all.contains(&"made".to_owned()), "{all:?}");
}
