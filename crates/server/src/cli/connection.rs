//! `forebay connection`: data connections of a pool.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use forebay_core::id::{DataConnectionId, DataPoolId};
use serde_json::{Value, json};

use super::client::Client;
use super::show::{plain, say, say_json, say_list};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the connections of a pool.
    List { pool: DataPoolId },
    /// Make a connection and print its id.
    Create {
        pool: DataPoolId,
        #[arg(long)]
        name: String,
        /// POSTGRESQL, MYSQL (MariaDB, too), SQLITE or FILES.
        #[arg(long = "type")]
        kind: String,
        /// The settings as a JSON object, such as {"path": "/data/erp.db"}.
        #[arg(long, value_parser = object)]
        config: Value,
    },
    /// Connect to the system and say whether it answers.
    Test { pool: DataPoolId, connection: DataConnectionId },
    /// List the tables that the system offers.
    Tables {
        pool: DataPoolId,
        connection: DataConnectionId,
        /// A part of the name; % stands for any text.
        #[arg(long)]
        search: Option<String>,
    },
    /// Delete a connection.
    Delete { pool: DataPoolId, connection: DataConnectionId },
}

fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("must be a JSON object".to_owned()),
        Err(error) => Err(format!("is not JSON: {error}")),
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { pool } => {
                let connections = client.get(&format!("/integration/api/pools/{pool}/data-sources/")).await?;
                return say_list(&connections, &["id", "name", "type"], json);
            }
            Self::Create { pool, name, kind, config } => {
                let body = json!({"name": name, "type": kind.to_uppercase(), "configuration": config});
                let connection =
                    client.post(&format!("/forebay/api/v1/pools/{pool}/connections"), &body).await?;
                if json { say_json(&connection)? } else { say(&plain(&connection["id"]))? }
            }
            Self::Test { pool, connection } => {
                let path = format!("/forebay/api/v1/pools/{pool}/connections/{connection}/test");
                let result = client.post(&path, &Value::Null).await?;
                let successful = result["successful"] == json!(true);
                if json {
                    say_json(&result)?;
                } else if successful {
                    say("the connection works")?;
                } else {
                    say(&plain(&result["message"]))?;
                }
                return Ok(if successful { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Self::Tables { pool, connection, search } => {
                let path = format!("/integration/api/pools/{pool}/data-sources/{connection}/search-tables");
                let found = client.get_with(&path, &[("searchString", search.as_deref())]).await?;
                if found["lookupSuccessful"] == json!(false) {
                    bail!("{}", plain(&found["message"]));
                }
                return say_list(&found["availableTables"], &["schema", "name"], json);
            }
            Self::Delete { pool, connection } => {
                client.delete(&format!("/integration/api/pools/{pool}/data-sources/{connection}")).await?;
                if json { say_json(&json!({"deleted": connection}))? } else { say("deleted")? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
