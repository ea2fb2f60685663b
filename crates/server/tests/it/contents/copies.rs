//! Copies within the team.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_pool_is_copied_with_its_passwords_and_runs() {
    let server = Server::start();
    let admin = server.admin();
    let full = Full::new(&server).await;
    let path = "/integration/api/pools/move";
    let body = json!({"moveToDomain": "forebay", "dataPoolId": full.pool.id, "subsetOfDataModels": false,
        "selectedDataModels": []});
    let copy = admin.post(path, &body).await.ok();
    assert_ne!(copy["id"], json!(full.pool.id));
    assert_eq!(copy["name"], "Order to cash");
    let pool = Pool { client: admin.clone(), id: id(&copy) };
    assert_eq!(plain(&export(&admin, &pool.id).await), plain(&full.export().await));
    for source in admin.get(&pool.path("/data-sources/")).await.ok().as_array().unwrap() {
        assert_eq!(source["configured"], true, "{source}");
    }
    runnable(&pool).await.run("FULL").await.succeeded();

    // Without its models, and without the loads of these.
    let body = json!({"moveToDomain": null, "dataPoolId": full.pool.id, "subsetOfDataModels": true,
        "selectedDataModels": []});
    let copy = admin.post(path, &body).await.ok();
    let document = export(&admin, &id(&copy)).await;
    assert_eq!(document["dataModels"], json!([]));
    assert_eq!(document["dataJobs"][0]["tasks"].as_array().unwrap().len(), 2);

    let elsewhere = json!({"moveToDomain": "other", "dataPoolId": full.pool.id});
    let refused = admin.post(path, &elsewhere).await.refused(400);
    assert!(refused["detail"].as_str().unwrap().contains("export from here"), "{refused}");
    admin.post(path, &json!({"dataPoolId": "None"})).await.refused(404);
    admin.post(path, &json!({})).await.refused(400);
    let model =
        json!({"dataPoolId": full.pool.id, "subsetOfDataModels": true, "selectedDataModels": [full.pool.id]});
    admin.post(path, &model).await.refused(404);
    let member = server.member(&full.pool.id, &["VIEW", "EDIT", "MANAGE"]).await;
    member.post(path, &json!({"dataPoolId": full.pool.id})).await.refused(403);
}

#[tokio::test]
async fn a_job_is_copied_where_what_it_needs_is_there() {
    let server = Server::start();
    let admin = server.admin();
    let full = Full::new(&server).await;
    let path = full.job.path("/copy");
    let file = full.export().await["dataSources"][0]["id"].clone();
    let tasks_of = async |pool: &Pool, job: &str| {
        let document = export(&admin, &pool.id).await;
        let mut jobs = document["dataJobs"].as_array().unwrap().iter();
        jobs.find(|found| found["id"] == job).unwrap_or_else(|| panic!("no {job}"))["tasks"].clone()
    };
    // In its own pool.
    let body = json!({"destinationTeamDomain": "forebay", "destinationPoolId": full.pool.id,
        "destinationDataSourceId": file});
    let copy = admin.post(&path, &body).await.ok();
    assert_eq!(
        (&copy["name"], &copy["dataSourceId"], &copy["status"]),
        (&json!("Load"), &file, &Value::Null)
    );
    let before = tasks_of(&full.pool, &full.job.id).await;
    let after = tasks_of(&full.pool, copy["id"].as_str().unwrap()).await;
    assert_eq!(after[1]["variables"][0]["settings"], before[1]["variables"][0]["settings"]);
    assert_eq!(
        (&after[2]["dataModelId"], &after[2]["modelTables"]),
        (&before[2]["dataModelId"], &before[2]["modelTables"])
    );
    assert_eq!(after[0]["tables"].as_array().unwrap().len(), 3);
    assert_ne!(after[0]["id"], before[0]["id"]);
    // It extracts, so it needs a connection.
    let refused = admin.post(&path, &json!({"destinationPoolId": full.pool.id})).await.refused(400);
    assert_eq!(refused["errors"][0]["attribute"], "destinationDataSourceId", "{refused}");

    // In another pool, what it names must be there.
    let other = Pool::create(&admin).await;
    let connection = other.connection("Other", "SQLITE", &json!({"path": full.file})).await;
    let to_other = json!({"destinationPoolId": other.id, "destinationDataSourceId": connection});
    let refused = admin.post(&path, &to_other).await.refused(409);
    assert!(refused["detail"].as_str().unwrap().contains("parameter of the pool"), "{refused}");
    let shared = json!({"name": "s", "placeholder": "shared", "type": "PUBLIC_CONSTANT", "values": []});
    let shared = admin.post(&other.path("/variables/"), &shared).await.ok();
    let refused = admin.post(&path, &to_other).await.refused(409);
    assert!(refused["detail"].as_str().unwrap().contains("data model"), "{refused}");
    assert_eq!(admin.get(&other.path("/jobs")).await.ok(), json!([]));
    let tasks = admin.get(&full.job.path("/tasks/")).await.ok();
    let load = tasks.as_array().unwrap().iter().find(|task| task["taskType"] == "DATA_MODEL_LOAD").unwrap();
    admin.delete(&full.job.path(&format!("/tasks/{}", id(load)))).await.ok();
    let copy = admin.post(&path, &to_other).await.ok();
    assert_eq!((&copy["dataPoolId"], &copy["dataSourceId"]), (&json!(other.id), &json!(connection)));
    let after = tasks_of(&other, copy["id"].as_str().unwrap()).await;
    assert_eq!(after[1]["variables"][0]["settings"]["poolVariableId"], shared["id"]);

    let elsewhere = json!({"destinationTeamDomain": "other", "destinationPoolId": other.id});
    admin.post(&path, &elsewhere).await.refused(400);
    admin.post(&path, &json!({"destinationPoolId": "None"})).await.refused(404);
    admin
        .post(&path, &json!({"destinationPoolId": other.id, "destinationDataSourceId": file}))
        .await
        .refused(404);
    // Who may see here and edit there may copy, and nobody else.
    let viewer = server.member(&full.pool.id, &["VIEW"]).await;
    viewer.post(&path, &to_other).await.refused(404);
    let editor = server.member(&other.id, &["VIEW", "EDIT"]).await;
    editor.post(&path, &to_other).await.refused(404);
}
