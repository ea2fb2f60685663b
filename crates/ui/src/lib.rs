//! The pages: every one on one screen. They show and do what the engine lets whoever has signed in see and do; the
//! rules and permissions are those of the API. Without scripts all of it works; with them an execution is followed
//! while it runs, SQL is written in an editor, filters are looked at while they are written, and tasks are dragged.

mod account;
mod administration;
mod assets;
mod connection;
mod drawing;
mod execute;
mod execution;
mod extraction;
mod form;
mod history;
mod issuer;
mod job;
mod model_load;
mod models;
mod oidc;
mod page;
mod paging;
mod parameters;
mod permissions;
mod pool;
mod pools;
mod schedules;
mod session;
mod sign_in;
mod statement;
mod tasks;
mod words;

pub use self::issuer::{OidcOptions, Provider};

use axum::middleware::from_fn;
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Extension, Router};
use forebay_engine::Engine;

use forebay_api::reached_without_key;
use forebay_api::trail::{does, only_reads};

/// Where everybody begins.
const HOME: &str = "/integration/ui/pools";

/// All pages. Who signs in by `issuer` is named there.
#[rustfmt::skip]
pub fn pages(issuer: Option<Provider>) -> Router<Engine> {
    const POOL: &str = "/integration/ui/pools/{poolId}";
    let pool = |rest: &str| format!("{POOL}{rest}");
    Router::new()
        .route("/", get(|| async { Redirect::to(HOME) }))
        .route("/integration/ui", get(|| async { Redirect::to(HOME) }))
        .route("/sign-in", does("sign_in", get(sign_in::sign_in_page).post(sign_in::sign_in)))
        .route("/sign-in/link", does("sign_in_by_link", get(sign_in::link_page).post(sign_in::sign_in_by_link)))
        .route(oidc::BEGIN, get(oidc::begin))
        .route(oidc::CALLBACK, does("sign_in_by_issuer", get(oidc::come_back)))
        .route("/sign-out", does("sign_out", post(sign_in::sign_out)))
        .route("/account", get(account::account))
        .route("/account/password", does("set_password", post(account::set_password)))
        .route("/account/keys", does("create_key", post(account::create_key)))
        .route("/account/keys/{keyId}/delete", does("delete_key", post(account::delete_key)))
        .route(HOME, does("create_data_pool", get(pools::overview).post(pools::create_pool)))
        .route(POOL, get(pool::pool))
        .route(&pool("/tables"), get(pool::tables))
        .route(&pool("/delete"), does("delete_data_pool", get(pools::delete_page).post(pools::delete_pool)))
        .route(&pool("/permissions"), does("set_pool_grant", get(permissions::permissions).post(permissions::set_permissions)))
        .route(&pool("/data-configuration/data-jobs"), get(job::data_jobs))
        .route(&pool("/data-configuration/data-jobs/execute"), does("start_execution", get(execute::dialog).post(job::execute)))
        .route(&pool("/data-configuration/data-jobs/estimates"), get(execute::estimates))
        .route(&pool("/data-configuration/data-jobs/execute-chosen"), does("start_configured_execution", get(execute::dialog).post(execute::execute_chosen)))
        .route(&pool("/data-configuration/data-jobs/table-extraction"), does("put_table_extractions", get(extraction::table_page).post(extraction::set_table)))
        .route(&pool("/data-configuration/data-jobs/check-filter"), only_reads(post(extraction::check_filter)))
        .route(&pool("/data-configuration/data-jobs/delete-table"), does("delete_table_extraction", post(extraction::remove_table)))
        .route(&pool("/data-configuration/data-jobs/move-task"), post(tasks::move_task))
        .route(&pool("/data-configuration/data-jobs/duplicate-task"), post(tasks::duplicate_task))
        .route(&pool("/data-jobs"), does("create_data_job", post(tasks::create_job)))
        .route(&pool("/data-configuration/data-jobs/tables"), does("create_table_extractions", get(tasks::tables_page).post(tasks::add_tables)))
        .route(&pool("/data-configuration/data-jobs/statement"), does("set_statement", get(statement::statement_page).post(statement::set_statement)))
        .route(&pool("/data-configuration/data-jobs/run-statement"), only_reads(get(statement::statement_page).post(statement::run_statement)))
        .route(&pool("/data-configuration/data-jobs/rows.csv"), only_reads(get(statement::statement_page).post(statement::statement_rows)))
        .route(&pool("/data-configuration/data-jobs/names"), get(statement::names))
        .route(&pool("/data-configuration/data-jobs/model-load"), does("create_model_load", get(model_load::model_load_page).post(model_load::set_model_load)))
        .route(&pool("/data-configuration/data-jobs/activation"), post(tasks::set_activation))
        .route(&pool("/data-configuration/data-jobs/delete-task"), does("delete_task", post(tasks::delete_task)))
        .route(&pool("/data-connections"), does("create_data_connection", get(connection::new_page).post(connection::create)))
        .route(&pool("/data-connections/{connectionId}"), does("update_data_connection", get(connection::connection).post(connection::update)))
        .route(&pool("/data-connections/{connectionId}/tables"), get(connection::tables))
        .route(&pool("/data-connections/{connectionId}/test"), does("check_data_connection", post(connection::test)))
        .route(&pool("/data-connections/{connectionId}/delete"), does("delete_data_connection", post(connection::delete)))
        .route(&pool("/data-models"), does("create_data_model", get(models::models).post(models::create)))
        .route(&pool("/data-models/{dataModelId}"), does("update_data_model", get(models::model).post(models::rename)))
        .route(&pool("/data-models/{dataModelId}/delete"), does("delete_data_model", get(models::delete_page).post(models::delete)))
        .route(&pool("/data-models/{dataModelId}/load"), does("load_data_model", post(models::load)))
        .route(&pool("/data-models/{dataModelId}/tables"), does("create_model_tables", get(models::tables_page).post(models::add_tables)))
        .route(&pool("/data-models/{dataModelId}/tables/{modelTableId}"), does("update_model_table", get(models::table_page).post(models::set_table)))
        .route(&pool("/data-models/{dataModelId}/tables/{modelTableId}/remove"), does("delete_model_table", post(models::remove_table)))
        .route(&pool("/data-models/{dataModelId}/foreign-keys"), does("create_foreign_key", get(models::key_page).post(models::create_key)))
        .route(&pool("/data-models/{dataModelId}/foreign-keys/{foreignKeyId}/delete"), does("delete_foreign_key", post(models::delete_key)))
        .route(&pool("/data-models/{dataModelId}/process-configuration"), does("put_process_configuration", get(models::process_page).post(models::set_process)))
        .route(&pool("/data-models/{dataModelId}/process-configurations/{processConfigurationId}/delete"), does("delete_process_configuration", post(models::delete_process)))
        .route(&pool("/data-models/{dataModelId}/calendar"), does("update_data_model", get(models::calendar_page).post(models::set_calendar)))
        .route(&pool("/data-models/{dataModelId}/name-mappings"), does("add_name_mappings", get(models::names_page).post(models::add_names)))
        .route(&pool("/data-models/{dataModelId}/name-mappings/delete"), does("delete_name_mappings", post(models::delete_names)))
        .route(&pool("/executions/{executionId}"), get(execution::execution))
        .route(&pool("/executions/{executionId}/events"), get(execution::events))
        .route(&pool("/executions/{executionId}/cancel"), does("cancel_execution", post(execution::cancel)))
        .route(&pool("/executions/{executionId}/again"), does("start_configured_execution", post(execution::again)))
        .route(&pool("/executions/{executionId}/log.txt"), get(execution::log_text))
        .route(&pool("/history"), get(history::of_pool))
        .route(history::ALL, get(history::of_all))
        .route(&pool("/schedules"), does("create_schedule", get(schedules::schedules).post(schedules::create)))
        .route(&pool("/schedules/new"), get(schedules::new_page))
        .route(&pool("/schedules/{scheduleId}"), does("update_schedule", get(schedules::schedule).post(schedules::update)))
        .route(&pool("/schedules/{scheduleId}/activation"), post(schedules::set_activation))
        .route(&pool("/schedules/{scheduleId}/run"), does("run_schedule", post(schedules::run)))
        .route(&pool("/schedules/{scheduleId}/cancel"), does("cancel_schedule", post(schedules::cancel)))
        .route(&pool("/schedules/{scheduleId}/delete"), does("delete_schedule", post(schedules::delete)))
        .route(&pool("/parameters"), does("create_pool_parameter", get(parameters::parameters).post(parameters::create)))
        .route(&pool("/parameters/new"), get(parameters::new_page))
        .route(&pool("/parameters/{parameterId}"), does("update_pool_parameter", get(parameters::parameter).post(parameters::update)))
        .route(&pool("/parameters/{parameterId}/delete"), does("delete_pool_parameter", post(parameters::delete)))
        .route("/ui/forebay.css", get(assets::style))
        .route("/ui/forebay.js", get(assets::script))
        .route(assets::EDITOR, get(assets::editor))
        .merge(administration::pages())
        .layer(Extension(issuer))
        .layer(from_fn(reached_without_key))
}
