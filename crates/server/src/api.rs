//! The API: every route on one screen, with what its caller needs. The OpenAPI document is made of
//! the same lines. Handlers unpack, call the engine and pack; no rule lives here.

mod answer;
mod auth;
mod backups;
mod body;
mod connect;
mod connections;
mod damages;
mod data_sources;
mod document;
mod executions;
mod extractions;
mod grants;
mod health;
mod jobs;
mod keys;
mod loads;
mod logs;
mod metrics;
mod models;
pub(crate) mod oauth;
mod path;
mod pools;
mod problem;
mod query;
mod query_string;
mod retry_policies;
mod schedules;
mod settings;
mod tables;
mod tasks;
mod users;
mod variables;
mod words;

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use axum::extract::Request;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use forebay_engine::Engine;
use tower::util::MapRequest;
use tower::{Layer, Service};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::document::Needs::{
    Administrator, Authenticated, Edit, Execute, Manage, Metrics, Oauth, Public, View, Watch,
};
use self::document::at;
use self::oauth::Site;

/// The largest request body, in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// The whole API. Paths are matched with single slashes and without one at the end.
pub(crate) fn router(
    engine: Engine,
    site: Site,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static {
    let requests = Arc::new(metrics::Requests::new());
    let router = Router::from(api())
        .fallback(answer::no_such_path)
        .layer(Extension(engine.clone()))
        .layer(Extension(site))
        .layer(Extension(Arc::clone(&requests)))
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(CompressionLayer::new())
        .with_state(engine);
    // Around the router and not a layer of it, which would not see the `Allow` header of a 405.
    MapRequest::new(from_fn_with_state(requests, answer::answer).layer(router), answer::with_plain_path)
}

fn api() -> OpenApiRouter<Engine> {
    OpenApiRouter::with_openapi(document::outline())
        .routes(at("/health", Public, routes!(health::health)))
        .routes(at("/ready", Public, routes!(health::ready)))
        .routes(at("/metrics", Metrics, routes!(metrics::metrics)))
        .routes(at("/openapi.json", Public, routes!(openapi_document)))
        .routes(at("/api/cloud", Authenticated, routes!(connect::caller)))
        .routes(at("/api/cloud/permissions", Authenticated, routes!(connect::service_permissions)))
        .routes(at("/api/cloud/team", Authenticated, routes!(connect::cloud_team)))
        .routes(at("/api/team", Authenticated, routes!(connect::team)))
        .merge(oauth())
        .nest("/integration/api", contract())
        .nest("/forebay/api/v1", own())
}

/// The endpoints of OAuth 2.0.
#[rustfmt::skip]
fn oauth() -> OpenApiRouter<Engine> {
    use self::oauth::{authorize, device, discovery, token};
    OpenApiRouter::default()
        .routes(at("/.well-known/openid-configuration", Public, routes!(discovery::openid_configuration)))
        .routes(at("/oauth2/jwks", Public, routes!(discovery::jwks)))
        .routes(at("/oauth2/token", Oauth, routes!(token::oauth_token)))
        .routes(at("/oauth2/revoke", Oauth, routes!(token::revoke_oauth_token)))
        .routes(at("/oauth2/device_authorization", Oauth, routes!(token::begin_device_login)))
        .routes(at("/oauth2/authorize", Oauth, routes!(authorize::authorize, authorize::decide_authorization)))
        .routes(at("/device", Oauth, routes!(device::device_login, device::decide_device_login)))
}

/// The calls of the wire contract.
#[rustfmt::skip]
fn contract() -> OpenApiRouter<Engine> {
    use self::{data_sources, executions, extractions, jobs, loads, logs, pools, tables, tasks, variables};
    const JOB: &str = "/pools/{poolId}/jobs/{jobId}";
    let job = |rest: &str| format!("{JOB}{rest}");
    OpenApiRouter::default()
        .routes(at("/v2/data-pools/{poolId}/data-jobs/{jobId}/execute", Execute, routes!(executions::start_execution)))
        .routes(at("/v1/data-pools/{poolId}/data-jobs/{jobId}/execute", Execute, routes!(executions::start_execution_v1)))
        .routes(at("/pools", Authenticated, routes!(pools::data_pools)))
        .routes(at("/pools", Administrator, routes!(pools::create_data_pool)))
        .routes(at("/pools/{poolId}", Watch, routes!(pools::data_pool)))
        .routes(at("/pools/{poolId}", Edit, routes!(pools::update_data_pool)))
        .routes(at("/pools/{poolId}", Manage, routes!(pools::delete_data_pool)))
        .routes(at("/pools/{poolId}/variables", View, routes!(variables::pool_parameters)))
        .routes(at("/pools/{poolId}/variables", Edit, routes!(variables::create_pool_parameter)))
        .routes(at("/pools/{poolId}/variables/{variableId}", View, routes!(variables::pool_parameter)))
        .routes(at("/pools/{poolId}/variables/{variableId}", Edit, routes!(variables::update_pool_parameter, variables::delete_pool_parameter)))
        .routes(at("/pools/{poolId}/data-sources", View, routes!(data_sources::data_sources)))
        .routes(at("/pools/{poolId}/data-sources/{connectionId}", View, routes!(data_sources::data_source)))
        .routes(at("/pools/{poolId}/data-sources/{connectionId}", Edit, routes!(data_sources::delete_data_source)))
        .routes(at("/pools/{poolId}/data-sources/{connectionId}/search-tables", View, routes!(data_sources::search_tables)))
        .routes(at("/pools/{poolId}/jobs", Watch, routes!(jobs::data_jobs)))
        .routes(at("/pools/{poolId}/jobs", Edit, routes!(jobs::create_data_job)))
        .routes(at(JOB, Watch, routes!(jobs::data_job)))
        .routes(at(JOB, Edit, routes!(jobs::update_data_job, jobs::delete_data_job)))
        .routes(at(&job("/execute"), Execute, routes!(executions::start_configured_execution)))
        .routes(at(&job("/cancel"), Execute, routes!(executions::cancel_data_job)))
        .routes(at(&job("/tasks"), View, routes!(tasks::tasks)))
        .routes(at(&job("/tasks"), Edit, routes!(tasks::create_task)))
        .routes(at(&job("/tasks/{taskId}"), Edit, routes!(tasks::update_task, tasks::delete_task)))
        .routes(at(&job("/tasks/{taskId}/enabled"), Edit, routes!(tasks::enable_task, tasks::disable_task)))
        .routes(at("/pools/{poolId}/tasks/{taskId}/variables", View, routes!(variables::task_parameters)))
        .routes(at("/pools/{poolId}/tasks/{taskId}/variables", Edit, routes!(variables::create_task_parameter)))
        .routes(at("/pools/{poolId}/tasks/{taskId}/variables/{variableId}", Edit, routes!(variables::update_task_parameter, variables::delete_task_parameter)))
        .routes(at(&job("/transformations/{taskId}/statement"), View, routes!(tasks::statement)))
        .routes(at(&job("/transformations/{taskId}/statement"), Edit, routes!(tasks::set_statement)))
        .routes(at(&job("/extractions/{taskId}/expanded"), View, routes!(extractions::extraction)))
        .routes(at(&job("/extractions/{taskId}/tables"), Edit, routes!(extractions::create_table_extractions, extractions::put_table_extractions)))
        .routes(at(&job("/extractions/{taskId}/tables/{tableId}"), View, routes!(extractions::table_extraction)))
        .routes(at(&job("/extractions/{taskId}/tables/{tableId}"), Edit, routes!(extractions::delete_table_extraction)))
        .routes(at(&job("/loads"), View, routes!(loads::model_loads)))
        .routes(at(&job("/loads"), Edit, routes!(loads::create_model_load)))
        .routes(at(&job("/loads/{taskId}"), Edit, routes!(loads::delete_model_load)))
        .routes(at("/pools/{poolId}/logs/status", Watch, routes!(logs::job_statuses)))
        .routes(at("/pools/{poolId}/logs/executions", Watch, routes!(logs::execution_items)))
        .routes(at("/pools/{poolId}/logs/executions/detail", Watch, routes!(logs::execution_messages)))
        .routes(at("/pools/{poolId}/logs/{jobId}/executions", Watch, routes!(logs::executions)))
        .routes(at("/pools/{poolId}/tables", View, routes!(tables::tables)))
        .routes(at("/pools/{poolId}/columns", View, routes!(tables::columns)))
}

/// Forebay's own calls.
#[rustfmt::skip]
fn own() -> OpenApiRouter<Engine> {
    use self::{backups, connections, damages, executions, grants, jobs, keys, models, query, retry_policies, schedules, settings, users};
    use self::oauth::{clients, consents, keys as oauth_keys};
    OpenApiRouter::default()
        .routes(at("/pools/{poolId}/connections", View, routes!(connections::data_connections)))
        .routes(at("/pools/{poolId}/connections", Edit, routes!(connections::create_data_connection)))
        .routes(at("/pools/{poolId}/connections/{connectionId}", View, routes!(connections::data_connection)))
        .routes(at("/pools/{poolId}/connections/{connectionId}", Edit, routes!(connections::update_data_connection, connections::delete_data_connection)))
        .routes(at("/pools/{poolId}/connections/{connectionId}/test", Edit, routes!(connections::check_data_connection)))
        .routes(at("/pools/{poolId}/damages", View, routes!(damages::damages)))
        .routes(at("/pools/{poolId}/jobs/{jobId}/tasks/{taskId}/retry-policy", View, routes!(retry_policies::retry_policy)))
        .routes(at("/pools/{poolId}/jobs/{jobId}/tasks/{taskId}/retry-policy", Edit, routes!(retry_policies::set_retry_policy)))
        .routes(at("/pools/{poolId}/query", View, routes!(query::query)))
        .routes(at("/pools/{poolId}/data-models", View, routes!(models::data_models)))
        .routes(at("/pools/{poolId}/data-models", Edit, routes!(models::create_data_model)))
        .routes(at("/pools/{poolId}/data-models/{dataModelId}", View, routes!(models::data_model)))
        .routes(at("/pools/{poolId}/data-models/{dataModelId}", Edit, routes!(models::delete_data_model)))
        .routes(at("/pools/{poolId}/schedules", Watch, routes!(schedules::schedules)))
        .routes(at("/pools/{poolId}/schedules", Manage, routes!(schedules::create_schedule)))
        .routes(at("/pools/{poolId}/schedules/preview", Watch, routes!(schedules::preview_pattern)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}", Watch, routes!(schedules::schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}", Manage, routes!(schedules::update_schedule, schedules::delete_schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}/enable", Manage, routes!(schedules::enable_schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}/disable", Manage, routes!(schedules::disable_schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}/run", Execute, routes!(schedules::run_schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}/cancel", Execute, routes!(schedules::cancel_schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}/preview", Watch, routes!(schedules::preview_schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}/runs", Watch, routes!(schedules::schedule_runs)))
        .routes(at("/pools/{poolId}/grants", Administrator, routes!(grants::pool_grants, grants::set_pool_grant)))
        .routes(at("/grants", Administrator, routes!(grants::grants, grants::set_service_grant)))
        .routes(at("/jobs/{jobId}", Watch, routes!(jobs::find_data_job)))
        .routes(at("/executions/{executionId}", Watch, routes!(executions::execution)))
        .routes(at("/executions/{executionId}/events", Watch, routes!(executions::execution_events)))
        .routes(at("/executions/{executionId}/logs", Watch, routes!(executions::log_messages)))
        .routes(at("/executions/{executionId}/cancel", Execute, routes!(executions::cancel_execution)))
        .routes(at("/backups", Administrator, routes!(backups::backups, backups::create_backup)))
        .routes(at("/backups/{backupName}", Administrator, routes!(backups::backup)))
        .routes(at("/settings", Administrator, routes!(settings::settings, settings::change_settings)))
        .routes(at("/keys", Authenticated, routes!(keys::keys, keys::create_key)))
        .routes(at("/keys/{keyId}", Authenticated, routes!(keys::delete_key)))
        .routes(at("/oauth/clients", Administrator, routes!(clients::oauth_clients, clients::create_oauth_client)))
        .routes(at("/oauth/clients/{clientId}", Administrator, routes!(clients::oauth_client, clients::update_oauth_client, clients::delete_oauth_client)))
        .routes(at("/oauth/clients/{clientId}/end-tokens", Administrator, routes!(clients::end_tokens_of_client)))
        .routes(at("/oauth/clients/{clientId}/secrets", Administrator, routes!(clients::create_client_secret)))
        .routes(at("/oauth/clients/{clientId}/secrets/{secretId}", Administrator, routes!(clients::delete_client_secret)))
        .routes(at("/oauth/consents", Authenticated, routes!(consents::consents)))
        .routes(at("/oauth/consents/{consentId}", Authenticated, routes!(consents::end_consent)))
        .routes(at("/oauth/signing-keys", Administrator, routes!(oauth_keys::signing_keys, oauth_keys::rotate_signing_keys)))
        .routes(at("/oauth/signing-keys/{signingKeyId}", Administrator, routes!(oauth_keys::delete_signing_key)))
        .routes(at("/users", Administrator, routes!(users::users, users::create_user)))
        .routes(at("/users/{userId}", Administrator, routes!(users::delete_user)))
        .routes(at("/applications", Administrator, routes!(users::applications, users::create_application)))
        .routes(at("/applications/{applicationId}", Administrator, routes!(users::delete_application)))
}

/// The OpenAPI document of all routes.
fn openapi() -> OpenApi {
    document::complete(api().into_openapi())
}

/// This document.
#[utoipa::path(get, path = "", tag = "Server", responses((status = 200, body = serde_json::Value)))]
async fn openapi_document() -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        serde_json::to_string(&openapi()).expect("the document has no map without text keys")
    });
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

#[cfg(test)]
mod tests;
