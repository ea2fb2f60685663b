//! Data models: which a pool has, and what one consists of. Its tables, foreign keys, processes and loads are in the
//! modules below, and so is the picture of it.

mod keys;
mod loads;
mod picture;
mod process;
mod tables;

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::Permission;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId, ExecutionId, ForeignKeyId, ModelTableId};
use forebay_core::model::{DataModel, ForeignKey};
use forebay_core::name::{Identifier, Name};
use forebay_core::pool::DataPool;
use forebay_engine::{Engine, ModelSettings, NewDataModel};
use serde::Deserialize;

pub(super) use self::keys::{create_key, delete_key, key_page};
pub(super) use self::loads::load;
pub(super) use self::process::{delete_process, process_page, set_process};
pub(super) use self::tables::{add_tables, remove_table, set_table, table_page, tables_page};

use self::loads::{Load, badge};
use self::picture::Picture;
use self::process::ProcessRow;
use super::form::Filled;
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::{Badge, moment};
use crate::api::Problem;

#[derive(Template)]
#[template(path = "ui/models.html")]
struct ModelsPage {
    frame: Frame,
    pool: DataPool,
    may_edit: bool,
    models: Vec<ModelRow>,
    /// The name of a new one, as it was typed.
    name: String,
    base: String,
    fault: Option<String>,
}

struct ModelRow {
    id: DataModelId,
    name: String,
    tables: usize,
    keys: usize,
    /// How the last load stands, and when it began.
    last: Option<(Badge, String)>,
}

#[derive(Template)]
#[template(path = "ui/model.html")]
struct ModelPage {
    frame: Frame,
    pool: DataPool,
    id: DataModelId,
    name: String,
    /// The new name, as it was typed.
    typed: String,
    may_edit: bool,
    tables: Vec<TableRow>,
    /// `None` when there are too many tables, or none.
    picture: Option<Picture>,
    keys: Vec<KeyRow>,
    processes: Vec<ProcessRow>,
    /// The load that is live.
    live: Option<ExecutionId>,
    /// The newest first.
    loads: Vec<Load>,
    base: String,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "ui/delete-model.html")]
struct DeletePage {
    frame: Frame,
    pool: DataPool,
    id: DataModelId,
    name: String,
    base: String,
    fault: Option<String>,
}

struct TableRow {
    id: ModelTableId,
    /// What the model calls it.
    name: String,
    /// The table of the pool.
    from: String,
    key: String,
}

struct KeyRow {
    id: ForeignKeyId,
    source: String,
    target: String,
    columns: String,
}

/// A model's name, as it is typed: a new one, or the one there is to confirm with.
#[derive(Deserialize)]
pub(super) struct NameForm {
    #[serde(default)]
    name: String,
}

pub(super) async fn models(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
) -> Shown {
    list_shown(&engine, &signed_in, pool, String::new(), None).await
}

pub(super) async fn create(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Filled(form): Filled<NameForm>,
) -> Shown {
    let made = async {
        let new = NewDataModel::of(Name::parse("name", &form.name)?, Vec::new(), Vec::new());
        engine.create_data_model(&signed_in.caller, pool, new).await
    };
    match made.await {
        Ok(made) => Ok(Redirect::to(&place(pool, made.model.id)).into_response()),
        Err(fault) => list_shown(&engine, &signed_in, pool, form.name, Some(fault.into())).await,
    }
}

async fn list_shown(
    engine: &Engine,
    signed_in: &SignedIn,
    pool: DataPoolId,
    name: String,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let mut models = Vec::new();
    for seen in engine.data_models(caller, pool).await? {
        let model = seen.model;
        let last = match engine.last_model_load(caller, pool, model.id).await {
            Ok(last) => last,
            // Deleted since the list was read.
            Err(Error::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        models.push(ModelRow {
            id: model.id,
            name: model.name.to_string(),
            tables: model.tables.len(),
            keys: model.foreign_keys.len(),
            last: last.map(|load| (badge(load.status), moment(load.started_at))),
        });
    }
    let page = ModelsPage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(caller, pool).await?,
        may_edit: engine.held_permissions(caller, pool).await?.contains(&Permission::Edit),
        models,
        name,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}

pub(super) async fn model(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
) -> Shown {
    shown(&engine, &signed_in, (pool, model), None, None).await
}

pub(super) async fn rename(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Filled(form): Filled<NameForm>,
) -> Shown {
    let renamed = async {
        let name = Some(Name::parse("name", &form.name)?);
        engine.update_data_model(&signed_in.caller, pool, model, name, ModelSettings::default()).await
    };
    match renamed.await {
        Ok(_) => Ok(Redirect::to(&place(pool, model)).into_response()),
        Err(fault) => shown(&engine, &signed_in, (pool, model), Some(form.name), Some(fault.into())).await,
    }
}

pub(super) async fn delete_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
) -> Shown {
    delete_shown(&engine, &signed_in, (pool, model), None).await
}

pub(super) async fn delete(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Filled(form): Filled<NameForm>,
) -> Shown {
    let found = engine.data_model(&signed_in.caller, pool, model).await?;
    let deleted = if form.name.trim() == found.model.name.as_str() {
        engine.delete_data_model(&signed_in.caller, pool, model).await
    } else {
        Err(Error::invalid("name", "is not that of this data model"))
    };
    match deleted {
        Ok(()) => Ok(Redirect::to(&list_place(pool)).into_response()),
        Err(fault) => delete_shown(&engine, &signed_in, (pool, model), Some(fault.into())).await,
    }
}

async fn delete_shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, model): (DataPoolId, DataModelId),
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let found = engine.data_model(&signed_in.caller, pool, model).await?;
    let page = DeletePage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(&signed_in.caller, pool).await?,
        id: model,
        name: found.model.name.to_string(),
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}

