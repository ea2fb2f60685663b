//! Data jobs. Their tasks, executions and logs go with them.

use forebay_core::error::Kind;
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_core::job::DataJob;
use forebay_core::{Error, Result};

use crate::db::{self, Row};
use crate::{Store, connections, executions, pools};

impl Store {
    /// # Errors
    /// `NotFound` for the pool or the connection.
    pub async fn create_data_job(&self, job: &DataJob) -> Result<()> {
        let done = db::query(
            "insert into data_jobs (id, pool_id, connection_id, name, created_at) values ($1, $2, $3, $4, $5)",
        )
        .bind(job.id.to_string())
        .bind(job.pool_id.to_string())
        .bind(job.connection_id.map(|id| id.to_string()))
        .bind(job.name.as_str())
        .bind(job.created_at.as_millis())
        .execute_on(self.write())
.await;
        match done {
            Ok(_) => Ok(()),
            Err(error) if db::is_foreign_key(&error) => Err(self.missing_parent(job).await),
            Err(error) => {
                Err(db::error_or_duplicate(error, || format!("there already is a data job `{}`", job.id)))
            }
        }
    }

    /// The jobs of a pool, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn data_jobs(&self, pool: DataPoolId) -> Result<Vec<DataJob>> {
        self.scan(move |connection| {
            let rows = db::query("select * from data_jobs where pool_id = $1 order by created_at, name, id")
                .bind(pool.to_string())
                .fetch_all(connection)
                .map_err(db::error)?;
            rows.iter().map(data_job).collect()
        })
        .await
    }

    /// # Errors
    /// `NotFound`.
    pub async fn data_job(&self, pool: DataPoolId, id: DataJobId) -> Result<DataJob> {
        let row = db::query("select * from data_jobs where pool_id = $1 and id = $2")
            .bind(pool.to_string())
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        data_job(&row.ok_or_else(|| not_found(id))?)
    }

    /// A job, whichever pool it lies in.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_data_job(&self, id: DataJobId) -> Result<DataJob> {
        let row = db::query("select * from data_jobs where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        data_job(&row.ok_or_else(|| not_found(id))?)
    }

    /// Writes the name and the connection.
    ///
    /// # Errors
    /// `NotFound` for the job or the connection.
    pub async fn update_data_job(&self, job: &DataJob) -> Result<()> {
        let done =
            db::query("update data_jobs set name = $3, connection_id = $4 where pool_id = $1 and id = $2")
                .bind(job.pool_id.to_string())
                .bind(job.id.to_string())
                .bind(job.name.as_str())
                .bind(job.connection_id.map(|id| id.to_string()))
                .execute_on(self.write())
                .await;
        match done {
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
            if let Some(live) = executions::live(transaction, id)?
                && live.pool_id == pool
            {
                return Err(executions::is_live(&live));
            }
            let done = db::query("delete from data_jobs where pool_id = $1 and id = $2")
                .bind(pool.to_string())
                .bind(id.to_string())
                .execute(transaction)
                .map_err(db::error)?;
            if done.rows_affected() == 0 {
                return Err(not_found(id));
            }
            Ok(())
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

pub(crate) fn not_found(id: DataJobId) -> Error {
    Error::not_found(Kind::DataJob, id)
}

fn data_job(row: &Row) -> Result<DataJob> {
    Ok(DataJob {
        id: db::id(row, "id")?,
        pool_id: db::id(row, "pool_id")?,
        connection_id: db::optional_id(row, "connection_id")?,
        name: db::name(row)?,
        created_at: db::time(row, "created_at")?,
    })
}
