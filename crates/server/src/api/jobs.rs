//! Data jobs, as `JobTransport`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use forebay_core::error::Error;
use forebay_core::execution::Execution;
use forebay_core::id::DataConnectionId;
use forebay_core::job::DataJob;
use forebay_core::name::Name;
use forebay_engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;

/// What a client may set; `status` and the rest come back as they were sent and are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobBody {
    name: Option<String>,
    data_source_id: Option<String>,
}

fn transport(job: &DataJob, latest: Option<&Execution>) -> Value {
    let live = latest.filter(|execution| !execution.status.is_finished());
    json!({
        "id": job.id, "name": job.name, "dataPoolId": job.pool_id, "dataSourceId": job.connection_id,
        "timeStamp": job.created_at, "status": latest.map(|execution| execution.status),
        "currentExecutionId": live.map(|execution| execution.id), "dagBasedExecutionEnabled": false,
        "latestExecutionItemId": latest.map(|execution| execution.id),
    })
}

pub(crate) async fn list(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
) -> Reply<Json<Value>> {
    let jobs = engine.data_jobs(&caller, pool.parse()?).await?;
    Ok(Json(jobs.iter().map(|(job, latest)| transport(job, latest.as_ref())).collect()))
}

pub(crate) async fn create(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    Body(body): Body<JobBody>,
) -> Reply<Json<Value>> {
    let name =
        Name::parse("name", body.name.as_deref().ok_or_else(|| Error::invalid("name", "is missing"))?)?;
    let connection = body.data_source_id.as_deref().map(str::parse::<DataConnectionId>).transpose()?;
    let job = engine.create_data_job(&caller, pool.parse()?, name, connection).await?;
    Ok(Json(transport(&job, None)))
}

/// The documented status call: `status` is the state of the newest execution.
pub(crate) async fn show(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    let (job, latest) = engine.data_job(&caller, pool.parse()?, job.parse()?).await?;
    Ok(Json(transport(&job, latest.as_ref())))
}

pub(crate) async fn update(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
    Body(body): Body<JobBody>,
) -> Reply<Json<Value>> {
    let name = body.name.as_deref().map(|name| Name::parse("name", name)).transpose()?;
    let (job, latest) = engine.update_data_job(&caller, pool.parse()?, job.parse()?, name).await?;
    Ok(Json(transport(&job, latest.as_ref())))
}

pub(crate) async fn delete(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
) -> Reply<StatusCode> {
    engine.delete_data_job(&caller, pool.parse()?, job.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a job lies, for the command line, which is given the job alone.
pub(crate) async fn find(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(job): Path<String>,
) -> Reply<Json<Value>> {
    let job = engine.find_data_job(&caller, job.parse()?).await?;
    Ok(Json(json!({"id": job.id, "poolId": job.pool_id, "name": job.name})))
}
