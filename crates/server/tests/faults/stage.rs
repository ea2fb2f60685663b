//! What most faults are staged on: a server, a generated source, a job that reads it, and the journal of what was
//! acknowledged. The looks here bear a server that is not there for a while.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::client::Client;
use crate::gate::Gate;
use crate::generated::{Generated, changed_at};
use crate::journal::{Entry, Journal};
use crate::oracle::{self, Leftovers, Rows};
use crate::pool::{Job, Pool, Run};
use crate::processes;
use crate::server::Server;

/// Within this time after a fault everything has an end.
pub(crate) const RECOVERED_WITHIN: Duration = Duration::from_secs(60);
/// The most that a server may take to come by a point, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(25);

pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) data: Generated,
    pub(crate) pool: Pool,
    pub(crate) connection: String,
    pub(crate) job: Job,
    pub(crate) journal: Journal,
}

/// An answer, or nothing when nobody answered.
pub(crate) async fn softly(request: RequestBuilder) -> Option<(u16, Value)> {
    let response = request.timeout(Duration::from_secs(10)).send().await.ok()?;
    let status = response.status().as_u16();
    let bytes = response.bytes().await.ok()?;
    Some((status, serde_json::from_slice(&bytes).unwrap_or_default()))
}

/// Waits until something is so.
pub(crate) async fn eventually(
    what: &str,
    within: Duration,
    mut is_so: impl AsyncFnMut() -> bool,
) -> Duration {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < within, "waited {within:?} for {what}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    begun.elapsed()
}

/// Starts an execution with a key, so that asking again is harmless; `None` when the server did not answer.
pub(crate) async fn try_start(job: &Job, mode: &str, key: &str) -> Option<String> {
    let request =
        job.pool.client.request(Method::POST, &job.execute_path(mode)).header("idempotency-key", key);
    let (status, body) = softly(request).await?;
    match body["executionId"].as_str() {
        Some(id) if status == 200 || status == 202 => Some(id.to_owned()),
        _ => panic!("a start was answered with {status}: {body}"),
    }
}

/// What an execution is; `None` when nobody answered.
pub(crate) async fn try_show(client: &Client, execution: &str) -> Option<Run> {
    let path = format!("/forebay/api/v1/executions/{execution}");
    match softly(client.request(Method::GET, &path)).await? {
        (200, body) => Some(Run(body)),
        (503, _) => None,
        (status, body) => panic!("the execution {execution} is answered with {status}: {body}"),
    }
}

/// The lines of a query with one column; `None` when nobody could answer.
pub(crate) async fn try_lines(pool: &Pool, connection: Option<&str>, sql: &str) -> Option<Vec<String>> {
    let body = json!({"sql": sql, "connectionId": connection, "limit": 1_000_000});
    match softly(pool.client.request(Method::POST, &pool.own("/query")).json(&body)).await? {
        (200, body) => {
            assert_eq!(body["truncated"], false, "{sql}");
            let rows: Vec<Vec<Value>> = serde_json::from_value(body["rows"].clone()).expect("rows");
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(rows.iter().map(|row| text(&row[0])).collect())
        }
        (503, _) => None,
        (status, body) => panic!("{sql} is answered with {status}: {body}"),
    }
}