/// The page of a model, with what was wrong with one of its forms.
async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, model): (DataPoolId, DataModelId),
    typed: Option<String>,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let seen = engine.data_model(caller, pool, model).await?;
    let history = engine.model_load_history(caller, pool, model).await?;
    let model = seen.model;
    let name = model.name.to_string();
    let page = ModelPage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(caller, pool).await?,
        id: model.id,
        typed: typed.unwrap_or_else(|| name.clone()),
        name,
        may_edit: seen.may_edit,
        tables: table_rows(engine, signed_in, &model).await?,
        picture: Picture::of(&model),
        keys: model.foreign_keys.iter().map(|key| KeyRow::of(key, &model)).collect(),
        processes: model.processes.iter().map(|process| ProcessRow::of(process, &model)).collect(),
        live: history.loads.first().filter(|load| load.status.is_live()).map(|load| load.execution_id),
        loads: loads::told(engine, caller, &history).await?,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}

async fn table_rows(engine: &Engine, signed_in: &SignedIn, model: &DataModel) -> Result<Vec<TableRow>> {
    let connections = engine.data_connections(&signed_in.caller, model.pool_id).await?;
    let connections: HashMap<_, _> =
        connections.into_iter().map(|connection| (connection.id, connection.name.to_string())).collect();
    let row = |table: &forebay_core::model::ModelTable| {
        let of =
            table.connection_id.map(|id| connections.get(&id).cloned().unwrap_or_else(|| id.to_string()));
        TableRow {
            id: table.id,
            name: table.alias_or_name().to_string(),
            from: match of {
                Some(connection) => format!("{} of {connection}", table.table),
                None => format!("{} of the pool", table.table),
            },
            key: listed(&table.primary_key),
        }
    };
    Ok(model.tables.iter().map(row).collect())
}

impl KeyRow {
    fn of(key: &ForeignKey, model: &DataModel) -> Self {
        let pairs: Vec<String> =
            key.columns.iter().map(|(source, target)| format!("{source} = {target}")).collect();
        Self {
            id: key.id,
            source: name_of(model, key.source),
            target: name_of(model, key.target),
            columns: pairs.join(", "),
        }
    }
}

/// What a model calls one of its tables.
fn name_of(model: &DataModel, table: ModelTableId) -> String {
    model.table(table).map_or_else(|| table.to_string(), |table| table.alias_or_name().to_string())
}

fn listed(columns: &[Identifier]) -> String {
    columns.iter().map(Identifier::as_str).collect::<Vec<_>>().join(", ")
}

/// A column as it is typed; nothing when the field is empty.
fn column(field: &str, text: &str) -> Result<Option<Identifier>> {
    let text = text.trim();
    (!text.is_empty()).then(|| Identifier::parse(field, text)).transpose()
}

/// The address of a pool's models.
fn list_place(pool: DataPoolId) -> String {
    format!("{}/{pool}/data-models", super::HOME)
}

/// The address of a model's page.
fn place(pool: DataPoolId, model: DataModelId) -> String {
    format!("{}/{model}", list_place(pool))
}

/// Back to the model's page after a change, or that page with what was wrong.
async fn changed(
    engine: &Engine,
    signed_in: &SignedIn,
    at: (DataPoolId, DataModelId),
    done: Result<()>,
) -> Shown {
    match done {
        Ok(()) => Ok(Redirect::to(&place(at.0, at.1)).into_response()),
        Err(fault) => shown(engine, signed_in, at, None, Some(fault.into())).await,
    }
}

/// A page below a model's, as it was filled in.
fn below(page: &impl Template, fault: Option<&Problem>, signed_in: &SignedIn) -> Response {
    let status: StatusCode = page::status_for(fault);
    page::shown(page, status, &signed_in.browser)
}
