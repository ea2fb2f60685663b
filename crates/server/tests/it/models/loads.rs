//! Loads of one model: part of it, with warnings, one at a time, cancelled, and across a kill of the server.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Model, PATIENCE, text};
use crate::gate::ENDLESS;
use crate::pool::{Pool, finished, show};
use crate::server::Server;

/// A model whose load does not end by itself.
async fn endless(server: &Server) -> Model {
    let pool = Pool::create(&server.admin()).await;
    let job = pool.job(None).await;
    let view = ENDLESS.replace("CREATE OR REPLACE TABLE endless", "CREATE VIEW slow");
    assert_ne!(view, ENDLESS);
    job.transformation(&view).await;
    job.run("FULL").await.succeeded();
    let model = Model::create(&pool).await;
    model.add_table("slow", None).await;
    model
}

async fn cancel(model: &Model, execution: &str) {
    let path = format!("/forebay/api/v1/executions/{execution}/cancel");
    model.client().post(&path, &Value::Null).await.ok();
}

#[tokio::test]
async fn q03_a_load_is_running_before_its_start_is_answered_also_while_it_is_queued() {
    let server = Server::start_with(&["--running-limit", "1"]);
    let (model, ..) = Model::with_tables(&server).await;
    model.reload().await.ok();
    assert_eq!(model.loaded().await["loadStatus"], "SUCCESS");
    // Something else takes the one place there is.
    let job = model.pool.job(None).await;
    job.transformation(ENDLESS).await;
    let other = job.start("FULL").await;
    let answer = model.reload().await.ok();
    let current = model.current().await;
    assert_eq!(current, answer);
    assert_eq!((&current["loadStatus"], &current["endDate"]), (&json!("RUNNING"), &Value::Null));
    assert_eq!(show(model.client(), &text(&current["dataLoadId"])).await.status(), "QUEUED");
    let before = &model.load_info().await["loadHistory"];
    assert_eq!(before["dataLoadHistory"].as_array().unwrap().len(), 2, "{before}");
    assert_ne!(before["lastSuccessfulDataModel"]["dataLoadId"], current["dataLoadId"]);
    cancel(&model, &other).await;
    assert_eq!(model.loaded().await["loadStatus"], "SUCCESS");
}

#[tokio::test]
async fn a_second_load_is_a_conflict_that_names_the_live_one_and_a_cancel_ends_it() {
    let server = Server::start();
    let model = endless(&server).await;
    let load = model.reload().await.ok();
    let live = text(&load["dataLoadId"]);
    for path in [
        model.path("/reload?forceComplete=false"),
        model.documented("/load"),
        model.documented("/load?fullReload=false"),
    ] {
        let refused = model.client().post(&path, &Value::Null).await.refused(409);
        assert!(refused["detail"].as_str().unwrap().contains(&live), "{refused}");
        assert_eq!(refused["executionId"], json!(live));
    }
    model.client().delete(&model.path("")).await.refused(409);
    assert_eq!(model.current().await["loadStatus"], "RUNNING");
    cancel(&model, &live).await;
    let ended = model.loaded().await;
    assert_eq!((&ended["loadStatus"], &ended["dataLoadId"]), (&json!("CANCELED"), &json!(live)), "{ended}");
    let told = model.load_info().await;
    assert_eq!(told["loadInfo"]["liveDataModel"]["cancel"], true, "{told}");
    assert_eq!(told["loadHistory"]["lastSuccessfulDataModel"], Value::Null);
    model.client().delete(&model.path("")).await.refused(204);
    model.client().get(&model.path("/load-history/load-info-sync")).await.refused(404);
}

