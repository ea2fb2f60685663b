//! The cases: what is run, in turn, and what is checked after each run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::forebay::{Forebay, Job};
use crate::machine;
use crate::meter::{Meter, Values, megabytes};
use crate::peers::Peers;
use crate::report::{self, Sample};
use crate::source::postgres::{Facts, Postgres};
use crate::source::tpch;

/// Every case, in the order in which they run.
pub(crate) const ALL: [&str; 8] = ["F1", "F2", "D3", "D2", "D1", "T1000", "EMPTY", "IDLE"];

/// What the cases work with, and what they found.
pub(crate) struct Bench {
    pub(crate) source: Postgres,
    pub(crate) peers: Option<Peers>,
    pub(crate) peer_names: Vec<String>,
    pub(crate) rounds: u32,
    /// For data folders and loaded files; emptied as the cases go on.
    pub(crate) work: PathBuf,
    pub(crate) samples: Vec<Sample>,
    pub(crate) notes: Vec<String>,
}

impl Bench {
    /// Below this scale the cases that count are small: they show that they work, and measure nothing.
    fn is_small(&self) -> bool {
        self.source.scale < 0.1
    }

    fn server(&self, name: &str) -> Result<Forebay> {
        let folder = self.work.join(name);
        std::fs::create_dir_all(&folder)?;
        Forebay::start(&folder)
    }

    fn note(&mut self, case: &'static str, who: &str, round: u32, values: Values, wrong: Vec<String>) {
        let wall = values.get("wall_s").copied().unwrap_or_default();
        eprintln!("{case} {who} round {round}: {wall:.3} s {}", wrong.join("; "));
        self.samples.push(Sample { case, who: who.to_owned(), round, values, wrong });
    }

    /// Takes what a peer measured, or says that it failed.
    async fn peer_ran(
        &mut self,
        case: &'static str,
        who: &str,
        round: u32,
        ran: Result<Values>,
        file: &Path,
        tables: &[&str],
    ) -> Result<()> {
        let mut values = match ran {
            Ok(values) => values,
            Err(error) => {
                self.notes.push(format!("{case} {who}: {error:#}"));
                return Ok(());
            }
        };
        values.insert("file_mb", megabytes(std::fs::metadata(file)?.len()));
        let mut wrong = Vec::new();
        for table in tables {
            let amount = tpch::amount(table);
            let expected = self.source.facts(table, amount).await?;
            let Some(peers) = &self.peers else { bail!("a peer ran without an environment") };
            wrong.extend(differs(table, &expected, &peers.facts(file, table, amount)?));
        }
        self.note(case, who, round, values, wrong);
        Ok(())
    }

