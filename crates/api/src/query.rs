//! SQL on a pool's tables, read only: as JSON, or as an Arrow stream.

mod rows;
mod time;
mod types;

use arrow::ipc::writer::StreamWriter;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_core::warehouse::Rows;
use forebay_engine::Engine;
use serde::Deserialize;
use utoipa::ToSchema;

pub use self::rows::QueryAnswer;
use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::problem::Reply;

const TAG: &str = "Tables";
/// Rows of an answer when the caller does not say.
const LIMIT: usize = 1000;
/// The media type of Arrow's streaming format.
const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";
/// Says, next to an Arrow stream, what `truncated` says in JSON.
const TRUNCATED: &str = "x-forebay-truncated";

/// A question to a pool's tables.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryRequest {
    /// One statement that reads.
    sql: Option<String>,
    /// The most rows: 1 to 1000000, 1000 when null.
    limit: Option<usize>,
    /// Whose tables are meant by names without a schema, before the pool's own.
    connection_id: Option<String>,
}

/// Answers one SQL statement that reads. With `Accept: application/vnd.apache.arrow.stream` the rows
/// come as an Arrow stream, and the header `x-forebay-truncated` says whether there were more.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = QueryRequest,
    responses((status = 200, content(
        (QueryAnswer = "application/json"),
        ("application/vnd.apache.arrow.stream"),
    )))
)]
pub(crate) async fn query(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    headers: HeaderMap,
    Body(body): Body<QueryRequest>,
) -> Reply<Response> {
    let sql = body.sql.ok_or_else(|| Error::invalid("sql", "is missing"))?;
    let connection = body.connection_id.as_deref().map(str::parse).transpose()?;
    let rows = engine.query(&caller, pool, connection, sql, body.limit.unwrap_or(LIMIT)).await?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let arrow = accept.contains(ARROW_STREAM);
    // A million rows take a while to write, which is not for a thread that answers others.
    let packed = tokio::task::spawn_blocking(move || if arrow { arrow_stream(&rows) } else { json(&rows) });
    Ok(packed.await.map_err(Error::internal)??)
}

fn json(rows: &Rows) -> Result<Response> {
    Ok(Json(QueryAnswer::new(rows)?).into_response())
}

fn arrow_stream(rows: &Rows) -> Result<Response> {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema).map_err(Error::internal)?;
    for batch in &rows.batches {
        writer.write(batch).map_err(Error::internal)?;
    }
    let stream = writer.into_inner().map_err(Error::internal)?;
    let truncated = if rows.truncated { "true" } else { "false" };
    let headers = [(header::CONTENT_TYPE.as_str(), ARROW_STREAM), (TRUNCATED, truncated)];
    Ok((headers, stream).into_response())
}
