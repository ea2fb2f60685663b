//! The pages in a real browser: Chromium, driven through ChromeDriver. Pictures of every page at two widths are left in
//! the folder `target/pages`.

mod administration;
mod audit;
mod cancel;
mod connection;
mod driver;
mod first_steps;
mod groups;
mod history;
mod models;
mod oidc;
mod pool_diagram;
mod pool_tables;
mod schedules;
mod statement;
mod task_order;

use serde_json::{Value, json};

use self::driver::Browser;
use crate::client::Client;
use crate::pool::Pool;
use crate::server::Server;
use crate::source::Source;
use crate::workers::{endless, signal, worker_of};
use crate::world::{World, analyze};

const PASSWORD: &str = "correct horse battery";

/// Signs in by a link.
async fn enter(browser: &Browser, admin: &Client, user: &str) {
    let link = admin.post(&format!("/forebay/api/v1/users/{user}/sign-in-link"), &Value::Null).await.ok();
    browser.open(link["url"].as_str().unwrap()).await;
    browser.press("Sign in").await;
    browser.sees("Your account").await;
}

/// A browser in which the administrator has signed in.
async fn of_administrator(server: &Server) -> Browser {
    let browser = Browser::start(&server.url()).await;
    enter_as_administrator(&browser, server).await;
    browser
}

async fn enter_as_administrator(browser: &Browser, server: &Server) {
    let admin = server.admin();
    let own = admin.get("/api/cloud").await.ok();
    enter(browser, &admin, own["id"].as_str().unwrap()).await;
}

/// Signs in by a link, sets a password, and signs in with it.
async fn sign_in(browser: &Browser, admin: &Client, user: &str, name: &str) {
    enter(browser, admin, user).await;
    browser.fill("#password", PASSWORD).await;
    browser.fill("#again", PASSWORD).await;
    browser.check("account").await;
    browser.press("Set the password").await;
    browser.sees("A new password ends your sessions").await;
    browser.press("Sign out").await;
    browser.sees("With an API key instead").await;
    browser.check("sign-in").await;
    browser.fill("#name", name).await;
    browser.fill("#password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.sees("Data pools").await;
}

#[tokio::test]
async fn a_job_is_set_off_watched_and_cancelled_and_a_second_user_is_let_in() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    let user = json!({"name": "Second", "email": "second@example.org"});
    let second = admin.post("/forebay/api/v1/users", &user).await.ok();
    let own = admin.get("/api/cloud").await.ok();

    let browser = Browser::start(&server.url()).await;
    sign_in(&browser, &admin, own["id"].as_str().unwrap(), "Administrator").await;
    browser.fill("#name", "Made in a browser").await;
    browser.press("Create").await;
    browser.sees("Made in a browser").await;
    let made = browser.address().await.rsplit('/').next().unwrap().to_owned();
    let pool = Pool { id: made.clone(), client: admin.clone() };
    browser.check("pool").await;

    // A job that ends, watched while it runs: nothing is loaded again by hand.
    browser.open_path(&format!("/integration/ui/pools/{}", world.pool.id)).await;
    browser.check("pool-with-job").await;
    browser.click(&format!("th a[href$='jobId={}']", world.job.id)).await;
    let address = browser.address().await;
    let ids = format!(
        "/integration/ui/pools/{}/data-configuration/data-jobs?jobId={}",
        world.pool.id, world.job.id
    );
    assert!(address.ends_with(&ids), "{address}");
    browser.check("job").await;
    browser.press("Execute: everything (FULL)").await;
    browser.sees("succeeded").await;
    browser.check("execution").await;

    // One that does not end by itself.
    let job = pool.job(None).await;
    job.transformation("CREATE TABLE endless AS SELECT count(*) AS n FROM range(400000) a, range(400000) b")
        .await;
    let page = format!("/integration/ui/pools/{made}/data-configuration/data-jobs?jobId={}", job.id);
    browser.open_path(&page).await;
    browser.press("Execute: what has changed (DELTA)").await;
    browser.sees("running").await;
    browser.check("execution-running").await;
    browser.press("Cancel").await;
    browser.sees("cancelled").await;

    // The second user sees nothing, until an administrator ticks a box.
    browser.open_path(&format!("/integration/ui/pools/{made}/permissions")).await;
    browser.check("permissions").await;
    browser.click("[aria-label='View: Second']").await;
    browser.click("[aria-label='Save the permissions of Second']").await;
    browser.sees("Permissions of Made in a browser").await;
    browser.press("Sign out").await;
    sign_in(&browser, &admin, second["id"].as_str().unwrap(), "second@example.org").await;
    browser.sees("Made in a browser").await;
    browser.check("pools").await;
    browser.open_path(&format!("/integration/ui/pools/{}", world.pool.id)).await;
    browser.sees("Not found").await;
    browser.check("not-found").await;
    browser.end().await;
}

