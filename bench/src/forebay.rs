//! A Forebay server of the benchmark's own, used through its API as anybody would.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::guarded::Guarded;
use crate::source::{Facts, Source, tpch};

/// A running server and its administrator.
pub(crate) struct Forebay {
    /// None while it is started anew.
    server: Option<Guarded>,
    http: reqwest::Client,
    pub(crate) base: String,
    /// Of its administrator.
    pub(crate) key: String,
    folder: PathBuf,
    pub(crate) data: PathBuf,
}

/// A job in a pool of its own.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) pool: String,
    connection: Option<String>,
    pub(crate) id: String,
}

impl Forebay {
    /// Starts the program that lies beside the benchmark's own on a new data folder.
    ///
    /// # Errors
    ///
    /// When it is not built, or does not start.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let data = folder.join("data");
        let mut init = Command::new(program()?);
        init.arg("init").arg("--data-dir").arg(&data).arg("--json");
        let made = init.output().context("forebay init")?;
        ensure!(made.status.success(), "forebay init: {}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout)?;
        let key = made["adminApiKey"].as_str().context("no adminApiKey")?.to_owned();
        let (server, base) = serve(folder, &data)?;
        let (http, folder) = (reqwest::Client::new(), folder.to_owned());
        Ok(Self { server: Some(server), http, base, key, folder, data })
    }

    /// Ends the server and starts it again on the same data. Gives how long the start took, to the first answer that
    /// it is ready.
    ///
    /// # Errors
    ///
    /// When it does not start, or does not get ready.
    pub(crate) async fn restart(&mut self) -> Result<Duration> {
        drop(self.server.take());
        let begun = Instant::now();
        let (server, base) = serve(&self.folder, &self.data)?;
        (self.server, self.base) = (Some(server), base);
        loop {
            let answer = self.http.get(format!("{}/ready", self.base)).send().await?;
            if answer.status().is_success() {
                return Ok(begun.elapsed());
            }
            ensure!(begun.elapsed() < Duration::from_secs(60), "not ready: {}", answer.text().await?);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Its process; its workers are children of it.
    pub(crate) fn pid(&self) -> u32 {
        self.server.as_ref().map_or(0, |server| server.pid)
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: &Value) -> Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| path.to_owned())?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path} gave {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(reqwest::Method::POST, path, body).await
    }

    /// A new pool.
    pub(crate) async fn pool(&self, name: &str) -> Result<String> {
        id(&self.post("/integration/api/pools", &json!({"name": name})).await?)
    }

    /// A job without tasks.
    pub(crate) async fn job(&self, pool: &str) -> Result<Job> {
        let job = self.post(&format!("/integration/api/pools/{pool}/jobs"), &json!({"name": "Job"})).await?;
        Ok(Job { id: id(&job)?, pool: pool.to_owned(), connection: None })
    }

    /// Gives a job a task that runs a statement.
    pub(crate) async fn transformation(&self, job: &Job, sql: &'static str) -> Result<()> {
        let job = format!("/integration/api/pools/{}/jobs/{}", job.pool, job.id);
        let task = json!({"taskType": "TRANSFORMATION", "name": "Transform"});
        let task = id(&self.post(&format!("{job}/tasks/"), &task).await?)?;
        let path = format!("{}{job}/transformations/{task}/statement", self.base);
        self.http.put(path).bearer_auth(&self.key).body(sql).send().await?.error_for_status()?;
        Ok(())
    }

    /// A job that extracts these tables of a source, in a new pool.
    pub(crate) async fn extraction(&self, name: &str, source: Source<'_>, tables: &Value) -> Result<Job> {
        let pool = self.pool(name).await?;
        let path = format!("/forebay/api/v1/pools/{pool}/connections");
        let connection = id(&self.post(&path, &source.connection()).await?)?;
        let jobs = format!("/integration/api/pools/{pool}/jobs");
        let job = id(&self.post(&jobs, &json!({"name": "Load", "dataSourceId": connection})).await?)?;
        let task = json!({"taskType": "EXTRACTION", "name": "Extract"});
        let task = id(&self.post(&format!("{jobs}/{job}/tasks/"), &task).await?)?;
        self.post(&format!("{jobs}/{job}/extractions/{task}/tables/"), tables).await?;
        Ok(Job { pool, connection: Some(connection), id: job })
    }

