//! Executions of many jobs by the day in which they were queued. Those of the jobs that the server keeps for itself
//! are not among them.

use forebay_core::Result;
use forebay_core::execution::Execution;
use forebay_core::history::{CountedRuns, Day, HistoryFilter};
use forebay_core::id::DataJobId;
use forebay_core::job::DataJob;

use crate::Store;
use crate::db::{self, Query, Row};
use crate::executions::read_execution;
use crate::jobs::data_job;

/// A statement that counts executions of these pools. The values are the pools, the first moment and the one after the
/// last, a state and a mode.
macro_rules! runs_by_day {
    ($of_pools:literal) => {
        concat!(
            "select told.* from (
                 select job_id, queued_at / 86400000 as day, status, count(*) as runs from executions
                 where ",
            $of_pools,
            " and queued_at >= $2 and queued_at < $3 and ($4 is null or +status = $4) and ($5 is null or mode = $5)
                 group by job_id, day, status
             ) as told
             join data_jobs on data_jobs.id = told.job_id
             where data_jobs.purpose = 'DATA_JOB'"
        )
    };
}

/// A statement on a page of the executions of these pools: the same values, then how many and after how many.
macro_rules! executions_in_history {
    ($of_pools:literal) => {
        concat!(
            "select executions.* from executions where ",
            $of_pools,
            " and queued_at >= $2 and queued_at < $3 and ($4 is null or +status = $4) and ($5 is null or mode = $5)
                 and (select purpose from data_jobs where id = job_id) = 'DATA_JOB'
             order by queued_at desc, seq desc limit $6 offset $7"
        )
    };
}

/// Many pools are tested row by row (that is what the `+` is for): time is what narrows most.
pub(crate) const RUNS_BY_DAY: &str = runs_by_day!("+pool_id in (select value from json_each($1))");
pub(crate) const EXECUTIONS_IN_HISTORY: &str =
    executions_in_history!("+pool_id in (select value from json_each($1))");

/// One pool is found by itself: what was executed in the others costs it nothing.
pub(crate) const RUNS_BY_DAY_OF_POOL: &str = runs_by_day!("pool_id = (select value from json_each($1))");
pub(crate) const EXECUTIONS_IN_HISTORY_OF_POOL: &str =
    executions_in_history!("pool_id = (select value from json_each($1))");

pub(crate) const EXECUTIONS_OF_JOB_IN_HISTORY: &str = "
    select executions.* from executions
    where +pool_id in (select value from json_each($1)) and queued_at >= $2 and queued_at < $3
        and ($4 is null or +status = $4) and ($5 is null or mode = $5)
        and job_id = $8 and (select purpose from data_jobs where id = job_id) = 'DATA_JOB'
    order by queued_at desc, seq desc limit $6 offset $7";

pub(crate) const LATEST_SUCCESSES: &str = "
    select executions.*,
        (select coalesce(sum(row_count), 0) from step_executions where execution_id = executions.id) as rows_read
    from json_each($1) as asked
    cross join executions on executions.seq in (
        select seq from executions
        where job_id = asked.value and status = 'SUCCESS' and queued_at >= $2 and queued_at < $3
            and ($4 is null or mode = $4)
        order by queued_at desc, seq desc limit $5
    )
    where executions.started_at is not null
    order by executions.queued_at, executions.seq";

impl Store {
    /// How many executions of which job were queued in which day and stand how.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn runs_by_day(&self, filter: &HistoryFilter) -> Result<Vec<CountedRuns>> {
        let sql = if filter.pools.len() == 1 { RUNS_BY_DAY_OF_POOL } else { RUNS_BY_DAY };
        let query = filtered(sql, filter)?;
        self.scan(move |connection| {
            let rows = query.fetch_all(connection).map_err(db::error)?;
            rows.iter().map(counted_runs).collect()
        })
        .await
    }

    /// A page of the executions, the newest first (pages count from 0); of one job when it is given.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn executions_in_history(
        &self,
        filter: &HistoryFilter,
        job: Option<DataJobId>,
        limit: u32,
        page: u32,
    ) -> Result<Vec<Execution>> {
        let sql = match (job, filter.pools.len()) {
            (Some(_), _) => EXECUTIONS_OF_JOB_IN_HISTORY,
            (None, 1) => EXECUTIONS_IN_HISTORY_OF_POOL,
            (None, _) => EXECUTIONS_IN_HISTORY,
        };
        let query = filtered(sql, filter)?
            .bind(i64::from(limit))
            .bind(i64::from(limit) * i64::from(page))
            .bind(job.map(|job| job.to_string()));
        self.scan(move |connection| {
            let rows = query.fetch_all(connection).map_err(db::error)?;
            rows.iter().map(read_execution).collect()
        })
        .await
    }

    /// The last executions of each of these jobs that succeeded, at most so many of each, the oldest first, with the
    /// rows that their steps read. The filter's pools and state do not matter.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn latest_successes(
        &self,
        jobs: &[DataJobId],
        filter: &HistoryFilter,
        most_of_each: u32,
    ) -> Result<Vec<(Execution, u64)>> {
        let query = db::query(LATEST_SUCCESSES)
            .bind(db::to_json(jobs)?)
            .bind(filter.from.begins().as_millis())
            .bind(filter.to.plus(1).begins().as_millis())
            .bind(filter.mode.map(|mode| mode.as_str()))
            .bind(most_of_each);
        self.scan(move |connection| {
            let rows = query.fetch_all(connection).map_err(db::error)?;
            rows.iter().map(|row| Ok((read_execution(row)?, db::count(row, "rows_read")?))).collect()
        })
        .await
    }

    /// These data jobs, wherever they lie, in no order. What is none any more is left out.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn data_jobs_by_ids(&self, ids: &[DataJobId]) -> Result<Vec<DataJob>> {
        let query = db::query(
            "select * from data_jobs where id in (select value from json_each($1)) and purpose = 'DATA_JOB'",
        )
        .bind(db::to_json(ids)?);
        self.scan(move |connection| {
            let rows = query.fetch_all(connection).map_err(db::error)?;
            rows.iter().map(data_job).collect()
        })
        .await
    }
}

/// A statement with the values that all of them have first.
fn filtered(sql: &'static str, filter: &HistoryFilter) -> Result<Query> {
    Ok(db::query(sql)
        .bind(db::to_json(&filter.pools)?)
        .bind(filter.from.begins().as_millis())
        .bind(filter.to.plus(1).begins().as_millis())
        .bind(filter.status.map(|status| status.as_str()))
        .bind(filter.mode.map(|mode| mode.as_str())))
}

fn counted_runs(row: &Row) -> Result<CountedRuns> {
    Ok(CountedRuns {
        job: db::id(row, "job_id")?,
        day: Day::from_number(db::get(row, "day")?),
        status: db::word(row, "status")?,
        runs: db::count(row, "runs")?,
    })
}
