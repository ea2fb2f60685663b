//! `forebay execution`: look at one execution, read its log, cancel it; and wait for one, with its
//! progress on the terminal.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Subcommand;
use forebay_core::id::ExecutionId;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::client::Client;
use super::show::{grouped, plain, receipts, say, say_json, step_name};

/// How often a waiting command asks.
const POLL: Duration = Duration::from_millis(250);
/// How many questions in a row may go without an answer.
const PATIENCE: u32 = 20;
/// Log messages asked for at a time.
const PAGE: usize = 1000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show how an execution stands, with a receipt for each table.
    Show { execution: ExecutionId },
    /// Ask an execution to stop.
    Cancel { execution: ExecutionId },
    /// Print the log.
    Logs { execution: ExecutionId },
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::Show { execution } => {
                let state = client.get(&path(&execution.to_string())).await?;
                if json { say_json(&state)? } else { say(&receipts(&state))? }
            }
            Self::Cancel { execution } => {
                let path = format!("{}/cancel", path(&execution.to_string()));
                let state = client.post(&path, &Value::Null).await?;
                if json { say_json(&state)? } else { say(&plain(&state["status"]))? }
            }
            Self::Logs { execution } => {
                let messages = log_messages(client, &execution.to_string()).await?;
                if json {
                    say_json(&json!(messages))?;
                } else {
                    for message in &messages {
                        let (time, level) = (time(&message["date"]), plain(&message["level"]));
                        say(&format!("{time} {level:<7} {}", plain(&message["logMessage"])))?;
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn path(execution: &str) -> String {
    format!("/forebay/api/v1/executions/{execution}")
}

async fn log_messages(client: &Client, execution: &str) -> anyhow::Result<Vec<Value>> {
    let mut messages = Vec::new();
    for page in 0.. {
        let answer = client.get(&format!("{}/logs?limit={PAGE}&page={page}", path(execution))).await?;
        let Value::Array(found) = answer["logMessages"].clone() else {
            break;
        };
        let last = found.len() < PAGE;
        messages.extend(found);
        if last {
            break;
        }
    }
    Ok(messages)
}

/// The time of day in UTC of milliseconds since 1970.
fn time(millis: &Value) -> String {
    let millis = millis.as_u64().unwrap_or_default();
    let seconds = millis / 1000;
    format!("{:02}:{:02}:{:02}.{:03}Z", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, millis % 1000)
}

/// Waits until an execution has ended, showing what runs when standard error is a terminal. Then
/// prints the receipts and gives the exit code: 0 when it succeeded.
pub(super) async fn wait(client: &Client, execution: &str, json: bool) -> anyhow::Result<ExitCode> {
    let mut progress = (!json && std::io::stderr().is_terminal()).then(Progress::new);
    let mut unanswered = 0;
    let state = loop {
        match client.get(&path(execution)).await {
            Ok(state) => {
                unanswered = 0;
                if let Some(progress) = &mut progress {
                    progress.show(&state);
                }
                if !matches!(state["status"].as_str(), Some("QUEUED" | "RUNNING")) {
                    break state;
                }
            }
            Err(error) => {
                unanswered += 1;
                if unanswered == PATIENCE {
                    return Err(
                        error.context(format!("lost sight of execution {execution}, which may still run"))
                    );
                }
            }
        }
        tokio::time::sleep(POLL).await;
    };
    // The lines of progress give way to the receipts.
    drop(progress);
    if json {
        say_json(&state)?
    } else {
        say(&receipts(&state))?
    }
    let succeeded = matches!(state["status"].as_str(), Some("SUCCESS" | "SKIPPED"));
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line for each step that runs.
struct Progress {
    lines: MultiProgress,
    running: HashMap<(usize, usize), Line>,
}

struct Line {
    bar: ProgressBar,
    since: Instant,
}

impl Progress {
    fn new() -> Self {
        Self { lines: MultiProgress::new(), running: HashMap::new() }
    }

    fn show(&mut self, execution: &Value) {
        for (task_index, task) in execution["tasks"].as_array().into_iter().flatten().enumerate() {
            for (index, step) in task["steps"].as_array().into_iter().flatten().enumerate() {
                let place = (task_index, index);
                if step["status"] == json!("RUNNING") {
                    let lines = &self.lines;
                    let line = self.running.entry(place).or_insert_with(|| Line::new(lines));
                    line.show(&format!("{}: {}", plain(&task["name"]), step_name(step)), step);
                } else if let Some(line) = self.running.remove(&place) {
                    line.bar.finish_and_clear();
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        for line in self.running.values() {
            line.bar.finish_and_clear();
        }
    }
}

impl Line {
    fn new(lines: &MultiProgress) -> Self {
        let bar = lines.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, since: Instant::now() }
    }

    fn show(&self, name: &str, step: &Value) {
        let rows = step["rows"].as_u64().unwrap_or_default();
        // Whole numbers are enough for people; less than one poll says nothing about the speed.
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let message = match rows.saturating_mul(1000).checked_div(millis) {
            Some(speed) if millis >= 200 && rows > 0 => {
                format!("{name}  {} rows  {} rows/s", grouped(rows), grouped(speed))
            }
            _ => format!("{name}  {} rows", grouped(rows)),
        };
        self.bar.set_message(message);
    }
}
