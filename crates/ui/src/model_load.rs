//! A task of a job that loads a data model: which model, and all of its tables or some.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataJobId, DataModelId, DataPoolId, ModelTableId, TaskId};
use forebay_core::job::{ModelLoad, TableChoice, TaskKind};
use forebay_core::name::Name;
use forebay_core::pool::DataPool;
use forebay_engine::{Engine, NewTask};
use serde::Deserialize;

use super::form::Filled;
use super::job::place;
use super::models::chosen_tables;
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "model-load.html")]
struct LoadPage {
    frame: Frame,
    pool: DataPool,
    job_id: DataJobId,
    job_name: String,
    /// `None` for a task that is to be made.
    task_id: Option<TaskId>,
    models: Vec<(DataModelId, String)>,
    /// `None` as long as no model is chosen.
    chosen: Option<Chosen>,
    base: String,
    fault: Option<String>,
}

/// The model that is chosen, and the fields as they are filled in.
struct Chosen {
    id: DataModelId,
    /// Of the task.
    name: String,
    is_whole: bool,
    tables: Vec<LoadTable>,
}

struct LoadTable {
    id: ModelTableId,
    name: String,
    is_ticked: bool,
}

/// What is chosen of a model, before it is looked for.
struct Fields {
    model: DataModelId,
    /// `None` for the model's own.
    name: Option<String>,
    is_whole: bool,
    ticked: Vec<ModelTableId>,
}

impl Fields {
    /// All of a model, under its own name.
    fn whole(model: DataModelId) -> Self {
        Self { model, name: None, is_whole: true, ticked: Vec::new() }
    }

    fn of(name: &Name, load: &ModelLoad) -> Self {
        let (is_whole, ticked) = match &load.tables {
            TableChoice::All => (true, Vec::new()),
            TableChoice::Only(tables) => (false, tables.clone()),
        };
        Self { model: load.data_model_id, name: Some(name.to_string()), is_whole, ticked }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    job_id: String,
    task_id: Option<String>,
    model: Option<String>,
}

impl Asked {
    fn task(&self) -> Result<Option<TaskId>> {
        self.task_id.as_deref().filter(|id| !id.is_empty()).map(str::parse).transpose()
    }
}

/// Which tables are to be loaded: all, or those that are ticked, by their ids.
#[derive(Deserialize)]
pub(super) struct LoadForm {
    model: String,
    name: String,
    what: String,
    #[serde(flatten)]
    ticked: HashMap<String, String>,
}

impl LoadForm {
    fn load(&self) -> Result<ModelLoad> {
        let tables = match self.what.as_str() {
            "ALL" => TableChoice::All,
            "CHOSEN" => TableChoice::Only(chosen_tables(&self.ticked)?),
            _ => return Err(Error::invalid("what", "must be ALL or CHOSEN")),
        };
        Ok(ModelLoad { data_model_id: self.model.parse()?, tables })
    }

    /// As it was filled in.
    fn fields(self) -> Result<Fields> {
        Ok(Fields {
            model: self.model.parse()?,
            is_whole: self.what == "ALL",
            ticked: chosen_tables(&self.ticked).unwrap_or_default(),
            name: Some(self.name),
        })
    }
}

pub(super) async fn model_load_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let (job, task) = (asked.job_id.parse()?, asked.task()?);
    let kept = match task {
        None => None,
        Some(id) => {
            let task = engine.task(&signed_in.caller, pool, job, &id.to_string()).await?;
            let TaskKind::DataModelLoad(load) = &task.kind else {
                return Err(Error::not_found(Kind::Task, id).into());
            };
            Some(Fields::of(&task.name, load))
        }
    };
    let asked =
        asked.model.as_deref().filter(|id| !id.is_empty()).map(str::parse::<DataModelId>).transpose()?;
    let fields = match (asked, kept) {
        (Some(model), Some(kept)) if kept.model != model => {
            Some(Fields { name: kept.name, ..Fields::whole(model) })
        }
        (Some(model), None) => Some(Fields::whole(model)),
        (_, kept) => kept,
    };
    shown(&engine, &signed_in, (pool, job, task), fields, None).await
}

pub(super) async fn set_model_load(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<LoadForm>,
) -> Shown {
    let (caller, job, task) = (&signed_in.caller, asked.job_id.parse()?, asked.task()?);
    let saved = async {
        let (name, load) = (Name::parse("name", &form.name)?, form.load()?);
        match task {
            None => {
                let kind = TaskKind::DataModelLoad(load);
                let new = NewTask { name, description: None, kind, position: None };
                engine.create_task(caller, pool, job, new).await.map(drop)
            }
            Some(task) => {
                let task = task.to_string();
                engine.set_model_load(caller, pool, job, &task, load).await?;
                engine.update_task(caller, pool, job, &task, Some(name), None).await.map(drop)
            }
        }
    };
    match saved.await {
        Ok(()) => Ok(Redirect::to(&place(pool, job)).into_response()),
        Err(fault) => {
            let fields = Some(form.fields()?);
            shown(&engine, &signed_in, (pool, job, task), fields, Some(fault.into())).await
        }
    }
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, job, task): (DataPoolId, DataJobId, Option<TaskId>),
    fields: Option<Fields>,
    fault: Option<Problem>,
) -> std::result::Result<Response, Failed> {
    let caller = &signed_in.caller;
    let (job, _) = engine.data_job(caller, pool, job).await?;
    let models = engine.data_models(caller, pool).await?;
    let chosen = match fields {
        None => None,
        Some(fields) => {
            let found = models.iter().find(|seen| seen.model.id == fields.model);
            let model = &found.ok_or_else(|| Error::not_found(Kind::DataModel, fields.model))?.model;
            let tables = model.tables.iter().map(|table| LoadTable {
                id: table.id,
                name: table.alias_or_name().to_string(),
                is_ticked: fields.ticked.contains(&table.id),
            });
            Some(Chosen {
                id: model.id,
                name: fields.name.unwrap_or_else(|| model.name.to_string()),
                is_whole: fields.is_whole,
                tables: tables.collect(),
            })
        }
    };
    let page = LoadPage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(caller, pool).await?,
        job_id: job.id,
        job_name: job.name.to_string(),
        task_id: task,
        models: models.iter().map(|seen| (seen.model.id, seen.model.name.to_string())).collect(),
        chosen,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}