/// As `try_lines`, until somebody answers.
pub(crate) async fn lines(pool: &Pool, connection: Option<&str>, sql: &str) -> Vec<String> {
    let begun = Instant::now();
    loop {
        if let Some(lines) = try_lines(pool, connection, sql).await {
            return lines;
        }
        assert!(begun.elapsed() < RECOVERED_WITHIN, "nobody answers {sql}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Waits until the log holds a text beyond `from`.
pub(crate) async fn logged(server: &Server, from: usize, text: &str) {
    eventually(&format!("the log to say: {text}"), PATIENCE, async || {
        server.log_text().get(from..).is_some_and(|log| log.contains(text))
    })
    .await;
}

/// Waits for the end of an execution, whoever goes away meanwhile.
pub(crate) async fn ended(client: &Client, execution: &str, within: Duration, told: &str) -> Run {
    let begun = Instant::now();
    loop {
        let run = try_show(client, execution).await;
        match run {
            Some(run) if !run.is_live() => return run,
            run => assert!(begun.elapsed() < within, "{told}: no end within {within:?}: {run:#?}"),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Stage {
    /// A job that extracts the generated table.
    pub(crate) async fn new(arguments: &[&str], rows: u64) -> Self {
        Self::on(Server::start_with(arguments), rows, None).await
    }

    /// As `new`, with reads that wait while the source's gate is closed.
    pub(crate) async fn gated(arguments: &[&str], rows: u64) -> Self {
        Self::on(Server::start_with(arguments), rows, Some(Gate::FILTER)).await
    }

    /// On a server that is there, with a filter of the table.
    pub(crate) async fn on(server: Server, rows: u64, filter: Option<&str>) -> Self {
        let data = Generated::new(rows).await;
        let pool = Pool::create(&server.admin()).await;
        let connection = pool.connection("Things", "POSTGRESQL", &data.source.configuration()).await;
        let job = pool.job(Some(&connection)).await;
        let mut table = data.table();
        table["filterDefinition"] = json!(filter);
        job.extraction(&json!([table])).await;
        Self { server, data, pool, connection, job, journal: Journal::new() }
    }

    pub(crate) fn pool_folder(&self) -> PathBuf {
        self.server.data().join("pools").join(&self.pool.id)
    }

    /// Kills the server if it runs, and starts it with a fault staged, or with none.
    pub(crate) fn restart(&mut self, fault: Option<&str>) {
        self.server.kill();
        self.server.set_variable("FOREBAY_FAULT", fault);
        self.server.restart();
    }

    /// What the pool's table holds.
    pub(crate) async fn held(&self) -> Rows {
        let sql = format!("SELECT {} FROM things", Generated::LINE);
        oracle::rows(lines(&self.pool, Some(&self.connection), &sql).await)
    }

    /// Ends the round unless the table holds one of these exactly, and says which.
    #[track_caller]
    fn judged(&self, allowed: &[(String, &Rows)], held: &Rows, told: &str) -> usize {
        match oracle::one_of(allowed, held) {
            Ok(place) => {
                let (generation, rows) = (allowed[place].0.clone(), held.values().sum());
                self.journal.append(Entry::Shown { table: "things".to_owned(), generation, rows });
                place
            }
            Err(findings) => {
                oracle::nothing(told, &findings);
                unreachable!("{told}: rows of no generation, without a finding")
            }
        }
    }

    /// Ends the round unless the table holds what the source holds.
    pub(crate) async fn exact(&self, told: &str) {
        let (expected, held) = (self.data.expected(), self.held().await);
        self.judged(&[(self.data.told(), &expected)], &held, told);
    }

    /// Runs the job to its end and expects success.
    pub(crate) async fn run(&self, mode: &str, told: &str) -> Run {
        let execution = self.start(mode).await;
        self.watched(&execution, &[], RECOVERED_WITHIN, told).await.succeeded()
    }

    /// Starts an execution that is surely acknowledged.
    pub(crate) async fn start(&self, mode: &str) -> String {
        let key = uuid::Uuid::new_v4().to_string();
        let execution = try_start(&self.job, mode, &key).await.expect("the server answers");
        self.journal.append(Entry::Started { execution: execution.clone() });
        execution
    }

    /// Waits for the end of an execution. On the way, the table may only be one of those allowed.
    pub(crate) async fn watched(
        &self,
        execution: &str,
        allowed: &[(String, &Rows)],
        within: Duration,
        told: &str,
    ) -> Run {
        let begun = Instant::now();
        let sql = format!("SELECT {} FROM things", Generated::LINE);
        loop {
            if !allowed.is_empty()
                && let Some(held) = try_lines(&self.pool, Some(&self.connection), &sql).await
            {
                self.judged(allowed, &oracle::rows(held), told);
            }
            if let Some(run) = try_show(&self.pool.client, execution).await {
                let (execution, status) = (execution.to_owned(), run.status().to_owned());
                self.journal.append(Entry::Seen { execution, status });
                if !run.is_live() {
                    return run;
                }
                assert!(begun.elapsed() < within, "{told}: no end within {within:?}: {:#}", run.0);
            }
            assert!(begun.elapsed() < within * 2, "{told}: nobody answers");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Everything that was acknowledged is there, has one end, and nothing is left over.
    pub(crate) async fn in_order(&self, told: &str) {
        let journal = self.journal.entries();
        let mut now = BTreeMap::new();
        for entry in &journal {
            if let Entry::Started { execution } = entry {
                let path = format!("/forebay/api/v1/executions/{execution}");
                let answer = self.pool.client.get(&path).await;
                let status = (answer.status == 200).then(|| Run(answer.json()).status().to_owned());
                now.insert(execution.clone(), status);
            }
        }
        oracle::nothing(told, &oracle::states(&journal, &now));
        // Rolling back, and what the system tells of ended processes, may take a moment.
        let begun = Instant::now();
        loop {
            let findings = oracle::leftovers(&self.leftovers().await);
            if findings.is_empty() {
                return;
            }
            if begun.elapsed() > Duration::from_secs(30) {
                oracle::nothing(told, &findings);
            }
            tokio::time::sleep(LOOK_AGAIN * 4).await;
        }
    }

    async fn leftovers(&self) -> Leftovers {
        let folder = self.pool_folder();
        let staging = "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%staging%'";
        let sessions = "SELECT state || ' ' || query FROM pg_stat_activity \
                        WHERE datname = current_database() AND application_name = 'forebay' \
                            AND state <> 'idle'"; // One that is idle waits to be used again.
        Leftovers {
            staging_tables: lines(&self.pool, None, staging).await,
            unfinished_models: unfinished_models(&folder),
            temporary_files: names(&folder.join("temp")),
            damaged_logs: names(&folder).into_iter().filter(|name| name.contains("damaged")).collect(),
            processes: processes::strays(&self.server.data()),
            source_sessions: self.data.source.lines(sessions).await,
        }
    }

    /// The checkpoint is that of the rows which are there: the next DELTA starts from the newest of them, and
    /// ends in the exact rows.
    pub(crate) async fn checkpoint_agrees(&mut self, told: &str) {
        let newest = self.data.generation();
        let next = self.run("DELTA", told).await;
        let step = next.step("things");
        let told_checkpoint = match step["receipt"]["checkpointBefore"].as_str() {
            Some(before) => before.to_owned(),
            None => step["message"].as_str().unwrap_or_default().to_owned(),
        };
        assert!(
            told_checkpoint.contains(&changed_at(newest)),
            "{told}: the checkpoint {told_checkpoint} stands beside rows of {}",
            changed_at(newest)
        );
        self.exact(told).await;
        self.data.change_some().await;
        self.run("DELTA", told).await;
        self.exact(told).await;
    }
}

/// The versions of models that were begun and never shown.
fn unfinished_models(folder: &Path) -> Vec<String> {
    let mut unfinished = Vec::new();
    for model in names(&folder.join("models")) {
        for version in names(&folder.join("models").join(&model)) {
            if version.starts_with('.') || version == "current.next" {
                unfinished.push(format!("{model}/{version}"));
            }
        }
    }
    unfinished
}

/// The names in a folder; none when it is not there.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
