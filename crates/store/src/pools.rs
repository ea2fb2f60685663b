//! Data pools. Deleting one takes everything in it along.

use forebay_core::error::Kind;
use forebay_core::id::DataPoolId;
use forebay_core::pool::DataPool;
use forebay_core::{Error, Result};

use crate::Store;
use crate::db::{self, Row};

impl Store {
    /// # Errors
    /// `Conflict` when the id is taken.
    pub async fn create_data_pool(&self, pool: &DataPool) -> Result<()> {
        let (created_by_type, created_by_id) = db::subject_columns(pool.created_by);
        db::query(
            "insert into data_pools (id, name, description, created_at, created_by_type, created_by_id)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(pool.id.to_string())
        .bind(pool.name.as_str())
        .bind(pool.description.as_deref())
        .bind(pool.created_at.as_millis())
        .bind(created_by_type)
        .bind(created_by_id)
        .execute(self.write())
        .await
        .map_err(|error| {
            db::error_or_duplicate(error, || format!("there already is a data pool `{}`", pool.id))
        })?;
        Ok(())
    }

    /// All data pools, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn data_pools(&self) -> Result<Vec<DataPool>> {
        let rows = db::query("select * from data_pools order by created_at, name, id")
            .fetch_all(self.read())
            .await
            .map_err(db::error)?;
        rows.iter().map(data_pool).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn data_pool(&self, id: DataPoolId) -> Result<DataPool> {
        let row = db::query("select * from data_pools where id = $1")
            .bind(id.to_string())
            .fetch_optional(self.read())
            .await
            .map_err(db::error)?;
        data_pool(&row.ok_or_else(|| not_found(id))?)
    }

    /// Writes the name and the description.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn update_data_pool(&self, pool: &DataPool) -> Result<()> {
        let done = db::query("update data_pools set name = $2, description = $3 where id = $1")
            .bind(pool.id.to_string())
            .bind(pool.name.as_str())
            .bind(pool.description.as_deref())
            .execute(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(not_found(pool.id)) } else { Ok(()) }
    }

    /// Deletes the pool with its connections, jobs, executions, parameters, models and grants.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_data_pool(&self, id: DataPoolId) -> Result<()> {
        let done = db::query("delete from data_pools where id = $1")
            .bind(id.to_string())
            .execute(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(not_found(id)) } else { Ok(()) }
    }
}

pub(crate) fn not_found(id: DataPoolId) -> Error {
    Error::not_found(Kind::DataPool, id)
}

fn data_pool(row: &Row) -> Result<DataPool> {
    Ok(DataPool {
        id: db::id(row, "id")?,
        name: db::name(row)?,
        description: db::get(row, "description")?,
        created_at: db::time(row, "created_at")?,
        created_by: db::subject(row, "created_by_type", "created_by_id")?,
    })
}
