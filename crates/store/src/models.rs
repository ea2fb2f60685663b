//! Data models: their tables and foreign keys lie in the model's row.

use forebay_core::error::Kind;
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::model::DataModel;
use forebay_core::{Error, Result};

use crate::db::{self, Row};
use crate::{Store, pools};

impl Store {
    /// # Errors
    /// `NotFound` for the pool.
    pub async fn create_data_model(&self, model: &DataModel) -> Result<()> {
        db::query(
            "insert into data_models (id, pool_id, name, model_tables, foreign_keys, created_at)
             values ($1, $2, $3, $4, $5, $6)",
        )
        .bind(model.id.to_string())
        .bind(model.pool_id.to_string())
        .bind(model.name.as_str())
        .bind(db::to_json(&model.tables)?)
        .bind(db::to_json(&model.foreign_keys)?)
        .bind(model.created_at.as_millis())
        .execute_on(self.write())
        .await
        .map_err(|error| match db::is_foreign_key(&error) {
            true => pools::not_found(model.pool_id),
            false => {
                db::error_or_duplicate(error, || format!("there already is a data model `{}`", model.id))
            }
        })?;
        Ok(())
    }

    /// The models of a pool, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn data_models(&self, pool: DataPoolId) -> Result<Vec<DataModel>> {
        let rows = db::query("select * from data_models where pool_id = $1 order by created_at, name, id")
            .bind(pool.to_string())
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(data_model).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn data_model(&self, pool: DataPoolId, id: DataModelId) -> Result<DataModel> {
        let row = db::query("select * from data_models where pool_id = $1 and id = $2")
            .bind(pool.to_string())
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        data_model(&row.ok_or_else(|| not_found(id))?)
    }

    /// Writes the name, the tables and the foreign keys.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn update_data_model(&self, model: &DataModel) -> Result<()> {
        let done = db::query(
            "update data_models set name = $3, model_tables = $4, foreign_keys = $5 where pool_id = $1 and id = $2",
        )
        .bind(model.pool_id.to_string())
        .bind(model.id.to_string())
        .bind(model.name.as_str())
        .bind(db::to_json(&model.tables)?)
        .bind(db::to_json(&model.foreign_keys)?)
        .execute_on(self.write())
.await
        .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(not_found(model.id)) } else { Ok(()) }
    }

    /// # Errors
    /// `NotFound`.
    pub async fn delete_data_model(&self, pool: DataPoolId, id: DataModelId) -> Result<()> {
        let done = db::query("delete from data_models where pool_id = $1 and id = $2")
            .bind(pool.to_string())
            .bind(id.to_string())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(not_found(id)) } else { Ok(()) }
    }
}

fn not_found(id: DataModelId) -> Error {
    Error::not_found(Kind::DataModel, id)
}

fn data_model(row: &Row) -> Result<DataModel> {
    Ok(DataModel {
        id: db::id(row, "id")?,
        pool_id: db::id(row, "pool_id")?,
        name: db::name(row)?,
        tables: db::json(row, "model_tables")?,
        foreign_keys: db::json(row, "foreign_keys")?,
        created_at: db::time(row, "created_at")?,
    })
}
