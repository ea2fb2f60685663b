//! What goes wrong, and what is said of it.

use super::*;
use crate::pool::Pool;

#[tokio::test]
async fn wrong_pql_fails_with_the_place_of_what_is_wrong() {
    let server = Server::start();
    let model = loaded_model(&server).await;
    for (queries, expected) in [
        (vec!["TABLE(\"Cases\".\"id\""], "line 1, column 19: `)` is expected, and the text ends"),
        (
            vec!["FILTER 1 = 1;", "TABLE(\n  VARIANT(\"activities\".\"activity\"));"],
            "query 2, line 2, column 3: there is no function VARIANT",
        ),
        (
            vec!["FILTER COUNT(\"Cases\".\"id\") > 1;", "TABLE(1)"],
            "query 1, line 1, column 8: a FILTER takes no aggregates",
        ),
        (
            vec!["TABLE(\"Nobody\".\"id\")"],
            "line 1, column 7: the data model has no table \"Nobody\"; it has \"Cases\", \"activities\"",
        ),
        (vec!["TABLE(\"Cases\".\"id\" + 'x')"], "line 1, column 22: + takes numbers"),
        (vec!["TABLE(9223372036854775807 + \"Cases\".\"id\")"], "Out of Range"),
        (vec!["SELECT 1"], "line 1, column 1: FILTER or TABLE is expected, and there is `SELECT`"),
        (vec!["TABLE('x'); DROP TABLE cases"], "line 1, column 13: FILTER or TABLE is expected"),
        (vec!["TABLE(read_csv('/etc/passwd'))"], "line 1, column 7: there is no function READ_CSV"),
    ] {
        let status = model.export(&queries, "PARQUET").await;
        let message = status["message"].as_str().unwrap_or_default();
        assert_eq!(status["exportStatus"], "FAILED", "{queries:?}: {status}");
        assert!(message.starts_with(expected), "{queries:?}: {message}");
        assert!(!message.contains("SELECT CAST") && !message.contains("read_parquet"), "{message}");
        assert!(status["exportChunks"].is_null(), "{status}");
        let path = v1(&model.id, &format!("/{}/0/result", status["id"].as_str().unwrap()));
        let refused = model.client().get(&path).await.refused(409);
        assert!(refused["detail"].as_str().unwrap().contains(expected), "{refused}");
    }
}

