//! The traces of both versions of the contract.

use super::*;

const QUERY: &str = "TABLE(\"activities\".\"activity\" AS \"what\", \"Cases\".\"name\" AS \"case\") ORDER BY \"what\", \"case\" NOLIMIT;";

#[tokio::test]
async fn version_1_is_asked_polled_and_fetched_by_number() {
    let server = Server::start();
    let model = loaded_model(&server).await;
    let client = model.client();
    let filter = "FILTER \"Cases\".\"name\" = 'a';";
    let made = client.post(&v1(&model.id, "/query"), &v1_body(&[filter, QUERY], "PARQUET")).await;
    let first = made.ok();
    assert_eq!((&first["exportType"], &first["exportChunks"]), (&json!("PARQUET"), &Value::Null), "{first}");
    assert!(first["created"].is_i64() && first["message"].is_null(), "{first}");
    let id = id(&made);
    let status = ended(client, &v1(&model.id, &format!("/{id}"))).await;
    assert_eq!((&status["exportStatus"], &status["exportChunks"]), (&json!("DONE"), &json!(1)), "{status}");
    let chunk = client.get(&v1(&model.id, &format!("/{id}/0/result"))).await;
    assert_eq!(chunk.status, 200, "{chunk}");
    assert_eq!(chunk.content_type(), "application/vnd.apache.parquet");
    let (names, rows) = parquet(&chunk.bytes);
    assert_eq!(names, ["what", "case"]);
    assert_eq!(rows, ["begin|a", "end|a"]);
    // The one file is also the result as a whole.
    let whole = client.get(&v1(&model.id, &format!("/{id}/result"))).await;
    assert_eq!(whole.bytes, chunk.bytes);
    client.get(&v1(&model.id, &format!("/{id}/1/result"))).await.refused(404);
    client.get(&v1(&model.id, &format!("/{id}/-1/result"))).await.refused(404);
    client.get(&v1(&model.id, "/None")).await.refused(404);
}

#[tokio::test]
async fn version_2_lists_its_chunks_and_checks_first_when_asked_to() {
    let server = Server::start();
    let model = loaded_model(&server).await;
    let client = model.client();
    // As the client joins statements.
    let queries = format!("FILTER \"activities\".\"activity\" = 'end'; ;{QUERY}");
    let made = client.post(&v2(&model.id, ""), &v2_body(&queries, "PARQUET")).await;
    let first = made.ok();
    assert_eq!((&first["messages"], &first["exportedChunks"]), (&json!([]), &Value::Null), "{first}");
    let id = id(&made);
    let status = ended(client, &v2(&model.id, &format!("/{id}"))).await;
    assert_eq!((&status["exportStatus"], &status["messages"]), (&json!("DONE"), &json!([])), "{status}");
    let chunks = status["exportedChunks"].as_array().unwrap();
    assert_eq!((chunks.len(), &chunks[0]["id"]), (1, &json!(0)));
    let chunk = client.get(chunks[0]["href"].as_str().unwrap()).await;
    assert_eq!(json!(chunk.bytes.len()), chunks[0]["sizeInBytes"]);
    assert_eq!(chunk.bytes, client.get(&v2(&model.id, &format!("/{id}/chunks/0"))).await.bytes);
    assert_eq!(parquet(&chunk.bytes).1, ["end|a"]);

    let wrong = v2_body("TABLE(\"Cases\".\"nobody\")", "CSV");
    let refused = client.post(&v2(&model.id, "?validate=true"), &wrong).await.refused(400);
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("queries: line 1, column 7: the table \"Cases\" has no column \"nobody\""),
        "{detail}"
    );
    let right = v2_body(&queries, "CSV");
    client.post(&v2(&model.id, "?validate=True"), &right).await.ok();
    client.post(&v2(&model.id, "?validate=perhaps"), &right).await.refused(400);
    let made = client.post(&v2(&model.id, "?validate=false"), &wrong).await;
    let path = v2(&model.id, &format!("/{}", super::id(&made)));
    let status = ended(client, &path).await;
    assert_eq!(
        (&status["exportStatus"], &status["exportedChunks"]),
        (&json!("FAILED"), &Value::Null),
        "{status}"
    );
    assert!(status["messages"][0].as_str().unwrap().starts_with("line 1, column 7: "), "{status}");
    // Both versions know every export.
    assert_eq!(client.get(&v1(&model.id, &format!("/{id}"))).await.ok()["exportStatus"], "DONE");
}

#[tokio::test]
async fn an_export_is_of_the_version_that_was_loaded() {
    let server = Server::start();
    let model = loaded_model(&server).await;
    let count = async || {
        let answer = model.file(&["TABLE(COUNT(\"Cases\".\"id\") AS \"n\")"], "CSV").await;
        answer.text().lines().nth(1).unwrap().to_owned()
    };
    assert_eq!(count().await, "2");
    let job = model.pool.job(None).await;
    job.transformation("INSERT INTO cases VALUES (3, 'c')").await;
    job.run("FULL").await.succeeded();
    assert_eq!(count().await, "2", "what is in the pool is not in the model yet");
    model.reload().await.ok();
    model.loaded().await;
    assert_eq!(count().await, "3");
}
