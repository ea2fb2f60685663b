//! Data exports: PQL on a published data model, in two versions of the wire contract. `v1` and `v2` have the calls;
//! here is what they share: what holds for the queries, and the files.

pub(crate) mod v1;
pub(crate) mod v2;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use forebay_core::error::{Error, Result};
use forebay_core::export::ExportFormat;
use forebay_core::id::{DataExportId, DataModelId};
use forebay_engine::{Engine, ExportFile};
use futures::stream::unfold;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use utoipa::ToSchema;

use super::auth::Auth;
use super::path::{ChunkNumber, Path};
use super::problem::Reply;

const TAG: &str = "Data exports";
/// Read of a file at a time, in bytes.
const PIECE: usize = 256 * 1024;

const PARQUET: &str = "application/vnd.apache.parquet";
const EXCEL: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const CSV: &str = "text/csv; charset=utf-8";

/// What would hold for the queries beside what they say. What would leave rows out is refused: the answer would
/// have more of them than was meant.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryEnvironment {
    /// Null or empty.
    load_script: Option<String>,
    /// Null or empty.
    data_permission_rules: Option<Vec<Value>>,
}

impl QueryEnvironment {
    fn check(&self) -> Result<()> {
        let reason = "is not supported; write what it says as FILTER statements";
        if self.load_script.as_ref().is_some_and(|script| !script.trim().is_empty()) {
            return Err(Error::invalid("queryEnvironment.loadScript", reason));
        }
        if self.data_permission_rules.as_ref().is_some_and(|rules| !rules.is_empty()) {
            return Err(Error::invalid("queryEnvironment.dataPermissionRules", reason));
        }
        Ok(())
    }
}

/// Everything but what is compressed already.
pub(crate) fn is_worth_compressing() -> impl Predicate {
    DefaultPredicate::new()
        .and(NotForContentType::const_new(PARQUET))
        .and(NotForContentType::const_new(EXCEL))
}

/// A file of an export.
#[utoipa::path(
    get, path = "", tag = TAG,
    responses((status = 200, content(
        ("application/vnd.apache.parquet"),
        ("text/csv"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    )))
)]
pub(crate) async fn data_export_chunk(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((model, export, chunk)): Path<(DataModelId, DataExportId, ChunkNumber)>,
) -> Reply<Response> {
    Ok(download(engine.export_file(&caller, model, export, Some(chunk.0)).await?))
}

/// The file, piece by piece.
fn download(file: ExportFile) -> Response {
    let ExportFile { file, bytes, format } = file;
    let pieces = unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(piece), Some(file)))
            }
            // Nothing can be said any more: the answer breaks off.
            Err(error) => Some((Err(error), None)),
        }
    });
    let media_type = match format {
        ExportFormat::Parquet => PARQUET,
        ExportFormat::Excel => EXCEL,
        ExportFormat::Csv => CSV,
    };
    let headers =
        [(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_LENGTH, bytes.to_string())];
    (headers, Body::from_stream(pieces)).into_response()
}