#[tokio::test]
async fn bodies_that_say_too_little_or_too_much_are_refused_by_field() {
    let server = Server::start();
    let (model, _, _) = Model::with_tables(&server).await;
    let client = model.client();
    let refused = async |path: String, body: Value| {
        let refused = client.post(&path, &body).await.refused(400);
        refused["errors"][0]["attribute"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(refused(v1(&model.id, "/query"), json!({})).await, "dataCommand.commands");
    let mut two = v1_body(&["TABLE(1)"], "CSV");
    let command = two["dataCommand"]["commands"][0].clone();
    two["dataCommand"]["commands"] = json!([command, command]);
    assert_eq!(refused(v1(&model.id, "/query"), two).await, "dataCommand.commands");
    assert_eq!(refused(v1(&model.id, "/query"), v1_body(&[], "CSV")).await, "queries");
    assert_eq!(refused(v1(&model.id, "/query"), v1_body(&["TABLE(1)"], "XML")).await, "exportType");
    assert_eq!(refused(v2(&model.id, ""), json!({"exportType": "CSV"})).await, "queries");
    // What would leave rows out.
    let mut body = v2_body("TABLE(1)", "CSV");
    body["queryEnvironment"]["loadScript"] = json!("FILTER 1 = 2;");
    assert_eq!(refused(v2(&model.id, ""), body).await, "queryEnvironment.loadScript");
    let mut body = v1_body(&["TABLE(1)"], "CSV");
    body["queryEnvironment"] =
        json!({"dataPermissionRules": [{"values": ["a"], "columnId": "c", "tableId": "t"}]});
    assert_eq!(refused(v1(&model.id, "/query"), body).await, "queryEnvironment.dataPermissionRules");
    assert_eq!(refused(v2(&model.id, ""), v2_body("  ", "CSV")).await, "queries");
}

#[tokio::test]
async fn a_model_that_was_never_loaded_says_so() {
    let server = Server::start();
    let (model, _, _) = Model::with_tables(&server).await;
    let status = model.export(&["TABLE(\"Cases\".\"id\")"], "CSV").await;
    assert_eq!(status["exportStatus"], "FAILED");
    assert_eq!(status["message"], "the data model was never loaded; load it first");
    let refused = model.client().post(&v2(&model.id, "?validate=true"), &v2_body("TABLE(1)", "CSV")).await;
    assert_eq!(refused.refused(400)["detail"], "queries: the data model was never loaded; load it first");
}

#[tokio::test]
async fn rows_of_a_model_are_for_those_who_may_see_them_and_files_for_their_owner() {
    let server = Server::start();
    let model = loaded_model(&server).await;
    let pool = &model.pool.id;
    let owner = server.member(pool, &["USE_ALL_DATA_MODELS"]).await;
    let other = server.member(pool, &["VIEW"]).await;
    let runner = server.member(pool, &["EXECUTE"]).await;
    let stranger = server.member(&Pool::create(&server.admin()).await.id, &["VIEW"]).await;
    let (query, body) = (v1(&model.id, "/query"), v1_body(&["TABLE(\"Cases\".\"name\")"], "CSV"));
    // What clients turn into "export is not enabled".
    runner.post(&query, &body).await.refused(403);
    stranger.post(&query, &body).await.refused(404);
    let id = id(&owner.post(&query, &body).await);
    ended(&owner, &v1(&model.id, &format!("/{id}"))).await;
    let paths = [
        v1(&model.id, &format!("/{id}")),
        v1(&model.id, &format!("/{id}/0/result")),
        v2(&model.id, &format!("/{id}/chunks/0")),
    ];
    for path in &paths {
        assert_eq!(owner.get(path).await.status, 200);
        assert_eq!(server.admin().get(path).await.status, 200);
        other.get(path).await.refused(404);
        stranger.get(path).await.refused(404);
        runner.get(path).await.refused(403);
        server.anonymous().get(path).await.refused(401);
    }
    // By the id of another model, an export is not found either.
    let (another, _, _) = Model::with_tables(&server).await;
    server.admin().get(&v1(&another.id, &format!("/{id}"))).await.refused(404);
}

#[tokio::test]
async fn what_is_kept_outlives_a_restart_and_what_ran_is_told_to_be_lost() {
    let mut server = Server::start();
    let model = loaded_model(&server).await;
    let kept = model.export(&["TABLE(\"Cases\".\"id\")"], "CSV").await;
    let job = model.pool.job(None).await;
    job.transformation("CREATE OR REPLACE TABLE cases AS SELECT range AS id, md5(range::VARCHAR) AS name FROM range(2000000)").await;
    job.run("FULL").await.succeeded();
    model.reload().await.ok();
    model.loaded().await;
    let body = v1_body(&["TABLE(\"Cases\".\"name\" AS \"n\") ORDER BY \"n\";"], "CSV");
    let running = id(&model.client().post(&v1(&model.id, "/query"), &body).await);
    server.kill();
    server.restart();
    let path = |id: &str, rest: &str| v1(&model.id, &format!("/{id}{rest}"));
    let chunk = model.client().get(&path(kept["id"].as_str().unwrap(), "/0/result")).await;
    assert_eq!(chunk.text(), "\"id\"\n1\n2\n");
    let status = model.client().get(&path(&running, "")).await.ok();
    assert_eq!(status["exportStatus"], "FAILED", "{status}");
    assert!(status["message"].as_str().unwrap().contains("start it again"), "{status}");
    // Nothing of it is left, once the pool is in use again.
    model.file(&["TABLE(COUNT(\"Cases\".\"id\"))"], "CSV").await;
    let pool = server.data().join("pools").join(&model.pool.id);
    assert_eq!(std::fs::read_dir(pool.join("exports")).unwrap().count(), 0);
    let held = std::fs::read_dir(pool.join("temp")).unwrap();
    let held =
        held.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("export-"));
    assert_eq!(held.count(), 0);
}
