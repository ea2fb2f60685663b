//! EMPTY and TINY: jobs that do nothing or next to nothing on a warm server, one after the other and many at a time.

use std::time::Instant;

use anyhow::Result;

use super::Bench;
use crate::forebay::{Forebay, Job};
use crate::meter::{Meter, Values};

impl Bench {
    /// Jobs without tasks.
    pub(super) async fn empty(&mut self) -> Result<()> {
        let server = self.server("empty")?;
        let mut jobs = Vec::new();
        for number in 0..self.at_a_time() {
            let pool = server.pool(&format!("Empty {number}")).await?;
            jobs.push(server.job(&pool).await?);
        }
        self.small_jobs("EMPTY", &server, &jobs).await
    }

    /// Jobs with the one statement `SELECT 1`, which their pools' workers run.
    pub(super) async fn tiny(&mut self) -> Result<()> {
        /// So many pools work at a time by default; each has a worker.
        const POOLS: u32 = 4;
        let server = self.server("tiny")?;
        let mut jobs = Vec::new();
        for number in 0..POOLS {
            let pool = server.pool(&format!("Tiny {number}")).await?;
            for _ in 0..self.at_a_time() / POOLS {
                let job = server.job(&pool).await?;
                server.transformation(&job, "SELECT 1").await?;
                jobs.push(job);
            }
        }
        self.small_jobs("TINY", &server, &jobs).await
    }

    fn at_a_time(&self) -> u32 {
        if self.is_small() { 4 } else { 32 }
    }

    async fn small_jobs(&mut self, case: &'static str, server: &Forebay, jobs: &[Job]) -> Result<()> {
        let (singles, each) = if self.is_small() { (5, 2) } else { (200, 50) };
        for job in jobs {
            server.run(job, "FULL").await?;
        }
        for round in 0..self.rounds {
            let mut times = Vec::new();
            for _ in 0..singles {
                let begun = Instant::now();
                let (ended, _) = server.run(&jobs[0], "FULL").await?;
                times.push(ended.duration_since(begun).as_secs_f64() * 1000.0);
            }
            times.sort_by(f64::total_cmp);
            let meter = Meter::of_server(server.pid(), None);
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
            let ended = Instant::now();
            let measured = meter.end(ended);
            let total = f64::from(each) * f64::from(u32::try_from(jobs.len())?);
            let values = Values::from([
                ("p50_ms", times[times.len() / 2]),
                ("p99_ms", times[(times.len() * 99 / 100).min(times.len() - 1)]),
                ("jobs_per_s", total / ended.duration_since(begun).as_secs_f64()),
                ("cpu_ms_per_job", measured["cpu_s"] * 1000.0 / total),
                ("peak_rss_mb", measured["peak_rss_mb"]),
            ]);
            self.note(case, "forebay", round, values, Vec::new());
        }
        Ok(())
    }
}