#[tokio::test]
async fn a_cancel_counts_down_to_its_end_by_force() {
    let server = Server::start_with(&["--worker-stop-seconds", "8"]);
    let pool = Pool::create(&server.admin()).await;
    let (_, execution) = endless(&pool).await;
    let browser = of_administrator(&server).await;
    signal(worker_of(&server, &pool).unwrap(), "STOP");
    let page = format!("/integration/ui/pools/{}/executions/{execution}", pool.id);
    cancel::cancel_by_force(&browser, &page).await;
    browser.end().await;
}

#[tokio::test]
async fn somebody_new_gets_to_a_scheduled_delta() {
    let server = Server::start();
    let (browser, source) = (of_administrator(&server).await, Source::new().await);
    first_steps::first_steps(&browser, &source).await;
    let pools = server.admin().get("/integration/api/pools").await.ok();
    let pool = Pool { id: pools[0]["id"].as_str().unwrap().to_owned(), client: server.admin() };
    let sources = pool.client.get(&format!("/integration/api/pools/{}/data-sources/", pool.id)).await.ok();
    let found = pool.value(sources[0]["id"].as_str(), "SELECT count(*) FROM orders").await;
    assert_eq!(found, "5", "the schedule has brought what came last");
    browser.end().await;
}

#[tokio::test]
async fn schedules_and_parameters_are_made_and_changed() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let browser = of_administrator(&server).await;
    schedules::schedules_and_parameters(&browser, &world.pool.id, &world.job.id).await;
    browser.end().await;
}

#[tokio::test]
async fn models_extractions_and_what_is_executed_are_chosen() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    analyze(&server).await;
    let browser = of_administrator(&server).await;
    models::models_and_extractions(&browser, &world.job).await;
    browser.end().await;
}

#[tokio::test]
async fn tasks_are_dragged_into_order() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let browser = of_administrator(&server).await;
    task_order::tasks_are_dragged(&browser, &world.job, &world.transformation).await;
    browser.end().await;
}

#[tokio::test]
async fn executions_are_compared_and_looked_back_at() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let browser = of_administrator(&server).await;
    history::history_and_execution(&browser, &world.job).await;
    browser.end().await;
}

#[tokio::test]
async fn a_server_is_administered() {
    let server = Server::start();
    let browser = of_administrator(&server).await;
    administration::administer(&browser, &server.admin()).await;
    browser.end().await;
}

#[tokio::test]
async fn a_connection_shows_its_tables_and_a_pool_what_leads_where() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let browser = of_administrator(&server).await;
    connection::connection_and_its_tables(&browser, &world.job, &world.connection, &world.extraction).await;
    pool_tables::tables(&browser, &world).await;
    pool_diagram::diagram_and_model(&browser, &world).await;
    browser.end().await;
}

#[tokio::test]
async fn a_statement_is_written_and_run() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let browser = Browser::start_asked(&server.url()).await;
    enter_as_administrator(&browser, &server).await;
    statement::statement(&browser, &world.job, &world.transformation).await;
    browser.end().await;
}

#[tokio::test]
async fn groups_are_made_and_what_was_done_is_looked_up() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let browser = of_administrator(&server).await;
    groups::groups(&browser, &server.admin(), &world.pool.id).await;
    audit::audit_log(&browser).await;
    browser.end().await;
}

#[tokio::test]
async fn somebody_signs_in_by_an_issuer() {
    oidc::there_and_back().await;
}
