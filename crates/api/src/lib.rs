//! The API: every route on one screen, with what its caller needs. The OpenAPI document is made of
//! the same lines. Handlers unpack, call the engine and pack; no rule lives here.

mod answer;
mod audit;
mod auth;
mod backups;
mod body;
mod connect;
mod connections;
mod contents;
pub mod csrf;
mod damages;
mod data_models;
mod data_sources;
mod document;
mod executions;
mod exports;
mod extractions;
mod grants;
mod groups;
mod health;
mod jobs;
mod keys;
mod listen;
mod loads;
mod logs;
mod metrics;
mod models;
mod multipart;
mod oauth;
mod overviews;
mod path;
mod permissions;
mod pools;
mod pql_language;
mod problem;
mod push;
mod query;
mod query_string;
mod replications;
mod retry_policies;
mod schedules;
mod settings;
mod stream;
mod strict;
mod tables;
mod tasks;
pub mod trail;
mod typed_connections;
mod upload;
mod users;
mod variables;
mod whole;
pub mod words;

pub use self::audit::csv_file;
pub use self::auth::public as reached_without_key;
pub use self::connections::{ConnectionRequest, Unsaid};
pub use self::data_models::name_mappings::read as read_name_mappings;
pub use self::executions::follow;
pub use self::extractions::{TableExtractionRequest, in_units};
pub use self::listen::Listening;
pub use self::oauth::clients::redirect_uris;
pub use self::oauth::{Site, visit_of};
pub use self::path::Path;
pub use self::problem::Problem;
pub use self::query::QueryAnswer;
pub use self::schedules::{PreviewRequest, ScheduleRequest};
pub use self::upload::Upload;
pub use self::users::sign_in_url;
pub use self::variables::VariableRequest;

use std::convert::Infallible;
use std::future::IntoFuture;
use std::io;
use std::sync::{Arc, LazyLock};

use axum::extract::Request;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, ServiceExt};
use forebay_engine::Engine;
use futures::FutureExt;
use futures::future::BoxFuture;
use tower::util::MapRequest;
use tower::{Layer, Service};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::document::Needs::{
    Administrator, Authenticated, ContinuousDataPush, DataPush, Edit, Execute, Export, Manage, Metrics,
    Oauth, Public, View, Watch,
};
use self::document::{again, alias, at, unaudited, unawaited};
use self::listen::Peer;
use self::trail::audited;

/// The largest request body, in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// The largest body of a request with a whole data pool, in bytes.
const LARGE_BODY_LIMIT: usize = 64 * 1024 * 1024;

/// Answers whoever connects to `listening`: the API, and `pages` beside it. Ends by a fault of the listener alone.
///
/// Boxed, so that what a request goes through is compiled with the optimization of this crate.
pub fn serve(
    engine: Engine,
    site: Site,
    pages: Router<Engine>,
    listening: Listening,
) -> BoxFuture<'static, io::Result<()>> {
    let service = router(engine, site, pages);
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<Peer>(service);
    // Not the graceful kind: a client that follows an execution would hold the server up.
    axum::serve(listening, service).into_future().boxed()
}

