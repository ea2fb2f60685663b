//! The cases: what is run, in turn, and what is checked after each run. One file for each kind of them.

mod delta;
mod full;
mod jobs;
mod lists;
mod many;
mod stored;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::forebay::{Forebay, Job};
use crate::meter::{Values, megabytes};
use crate::peers::Peers;
use crate::report::Sample;
use crate::source::{Facts, Source, Sources};

/// Every case, in the order in which they run; those of one group share a table or a server.
const GROUPS: [&[&str]; 11] = [
    &["F1"],
    &["F2"],
    &["F3"],
    &["D3", "D2", "D1"],
    &["T1000"],
    &["EMPTY"],
    &["TINY"],
    &["STATUS", "IDLE"],
    &["LISTS"],
    &["F1L"],
    &["D1L"],
];

/// The names of all cases.
pub(crate) fn all() -> Vec<&'static str> {
    GROUPS.concat()
}

/// What the cases work with, and what they found.
pub(crate) struct Bench {
    /// Of TPC-H.
    pub(crate) scale: f64,
    pub(crate) rounds: u32,
    pub(crate) peers: Peers,
    /// Whether tables that are dear to make are left for the next time.
    pub(crate) keep: bool,
    /// For data folders and loaded files; emptied as the cases go on.
    pub(crate) work: PathBuf,
    pub(crate) samples: Vec<Sample>,
    pub(crate) notes: Vec<String>,
    /// The versions of the databases that were read.
    pub(crate) versions: Vec<String>,
    /// Whether a case ended before its time; a note says why.
    pub(crate) is_broken: bool,
}

impl Bench {
    /// Runs the cases that are wanted. One that fails leaves a note, and the others run.
    pub(crate) async fn run(&mut self, wanted: &[String], sources: &mut Sources) {
        for group in GROUPS {
            let cases: Vec<&'static str> =
                group.iter().copied().filter(|case| wanted.iter().any(|name| name == case)).collect();
            if cases.is_empty() {
                continue;
            }
            if let Err(error) = self.group(&cases, sources).await {
                eprintln!("{}: {error:#}", cases.join(", "));
                self.notes.push(format!("{} ended early: {error:#}", cases.join(", ")));
                self.is_broken = true;
            }
        }
    }

    async fn group(&mut self, cases: &[&'static str], sources: &mut Sources) -> Result<()> {
        match cases[0] {
            "EMPTY" => return self.empty().await,
            "TINY" => return self.tiny().await,
            "STATUS" | "IDLE" => return self.stored(cases).await,
            "LISTS" => return self.lists().await,
            "F3" => {
                let mariadb = sources.mariadb().await?;
                self.versions.push(format!("MariaDB {}", mariadb.version));
                return self.full("F3", Source::Mariadb(&mariadb), &["lineitem"], self.rounds).await;
            }
            _ => {}
        }
        let postgres = sources.postgres().await?;
        let version = format!("PostgreSQL {}", postgres.version);
        if !self.versions.contains(&version) {
            self.versions.push(version);
        }
        match cases[0] {
            "F1" => self.full_of_postgres("F1", postgres, &["lineitem"]).await,
            "F2" => self.full_of_postgres("F2", postgres, &["orders", "customer", "lineitem"]).await,
            "F1L" => self.full_large(postgres).await,
            "D1L" => self.delta_large(postgres).await,
            "T1000" => self.many(postgres).await,
            _ => self.delta(postgres, cases).await,
        }
    }

    /// Below this scale the cases that count are small: they show that they work, and measure nothing.
    fn is_small(&self) -> bool {
        self.scale < 0.1
    }

    fn server(&self, name: &str) -> Result<Forebay> {
        let folder = self.work.join(name);
        std::fs::create_dir_all(&folder)?;
        Forebay::start(&folder)
    }

    fn note(&mut self, case: &'static str, who: &str, round: u32, values: Values, wrong: Vec<String>) {
        let shown: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
        eprintln!("{case} {who} round {round}: {} {}", shown.join(", "), wrong.join("; "));
        self.samples.push(Sample { case, who: who.to_owned(), round, values, wrong });
    }

    /// Runs each peer that knows the case, and checks what it loaded into its file.
    async fn peers_run(
        &mut self,
        case: &'static str,
        round: u32,
        source: Source<'_>,
        tables: &[&str],
    ) -> Result<()> {
        for peer in self.peers.of(case) {
            let file = self.file(peer);
            let mode = if case.starts_with('F') {
                remove(&file)?;
                "full"
            } else {
                "delta"
            };
            let mut values = match self.peers.load(peer, mode, &file, source, tables) {
                Ok(values) => values,
                Err(error) => {
                    eprintln!("{case} {peer}: {error:#}");
                    self.notes.push(format!("{case} {peer}, round {round}: {error:#}"));
                    continue;
                }
            };
            values.insert("file_mb", megabytes(std::fs::metadata(&file)?.len()));
            let mut wrong = Vec::new();
            for table in tables {
                let expected = source.facts(table).await?;
                wrong.extend(differs(table, &expected, &self.peers.facts(&file, table)?));
            }
            self.note(case, peer, round, values, wrong);
            if mode == "full" {
                remove(&file)?;
            }
        }
        Ok(())
    }

    /// Where a peer loads to.
    fn file(&self, peer: &str) -> PathBuf {
        self.work.join(format!("{peer}.duckdb"))
    }
}

/// What we loaded wrong.
async fn check(server: &Forebay, job: &Job, source: Source<'_>, tables: &[&str]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for table in tables {
        let expected = source.facts(table).await?;
        wrong.extend(differs(table, &expected, &server.facts(job, table).await?));
    }
    Ok(wrong)
}

/// What differs between a source's table and its copy; amounts must be decimals.
fn differs(table: &str, expected: &Facts, (found, kind): &(Facts, String)) -> Option<String> {
    if expected == found && kind.starts_with("DECIMAL") {
        return None;
    }
    Some(format!("{table} is {found:?} of type {kind} and must be {expected:?}"))
}

/// Tables to extract, as the API wants them.
fn named(tables: &[&str], schema: &str) -> Value {
    tables.iter().map(|table| json!({"tableName": table, "schemaName": schema})).collect()
}

/// The size of the largest file below a folder: the pool's.
fn largest_mb(folder: &Path) -> f64 {
    let mut largest = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => largest = largest.max(found.len()),
                Err(_) => {} // It went away meanwhile.
            }
        }
    }
    megabytes(largest)
}

fn remove(file: &Path) -> Result<()> {
    for file in [file.to_owned(), file.with_extension("duckdb.wal")] {
        if file.exists() {
            std::fs::remove_file(&file).with_context(|| file.display().to_string())?;
        }
    }
    Ok(())
}
