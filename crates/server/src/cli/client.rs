//! The client commands: what they share is the HTTP client and how results are shown. The server
//! is named by FOREBAY_URL, the key by FOREBAY_TOKEN.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{connection, execution, job, key, pool};

/// What bad arguments and a missing environment end with, as clap does.
const USAGE: u8 = 2;

/// Commands that talk to a running server (FOREBAY_URL, FOREBAY_TOKEN).
#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// List, make and delete data pools.
    #[command(subcommand)]
    Pool(pool::Command),
    /// List, make, test and delete data connections.
    #[command(subcommand)]
    Connection(connection::Command),
    /// List and execute data jobs.
    #[command(subcommand)]
    Job(job::Command),
    /// Look at and cancel executions.
    #[command(subcommand)]
    Execution(execution::Command),
    /// List, make and delete API keys.
    #[command(subcommand)]
    Key(key::Command),
}

impl ClientCommand {
    /// Runs the command. The exit code is 0 for success and 2 when FOREBAY_TOKEN is missing; an
    /// execution that did not succeed is 1, as is every `Err`.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub(crate) async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let url = std::env::var("FOREBAY_URL").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
        let Ok(token) = std::env::var("FOREBAY_TOKEN") else {
            let text = "set FOREBAY_TOKEN to an API key, and FOREBAY_URL to the server's address";
            writeln!(std::io::stderr(), "forebay: {text}")?;
            return Ok(ExitCode::from(USAGE));
        };
        let client = Client::new(&url, &token)?;
        match self {
            Self::Pool(command) => command.run(&client, json).await,
            Self::Connection(command) => command.run(&client, json).await,
            Self::Job(command) => command.run(&client, json).await,
            Self::Execution(command) => command.run(&client, json).await,
            Self::Key(command) => command.run(&client, json).await,
        }
    }
}

/// Sends requests to one server with one key. An answer that is not a success is an error with
/// the server's own words.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    authorization: HeaderValue,
}

impl Client {
    /// `token` is a user's key, or `AppKey` and an application's key.
    ///
    /// # Errors
    /// The token cannot be written into a header, or TLS cannot be set up.
    pub(crate) fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        // An error says that one is installed already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let token = token.trim();
        let authorization = if token.contains(' ') { token.to_owned() } else { format!("Bearer {token}") };
        let mut authorization =
            HeaderValue::from_str(&authorization).context("the API key has characters that no key has")?;
        authorization.set_sensitive(true);
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(120))
            .build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), authorization })
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::GET, path)).await
    }

    /// `Value::Null` sends no body at all.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.request(Method::POST, path);
        self.send(if body.is_null() { request } else { request.json(body) }).await
    }

    pub(crate) async fn put_text(&self, path: &str, text: &str) -> anyhow::Result<Value> {
        let request = self.request(Method::PUT, path).header(CONTENT_TYPE, "text/plain; charset=utf-8");
        self.send(request.body(text.to_owned())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.request(Method::DELETE, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone())
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let response = request.send().await.with_context(|| format!("no answer from {}", self.base))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("the answer of {} broke off", self.base))?;
        let body: Option<Value> = serde_json::from_str(&text).ok();
        if status.is_success() {
            if text.is_empty() {
                return Ok(Value::Null);
            }
            // A text that is no JSON is an answer too: a statement comes back as it was sent.
            return Ok(body.unwrap_or(Value::String(text)));
        }
        let detail = body.as_ref().and_then(|body| body["detail"].as_str().or(body["error"].as_str()));
        match detail {
            Some(detail) => bail!("{detail} ({status})"),
            None if text.is_empty() => bail!("the server answered {status}"),
            None => bail!("{} ({status})", text.lines().next().unwrap_or_default()),
        }
    }
}

/// Prints one line.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// Prints an answer as JSON.
pub(super) fn say_json(value: &Value) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?)
}

