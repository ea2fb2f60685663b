//! Data models: who may see and change them. What they consist of is in the modules below; whatever was changed,
//! `whole` says whether the model still makes sense.

mod foreign_keys;
mod processes;
mod tables;
pub(crate) mod whole;

use std::collections::BTreeSet;

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::job::TaskKind;
use forebay_core::model::calendar::{CalendarEntry, CalendarKind, FactoryCalendar};
use forebay_core::model::{Calendar, DataModel, ForeignKey, ModelTable};
use forebay_core::name::Name;
use forebay_core::oauth::Action;

use crate::Engine;

pub use self::processes::ProcessChange;
pub use self::tables::ModelTableChange;

/// A model as one caller sees it.
#[derive(Clone, Debug)]
pub struct SeenModel {
    pub model: DataModel,
    /// A version of it was published.
    pub is_loaded: bool,
    pub may_edit: bool,
}

/// What a caller says of a new model.
#[derive(Clone, Debug)]
pub struct NewDataModel {
    pub name: Name,
    pub tables: Vec<ModelTable>,
    pub foreign_keys: Vec<ForeignKey>,
    pub settings: ModelSettings,
}

/// What can be set of a model itself; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct ModelSettings {
    pub description: Option<String>,
    pub calendar_kind: Option<CalendarKind>,
    /// `Some(None)` takes it away.
    pub factory_calendar: Option<Option<FactoryCalendar>>,
    pub custom_calendar: Option<Vec<CalendarEntry>>,
}

impl NewDataModel {
    /// A model with nothing set but this.
    #[must_use]
    pub fn of(name: Name, tables: Vec<ModelTable>, foreign_keys: Vec<ForeignKey>) -> Self {
        Self { name, tables, foreign_keys, settings: ModelSettings::default() }
    }
}

impl ModelSettings {
    fn apply(self, model: &mut DataModel) {
        let Self { description, calendar_kind, factory_calendar, custom_calendar } = self;
        if description.is_some() {
            model.description = description;
        }
        if let Some(kind) = calendar_kind {
            model.calendar.kind = kind;
        }
        if let Some(factory) = factory_calendar {
            model.calendar.factory = factory;
        }
        if let Some(entries) = custom_calendar {
            model.calendar.custom = entries;
        }
    }
}

impl Engine {
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_models(&self, caller: &Caller, pool: DataPoolId) -> Result<Vec<SeenModel>> {
        self.pool_for(caller, Permission::View, Action::ReadModels, pool).await?;
        let models = self.store().data_models(pool).await?;
        let loaded: BTreeSet<DataModelId> = self.store().loaded_models(pool).await?.into_iter().collect();
        let may_edit = self.may_edit(caller, pool).await?;
        let seen = |model: DataModel| SeenModel { is_loaded: loaded.contains(&model.id), may_edit, model };
        Ok(models.into_iter().map(seen).collect())
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_model(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<SeenModel> {
        let model = self.model_to_see(caller, pool, model).await?;
        self.seen(caller, model).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` when two tables have one name or a relation names none.
    pub async fn create_data_model(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        new: NewDataModel,
    ) -> Result<SeenModel> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        for table in &new.tables {
            if let Some(connection) = table.connection_id {
                self.store().data_connection(pool, connection).await?;
            }
        }
        self.check_settings(pool, &new.settings).await?;
        let now = self.now();
        let mut model = DataModel {
            id: DataModelId::random(),
            pool_id: pool,
            name: new.name,
            description: None,
            tables: new.tables,
            foreign_keys: new.foreign_keys,
            processes: Vec::new(),
            calendar: Calendar::default(),
            created_at: now,
            created_by: Some(caller.subject),
            changed_at: now,
        };
        new.settings.apply(&mut model);
        whole::check(&model)?;
        self.store().create_data_model(&model).await?;
        self.seen(caller, model).await
    }

    /// Changes a model itself; `None` leaves what it stands for as it is.
    ///
    /// # Errors
    /// `NotFound`, also for the connection of a calendar; `Forbidden`.
    pub async fn update_data_model(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        name: Option<Name>,
        settings: ModelSettings,
    ) -> Result<SeenModel> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        self.check_settings(pool, &settings).await?;
        let change = |model: &mut DataModel| {
            if let Some(name) = name {
                model.name = name;
            }
            settings.apply(model);
            Ok(())
        };
        let changed = self.change_model(caller, pool, model, change).await?;
        self.seen(caller, changed).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` while a job loads it, `ExecutionIsLive` while it is loaded anew.
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

    /// A model that the caller may see.
    pub(crate) async fn model_to_see(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
    ) -> Result<DataModel> {
        self.pool_for(caller, Permission::View, Action::ReadModels, pool).await?;
        self.store().data_model(pool, model).await
    }

    /// Changes a model as it is when the change is made. What would not be whole is not kept.
    async fn change_model(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        model: DataModelId,
        change: impl FnOnce(&mut DataModel) -> Result<()> + Send,
    ) -> Result<DataModel> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let change = |model: &mut DataModel| {
            change(model)?;
            whole::check(model)
        };
        self.store().change_data_model(pool, model, self.now(), change).await
    }

    async fn check_settings(&self, pool: DataPoolId, settings: &ModelSettings) -> Result<()> {
        if let Some(Some(FactoryCalendar { connection_id: Some(connection), .. })) =
            &settings.factory_calendar
        {
            self.store().data_connection(pool, *connection).await?;
        }
        Ok(())
    }

    async fn seen(&self, caller: &Caller, model: DataModel) -> Result<SeenModel> {
        let is_loaded = self.store().last_published_load(model.id).await?.is_some();
        Ok(SeenModel { is_loaded, may_edit: self.may_edit(caller, model.pool_id).await?, model })
    }

    async fn may_edit(&self, caller: &Caller, pool: DataPoolId) -> Result<bool> {
        let held = self.permissions_in(caller, pool).await?;
        Ok(held.contains(&Permission::Edit) && caller.authority.lets(Action::Edit))
    }
}
