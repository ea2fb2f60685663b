//! Data models, as `DataModelTransport`. Their tables, relations, processes, loads and name mappings have calls of
//! their own, so what a client repeats of them in a model is ignored.

pub(crate) mod foreign_keys;
pub(crate) mod loads;
pub(crate) mod name_mappings;
pub(crate) mod processes;
pub(crate) mod tables;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::access::Subject;
use forebay_core::error::Result;
use forebay_core::id::{DataConnectionId, DataModelId, DataPoolId};
use forebay_core::model::calendar::{CalendarEntry, FactoryCalendar};
use forebay_core::name::Identifier;
use forebay_engine::{Engine, ModelSettings, NewDataModel, SeenModel};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use self::foreign_keys::DataModelForeignKeyTransport;
use self::processes::DataModelConfigurationTransport;
use self::tables::DataModelTableTransport;
use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::pools::{name, new_name};
use super::problem::Reply;
use super::words::{CalendarDay, DataModelCalendarType};

const TAG: &str = "Data models";

/// A data model. What Forebay does not have is null or false.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelTransport {
    permissions: Vec<String>,
    #[schema(value_type = Uuid)]
    id: DataModelId,
    name: String,
    description: Option<String>,
    #[schema(value_type = i64)]
    create_date: Timestamp,
    /// When anything of it was changed last.
    #[schema(value_type = i64)]
    changed_date: Timestamp,
    configuration_skipped: bool,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    /// No version of it was published, as far as executions are kept.
    unavailable: bool,
    editable: bool,
    creator_user_id: Option<String>,
    tables: Vec<DataModelTableTransport>,
    foreign_keys: Vec<DataModelForeignKeyTransport>,
    process_configurations: Vec<DataModelConfigurationTransport>,
    data_model_calendar_type: DataModelCalendarType,
    factory_calendar: Option<DataModelFactoryCalendarTransport>,
    custom_calendar: Option<DataModelCustomCalendarTransport>,
    original_id: Option<String>,
    eventlog_automerge_enabled: bool,
    auto_merge_execution_mode: Option<String>,
    /// How many process configurations it has.
    event_log_count: usize,
    object_id: Option<String>,
}

/// A table that says which days are working days.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelFactoryCalendarTransport {
    table_name: String,
    /// Whose schema the table lies in; null is the global one.
    #[schema(value_type = Option<Uuid>)]
    data_source_id: Option<DataConnectionId>,
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
}

/// When people work on the days of a week.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelCustomCalendarTransport {
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
    entries: Vec<DataModelCustomCalendarEntryTransport>,
}

/// A line of a custom calendar; its times are in the unit of whoever wrote them.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelCustomCalendarEntryTransport {
    id: Option<String>,
    day: Option<CalendarDay>,
    working_day: Option<bool>,
    start_time: Option<i64>,
    end_time: Option<i64>,
}

impl From<&SeenModel> for DataModelTransport {
    fn from(seen: &SeenModel) -> Self {
        let model = &seen.model;
        let factory = model.calendar.factory.as_ref().map(|calendar| DataModelFactoryCalendarTransport {
            table_name: calendar.table.to_string(),
            data_source_id: calendar.connection_id,
            data_model_id: model.id,
        });
        let custom = (!model.calendar.custom.is_empty()).then(|| DataModelCustomCalendarTransport {
            data_model_id: model.id,
            entries: model.calendar.custom.iter().map(DataModelCustomCalendarEntryTransport::from).collect(),
        });
        Self {
            permissions: Vec::new(),
            id: model.id,
            name: model.name.to_string(),
            description: model.description.clone(),
            create_date: model.created_at,
            changed_date: model.changed_at,
            configuration_skipped: false,
            pool_id: model.pool_id,
            unavailable: !seen.is_loaded,
            editable: seen.may_edit,
            creator_user_id: model.created_by.map(|subject| match subject {
                Subject::User(id) => id.to_string(),
                Subject::Application(id) => id.to_string(),
            }),
            tables: model.tables.iter().map(|table| DataModelTableTransport::new(model.id, table)).collect(),
            foreign_keys: model
                .foreign_keys
                .iter()
                .map(|key| DataModelForeignKeyTransport::new(model.id, key))
                .collect(),
            process_configurations: model
                .processes
                .iter()
                .map(|process| DataModelConfigurationTransport::new(model.id, process))
                .collect(),
            data_model_calendar_type: model.calendar.kind.into(),
            factory_calendar: factory,
            custom_calendar: custom,
            original_id: None,
            eventlog_automerge_enabled: false,
            auto_merge_execution_mode: None,
            event_log_count: model.processes.len(),
            object_id: None,
        }
    }
}

