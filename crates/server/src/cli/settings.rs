//! `forebay settings`: what is kept, what an execution may say and how much of the disk stays free.
//! Administrators only.

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Map, Value};

use super::client::Client;
use super::show::{columns, grouped, plain, say, say_json};

const SETTINGS: &str = "/forebay/api/v1/settings";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show every setting, what it means, and how full the disk is.
    Show,
    /// Set values. They hold at once, without a restart.
    Set {
        /// As `logsKeptDays=14`; `logsKeptDays=default` goes back to the default.
        #[arg(required = true, value_name = "NAME=VALUE")]
        changes: Vec<Change>,
    },
}

/// One `name=value`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    name: String,
    /// `None`: the default.
    value: Option<u64>,
}

impl FromStr for Change {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, value) = text.split_once('=').context("write it as name=value")?;
        let value = match value.trim() {
            "default" => None,
            number => Some(number.parse().context("the value must be a whole number or `default`")?),
        };
        Ok(Self { name: name.trim().to_owned(), value })
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        let settings = match self {
            Self::Show => client.get(SETTINGS).await?,
            Self::Set { changes } => {
                let mut body = Map::new();
                for Change { name, value } in changes {
                    body.insert(name, value.map_or_else(|| "default".into(), Value::from));
                }
                client.put(SETTINGS, &Value::Object(body)).await?
            }
        };
        if json {
            say_json(&settings)?
        } else {
            say(&table(&settings))?
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The settings as a table, and a line about the disk.
fn table(view: &Value) -> String {
    const MIB: u64 = 1024 * 1024;
    let mut rows = vec![["name", "value", "default", "meaning"].map(str::to_owned).to_vec()];
    for setting in view["settings"].as_array().into_iter().flatten() {
        let value = |field: &str| match &setting[field] {
            Value::Null => "automatic".to_owned(),
            value => plain(value),
        };
        rows.push(vec![
            plain(&setting["name"]),
            value("value"),
            value("default"),
            plain(&setting["meaning"]),
        ]);
    }
    let mut text = columns(&rows, &[1, 2]);
    let disk = &view["disk"];
    if disk.is_object() {
        let mib = |field: &str| grouped(disk[field].as_u64().unwrap_or_default() / MIB);
        text.push_str(&format!(
            "\n\nThe disk is {}: {} of {} MiB are free; executions begin with at least {} MiB, the alarm is at {} MiB.",
            plain(&disk["state"]),
            mib("freeBytes"),
            mib("totalBytes"),
            mib("minimumFreeBytes"),
            mib("alarmFreeBytes"),
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_a_name_and_a_number_or_the_default() {
        let change = |name: &str, value| Change { name: name.to_owned(), value };
        assert_eq!("logsKeptDays=7".parse::<Change>().unwrap(), change("logsKeptDays", Some(7)));
        assert_eq!("logsKeptDays = default".parse::<Change>().unwrap(), change("logsKeptDays", None));
        for wrong in ["logsKeptDays", "logsKeptDays=", "logsKeptDays=-1", "logsKeptDays=1.5"] {
            assert!(wrong.parse::<Change>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_follows_the_disk_is_shown_as_automatic() {
        let view = json!({
            "settings": [
                {"name": "logsKeptDays", "value": 7, "default": 30, "meaning": "Logs."},
                {"name": "diskMinimumFreeMib", "value": null, "default": null, "meaning": "Disk."},
            ],
            "disk": {"state": "LOW", "freeBytes": 1_048_576, "totalBytes": 2_147_483_648_u64,
                     "minimumFreeBytes": 107_374_182, "alarmFreeBytes": 214_748_364},
        });
        let expected = "\
name                    value    default  meaning
logsKeptDays                7         30  Logs.
diskMinimumFreeMib  automatic  automatic  Disk.

The disk is LOW: 1 of 2,048 MiB are free; executions begin with at least 102 MiB, the alarm is at 204 MiB.";
        assert_eq!(table(&view), expected);
    }
}
