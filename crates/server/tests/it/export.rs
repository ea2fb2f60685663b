//! Data exports as existing clients make them: a query on a published model, polled and fetched file by file.

mod failures;
mod files;
mod versions;

use std::time::{Duration, Instant};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::models::Model;
use crate::server::Server;
use crate::world::World;

/// The most that one export may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request of version 1 as pycelonis sends it.
pub(crate) fn v1_body(queries: &[&str], format: &str) -> Value {
    let command = json!({"computationId": null, "queries": queries, "isTransient": null});
    json!({
        "queryEnvironment": null, "dataCommand": {"cubeId": null, "commands": [command]}, "exportType": format,
    })
}

/// A request of version 2 as pycelonis sends it.
fn v2_body(queries: &str, format: &str) -> Value {
    let environment = json!({
        "featureFlags": null, "loadScript": null, "savedFormulas": [], "scopedKnowledgeCollection": null,
        "userName": null,
    });
    json!({"exportType": format, "queries": queries, "queryEnvironment": environment})
}

pub(crate) fn v1(model: &str, rest: &str) -> String {
    format!("/integration/api/v1/compute/{model}/export{rest}")
}

fn v2(model: &str, rest: &str) -> String {
    format!("/integration/api/external/compute/data-models/{model}/query-exports{rest}")
}

/// Asks as clients do, until an export has ended.
async fn ended(client: &Client, path: &str) -> Value {
    let begun = Instant::now();
    loop {
        let status = client.get(path).await.ok();
        if status["exportStatus"] != "RUNNING" {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "{status} does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn id(answer: &Answer) -> String {
    let made = answer.ok();
    assert_eq!(made["exportStatus"], "RUNNING", "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// An export that is done: the caller's, or the administrator's when the caller may make none.
pub(crate) async fn done(caller: &Client, world: &World) -> String {
    let body = v1_body(&["TABLE(1 AS \"x\")"], "CSV");
    let path = v1(&world.loaded, "/query");
    let (client, made) = match caller.post(&path, &body).await {
        made if made.status < 300 => (caller, made),
        _ => (&world.pool.client, world.pool.client.post(&path, &body).await),
    };
    let id = id(&made);
    let status = ended(client, &v1(&world.loaded, &format!("/{id}"))).await;
    assert_eq!(status["exportStatus"], "DONE", "{status}");
    id
}

/// A model of cases and activities that is loaded.
async fn loaded_model(server: &Server) -> Model {
    let (model, _, _) = Model::with_tables(server).await;
    model.reload().await.ok();
    assert_eq!(model.loaded().await["loadStatus"], "SUCCESS");
    model
}

impl Model {
    /// An export by version 1: how it ended.
    async fn export(&self, queries: &[&str], format: &str) -> Value {
        let made = self.client().post(&v1(&self.id, "/query"), &v1_body(queries, format)).await;
        ended(self.client(), &v1(&self.id, &format!("/{}", id(&made)))).await
    }

    /// The only file of an export by version 1.
    async fn file(&self, queries: &[&str], format: &str) -> Answer {
        let status = self.export(queries, format).await;
        assert_eq!(
            (&status["exportStatus"], &status["exportChunks"]),
            (&json!("DONE"), &json!(1)),
            "{status}"
        );
        let path = v1(&self.id, &format!("/{}/0/result", status["id"].as_str().unwrap()));
        let answer = self.client().get(&path).await;
        answer.refused(200);
        assert!(!answer.bytes.is_empty());
        answer
    }
}

/// The names of the columns, and the rows with `|` between values.
fn parquet(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let names = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut lines = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let options = FormatOptions::default();
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            lines.push(values.join("|"));
        }
    }
    (names, lines)
}