    async fn we_ran(&self, server: &Forebay, job: &Job, tables: &[&str]) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        for table in tables {
            let amount = tpch::amount(table);
            let expected = self.source.facts(table, amount).await?;
            wrong.extend(differs(table, &expected, &server.facts(job, table, amount).await?));
        }
        Ok(wrong)
    }

    /// F1, F2: whole tables into a new pool or file, in turn.
    pub(crate) async fn full(&mut self, case: &'static str, tables: &[&str]) -> Result<()> {
        let server = self.server(case)?;
        let wanted: Value =
            tables.iter().map(|table| json!({"tableName": table, "schemaName": "public"})).collect();
        for round in 0..self.rounds {
            let job = server.extraction(&format!("{case} {round}"), &self.source, &wanted).await?;
            let meter = Meter::of_server(server.pid(), self.source.pid());
            let (ended, _) = server.run(&job, "FULL").await?;
            let mut values = meter.end(ended);
            values.insert("file_mb", largest_mb(&server.data));
            let wrong = self.we_ran(&server, &job, tables).await?;
            self.note(case, "forebay", round, values, wrong);
            server.forget(&job).await?;
            for peer in self.peer_names.clone() {
                let file = self.work.join(format!("{peer}.duckdb"));
                remove(&file)?;
                let Some(peers) = &self.peers else { break };
                let ran = peers.load(&peer, "full", &file, &self.source.url(), self.source.pid(), tables);
                self.peer_ran(case, &peer, round, ran, &file, tables).await?;
                remove(&file)?;
            }
        }
        Ok(())
    }

    /// D3, D2, D1: one table that changes between the runs; the same change for everybody.
    pub(crate) async fn delta(&mut self, cases: &[&'static str]) -> Result<()> {
        let table = "orders_d";
        self.source.make_delta(table, 1.0).await?;
        let rows = self.source.facts(table, "o_totalprice").await?.rows;
        let server = self.server("delta")?;
        let wanted = json!([{"tableName": table, "schemaName": "public", "changeDateColumn": "updated_at"}]);
        let job = server.extraction("Delta", &self.source, &wanted).await?;
        server.run(&job, "DELTA").await?;
        for peer in self.peer_names.clone() {
            let file = self.work.join(format!("{peer}.duckdb"));
            remove(&file)?;
            let Some(peers) = &self.peers else { break };
            let ran = peers.load(&peer, "delta", &file, &self.source.url(), self.source.pid(), &[table]);
            self.peer_ran("D0", &peer, 0, ran, &file, &[table]).await?;
        }
        let mut step = 0;
        for (case, changed, added) in [("D3", 0, 0), ("D2", rows / 10_000, 0), ("D1", rows / 100, rows / 100)]
        {
            if !cases.contains(&case) {
                continue;
            }
            for round in 0..self.rounds {
                if changed > 0 {
                    step += 1;
                    self.source.change(table, step, changed, added).await?;
                }
                let meter = Meter::of_server(server.pid(), self.source.pid());
                let (ended, _) = server.run(&job, "DELTA").await?;
                let mut values = meter.end(ended);
                values.insert("file_mb", largest_mb(&server.data));
                let wrong = self.we_ran(&server, &job, &[table]).await?;
                self.note(case, "forebay", round, values, wrong);
                for peer in self.peer_names.clone() {
                    let file = self.work.join(format!("{peer}.duckdb"));
                    let Some(peers) = &self.peers else { break };
                    let ran =
                        peers.load(&peer, "delta", &file, &self.source.url(), self.source.pid(), &[table]);
                    self.peer_ran(case, &peer, round, ran, &file, &[table]).await?;
                }
            }
        }
        Ok(())
    }

    /// T1000: many tables of 100 rows in one extraction.
    pub(crate) async fn many(&mut self) -> Result<()> {
        let count: u32 = if self.is_small() { 20 } else { 1000 };
        self.source.make_many(count as usize).await?;
        let server = self.server("many")?;
        let names = (1..=count).map(|number| format!("t{number}"));
        let wanted: Value = names.map(|name| json!({"tableName": name, "schemaName": "many"})).collect();
        for round in 0..self.rounds {
            let job = server.extraction(&format!("Many {round}"), &self.source, &wanted).await?;
            let meter = Meter::of_server(server.pid(), self.source.pid());
            let (ended, state) = server.run(&job, "FULL").await?;
            let mut values = meter.end(ended);
            values.insert("table_ms", values["wall_s"] * 1000.0 / f64::from(count));
            let steps = state["tasks"][0]["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
            let whole = steps.iter().filter(|step| step["receipt"]["rowsAfter"] == 100).count();
            let mut wrong = Vec::new();
            if whole != count as usize {
                wrong.push(format!("{whole} of {count} tables have 100 rows"));
            }
            self.note("T1000", "forebay", round, values, wrong);
            server.forget(&job).await?;
        }
        Ok(())
    }

    /// EMPTY: jobs without tasks on a warm server, one after the other, and many at a time.
    pub(crate) async fn empty(&mut self) -> Result<()> {
        let (singles, each, at_a_time) = if self.is_small() { (5, 2, 4) } else { (200, 50, 32) };
        let server = self.server("empty")?;
        let mut jobs = Vec::new();
        for number in 0..at_a_time {
            let job = server.empty_job(&format!("Empty {number}")).await?;
            server.run(&job, "FULL").await?;
            jobs.push(job);
        }
        for round in 0..self.rounds {
            let mut times = Vec::new();
            for _ in 0..singles {
                let begun = Instant::now();
                let (ended, _) = server.run(&jobs[0], "FULL").await?;
                times.push(ended.duration_since(begun).as_secs_f64() * 1000.0);
            }
            times.sort_by(f64::total_cmp);
            let begun = Instant::now();
            let posters = jobs.iter().map(|job| async {
                for _ in 0..each {
                    server.run(job, "FULL").await?;
                }
                anyhow::Ok(())
            });
            for ended in futures::future::join_all(posters).await {
                ended?;
            }
            let total = f64::from(each) * f64::from(u32::try_from(jobs.len())?);
            let values = Values::from([
                ("p50_ms", times[times.len() / 2]),
                ("p99_ms", times[(times.len() * 99 / 100).min(times.len() - 1)]),
                ("jobs_per_s", total / begun.elapsed().as_secs_f64()),
            ]);
            self.note("EMPTY", "forebay", round, values, Vec::new());
        }
        Ok(())
    }

    /// IDLE: the memory of a new server that does nothing.
    pub(crate) async fn idle(&mut self) -> Result<()> {
        let server = self.server("idle")?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let processes = machine::tree(server.pid());
        let values = Values::from([
            ("rss_mb", megabytes(machine::resident(&processes))),
            ("pss_mb", megabytes(machine::proportional(&processes))),
        ]);
        self.note("IDLE", "forebay", 0, values, Vec::new());
        Ok(())
    }
}

/// What differs between a source's table and its copy; amounts must be decimals.
fn differs(table: &str, expected: &Facts, (found, kind): &(Facts, String)) -> Option<String> {
    if expected == found && kind.starts_with("DECIMAL") {
        return None;
    }
    Some(format!("{table} is {found:?} of type {kind} and must be {expected:?}"))
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
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

/// Whether every run was right.
pub(crate) fn is_right(samples: &[report::Sample]) -> bool {
    samples.iter().all(|sample| sample.wrong.is_empty())
}
