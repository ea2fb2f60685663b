//! The router: every route on one screen. Handlers unpack, call the engine and pack; no rule lives here.

mod auth;
mod body;
mod connect;
mod connections;
mod executions;
mod extractions;
mod jobs;
mod keys;
mod logs;
mod models;
mod pools;
mod problem;
mod query;
mod tables;
mod tasks;
mod variables;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::Uri;
use axum::middleware::map_response;
use axum::routing::{delete, get, post, put};
use forebay_core::error::{Error, Kind};
use forebay_engine::Engine;
use tower::util::MapRequest;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

/// The largest request body, in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// The whole API. Paths are matched with single slashes and without one at the end.
pub(crate) fn router(engine: Engine) -> MapRequest<Router, fn(Request) -> Request> {
    let contract = Router::new()
        .route("/api/cloud", get(connect::user))
        .route("/api/cloud/permissions", get(connect::permissions))
        .route("/api/cloud/team", get(connect::team))
        .route("/api/team", get(connect::team))
        .nest("/integration/api", integration());
    let own = Router::new()
        .route("/pools/{pool}/connections", post(connections::create))
        .route(
            "/pools/{pool}/connections/{id}",
            get(connections::show).put(connections::update).delete(connections::delete),
        )
        .route("/pools/{pool}/connections/{id}/test", post(connections::test))
        .route("/pools/{pool}/query", post(query::query))
        .route("/pools/{pool}/data-models", get(models::list).post(models::create))
        .route("/pools/{pool}/data-models/{id}", get(models::show).delete(models::delete))
        .route("/pools/{pool}/grants", get(keys::pool_grants).put(keys::set_pool_grant))
        .route("/grants", get(keys::grants).put(keys::set_service_grant))
        .route("/jobs/{job}", get(jobs::find))
        .route("/executions/{id}", get(executions::show))
        .route("/executions/{id}/events", get(executions::events))
        .route("/executions/{id}/logs", get(executions::log_messages))
        .route("/executions/{id}/cancel", post(executions::cancel))
        .route("/keys", get(keys::keys).post(keys::create_key))
        .route("/keys/{id}", delete(keys::delete_key))
        .route("/users", get(keys::users).post(keys::create_user))
        .route("/users/{id}", delete(keys::delete_user))
        .route("/applications", get(keys::applications).post(keys::create_application))
        .route("/applications/{id}", delete(keys::delete_application))
        .layer(map_response(problem::as_problem_json));
    let router = Router::new()
        .route("/health", get(connect::health))
        .merge(contract)
        .nest("/forebay/api/v1", own)
        .fallback(no_such_path)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .with_state(engine);
    MapRequest::new(router, with_plain_path)
}

/// The calls of the wire contract below `/integration/api`.
fn integration() -> Router<Engine> {
    Router::new()
        .route("/v2/data-pools/{pool}/data-jobs/{job}/execute", post(executions::execute_documented))
        .route("/v1/data-pools/{pool}/data-jobs/{job}/execute", post(executions::execute_documented))
        .route("/pools", get(pools::list).post(pools::create))
        .route("/pools/{pool}", get(pools::show).put(pools::update).delete(pools::delete))
        .route("/pools/{pool}/variables", get(variables::pool_list).post(variables::pool_create))
        .route(
            "/pools/{pool}/variables/{id}",
            get(variables::pool_show).put(variables::pool_update).delete(variables::pool_delete),
        )
        .route("/pools/{pool}/data-sources", get(connections::list_data_sources))
        .route("/pools/{pool}/data-sources/{id}", get(connections::data_source).delete(connections::delete))
        .route("/pools/{pool}/data-sources/{id}/search-tables", get(connections::search_tables))
        .route("/pools/{pool}/jobs", get(jobs::list).post(jobs::create))
        .route("/pools/{pool}/jobs/{job}", get(jobs::show).put(jobs::update).delete(jobs::delete))
        .route("/pools/{pool}/jobs/{job}/execute", post(executions::execute_configured))
        .route("/pools/{pool}/jobs/{job}/cancel", post(executions::cancel_job))
        .route("/pools/{pool}/jobs/{job}/tasks", get(tasks::list).post(tasks::create))
        .route("/pools/{pool}/jobs/{job}/tasks/{task}", put(tasks::update).delete(tasks::delete))
        .route("/pools/{pool}/jobs/{job}/tasks/{task}/enabled", post(tasks::enable).delete(tasks::disable))
        .route("/pools/{pool}/tasks/{task}/variables", get(variables::task_list).post(variables::task_create))
        .route(
            "/pools/{pool}/tasks/{task}/variables/{id}",
            put(variables::task_update).delete(variables::task_delete),
        )
        .route(
            "/pools/{pool}/jobs/{job}/transformations/{task}/statement",
            get(tasks::statement).put(tasks::set_statement),
        )
        .route("/pools/{pool}/jobs/{job}/extractions/{task}/expanded", get(extractions::expanded))
        .route(
            "/pools/{pool}/jobs/{job}/extractions/{task}/tables",
            post(extractions::create).put(extractions::update),
        )
        .route(
            "/pools/{pool}/jobs/{job}/extractions/{task}/tables/{table}",
            get(extractions::show).delete(extractions::delete),
        )
        .route("/pools/{pool}/jobs/{job}/loads", get(models::loads).post(models::create_load))
        .route("/pools/{pool}/jobs/{job}/loads/{task}", delete(models::delete_load))
        .route("/pools/{pool}/logs/status", get(logs::status))
        .route("/pools/{pool}/logs/executions", get(logs::items))
        .route("/pools/{pool}/logs/executions/detail", get(logs::detail))
        .route("/pools/{pool}/logs/{job}/executions", get(logs::executions))
        .route("/pools/{pool}/tables", get(tables::list))
        .route("/pools/{pool}/columns", get(tables::columns))
}

async fn no_such_path(uri: Uri) -> problem::Problem {
    Error::not_found(Kind::Path, uri.path()).into()
}

/// Serves both slash forms without a redirect, which would turn POST into GET: double slashes
/// become single ones and one at the end is dropped.
fn with_plain_path(mut request: Request) -> Request {
    let path = request.uri().path();
    if path.len() > 1 && (path.ends_with('/') || path.contains("//")) {
        let mut plain = String::with_capacity(path.len());
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            plain.push('/');
            plain.push_str(segment);
        }
        if plain.is_empty() {
            plain.push('/');
        }
        if let Some(query) = request.uri().query() {
            plain.push('?');
            plain.push_str(query);
        }
        if let Ok(uri) = plain.parse() {
            *request.uri_mut() = uri;
        }
    }
    request
}
