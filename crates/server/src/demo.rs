//! `forebay demo`: a sample source, pool, connection, job and model; the job run FULL and DELTA; and
//! the lines to do the same by REST.

mod sample;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use forebay_ui::OidcOptions;
use serde_json::{Value, json};

use crate::cli::client::Client;
use crate::cli::show::receipts;
use crate::serve::{self, Options, QueueOptions, Server, WorkerOptions};
use crate::tls::SiteOptions;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Stop after the two runs instead of serving on.
    #[arg(long)]
    exit: bool,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let dir = tempfile::Builder::new().prefix("forebay-demo-").tempdir()?;
    let source = dir.path().join("order-to-cash.db");
    say("Making the sample source: an order-to-cash database …")?;
    sample::create(&source).await?;
    let options = Options {
        data_dir: dir.path().join("data"),
        file_roots: vec![dir.path().to_owned()],
        backup_dir: None,
        running_limit: 4,
        queue: QueueOptions::default(),
        tables_at_a_time: 2,
        memory_mib: 1024,
        workers: WorkerOptions::default(),
        oidc: OidcOptions::default(),
    };
    let opened = serve::open(&options).await?;
    let first = opened.first_key.as_ref().context("a new data folder has a first key")?;
    let key = first.secret.expose().to_owned();
    let server = Server::start(opened, &arguments.listen, &SiteOptions::default()).await?;
    let base = server.url.clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let until = async {
        // Whichever comes first; a sender that is gone asks for nothing.
        tokio::select! { Ok(()) = stopped => {}, () = serve::asked_to_end() => {} }
    };
    let serving = tokio::spawn(server.serve(until));
    let shown = show(&Client::new(&base, &key)?, &base, &key, &source).await;
    if arguments.exit || shown.is_err() {
        if shown.is_ok() {
            say("\nThis server stops now and its data is removed; without --exit it goes on.")?;
        }
        // A server that has ended already needs no stop.
        stop.send(()).unwrap_or_default();
        serving.await??;
        shown?;
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("\nThe server goes on at {base}; stop it with Ctrl-C. Its data is removed then."))?;
    serving.await??;
    Ok(ExitCode::SUCCESS)
}

async fn show(client: &Client, base: &str, key: &str, source: &Path) -> anyhow::Result<()> {
    let (pool, job) = set_up(client, source).await?;
    say("\nFULL: every table is extracted, the activities are built, the model is published.")?;
    execute(client, &pool, &job, "FULL").await?;
    say("\nThe source changes: some orders move on, some are new.")?;
    sample::change(source).await?;
    say("\nDELTA: only what has changed since the checkpoint is read and merged.")?;
    execute(client, &pool, &job, "DELTA").await?;
    say(&format!(
        "\nThe same by REST, start and status:\n\n  \
         export FOREBAY_URL={base} FOREBAY_TOKEN={key}\n  \
         curl -X POST -H \"Authorization: Bearer $FOREBAY_TOKEN\" \\\n    \
         \"$FOREBAY_URL/integration/api/v2/data-pools/{pool}/data-jobs/{job}/execute?mode=DELTA\"\n  \
         curl -H \"Authorization: Bearer $FOREBAY_TOKEN\" \\\n    \
         \"$FOREBAY_URL/integration/api/pools/{pool}/jobs/{job}\"\n\n\
         and in Python:\n\n  \
         import requests\n  \
         api_key = '{key}'\n  \
         requests.post(\n    \
         '{base}/integration/api/v2/data-pools/{pool}/data-jobs/{job}/execute?mode=DELTA',\n    \
         headers={{'authorization': \"Bearer {{}}\".format(api_key)}})"
    ))
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

fn id(value: &Value) -> anyhow::Result<String> {
    Ok(value["id"].as_str().context("the answer has no id")?.to_owned())
}

/// Makes everything through the API, as a user would. Gives the pool's and the job's id.
async fn set_up(client: &Client, source: &Path) -> anyhow::Result<(String, String)> {
    let pool = id(&client.post("/integration/api/pools", &json!({"name": "Order to cash"})).await?)?;
    let connection = json!({"name": "ERP", "type": "SQLITE", "configuration": {"path": source}});
    let connection =
        id(&client.post(&format!("/forebay/api/v1/pools/{pool}/connections"), &connection).await?)?;
    let jobs = format!("/integration/api/pools/{pool}/jobs");
    let job = id(&client.post(&jobs, &json!({"name": "Load", "dataSourceId": connection})).await?)?;
    let tasks = format!("{jobs}/{job}/tasks/");
    let extraction = id(&client.post(&tasks, &json!({"taskType": "EXTRACTION", "name": "Extract"})).await?)?;
    let tables: Vec<Value> = sample::TABLES
        .iter()
        .map(|table| json!({"tableName": table, "changeDateColumn": "updated_at"}))
        .collect();
    client.post(&format!("{jobs}/{job}/extractions/{extraction}/tables/"), &json!(tables)).await?;
    let transformation =
        id(&client.post(&tasks, &json!({"taskType": "TRANSFORMATION", "name": "Build activities"})).await?)?;
    let statement = format!("{jobs}/{job}/transformations/{transformation}/statement");
    client.put_text(&statement, sample::TRANSFORMATION).await?;
    let tables: Vec<Value> = sample::MODEL_TABLES
        .iter()
        .map(|(name, key)| json!({"name": name, "connectionId": connection, "primaryKey": key}))
        .collect();
    let foreign_keys: Vec<Value> = sample::MODEL_FOREIGN_KEYS
        .iter()
        .map(|(source, target, source_column, target_column)| {
            let columns = json!([{"source": source_column, "target": target_column}]);
            json!({"source": source, "target": target, "columns": columns})
        })
        .collect();
    let model = json!({"name": "Order to cash", "tables": tables, "foreignKeys": foreign_keys});
    let model = id(&client.post(&format!("/forebay/api/v1/pools/{pool}/data-models"), &model).await?)?;
    client.post(&format!("{jobs}/{job}/loads"), &json!({"dataModelId": model, "jobId": job})).await?;
    Ok((pool, job))
}

async fn execute(client: &Client, pool: &str, job: &str, mode: &str) -> anyhow::Result<()> {
    let path = format!("/integration/api/v2/data-pools/{pool}/data-jobs/{job}/execute?mode={mode}");
    let started = client.post(&path, &Value::Null).await?;
    let execution = started["executionId"].as_str().context("the answer has no executionId")?.to_owned();
    let path = format!("/forebay/api/v1/executions/{execution}");
    loop {
        let state = client.get(&path).await?;
        match state["status"].as_str() {
            Some("QUEUED" | "RUNNING") => tokio::time::sleep(Duration::from_millis(100)).await,
            Some("SUCCESS") => {
                say(&receipts(&state))?;
                return Ok(());
            }
            _ => {
                say(&receipts(&state))?;
                bail!("the {mode} run ended with {}: {}", state["status"], state["message"]);
            }
        }
    }
}
