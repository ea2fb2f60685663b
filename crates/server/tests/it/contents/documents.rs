//! An export and what becomes of it where it is taken in.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_round_trip_changes_nothing_but_ids_and_times() {
    let (first, second) = (Server::start(), Server::start());
    let full = Full::new(&first).await;
    let before = full.export().await;
    assert_eq!(full.pool.client.get(&full.pool.path("/v2/export")).await.ok(), before);
    // Everything is there.
    for (list, count) in
        [("dataSources", 2), ("poolVariables", 2), ("dataModels", 1), ("dataJobs", 4), ("schedules", 2)]
    {
        assert_eq!(before[list].as_array().unwrap().len(), count, "{list} of {before:#}");
    }
    let job = &before["dataJobs"][0];
    let kinds: Vec<&Value> = job["tasks"].as_array().unwrap().iter().map(|task| &task["taskType"]).collect();
    assert_eq!(kinds, ["EXTRACTION", "TRANSFORMATION", "DATA_MODEL_LOAD"]);
    assert_eq!(job["tasks"][0]["tables"].as_array().unwrap().len(), 3);
    assert_eq!(job["tasks"][0]["retryPolicy"]["attempts"], 7);
    assert_eq!((&job["tasks"][0]["disabled"], &job["tasks"][1]["disabled"]), (&json!(true), &json!(false)));

    // On the server itself, and on another one.
    let mut last = before.clone();
    for client in [first.admin(), second.admin(), second.admin()] {
        let answer = client.post("/integration/api/pool-import", &last).await.ok();
        let after = export(&client, answer["id"].as_str().unwrap()).await;
        assert_eq!(plain(&after), plain(&before));
        let models = (&last["dataModels"][0]["id"], &after["dataModels"][0]["id"]);
        assert_eq!(&answer["dataModelIdMappings"][models.0.as_str().unwrap()], models.1, "{answer}");
        assert_ne!(models.0, models.1);
        last = after;
    }
    let of_first = first.admin().get("/integration/api/pools").await.ok();
    assert_eq!(of_first.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_taken_in_runs_and_a_connection_without_its_password_says_what_to_do() {
    let (first, second) = (Server::start(), Server::start());
    let full = Full::new(&first).await;
    let exported = full.pool.client.get(&full.pool.path("/export")).await;
    assert!(!exported.text().contains(PASSWORD), "an export has a password");
    assert!(!exported.text().contains("salt"), "{}", exported.text());
    sqlite(&second.files().join("world.db")).await;
    let admin = second.admin();
    // Where the document is taken in, the file lies elsewhere.
    let text = exported.text().replace(&full.file, second.files().join("world.db").to_str().unwrap());
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["schedules"][0]["enabled"] = json!(true);
    document["schedules"][1]["enabled"] = json!(true);
    let answer = admin.post("/integration/api/pool-import", &document).await.ok();
    assert_eq!(answer["name"], "Order to cash");
    let unusable = answer["unusableDataSources"].as_array().unwrap();
    assert_eq!(unusable.len(), 1, "{answer}");
    assert_eq!((&unusable[0]["name"], &unusable[0]["type"]), (&json!("ERP"), &json!("POSTGRESQL")));
    assert!(unusable[0]["message"].as_str().unwrap().contains("set its password again"), "{answer}");

    let pool = Pool { client: admin.clone(), id: id(&answer) };
    let job = runnable(&pool).await;
    job.run("FULL").await.succeeded();
    let connection = admin.get(&job.path("")).await.ok()["dataSourceId"].as_str().unwrap().to_owned();
    assert_eq!(pool.value(Some(&connection), "SELECT count(*) FROM made").await, json!("2"));
    // What copies itself must not begin to run by itself.
    let schedules = admin.get(&pool.own("/schedules")).await.ok();
    for schedule in schedules.as_array().unwrap() {
        assert_eq!((&schedule["enabled"], &schedule["nextAt"]), (&json!(false), &Value::Null), "{schedule}");
    }

    // The one without a password is known by that, and is used once it has one.
    let erp = unusable[0]["id"].as_str().unwrap();
    let jobs = admin.get(&pool.path("/jobs")).await.ok();
    let reading = jobs.as_array().unwrap().iter().find(|job| job["dataSourceId"] == json!(erp)).unwrap();
    let reading = Job { pool: pool.clone(), id: id(reading) };
    let refused = admin.post(&reading.execute_path("FULL"), &Value::Null).await.refused(400);
    assert!(refused["detail"].as_str().unwrap().contains("`ERP` has no password"), "{refused}");
    let own = pool.own(&format!("/connections/{erp}"));
    assert_eq!(admin.get(&own).await.ok()["credentials"], "MISSING");
    let source = admin.get(&pool.path(&format!("/data-sources/{erp}"))).await.ok();
    assert_eq!((&source["configured"], &source["connected"]), (&json!(false), &json!(false)));
    let test = format!("{own}/test");
    let told = admin.post(&test, &Value::Null).await.ok();
    assert!(told["message"].as_str().unwrap().contains("came with an import"), "{told}");
    admin.put(&own, &json!({"name": "ERP 2"})).await.ok();
    assert_eq!(admin.get(&own).await.ok()["credentials"], "MISSING", "a new name is no password");
    let set = admin.put(&own, &json!({"configuration": {"password": "new"}})).await.ok();
    assert_eq!(set["credentials"], "GIVEN");
    let told = admin.post(&test, &Value::Null).await.ok();
    assert_eq!(told["step"], "Connect", "{told}");
}

#[tokio::test]
async fn a_file_that_this_server_may_not_read_does_not_keep_a_pool_out() {
    let (first, second) = (Server::start(), Server::start());
    let document = Full::new(&first).await.export().await;
    let answer = second.admin().post("/integration/api/pool-import", &document).await.ok();
    let unusable = answer["unusableDataSources"].as_array().unwrap();
    let of_file = unusable.iter().find(|source| source["name"] == "File").unwrap();
    assert!(of_file["message"].as_str().unwrap().contains("--file-root"), "{answer}");
    let pool = Pool { client: second.admin(), id: id(&answer) };
    let job = runnable(&pool).await;
    pool.client.post(&job.execute_path("FULL"), &Value::Null).await.refused(400);
}

#[tokio::test]
async fn a_batch_replaces_what_has_the_same_name_and_leaves_the_rest() {
    let server = Server::start();
    let admin = server.admin();
    let full = Full::new(&server).await;
    let export_of_full = full.export().await;
    let target = Pool::create(&admin).await;
    let path = json!({"path": full.file});
    let existing = target.connection("Of the target", "SQLITE", &path).await;
    let kept = target.job(None).await;
    let source = |name: &str| {
        let mut all = export_of_full["dataSources"].as_array().unwrap().iter();
        all.find(|source| source["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let request = |pool: &str| {
        json!({
            "targetTeamDomain": "forebay",
            "dataPoolImportRequests": [{
                "targetPoolId": pool, "dataSourceMappings": {source("File"): existing}, "dataPool": export_of_full,
            }],
        })
    };
    let path = "/integration/api/pool/batch-import";
    let report = admin.post(path, &request(&target.id)).await.ok();
    let old_model = export_of_full["dataModels"][0]["id"].as_str().unwrap();
    let model = report["dataModelIdMappings"][old_model].as_str().unwrap().to_owned();
    let first = export(&admin, &target.id).await;
    assert_eq!(first["dataModels"][0]["id"], json!(model));
    let connections = first["dataSources"].as_array().unwrap();
    let names: Vec<&Value> = connections.iter().map(|source| &source["name"]).collect();
    assert_eq!(names, ["Of the target", "ERP"], "the mapped one is not made");
    assert_eq!(
        first["dataJobs"].as_array().unwrap().len(),
        4,
        "the first job of the name `Load` takes the old one's id"
    );
    assert_eq!(first["dataJobs"][0]["id"], json!(kept.id));
    assert_eq!(first["dataJobs"][0]["dataSourceId"], json!(existing));
    assert_eq!(first["dataPool"]["name"], admin.get(&target.path("")).await.ok()["name"]);
    let events = &first["dataModels"][0]["tables"][1];
    assert_eq!((&events["alias"], &events["dataSourceId"]), (&json!("Events"), &json!(existing)));

    // What was run stays, and once more it is all the same, ids too, but for tasks.
    let job = runnable(&target).await;
    job.run("FULL").await.succeeded();
    let again = admin.post(path, &request(&target.id)).await.ok();
    assert_eq!(again["dataModelIdMappings"], report["dataModelIdMappings"]);
    let second = export(&admin, &target.id).await;
    assert_eq!(plain(&second), plain(&first));
    for list in ["dataSources", "dataModels", "poolVariables", "schedules"] {
        let ids = |document: &Value| -> Vec<Value> {
            document[list].as_array().unwrap().iter().map(|thing| thing["id"].clone()).collect()
        };
        assert_eq!(ids(&second), ids(&first), "{list}");
    }
    assert_eq!(second["dataModels"][0]["tables"], first["dataModels"][0]["tables"]);
    assert_eq!(admin.get(&job.path("")).await.ok()["status"], "SUCCESS");
    // A schedule that somebody has switched on stays on.
    let schedule =
        second["schedules"].as_array().unwrap().iter().find(|one| one["name"] == "Nightly").unwrap();
    let schedule = target.own(&format!("/schedules/{}", id(schedule)));
    admin.post(&format!("{schedule}/enable"), &Value::Null).await.ok();
    admin.post(path, &request(&target.id)).await.ok();
    let shown = admin.get(&schedule).await.ok();
    assert!(shown["enabled"] == true && shown["nextAt"].is_i64(), "{shown}");

    // Another pool of the batch that cannot take it keeps all of them as they are.
    let mut two = request(&target.id);
    let mut other = two["dataPoolImportRequests"][0].clone();
    other["targetPoolId"] = json!(full.pool.id);
    other["dataPool"]["dataJobs"][0]["name"] = json!("");
    two["dataPoolImportRequests"][0]["dataPool"]["dataJobs"][0]["name"] = json!("New name");
    two["dataPoolImportRequests"].as_array_mut().unwrap().push(other);
    let before = export(&admin, &target.id).await;
    let refused = admin.post(path, &two).await.refused(400);
    assert_eq!(refused["errors"][0]["attribute"], "dataPoolImportRequests[1].dataPool.dataJobs[0].name");
    assert_eq!(plain(&export(&admin, &target.id).await), plain(&before));
}

#[tokio::test]
async fn a_schedule_is_taken_in_only_by_who_may_schedule() {
    let server = Server::start();
    let admin = server.admin();
    let full = Full::new(&server).await;
    let document = full.export().await;
    let target = Pool::create(&admin).await;
    let request = |document: &Value| json!({"dataPoolImportRequests": [{"targetPoolId": target.id, "dataPool": document}]});
    let path = "/integration/api/pool/batch-import";
    let editor = server.member(&target.id, &["VIEW", "EDIT"]).await;
    let refused = editor.post(path, &request(&document)).await.refused(403);
    assert!(refused["detail"].as_str().unwrap().contains("MANAGE"), "{refused}");
    assert_eq!(export(&admin, &target.id).await["dataJobs"], json!([]), "nothing is half done");
    let mut without = document.clone();
    without["schedules"] = json!([]);
    editor.post(path, &request(&without)).await.ok();
    let manager = server.member(&target.id, &["VIEW", "EDIT", "MANAGE"]).await;
    manager.post(path, &request(&document)).await.ok();
    // Nobody else's pool, and no pool by whoever may make none.
    let stranger = server.member(&full.pool.id, &["VIEW", "EDIT", "MANAGE"]).await;
    stranger.post(path, &request(&without)).await.refused(404);
    stranger.post("/integration/api/pool-import", &without).await.refused(403);
}
