//! What was found damaged in a pool's files, and whose rows may be missing since.

use axum::Json;
use axum::extract::State;
use forebay_core::Timestamp;
use forebay_core::execution::Execution;
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId};
use forebay_core::plane::Damage;
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Auth;
use super::path::Path;
use super::problem::Reply;

/// Commits of a pool that could not be read back. The files were moved aside, and the pool opened without.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DamageView {
    /// The names of the files that were moved aside, in the pool's folder.
    quarantined: Vec<String>,
    /// What was committed after this moment may be missing.
    #[schema(value_type = i64)]
    last_good: Timestamp,
    /// The executions that ended well since: running their jobs again brings what is missing.
    affected_executions: Vec<AffectedExecution>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AffectedExecution {
    #[schema(value_type = Uuid)]
    execution_id: ExecutionId,
    #[schema(value_type = Uuid)]
    job_id: DataJobId,
    #[schema(value_type = Option<i64>)]
    finished_at: Option<Timestamp>,
}

impl From<(Damage, Vec<Execution>)> for DamageView {
    fn from((damage, affected): (Damage, Vec<Execution>)) -> Self {
        let name =
            |path: &std::path::PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let affected = affected.into_iter().map(|execution| AffectedExecution {
            execution_id: execution.id,
            job_id: execution.job_id,
            finished_at: execution.finished_at,
        });
        Self {
            quarantined: damage.quarantined.iter().map(name).collect(),
            last_good: damage.last_good,
            affected_executions: affected.collect(),
        }
    }
}

/// What was found damaged in the pool's files, the oldest first, as long as what was moved aside lies there.
#[utoipa::path(get, path = "", tag = "Data pools", responses((status = 200, body = Vec<DamageView>)))]
pub(crate) async fn damages(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<DamageView>>> {
    Ok(Json(engine.damages(&caller, pool).await?.into_iter().map(DamageView::from).collect()))
}
