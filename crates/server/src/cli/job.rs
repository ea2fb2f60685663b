//! `forebay job`: list data jobs and execute one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId, TaskId};
use serde_json::{Value, json};

use super::client::Client;
use super::execution;
use super::show::{plain, say, say_json, say_list};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the jobs of a pool.
    List { pool: DataPoolId },
    /// Make a job that extracts tables and then runs SQL, and print its id.
    Create {
        pool: DataPoolId,
        name: String,
        /// The connection that the tables come from and in whose schema the SQL runs.
        #[arg(long)]
        connection: Option<DataConnectionId>,
        /// A table to extract, as [SCHEMA.]NAME or [SCHEMA.]NAME:CHANGE_DATE_COLUMN; may come several
        /// times. With the column, DELTA reads what is new by it.
        #[arg(long = "table", value_name = "TABLE", requires = "connection")]
        tables: Vec<String>,
        /// A file of SQL statements to run after the extraction; may come several times.
        #[arg(long = "sql", value_name = "FILE")]
        scripts: Vec<PathBuf>,
    },
    /// Show how often the tasks of a job are tried in one execution, or set it.
    Retry {
        job: DataJobId,
        /// Of this task alone.
        #[arg(long)]
        task: Option<TaskId>,
        /// Attempts of each task, from 1 (nothing is tried again) to 20.
        #[arg(long)]
        attempts: Option<u32>,
        /// Before the second attempt; each further pause is twice as long.
        #[arg(long, value_name = "SECONDS")]
        first_pause: Option<u64>,
        #[arg(long, value_name = "SECONDS")]
        longest_pause: Option<u64>,
    },
    /// Start an execution and print its id.
    Execute {
        job: DataJobId,
        /// The job's pool; looked up when missing.
        #[arg(long)]
        pool: Option<DataPoolId>,
        #[arg(long, ignore_case = true)]
        mode: Mode,
        /// How much it matters beside the other executions that wait in its pool.
        #[arg(long, ignore_case = true, default_value = "NORMAL")]
        priority: Priority,
        /// Stay until it has ended, with the progress of each table, and print the receipts.
        #[arg(long)]
        wait: bool,
    },
}

/// What the extractions read.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// Everything again.
    #[value(name = "FULL")]
    Full,
    /// What is new since the last extraction.
    #[value(name = "DELTA")]
    Delta,
}

impl Mode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Delta => "DELTA",
        }
    }
}

/// How much an execution matters.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Priority {
    #[value(name = "LOW")]
    Low,
    #[value(name = "NORMAL")]
    Normal,
    #[value(name = "HIGH")]
    High,
}

