//! Data jobs.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Result};
use forebay_core::execution::Execution;
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId};
use forebay_core::job::DataJob;
use forebay_core::name::Name;

use crate::Engine;

impl Engine {
    /// The jobs of a pool, each with its newest execution.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_jobs(
        &self,
        caller: &Caller,
        pool: DataPoolId,
    ) -> Result<Vec<(DataJob, Option<Execution>)>> {
        self.pool_to_watch(caller, pool).await?;
        let jobs = self.store().data_jobs(pool).await?;
        let mut latest = self.store().latest_executions(pool).await?;
        Ok(jobs
            .into_iter()
            .map(|job| {
                let place = latest.iter().position(|execution| execution.job_id == job.id);
                let execution = place.map(|place| latest.swap_remove(place));
                (job, execution)
            })
            .collect())
    }

    /// A job with its newest execution.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_job(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
    ) -> Result<(DataJob, Option<Execution>)> {
        self.pool_to_watch(caller, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        let latest = self.store().latest_execution(job.id).await?;
        Ok((job, latest))
    }

    /// A job wherever it lies, if the caller may see it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_data_job(&self, caller: &Caller, job: DataJobId) -> Result<DataJob> {
        for pool in self.data_pools(caller).await? {
            match self.store().data_job(pool.id, job).await {
                Ok(found) => return Ok(found),
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::not_found(forebay_core::error::Kind::DataJob, job))
    }

    /// # Errors
    /// `NotFound` (the connection too), `Forbidden`.
    pub async fn create_data_job(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        name: Name,
        connection: Option<DataConnectionId>,
    ) -> Result<DataJob> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        if let Some(connection) = connection {
            self.store().data_connection(pool, connection).await?;
        }
        let job = DataJob {
            id: DataJobId::random(),
            pool_id: pool,
            connection_id: connection,
            name,
            created_at: self.now(),
        };
        self.store().create_data_job(&job).await?;
        Ok(job)
    }

    /// Renames a job; `None` leaves the name.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn update_data_job(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        job: DataJobId,
        name: Option<Name>,
    ) -> Result<(DataJob, Option<Execution>)> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let mut job = self.store().data_job(pool, job).await?;
        job.name = name.unwrap_or(job.name);
        self.store().update_data_job(&job).await?;
        let latest = self.store().latest_execution(job.id).await?;
        Ok((job, latest))
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `ExecutionIsLive`.
    pub async fn delete_data_job(&self, caller: &Caller, pool: DataPoolId, job: DataJobId) -> Result<()> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let job = self.store().data_job(pool, job).await?;
        if let Some(live) = self.store().live_execution(job.id).await? {
            return Err(Error::ExecutionIsLive { execution: live.id, state: live.status.as_str() });
        }
        self.store().delete_data_job(pool, job.id).await
    }
}
