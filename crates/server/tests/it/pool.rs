//! Data pools and jobs as tests make them, through the API.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{Array, StringArray};
use arrow::ipc::reader::StreamReader;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::client::{Answer, Client};

/// The most that one execution may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn id(body: &Value) -> String {
    body["id"].as_str().unwrap_or_else(|| panic!("no id in {body}")).to_owned()
}

/// A data pool, seen by one client.
#[derive(Clone)]
pub(crate) struct Pool {
    pub(crate) client: Client,
    pub(crate) id: String,
}

impl Pool {
    pub(crate) async fn create(client: &Client) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("Pool {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let made = client.post("/integration/api/pools", &json!({"name": name})).await.ok();
        Self { client: client.clone(), id: id(&made) }
    }

    /// A path of the wire contract below the pool.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/integration/api/pools/{}{rest}", self.id)
    }

    /// A path of Forebay's own API below the pool.
    pub(crate) fn own(&self, rest: &str) -> String {
        format!("/forebay/api/v1/pools/{}{rest}", self.id)
    }

    pub(crate) async fn connection(&self, name: &str, kind: &str, configuration: &Value) -> String {
        let body = json!({"name": name, "type": kind, "configuration": configuration});
        let answer = self.client.post(&self.own("/connections"), &body).await;
        assert_eq!(answer.status, 201, "{answer}");
        id(&answer.json())
    }

    /// A job; without a connection it is a global one.
    pub(crate) async fn job(&self, connection: Option<&str>) -> Job {
        let body = json!({"name": "Load", "dataSourceId": connection});
        let made = self.client.post(&self.path("/jobs"), &body).await.ok();
        Job { pool: self.clone(), id: id(&made) }
    }

    /// A data model; the answer has its id and its tables' ids.
    pub(crate) async fn model(&self, body: &Value) -> Value {
        let answer = self.client.post(&self.own("/data-models"), body).await;
        assert_eq!(answer.status, 201, "{answer}");
        answer.json()
    }

    pub(crate) async fn ask(&self, connection: Option<&str>, sql: &str) -> Answer {
        let body = json!({"sql": sql, "connectionId": connection, "limit": 1_000_000});
        self.client.post(&self.own("/query"), &body).await
    }

    /// The rows of a query as JSON.
    pub(crate) async fn query(&self, connection: Option<&str>, sql: &str) -> Vec<Vec<Value>> {
        let body = self.ask(connection, sql).await.ok();
        assert_eq!(body["truncated"], json!(false), "{sql}");
        serde_json::from_value(body["rows"].clone()).unwrap()
    }

    /// The one value of a query with one row and one column.
    pub(crate) async fn value(&self, connection: Option<&str>, sql: &str) -> Value {
        let rows = self.query(connection, sql).await;
        assert!(rows.len() == 1 && rows[0].len() == 1, "{sql}: {rows:?}");
        rows[0][0].clone()
    }

    /// The rows of a query with one column of texts, over Arrow; NULL is an empty text.
    pub(crate) async fn lines(&self, connection: Option<&str>, sql: &str) -> Vec<String> {
        let body = json!({"sql": sql, "connectionId": connection, "limit": 1_000_000});
        let request = self.client.request(Method::POST, &self.own("/query"));
        let request = request.header(ACCEPT, "application/vnd.apache.arrow.stream").json(&body);
        let answer = Answer::of(request).await;
        answer.refused(200);
        assert_eq!(answer.headers["x-forebay-truncated"], "false", "{sql}");
        let mut lines = Vec::new();
        for batch in StreamReader::try_new(answer.bytes.as_slice(), None).unwrap() {
            let batch = batch.unwrap();
            let texts = batch.column(0).as_any().downcast_ref::<StringArray>().expect("a column of texts");
            lines.extend(texts.iter().map(|text| text.unwrap_or_default().to_owned()));
        }
        lines
    }
}

/// A data job.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) pool: Pool,
    pub(crate) id: String,
}

impl Job {
    pub(crate) fn path(&self, rest: &str) -> String {
        self.pool.path(&format!("/jobs/{}{rest}", self.id))
    }

