//! The stream client: one file with each call, and none is lost or overtaken by a later one.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Push, batch, form_named, parquet_of, rows};
use crate::client::{Answer, Client};
use crate::pool::Pool;
use crate::server::Server;

fn base(pool: &Pool) -> String {
    format!("/continuous-batch-processing/api/v1/{}", pool.id)
}

async fn upload(client: &Client, pool: &Pool, query: &str, rows: &RecordBatch) -> Answer {
    let (content_type, body) = form_named("topic-t_partition-0.parquet", &parquet_of(rows));
    let path = format!("{}/items?{query}", base(pool));
    client.raw(Method::POST, &path, Some(&content_type), body).await
}

/// Waits until everything that was sent is loaded.
async fn flushed(client: &Client, pool: &Pool) -> Vec<Value> {
    let begun = std::time::Instant::now();
    loop {
        let told = client.get(&base(pool)).await.ok();
        let told = told.as_array().unwrap().clone();
        if told.iter().all(|item| item["flushStatus"] == "DONE" || item["flushStatus"] == "ERROR") {
            return told;
        }
        assert!(begun.elapsed().as_secs() < 120, "waited for {told:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn ordered(values: &[(i64, i64, &str)]) -> RecordBatch {
    let number = |place: fn(&(i64, i64, &str)) -> i64| -> ArrayRef {
        Arc::new(values.iter().map(|row| Some(place(row))).collect::<Int64Array>())
    };
    let texts: ArrayRef = Arc::new(values.iter().map(|row| Some(row.2)).collect::<StringArray>());
    batch(vec![("A", number(|row| row.0)), ("__celonis_order", number(|row| row.1)), ("B", texts)])
}

#[tokio::test]
async fn a_file_is_merged_by_key_as_the_connector_sends_it() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let key = server.application(&pool.id, &["CONTINUOUS_DATA_PUSH"]).await;
    let query = "targetName=TAB1&clientId=Kafka2Ems%201.8.7&fallbackVarcharLength=10000&primaryKeys=A\
                 &duplicateRemovalOrderColumn=__celonis_order";
    let long = "x".repeat(200);
    let first = ordered(&[(1, 2, "newer"), (1, 1, "older"), (2, 1, &long)]);
    let answer = upload(&key, &pool, query, &first).await.ok();
    for field in ["id", "fileName", "bucketId", "flushStatus"] {
        assert!(answer[field].is_string(), "{answer}");
    }
    assert_eq!((&answer["flushStatus"], &answer["clientId"]), (&json!("NEW"), &json!("Kafka2Ems 1.8.7")));
    assert_eq!((&answer["fallbackVarcharLength"], &answer["upsertStrategy"]), (&json!(10_000), &Value::Null));
    assert_eq!(answer["fileName"], "topic-t_partition-0.parquet");
    flushed(&key, &pool).await;
    assert_eq!(json!(super::table(&pool, "TAB1").await), json!([[1, "newer"], [2, long]]));
    // A later file may send fewer columns, and remove rows by a column that the table does not get.
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![2, 3]));
    let gone: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
    let removing = batch(vec![("A", ids), ("gone", gone)]);
    upload(&key, &pool, "targetName=TAB1&primaryKeys=A&deletionColumn=gone", &removing).await.ok();
    let told = flushed(&key, &pool).await;
    assert_eq!(told[0]["flushStatus"], "DONE", "{told:#?}");
    assert_eq!(json!(super::table(&pool, "TAB1").await), json!([[1, "newer"], [3, null]]));
    let flushes = key.get(&format!("{}/flushes?targetName=tab1", base(&pool))).await.ok();
    assert_eq!(flushes.as_array().unwrap().len(), 2);
    assert_eq!(flushes[0]["bucketId"], flushes[1]["bucketId"]);
    assert!(flushes[0]["flushDate"].is_i64() && flushes[0]["creationDate"].is_i64());
    // They are no pushes of the other kind, and its holder may make none.
    let pushes = format!("/data-ingestion/api/v1/data-push/{}/jobs/", pool.id);
    assert_eq!(server.admin().get(&pushes).await.ok(), json!([]));
    key.get(&pushes).await.refused(403);
}

