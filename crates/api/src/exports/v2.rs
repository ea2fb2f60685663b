//! Version 2 of the calls for data exports.

use axum::Json;
use axum::extract::State;
use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::export::{DataExport, ExportState};
use forebay_core::id::{DataExportId, DataModelId};
use forebay_engine::{Checks, Engine, NewDataExport};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::v1::ExportStatus;
use super::{QueryEnvironment, TAG};
use crate::auth::Auth;
use crate::body::Body;
use crate::path::Path;
use crate::problem::Reply;
use crate::query_string::{FromQuery, Pairs, Query};
use crate::words::ExportType;

/// When wrong queries are told.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Validation {
    /// With true, with the answer, and nothing is begun; otherwise by the export, which fails.
    validate: Option<bool>,
}

impl FromQuery for Validation {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        Ok(Self { validate: pairs.flag("validate")? })
    }
}

/// What is to be exported.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryExportRequest {
    /// PARQUET when null.
    export_type: Option<ExportType>,
    /// Statements of PQL with semicolons between: filters, then one TABLE.
    queries: Option<String>,
    query_environment: Option<QueryEnvironment>,
}

/// How an export stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryExportStatus {
    #[schema(value_type = Uuid)]
    id: DataExportId,
    export_status: ExportStatus,
    #[schema(value_type = i64)]
    created: Timestamp,
    export_type: ExportType,
    /// The files, once it is DONE.
    exported_chunks: Option<Vec<ExportedChunk>>,
    /// Why it failed; where the query is wrong, with the place.
    messages: Vec<String>,
}

/// A file of an export.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportedChunk {
    /// From 0 on.
    id: usize,
    size_in_bytes: u64,
    /// The path that it is fetched from.
    href: String,
}

impl From<DataExport> for QueryExportStatus {
    fn from(export: DataExport) -> Self {
        let export_status = ExportStatus::of(&export.state);
        let (id, model) = (export.id, export.model_id);
        let (exported_chunks, messages) = match export.state {
            ExportState::Running | ExportState::Expired => (None, Vec::new()),
            ExportState::Done { chunks } => {
                let chunk = |(number, bytes): (usize, u64)| ExportedChunk {
                    id: number,
                    size_in_bytes: bytes,
                    href: format!(
                        "/integration/api/external/compute/data-models/{model}/query-exports/{id}/chunks/{number}"
                    ),
                };
                let chunks = chunks.iter().map(|chunk| chunk.bytes).enumerate().map(chunk);
                (Some(chunks.collect()), Vec::new())
            }
            ExportState::Failed { message } => (None, vec![message]),
        };
        let (created, export_type) = (export.created_at, export.format.into());
        Self { id, export_status, created, export_type, exported_chunks, messages }
    }
}

/// Begins to export from a data model that is loaded.
#[utoipa::path(
    post, path = "", tag = TAG, params(Validation), request_body = QueryExportRequest,
    responses((status = 200, body = QueryExportStatus))
)]
pub(crate) async fn create_query_export(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(model): Path<DataModelId>,
    Query(validation): Query<Validation>,
    Body(body): Body<QueryExportRequest>,
) -> Reply<Json<QueryExportStatus>> {
    if let Some(environment) = &body.query_environment {
        environment.check()?;
    }
    let new = NewDataExport {
        queries: vec![body.queries.ok_or_else(|| Error::invalid("queries", "is missing"))?],
        format: body.export_type.unwrap_or(ExportType::Parquet).into(),
        checks: if validation.validate == Some(true) { Checks::First } else { Checks::Later },
    };
    Ok(Json(engine.create_data_export(&caller, model, new).await?.into()))
}

/// How an export of the caller stands.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = QueryExportStatus)))]
pub(crate) async fn query_export(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((model, export)): Path<(DataModelId, DataExportId)>,
) -> Reply<Json<QueryExportStatus>> {
    Ok(Json(engine.data_export(&caller, model, export).await?.into()))
}
