//! What was executed in the last days, in one pool or in all that the caller may watch.

use std::collections::{BTreeMap, HashMap};

use forebay_core::access::Caller;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::execution::{Execution, ExtractionMode, Status};
use forebay_core::history::{Day, HistoryFilter, Runs};
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_core::job::DataJob;
use forebay_core::pool::DataPool;

use crate::Engine;

/// The days that are told when nobody says which.
const DAYS: i64 = 30;
/// The most days that are told.
const DAYS_LIMIT: i64 = 92;
/// The executions of a job that its trend is made of.
const TREND: u32 = 20;

/// What of the history is asked for. Nothing said: all of the last 30 days.
#[derive(Clone, Debug, Default)]
pub struct HistoryQuestion {
    pub pool: Option<DataPoolId>,
    pub job: Option<DataJobId>,
    pub status: Option<Status>,
    pub mode: Option<ExtractionMode>,
    pub from: Option<Day>,
    pub to: Option<Day>,
    /// Executions on a page, and the page's number from 0.
    pub executions: (u32, u32),
    /// Jobs on a page, and the page's number from 0.
    pub jobs: (usize, usize),
}

/// What was executed. Only data jobs count: reloads and pushes are not told.
#[derive(Clone, Debug)]
pub struct History {
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// Those of which something is told, by their ids.
    pub pools: HashMap<DataPoolId, DataPool>,
    /// All that have executions in these days, sorted by the names of their pools and their own.
    pub choices: Vec<DataJob>,
    /// A page of those of `choices` that are asked for.
    pub jobs: Vec<JobHistory>,
    /// How many jobs are on all pages.
    pub job_count: usize,
    /// A page of the executions, the newest first.
    pub executions: Vec<Execution>,
    /// How many executions are on all pages.
    pub execution_count: u64,
}

/// One job, day by day.
#[derive(Clone, Debug)]
pub struct JobHistory {
    pub job: DataJob,
    /// Days without an execution are missing.
    pub days: BTreeMap<Day, Runs>,
    /// Its last executions that succeeded, the oldest first, with the rows that they read.
    pub trend: Vec<(Execution, u64)>,
}

impl Engine {
    /// What was executed.
    ///
    /// # Errors
    /// `NotFound` for the pool or the job, `Forbidden`, `Invalid` for the days.
    pub async fn history(&self, caller: &Caller, asked: &HistoryQuestion) -> Result<History> {
        let watched = match asked.pool {
            Some(pool) => vec![self.pool_to_watch(caller, pool).await?],
            None => self.data_pools(caller).await?,
        };
        if let Some(job) = asked.job {
            let found = self.find_data_job(caller, job).await?;
            if asked.pool.is_some_and(|pool| pool != found.pool_id) {
                return Err(Error::not_found(Kind::DataJob, job));
            }
        }
        let (from, to) = days(asked, Day::of(self.now()))?;
        let pools = watched.iter().map(|pool| pool.id).collect();
        let filter = HistoryFilter { pools, from, to, status: asked.status, mode: asked.mode };
        let mut by_job: HashMap<DataJobId, BTreeMap<Day, Runs>> = HashMap::new();
        for counted in self.store().runs_by_day(&filter).await? {
            let days = by_job.entry(counted.job).or_default();
            days.entry(counted.day).or_default().add(counted.status, counted.runs);
        }
        let ids: Vec<DataJobId> = by_job.keys().copied().collect();
        let mut choices = self.store().data_jobs_by_ids(&ids).await?;
        let pools: HashMap<DataPoolId, DataPool> = watched.into_iter().map(|pool| (pool.id, pool)).collect();
        choices.sort_by_cached_key(|job| {
            let pool = pools.get(&job.pool_id).map(|pool| pool.name.to_string().to_lowercase());
            (pool, job.name.to_string().to_lowercase(), job.id)
        });
        let wanted: Vec<&DataJob> =
            choices.iter().filter(|job| asked.job.is_none_or(|wanted| wanted == job.id)).collect();
        let execution_count = wanted
            .iter()
            .filter_map(|job| by_job.get(&job.id))
            .flat_map(BTreeMap::values)
            .map(Runs::count)
            .sum();
        let (limit, page) = asked.jobs;
        let shown: Vec<DataJob> =
            wanted.iter().skip(limit.saturating_mul(page)).take(limit).copied().cloned().collect();
        let job_count = wanted.len();
        let mut trends = self.trends(&shown, &filter).await?;
        let (limit, page) = asked.executions;
        let executions = self.store().executions_in_history(&filter, asked.job, limit, page).await?;
        let jobs = shown.into_iter().map(|job| JobHistory {
            days: by_job.remove(&job.id).unwrap_or_default(),
            trend: trends.remove(&job.id).unwrap_or_default(),
            job,
        });
        let jobs = jobs.collect();
        Ok(History { from, to, pools, choices, jobs, job_count, executions, execution_count })
    }

    async fn trends(
        &self,
        jobs: &[DataJob],
        filter: &HistoryFilter,
    ) -> Result<HashMap<DataJobId, Vec<(Execution, u64)>>> {
        let ids: Vec<DataJobId> = jobs.iter().map(|job| job.id).collect();
        let mut trends: HashMap<DataJobId, Vec<(Execution, u64)>> = HashMap::new();
        for (execution, rows) in self.store().latest_successes(&ids, filter, TREND).await? {
            trends.entry(execution.job_id).or_default().push((execution, rows));
        }
        Ok(trends)
    }
}

/// The days that are meant, the first and the last.
fn days(asked: &HistoryQuestion, today: Day) -> Result<(Day, Day)> {
    let (from, to) = match (asked.from, asked.to) {
        (Some(from), Some(to)) => (from, to),
        (Some(from), None) => (from, today.max(from)),
        (None, Some(to)) => (to.plus(1 - DAYS), to),
        (None, None) => (today.plus(1 - DAYS), today),
    };
    if from > to {
        return Err(Error::invalid("from", format!("is after the last day, {to}")));
    }
    if from.until(to) >= DAYS_LIMIT {
        let reason = format!("is more than {DAYS_LIMIT} days before the last day, {to}");
        return Err(Error::invalid("from", reason));
    }
    Ok((from, to))
}
