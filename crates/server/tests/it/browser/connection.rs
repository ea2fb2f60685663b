//! The pages of a data connection.

use super::driver::Browser;
use crate::pool::Job;

/// Tests a connection, looks at one of its tables, and at what an extraction would ask of it. All of them are of a
/// world, whose connections lead to an SQLite file with the tables `one` and `two`.
pub(super) async fn connection_and_its_tables(
    browser: &Browser,
    job: &Job,
    connection: &str,
    extraction: &str,
) {
    let home = format!("/integration/ui/pools/{}", job.pool.id);
    browser.open_path(&format!("{home}/data-connections/{connection}")).await;
    browser.sees("Where it is used").await;
    browser.press("Test it").await;
    browser.sees("It works: 2 tables are offered.").await;
    browser.check("connection").await;
    browser.click("a[href$='/tables']").await;
    browser.sees("What the source says is used again for ten seconds.").await;
    browser.check("connection-tables").await;
    browser.fill("#q", "on").await;
    browser.press("Search").await;
    browser.click("a[href*='table=one']").await;
    browser.sees("The source has a primary key: id.").await;
    browser.check("connection-table").await;

    browser.open_path(&format!("{home}/data-configuration/data-jobs?jobId={}", job.id)).await;
    browser.click(&format!("a[href*='taskId={extraction}&tableId=']")).await;
    browser.sees("What the source is asked for, as it is saved").await;
    browser.press("Show what the source would be sent").await;
    browser.sees("FULL, as it would be sent now").await;
    browser.check("table-extraction-sql").await;
}
