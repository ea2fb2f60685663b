//! What comes back when something is made or changed.

use serde_json::{Value, json};

use super::{new_job, new_pool, new_table};
use crate::pool::Pool;
use crate::server::Server;
use crate::world::{World, sqlite};

#[tokio::test]
async fn q10_an_answer_has_exactly_what_was_made() {
    let server = Server::start();
    sqlite(&server.files().join("world.db")).await;
    let admin = server.admin();
    let pool = admin.post("/integration/api/pools", &new_pool("P")).await.ok();
    let pool = Pool { client: admin.clone(), id: pool["id"].as_str().unwrap().to_owned() };
    let file = json!({"path": server.files().join("world.db")});
    let connection = pool.connection("C", "SQLITE", &file).await;
    let job = admin.post(&pool.path("/jobs"), &new_job(&pool.id, Some(&connection))).await.ok();
    for field in ["id", "dataPoolId"] {
        assert!(job[field].is_string(), "{job}");
    }
    let job_path = pool.path(&format!("/jobs/{}", job["id"].as_str().unwrap()));
    let body = json!({"taskType": "EXTRACTION", "name": "X", "description": null, "taskId": null,
        "jobId": job["id"], "executionOrder": null});
    let task = admin.post(&format!("{job_path}/tasks/"), &body).await.ok();
    for field in ["id", "taskId", "poolId", "jobId", "taskType"] {
        assert!(task[field].is_string(), "{task}");
    }
    let tables = format!("{job_path}/extractions/{}/tables/", task["id"].as_str().unwrap());
    let job_id = job["id"].as_str().unwrap();
    for name in ["one", "two"] {
        let made = admin.post(&tables, &json!([new_table(&task, job_id, name)])).await.ok();
        assert_eq!(made.as_array().unwrap().len(), 1, "exactly what was created: {made}");
        assert_eq!(made[0]["tableName"], name);
        assert!(made[0]["id"].is_string() && made[0]["taskId"].is_string(), "{made}");
        for list in ["connectorSpecificConfiguration", "calculatedColumns", "columns", "joins"] {
            assert!(made[0][list].is_array(), "{list} of {made}");
        }
    }
}

#[tokio::test]
async fn q11_a_put_answers_with_the_whole_object() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let (pool, job_path) = (&world.pool, world.job.path(""));
    let listed = admin.get(&world.job.path("/tasks/")).await.ok();
    let mut tasks = listed.as_array().unwrap().iter();
    let task = tasks.find(|task| task["id"] == json!(world.extraction)).unwrap();
    let tables = format!("{job_path}/extractions/{}/tables/", world.extraction);
    // A PUT with the object as it was got gives the object back, whole.
    let expanded = admin.get(&format!("{job_path}/extractions/{}/expanded", world.extraction)).await.ok();
    let mut table = expanded["tables"][0].clone();
    table["targetTableName"] = json!("E2");
    table["renameTargetTable"] = json!(true);
    table["dataPoolId"] = json!(pool.id);
    table["extractionId"] = task["id"].clone();
    let changed = admin.put(&tables, &json!([table])).await.ok();
    assert_eq!(changed.as_array().unwrap().len(), 1, "{changed}");
    assert_eq!((&changed[0]["id"], &changed[0]["targetTableName"]), (&table["id"], &json!("E2")));
    let one = format!("{tables}{}", table["id"].as_str().unwrap());
    assert_eq!(admin.get(&one).await.ok(), changed[0]);

    for (path, name) in [(pool.path(""), "P2"), (job_path.clone(), "J2")] {
        let mut whole = admin.get(&path).await.ok();
        whole["name"] = json!(name);
        let answer = admin.put(&path, &whole).await.ok();
        assert_eq!(answer, whole, "{path}");
    }
    let task_path = format!("{job_path}/tasks/{}", task["id"].as_str().unwrap());
    let renamed = admin.put(&task_path, &json!({"name": "X2", "description": "d"})).await.ok();
    let mut expected = task.clone();
    expected["name"] = json!("X2");
    expected["description"] = json!("d");
    assert_eq!(renamed, expected);
    assert_eq!(admin.delete(&format!("{task_path}/enabled")).await.ok()["disabled"], true);
    assert_eq!(admin.post(&format!("{task_path}/enabled"), &Value::Null).await.ok()["disabled"], false);
}

#[tokio::test]
async fn q22_a_null_in_an_update_erases_nothing_that_is_nested() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let tables = world.job.path(&format!("/extractions/{}/tables/", world.extraction));
    let columns = json!([
        {"columnName": "id", "primaryKey": true, "anonymized": false},
        {"columnName": "name", "primaryKey": false, "anonymized": true},
    ]);
    let length = json!([{"key": "MAX_STRING_LENGTH", "value": 10}]);
    let mut table = json!({
        "id": world.table, "tableName": "one", "columns": columns, "useManualPKs": true,
        "customizeColumnSelection": true, "connectorSpecificConfiguration": length,
    });
    let before = admin.put(&tables, &json!([table])).await.ok()[0].clone();
    for nested in ["columns", "selectedColumns", "connectorSpecificConfiguration", "joins", "dependentTables"]
    {
        table[nested] = Value::Null;
    }
    let after = admin.put(&tables, &json!([table])).await.ok()[0].clone();
    assert_eq!(after, before);

    let path = world.pool.path(&format!("/variables/{}", world.pool_variable));
    let before = admin.get(&path).await.ok();
    let mut nulls = before.clone();
    for nested in ["values", "defaultValues", "settings", "defaultSettings"] {
        nulls[nested] = Value::Null;
    }
    assert_eq!(admin.put(&path, &nulls).await.ok(), before);
}

#[tokio::test]
async fn q23_the_state_in_a_job_update_is_ignored() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let admin = server.admin();
    let mut echoed = admin.get(&world.job.path("")).await.ok();
    assert_eq!(echoed["status"], "SUCCESS");
    let before = echoed.clone();
    echoed["status"] = json!("RUNNING");
    echoed["currentExecutionId"] = json!(world.execution);
    echoed["latestExecutionItemId"] = Value::Null;
    echoed["dataPoolId"] = json!("00000000-0000-4000-8000-000000000000");
    assert_eq!(admin.put(&world.job.path(""), &echoed).await.ok(), before);
    assert_eq!(admin.get(&world.job.path("")).await.ok(), before);
}
