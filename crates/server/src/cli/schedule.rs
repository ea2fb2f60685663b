//! `forebay schedule`: when jobs run by themselves, what comes next and what came before.

mod pattern;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use forebay_core::Timestamp;
use forebay_core::id::{DataJobId, DataPoolId, ScheduleId};
use forebay_core::schedule::Zone;
use serde_json::{Value, json};

use self::pattern::Pattern;
use super::client::Client;
use super::job::Mode;
use super::show::{columns, plain, say, say_json, say_list};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the schedules of a pool.
    List { pool: DataPoolId },
    /// Make a schedule and print its id.
    Create(Box<Create>),
    /// Show a schedule.
    Show(Which),
    /// Switch a schedule on.
    Enable(Which),
    /// Switch a schedule off.
    Disable(Which),
    /// Delete a schedule with its history.
    Delete(Which),
    /// Run the jobs of a schedule now and print the id of the run.
    Run(Which),
    /// Cancel the run that is on, and those that wait.
    Cancel(Which),
    /// Show the next 20 firings of a schedule, or of a pattern.
    Preview {
        pool: DataPoolId,
        /// The schedule; without it, give a pattern.
        #[arg(required_unless_present = "pattern")]
        schedule: Option<ScheduleId>,
        #[command(flatten)]
        pattern: Pattern,
    },
    /// Show what became of the firings, the newest first.
    History {
        #[command(flatten)]
        which: Which,
        /// The most firings to show.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
}

/// A schedule.
#[derive(Args)]
pub(crate) struct Which {
    pool: DataPoolId,
    schedule: ScheduleId,
}

#[derive(Args)]
pub(crate) struct Create {
    pool: DataPoolId,
    name: String,
    /// A data job to run; several run in the order in which they come.
    #[arg(long = "job", required = true)]
    jobs: Vec<DataJobId>,
    #[arg(long, ignore_case = true)]
    mode: Mode,
    #[command(flatten)]
    pattern: Pattern,
    /// Fire after each success of this schedule, in place of a pattern.
    #[arg(long, conflicts_with = "pattern", required_unless_present = "pattern")]
    after: Option<ScheduleId>,
    /// How much its executions matter beside the others that wait.
    #[arg(long, ignore_case = true, default_value = "NORMAL")]
    priority: Priority,
    /// What becomes of the jobs after one that failed.
    #[arg(long, ignore_case = true, default_value = "STOP")]
    on_failure: OnFailure,
    /// What happens when it fires while its last run is on.
    #[arg(long, ignore_case = true, default_value = "SKIP")]
    overlap: Overlap,
    /// Which occurrences are caught up that fell into a time when the server did not run.
    #[arg(long, ignore_case = true, default_value = "LATEST")]
    misfire: Misfire,
    /// Put each start off by some seconds below this.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    jitter: u32,
    /// Make it without switching it on.
    #[arg(long)]
    disabled: bool,
}

