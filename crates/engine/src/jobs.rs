//! Data jobs.

use std::collections::HashMap;

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Kind, Result};
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
        let latest = self.store().latest_executions(pool).await?;
        let mut latest: HashMap<DataJobId, Execution> =
            latest.into_iter().map(|execution| (execution.job_id, execution)).collect();
        Ok(jobs
            .into_iter()
            .map(|job| {
                let execution = latest.remove(&job.id);
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
    /// `NotFound`, `Forbidden`.
    pub async fn find_data_job(&self, caller: &Caller, job: DataJobId) -> Result<DataJob> {
        let found = self.store().find_data_job(job).await?;
        match self.pool_to_watch(caller, found.pool_id).await {
            Ok(_) => Ok(found),
            // To whoever may not see the pool, its jobs do not exist either.
            Err(Error::NotFound { .. }) => Err(Error::not_found(Kind::DataJob, job)),
            Err(error) => Err(error),
        }
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
    /// `NotFound`, `Forbidden`, `ExecutionIsLive`, `Conflict` while a schedule runs it.
    pub async fn delete_data_job(&self, caller: &Caller, pool: DataPoolId, job: DataJobId) -> Result<()> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        if let Some(name) = self.store().schedule_with_job(pool, job).await? {
            let reason =
                format!("the schedule `{name}` runs this data job; take it out of the schedule first");
            return Err(Error::conflict(reason));
        }
        self.store().delete_data_job(pool, job).await
    }
}
