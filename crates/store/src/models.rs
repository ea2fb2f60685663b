//! Data models: their tables, relations and processes lie in the model's row.

use forebay_core::Timestamp;
use forebay_core::access::Subject;
use forebay_core::error::Kind;
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::job::JobPurpose;
use forebay_core::model::DataModel;
use forebay_core::{Error, Result};

use crate::db::{self, Connection, Row};
use crate::{Store, jobs};

impl Store {
    /// # Errors
    /// `NotFound` for the pool.
    pub async fn create_data_model(&self, model: &DataModel) -> Result<()> {
        self.transact(|transaction| insert(transaction, model)).await
    }

    /// The models of a pool, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn data_models(&self, pool: DataPoolId) -> Result<Vec<DataModel>> {
        let rows = db::query("select * from data_models where pool_id = $1 order by created_at, rowid")
            .bind(pool.to_string())
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(data_model).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn data_model(&self, pool: DataPoolId, id: DataModelId) -> Result<DataModel> {
        read(&*self.read()?, pool, id)
    }

    /// Writes everything that can be changed of a model.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn update_data_model(&self, model: &DataModel) -> Result<()> {
        self.transact(|transaction| write(transaction, model)).await
    }

    /// Changes a model as it is now, and gives it as it is then. Reading and writing are one transaction, so of two
    /// changes at once neither is lost.
    ///
    /// # Errors
    /// `NotFound`, and what `change` says; then nothing is written.
    pub async fn change_data_model(
        &self,
        pool: DataPoolId,
        id: DataModelId,
        now: Timestamp,
        change: impl FnOnce(&mut DataModel) -> Result<()> + Send,
    ) -> Result<DataModel> {
        self.transact(|transaction| {
            let mut model = read(transaction, pool, id)?;
            change(&mut model)?;
            model.changed_at = now;
            write(transaction, &model)?;
            Ok(model)
        })
        .await
    }

    /// Deletes the model, its name mappings and its reloads.
    ///
    /// # Errors
    /// `NotFound`; `ExecutionIsLive` while it is loaded anew.
    pub async fn delete_data_model(&self, pool: DataPoolId, id: DataModelId) -> Result<()> {
        self.transact_much(move |transaction| {
            jobs::remove(transaction, pool, id.into(), JobPurpose::DataModel)?;
            let done = db::query("delete from data_models where pool_id = $1 and id = $2")
                .bind(pool.to_string())
                .bind(id.to_string())
                .execute(transaction)
                .map_err(db::error)?;
            if done.rows_affected() == 0 { Err(not_found(id)) } else { Ok(()) }
        })
        .await
    }
}

/// Adds a model, and the job of its reloads.
pub(crate) fn insert(transaction: &Connection, model: &DataModel) -> Result<()> {
    let purpose = JobPurpose::DataModel;
    jobs::keep(transaction, model.pool_id, model.id.into(), &model.name, purpose, model.created_at)?;
    let created_by = model.created_by.map(db::subject_columns);
    db::query(
        "insert into data_models
             (id, pool_id, name, description, model_tables, foreign_keys, processes, calendar, created_at,
              created_by_type, created_by_id, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(model.id.to_string())
    .bind(model.pool_id.to_string())
    .bind(model.name.as_str())
    .bind(model.description.as_deref())
    .bind(db::to_json(&model.tables)?)
    .bind(db::to_json(&model.foreign_keys)?)
    .bind(db::to_json(&model.processes)?)
    .bind(db::to_json(&model.calendar)?)
    .bind(model.created_at.as_millis())
    .bind(created_by.as_ref().map(|(kind, _)| *kind))
    .bind(created_by.as_ref().map(|(_, id)| id.as_str()))
    .bind(model.changed_at.as_millis())
    .execute(transaction)
    .map(drop)
    .map_err(|error| {
        db::error_or_duplicate(error, || format!("there already is a data model `{}`", model.id))
    })
}

fn read(connection: &Connection, pool: DataPoolId, id: DataModelId) -> Result<DataModel> {
    let row = db::query("select * from data_models where pool_id = $1 and id = $2")
        .bind(pool.to_string())
        .bind(id.to_string())
        .fetch_optional(connection)
        .map_err(db::error)?;
    data_model(&row.ok_or_else(|| not_found(id))?)
}

pub(crate) fn write(transaction: &Connection, model: &DataModel) -> Result<()> {
    let done = db::query(
        "update data_models
         set name = $3, description = $4, model_tables = $5, foreign_keys = $6, processes = $7, calendar = $8,
             changed_at = $9
         where pool_id = $1 and id = $2",
    )
    .bind(model.pool_id.to_string())
    .bind(model.id.to_string())
    .bind(model.name.as_str())
    .bind(model.description.as_deref())
    .bind(db::to_json(&model.tables)?)
    .bind(db::to_json(&model.foreign_keys)?)
    .bind(db::to_json(&model.processes)?)
    .bind(db::to_json(&model.calendar)?)
    .bind(model.changed_at.as_millis())
    .execute(transaction)
    .map_err(db::error)?;
    if done.rows_affected() == 0 { Err(not_found(model.id)) } else { Ok(()) }
}

pub(crate) fn not_found(id: DataModelId) -> Error {
    Error::not_found(Kind::DataModel, id)
}

pub(crate) fn data_model(row: &Row) -> Result<DataModel> {
    Ok(DataModel {
        id: db::id(row, "id")?,
        pool_id: db::id(row, "pool_id")?,
        name: db::name(row)?,
        description: db::get(row, "description")?,
        tables: db::json(row, "model_tables")?,
        foreign_keys: db::json(row, "foreign_keys")?,
        processes: db::json(row, "processes")?,
        calendar: db::json(row, "calendar")?,
        created_at: db::time(row, "created_at")?,
        created_by: created_by(row)?,
        changed_at: db::time(row, "changed_at")?,
    })
}

fn created_by(row: &Row) -> Result<Option<Subject>> {
    match db::get::<Option<&str>>(row, "created_by_type")? {
        Some(_) => db::subject(row, "created_by_type", "created_by_id").map(Some),
        None => Ok(None),
    }
}
