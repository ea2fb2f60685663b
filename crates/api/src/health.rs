//! Whether the server lives, and whether it is ready for work. Both are for everybody, so they say nothing that
//! not everybody may know.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::ToSchema;

const TAG: &str = "Server";

/// That the server is there.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `UP`: a server that is not up does not answer.
    status: &'static str,
    version: &'static str,
}

/// Whether the server is ready, check by check.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `READY` or `NOT_READY`.
    status: &'static str,
    checks: Vec<CheckView>,
}

/// One thing that must be good before the server is ready.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckView {
    /// `metadata`, `dispatcher` or `disk`.
    name: &'static str,
    /// `UP` or `DOWN`.
    status: &'static str,
    /// What is wrong; null when nothing is.
    problem: Option<&'static str>,
}

/// Whether the server answers.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "UP", version: env!("CARGO_PKG_VERSION") })
}

/// Whether the server can work: its metadata answers, the queue is worked on and the disk takes writes.
#[utoipa::path(
    get, path = "", tag = TAG,
    responses(
        (status = 200, body = Readiness, description = "Ready."),
        (status = 503, body = Readiness, description = "Not ready; the checks say why."),
    )
)]
pub(crate) async fn ready(State(engine): State<Engine>) -> (StatusCode, Json<Readiness>) {
    let mut checks = Vec::new();
    for check in engine.checks().await {
        let status = if check.problem.is_some() { "DOWN" } else { "UP" };
        checks.push(CheckView { name: check.name, status, problem: check.problem });
    }
    let (code, status) = match checks.iter().all(|check| check.problem.is_none()) {
        true => (StatusCode::OK, "READY"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "NOT_READY"),
    };
    (code, Json(Readiness { status, checks }))
}
