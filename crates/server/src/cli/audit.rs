//! `forebay audit`: who asked for what, when, and what came of it. Administrators only.

use std::process::ExitCode;

use forebay_core::history::Day;
use forebay_core::id::DataPoolId;
use serde_json::{Value, json};

use super::client::Client;
use super::show::{columns, plain, say, say_json};

const AUDIT: &str = "/forebay/api/v1/audit";
/// Entries asked for at a time.
const PAGE: u32 = 1000;

/// Which entries.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The id of a user or an application.
    #[arg(long)]
    caller: Option<String>,
    #[arg(long)]
    pool: Option<DataPoolId>,
    /// The name of an operation, as the OpenAPI document has it.
    #[arg(long)]
    operation: Option<String>,
    /// The first day in UTC, as 2026-11-30.
    #[arg(long, value_parser = |text: &str| Day::parse("from", text))]
    from: Option<Day>,
    /// The last day.
    #[arg(long, value_parser = |text: &str| Day::parse("to", text))]
    to: Option<Day>,
    /// How many entries, the newest first.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl Arguments {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        let entries = self.entries(client).await?;
        if json {
            say_json(&json!(entries))?;
        } else {
            say(&table(&entries))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn entries(self, client: &Client) -> anyhow::Result<Vec<Value>> {
        let pool = self.pool.map(|pool| pool.to_string());
        let from = self.from.map(|day| day.begins().as_millis().to_string());
        let until = self.to.map(|day| day.plus(1).begins().as_millis().to_string());
        let mut before: Option<String> = None;
        let mut entries = Vec::new();
        loop {
            let left = self.limit.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
            if left == 0 {
                return Ok(entries);
            }
            let limit = left.min(PAGE).to_string();
            let query = [
                ("caller", self.caller.as_deref()),
                ("pool", pool.as_deref()),
                ("operation", self.operation.as_deref()),
                ("from", from.as_deref()),
                ("until", until.as_deref()),
                ("limit", Some(limit.as_str())),
                ("before", before.as_deref()),
            ];
            let page = client.get_with(AUDIT, &query).await?;
            entries.extend(page["entries"].as_array().into_iter().flatten().cloned());
            match page["before"].as_str() {
                Some(place) => before = Some(place.to_owned()),
                None => return Ok(entries),
            }
        }
    }
}

/// The entries as a table.
fn table(entries: &[Value]) -> String {
    let header = ["at", "caller", "operation", "pool", "result", "status", "error", "from"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for entry in entries {
        let caller = match plain(&entry["caller"]["name"]) {
            name if name.is_empty() => plain(&entry["caller"]["id"]),
            name => name,
        };
        rows.push(vec![
            time(&entry["at"]),
            caller,
            plain(&entry["operation"]),
            plain(&entry["poolId"]),
            plain(&entry["result"]),
            plain(&entry["status"]),
            plain(&entry["errorCode"]),
            plain(&entry["remoteAddress"]),
        ]);
    }
    columns(&rows, &[])
}

fn time(millis: &Value) -> String {
    let time = millis.as_i64().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    time.map(|time| format!("{time:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_a_table() {
        let entries = [
            json!({
                "at": 1_700_000_000_000_i64, "caller": {"type": "USER", "id": "1", "name": "Ada"},
                "operation": "create_data_pool", "poolId": "2", "result": "DONE", "status": 200,
                "errorCode": null, "remoteAddress": "127.0.0.1",
            }),
            json!({
                "at": 1_700_000_000_001_i64, "caller": null, "operation": "sign_in", "poolId": null,
                "result": "REFUSED", "status": 401, "errorCode": "GENERAL_UNAUTHORIZED",
                "remoteAddress": "127.0.0.1",
            }),
        ];
        let expected = "\
at                        caller  operation         pool  result   status  error                 from
2023-11-14T22:13:20.000Z  Ada     create_data_pool  2     DONE     200                           127.0.0.1
2023-11-14T22:13:20.001Z          sign_in                 REFUSED  401     GENERAL_UNAUTHORIZED  127.0.0.1";
        assert_eq!(table(&entries), expected);
    }
}
