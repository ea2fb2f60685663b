//! Data pools. Deleting one takes everything in it along.

use forebay_core::access::{Permission, Subject};
use forebay_core::error::Kind;
use forebay_core::id::DataPoolId;
use forebay_core::pool::DataPool;
use forebay_core::{Error, Result};

use crate::db::{self, Connection, Row};
use crate::{Store, executions};

/// The pools in which somebody holds one of several permissions.
pub(crate) const GRANTED: &str = "
    with held as materialized (
        select scope from held_permissions join json_each($3) as wanted on wanted.value = permission
        where holder_type = $1 and holder_id = $2
    )
    select * from data_pools
    where id in (select scope from held) or '' in (select scope from held)
    order by created_at, name, id";

impl Store {
    /// # Errors
    /// `Conflict` when the id is taken.
    pub async fn create_data_pool(&self, pool: &DataPool) -> Result<()> {
        self.transact(|transaction| insert(transaction, pool)).await
    }

    /// All data pools, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn data_pools(&self) -> Result<Vec<DataPool>> {
        let rows = db::query("select * from data_pools order by created_at, name, id")
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(data_pool).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn data_pool(&self, id: DataPoolId) -> Result<DataPool> {
        let row = db::query("select * from data_pools where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
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
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(not_found(pool.id)) } else { Ok(()) }
    }

    /// The data pools in which a subject holds one of these permissions, by itself or by a group, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn data_pools_granted(
        &self,
        subject: Subject,
        permissions: &[Permission],
    ) -> Result<Vec<DataPool>> {
        let (holder_type, holder) = db::subject_columns(subject);
        let rows = db::query(GRANTED)
            .bind(holder_type)
            .bind(holder)
            .bind(db::to_json(permissions)?)
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(data_pool).collect()
    }

    /// Deletes the pool with its connections, jobs, executions, parameters, models and grants, and notes that
    /// its files are to be removed.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while an execution of the pool is queued or running.
    pub async fn delete_data_pool(&self, id: DataPoolId) -> Result<()> {
        self.transact_much(move |transaction| {
            if let Some(live) = executions::live_in_pool(transaction, id)? {
                return Err(Error::conflict(format!(
                    "execution `{}` of this data pool is still {}; wait for it or cancel it first",
                    live.id,
                    executions::state(live.status)
                )));
            }
            let done = db::query("delete from data_pools where id = $1")
                .bind(id.to_string())
                .execute(transaction)
                .map_err(db::error)?;
            if done.rows_affected() == 0 {
                return Err(not_found(id));
            }
            db::query("insert into removed_data_pools (id) values ($1)")
                .bind(id.to_string())
                .execute(transaction)
                .map_err(db::error)?;
            Ok(())
        })
        .await
    }

    /// The pools that are deleted and whose files may still be there.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn removed_data_pools(&self) -> Result<Vec<DataPoolId>> {
        let rows = db::query("select id from removed_data_pools order by id")
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(|row| db::id(row, "id")).collect()
    }

    /// Says that the files of a deleted pool are gone.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn forget_removed_data_pool(&self, id: DataPoolId) -> Result<()> {
        db::query("delete from removed_data_pools where id = $1")
            .bind(id.to_string())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        Ok(())
    }
}

pub(crate) fn insert(transaction: &Connection, pool: &DataPool) -> Result<()> {
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
    .execute(transaction)
    .map(drop)
    .map_err(|error| db::error_or_duplicate(error, || format!("there already is a data pool `{}`", pool.id)))
}

pub(crate) fn not_found(id: DataPoolId) -> Error {
    Error::not_found(Kind::DataPool, id)
}

pub(crate) fn exists(connection: &Connection, id: DataPoolId) -> Result<bool> {
    let row = db::query("select 1 from data_pools where id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .map_err(db::error)?;
    Ok(row.is_some())
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
