//! The first hour of somebody new: from an empty server to a DELTA job that runs by a schedule, in the browser alone.

use std::time::Duration;

use super::driver::{Browser, PATIENCE};
use crate::source::Source;

/// Makes a pool, a connection to PostgreSQL, and a job of one table; executes it, FULL and DELTA, watching it; and lets
/// a schedule bring what changes from then on.
pub(super) async fn first_steps(browser: &Browser, source: &Source) {
    source
        .execute(
            "CREATE TABLE orders (id integer PRIMARY KEY, item text, updated_at timestamptz NOT NULL DEFAULT now());
             INSERT INTO orders (id, item) VALUES (1, 'pen'), (2, 'paper')",
        )
        .await;
    browser.open_path("/integration/ui/pools").await;
    browser.sees("There is no data pool").await;
    browser.check("first-pools").await;
    browser.fill("#name", "Order to cash").await;
    browser.press("Create").await;
    browser.sees("Data connections").await;
    let home = browser.address().await;

    connection(browser, source).await;
    browser.open(&home).await;
    browser.fill("#job-name", "Load").await;
    browser.click("#job-connection option:nth-child(2)").await;
    browser.press("Create the job").await;
    browser.sees("It has never run.").await;
    let job = browser.address().await;
    browser.click("a[href*='/tables?']").await;
    browser.sees("Changes by").await;
    browser.click("[aria-label='Add public.orders']").await;
    browser.click("[name='date:public.orders'] option:nth-child(4)").await;
    browser.check("first-tables").await;
    browser.press("Add the ticked tables").await;
    browser.sees("updated_at").await;

    browser.press("Execute: everything (FULL)").await;
    browser.sees("succeeded").await;
    browser.sees("2 rows").await;
    browser.open(&job).await;
    source.execute("INSERT INTO orders (id, item) VALUES (3, 'ink')").await;
    browser.press("Execute: what has changed (DELTA)").await;
    browser.sees("succeeded").await;
    browser.sees("1 row").await;
    browser.check("first-delta").await;

    scheduled(browser, &home, &job, source).await;
}

/// Makes a connection, first with a password that is not right.
async fn connection(browser: &Browser, source: &Source) {
    let wanted = source.configuration();
    let text = |name: &str| wanted[name].as_str().unwrap().to_owned();
    browser.click("a[href$='/data-connections']").await;
    browser.sees("Encryption").await;
    browser.fill("#name", "ERP").await;
    browser.fill("#host", &text("host")).await;
    browser.fill("#port", &wanted["port"].to_string()).await;
    browser.fill("#database", "nowhere").await;
    browser.fill("#user", &text("user")).await;
    browser.fill("#password", &text("password")).await;
    browser.press("Create").await;
    browser.sees("Test it").await;
    browser.press("Test it").await;
    browser.sees("nowhere").await;
    browser.sees("failed").await;
    browser.check("first-connection-wrong").await;
    browser.fill("#database", &text("database")).await;
    browser.press("Save").await;
    browser.sees("Test it").await;
    browser.press("Test it").await;
    browser.sees("It works").await;
}

/// A schedule brings a row that comes while nobody looks.
async fn scheduled(browser: &Browser, home: &str, job: &str, source: &Source) {
    browser.open(&format!("{home}/schedules/new")).await;
    browser.fill("#name", "All the time").await;
    let id = job.rsplit('=').next().unwrap();
    browser.fill(&format!("[name='place:{id}']"), "1").await;
    browser.click("[name='kind'][value='CRON']").await;
    browser.fill("#expression", "0/2 * * * * ?").await;
    source.execute("INSERT INTO orders (id, item) VALUES (4, 'stamp'), (5, 'envelope')").await;
    browser.press("Create").await;
    browser.sees("The next firings").await;
    let place = browser.address().await;
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        browser.open(&place).await;
        let loaded = "return [...document.querySelectorAll('#runs ~ .wide tbody tr')].some(row => row.innerText.includes('succeeded') && row.innerText.includes('DELTA'))";
        if browser.run(loaded).await == true {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "no firing of the schedule has succeeded");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    browser.press("Switch it off").await;
    browser.sees("not while it is off").await;
    browser.check("first-schedule").await;
}
