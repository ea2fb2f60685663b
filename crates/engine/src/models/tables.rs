//! The tables of a data model.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataConnectionId, DataModelId, DataPoolId, ModelTableId};
use forebay_core::model::{DataModel, ModelTable};
use forebay_core::name::Identifier;
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::warehouse::PoolColumn;

use crate::Engine;
use crate::data::warehouse_error;

/// What is to be different about a table; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct ModelTableChange {
    pub connection_id: Option<DataConnectionId>,
    pub table: Option<Identifier>,
    /// `Some(None)` takes the alias away.
    pub alias: Option<Option<Identifier>>,
    pub primary_key: Option<Vec<Identifier>>,
}

impl Engine {
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn model_tables(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<Vec<ModelTable>> {
        Ok(self.model_to_see(caller, pool, model).await?.tables)
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn model_table(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        table: ModelTableId,
    ) -> Result<ModelTable> {
        let model = self.model_to_see(caller, pool, model).await?;
        model.table(table).cloned().ok_or_else(|| not_found(table))
    }

    /// Adds tables, all or none.
    ///
    /// # Errors
    /// `NotFound`, also for a connection; `Forbidden`; `Invalid` when the model would show two tables of one name.
    pub async fn create_model_tables(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        tables: &[ModelTable],
    ) -> Result<()> {
        let connections: Vec<_> = tables.iter().filter_map(|table| table.connection_id).collect();
        self.check_connections(caller, pool, &connections).await?;
        let change = |model: &mut DataModel| {
            model.tables.extend_from_slice(tables);
            Ok(())
        };
        self.change_model(caller, pool, model, change).await.map(drop)
    }

    /// # Errors
    /// `NotFound`, also for the connection; `Forbidden`; `Invalid` when the model would show two tables of one name.
    pub async fn update_model_table(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        table: ModelTableId,
        change: ModelTableChange,
    ) -> Result<ModelTable> {
        self.check_connections(caller, pool, change.connection_id.as_slice()).await?;
        let apply = |model: &mut DataModel| {
            let kept =
                model.tables.iter_mut().find(|kept| kept.id == table).ok_or_else(|| not_found(table))?;
            let ModelTableChange { connection_id, table, alias, primary_key } = change;
            if connection_id.is_some() {
                kept.connection_id = connection_id;
            }
            if let Some(table) = table {
                kept.table = table;
            }
            if let Some(alias) = alias {
                kept.alias = alias;
            }
            if let Some(primary_key) = primary_key {
                kept.primary_key = primary_key;
            }
            Ok(())
        };
        let model = self.change_model(caller, pool, model, apply).await?;
        model.table(table).cloned().ok_or_else(|| not_found(table))
    }

    /// Takes a table out of a model, with its relations and its process configuration.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete_model_table(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        table: ModelTableId,
    ) -> Result<()> {
        let change = |model: &mut DataModel| {
            let before = model.tables.len();
            model.tables.retain(|kept| kept.id != table);
            if model.tables.len() == before {
                return Err(not_found(table));
            }
            model.foreign_keys.retain(|key| key.source != table && key.target != table);
            model.processes.retain(|process| process.activity_table != table);
            for process in &mut model.processes {
                process.case_table = process.case_table.filter(|kept| *kept != table);
            }
            Ok(())
        };
        self.change_model(caller, pool, model, change).await.map(drop)
    }

    /// The columns that the table has in the pool; none while the pool does not have it.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn model_table_columns(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        table: ModelTableId,
    ) -> Result<Vec<PoolColumn>> {
        let table = self.model_table(caller, pool, model, table).await?;
        let schema =
            table.connection_id.map_or_else(|| global_schema(pool), |id| connection_schema(pool, id));
        let tables = self.0.plane.tables(pool).await.map_err(warehouse_error)?;
        let found = tables.into_iter().find(|found| {
            found.table.schema == schema
                && found.table.name.as_str().to_lowercase() == table.table.as_str().to_lowercase()
        });
        Ok(found.map(|found| found.columns).unwrap_or_default())
    }

    async fn check_connections(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connections: &[DataConnectionId],
    ) -> Result<()> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        for connection in connections {
            self.store().data_connection(pool, *connection).await?;
        }
        Ok(())
    }
}

pub(super) fn not_found(table: ModelTableId) -> Error {
    Error::not_found(Kind::ModelTable, table)
}