    async fn task(&self, kind: &str) -> String {
        let body = json!({"taskType": kind, "name": kind.to_lowercase()});
        id(&self.pool.client.post(&self.path("/tasks/"), &body).await.ok())
    }

    /// An extraction of tables, each as `TableExtractionTransport`.
    pub(crate) async fn extraction(&self, tables: &Value) -> String {
        let task = self.task("EXTRACTION").await;
        self.pool.client.post(&self.path(&format!("/extractions/{task}/tables/")), tables).await.ok();
        task
    }

    pub(crate) async fn transformation(&self, sql: &str) -> String {
        let task = self.task("TRANSFORMATION").await;
        self.set_statement(&task, sql).await;
        task
    }

    pub(crate) async fn set_statement(&self, task: &str, sql: &str) {
        let path = self.path(&format!("/transformations/{task}/statement"));
        self.pool.client.raw(Method::PUT, &path, None, sql.as_bytes().to_vec()).await.ok();
    }

    /// The load of a whole model.
    pub(crate) async fn load(&self, model: &Value) -> String {
        let body = json!({"dataModelId": model["id"], "jobId": self.id});
        id(&self.pool.client.post(&self.path("/loads"), &body).await.ok())
    }

    pub(crate) fn execute_path(&self, mode: &str) -> String {
        let (pool, job) = (&self.pool.id, &self.id);
        format!("/integration/api/v2/data-pools/{pool}/data-jobs/{job}/execute?mode={mode}")
    }

    /// Starts an execution by the documented call, and gives its id.
    pub(crate) async fn start(&self, mode: &str) -> String {
        let started = self.pool.client.post(&self.execute_path(mode), &Value::Null).await.ok();
        started["executionId"].as_str().unwrap_or_else(|| panic!("no executionId in {started}")).to_owned()
    }

    /// Executes the job and waits for the end.
    pub(crate) async fn run(&self, mode: &str) -> Run {
        finished(&self.pool.client, &self.start(mode).await).await
    }
}

/// What `GET /executions/{id}` says.
#[derive(Clone, Debug)]
pub(crate) struct Run(pub(crate) Value);

impl Run {
    pub(crate) fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> String {
        id(&self.0)
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.status(), "QUEUED" | "RUNNING")
    }

    #[track_caller]
    pub(crate) fn ended(self, status: &str) -> Self {
        assert_eq!(self.status(), status, "{:#}", self.0);
        self
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        self.ended("SUCCESS")
    }

    /// The step of that name, in whichever task.
    #[track_caller]
    pub(crate) fn step(&self, name: &str) -> &Value {
        let tasks = self.0["tasks"].as_array().into_iter().flatten();
        tasks
            .flat_map(|task| task["steps"].as_array().into_iter().flatten())
            .find(|step| step["name"] == name)
            .unwrap_or_else(|| panic!("no step {name} in {:#}", self.0))
    }

    #[track_caller]
    pub(crate) fn receipt(&self, name: &str) -> &Value {
        let receipt = &self.step(name)["receipt"];
        assert!(receipt.is_object(), "no receipt of {name} in {:#}", self.0);
        receipt
    }

    /// A number of a table's receipt.
    #[track_caller]
    pub(crate) fn count(&self, name: &str, field: &str) -> u64 {
        let receipt = self.receipt(name);
        receipt[field].as_u64().unwrap_or_else(|| panic!("no {field} in {receipt}"))
    }
}

pub(crate) async fn show(client: &Client, execution: &str) -> Run {
    Run(client.get(&format!("/forebay/api/v1/executions/{execution}")).await.ok())
}

/// Waits for the end of an execution.
pub(crate) async fn finished(client: &Client, execution: &str) -> Run {
    until(client, execution, "its end", |run| !run.is_live()).await
}

/// Waits until an execution is as wanted.
pub(crate) async fn until(
    client: &Client,
    execution: &str,
    what: &str,
    wanted: impl Fn(&Run) -> bool,
) -> Run {
    let begun = Instant::now();
    loop {
        let run = show(client, execution).await;
        if wanted(&run) {
            return run;
        }
        assert!(begun.elapsed() < PATIENCE, "waited for {what} of {:#}", run.0);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
