//! Process configurations of a data model: which table holds events, and what its columns mean.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId, ModelTableId, ProcessConfigurationId};
use forebay_core::model::{DataModel, ProcessConfiguration};
use forebay_core::name::Identifier;
use forebay_engine::Engine;
use serde::Deserialize;

use super::super::form::{Filled, Nothing};
use super::super::page::{At, Failed, Frame, Shown};
use super::super::session::SignedIn;
use super::{column, name_of};
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "model-process.html")]
struct ProcessPage {
    frame: Frame,
    pool_id: DataPoolId,
    model_id: DataModelId,
    model_name: String,
    table_id: ModelTableId,
    table_name: String,
    /// The columns that the table has in the pool.
    columns: Vec<String>,
    /// The tables of the model, which may hold the cases.
    tables: Vec<(String, String)>,
    fields: ProcessForm,
    /// The configuration that there is.
    id: Option<ProcessConfigurationId>,
    base: String,
    fault: Option<String>,
}

/// A configuration, as the page of the model tells it.
pub(super) struct ProcessRow {
    pub(super) table: ModelTableId,
    pub(super) name: String,
    pub(super) cases: String,
    pub(super) case_id: String,
    pub(super) activity: String,
    pub(super) timestamp: String,
    pub(super) sorting: String,
    pub(super) is_default: bool,
}

/// The fields as they are typed. An empty one says nothing.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ProcessForm {
    case_table: String,
    case_id: String,
    activity: String,
    timestamp: String,
    end_timestamp: String,
    sorting: String,
}

/// The activity table.
#[derive(Deserialize)]
pub(crate) struct Asked {
    table: String,
}

fn text(column: Option<&Identifier>) -> String {
    column.map(Identifier::to_string).unwrap_or_default()
}

impl ProcessRow {
    pub(super) fn of(process: &ProcessConfiguration, model: &DataModel) -> Self {
        Self {
            table: process.activity_table,
            name: name_of(model, process.activity_table),
            cases: process.case_table.map(|table| name_of(model, table)).unwrap_or_default(),
            case_id: text(process.columns.case_id.as_ref()),
            activity: text(process.columns.activity.as_ref()),
            timestamp: text(process.columns.timestamp.as_ref()),
            sorting: text(process.columns.sorting.as_ref()),
            is_default: process.is_default,
        }
    }
}

impl ProcessForm {
    fn of(process: &ProcessConfiguration) -> Self {
        Self {
            case_table: process.case_table.map(|table| table.to_string()).unwrap_or_default(),
            case_id: text(process.columns.case_id.as_ref()),
            activity: text(process.columns.activity.as_ref()),
            timestamp: text(process.columns.timestamp.as_ref()),
            end_timestamp: text(process.columns.end_timestamp.as_ref()),
            sorting: text(process.columns.sorting.as_ref()),
        }
    }
}

pub(crate) async fn process_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let table = asked.table.parse()?;
    let found = engine.process_configuration_of(&signed_in.caller, pool, model, table).await;
    let fields = match found {
        Ok(process) => ProcessForm::of(&process),
        // A table without one; that it is a table of the model is looked at below.
        Err(Error::NotFound { .. }) => ProcessForm::default(),
        Err(error) => return Err(error.into()),
    };
    shown(&engine, &signed_in, (pool, model, table), fields, None).await
}

pub(crate) async fn set_process(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<ProcessForm>,
) -> Shown {
    let table = asked.table.parse()?;
    let set = async {
        let case_table: Option<ModelTableId> =
            (!form.case_table.is_empty()).then(|| form.case_table.parse()).transpose()?;
        let (case_id, activity) = (column("caseId", &form.case_id)?, column("activity", &form.activity)?);
        let timestamp = column("timestamp", &form.timestamp)?;
        let end_timestamp = column("endTimestamp", &form.end_timestamp)?;
        let sorting = column("sorting", &form.sorting)?;
        let change = |process: &mut ProcessConfiguration| {
            process.case_table = case_table;
            process.columns.case_id = case_id;
            process.columns.activity = activity;
            process.columns.timestamp = timestamp;
            process.columns.end_timestamp = end_timestamp;
            process.columns.sorting = sorting;
        };
        engine.change_process_configuration(&signed_in.caller, pool, model, table, change).await
    };
    match set.await {
        Ok(_) => Ok(Redirect::to(&super::place(pool, model)).into_response()),
        Err(fault @ Error::Invalid { .. }) => {
            shown(&engine, &signed_in, (pool, model, table), form, Some(fault.into())).await
        }
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn delete_process(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model, process)): At<(DataPoolId, DataModelId, ProcessConfigurationId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let done = engine.delete_process_configuration(&signed_in.caller, pool, model, process).await;
    super::changed(&engine, &signed_in, (pool, model), done).await
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, model, table): (DataPoolId, DataModelId, ModelTableId),
    fields: ProcessForm,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let columns = engine.model_table_columns(caller, pool, model, table).await?;
    let found = engine.data_model(caller, pool, model).await?.model;
    let page = ProcessPage {
        frame: Frame::of(signed_in),
        pool_id: pool,
        model_id: model,
        model_name: found.name.to_string(),
        table_id: table,
        table_name: name_of(&found, table),
        columns: columns.into_iter().map(|column| column.name.to_string()).collect(),
        tables: found
            .tables
            .iter()
            .map(|table| (table.id.to_string(), table.alias_or_name().to_string()))
            .collect(),
        fields,
        id: found.processes.iter().find(|process| process.activity_table == table).map(|process| process.id),
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(super::below(&page, fault.as_ref(), signed_in))
}