#[tokio::test]
async fn a_partial_load_leaves_the_other_tables_as_they_were_published() {
    let server = Server::start();
    let (model, cases, activities) = Model::with_tables(&server).await;
    let partial = model.documented("/load/partial-sync");
    // What was never published cannot be left as it is.
    model.client().post(&partial, &json!([activities])).await.ok();
    assert_eq!(model.loaded().await["loadStatus"], "SUCCESS");
    assert_eq!(model.published(&server), [("Cases".to_owned(), 2), ("activities".to_owned(), 3)]);
    let job = model.pool.job(None).await;
    job.transformation("INSERT INTO cases VALUES (3, 'c'); INSERT INTO activities VALUES (3, 'begin', NULL)")
        .await;
    job.run("FULL").await.succeeded();
    model.client().post(&format!("{partial}?fullReload=false"), &json!([activities])).await.ok();
    let load = model.loaded().await;
    assert_eq!((&load["loadStatus"], &load["loadType"]), (&json!("SUCCESS"), &json!("PARTIAL")), "{load}");
    assert_eq!(model.published(&server), [("Cases".to_owned(), 2), ("activities".to_owned(), 4)]);
    let told = model.load_info().await;
    let rows: Vec<&Value> = told["loadInfo"]["liveDataModel"]["tableLoads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| &table["tableRowCount"])
        .collect();
    assert_eq!(rows, [&json!(2), &json!(4)]);
    // The table of the model is another one from here on, and is not left as it was.
    let table = model.tables_path(&format!("/{cases}"));
    model.client().put(&table, &json!({"name": "activities"})).await.ok();
    model.client().post(&partial, &json!([activities])).await.ok();
    model.loaded().await;
    assert_eq!(model.published(&server), [("Cases".to_owned(), 4), ("activities".to_owned(), 4)]);

    for body in
        [json!([]), json!(["None"]), json!([cases, "00000000-0000-4000-8000-000000000000"]), json!({})]
    {
        model.client().post(&partial, &body).await.refused(400);
    }
    model.client().post(&format!("{partial}?fullReload=perhaps"), &json!([cases])).await.refused(400);
}

#[tokio::test]
async fn broken_keys_are_a_warning_and_a_missing_table_an_error() {
    let server = Server::start();
    let (model, cases, _) = Model::with_tables(&server).await;
    let job = model.pool.job(None).await;
    job.transformation("INSERT INTO activities VALUES (9, 'begin', NULL)").await;
    job.run("FULL").await.succeeded();
    model
        .client()
        .put(&model.tables_path(&format!("/{cases}")), &json!({"primaryKeys": ["nothing"]}))
        .await
        .ok();
    model.reload().await.ok();
    let load = model.loaded().await;
    assert_eq!(load["loadStatus"], "WARNING", "{load}");
    let message = load["message"].as_str().unwrap();
    assert!(
        message.contains("activities: 1 rows have no row in Cases") && message.contains("nothing"),
        "{message}"
    );
    let told = model.load_info().await;
    assert_eq!(told["loadInfo"]["liveDataModel"]["warnings"].as_array().unwrap().len(), 2, "{told}");
    // It is loaded all the same.
    assert_eq!(told["loadHistory"]["lastSuccessfulDataModel"]["dataLoadId"], load["dataLoadId"]);
    assert_eq!(model.client().get(&model.path("")).await.ok()["unavailable"], false);

    let repaired = model.pool.job(None).await;
    repaired.transformation("DELETE FROM activities WHERE case_id = 9").await;
    repaired.run("FULL").await.succeeded();
    model.client().put(&model.tables_path(&format!("/{cases}")), &json!({"primaryKeys": ["id"]})).await.ok();
    model.client().post(&model.path("/reload?forceComplete=False"), &Value::Null).await.ok();
    let load = model.loaded().await;
    assert_eq!((&load["loadStatus"], &load["loadType"]), (&json!("SUCCESS"), &json!("FROM_CACHE")), "{load}");

    model.add_table("no_such_table", None).await;
    let before = model.published(&server);
    model.reload().await.ok();
    let failed = model.loaded().await;
    assert_eq!(failed["loadStatus"], "ERROR", "{failed}");
    assert!(failed["message"].as_str().unwrap().contains("no_such_table"), "{failed}");
    let told = model.load_info().await;
    assert_eq!(told["loadInfo"]["liveDataModel"]["error"], true);
    assert_eq!(told["loadHistory"]["lastSuccessfulDataModel"]["dataLoadId"], load["dataLoadId"]);
    assert_eq!(model.published(&server), before, "what was published stays");
}

#[tokio::test]
async fn a_model_without_tables_is_loaded_with_a_warning_that_says_so() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let model = Model::create(&pool).await;
    model.reload().await.ok();
    let load = model.loaded().await;
    assert_eq!(
        (&load["loadStatus"], &load["message"]),
        (&json!("WARNING"), &json!("the data model has no tables"))
    );
}

#[tokio::test]
async fn a_load_that_a_kill_of_the_server_interrupts_goes_on_by_itself() {
    let mut server = Server::start();
    let (model, ..) = Model::with_tables(&server).await;
    server.kill();
    server.set_variable("FOREBAY_FAULT", Some("model.before_shown=hold"));
    server.restart();
    let load = model.reload().await.ok();
    let begun = Instant::now();
    while !server.log_text().contains("fault point model.before_shown: ") {
        assert!(begun.elapsed() < PATIENCE, "the load does not come to its end");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(model.current().await["loadStatus"], "RUNNING");
    server.kill();
    server.set_variable("FOREBAY_FAULT", None);
    server.restart();
    let ended = model.loaded().await;
    assert_eq!(
        (&ended["loadStatus"], &ended["dataLoadId"]),
        (&json!("SUCCESS"), &load["dataLoadId"]),
        "{ended}"
    );
    let run = finished(model.client(), &text(&load["dataLoadId"])).await.succeeded();
    assert_eq!((&run.0["attempt"], &run.0["interruptions"]), (&json!(1), &json!(1)), "{:#}", run.0);
    assert_eq!(model.published(&server), [("Cases".to_owned(), 2), ("activities".to_owned(), 3)]);
}

#[tokio::test]
async fn whoever_may_edit_loads_and_nobody_else() {
    let server = Server::start();
    let (model, ..) = Model::with_tables(&server).await;
    let editor = server.member(&model.pool.id, &["VIEW", "EDIT"]).await;
    let reload = model.path("/reload");
    editor.post(&reload, &Value::Null).await.ok();
    assert_eq!(model.loaded().await["loadStatus"], "SUCCESS");
    for permissions in [&["VIEW"][..], &["EXECUTE"], &["VIEW", "MANAGE", "EXECUTE"]] {
        server.member(&model.pool.id, permissions).await.post(&reload, &Value::Null).await.refused(403);
    }
    server.member(&model.pool.id, &[]).await.post(&reload, &Value::Null).await.refused(404);
    // No call for data jobs sees the reloads, and none of their calls works on them.
    let jobs = model.client().get(&model.pool.path("/jobs")).await.ok();
    assert!(jobs.as_array().unwrap().iter().all(|job| job["id"] != json!(model.id)), "{jobs}");
    for path in [format!("/jobs/{}", model.id), format!("/jobs/{}/tasks", model.id)] {
        model.client().get(&model.pool.path(&path)).await.refused(404);
    }
    let path =
        format!("/integration/api/v2/data-pools/{}/data-jobs/{}/execute?mode=FULL", model.pool.id, model.id);
    model.client().post(&path, &Value::Null).await.refused(404);
}