    /// Starts the job by the documented call and follows its events to the end. Gives the moment at which its end was
    /// known, and its last state with the receipts.
    ///
    /// # Errors
    ///
    /// When it does not end with SUCCESS.
    pub(crate) async fn run(&self, job: &Job, mode: &str) -> Result<(Instant, Value)> {
        let (pool, id) = (&job.pool, &job.id);
        let path = format!("/integration/api/v2/data-pools/{pool}/data-jobs/{id}/execute?mode={mode}");
        let started = self.post(&path, &Value::Null).await?;
        let execution = started["executionId"].as_str().context("no executionId")?;
        let events = format!("{}/forebay/api/v1/executions/{execution}/events", self.base);
        let answer = self.http.get(events).bearer_auth(&self.key).send().await?.error_for_status()?;
        let mut chunks = answer.bytes_stream();
        let mut text = String::new();
        while let Some(chunk) = chunks.next().await {
            text.push_str(&String::from_utf8_lossy(&chunk?));
        }
        let ended = Instant::now();
        let last = text.lines().filter_map(|line| line.strip_prefix("data:")).next_back().unwrap_or("null");
        let state: Value = serde_json::from_str(last.trim())?;
        ensure!(state["status"] == "SUCCESS", "the execution ended with {state:#}");
        Ok((ended, state))
    }

    /// The rows of a query in the job's pool.
    pub(crate) async fn query(&self, job: &Job, sql: &str) -> Result<Value> {
        let body = json!({"sql": sql, "connectionId": job.connection, "limit": 10_000});
        self.post(&format!("/forebay/api/v1/pools/{}/query", job.pool), &body).await
    }

    /// What a loaded table holds, and the type of the summed column.
    pub(crate) async fn facts(&self, job: &Job, table: &str) -> Result<(Facts, String)> {
        let amount = tpch::amount(table);
        let sql = format!("SELECT count(*)::VARCHAR, sum({amount})::VARCHAR FROM {table}");
        let answer = self.query(job, &sql).await?;
        let text = |at: usize| answer["rows"][0][at].as_str().unwrap_or_default().to_owned();
        let facts = Facts { rows: text(0).parse().context("a count")?, sum: text(1) };
        let answer = self.query(job, &format!("SELECT {amount} FROM {table} LIMIT 1")).await?;
        Ok((facts, answer["columns"][0]["type"].as_str().unwrap_or_default().to_owned()))
    }

    /// Ends a pool, so that the next round has the disk and the memory to itself.
    pub(crate) async fn forget(&self, job: &Job) -> Result<()> {
        let path = format!("{}/integration/api/pools/{}", self.base, job.pool);
        self.http.delete(path).bearer_auth(&self.key).send().await?.error_for_status()?;
        Ok(())
    }
}

/// The program beside the benchmark's own.
fn program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("forebay");
    ensure!(program.exists(), "{} is missing; run: cargo build --workspace", program.display());
    Ok(program)
}

/// Serves a data folder, and gives the address once it listens.
fn serve(folder: &Path, data: &Path) -> Result<(Guarded, String)> {
    let mut serve = Command::new(program()?);
    serve.arg("serve").arg("--data-dir").arg(data).args(["--listen", "127.0.0.1:0"]);
    for name in ["FOREBAY_FAULT", "FOREBAY_FILE_ROOT", "RUST_LOG", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
        serve.env_remove(name);
    }
    let server = Guarded::start(&serve, "TERM", &folder.join("server.log"))?;
    loop {
        let line = server.line(Duration::from_secs(60))?;
        if let Some(base) = line.strip_prefix("Forebay listens on ") {
            return Ok((server, base.trim().to_owned()));
        }
    }
}

fn id(answer: &Value) -> Result<String> {
    Ok(answer["id"].as_str().with_context(|| format!("no id in {answer}"))?.to_owned())
}