#[tokio::test]
async fn of_files_sent_one_after_the_other_the_last_stands() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    for version in 0..20 {
        let text = version.to_string();
        upload(&server.admin(), &pool, "targetName=TAB1&primaryKeys=A", &rows(&[(1, &text)])).await.ok();
    }
    flushed(&server.admin(), &pool).await;
    assert_eq!(json!(super::table(&pool, "TAB1").await), json!([[1, "19"]]));
}

#[tokio::test]
async fn of_nine_files_sent_at_a_time_none_is_lost() {
    let mut server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let client = server.admin();
    let mut uploads = Vec::new();
    for number in 0..9_i64 {
        let (client, pool) = (client.clone(), pool.clone());
        uploads.push(async move {
            for part in 0..3 {
                let text = format!("{number}.{part}");
                let rows = rows(&[(number * 10 + part, &text)]);
                upload(&client, &pool, "targetName=TAB1", &rows).await.ok();
            }
        });
    }
    join_all(uploads).await;
    // What was acknowledged survives a kill.
    server.kill();
    server.restart();
    let told = flushed(&client, &pool).await;
    assert_eq!(told.len(), 27);
    assert!(told.iter().all(|item| item["flushStatus"] == "DONE"), "{told:#?}");
    let found = super::table(&pool, "TAB1").await;
    let expected: Vec<Vec<Value>> = (0..9_i64)
        .flat_map(|number| {
            (0..3).map(move |part| vec![json!(number * 10 + part), json!(format!("{number}.{part}"))])
        })
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_two_fields_that_the_connector_reads() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let pusher = server.member(&pool.id, &["DATA_PUSH"]).await;
    let refused = upload(&pusher, &pool, "targetName=TAB1", &rows(&[(1, "a")])).await.refused(403);
    assert!(refused["reference"].is_string() && refused["message"].is_string(), "{refused}");
    let admin = server.admin();
    for (query, field) in [
        ("primaryKeys=A", "targetName: is missing"),
        (
            "targetName=T&fallbackVarcharLength=0",
            "fallbackVarcharLength: must be a whole number from 1 to 65000",
        ),
        (
            "targetName=T&fallbackVarcharLength=65001",
            "fallbackVarcharLength: must be a whole number from 1 to 65000",
        ),
        ("targetName=T&deletionColumn=x", "deletionColumn: needs keys"),
        ("targetName=T&connectionId=C", "connectionId: "),
        ("targetName=T&upsertStrategy=X", "upsertStrategy: "),
    ] {
        let answer = upload(&admin, &pool, query, &rows(&[(1, "a")])).await;
        let body = answer.refused(400);
        assert!(body["detail"].as_str().unwrap().starts_with(field), "{answer}");
    }
    assert_eq!(admin.get(&base(&pool)).await.ok(), json!([]), "what was refused is not there");
    // A file that is none is taken, and told afterwards.
    let (content_type, body) = form_named("x", b"no Parquet");
    let path = format!("{}/items?targetName=TAB1", base(&pool));
    admin.raw(Method::POST, &path, Some(&content_type), body).await.ok();
    let told = flushed(&admin, &pool).await;
    assert_eq!(told[0]["flushStatus"], "ERROR");
    assert!(told[0]["message"].as_str().unwrap().contains("not a Parquet file"), "{told:#?}");
    // The next one is not held up by it.
    upload(&admin, &pool, "targetName=TAB1", &rows(&[(1, "a")])).await.ok();
    assert_eq!(flushed(&admin, &pool).await[0]["flushStatus"], "DONE");
    let push = Push::create(&pool, &json!({"type": "DELTA"})).await;
    push.upsert(&rows(&[(2, "b")])).await;
    Push::done(&push.run().await);
}
