//! Pools and jobs at a glance, for clients that list them.

use std::collections::HashMap;

use forebay_core::access::{Caller, Permission};
use forebay_core::connection::DataConnection;
use forebay_core::error::{Error, Result};
use forebay_core::execution::Execution;
use forebay_core::id::DataPoolId;
use forebay_core::job::DataJob;
use forebay_core::oauth::Action;
use forebay_core::pool::DataPool;

use crate::Engine;

/// The most pools of one page.
const PAGE_LIMIT: usize = 1_000;

/// A pool at a glance.
#[derive(Clone, Debug)]
pub struct PoolOverview {
    pub pool: DataPool,
    /// The newest execution of its jobs.
    pub latest: Option<Execution>,
    /// None for whoever may only run jobs.
    pub connections: Vec<DataConnection>,
}

/// A job at a glance.
#[derive(Clone, Debug)]
pub struct JobOverview {
    pub job: DataJob,
    pub latest: Option<Execution>,
    pub transformations: u64,
}

impl Engine {
    /// A page of the pools that the caller may see, and how many these are. `page` counts from 0; past the end
    /// there is an empty one.
    ///
    /// # Errors
    /// `Forbidden`; `Invalid` for the limit.
    pub async fn data_pool_page(
        &self,
        caller: &Caller,
        limit: usize,
        page: usize,
    ) -> Result<(Vec<PoolOverview>, usize)> {
        if limit == 0 || limit > PAGE_LIMIT {
            return Err(Error::invalid("limit", format!("must be from 1 to {PAGE_LIMIT}")));
        }
        let pools = self.data_pools(caller).await?;
        let count = pools.len();
        let mut overviews = Vec::new();
        for pool in pools.into_iter().skip(limit.saturating_mul(page)).take(limit) {
            let may_see = self.permissions_in(caller, pool.id).await?.contains(&Permission::View)
                && Self::lets(caller, Action::Read).is_ok();
            let connections = match may_see {
                true => self.store().data_connections(pool.id).await?,
                false => Vec::new(),
            };
            let latest = self.store().latest_executions(pool.id).await?.into_iter().next();
            overviews.push(PoolOverview { pool, latest, connections });
        }
        Ok((overviews, count))
    }

    /// The jobs of a pool at a glance.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_job_overviews(&self, caller: &Caller, pool: DataPoolId) -> Result<Vec<JobOverview>> {
        let jobs = self.data_jobs(caller, pool).await?;
        let counts: HashMap<_, _> = self.store().transformation_counts(pool).await?.into_iter().collect();
        let overview = |(job, latest): (DataJob, Option<Execution>)| JobOverview {
            transformations: counts.get(&job.id).copied().unwrap_or_default(),
            job,
            latest,
        };
        Ok(jobs.into_iter().map(overview).collect())
    }
}
