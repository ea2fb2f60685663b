//! One data model: what it consists of. Its tables, foreign keys, processes, calendar, name mappings and loads are in
//! the modules below, and so are the picture of it and the list of a pool's models.

mod calendar;
mod deletion;
mod keys;
mod list;
mod loads;
mod names;
mod picture;
mod process;
mod tables;

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::Result;
use forebay_core::id::{DataModelId, DataPoolId, ExecutionId, ForeignKeyId, ModelTableId};
use forebay_core::model::{DataModel, ForeignKey};
use forebay_core::name::{Identifier, Name};
use forebay_core::pool::DataPool;
use forebay_engine::{Engine, ModelSettings};
use serde::Deserialize;

pub(super) use self::calendar::{calendar_page, set_calendar};
pub(super) use self::deletion::{delete, delete_page};
pub(super) use self::keys::{create_key, delete_key, key_page};
pub(super) use self::list::{create, models};
pub(super) use self::loads::{badge as load_badge, chosen_tables, load};
pub(super) use self::names::{add_names, delete_names, names_page};
pub(super) use self::process::{delete_process, process_page, set_process};
pub(super) use self::tables::{add_tables, remove_table, set_table, table_page, tables_page};

use self::loads::Load;
use self::picture::Picture;
use self::process::ProcessRow;
use super::form::Filled;
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::listed;
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "model.html")]
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
    /// Which calendar counts.
    calendar: String,
    /// The load that is live.
    live: Option<ExecutionId>,
    /// The newest first.
    loads: Vec<Load>,
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

/// A model's name, as it is typed.
#[derive(Deserialize)]
pub(super) struct NameForm {
    #[serde(default)]
    name: String,
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
        calendar: calendar::in_words(&model.calendar),
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
pub(super) fn place(pool: DataPoolId, model: DataModelId) -> String {
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
