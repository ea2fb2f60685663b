//! `forebay pool`: data pools.

use std::process::ExitCode;

use clap::Subcommand;
use forebay_core::id::DataPoolId;
use serde_json::json;

use super::client::Client;
use super::show::{plain, say, say_json, say_list};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the pools.
    List,
    /// Make a pool and print its id.
    Create { name: String },
    /// List what was found damaged in a pool's files, and the executions whose rows may be missing since.
    Damages { pool: DataPoolId },
    /// Delete a pool with everything in it.
    Delete { pool: DataPoolId },
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => {
                let pools = client.get("/integration/api/pools").await?;
                return say_list(&pools, &["id", "name"], json);
            }
            Self::Damages { pool } => {
                let damages = client.get(&format!("/forebay/api/v1/pools/{pool}/damages")).await?;
                return say_list(&damages, &["lastGood", "quarantined", "affectedExecutions"], json);
            }
            Self::Create { name } => {
                let pool = client.post("/integration/api/pools", &json!({"name": name})).await?;
                if json { say_json(&pool)? } else { say(&plain(&pool["id"]))? }
            }
            Self::Delete { pool } => {
                client.delete(&format!("/integration/api/pools/{pool}")).await?;
                if json { say_json(&json!({"deleted": pool}))? } else { say("deleted")? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
