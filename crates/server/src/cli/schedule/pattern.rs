//! A pattern on the command line: one option says which kind it is.

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
#[group(skip)]
pub(crate) struct Pattern {
    /// A cron expression of 6 or 7 fields: seconds, minutes, hours, day of month, month, day of week, year.
    #[arg(long, group = "pattern", value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Steps of elapsed time from the beginning of today: 15m or 6h.
    #[arg(long, group = "pattern", value_name = "INTERVAL")]
    every: Option<String>,
    /// Each day at a time: 02:30.
    #[arg(long, group = "pattern", value_name = "HH:MM")]
    daily: Option<String>,
    /// On days of the week: MON,FRI; with --at.
    #[arg(long, group = "pattern", value_name = "DAYS", value_delimiter = ',', requires = "at")]
    weekly: Vec<String>,
    /// On a day of the month: 1 to 31, or LAST; with --at.
    #[arg(long, group = "pattern", value_name = "DAY", requires = "at")]
    monthly: Option<String>,
    /// The time of --weekly and --monthly.
    #[arg(long, value_name = "HH:MM")]
    at: Option<String>,
    /// The time zone of the pattern.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(super) time_zone: String,
}

impl Pattern {
    /// As the API takes it.
    pub(super) fn to_json(&self) -> anyhow::Result<Value> {
        if let Some(expression) = &self.cron {
            return Ok(json!({"type": "CRON", "expression": expression}));
        }
        if let Some(interval) = &self.every {
            let (every, unit) = match (interval.strip_suffix('m'), interval.strip_suffix('h')) {
                (Some(minutes), _) => (minutes, "MINUTES"),
                (_, Some(hours)) => (hours, "HOURS"),
                _ => bail!("--every {interval} must be such as 15m or 6h"),
            };
            let every: u32 =
                every.parse().with_context(|| format!("--every {interval} must be such as 15m or 6h"))?;
            return Ok(json!({"type": "INTERVAL", "every": every, "unit": unit}));
        }
        if let Some(at) = &self.daily {
            return Ok(json!({"type": "DAILY", "at": at}));
        }
        if let Some(day) = &self.monthly {
            if day.eq_ignore_ascii_case("LAST") {
                return Ok(json!({"type": "MONTHLY", "lastDay": true, "at": self.at}));
            }
            let day: u8 = day
                .parse()
                .with_context(|| format!("--monthly {day} must be a day from 1 to 31, or LAST"))?;
            return Ok(json!({"type": "MONTHLY", "day": day, "at": self.at}));
        }
        let days: Vec<String> = self.weekly.iter().map(|day| day.trim().to_ascii_uppercase()).collect();
        Ok(json!({"type": "WEEKLY", "days": days, "at": self.at}))
    }
}
