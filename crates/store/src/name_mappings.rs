//! Name mappings of data models, in the order in which they came.

use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::model::name_mapping::{CountedMappings, NAME_MAPPING_LIMIT, NameMapping};
use forebay_core::{Error, Result};

use crate::db::{self, Connection, Row};
use crate::{Store, models};

impl Store {
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn name_mappings(&self, model: DataModelId) -> Result<Vec<NameMapping>> {
        self.scan(move |connection| of_model(connection, model)).await
    }

    /// How many mappings a model has of each kind and language, and some of them in the order in which they came.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn name_mapping_page(
        &self,
        model: DataModelId,
        limit: u32,
        page: u32,
    ) -> Result<(Vec<CountedMappings>, Vec<NameMapping>)> {
        self.scan(move |connection| {
            let rows = db::query(
                "select kind, language, count(*) as mappings from name_mappings where model_id = $1
                 group by kind, language order by kind, language",
            )
            .bind(model.to_string())
            .fetch_all(connection)
            .map_err(db::error)?;
            let counted = rows.iter().map(|row| {
                Ok(CountedMappings {
                    kind: db::word(row, "kind")?,
                    language: db::get(row, "language")?,
                    mappings: db::count(row, "mappings")?,
                })
            });
            let counted = counted.collect::<Result<_>>()?;
            let rows =
                db::query("select * from name_mappings where model_id = $1 order by seq limit $2 offset $3")
                    .bind(model.to_string())
                    .bind(i64::from(limit))
                    .bind(i64::from(limit) * i64::from(page))
                    .fetch_all(connection)
                    .map_err(db::error)?;
            Ok((counted, rows.iter().map(name_mapping).collect::<Result<_>>()?))
        })
        .await
    }

    /// Adds mappings, all or none. One that the model has for the same kind, identifier and language is replaced.
    ///
    /// # Errors
    /// `NotFound` for the model; `Invalid` when it would have too many.
    pub async fn add_name_mappings(
        &self,
        pool: DataPoolId,
        model: DataModelId,
        mappings: Vec<NameMapping>,
    ) -> Result<()> {
        self.transact_much(move |transaction| {
            exists(transaction, pool, model)?;
            for mapping in &mappings {
                put(transaction, model, mapping)?;
            }
            let row = db::query("select count(*) as mappings from name_mappings where model_id = $1")
                .bind(model.to_string())
                .fetch_one(transaction)
                .map_err(db::error)?;
            let count = db::count(&row, "mappings")?;
            if count > NAME_MAPPING_LIMIT as u64 {
                return Err(Error::invalid(
                    "file",
                    format!(
                        "the data model would have {count} name mappings, and {NAME_MAPPING_LIMIT} are the most; \
                         delete those it has, or send fewer"
                    ),
                ));
            }
            Ok(())
        })
        .await
    }

    /// Deletes all mappings of a model.
    ///
    /// # Errors
    /// `NotFound` for the model.
    pub async fn delete_name_mappings(&self, pool: DataPoolId, model: DataModelId) -> Result<()> {
        self.transact_much(move |transaction| {
            exists(transaction, pool, model)?;
            clear(transaction, model)
        })
        .await
    }
}

/// In the order in which they came.
pub(crate) fn of_model(connection: &Connection, model: DataModelId) -> Result<Vec<NameMapping>> {
    let rows = db::query("select * from name_mappings where model_id = $1 order by seq")
        .bind(model.to_string())
        .fetch_all(connection)
        .map_err(db::error)?;
    rows.iter().map(name_mapping).collect()
}

/// Adds a mapping, or replaces the one for the same kind, identifier and language.
pub(crate) fn put(transaction: &Connection, model: DataModelId, mapping: &NameMapping) -> Result<()> {
    db::query(
        "insert into name_mappings (model_id, kind, identifier, language, translation, description)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (model_id, kind, identifier, language) do update set
             translation = excluded.translation, description = excluded.description",
    )
    .bind(model.to_string())
    .bind(mapping.kind.as_str())
    .bind(mapping.identifier.as_str())
    .bind(mapping.language.as_str())
    .bind(mapping.translation.as_str())
    .bind(mapping.description.as_deref())
    .execute(transaction)
    .map(drop)
    .map_err(db::error)
}

pub(crate) fn clear(transaction: &Connection, model: DataModelId) -> Result<()> {
    db::query("delete from name_mappings where model_id = $1")
        .bind(model.to_string())
        .execute(transaction)
        .map(drop)
        .map_err(db::error)
}

fn exists(transaction: &Connection, pool: DataPoolId, model: DataModelId) -> Result<()> {
    let row = db::query("select 1 from data_models where pool_id = $1 and id = $2")
        .bind(pool.to_string())
        .bind(model.to_string())
        .fetch_optional(transaction)
        .map_err(db::error)?;
    row.map(drop).ok_or_else(|| models::not_found(model))
}

fn name_mapping(row: &Row) -> Result<NameMapping> {
    Ok(NameMapping {
        kind: db::word(row, "kind")?,
        identifier: db::get(row, "identifier")?,
        language: db::get(row, "language")?,
        translation: db::get(row, "translation")?,
        description: db::get(row, "description")?,
    })
}
