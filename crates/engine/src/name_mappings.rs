//! Name mappings of data models.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::Result;
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::model::DataModel;
use forebay_core::model::name_mapping::{CountedMappings, NameMapping};

use crate::Engine;

impl Engine {
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn name_mappings(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<Vec<NameMapping>> {
        let model = self.model_to_see(caller, pool, model).await?;
        self.store().name_mappings(model.id).await
    }

    /// How many mappings a model has of each kind and language, and some of them in the order in which they came.
    /// `page` counts from 0; past the end there is an empty one.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn name_mapping_page(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        limit: u32,
        page: u32,
    ) -> Result<(Vec<CountedMappings>, Vec<NameMapping>)> {
        let model = self.model_to_see(caller, pool, model).await?;
        self.store().name_mapping_page(model.id, limit, page).await
    }

    /// A model whose name mappings the caller may change.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn model_to_map(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<DataModel> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        self.store().data_model(pool, model).await
    }

    /// Adds mappings, all or none; one for the same thing in the same language is replaced.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` when the model would have too many.
    pub async fn add_name_mappings(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        mappings: Vec<NameMapping>,
    ) -> Result<()> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        self.store().add_name_mappings(pool, model, mappings).await
    }

    /// Deletes all mappings of a model.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete_name_mappings(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<()> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        self.store().delete_name_mappings(pool, model).await
    }
}
