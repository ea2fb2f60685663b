//! Process configurations of a data model, as `DataModelConfiguration`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::error::Result;
use forebay_core::id::{DataModelId, DataPoolId, ModelTableId, ProcessConfigurationId};
use forebay_core::model::ProcessConfiguration;
use forebay_core::model::process::ProcessColumns;
use forebay_core::name::Identifier;
use forebay_engine::{Engine, ProcessChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TAG;
use crate::auth::Auth;
use crate::body::Body;
use crate::path::Path;
use crate::problem::Reply;

/// What an activity table of a data model means, as the model shows it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelConfigurationTransport {
    #[schema(value_type = Uuid)]
    id: ProcessConfigurationId,
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
    /// The table of the model that holds the events.
    #[schema(value_type = Uuid)]
    activity_table_id: ModelTableId,
    /// The table of the model that holds the cases.
    #[schema(value_type = Option<Uuid>)]
    case_table_id: Option<ModelTableId>,
    default_configuration: bool,
    case_id_column: Option<String>,
    activity_column: Option<String>,
    timestamp_column: Option<String>,
    sorting_column: Option<String>,
    end_timestamp_column: Option<String>,
    cost_column: Option<String>,
    user_column: Option<String>,
    use_parallel_process: Option<bool>,
    parallel_process_parent_column: Option<String>,
    parallel_process_child_column: Option<String>,
}

/// What an activity table of a data model means.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelConfiguration {
    #[serde(flatten)]
    configuration: DataModelConfigurationTransport,
    /// Always null: one server is one team.
    tenant_id: Option<String>,
    /// Always null, as `tenantId`.
    optional_tenant_id: Option<String>,
}

impl DataModelConfigurationTransport {
    pub(super) fn new(model: DataModelId, process: &ProcessConfiguration) -> Self {
        let text = |column: &Option<Identifier>| column.as_ref().map(Identifier::to_string);
        let columns = &process.columns;
        Self {
            id: process.id,
            data_model_id: model,
            activity_table_id: process.activity_table,
            case_table_id: process.case_table,
            default_configuration: process.is_default,
            case_id_column: text(&columns.case_id),
            activity_column: text(&columns.activity),
            timestamp_column: text(&columns.timestamp),
            sorting_column: text(&columns.sorting),
            end_timestamp_column: text(&columns.end_timestamp),
            cost_column: text(&columns.cost),
            user_column: text(&columns.user),
            use_parallel_process: process.uses_parallel_process,
            parallel_process_parent_column: text(&columns.parallel_parent),
            parallel_process_child_column: text(&columns.parallel_child),
        }
    }
}

impl DataModelConfiguration {
    fn new(model: DataModelId, process: &ProcessConfiguration) -> Self {
        Self {
            configuration: DataModelConfigurationTransport::new(model, process),
            tenant_id: None,
            optional_tenant_id: None,
        }
    }
}

/// A process configuration to be made or changed. Null leaves what is there.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelConfigurationRequest {
    /// Which one is changed; null is the one of the activity table, or a new one.
    id: Option<String>,
    /// The table of the model that holds the events.
    activity_table_id: Option<String>,
    /// The table of the model that holds the cases.
    case_table_id: Option<String>,
    /// True takes it away from the others.
    default_configuration: Option<bool>,
    case_id_column: Option<String>,
    activity_column: Option<String>,
    timestamp_column: Option<String>,
    sorting_column: Option<String>,
    end_timestamp_column: Option<String>,
    cost_column: Option<String>,
    user_column: Option<String>,
    use_parallel_process: Option<bool>,
    parallel_process_parent_column: Option<String>,
    parallel_process_child_column: Option<String>,
}

impl DataModelConfigurationRequest {
    fn into_change(self) -> Result<ProcessChange> {
        let column =
            |field: &str, name: Option<String>| name.map(|name| Identifier::parse(field, &name)).transpose();
        Ok(ProcessChange {
            id: self.id.as_deref().map(str::parse).transpose()?,
            activity_table: self.activity_table_id.as_deref().map(str::parse).transpose()?,
            case_table: self.case_table_id.as_deref().map(str::parse).transpose()?,
            is_default: self.default_configuration,
            columns: ProcessColumns {
                case_id: column("caseIdColumn", self.case_id_column)?,
                activity: column("activityColumn", self.activity_column)?,
                timestamp: column("timestampColumn", self.timestamp_column)?,
                sorting: column("sortingColumn", self.sorting_column)?,
                end_timestamp: column("endTimestampColumn", self.end_timestamp_column)?,
                cost: column("costColumn", self.cost_column)?,
                user: column("userColumn", self.user_column)?,
                parallel_parent: column("parallelProcessParentColumn", self.parallel_process_parent_column)?,
                parallel_child: column("parallelProcessChildColumn", self.parallel_process_child_column)?,
            },
            uses_parallel_process: self.use_parallel_process,
        })
    }
}

/// The process configurations of a data model.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<DataModelConfiguration>)))]
pub(crate) async fn process_configurations(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<Json<Vec<DataModelConfiguration>>> {
    let processes = engine.process_configurations(&caller, pool, model).await?;
    Ok(Json(processes.iter().map(|process| DataModelConfiguration::new(model, process)).collect()))
}

/// Makes or changes a process configuration: the one of this id, or else the one of this activity table.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = DataModelConfigurationRequest,
    responses((status = 200, body = DataModelConfiguration))
)]
pub(crate) async fn put_process_configuration(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
    Body(body): Body<DataModelConfigurationRequest>,
) -> Reply<Json<DataModelConfiguration>> {
    let process = engine.put_process_configuration(&caller, pool, model, body.into_change()?).await?;
    Ok(Json(DataModelConfiguration::new(model, &process)))
}

/// The process configuration of an activity table.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = DataModelConfiguration)))]
pub(crate) async fn process_configuration_of(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model, table)): Path<(DataPoolId, DataModelId, ModelTableId)>,
) -> Reply<Json<DataModelConfiguration>> {
    let process = engine.process_configuration_of(&caller, pool, model, table).await?;
    Ok(Json(DataModelConfiguration::new(model, &process)))
}

/// Deletes a process configuration.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_process_configuration(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model, process)): Path<(DataPoolId, DataModelId, ProcessConfigurationId)>,
) -> Reply<StatusCode> {
    engine.delete_process_configuration(&caller, pool, model, process).await?;
    Ok(StatusCode::NO_CONTENT)
}
