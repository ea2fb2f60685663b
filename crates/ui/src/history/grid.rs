//! Jobs and days: how many executions there were, and the worst state among them.

use forebay_core::history::{Day, Runs};
use forebay_engine::{History, JobHistory};

use super::place;
use super::question::Asked;
use crate::words::{Badge, number};

pub(super) struct Grid {
    /// The newest first.
    pub(super) days: Vec<Head>,
    pub(super) rows: Vec<Row>,
}

/// The head of a day's column.
pub(super) struct Head {
    /// As a machine reads it.
    pub(super) date: String,
    /// The day and the month, as `11-30`.
    pub(super) short: String,
}

/// A job.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) place: String,
    /// Days without an execution are `None`.
    pub(super) cells: Vec<Option<Cell>>,
}

/// The executions of one job and day.
pub(super) struct Cell {
    pub(super) place: String,
    pub(super) count: String,
    /// Repeats the worst state for whoever sees no colours; nothing when all succeeded.
    pub(super) mark: &'static str,
    pub(super) look: &'static str,
    /// How many stand in which way, and when.
    pub(super) text: String,
}

impl Grid {
    pub(super) fn of(history: &History, asked: &Asked, is_of_all: bool) -> Self {
        let length = history.from.until(history.to);
        let days: Vec<Day> = (0..=length).map(|before| history.to.plus(-before)).collect();
        let row = |found: &JobHistory| {
            let job = &found.job;
            let name = match history.pools.get(&job.pool_id) {
                Some(pool) if is_of_all => format!("{} / {}", pool.name, job.name),
                _ => job.name.to_string(),
            };
            let cell = |day: &Day| found.days.get(day).map(|runs| Cell::of(found, *day, runs, asked));
            Row {
                name,
                place: crate::job::place(job.pool_id, job.id),
                cells: days.iter().map(cell).collect(),
            }
        };
        let rows = history.jobs.iter().map(row).collect();
        let head = |day: &Day| {
            let date = day.to_string();
            Head { short: date.get(5..).unwrap_or_default().to_owned(), date }
        };
        Self { days: days.iter().map(head).collect(), rows }
    }
}

impl Cell {
    fn of(found: &JobHistory, day: Day, runs: &Runs, asked: &Asked) -> Self {
        let date = day.to_string();
        let changes = [
            ("jobId", Some(found.job.id.to_string())),
            ("from", Some(date.clone())),
            ("to", Some(date.clone())),
            ("page", None),
            ("jobs", None),
        ];
        let told: Vec<String> = runs
            .iter()
            .map(|(status, count)| format!("{} {}", number(count), Badge::from(status).text))
            .collect();
        let look = runs.worst().map_or("good", |status| Badge::from(status).look);
        let mark = match look {
            "good" => "",
            "bad" => "!",
            "ended" => "–",
            _ => "…",
        };
        Self {
            place: format!("{}#executions", asked.address(&place(found.job.pool_id), &changes)),
            count: number(runs.count()),
            mark,
            look,
            text: format!("{date}: {}", told.join(", ")),
        }
    }
}
