//! `forebay key`: API keys. A new key's text is printed once.

use std::process::ExitCode;

use clap::Subcommand;
use forebay_core::id::KeyId;
use serde_json::json;

use super::client::Client;
use super::grant::Subject;
use super::show::{plain, say, say_json, say_list};

const KEYS: &str = "/forebay/api/v1/keys";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the keys, without their text.
    List,
    /// Make a key and print it. It is not shown again.
    Create {
        #[arg(long)]
        name: String,
        /// Whose key it will be; yours when neither is named.
        #[command(flatten)]
        owner: Subject,
    },
    /// Delete a key: it is refused from now on.
    Delete { key: KeyId },
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => return say_list(&client.get(KEYS).await?, &["id", "name"], json),
            Self::Create { name, owner } => {
                let key = client.post(KEYS, &json!({"name": name, "owner": owner.to_json()})).await?;
                if json { say_json(&key)? } else { say(&plain(&key["key"]))? }
            }
            Self::Delete { key } => {
                client.delete(&format!("{KEYS}/{key}")).await?;
                if json { say_json(&json!({"deleted": key}))? } else { say("deleted")? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
