//! Data model loads of a job, as `DataModelExecutionTransport`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataJobId, DataModelId, DataPoolId, ModelTableId, TaskId};
use forebay_core::job::{Activation, ModelLoad, TableChoice, Task, TaskKind};
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::Body;
use super::path::{Path, TaskKey};
use super::problem::Reply;

const TAG: &str = "Data models";

/// The load of a data model by a job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelExecutionTransport {
    /// The task of the job.
    #[schema(value_type = Uuid)]
    id: TaskId,
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
    #[schema(value_type = Uuid)]
    job_id: DataJobId,
    disabled: bool,
    data_model_name: String,
    /// The tables to load; null is all.
    tables: Option<Vec<DataModelExecutionTableItem>>,
    partial_load: bool,
}

/// A table to load.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelExecutionTableItem {
    #[schema(value_type = Uuid)]
    id: ModelTableId,
    alias_or_name: Option<String>,
    selected: bool,
}

impl DataModelExecutionTransport {
    fn new(task: &Task, load: &ModelLoad) -> Self {
        let item =
            |id: &ModelTableId| DataModelExecutionTableItem { id: *id, alias_or_name: None, selected: true };
        let tables = match &load.tables {
            TableChoice::All => None,
            TableChoice::Only(tables) => Some(tables.iter().map(item).collect::<Vec<_>>()),
        };
        Self {
            id: task.id,
            data_model_id: load.data_model_id,
            job_id: task.job_id,
            disabled: task.activation == Activation::Disabled,
            data_model_name: task.name.to_string(),
            partial_load: tables.is_some(),
            tables,
        }
    }
}

/// A load to be added to a job.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelExecutionRequest {
    data_model_id: Option<String>,
    /// The tables to load, where `partialLoad` is true.
    tables: Option<Vec<LoadTableRequest>>,
    partial_load: Option<bool>,
}

/// A table to load.
#[derive(Deserialize, ToSchema)]
pub(crate) struct LoadTableRequest {
    id: Option<String>,
    /// False leaves it out.
    selected: Option<bool>,
}

impl DataModelExecutionRequest {
    fn into_load(self) -> Result<ModelLoad> {
        let model = self.data_model_id.ok_or_else(|| Error::invalid("dataModelId", "is missing"))?;
        let tables = match (self.partial_load, self.tables) {
            (Some(true), Some(tables)) => {
                let selected = tables.iter().filter(|table| table.selected != Some(false));
                let ids = selected.filter_map(|table| table.id.as_deref()).map(str::parse);
                TableChoice::Only(ids.collect::<Result<_>>()?)
            }
            _ => TableChoice::All,
        };
        Ok(ModelLoad { data_model_id: model.parse()?, tables })
    }
}

/// The data model loads of a job.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<DataModelExecutionTransport>)))]
pub(crate) async fn model_loads(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
) -> Reply<Json<Vec<DataModelExecutionTransport>>> {
    let tasks = engine.tasks(&caller, pool, job).await?;
    let loads = tasks.iter().filter_map(|task| match &task.kind {
        TaskKind::DataModelLoad(load) => Some(DataModelExecutionTransport::new(task, load)),
        TaskKind::Extraction(_) | TaskKind::Transformation(_) => None,
    });
    Ok(Json(loads.collect()))
}

/// Adds the load of a data model to a job.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = DataModelExecutionRequest,
    responses((status = 200, body = DataModelExecutionTransport))
)]
pub(crate) async fn create_model_load(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
    Body(body): Body<DataModelExecutionRequest>,
) -> Reply<Json<DataModelExecutionTransport>> {
    let load = body.into_load()?;
    let task = engine.create_model_load(&caller, pool, job, load.clone()).await?;
    Ok(Json(DataModelExecutionTransport::new(&task, &load)))
}

/// Takes the load of a data model out of a job.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_model_load(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
) -> Reply<StatusCode> {
    let found = engine.task(&caller, pool, job, &task.0).await?;
    match found.kind {
        TaskKind::DataModelLoad(_) => {
            engine.delete_task(&caller, pool, job, &task.0).await?;
            Ok(StatusCode::NO_CONTENT)
        }
        // Another task is not a load, and is not deleted by this path.
        TaskKind::Extraction(_) | TaskKind::Transformation(_) => {
            Err(Error::not_found(Kind::Task, task.0).into())
        }
    }
}
