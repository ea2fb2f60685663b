//! `forebay query`: one SQL query on a pool's tables.

use std::io::Write;
use std::process::ExitCode;

use forebay_core::id::{DataConnectionId, DataPoolId};
use serde_json::json;

use super::client::Client;
use super::show::{columns, plain, say, say_json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    pool: DataPoolId,
    /// Such as 'SELECT * FROM orders'.
    sql: String,
    /// Whose tables are meant by names without a schema; the pool's own when missing.
    #[arg(long)]
    connection: Option<DataConnectionId>,
    /// The most rows.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

impl Arguments {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        let body = json!({"sql": self.sql, "limit": self.limit, "connectionId": self.connection});
        let answer = client.post(&format!("/forebay/api/v1/pools/{}/query", self.pool), &body).await?;
        if json {
            say_json(&answer)?;
            return Ok(ExitCode::SUCCESS);
        }
        let names = answer["columns"].as_array().into_iter().flatten().map(|column| plain(&column["name"]));
        let mut rows = vec![names.collect()];
        for row in answer["rows"].as_array().into_iter().flatten() {
            rows.push(
                row.as_array().into_iter().flatten().map(|cell| plain(cell).replace('\n', " ")).collect(),
            );
        }
        say(&columns(&rows, &[]))?;
        if answer["truncated"] == json!(true) {
            writeln!(std::io::stderr(), "only the first {} rows; --limit shows more", self.limit)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
