//! STATUS and IDLE: a server that is asked how executions stand and opens the pages of their history, and one that does
//! nothing, with very many stored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::Bench;
use crate::browser::Browser;
use crate::forebay::{Forebay, Job};
use crate::machine;
use crate::meter::{Meter, Values, megabytes, milliseconds_at};
use crate::readers::{self, Read};

/// So many clients keep their connection open and ask one question after the other.
const CONNECTIONS: usize = 64;
/// So many jobs lie in each pool.
const JOBS_OF_POOL: usize = 16;

impl Bench {
    pub(super) async fn stored(&mut self, cases: &[&'static str]) -> Result<()> {
        let idle = cases.contains(&"IDLE");
        let mut server = self.server("stored")?;
        let mut new = Values::new();
        if idle {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let processes = machine::tree(server.pid());
            new.insert("rss_mb", megabytes(machine::resident(&processes)));
            new.insert("pss_mb", megabytes(machine::proportional(&processes)));
        }
        let (count, each) = if self.is_small() { (256, 2) } else { (100_000, 782) };
        let (jobs, of_executions) = store(&server, count, each).await?;
        if cases.contains(&"STATUS") {
            let of_jobs = Arc::new(jobs.iter().map(Read::of_jobs).collect());
            for round in 0..self.rounds {
                let mut values = self.status(&server, &of_executions).await?;
                let pools = self.status(&server, &of_jobs).await?;
                values.extend(self.history(&server, &jobs).await?);
                values.insert("pool_reads_per_s", pools["reads_per_s"]);
                values.insert("pool_p99_ms", pools["p99_ms"]);
                self.note("STATUS", "forebay", round, values, Vec::new());
            }
        }
        for round in 0..if idle { self.rounds } else { 0 } {
            let mut values = new.clone();
            let ready = server.restart().await?;
            values.insert("start_s", ready.as_secs_f64());
            tokio::time::sleep(Duration::from_secs(2)).await;
            values.insert("stored_rss_mb", megabytes(machine::resident(&machine::tree(server.pid()))));
            self.note("IDLE", "forebay", round, values, Vec::new());
        }
        Ok(())
    }

    async fn status(&self, server: &Forebay, reads: &Arc<Vec<Read>>) -> Result<Values> {
        let time = if self.is_small() { Duration::from_millis(500) } else { Duration::from_secs(10) };
        // Caches and connections as they are after a while.
        readers::run(server, reads, CONNECTIONS, time / 5).await?;
        let meter = Meter::of_server(server.pid(), None);
        let (begun, own) = (Instant::now(), machine::own_cpu());
        let mut times = readers::run(server, reads, CONNECTIONS, time).await?;
        let (ended, own) = (Instant::now(), machine::own_cpu() - own);
        let mut values = meter.end(ended);
        ensure!(!times.is_empty(), "no answer within {time:?}");
        times.sort_unstable();
        let count = f64::from(u32::try_from(times.len())?);
        let others = (values["others_cpu_s"] - own).max(0.0);
        values.insert("others_cpu_s", others);
        values.insert("generator_cpu_s", own);
        values.insert("generator_share", own / (own + values["cpu_s"]).max(0.01));
        values.insert("reads_per_s", count / ended.duration_since(begun).as_secs_f64());
        values.insert("p50_ms", milliseconds_at(&times, 50));
        values.insert("p99_ms", milliseconds_at(&times, 99));
        Ok(values)
    }

    /// How long the pages of the history take, of the server and of its pools: one after the other, as people open them.
    async fn history(&self, server: &Forebay, jobs: &[Job]) -> Result<Values> {
        let reads = if self.is_small() { 3 } else { 30 };
        let browser = Browser::signed_in(server).await?;
        let (mut of_all, mut of_pools) = (Vec::new(), Vec::new());
        for job in jobs.iter().cycle().step_by(JOBS_OF_POOL).take(reads) {
            of_all.push(browser.open("/history", "By job and day").await?);
            let place = format!("/integration/ui/pools/{}/history", job.pool);
            of_pools.push(browser.open(&place, &job.id).await?);
        }
        of_all.sort_unstable();
        of_pools.sort_unstable();
        Ok(Values::from([
            ("history_p50_ms", milliseconds_at(&of_all, 50)),
            ("history_p99_ms", milliseconds_at(&of_all, 99)),
            ("pool_history_p50_ms", milliseconds_at(&of_pools, 50)),
            ("pool_history_p99_ms", milliseconds_at(&of_pools, 99)),
        ]))
    }
}

/// Runs jobs without tasks until so many executions are stored, `each` of a job: fewer than a job keeps. Gives the jobs,
/// and the questions how each of the executions stands.
async fn store(server: &Forebay, count: usize, each: usize) -> Result<(Vec<Job>, Arc<Vec<Read>>)> {
    eprintln!("storing {count} executions");
    let mut jobs = Vec::new();
    while jobs.len() * each < count {
        let pool = server.pool(&format!("Stored {}", jobs.len())).await?;
        for _ in 0..JOBS_OF_POOL {
            jobs.push(server.job(&pool).await?);
        }
    }
    let runs = jobs.iter().enumerate().map(|(at, job)| {
        let wanted = count.saturating_sub(at * each).min(each);
        runs(server, job, wanted)
    });
    let ids: Vec<Vec<String>> = stream::iter(runs).buffer_unordered(CONNECTIONS).try_collect().await?;
    let of_executions: Vec<Read> = ids.iter().flatten().map(|id| Read::of_execution(id)).collect();
    ensure!(of_executions.len() == count, "{} executions instead of {count}", of_executions.len());
    Ok((jobs, Arc::new(of_executions)))
}

/// Runs a job so often, and gives the ids of its executions.
pub(super) async fn runs(server: &Forebay, job: &Job, count: usize) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let (_, state) = server.run(job, "FULL").await?;
        ids.push(state["id"].as_str().with_context(|| format!("no id in {state}"))?.to_owned());
    }
    Ok(ids)
}