/// Makes an enum of words on the command line.
macro_rules! words {
    ($($name:ident { $($variant:ident $word:literal)* })*) => {$(
        #[derive(Clone, Copy, ValueEnum)]
        enum $name {
            $(#[value(name = $word)] $variant,)*
        }

        impl $name {
            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    )*};
}

words! {
    Priority { Low "LOW" Normal "NORMAL" High "HIGH" }
    OnFailure { Stop "STOP" Continue "CONTINUE" }
    Overlap { Skip "SKIP" Queue "QUEUE" Replace "REPLACE" }
    Misfire { None "NONE" Latest "LATEST" All "ALL" }
}

impl Create {
    fn to_json(&self) -> anyhow::Result<Value> {
        let mut body = json!({
            "name": self.name, "jobs": self.jobs, "mode": self.mode.as_str(), "enabled": !self.disabled,
            "priority": self.priority.as_str(),
            "onFailure": self.on_failure.as_str(), "overlap": self.overlap.as_str(),
            "misfire": self.misfire.as_str(), "jitterSeconds": self.jitter, "afterScheduleId": self.after,
        });
        if self.after.is_none() {
            body["pattern"] = self.pattern.to_json()?;
            body["timeZone"] = json!(self.pattern.time_zone);
        }
        Ok(body)
    }
}

impl Which {
    fn path(&self, rest: &str) -> String {
        format!("{}/{}{rest}", schedules(self.pool), self.schedule)
    }
}

fn schedules(pool: DataPoolId) -> String {
    format!("/forebay/api/v1/pools/{pool}/schedules")
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { pool } => {
                let list = client.get(&schedules(pool)).await?;
                if json {
                    return say_list(&list, &[], true);
                }
                let mut rows = vec![["id", "name", "enabled", "next"].map(str::to_owned).to_vec()];
                for schedule in list.as_array().into_iter().flatten() {
                    let mut row = ["id", "name", "enabled"].map(|field| plain(&schedule[field])).to_vec();
                    row.push(moment(&schedule["nextDueAt"], schedule["timeZone"].as_str()));
                    rows.push(row);
                }
                say(&columns(&rows, &[]))?;
            }
            Self::Create(create) => {
                let made = client.post(&schedules(create.pool), &create.to_json()?).await?;
                if json { say_json(&made)? } else { say(&plain(&made["id"]))? }
            }
            // Its parts have names of their own, so there is no shorter form for people.
            Self::Show(which) => say_json(&client.get(&which.path("")).await?)?,
            Self::Enable(which) => {
                let schedule = client.post(&which.path("/enable"), &Value::Null).await?;
                if json {
                    say_json(&schedule)?
                } else {
                    let next = moment(&schedule["nextDueAt"], schedule["timeZone"].as_str());
                    say(format!(
                        "enabled {}",
                        if next.is_empty() { next } else { format!("(next: {next})") }
                    )
                    .trim())?
                }
            }
            Self::Disable(which) => {
                let schedule = client.post(&which.path("/disable"), &Value::Null).await?;
                if json { say_json(&schedule)? } else { say("disabled")? }
            }
            Self::Delete(which) => {
                client.delete(&which.path("")).await?;
                if json { say_json(&json!({"deleted": which.schedule}))? } else { say("deleted")? }
            }
            Self::Run(which) => {
                let run = client.post(&which.path("/run"), &Value::Null).await?;
                if json { say_json(&run)? } else { say(&plain(&run["id"]))? }
            }
            Self::Cancel(which) => {
                client.post(&which.path("/cancel"), &Value::Null).await?;
                if json { say_json(&json!({"canceled": which.schedule}))? } else { say("asked for")? }
            }
            Self::Preview { pool, schedule, pattern } => {
                let firings = match schedule {
                    Some(schedule) => client.get(&Which { pool, schedule }.path("/preview")).await?,
                    None => {
                        let body = json!({"pattern": pattern.to_json()?, "timeZone": pattern.time_zone});
                        client.post(&format!("{}/preview", schedules(pool)), &body).await?
                    }
                };
                return say_list(&firings, &["localTime", "note"], json);
            }
            Self::History { which, limit } => {
                let history = client.get(&which.path(&format!("/runs?limit={limit}"))).await?;
                if json {
                    say_json(&history["runs"])?;
                } else {
                    say(&shown(&history["runs"]).context("the server's answer cannot be read")?)?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Firings as a table for people.
fn shown(runs: &Value) -> Option<String> {
    let mut rows = vec![["at", "outcome", "status", "jobs", "message"].map(str::to_owned).to_vec()];
    for run in runs.as_array()? {
        let at = if run["occurrenceAt"].is_null() { &run["recordedAt"] } else { &run["occurrenceAt"] };
        let jobs = run["jobs"].as_array()?;
        let good = jobs.iter().filter(|job| job["status"] == "SUCCESS").count();
        let jobs = if jobs.is_empty() { String::new() } else { format!("{good}/{}", jobs.len()) };
        rows.push(vec![
            moment(at, None),
            plain(&run["outcome"]),
            plain(&run["status"]),
            jobs,
            plain(&run["message"]),
        ]);
    }
    Some(columns(&rows, &[]))
}

/// Milliseconds since 1970 as clocks of a zone show them, or as UTC; nothing for null.
fn moment(millis: &Value, zone: Option<&str>) -> String {
    let Some(millis) = millis.as_i64() else { return String::new() };
    match Zone::parse("timeZone", zone.unwrap_or("UTC")) {
        Ok(zone) => zone.local(Timestamp::from_millis(millis)),
        // A newer server may know a zone that this command does not.
        Err(_) => millis.to_string(),
    }
}
