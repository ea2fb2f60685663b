//! Data jobs, as `JobTransport`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::error::Error;
use forebay_core::execution::Execution;
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId, ExecutionId};
use forebay_core::job::DataJob;
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::pools::{name, new_name};
use super::problem::Reply;
use super::words::ExecutionStatus;

const TAG: &str = "Data jobs";

/// A data job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobTransport {
    #[schema(value_type = Uuid)]
    id: DataJobId,
    name: String,
    #[schema(value_type = Uuid)]
    data_pool_id: DataPoolId,
    /// The job's connection; null for a global job.
    #[schema(value_type = Option<Uuid>)]
    data_source_id: Option<DataConnectionId>,
    /// When the job was made.
    #[schema(value_type = i64)]
    time_stamp: Timestamp,
    /// How the newest execution stands; null when there was none.
    status: Option<ExecutionStatus>,
    /// The execution that is live.
    #[schema(value_type = Option<Uuid>)]
    current_execution_id: Option<ExecutionId>,
    dag_based_execution_enabled: bool,
    /// The newest execution.
    #[schema(value_type = Option<Uuid>)]
    latest_execution_item_id: Option<ExecutionId>,
}

impl JobTransport {
    pub(crate) fn new(job: &DataJob, latest: Option<&Execution>) -> Self {
        let live = latest.filter(|execution| !execution.status.is_finished());
        Self {
            id: job.id,
            name: job.name.to_string(),
            data_pool_id: job.pool_id,
            data_source_id: job.connection_id,
            time_stamp: job.created_at,
            status: latest.map(|execution| execution.status.into()),
            current_execution_id: live.map(|execution| execution.id),
            dag_based_execution_enabled: false,
            latest_execution_item_id: latest.map(|execution| execution.id),
        }
    }
}

/// What a client may set of a data job; `status` and the rest come back as they were sent and are ignored.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRequest {
    /// 1 to 100 characters; null leaves it.
    name: Option<String>,
    /// The job's connection; null makes a global job. It cannot be changed later.
    data_source_id: Option<String>,
}

/// The data jobs of a pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<JobTransport>)))]
pub(crate) async fn data_jobs(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<JobTransport>>> {
    let jobs = engine.data_jobs(&caller, pool).await?;
    Ok(Json(jobs.iter().map(|(job, latest)| JobTransport::new(job, latest.as_ref())).collect()))
}

/// Makes a data job.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = JobRequest, responses((status = 200, body = JobTransport))
)]
pub(crate) async fn create_data_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<JobRequest>,
) -> Reply<Json<JobTransport>> {
    let name = name(body.name.as_deref())?;
    let connection = body.data_source_id.as_deref().map(str::parse::<DataConnectionId>).transpose()?;
    let job = engine.create_data_job(&caller, pool, name, connection).await?;
    Ok(Json(JobTransport::new(&job, None)))
}

/// A data job; `status` is the state of its newest execution.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = JobTransport)))]
pub(crate) async fn data_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
) -> Reply<Json<JobTransport>> {
    let (job, latest) = engine.data_job(&caller, pool, job).await?;
    Ok(Json(JobTransport::new(&job, latest.as_ref())))
}

/// Renames a data job.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = JobRequest, responses((status = 200, body = JobTransport))
)]
pub(crate) async fn update_data_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
    Body(body): Body<JobRequest>,
) -> Reply<Json<JobTransport>> {
    let name = new_name(body.name.as_deref())?;
    if let Some(connection) = &body.data_source_id {
        let (kept, _) = engine.data_job(&caller, pool, job).await?;
        if kept.connection_id != Some(connection.parse()?) {
            let reason = "cannot be changed; make another data job for the other connection";
            return Err(Error::invalid("dataSourceId", reason).into());
        }
    }
    let (job, latest) = engine.update_data_job(&caller, pool, job, name).await?;
    Ok(Json(JobTransport::new(&job, latest.as_ref())))
}

/// Deletes a data job.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_data_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
) -> Reply<StatusCode> {
    engine.delete_data_job(&caller, pool, job).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a data job lies.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundJob {
    #[schema(value_type = Uuid)]
    id: DataJobId,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    name: String,
}

/// Where a data job lies, for a caller who knows the job alone.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = FoundJob)))]
pub(crate) async fn find_data_job(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(job): Path<DataJobId>,
) -> Reply<Json<FoundJob>> {
    let job = engine.find_data_job(&caller, job).await?;
    Ok(Json(FoundJob { id: job.id, pool_id: job.pool_id, name: job.name.to_string() }))
}