/// All of it. Paths are matched with single slashes and without one at the end.
fn router(
    engine: Engine,
    site: Site,
    pages: Router<Engine>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static {
    let requests = Arc::new(metrics::Requests::new());
    let router = Router::from(api())
        .merge(pages)
        .fallback(answer::no_such_path)
        .layer(Extension(engine.clone()))
        .layer(Extension(site))
        .layer(Extension(Arc::clone(&requests)))
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(CompressionLayer::new().compress_when(exports::is_worth_compressing()))
        .with_state(engine.clone());
    // Around the router and not a layer of it, which would not see the `Allow` header of a 405.
    let router = from_fn_with_state(engine, audited).layer(router);
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
        .routes(at("/api/team/cui-settings/cui-pdf-cover", Authenticated, routes!(connect::cover_page)))
        .routes(at(
            "/api/authorization/external/permissions",
            Administrator,
            routes!(permissions::permissions_export),
        ))
        .routes(at(
            "/pql-language/api/lsp/publishDiagnostics/batch",
            Authenticated,
            unaudited(routes!(pql_language::pql_diagnostics)),
        ))
        .routes(at(
            "/pql-language/api/lsp/parseTree",
            Authenticated,
            unaudited(routes!(pql_language::pql_parse_tree)),
        ))
        .merge(oauth())
        .nest("/integration/api", contract())
        .merge(data_push())
        .nest("/realtime-integration/api", replication())
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
    use self::{
        contents, data_sources, executions, extractions, jobs, loads, logs, overviews, pools, tables, tasks,
        typed_connections, variables,
    };
    const JOB: &str = "/pools/{poolId}/jobs/{jobId}";
    let job = |rest: &str| format!("{JOB}{rest}");
    OpenApiRouter::default()
        .routes(at("/v2/data-pools/{poolId}/data-jobs/{jobId}/execute", Execute, unawaited(routes!(executions::start_execution))))
        .routes(at("/v1/data-pools/{poolId}/data-jobs/{jobId}/execute", Execute, unawaited(routes!(executions::start_execution_v1))))
        .routes(at("/pools", Authenticated, routes!(pools::data_pools)))
        .routes(at("/pools", Administrator, routes!(pools::create_data_pool)))
        .routes(at("/pools/paged", Authenticated, routes!(overviews::data_pool_page)))
        .routes(at("/pools/move", Administrator, routes!(contents::copy_data_pool)))
        .routes(at("/pool-import", Administrator, routes!(contents::import_data_pool)))
        .routes(at("/pool/batch-import", Edit, routes!(contents::import_data_pools)))
        .routes(at("/pools/{poolId}/export", View, routes!(contents::export_data_pool)))
        .routes(at("/pools/{poolId}/v2/export", View, routes!(contents::export_data_pool_v2)))
        .routes(at("/pools/{poolId}/overviews/data-sources", View, routes!(overviews::data_source_overviews)))
        .routes(at("/pools/{poolId}/overviews/data-jobs", Watch, routes!(overviews::data_job_overviews)))
        .routes(at("/datasource/{type}/{connectionId}", View, routes!(typed_connections::typed_connection)))
        .routes(at("/datasource/{type}/{connectionId}", Edit, routes!(typed_connections::update_typed_connection)))
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
        .routes(at(&job("/copy"), Edit, routes!(contents::copy_data_job)))
        .routes(at(&job("/execute"), Execute, unawaited(routes!(executions::start_configured_execution))))
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
        .merge(data_models())
        .merge(exports())
        .routes(at("/pools/{poolId}/logs/status", Watch, routes!(logs::job_statuses)))
        .routes(at("/pools/{poolId}/logs/executions", Watch, routes!(logs::execution_items)))
        .routes(at("/pools/{poolId}/logs/executions/detail", Watch, routes!(logs::execution_messages)))
        .routes(at("/pools/{poolId}/logs/{jobId}/executions", Watch, routes!(logs::executions)))
        .routes(at("/pools/{poolId}/tables", View, routes!(tables::tables)))
        .routes(at("/pools/{poolId}/columns", View, routes!(tables::columns)))
}

/// The calls of the wire contract for data models.
#[rustfmt::skip]
fn data_models() -> OpenApiRouter<Engine> {
    use self::data_models::{self, foreign_keys, loads, name_mappings, processes, tables};
    const MODEL: &str = "/pools/{poolId}/data-models/{dataModelId}";
    // The contract writes one of its paths in the singular.
    const OF_TABLES: &str = "/pools/{poolId}/data-model/{dataModelId}/tables";
    let model = |rest: &str| format!("{MODEL}{rest}");
    let of_tables = |rest: &str| format!("{OF_TABLES}{rest}");
    let documented = |rest: &str| format!("/v1/data-pools/{{poolId}}/data-models/{{dataModelId}}{rest}");
    OpenApiRouter::default()
        .routes(at("/pools/{poolId}/data-models", View, routes!(data_models::data_models)))
        .routes(at("/pools/{poolId}/data-models", Edit, routes!(data_models::create_data_model)))
        .routes(at(MODEL, View, routes!(data_models::data_model)))
        .routes(at(MODEL, Edit, routes!(data_models::update_data_model, data_models::delete_data_model)))
        .routes(at(OF_TABLES, View, routes!(tables::model_tables)))
        .routes(at(OF_TABLES, Edit, routes!(tables::create_model_tables)))
        .routes(at(&of_tables("/{modelTableId}"), View, routes!(tables::model_table)))
        .routes(at(&of_tables("/{modelTableId}"), Edit, routes!(tables::update_model_table, tables::delete_model_table)))
        .routes(at(&of_tables("/{modelTableId}/columns"), View, routes!(tables::model_table_columns)))
        .routes(at(&model("/foreign-keys"), View, routes!(foreign_keys::foreign_keys)))
        .routes(at(&model("/foreign-keys"), Edit, routes!(foreign_keys::create_foreign_key)))
        .routes(at(&model("/foreign-keys/{foreignKeyId}"), View, routes!(foreign_keys::foreign_key)))
        .routes(at(&model("/foreign-keys/{foreignKeyId}"), Edit, routes!(foreign_keys::update_foreign_key, foreign_keys::delete_foreign_key)))
        .routes(at(&model("/process-configurations"), View, routes!(processes::process_configurations)))
        .routes(at(&model("/process-configurations"), Edit, routes!(processes::put_process_configuration)))
        .routes(at(&model("/process-configurations/activityTable/{modelTableId}"), View, routes!(processes::process_configuration_of)))
        .routes(at(&model("/process-configurations/{processConfigurationId}"), Edit, routes!(processes::delete_process_configuration)))
        .routes(at(&model("/reload"), Edit, unawaited(routes!(loads::reload_data_model))))
        .routes(at(&model("/load-history/load-info-sync"), View, routes!(loads::model_load_history)))
        .routes(at(&documented("/load"), Edit, unawaited(routes!(loads::load_data_model))))
        .routes(at(&documented("/load/partial-sync"), Edit, unawaited(routes!(loads::load_model_tables))))
        .routes(at(&documented("/last-load"), View, routes!(loads::last_model_load)))
        .routes(at(&documented("/tables"), View, routes!(tables::listed_model_tables)))
        .routes(at(&model("/name-mapping"), View, routes!(name_mappings::name_mappings)))
        .routes(at(&model("/name-mapping"), Edit, routes!(name_mappings::delete_name_mappings)))
        .routes(at(&model("/name-mapping/file"), Edit, routes!(name_mappings::add_name_mappings)))
}

/// The calls of the wire contract for data pushes, the same under the path of older clients, and those of the stream
/// client.
#[rustfmt::skip]
fn data_push() -> OpenApiRouter<Engine> {
    use self::{push, stream};
    let jobs = |rest: &str| format!("/data-ingestion/api/v1/data-push/{{poolId}}/jobs{rest}");
    let old = |rest: &str| format!("/integration/api/v1/data-push/{{poolId}}/jobs{rest}");
    let items = |rest: &str| format!("/continuous-batch-processing/api/v1/{{poolId}}{rest}");
    OpenApiRouter::default()
        .routes(at(&jobs(""), DataPush, routes!(push::push_jobs, push::create_push_job)))
        .routes(at(&jobs("/{pushJobId}"), DataPush, routes!(push::push_job, push::delete_push_job)))
        .routes(at(&jobs("/{pushJobId}"), DataPush, unawaited(routes!(push::execute_push_job))))
        .routes(at(&jobs("/{pushJobId}/chunks"), DataPush, routes!(push::push_chunks)))
        .routes(at(&jobs("/{pushJobId}/chunks/upserted"), DataPush, unaudited(routes!(push::add_upserted_chunk))))
        .routes(at(&jobs("/{pushJobId}/chunks/deleted"), DataPush, unaudited(routes!(push::add_deleted_chunk))))
        .routes(alias(&old(""), DataPush, routes!(push::push_jobs, push::create_push_job)))
        .routes(alias(&old("/{pushJobId}"), DataPush, routes!(push::push_job, push::delete_push_job)))
        .routes(alias(&old("/{pushJobId}"), DataPush, unawaited(routes!(push::execute_push_job))))
        .routes(alias(&old("/{pushJobId}/chunks"), DataPush, routes!(push::push_chunks)))
        .routes(alias(&old("/{pushJobId}/chunks/upserted"), DataPush, unaudited(routes!(push::add_upserted_chunk))))
        .routes(alias(&old("/{pushJobId}/chunks/deleted"), DataPush, unaudited(routes!(push::add_deleted_chunk))))
        .routes(at(&items(""), ContinuousDataPush, routes!(stream::uploads)))
        .routes(at(&items("/items"), ContinuousDataPush, unawaited(routes!(stream::upload_item))))
        .routes(at(&items("/flushes"), ContinuousDataPush, routes!(stream::flushes)))
}

/// The calls of the wire contract for data exports.
#[rustfmt::skip]
fn exports() -> OpenApiRouter<Engine> {
    use self::exports::{self, v1, v2};
    const V1: &str = "/v1/compute/{dataModelId}/export";
    const V2: &str = "/external/compute/data-models/{dataModelId}/query-exports";
    OpenApiRouter::default()
        .routes(at(&format!("{V1}/query"), Export, routes!(v1::create_data_export)))
        .routes(at(&format!("{V1}/{{exportId}}"), Export, routes!(v1::data_export)))
        .routes(at(&format!("{V1}/{{exportId}}/result"), Export, routes!(v1::data_export_result)))
        .routes(at(&format!("{V1}/{{exportId}}/{{chunkId}}/result"), Export, routes!(exports::data_export_chunk)))
        .routes(at(V2, Export, routes!(v2::create_query_export)))
        .routes(at(&format!("{V2}/{{exportId}}"), Export, routes!(v2::query_export)))
        .routes(again(&format!("{V2}/{{exportId}}/chunks/{{chunkId}}"), Export, "query_export_chunk", routes!(exports::data_export_chunk)))
}

/// The calls for replication, of which there is none.
#[rustfmt::skip]
fn replication() -> OpenApiRouter<Engine> {
    use self::replications as calls;
    OpenApiRouter::default()
        .routes(at("/pools/{poolId}/variables", View, routes!(calls::replication_parameters)))
        .routes(at("/pools/{poolId}/data-sources/{connectionId}/initialization-scripts", View, routes!(calls::replication_scripts)))
        .routes(at("/pools/{poolId}/data-sources/{connectionId}/search-tables", View, routes!(calls::search_tables_to_replicate)))
        .routes(at("/pools/{poolId}/replications", View, routes!(calls::replications)))
        .routes(at("/pools/{poolId}/replications", Edit, routes!(calls::create_replications, calls::delete_replications)))
        .routes(at("/pools/{poolId}/replications/configurations/{replicationId}", View, routes!(calls::replication_configuration)))
        .routes(at("/pools/{poolId}/replications/configurations/{replicationId}", Edit, routes!(calls::update_replication_configuration)))
        .routes(at("/pools/{poolId}/replications/initialize", Edit, routes!(calls::initialize_replications)))
        .routes(at("/pools/{poolId}/replications/start", Edit, routes!(calls::start_replications)))
        .routes(at("/pools/{poolId}/replications/stop", Edit, routes!(calls::stop_replications)))
        .routes(at("/pools/{poolId}/replications/stop-and-cancel", Edit, routes!(calls::stop_and_cancel_replications)))
        .routes(at("/pools/{poolId}/replications/{replicationId}", View, routes!(calls::replication)))
        .routes(at("/pools/{poolId}/replications/{replicationId}", Edit, routes!(calls::delete_replication)))
        .routes(at("/pools/{poolId}/replications/{replicationId}/start", Edit, routes!(calls::start_replication)))
        .routes(at("/pools/{poolId}/replications/{replicationId}/stop", Edit, routes!(calls::stop_replication)))
}

/// Forebay's own calls.
#[rustfmt::skip]
fn own() -> OpenApiRouter<Engine> {
    use self::{audit, backups, connections, damages, executions, extractions, grants, groups, jobs, keys, models, query, retry_policies, schedules, settings, users};
    use self::oauth::{clients, consents, keys as oauth_keys};
    OpenApiRouter::default()
        .routes(at("/pools/{poolId}/connections", View, routes!(connections::data_connections)))
        .routes(at("/pools/{poolId}/connections", Edit, routes!(connections::create_data_connection)))
        .routes(at("/pools/{poolId}/connections/{connectionId}", View, routes!(connections::data_connection)))
        .routes(at("/pools/{poolId}/connections/{connectionId}", Edit, routes!(connections::update_data_connection, connections::delete_data_connection)))
        .routes(at("/pools/{poolId}/connections/{connectionId}/test", Edit, routes!(connections::check_data_connection)))
        .routes(at("/pools/{poolId}/connections/{connectionId}/table-preview", Edit, routes!(connections::preview::preview_table)))
        .routes(at("/pools/{poolId}/jobs/{jobId}/extractions/{taskId}/tables/{tableId}/statements", Edit, routes!(extractions::statements::explain_table_extraction)))
        .routes(at("/pools/{poolId}/damages", View, routes!(damages::damages)))
        .routes(at("/pools/{poolId}/jobs/{jobId}/tasks/{taskId}/retry-policy", View, routes!(retry_policies::retry_policy)))
        .routes(at("/pools/{poolId}/jobs/{jobId}/tasks/{taskId}/retry-policy", Edit, routes!(retry_policies::set_retry_policy)))
        .routes(at("/pools/{poolId}/query", View, unaudited(routes!(query::query))))
        .routes(at("/pools/{poolId}/data-models", View, routes!(models::data_models)))
        .routes(at("/pools/{poolId}/data-models", Edit, routes!(models::create_data_model)))
        .routes(at("/pools/{poolId}/data-models/{dataModelId}", View, routes!(models::data_model)))
        .routes(at("/pools/{poolId}/data-models/{dataModelId}", Edit, routes!(models::delete_data_model)))
        .routes(at("/pools/{poolId}/schedules", Watch, routes!(schedules::schedules)))
        .routes(at("/pools/{poolId}/schedules", Manage, routes!(schedules::create_schedule)))
        .routes(at("/pools/{poolId}/schedules/preview", Watch, unaudited(routes!(schedules::preview_pattern))))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}", Watch, routes!(schedules::schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}", Manage, routes!(schedules::update_schedule, schedules::delete_schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}/enable", Manage, routes!(schedules::enable_schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}/disable", Manage, routes!(schedules::disable_schedule)))
        .routes(at("/pools/{poolId}/schedules/{scheduleId}/run", Execute, unawaited(routes!(schedules::run_schedule))))
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
        .routes(at("/audit", Administrator, routes!(audit::audit_entries)))
        .routes(at("/audit/csv", Administrator, routes!(audit::audit_csv)))
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
        .routes(at("/users/{userId}/sign-in-link", Administrator, routes!(users::create_sign_in_link)))
        .routes(at("/users/{userId}/identities", Administrator, routes!(users::untie_user)))
        .routes(at("/groups", Administrator, routes!(groups::groups, groups::create_group)))
        .routes(at("/groups/{groupId}", Administrator, routes!(groups::group, groups::rename_group, groups::delete_group)))
        .routes(at("/groups/{groupId}/members", Administrator, routes!(groups::group_members)))
        .routes(at("/groups/{groupId}/members/{userId}", Administrator, routes!(groups::add_group_member, groups::remove_group_member)))
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