impl Priority {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Normal => "NORMAL",
            Self::High => "HIGH",
        }
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { pool } => {
                let jobs = client.get(&format!("/integration/api/pools/{pool}/jobs")).await?;
                say_list(&jobs, &["id", "name", "status"], json)
            }
            Self::Create { pool, name, connection, tables, scripts } => {
                let new = NewJob::read(&name, connection, &tables, &scripts)?;
                let job = new.create(client, pool).await?;
                if json {
                    say_json(&job)?
                } else {
                    say(&plain(&job["id"]))?
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Retry { job, task, attempts, first_pause, longest_pause } => {
                let change = json!({
                    "attempts": attempts, "firstPauseSeconds": first_pause, "longestPauseSeconds": longest_pause,
                });
                let policies = retry_policies(client, job, task, &change).await?;
                let fields = ["id", "name", "attempts", "firstPauseSeconds", "longestPauseSeconds"];
                say_list(&policies, &fields, json)
            }
            Self::Execute { job, pool, mode, priority, wait } => {
                let pool = match pool {
                    Some(pool) => pool,
                    None => pool_of(client, job).await?,
                };
                let (mode, priority) = (mode.as_str(), priority.as_str());
                let path = format!(
                    "/integration/api/v2/data-pools/{pool}/data-jobs/{job}/execute?mode={mode}&priority={priority}"
                );
                let started = client.post(&path, &Value::Null).await?;
                let id = started["executionId"].as_str().context("the server did not name the execution")?;
                if wait {
                    return execution::wait(client, id, json).await;
                }
                if json {
                    say_json(&started)?
                } else {
                    say(id)?
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn pool_of(client: &Client, job: DataJobId) -> anyhow::Result<DataPoolId> {
    let found = client.get(&format!("/forebay/api/v1/jobs/{job}")).await?;
    Ok(found["poolId"].as_str().context("the server did not name the job's pool")?.parse()?)
}

/// The retry policies of a job's tasks, or of one of them, after the change; nulls change nothing.
async fn retry_policies(
    client: &Client,
    job: DataJobId,
    only: Option<TaskId>,
    change: &Value,
) -> anyhow::Result<Value> {
    let pool = pool_of(client, job).await?;
    let tasks = client.get(&format!("/integration/api/pools/{pool}/jobs/{job}/tasks")).await?;
    let changes = change.as_object().is_some_and(|change| change.values().any(|value| !value.is_null()));
    let mut policies = Vec::new();
    for task in tasks.as_array().into_iter().flatten() {
        let id = plain(&task["id"]);
        if only.is_some_and(|only| only.to_string() != id) {
            continue;
        }
        let path = format!("/forebay/api/v1/pools/{pool}/jobs/{job}/tasks/{id}/retry-policy");
        let mut policy = if changes { client.put(&path, change).await? } else { client.get(&path).await? };
        policy["id"] = task["id"].clone();
        policy["name"] = task["name"].clone();
        policies.push(policy);
    }
    if let (Some(only), true) = (only, policies.is_empty()) {
        bail!("--task {only} is no task of this job");
    }
    Ok(Value::Array(policies))
}

/// A job to make: everything that can be wrong here is found before the server is asked.
struct NewJob {
    job: Value,
    tables: Vec<Value>,
    /// Each with the task's name.
    scripts: Vec<(String, String)>,
}

impl NewJob {
    fn read(
        name: &str,
        connection: Option<DataConnectionId>,
        tables: &[String],
        scripts: &[PathBuf],
    ) -> anyhow::Result<Self> {
        let text = |path: &Path| {
            std::fs::read_to_string(path).with_context(|| format!("--sql {} cannot be read", path.display()))
        };
        let named = |path: &Path| match path.file_stem() {
            Some(stem) => stem.to_string_lossy().into_owned(),
            None => "Transform".to_owned(),
        };
        Ok(Self {
            job: json!({"name": name, "dataSourceId": connection}),
            tables: tables.iter().map(|table| table_extraction(table)).collect(),
            scripts: scripts
                .iter()
                .map(|path| Ok((named(path), text(path)?)))
                .collect::<anyhow::Result<_>>()?,
        })
    }

    /// Makes the job with its tasks. What fails half way leaves no job.
    async fn create(&self, client: &Client, pool: DataPoolId) -> anyhow::Result<Value> {
        let jobs = format!("/integration/api/pools/{pool}/jobs");
        let job = client.post(&jobs, &self.job).await?;
        let path = format!("{jobs}/{}", plain(&job["id"]));
        if let Err(error) = self.create_tasks(client, &path).await {
            client.delete(&path).await.context("a job was made but not its tasks; delete it")?;
            return Err(error);
        }
        Ok(job)
    }

    async fn create_tasks(&self, client: &Client, job: &str) -> anyhow::Result<()> {
        let tasks = format!("{job}/tasks/");
        if !self.tables.is_empty() {
            let task = client.post(&tasks, &json!({"taskType": "EXTRACTION", "name": "Extract"})).await?;
            let path = format!("{job}/extractions/{}/tables/", plain(&task["id"]));
            client.post(&path, &json!(self.tables)).await?;
        }
        for (name, statement) in &self.scripts {
            let task = client.post(&tasks, &json!({"taskType": "TRANSFORMATION", "name": name})).await?;
            let path = format!("{job}/transformations/{}/statement", plain(&task["id"]));
            client.put_text(&path, statement).await?;
        }
        Ok(())
    }
}

/// `[SCHEMA.]NAME[:CHANGE_DATE_COLUMN]` as the API takes it.
fn table_extraction(text: &str) -> Value {
    let (table, change_date) = match text.split_once(':') {
        Some((table, column)) => (table, Some(column)),
        None => (text, None),
    };
    let (schema, name) = match table.split_once('.') {
        Some((schema, name)) => (Some(schema), name),
        None => (None, table),
    };
    json!({"schemaName": schema, "tableName": name, "changeDateColumn": change_date})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_may_have_a_schema_and_a_change_date_column() {
        let check = |text: &str, schema: Option<&str>, name: &str, column: Option<&str>| {
            let expected = json!({"schemaName": schema, "tableName": name, "changeDateColumn": column});
            assert_eq!(table_extraction(text), expected, "{text}");
        };
        check("orders", None, "orders", None);
        check("erp.orders", Some("erp"), "orders", None);
        check("orders:updated_at", None, "orders", Some("updated_at"));
        check("erp.orders:updated_at", Some("erp"), "orders", Some("updated_at"));
    }
}
