//! The pages: every one on one screen. They show and do what the engine lets whoever has signed in see and do; the
//! rules and permissions are those of the API. Without scripts all of it works; with them an execution is followed
//! while it runs.

mod account;
mod assets;
mod connection;
mod execution;
mod form;
mod job;
mod page;
mod permissions;
mod pool;
mod pools;
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
        .route(&pool("/data-configuration/data-jobs/execute"), post(job::execute))
        .route(&pool("/data-jobs"), post(tasks::create_job))
        .route(&pool("/data-configuration/data-jobs/tables"), get(tasks::tables_page).post(tasks::add_tables))
        .route(&pool("/data-configuration/data-jobs/statement"), get(tasks::statement_page).post(tasks::set_statement))
        .route(&pool("/data-configuration/data-jobs/activation"), post(tasks::set_activation))
        .route(&pool("/data-configuration/data-jobs/delete-task"), post(tasks::delete_task))
        .route(&pool("/data-connections"), get(connection::new_page).post(connection::create))
        .route(&pool("/data-connections/{connectionId}"), get(connection::connection).post(connection::update))
        .route(&pool("/data-connections/{connectionId}/test"), post(connection::test))
        .route(&pool("/data-connections/{connectionId}/delete"), post(connection::delete))
        .route(&pool("/executions/{executionId}"), get(execution::execution))
        .route(&pool("/executions/{executionId}/events"), get(execution::events))
        .route(&pool("/executions/{executionId}/cancel"), post(execution::cancel))
        .route("/ui/forebay.css", get(assets::style))
        .route("/ui/forebay.js", get(assets::script))
        .layer(from_fn(reached_without_key))
}
