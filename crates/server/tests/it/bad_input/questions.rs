//! Starts of executions, questions for logs, and grants.

use reqwest::Method;
use serde_json::{Value, json};

use super::Expected::{Field, Status};
use super::{Bad, NOBODY, worlds};
use crate::client::Answer;
use crate::server::Server;

#[tokio::test]
async fn a_bad_start_or_question_is_refused() {
    let server = Server::start();
    let (world, other) = worlds(&server).await;
    let admin = server.admin();
    let mut bad = Bad::new(&admin, &world, &other).await;
    let execute = world.job.execute_path("FULL");
    let execute = execute.split('?').next().unwrap();
    for mode in ["", "?", "?mode=", "?mode=delta", "?mode=FULL%00", "?mode=EVERYTHING", "?Mode=FULL"] {
        bad.post(&format!("{execute}{mode}"), Value::Null, Field("mode")).await;
    }
    let configured = world.job.path("/execute");
    let (flag, chosen) = ("executeOnlySubsetOfTransformations", "transformations");
    for (field, body) in [
        ("mode", json!({"mode": "full"})),
        ("mode", json!({"mode": 1})),
        (chosen, json!({flag: true, chosen: ["None"]})),
        (chosen, json!({flag: true, chosen: [other.transformation]})),
        (chosen, json!({flag: true, chosen: [world.extraction]})),
        (
            "extractions",
            json!({
                "executeOnlySubsetOfExtractions": true, "extractions": [{"extractionId": other.extraction}],
            }),
        ),
        (
            "dataModels",
            json!({
                "loadOnlySubsetOfDataModels": true, "dataModels": [{"dataModelExecutionId": other.load}],
            }),
        ),
    ] {
        bad.post(&configured, body, Field(field)).await;
    }
    let request = admin.request(Method::POST, &world.job.execute_path("FULL"));
    let answer = Answer::of(request.header("idempotency-key", "x".repeat(201))).await;
    bad.check(&answer, &Value::Null, Field("Idempotency-Key")).await;

    let execution = world.execution.clone().unwrap();
    let logs = world.pool.path(&format!("/logs/{}/executions", world.job.id));
    for (field, query) in [
        ("limit", "limit=0"),
        ("limit", "limit=1001"),
        ("limit", "limit=x"),
        ("page", "page=-1"),
        ("page", "page=%2B1"),
        ("page", "page=2147483648"),
    ] {
        bad.get(&format!("{logs}?{query}"), Field(field)).await;
        bad.get(&format!("/forebay/api/v1/executions/{execution}/logs?{query}"), Field(field)).await;
    }
    let items = world.pool.path("/logs/executions");
    bad.get(&items, Field("executionId")).await;
    bad.get(&format!("{items}?executionId={execution}&type=NOTHING"), Field("type")).await;
    bad.get(&format!("{items}?executionId={execution}&type=TASK&id={}", other.job.id), Status(404)).await;
    bad.get(&format!("{items}/detail?executionId={execution}&logLevels=LOUD"), Field("logLevels")).await;
    bad.get(&world.pool.path("/columns"), Field("tableName")).await;
    bad.get(&world.pool.path("/columns?tableName=nothing"), Status(404)).await;

    let query = world.pool.own("/query");
    bad.post(&query, json!({}), Field("sql")).await;
    bad.post(&query, json!({"sql": 1}), Field("sql")).await;
    for limit in [json!(0), json!(-1), json!("10"), json!(1e300), json!(1_000_001)] {
        bad.post(&query, json!({"sql": "SELECT 1", "limit": limit}), Field("limit")).await;
    }
    for user in [json!({"role": "KING"}), json!({"role": 1})] {
        let mut body = user.clone();
        body["name"] = json!("x");
        bad.post("/forebay/api/v1/users", body, Field("role")).await;
    }
    let me = json!({"type": "USER", "id": admin.get("/api/cloud").await.ok()["id"]});
    let grants = world.pool.own("/grants");
    bad.put(&grants, json!({"permissions": []}), Status(400)).await;
    bad.put(&grants, json!({"subject": me}), Status(400)).await;
    bad.put(&grants, json!({"subject": me, "permissions": ["EVERYTHING"]}), Status(400)).await;
    bad.put(&grants, json!({"subject": {"type": "TEAM", "id": NOBODY}, "permissions": []}), Status(400))
        .await;
    bad.told();
}
