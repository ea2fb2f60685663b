//! The history, and the page of an execution with something to compare.

use super::driver::Browser;
use crate::pool::Job;

/// Runs a job twice, looks at the second execution beside the first, and at the history.
pub(super) async fn history_and_execution(browser: &Browser, job: &Job) {
    let home = format!("/integration/ui/pools/{}", job.pool.id);
    job.run("FULL").await.succeeded();
    browser.open_path(&format!("{home}/data-configuration/data-jobs?jobId={}", job.id)).await;
    browser.press("Execute: everything (FULL)").await;
    // It comes by itself once the execution has ended.
    browser.sees("Beside the last FULL run").await;
    browser.check("execution-compared").await;
    browser.fill("#q", "extraction").await;
    browser.press("Filter").await;
    browser.sees("Download these as text").await;
    browser.click(".log li a").await;
    browser.check("execution-line").await;

    browser.open_path(&format!("{home}/history")).await;
    browser.sees("By job and day").await;
    browser.click(".trend ~ details summary").await;
    browser.check("history").await;
    browser.click(".grid td a").await;
    browser.sees("of data jobs from").await;
    browser.check("history-of-a-day").await;
    browser.open_path("/history").await;
    browser.sees("History of all pools").await;
    browser.check("history-of-all").await;
    browser.open_path("/history?from=2026-02-02&to=2026-02-01").await;
    browser.sees("is after the last day").await;
    browser.check("history-wrong").await;
}
