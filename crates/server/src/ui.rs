//! The pages: every one on one screen. They show and do what the engine lets whoever has signed in see and do; the
//! rules and permissions are those of the API. Without scripts all of it works; with them an execution is followed
//! while it runs.

mod account;
mod administration;
mod assets;
mod connection;
mod execute;
mod execution;
mod extraction;
mod form;
mod history;
mod job;
mod models;
mod page;
mod parameters;
mod permissions;
mod pool;
mod pools;
mod schedules;
mod session;
mod sign_in;
mod tasks;
mod words;

use axum::Router;
use axum::middleware::from_fn;
use axum::response::Redirect;
use axum::routing::{get, post};
use forebay_core::secret::Secret;
use forebay_engine::Engine;

use crate::api::reached_without_key;

/// Where everybody begins.
pub(crate) const HOME: &str = "/integration/ui/pools";

/// Where a link signs somebody in.
pub(crate) fn sign_in_url(base: &str, link: &Secret) -> String {
    format!("{base}/sign-in/link?link={}", link.expose())
}

#[rustfmt::skip]
pub(crate) fn pages() -> Router<Engine> {
    const POOL: &str = "/integration/ui/pools/{poolId}";
    let pool = |rest: &str| format!("{POOL}{rest}");
    Router::new()
        .route("/", get(|| async { Redirect::to(HOME) }))
        .route("/integration/ui", get(|| async { Redirect::to(HOME) }))
        .route("/sign-in", get(sign_in::sign_in_page).post(sign_in::sign_in))
        .route("/sign-in/link", get(sign_in::link_page).post(sign_in::sign_in_by_link))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/account", get(account::account))
        .route("/account/password", post(account::set_password))
        .route("/account/keys", post(account::create_key))
        .route("/account/keys/{keyId}/delete", post(account::delete_key))
        .route(HOME, get(pools::overview).post(pools::create_pool))
        .route(POOL, get(pool::pool))
        .route(&pool("/delete"), get(pools::delete_page).post(pools::delete_pool))
        .route(&pool("/permissions"), get(permissions::permissions).post(permissions::set_permissions))
        .route(&pool("/data-configuration/data-jobs"), get(job::data_jobs))
        .route(&pool("/data-configuration/data-jobs/execute"), get(execute::dialog).post(job::execute))
        .route(&pool("/data-configuration/data-jobs/execute-chosen"), get(execute::dialog).post(execute::execute_chosen))
        .route(&pool("/data-configuration/data-jobs/table-extraction"), get(extraction::table_page).post(extraction::set_table))
        .route(&pool("/data-configuration/data-jobs/delete-table"), post(extraction::remove_table))
        .route(&pool("/data-configuration/data-jobs/move-task"), post(tasks::move_task))
        .route(&pool("/data-configuration/data-jobs/duplicate-task"), post(tasks::duplicate_task))
        .route(&pool("/data-jobs"), post(tasks::create_job))
        .route(&pool("/data-configuration/data-jobs/tables"), get(tasks::tables_page).post(tasks::add_tables))
        .route(&pool("/data-configuration/data-jobs/statement"), get(tasks::statement_page).post(tasks::set_statement))
        .route(&pool("/data-configuration/data-jobs/activation"), post(tasks::set_activation))
        .route(&pool("/data-configuration/data-jobs/delete-task"), post(tasks::delete_task))
        .route(&pool("/data-connections"), get(connection::new_page).post(connection::create))
        .route(&pool("/data-connections/{connectionId}"), get(connection::connection).post(connection::update))
        .route(&pool("/data-connections/{connectionId}/test"), post(connection::test))
        .route(&pool("/data-connections/{connectionId}/delete"), post(connection::delete))
        .route(&pool("/data-models"), get(models::models).post(models::create))
        .route(&pool("/data-models/{dataModelId}"), get(models::model).post(models::rename))
        .route(&pool("/data-models/{dataModelId}/delete"), get(models::delete_page).post(models::delete))
        .route(&pool("/data-models/{dataModelId}/load"), post(models::load))
        .route(&pool("/data-models/{dataModelId}/tables"), get(models::tables_page).post(models::add_tables))
        .route(&pool("/data-models/{dataModelId}/tables/{modelTableId}"), get(models::table_page).post(models::set_table))
        .route(&pool("/data-models/{dataModelId}/tables/{modelTableId}/remove"), post(models::remove_table))
        .route(&pool("/data-models/{dataModelId}/foreign-keys"), get(models::key_page).post(models::create_key))
        .route(&pool("/data-models/{dataModelId}/foreign-keys/{foreignKeyId}/delete"), post(models::delete_key))
        .route(&pool("/data-models/{dataModelId}/process-configuration"), get(models::process_page).post(models::set_process))
        .route(&pool("/data-models/{dataModelId}/process-configurations/{processConfigurationId}/delete"), post(models::delete_process))
        .route(&pool("/executions/{executionId}"), get(execution::execution))
        .route(&pool("/executions/{executionId}/events"), get(execution::events))
        .route(&pool("/executions/{executionId}/cancel"), post(execution::cancel))
        .route(&pool("/executions/{executionId}/again"), post(execution::again))
        .route(&pool("/executions/{executionId}/log.txt"), get(execution::log_text))
        .route(&pool("/history"), get(history::of_pool))
        .route(history::ALL, get(history::of_all))
        .route(&pool("/schedules"), get(schedules::schedules).post(schedules::create))
        .route(&pool("/schedules/new"), get(schedules::new_page))
        .route(&pool("/schedules/{scheduleId}"), get(schedules::schedule).post(schedules::update))
        .route(&pool("/schedules/{scheduleId}/activation"), post(schedules::set_activation))
        .route(&pool("/schedules/{scheduleId}/run"), post(schedules::run))
        .route(&pool("/schedules/{scheduleId}/cancel"), post(schedules::cancel))
        .route(&pool("/schedules/{scheduleId}/delete"), post(schedules::delete))
        .route(&pool("/parameters"), get(parameters::parameters).post(parameters::create))
        .route(&pool("/parameters/new"), get(parameters::new_page))
        .route(&pool("/parameters/{parameterId}"), get(parameters::parameter).post(parameters::update))
        .route(&pool("/parameters/{parameterId}/delete"), post(parameters::delete))
        .route("/ui/forebay.css", get(assets::style))
        .route("/ui/forebay.js", get(assets::script))
        .merge(administration::pages())
        .layer(from_fn(reached_without_key))
}
