//! `forebay job`: list data jobs and execute one.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use forebay_core::id::{DataJobId, DataPoolId};
use serde_json::Value;

use super::client::{Client, say, say_json, say_list};
use super::execution;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the jobs of a pool.
    List { pool: DataPoolId },
    /// Start an execution and print its id.
    Execute {
        job: DataJobId,
        /// The job's pool; looked up when missing.
        #[arg(long)]
        pool: Option<DataPoolId>,
        #[arg(long, ignore_case = true)]
        mode: Mode,
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
    fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Delta => "DELTA",
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
            Self::Execute { job, pool, mode, wait } => {
                let pool = match pool {
                    Some(pool) => pool,
                    None => {
                        let found = client.get(&format!("/forebay/api/v1/jobs/{job}")).await?;
                        found["poolId"].as_str().context("the server did not name the job's pool")?.parse()?
                    }
                };
                let mode = mode.as_str();
                let path =
                    format!("/integration/api/v2/data-pools/{pool}/data-jobs/{job}/execute?mode={mode}");
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
