//! Loads of one model by data jobs and by reloads: both are in its history, and neither breaks what the other shows.

use serde_json::json;

use super::{Model, text};
use crate::pool::{Pool, finished};
use crate::server::Server;

#[tokio::test]
async fn what_data_jobs_load_is_in_the_history_of_the_model() {
    let server = Server::start();
    let (model, _, activities) = Model::with_tables(&server).await;
    let job = model.pool.job(None).await;
    job.transformation("SELECT 1").await;
    let load = json!({
        "id": null, "dataModelId": model.id, "jobId": job.id, "disabled": null, "dataModelName": null,
        "tables": [{"id": activities, "aliasOrName": null, "selected": null}], "partialLoad": true,
    });
    model.client().post(&job.path("/loads"), &load).await.ok();
    let run = job.run("DELTA").await.succeeded();
    let current = model.current().await;
    assert_eq!(current["dataLoadId"], json!(run.id()));
    assert_eq!((&current["loadStatus"], &current["loadType"]), (&json!("SUCCESS"), &json!("PARTIAL")));
    model.reload().await.ok();
    let reload = model.loaded().await;
    let history = model.load_info().await["loadHistory"]["dataLoadHistory"].clone();
    assert_eq!(history, json!([reload, current]));

    // A job that fails before it comes to the load has not loaded.
    let failing = model.pool.job(None).await;
    failing.transformation("SELECT * FROM no_such_table").await;
    failing.load(&json!({"id": model.id})).await;
    failing.run("FULL").await.ended("FAIL");
    assert_eq!(model.current().await, reload);
    model.client().delete(&model.path("")).await.refused(409);
}

#[tokio::test]
async fn loads_of_a_job_and_reloads_at_the_same_time_publish_whole_versions() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let model = Model::create(&pool).await;
    model.add_table("a", None).await;
    model.add_table("b", None).await;
    let job = pool.job(None).await;
    let task = job.transformation("SELECT 1").await;
    job.load(&json!({"id": model.id})).await;
    for rows in 1..=8 {
        let sql = format!(
            "CREATE OR REPLACE TABLE a AS SELECT range AS id FROM range({rows});
             CREATE OR REPLACE TABLE b AS SELECT range AS id FROM range({rows})"
        );
        job.set_statement(&task, &sql).await;
        if rows == 1 {
            job.run("FULL").await.succeeded();
        }
        let execution = job.start("FULL").await;
        let reload = text(&model.reload().await.ok()["dataLoadId"]);
        finished(&pool.client, &execution).await.succeeded();
        finished(&pool.client, &reload).await.succeeded();
        let published = model.published(&server);
        let [(_, of_a), (_, of_b)] = published.as_slice() else { panic!("{published:?}") };
        // Both are of one moment; and whichever load came last began after the job had written.
        assert_eq!((*of_a, *of_b), (rows, rows), "{published:?}");
    }
}
