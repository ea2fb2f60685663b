//! Data jobs. Their tasks, executions and logs go with them.
//!
//! The jobs that the server keeps for models and pushes lie in the same table; no call for data jobs sees them.

use forebay_core::Timestamp;
use forebay_core::error::Kind;
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_core::job::{DataJob, JobPurpose};
use forebay_core::name::Name;
use forebay_core::{Error, Result};

use crate::db::{self, Connection, Query, Row};
use crate::{Store, connections, executions, pools};

impl Store {
    /// # Errors
    /// `NotFound` for the pool or the connection.
    pub async fn create_data_job(&self, job: &DataJob) -> Result<()> {
        match insertion(job).execute_on(self.write()).await {
            Ok(_) => Ok(()),
            Err(error) if db::is_foreign_key(&error) => Err(self.missing_parent(job).await),
            Err(error) => {
                Err(db::error_or_duplicate(error, || format!("there already is a data job `{}`", job.id)))
            }
        }
    }

    /// The jobs of a pool, the oldest first; those of one moment as they were added.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn data_jobs(&self, pool: DataPoolId) -> Result<Vec<DataJob>> {
        self.scan(move |connection| {
            let rows = db::query(
                "select * from data_jobs where pool_id = $1 and purpose = $2 order by created_at, rowid",
            )
            .bind(pool.to_string())
            .bind(JobPurpose::DataJob.as_str())
            .fetch_all(connection)
            .map_err(db::error)?;
            rows.iter().map(data_job).collect()
        })
        .await
    }

    /// # Errors
    /// `NotFound`.
    pub async fn data_job(&self, pool: DataPoolId, id: DataJobId) -> Result<DataJob> {
        let row = db::query("select * from data_jobs where pool_id = $1 and id = $2 and purpose = $3")
            .bind(pool.to_string())
            .bind(id.to_string())
            .bind(JobPurpose::DataJob.as_str())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        data_job(&row.ok_or_else(|| not_found(id))?)
    }

    /// A job, whichever pool it lies in.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_data_job(&self, id: DataJobId) -> Result<DataJob> {
        let row = db::query("select * from data_jobs where id = $1 and purpose = $2")
            .bind(id.to_string())
            .bind(JobPurpose::DataJob.as_str())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        data_job(&row.ok_or_else(|| not_found(id))?)
    }

    /// What the executions of a job are for, whoever may see it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn job_purpose(&self, id: DataJobId) -> Result<JobPurpose> {
        let row = db::query("select purpose from data_jobs where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        db::word(&row.ok_or_else(|| not_found(id))?, "purpose")
    }

    /// Writes the name and the connection.
    ///
    /// # Errors
    /// `NotFound` for the job or the connection.
    pub async fn update_data_job(&self, job: &DataJob) -> Result<()> {
        match change(job).execute_on(self.write()).await {
            Ok(done) if done.rows_affected() == 0 => Err(not_found(job.id)),
            Ok(_) => Ok(()),
            Err(error) if db::is_foreign_key(&error) => Err(self.missing_parent(job).await),
            Err(error) => Err(db::error(error)),
        }
    }

    /// Deletes the job with its tasks, their parameters, its executions and their logs.
    ///
    /// # Errors
    /// `NotFound`; `ExecutionIsLive` while one is queued or running.
    pub async fn delete_data_job(&self, pool: DataPoolId, id: DataJobId) -> Result<()> {
        self.transact_much(move |transaction| {
            if remove(transaction, pool, id, JobPurpose::DataJob)? { Ok(()) } else { Err(not_found(id)) }
        })
        .await
    }

    /// Which of the things a job refers to does not exist.
    async fn missing_parent(&self, job: &DataJob) -> Error {
        match (self.data_pool(job.pool_id).await, job.connection_id) {
            (Err(error), _) => error,
            (Ok(_), Some(connection)) => connections::not_found(connection),
            (Ok(_), None) => pools::not_found(job.pool_id),
        }
    }
}

/// The statement that adds a data job.
pub(crate) fn insertion(job: &DataJob) -> Query {
    db::query(
        "insert into data_jobs (id, pool_id, connection_id, name, created_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(job.id.to_string())
    .bind(job.pool_id.to_string())
    .bind(job.connection_id.map(|id| id.to_string()))
    .bind(job.name.as_str())
    .bind(job.created_at.as_millis())
}

/// The statement that writes a data job's name and connection.
pub(crate) fn change(job: &DataJob) -> Query {
    let sql =
        "update data_jobs set name = $3, connection_id = $4 where pool_id = $1 and id = $2 and purpose = $5";
    db::query(sql)
        .bind(job.pool_id.to_string())
        .bind(job.id.to_string())
        .bind(job.name.as_str())
        .bind(job.connection_id.map(|id| id.to_string()))
        .bind(JobPurpose::DataJob.as_str())
}

/// Adds a job that the server keeps for something else of the pool, in the transaction that adds this. It has no
/// tasks: its executions bring theirs.
pub(crate) fn keep(
    transaction: &Connection,
    pool: DataPoolId,
    id: DataJobId,
    name: &Name,
    purpose: JobPurpose,
    created_at: Timestamp,
) -> Result<()> {
    db::query("insert into data_jobs (id, pool_id, name, created_at, purpose) values ($1, $2, $3, $4, $5)")
        .bind(id.to_string())
        .bind(pool.to_string())
        .bind(name.as_str())
        .bind(created_at.as_millis())
        .bind(purpose.as_str())
        .execute(transaction)
        .map(drop)
        .map_err(|error| match db::is_foreign_key(&error) {
            true => pools::not_found(pool),
            false => db::error_or_duplicate(error, || format!("there already is a data job `{id}`")),
        })
}

/// Removes a job of this purpose with all that is its own; `false` when there is none.
///
/// # Errors
/// `ExecutionIsLive` while one is queued or running.
pub(crate) fn remove(
    transaction: &Connection,
    pool: DataPoolId,
    id: DataJobId,
    purpose: JobPurpose,
) -> Result<bool> {
    if let Some(live) = executions::live(transaction, id)?
        && live.pool_id == pool
    {
        return Err(executions::is_live(&live));
    }
    let done = db::query("delete from data_jobs where pool_id = $1 and id = $2 and purpose = $3")
        .bind(pool.to_string())
        .bind(id.to_string())
        .bind(purpose.as_str())
        .execute(transaction)
        .map_err(db::error)?;
    Ok(done.rows_affected() > 0)
}

pub(crate) fn not_found(id: DataJobId) -> Error {
    Error::not_found(Kind::DataJob, id)
}

pub(crate) fn data_job(row: &Row) -> Result<DataJob> {
    Ok(DataJob {
        id: db::id(row, "id")?,
        pool_id: db::id(row, "pool_id")?,
        connection_id: db::optional_id(row, "connection_id")?,
        name: db::name(row)?,
        created_at: db::time(row, "created_at")?,
    })
}
