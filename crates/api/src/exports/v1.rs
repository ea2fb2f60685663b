//! Version 1 of the calls for data exports.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::export::{DataExport, ExportState};
use forebay_core::id::{DataExportId, DataModelId};
use forebay_engine::{Checks, Engine, NewDataExport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{QueryEnvironment, TAG, download};
use crate::auth::Auth;
use crate::body::Body;
use crate::path::Path;
use crate::problem::Reply;
use crate::words::ExportType;

/// What is to be exported.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataExportRequest {
    query_environment: Option<QueryEnvironment>,
    data_command: Option<DataCommand>,
    /// PARQUET when null.
    export_type: Option<ExportType>,
}

/// The queries.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DataCommand {
    /// One.
    commands: Option<Vec<DataQuery>>,
}

/// Statements of PQL: filters, then one TABLE.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DataQuery {
    queries: Option<Vec<String>>,
}

impl DataExportRequest {
    fn into_new(self) -> Result<NewDataExport> {
        if let Some(environment) = &self.query_environment {
            environment.check()?;
        }
        let commands = self.data_command.and_then(|command| command.commands);
        let mut commands = commands.unwrap_or_default().into_iter();
        let command = commands
            .next()
            .ok_or_else(|| Error::invalid("dataCommand.commands", "needs one with queries"))?;
        if commands.next().is_some() {
            let reason = "must have one entry; export each by itself";
            return Err(Error::invalid("dataCommand.commands", reason));
        }
        Ok(NewDataExport {
            queries: command.queries.unwrap_or_default(),
            format: self.export_type.unwrap_or(ExportType::Parquet).into(),
            checks: Checks::Later,
        })
    }
}

/// How an export stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataExportStatusResponse {
    #[schema(value_type = Uuid)]
    id: DataExportId,
    export_status: ExportStatus,
    #[schema(value_type = i64)]
    created: Timestamp,
    /// Why it failed; where the query is wrong, with the place.
    message: Option<String>,
    export_type: ExportType,
    /// How many files there are, once it is DONE.
    export_chunks: Option<usize>,
}

/// Where an export stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ExportStatus {
    Running,
    Done,
    Failed,
    /// The files were removed.
    Expired,
}

impl ExportStatus {
    pub(super) const fn of(state: &ExportState) -> Self {
        match state {
            ExportState::Running => Self::Running,
            ExportState::Done { .. } => Self::Done,
            ExportState::Failed { .. } => Self::Failed,
            ExportState::Expired => Self::Expired,
        }
    }
}

impl From<DataExport> for DataExportStatusResponse {
    fn from(export: DataExport) -> Self {
        let export_status = ExportStatus::of(&export.state);
        let (message, export_chunks) = match export.state {
            ExportState::Running | ExportState::Expired => (None, None),
            ExportState::Done { chunks } => (None, Some(chunks.len())),
            ExportState::Failed { message } => (Some(message), None),
        };
        let (id, created) = (export.id, export.created_at);
        Self { id, export_status, created, message, export_type: export.format.into(), export_chunks }
    }
}

/// Begins to export from a data model that is loaded. What is wrong with the queries is told by the export.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = DataExportRequest,
    responses((status = 200, body = DataExportStatusResponse))
)]
pub(crate) async fn create_data_export(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(model): Path<DataModelId>,
    Body(body): Body<DataExportRequest>,
) -> Reply<Json<DataExportStatusResponse>> {
    let export = engine.create_data_export(&caller, model, body.into_new()?).await?;
    Ok(Json(export.into()))
}

/// How an export of the caller stands.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = DataExportStatusResponse)))]
pub(crate) async fn data_export(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((model, export)): Path<(DataModelId, DataExportId)>,
) -> Reply<Json<DataExportStatusResponse>> {
    Ok(Json(engine.data_export(&caller, model, export).await?.into()))
}

/// The file of an export that has one.
#[utoipa::path(
    get, path = "", tag = TAG,
    responses((status = 200, content(
        ("application/vnd.apache.parquet"),
        ("text/csv"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )))
)]
pub(crate) async fn data_export_result(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((model, export)): Path<(DataModelId, DataExportId)>,
) -> Reply<Response> {
    Ok(download(engine.export_file(&caller, model, export, None).await?))
}
