//! Data pushes: a client makes a push, sends its files, has it executed and asks how it stands.

mod transport;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use forebay_core::error::Result;
use forebay_core::id::{DataPoolId, PushJobId};
use forebay_core::name::Identifier;
use forebay_core::push::ChunkKind;
use forebay_engine::Engine;
use utoipa::IntoParams;

use super::auth::Auth;
use super::body::Body;
use super::multipart::Multipart;
use super::path::Path;
use super::problem::{Reply, rate_limit_headers};
use super::query_string::{FromQuery, Pairs, Query};
use transport::{DataPushChunk, DataPushJob, DataPushJobRequest};

pub(crate) use transport::FileUpload;

const TAG: &str = "Data push";

/// The data pushes of a pool, without those of the stream client.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<DataPushJob>)))]
pub(crate) async fn push_jobs(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<DataPushJob>>> {
    let pushes = engine.push_jobs(&caller, pool).await?;
    Ok(Json(pushes.into_iter().map(DataPushJob::from).collect()))
}

/// Makes a data push. It takes files until it is executed.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = DataPushJobRequest,
    responses((status = 200, body = DataPushJob))
)]
pub(crate) async fn create_push_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<DataPushJobRequest>,
) -> Reply<Json<DataPushJob>> {
    let push = engine.create_push_job(&caller, pool, body.into_settings()?).await?;
    Ok(Json(push.into()))
}

/// A data push, and where it stands.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = DataPushJob)))]
pub(crate) async fn push_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, PushJobId)>,
) -> Reply<Json<DataPushJob>> {
    Ok(Json(engine.push_job(&caller, pool, id).await?.into()))
}

/// Of rows with one key, which one stays.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct ExecutePushQuery {
    /// A column of the files: the last row by it stays. Without it, the row that came last.
    #[param(value_type = Option<String>)]
    duplicate_removal_column: Option<Identifier>,
}

impl FromQuery for ExecutePushQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        const NAME: &str = "duplicateRemovalColumn";
        let column = pairs.text(NAME)?.map(|text| Identifier::parse(NAME, text)).transpose()?;
        Ok(Self { duplicate_removal_column: column })
    }
}

/// Has a data push executed, which happens once. It is queued when this answers.
#[utoipa::path(
    post, path = "", tag = TAG, params(ExecutePushQuery), responses((status = 200, body = DataPushJob))
)]
pub(crate) async fn execute_push_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, PushJobId)>,
    Query(query): Query<ExecutePushQuery>,
) -> Reply<(HeaderMap, Json<DataPushJob>)> {
    let limit = engine.execute_push_job(&caller, pool, id, query.duplicate_removal_column).await?;
    let headers = limit.map(|limit| rate_limit_headers(&limit)).unwrap_or_default();
    Ok((headers, Json(engine.push_job(&caller, pool, id).await?.into())))
}

/// Deletes a data push and its files, and cancels it while it runs. The table stays as it is.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_push_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, PushJobId)>,
) -> Reply<StatusCode> {
    engine.delete_push_job(&caller, pool, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a file with rows that come. The answer says that it is on the disk.
#[utoipa::path(
    post, path = "", tag = TAG,
    request_body(content = FileUpload, content_type = "multipart/form-data"),
    responses((status = 200, body = DataPushChunk))
)]
pub(crate) async fn add_upserted_chunk(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, PushJobId)>,
    form: Multipart,
) -> Reply<Json<DataPushChunk>> {
    let begun = engine.begin_push_chunk(&caller, pool, id, ChunkKind::Upsert).await;
    take(form, begun).await
}

/// Sends a file with rows whose keys go. The answer says that it is on the disk.
#[utoipa::path(
    post, path = "", tag = TAG,
    request_body(content = FileUpload, content_type = "multipart/form-data"),
    responses((status = 200, body = DataPushChunk))
)]
pub(crate) async fn add_deleted_chunk(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, PushJobId)>,
    form: Multipart,
) -> Reply<Json<DataPushChunk>> {
    let begun = engine.begin_push_chunk(&caller, pool, id, ChunkKind::Delete).await;
    take(form, begun).await
}

/// The files of a data push, in the order in which they came.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<DataPushChunk>)))]
pub(crate) async fn push_chunks(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, PushJobId)>,
) -> Reply<Json<Vec<DataPushChunk>>> {
    let chunks = engine.push_chunks(&caller, pool, id).await?;
    Ok(Json(chunks.into_iter().map(DataPushChunk::from).collect()))
}

/// Takes the file of a form.
async fn take(mut form: Multipart, begun: Result<forebay_engine::ChunkUpload>) -> Reply<Json<DataPushChunk>> {
    let mut chunk = match begun {
        Ok(chunk) => chunk,
        Err(error) => return Err(form.refuse(error).await),
    };
    let read = async {
        form.open_file().await?;
        while let Some(bytes) = form.next_bytes().await? {
            chunk.write(&bytes).await?;
        }
        form.end().await
    };
    match read.await {
        Ok(()) => Ok(Json(chunk.finish().await?.into())),
        Err(problem) => {
            drop(chunk);
            Err(form.refuse(problem).await)
        }
    }
}
