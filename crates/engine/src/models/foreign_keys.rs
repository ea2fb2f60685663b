//! The relations of a data model.

use forebay_core::access::Caller;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataModelId, DataPoolId, ForeignKeyId};
use forebay_core::model::{DataModel, ForeignKey};

use super::tables;
use crate::Engine;

impl Engine {
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn foreign_keys(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<Vec<ForeignKey>> {
        Ok(self.model_to_see(caller, pool, model).await?.foreign_keys)
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn foreign_key(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        key: ForeignKeyId,
    ) -> Result<ForeignKey> {
        let model = self.model_to_see(caller, pool, model).await?;
        model.foreign_keys.into_iter().find(|kept| kept.id == key).ok_or_else(|| not_found(key))
    }

    /// # Errors
    /// `NotFound`, also for a table that is none of the model; `Forbidden`, `Invalid` without columns.
    pub async fn create_foreign_key(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        key: &ForeignKey,
    ) -> Result<()> {
        let change = |model: &mut DataModel| {
            check_tables(model, key)?;
            model.foreign_keys.push(key.clone());
            Ok(())
        };
        self.change_model(caller, pool, model, change).await.map(drop)
    }

    /// Changes a relation from how it is now.
    ///
    /// # Errors
    /// `NotFound`, also for a table that is none of the model; `Forbidden`, `Invalid` without columns.
    pub async fn update_foreign_key(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        key: ForeignKeyId,
        change: impl FnOnce(&mut ForeignKey) + Send,
    ) -> Result<ForeignKey> {
        let mut changed = None;
        let apply = |model: &mut DataModel| {
            let place = model.foreign_keys.iter().position(|kept| kept.id == key);
            let place = place.ok_or_else(|| not_found(key))?;
            change(&mut model.foreign_keys[place]);
            check_tables(model, &model.foreign_keys[place])?;
            changed = Some(model.foreign_keys[place].clone());
            Ok(())
        };
        self.change_model(caller, pool, model, apply).await?;
        changed.ok_or_else(|| not_found(key))
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete_foreign_key(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        key: ForeignKeyId,
    ) -> Result<()> {
        let change = |model: &mut DataModel| {
            let before = model.foreign_keys.len();
            model.foreign_keys.retain(|kept| kept.id != key);
            if model.foreign_keys.len() == before { Err(not_found(key)) } else { Ok(()) }
        };
        self.change_model(caller, pool, model, change).await.map(drop)
    }
}

fn check_tables(model: &DataModel, key: &ForeignKey) -> Result<()> {
    for table in [key.source, key.target] {
        if model.table(table).is_none() {
            return Err(tables::not_found(table));
        }
    }
    Ok(())
}

fn not_found(key: ForeignKeyId) -> Error {
    Error::not_found(Kind::ForeignKey, key)
}
