//! LISTS: the list calls of the wire contract, with very many pools, jobs and executions stored.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::Bench;
use super::stored::runs;
use crate::forebay::{Forebay, Job};
use crate::meter::{Values, milliseconds_at};
use crate::readers::{self, Read};

/// So many requests are under way while things are made.
const AT_A_TIME: usize = 32;
/// So many clients ask, one question after the other.
const CLIENTS: usize = 2;

/// How much is stored. Most jobs lie in few pools and have run; every other pool has one job that never ran.
struct Stored {
    busy_pools: usize,
    quiet_pools: usize,
    jobs_of_busy: usize,
    runs: usize,
}

impl Bench {
    pub(super) async fn lists(&mut self) -> Result<()> {
        let stored = if self.is_small() {
            Stored { busy_pools: 2, quiet_pools: 8, jobs_of_busy: 6, runs: 2 }
        } else {
            Stored { busy_pools: 20, quiet_pools: 1_980, jobs_of_busy: 901, runs: 11 }
        };
        let server = self.server("lists")?;
        let kinds = stored.make(&server).await?;
        let time = Duration::from_millis(if self.is_small() { 200 } else { 5_000 });
        for round in 0..self.rounds {
            let mut values = Values::new();
            for (name, reads) in &kinds {
                readers::run(&server, reads, CLIENTS, time / 5).await?;
                let mut times = readers::run(&server, reads, CLIENTS, time).await?;
                ensure!(!times.is_empty(), "no answer within {time:?}");
                times.sort_unstable();
                values.insert(name, milliseconds_at(&times, 99));
            }
            self.note("LISTS", "forebay", round, values, Vec::new());
        }
        Ok(())
    }
}

impl Stored {
    /// Makes it, and gives the questions of each kind.
    async fn make(&self, server: &Forebay) -> Result<[(&'static str, Arc<Vec<Read>>); 4]> {
        let pools = self.busy_pools + self.quiet_pools;
        eprintln!(
            "storing {pools} pools, {} jobs and {} executions",
            self.busy_pools * self.jobs_of_busy + self.quiet_pools,
            self.busy_pools * self.jobs_of_busy * self.runs
        );
        let names = (0..pools).map(|at| format!("Pool {at}"));
        let pools: Vec<String> = stream::iter(names)
            .map(|name| async move { server.pool(&name).await })
            .buffer_unordered(AT_A_TIME)
            .try_collect()
            .await?;
        let homes = pools.iter().enumerate().flat_map(|(at, pool)| {
            let jobs = if at < self.busy_pools { self.jobs_of_busy } else { 1 };
            std::iter::repeat_n((at < self.busy_pools, pool), jobs)
        });
        let jobs: Vec<(bool, Job)> = stream::iter(homes)
            .map(|(busy, pool)| async move { Ok::<_, anyhow::Error>((busy, server.job(pool).await?)) })
            .buffer_unordered(AT_A_TIME)
            .try_collect()
            .await?;
        let busy: Vec<&Job> = jobs.iter().filter(|(busy, _)| *busy).map(|(_, job)| job).collect();
        let work = busy.iter().map(|job| runs(server, job, self.runs));
        stream::iter(work).buffer_unordered(AT_A_TIME).try_collect::<Vec<_>>().await?;
        let all_of = |read: fn(&Job) -> Read| Arc::new(busy.iter().map(|job| read(job)).collect::<Vec<_>>());
        Ok([
            ("pools_p99_ms", all_of(Read::of_pools)),
            ("jobs_p99_ms", all_of(Read::of_pool_jobs)),
            ("status_p99_ms", all_of(Read::of_jobs)),
            ("executions_p99_ms", all_of(Read::of_job_executions)),
        ])
    }
}