impl From<&CalendarEntry> for DataModelCustomCalendarEntryTransport {
    fn from(entry: &CalendarEntry) -> Self {
        Self {
            id: Some(entry.id.clone()),
            day: entry.day.map(CalendarDay::from),
            working_day: entry.working_day,
            start_time: entry.start_time,
            end_time: entry.end_time,
        }
    }
}

impl From<DataModelCustomCalendarEntryTransport> for CalendarEntry {
    fn from(entry: DataModelCustomCalendarEntryTransport) -> Self {
        Self {
            id: entry.id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            day: entry.day.map(Into::into),
            working_day: entry.working_day,
            start_time: entry.start_time,
            end_time: entry.end_time,
        }
    }
}

/// What a client may set of a data model; the other fields of its transport are the server's or have calls of their
/// own, and are ignored. Null leaves what is there.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelRequest {
    /// 1 to 100 characters.
    name: Option<String>,
    description: Option<String>,
    data_model_calendar_type: Option<DataModelCalendarType>,
    factory_calendar: Option<FactoryCalendarRequest>,
    custom_calendar: Option<CustomCalendarRequest>,
}

/// A table that says which days are working days.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FactoryCalendarRequest {
    /// Null leaves the calendar as it is.
    table_name: Option<String>,
    /// Whose schema the table lies in; null is the global one.
    data_source_id: Option<String>,
}

/// When people work on the days of a week.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CustomCalendarRequest {
    /// All of them; null leaves them.
    entries: Option<Vec<DataModelCustomCalendarEntryTransport>>,
}

impl DataModelRequest {
    fn into_settings(self) -> Result<ModelSettings> {
        let factory_calendar = match self.factory_calendar {
            Some(FactoryCalendarRequest { table_name: Some(table), data_source_id }) => {
                Some(FactoryCalendar {
                    connection_id: data_source_id.as_deref().map(str::parse).transpose()?,
                    table: Identifier::parse("factoryCalendar.tableName", &table)?,
                })
            }
            Some(FactoryCalendarRequest { table_name: None, .. }) | None => None,
        };
        let entries = self.custom_calendar.and_then(|calendar| calendar.entries);
        Ok(ModelSettings {
            description: self.description,
            calendar_kind: self.data_model_calendar_type.map(Into::into),
            factory_calendar: factory_calendar.map(Some),
            custom_calendar: entries.map(|entries| entries.into_iter().map(Into::into).collect()),
        })
    }
}

/// The data models of a pool.
#[utoipa::path(
    get, path = "", tag = TAG, operation_id = "contract_data_models",
    responses((status = 200, body = Vec<DataModelTransport>))
)]
pub(crate) async fn data_models(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<DataModelTransport>>> {
    Ok(Json(engine.data_models(&caller, pool).await?.iter().map(DataModelTransport::from).collect()))
}

/// Makes a data model. Its tables, relations and processes are added by calls of their own.
#[utoipa::path(
    post, path = "", tag = TAG, operation_id = "contract_create_data_model", request_body = DataModelRequest,
    responses((status = 200, body = DataModelTransport))
)]
pub(crate) async fn create_data_model(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<DataModelRequest>,
) -> Reply<Json<DataModelTransport>> {
    let name = name(body.name.as_deref())?;
    let settings = body.into_settings()?;
    let new = NewDataModel { settings, ..NewDataModel::of(name, Vec::new(), Vec::new()) };
    Ok(Json(DataModelTransport::from(&engine.create_data_model(&caller, pool, new).await?)))
}

/// A data model.
#[utoipa::path(
    get, path = "", tag = TAG, operation_id = "contract_data_model",
    responses((status = 200, body = DataModelTransport))
)]
pub(crate) async fn data_model(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<Json<DataModelTransport>> {
    Ok(Json(DataModelTransport::from(&engine.data_model(&caller, pool, model).await?)))
}

/// Changes a data model itself. Tables, relations and processes in the body are ignored: nothing is deleted.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = DataModelRequest,
    responses((status = 200, body = DataModelTransport))
)]
pub(crate) async fn update_data_model(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
    Body(body): Body<DataModelRequest>,
) -> Reply<Json<DataModelTransport>> {
    let name = new_name(body.name.as_deref())?;
    let settings = body.into_settings()?;
    let changed = engine.update_data_model(&caller, pool, model, name, settings).await?;
    Ok(Json(DataModelTransport::from(&changed)))
}

/// Deletes a data model that no data job loads.
#[utoipa::path(
    delete, path = "", tag = TAG, operation_id = "contract_delete_data_model", responses((status = 204))
)]
pub(crate) async fn delete_data_model(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<StatusCode> {
    engine.delete_data_model(&caller, pool, model).await?;
    Ok(StatusCode::NO_CONTENT)
}
