//! Data pushes and the stream client over a socket, as their clients send them.

mod csv;
mod flows;
mod frames;
mod hostile;
mod kills;
mod parquet;
mod stream;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::parquet::arrow::ArrowWriter;
use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::pool::Pool;

/// The most that one push may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A data push as pycelonis creates it: every field, null unless the user gave it.
pub(crate) fn new_push(pool: &str, fields: &Value) -> Value {
    let mut push = json!({
        "id": null, "targetName": "TAB1", "lastModified": null, "lastPing": null, "status": null,
        "type": "REPLACE", "fileType": null, "targetSchema": null, "upsertStrategy": null,
        "fallbackVarcharLength": null, "dataPoolId": pool, "connectionId": null, "postExecutionQuery": null,
        "allowDuplicate": null, "foreignKeys": null, "keys": null, "logs": null, "tableSchema": null,
        "csvParsingOptions": null, "mirrorTargetNames": null, "changeDate": null,
    });
    for (name, value) in fields.as_object().unwrap() {
        push[name] = value.clone();
    }
    push
}

/// A file in a form, as pycelonis sends it: its content type and its bytes.
pub(crate) fn form(file: &[u8]) -> (String, Vec<u8>) {
    form_named("file", file)
}

fn form_named(name: &str, file: &[u8]) -> (String, Vec<u8>) {
    let boundary = "0123456789abcdef0123456789abcdef";
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let mut body = head.into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// A data push, seen by one client.
pub(crate) struct Push {
    client: Client,
    path: String,
}

impl Push {
    pub(crate) async fn create(pool: &Pool, fields: &Value) -> Self {
        let path = format!("/data-ingestion/api/v1/data-push/{}/jobs/", pool.id);
        let made = pool.client.post(&path, &new_push(&pool.id, fields)).await.ok();
        assert_eq!((&made["status"], &made["dataPoolId"]), (&json!("NEW"), &json!(pool.id)));
        Self { client: pool.client.clone(), path: format!("{path}{}", made["id"].as_str().unwrap()) }
    }

    async fn try_send(&self, kind: &str, file: &[u8]) -> Answer {
        let (content_type, body) = form(file);
        let path = format!("{}/chunks/{kind}", self.path);
        self.client.raw(Method::POST, &path, Some(&content_type), body).await
    }

    async fn send(&self, kind: &str, file: &[u8]) {
        self.try_send(kind, file).await.ok();
    }

    async fn upsert(&self, rows: &RecordBatch) {
        self.send("upserted", &parquet_of(rows)).await;
    }

    async fn show(&self) -> Value {
        self.client.get(&self.path).await.ok()
    }

    async fn try_execute(&self) -> Answer {
        self.client.post(&self.path, &Value::Null).await
    }

    async fn execute(&self) {
        self.try_execute().await.ok();
    }

    /// Waits for the end as clients do: DONE or ERROR, and nothing else.
    async fn end(&self) -> Value {
        let begun = Instant::now();
        loop {
            let push = self.show().await;
            if push["status"] == "DONE" || push["status"] == "ERROR" {
                return push;
            }
            assert!(begun.elapsed() < PATIENCE, "waited for the end of {push:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[track_caller]
    fn done(ended: &Value) {
        assert_eq!(ended["status"], "DONE", "{ended:#}");
    }

    async fn run(&self) -> Value {
        self.execute().await;
        self.end().await
    }

    async fn delete(&self) {
        self.client.delete(&self.path).await.refused(204);
    }
}

/// Pushes files of rows that come, and deletes the push as clients do.
async fn push(pool: &Pool, fields: &Value, files: &[RecordBatch]) -> Value {
    let push = Push::create(pool, fields).await;
    for file in files {
        push.upsert(file).await;
    }
    let ended = push.run().await;
    push.delete().await;
    ended
}

/// The log of a push that failed.
#[track_caller]
fn failure(ended: &Value) -> String {
    assert_eq!(ended["status"], "ERROR", "{ended:#}");
    let lines = ended["logs"].as_array().unwrap();
    lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn parquet_of(rows: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
    bytes
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

/// Rows with a number and a text.
fn rows(values: &[(i64, &str)]) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(values.iter().map(|row| Some(row.0)).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new(values.iter().map(|row| Some(row.1)).collect::<StringArray>());
    batch(vec![("A", numbers), ("B", texts)])
}

/// The rows of a table with these columns. Numbers of 64 bits would be told as texts.
async fn table(pool: &Pool, name: &str) -> Vec<Vec<Value>> {
    pool.query(None, &format!("SELECT \"A\"::INTEGER, \"B\" FROM \"{name}\" ORDER BY ALL")).await
}
