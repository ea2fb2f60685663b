//! The process configurations of a data model.

use forebay_core::access::Caller;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataModelId, DataPoolId, ModelTableId, ProcessConfigurationId};
use forebay_core::model::process::ProcessColumns;
use forebay_core::model::{DataModel, ProcessConfiguration};

use super::tables;
use crate::Engine;

/// What a caller says of a process configuration; `None` leaves what is there.
#[derive(Clone, Debug, Default)]
pub struct ProcessChange {
    /// `None`: the one of the activity table, or a new one.
    pub id: Option<ProcessConfigurationId>,
    pub activity_table: Option<ModelTableId>,
    pub case_table: Option<ModelTableId>,
    pub is_default: Option<bool>,
    pub columns: ProcessColumns,
    pub uses_parallel_process: Option<bool>,
}

impl Engine {
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn process_configurations(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<Vec<ProcessConfiguration>> {
        Ok(self.model_to_see(caller, pool, model).await?.processes)
    }

    /// The configuration of an activity table.
    ///
    /// # Errors
    /// `NotFound`, also for a table without one; `Forbidden`.
    pub async fn process_configuration_of(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        activity_table: ModelTableId,
    ) -> Result<ProcessConfiguration> {
        let model = self.model_to_see(caller, pool, model).await?;
        let mut found = model.processes.into_iter();
        found
            .find(|process| process.activity_table == activity_table)
            .ok_or_else(|| Error::not_found(Kind::ProcessConfiguration, activity_table))
    }

    /// Changes the configuration of this id; without an id the one of the activity table, or makes it.
    ///
    /// # Errors
    /// `NotFound` for the id and for tables; `Forbidden`; `Invalid` without an activity table, or when another
    /// configuration is for it.
    pub async fn put_process_configuration(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        said: ProcessChange,
    ) -> Result<ProcessConfiguration> {
        let mut changed = None;
        let apply = |model: &mut DataModel| {
            changed = Some(put(model, said)?);
            Ok(())
        };
        self.change_model(caller, pool, model, apply).await?;
        changed.ok_or_else(|| Error::internal("a change was made without being called"))
    }

    /// Changes the configuration of an activity table from how it is now, or from an empty one. Unlike
    /// [`Engine::put_process_configuration`] it can take something away.
    ///
    /// # Errors
    /// `NotFound` for tables, `Forbidden`.
    pub async fn change_process_configuration(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        activity_table: ModelTableId,
        change: impl FnOnce(&mut ProcessConfiguration) + Send,
    ) -> Result<ProcessConfiguration> {
        let mut changed = None;
        let apply = |model: &mut DataModel| {
            let said = ProcessChange { activity_table: Some(activity_table), ..ProcessChange::default() };
            let id = put(model, said)?.id;
            let process = model.processes.iter_mut().find(|kept| kept.id == id);
            let process = process.ok_or_else(|| not_found(id))?;
            change(process);
            changed = Some(process.clone());
            Ok(())
        };
        self.change_model(caller, pool, model, apply).await?;
        changed.ok_or_else(|| Error::internal("a change was made without being called"))
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete_process_configuration(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        process: ProcessConfigurationId,
    ) -> Result<()> {
        let change = |model: &mut DataModel| {
            let before = model.processes.len();
            model.processes.retain(|kept| kept.id != process);
            if model.processes.len() == before { Err(not_found(process)) } else { Ok(()) }
        };
        self.change_model(caller, pool, model, change).await.map(drop)
    }
}

fn put(model: &mut DataModel, said: ProcessChange) -> Result<ProcessConfiguration> {
    for table in [said.activity_table, said.case_table].into_iter().flatten() {
        if model.table(table).is_none() {
            return Err(tables::not_found(table));
        }
    }
    let place = match (said.id, said.activity_table) {
        (Some(id), _) => {
            let place = model.processes.iter().position(|kept| kept.id == id);
            place.ok_or_else(|| not_found(id))?
        }
        (None, Some(activity_table)) => {
            let place = model.processes.iter().position(|kept| kept.activity_table == activity_table);
            place.unwrap_or_else(|| {
                model.processes.push(ProcessConfiguration {
                    id: ProcessConfigurationId::random(),
                    activity_table,
                    case_table: None,
                    is_default: model.processes.is_empty(),
                    columns: ProcessColumns::default(),
                    uses_parallel_process: None,
                });
                model.processes.len() - 1
            })
        }
        (None, None) => {
            let reason = "is missing; send the id of the table of the model that holds the events";
            return Err(Error::invalid("activityTableId", reason));
        }
    };
    let ProcessChange { id: _, activity_table, case_table, is_default, columns, uses_parallel_process } =
        said;
    if is_default == Some(true) {
        for process in &mut model.processes {
            process.is_default = false;
        }
    }
    let process = &mut model.processes[place];
    process.activity_table = activity_table.unwrap_or(process.activity_table);
    process.case_table = case_table.or(process.case_table);
    process.is_default = is_default.unwrap_or(process.is_default);
    process.columns.take_over(columns);
    process.uses_parallel_process = uses_parallel_process.or(process.uses_parallel_process);
    Ok(process.clone())
}

fn not_found(process: ProcessConfigurationId) -> Error {
    Error::not_found(Kind::ProcessConfiguration, process)
}
