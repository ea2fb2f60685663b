//! Parameters of pools and tasks ("variables" on the wire).

mod transport;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataPoolId, ParameterId, TaskId, TaskTemplateId};
use forebay_engine::Engine;

pub use self::transport::VariableRequest;
pub(crate) use self::transport::{PoolVariableTransport, TaskVariableTransport};
use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::problem::Reply;

const TAG: &str = "Parameters";

/// The parameters of a data pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<PoolVariableTransport>)))]
pub(crate) async fn pool_parameters(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<PoolVariableTransport>>> {
    let parameters = engine.parameters(&caller, pool, None).await?;
    Ok(Json(parameters.iter().map(PoolVariableTransport::from).collect()))
}

/// Makes a parameter of a data pool.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = VariableRequest,
    responses((status = 200, body = PoolVariableTransport))
)]
pub(crate) async fn create_pool_parameter(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<VariableRequest>,
) -> Reply<Json<PoolVariableTransport>> {
    let parameter = engine.create_parameter(&caller, body.into_new(pool, None)?).await?;
    Ok(Json(PoolVariableTransport::from(&parameter)))
}

/// A parameter of a data pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = PoolVariableTransport)))]
pub(crate) async fn pool_parameter(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ParameterId)>,
) -> Reply<Json<PoolVariableTransport>> {
    Ok(Json(PoolVariableTransport::from(&engine.parameter(&caller, pool, None, id).await?)))
}

/// Changes a parameter of a data pool.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = VariableRequest,
    responses((status = 200, body = PoolVariableTransport))
)]
pub(crate) async fn update_pool_parameter(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ParameterId)>,
    Body(body): Body<VariableRequest>,
) -> Reply<Json<PoolVariableTransport>> {
    let kept = engine.parameter(&caller, pool, None, id).await?;
    let parameter = engine.update_parameter(&caller, body.into_changed(kept)?).await?;
    Ok(Json(PoolVariableTransport::from(&parameter)))
}

/// Deletes a parameter of a data pool, unless a task's parameter takes its values from it.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_pool_parameter(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ParameterId)>,
) -> Reply<StatusCode> {
    engine.delete_parameter(&caller, pool, None, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The template of a task. To find it proves that the task lies in the pool.
async fn template(
    engine: &Engine,
    caller: &Caller,
    pool: DataPoolId,
    task: TaskId,
) -> Result<TaskTemplateId> {
    for (job, _) in engine.data_jobs(caller, pool).await? {
        let tasks = engine.tasks(caller, pool, job.id).await?;
        if let Some(found) = tasks.iter().find(|found| found.id == task) {
            return Ok(found.template_id);
        }
    }
    Err(Error::not_found(Kind::Task, task))
}

/// The parameters of a task.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<TaskVariableTransport>)))]
pub(crate) async fn task_parameters(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, task)): Path<(DataPoolId, TaskId)>,
) -> Reply<Json<Vec<TaskVariableTransport>>> {
    let template = template(&engine, &caller, pool, task).await?;
    let parameters = engine.parameters(&caller, pool, Some(task)).await?;
    Ok(Json(parameters.iter().map(|parameter| TaskVariableTransport::new(parameter, template)).collect()))
}

/// Makes a parameter of a task.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = VariableRequest,
    responses((status = 200, body = TaskVariableTransport))
)]
pub(crate) async fn create_task_parameter(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, task)): Path<(DataPoolId, TaskId)>,
    Body(body): Body<VariableRequest>,
) -> Reply<Json<TaskVariableTransport>> {
    let template = template(&engine, &caller, pool, task).await?;
    let parameter = engine.create_parameter(&caller, body.into_new(pool, Some(task))?).await?;
    Ok(Json(TaskVariableTransport::new(&parameter, template)))
}

/// Changes a parameter of a task.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = VariableRequest,
    responses((status = 200, body = TaskVariableTransport))
)]
pub(crate) async fn update_task_parameter(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, task, id)): Path<(DataPoolId, TaskId, ParameterId)>,
    Body(body): Body<VariableRequest>,
) -> Reply<Json<TaskVariableTransport>> {
    let template = template(&engine, &caller, pool, task).await?;
    let kept = engine.parameter(&caller, pool, Some(task), id).await?;
    let parameter = engine.update_parameter(&caller, body.into_changed(kept)?).await?;
    Ok(Json(TaskVariableTransport::new(&parameter, template)))
}

/// Deletes a parameter of a task.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_task_parameter(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, task, id)): Path<(DataPoolId, TaskId, ParameterId)>,
) -> Reply<StatusCode> {
    engine.delete_parameter(&caller, pool, Some(task), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
