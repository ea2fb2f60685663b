//! Data models.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::job::TaskKind;
use forebay_core::model::{DataModel, ForeignKey, ModelTable};
use forebay_core::name::Name;
use forebay_core::oauth::Action;

use crate::Engine;

impl Engine {
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_models(&self, caller: &Caller, pool: DataPoolId) -> Result<Vec<DataModel>> {
        self.pool_for(caller, Permission::View, Action::ReadModels, pool).await?;
        self.store().data_models(pool).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_model(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<DataModel> {
        self.pool_for(caller, Permission::View, Action::ReadModels, pool).await?;
        self.store().data_model(pool, model).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` when two tables have one name or a relation names none.
    pub async fn create_data_model(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        name: Name,
        tables: Vec<ModelTable>,
        foreign_keys: Vec<ForeignKey>,
    ) -> Result<DataModel> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        for (place, table) in tables.iter().enumerate() {
            if let Some(connection) = table.connection_id {
                self.store().data_connection(pool, connection).await?;
            }
            let shown = table.alias_or_name();
            // Names in the warehouse and in files are the same whatever their case.
            let same = |other: &ModelTable| {
                other.alias_or_name().as_str().to_lowercase() == shown.as_str().to_lowercase()
            };
            if tables[..place].iter().any(same) {
                return Err(Error::invalid(
                    "tables",
                    format!("{shown} comes twice; give one of them an alias"),
                ));
            }
        }
        for key in &foreign_keys {
            let known = |id| tables.iter().any(|table| table.id == id);
            if !known(key.source) || !known(key.target) {
                return Err(Error::invalid("foreignKeys", "both sides must be tables of the model"));
            }
            if key.columns.is_empty() {
                return Err(Error::invalid("foreignKeys", "needs at least one pair of columns"));
            }
        }
        let model = DataModel {
            id: DataModelId::random(),
            pool_id: pool,
            name,
            tables,
            foreign_keys,
            created_at: self.now(),
        };
        self.store().create_data_model(&model).await?;
        Ok(model)
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` while a job loads it.
    pub async fn delete_data_model(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<()> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        for task in self.store().model_load_tasks(pool).await? {
            if matches!(&task.kind, TaskKind::DataModelLoad(load) if load.data_model_id == model) {
                return Err(Error::conflict(format!(
                    "the task `{}` loads this data model; delete the task first",
                    task.name
                )));
            }
        }
        self.store().delete_data_model(pool, model).await
    }
}
