//! How often a task is tried in one execution, and how long is waited in between.

use axum::Json;
use axum::extract::State;
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_core::retry::RetryPolicy;
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::Body;
use super::path::{Path, TaskKey};
use super::problem::Reply;

const TAG: &str = "Tasks";

/// How often a task is tried. Only what may work a moment later is tried again: a source that did not answer, a
/// warehouse that was busy or full.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetryPolicyView {
    /// The first one included.
    attempts: u32,
    /// Before the second attempt; each further pause is twice as long.
    first_pause_seconds: u64,
    longest_pause_seconds: u64,
}

impl From<RetryPolicy> for RetryPolicyView {
    fn from(policy: RetryPolicy) -> Self {
        let RetryPolicy { attempts, first_pause_seconds, longest_pause_seconds } = policy;
        Self { attempts, first_pause_seconds, longest_pause_seconds }
    }
}

/// What to change of a retry policy; what is null stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetryPolicyRequest {
    /// 1 to 20; 1 means that nothing is tried again.
    attempts: Option<u32>,
    /// At most the longest pause.
    first_pause_seconds: Option<u64>,
    /// At most 3600.
    longest_pause_seconds: Option<u64>,
}

impl RetryPolicyRequest {
    /// What is said, and else what was before.
    pub(crate) fn over(self, before: RetryPolicy) -> RetryPolicy {
        RetryPolicy {
            attempts: self.attempts.unwrap_or(before.attempts),
            first_pause_seconds: self.first_pause_seconds.unwrap_or(before.first_pause_seconds),
            longest_pause_seconds: self.longest_pause_seconds.unwrap_or(before.longest_pause_seconds),
        }
    }
}

/// The retry policy of a task.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = RetryPolicyView)))]
pub(crate) async fn retry_policy(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
) -> Reply<Json<RetryPolicyView>> {
    Ok(Json(engine.task(&caller, pool, job, &task.0).await?.retry.into()))
}

/// Changes the retry policy of a task, for executions that are started from now on.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = RetryPolicyRequest, responses((status = 200, body = RetryPolicyView))
)]
pub(crate) async fn set_retry_policy(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(DataPoolId, DataJobId, TaskKey)>,
    Body(body): Body<RetryPolicyRequest>,
) -> Reply<Json<RetryPolicyView>> {
    let change = |before: RetryPolicy| body.over(before);
    Ok(Json(engine.set_retry_policy(&caller, pool, job, &task.0, change).await?.retry.into()))
}