/// Prints a list: as JSON, or as a table of the named fields.
pub(super) fn say_list(list: &Value, fields: &[&str], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        say_json(list)?;
    } else {
        let header = fields.iter().map(|field| (*field).to_owned()).collect();
        let mut rows = vec![header];
        for entry in list.as_array().into_iter().flatten() {
            rows.push(fields.iter().map(|field| plain(&entry[*field])).collect());
        }
        say(&columns(&rows, &[]))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A value for people: a text without quotes, nothing for null.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Rows as aligned columns; the columns named in `right` are aligned to the right.
fn columns(rows: &[Vec<String>], right: &[usize]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut lines = Vec::new();
    for row in rows {
        let mut line = String::new();
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            if right.contains(&index) {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
            line.push_str("  ");
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

/// A number in groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What an execution did to each table, as a table for people; below it the messages of what did
/// not go through and, last, how it ended.
pub(crate) fn receipts(execution: &Value) -> String {
    let header = [
        "step", "status", "read", "inserted", "updated", "deleted", "rejected", "before", "after", "seconds",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let mut messages = Vec::new();
    for task in execution["tasks"].as_array().into_iter().flatten() {
        let task_name = plain(&task["name"]);
        let steps = task["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        if steps.is_empty() {
            rows.push(vec![task_name.clone(), plain(&task["status"])]);
        }
        for step in steps {
            let name = format!("{task_name}: {}", step_name(step));
            let mut row = vec![name.clone(), plain(&step["status"])];
            let receipt = &step["receipt"];
            if receipt.is_object() {
                for field in [
                    "rowsRead",
                    "rowsInserted",
                    "rowsUpdated",
                    "rowsDeleted",
                    "rowsRejected",
                    "rowsBefore",
                    "rowsAfter",
                ] {
                    row.push(receipt[field].as_u64().map(grouped).unwrap_or_default());
                }
                row.push(
                    receipt["seconds"].as_f64().map(|seconds| format!("{seconds:.2}")).unwrap_or_default(),
                );
            }
            rows.push(row);
            if let Some(message) = step["message"].as_str() {
                messages.push(format!("{name}: {message}"));
            }
        }
        if let Some(message) = task["message"].as_str() {
            messages.push(format!("{task_name}: {message}"));
        }
    }
    let mut text = columns(&rows, &[2, 3, 4, 5, 6, 7, 8, 9]);
    for message in messages {
        text.push('\n');
        text.push_str(&message);
    }
    text.push_str(&format!("\n{} {}", plain(&execution["mode"]), plain(&execution["status"])));
    if let (Some(started), Some(finished)) =
        (execution["startedAt"].as_i64(), execution["finishedAt"].as_i64())
    {
        let millis = finished - started;
        text.push_str(&format!(" in {}.{:01} s", millis / 1000, millis % 1000 / 100));
    }
    if let Some(message) = execution["message"].as_str() {
        text.push_str(&format!(": {message}"));
    }
    text
}

/// A step's name in one short line: a transformation's steps are named after their SQL.
pub(super) fn step_name(step: &Value) -> String {
    const LIMIT: usize = 40;
    let name = plain(&step["name"]);
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().count() <= LIMIT {
        return name;
    }
    let mut short: String = name.chars().take(LIMIT - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        let check = |number: u64, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }

    #[test]
    fn receipts_show_every_table_and_how_it_ended() {
        let receipt = json!({
            "rowsRead": 1500, "rowsInserted": 500, "rowsUpdated": 1000, "rowsDeleted": 0, "rowsRejected": 0,
            "rowsBefore": 33000, "rowsAfter": 33500, "seconds": 0.25,
        });
        let execution = json!({
            "mode": "DELTA", "status": "FAIL", "message": "the task Extract failed",
            "startedAt": 1_000, "finishedAt": 2_340,
            "tasks": [{"name": "Extract", "status": "FAIL", "message": null, "steps": [
                {"name": "orders", "status": "SUCCESS", "message": null, "receipt": receipt},
                {"name": "items", "status": "FAIL", "message": "no such table", "receipt": null},
            ]}],
        });
        let expected = "\
step             status    read  inserted  updated  deleted  rejected  before   after  seconds
Extract: orders  SUCCESS  1,500       500    1,000        0         0  33,000  33,500     0.25
Extract: items   FAIL
Extract: items: no such table
DELTA FAIL in 1.3 s: the task Extract failed";
        assert_eq!(receipts(&execution), expected);
    }
}
