//! The pages of schedules and parameters.

use super::driver::Browser;

/// Makes a schedule and a parameter in a pool that has a job.
pub(super) async fn schedules_and_parameters(browser: &Browser, pool: &str, job: &str) {
    let home = format!("/integration/ui/pools/{pool}");
    browser.open_path(&format!("{home}/schedules/new")).await;
    browser.sees("What it runs, and when").await;
    browser.check("schedule-new").await;
    browser.fill("#name", "At the end of each month").await;
    browser.fill(&format!("[name='place:{job}']"), "1").await;
    browser.click("[name='kind'][value='CRON']").await;
    browser.fill("#expression", "0 30 2 L").await;
    browser.fill("#timeZone", "Europe/Berlin").await;
    browser.press("Show its next firings").await;
    browser.sees("has 4 fields").await;
    browser.check("schedule-wrong").await;
    browser.fill("#expression", "0 30 2 L * ?").await;
    browser.press("Show its next firings").await;
    browser.sees("which is not saved").await;
    browser.sees("the clocks are set forward by 1 h").await;
    browser.check("schedule-preview").await;
    browser.press("Create").await;
    browser.sees("It has not fired yet.").await;
    browser.press("Run it now").await;
    browser.sees("asked for").await;
    browser.check("schedule").await;
    browser.press("Switch it off").await;
    browser.sees("not while it is off").await;
    browser.open_path(&format!("{home}/schedules")).await;
    browser.sees("At the end of each month").await;
    browser.check("schedules").await;

    browser.open_path(&format!("{home}/parameters/new")).await;
    browser.sees("New parameter").await;
    browser.fill("#name", "From when").await;
    browser.fill("#placeholder", "from%").await;
    browser.fill("#values", "2026-01-01").await;
    browser.press("Create").await;
    browser.sees("must be 1 to 100 letters").await;
    browser.check("parameter-wrong").await;
    browser.fill("#placeholder", "from").await;
    browser.press("Create").await;
    browser.sees("SQL and filters write").await;
    browser.check("parameters").await;
    browser.click("main table a").await;
    browser.sees("Delete the parameter").await;
    browser.check("parameter").await;
}
