//! `forebay backup` and `forebay restore`: a copy of everything while the server runs, and a data folder
//! made of it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;
use forebay_core::execution::Execution;
use forebay_engine::{Clock, restore};
use serde_json::{Value, json};

use super::client::Client;
use super::show::{grouped, plain, say, say_json, say_list};
use crate::wiring::WallClock;

const BACKUPS: &str = "/forebay/api/v1/backups";
const POLL: Duration = Duration::from_millis(500);
/// How often in a row the server may not answer before the command gives up.
const PATIENCE: u32 = 20;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a backup in the server's backup folder, and wait for it.
    Create {
        /// Letters, digits, dots, dashes or underscores; the time when missing.
        name: Option<String>,
    },
    /// List the backups.
    List,
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => {
                let fields = ["name", "state", "bytes", "path", "message"];
                return say_list(&client.get(BACKUPS).await?, &fields, json);
            }
            Self::Create { name } => {
                let begun = client.post(BACKUPS, &json!({"name": name})).await?;
                let made = wait(client, &plain(&begun["name"])).await?;
                if made["state"] != "DONE" {
                    bail!("the backup failed: {}", plain(&made["message"]));
                }
                if json {
                    say_json(&made)?;
                } else {
                    let bytes = grouped(made["bytes"].as_u64().unwrap_or_default());
                    say(&format!(
                        "{}\n{bytes} bytes; keep it as safe as the data folder: it holds the key of all secrets",
                        plain(&made["path"])
                    ))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn wait(client: &Client, name: &str) -> anyhow::Result<Value> {
    let mut unanswered = 0;
    loop {
        match client.get(&format!("{BACKUPS}/{name}")).await {
            Ok(state) if state["state"] != "RUNNING" => return Ok(state),
            Ok(_) => unanswered = 0,
            Err(error) => {
                unanswered += 1;
                if unanswered == PATIENCE {
                    return Err(error.context(format!("lost sight of the backup {name}")));
                }
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What to restore, and where to.
#[derive(clap::Args)]
pub(crate) struct RestoreArguments {
    /// The folder of a backup.
    backup: PathBuf,
    /// The data folder to make; it must be missing or empty.
    #[arg(long, env = "FOREBAY_DATA_DIR", default_value = "forebay-data")]
    data_dir: PathBuf,
}

impl RestoreArguments {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let restored = restore(&self.backup, &self.data_dir, WallClock.now()).await?;
        let ids =
            |executions: &[Execution]| executions.iter().map(|one| one.id.to_string()).collect::<Vec<_>>();
        let (ended, missing) = (ids(&restored.ended), ids(&restored.missing));
        if json {
            say_json(&json!({
                "dataDir": self.data_dir, "madeAt": restored.made_at, "pools": restored.pools,
                "bytes": restored.bytes, "endedExecutions": ended, "missingExecutions": missing,
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        say(&format!(
            "{} is restored: {} data pools, {} bytes",
            self.data_dir.display(),
            restored.pools,
            grouped(restored.bytes)
        ))?;
        if !ended.is_empty() {
            say(&format!(
                "These executions were under way and are failed; start their jobs again: {}",
                ended.join(", ")
            ))?;
        }
        if !missing.is_empty() {
            say(&format!(
                "These executions ended while the backup was made; what they loaded may be missing, and the next \
                 run of their jobs brings it: {}",
                missing.join(", ")
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
