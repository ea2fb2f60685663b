//! The pages of data models, of a table of an extraction, and of what is to be executed.

use super::driver::Browser;
use crate::pool::Job;

/// Makes and loads a model of a job's tables, changes one of its extractions, and executes a part of it. The job is
/// that of a world: it extracts `one` by the connection `Used` and makes `made`.
pub(super) async fn models_and_extractions(browser: &Browser, job: &Job) {
    job.run("FULL").await.succeeded();
    let home = format!("/integration/ui/pools/{}", job.pool.id);
    let place = model(browser, &home).await;
    extraction(browser, &home, &job.id).await;
    execute(browser, &home, &job.id).await;
    browser.open(&format!("{place}/delete")).await;
    browser.sees("Type the name of the data model").await;
    browser.check("model-delete").await;
    browser.fill("#name", "Orders and more").await;
    browser.press("Delete the data model").await;
    browser.sees("New data model").await;
}

/// Gives the address of the model.
async fn model(browser: &Browser, home: &str) -> String {
    browser.open_path(&format!("{home}/data-models")).await;
    browser.check("models").await;
    browser.fill("#name", "Orders and more").await;
    browser.press("Create the data model").await;
    browser.sees("It was never loaded.").await;
    let place = browser.address().await;
    browser.click("a[href$='/tables']").await;
    browser.sees("Alias; empty for its own name").await;
    browser.check("model-tables").await;
    browser.click("[aria-label='Add made of the pool']").await;
    browser.click("[aria-label='Add one of Used']").await;
    browser.press("Add the ticked tables").await;
    browser.sees("Load all tables").await;

    browser.click("a[href*='/tables/']").await;
    browser.sees("The columns of which no two rows have the same values").await;
    browser.check("model-table").await;
    browser.click("[aria-label='a is a part of the key']").await;
    browser.press("Save").await;
    browser.sees("Load all tables").await;

    browser.click("#target option:nth-child(2)").await;
    browser.press("Choose the columns").await;
    browser.sees("New foreign key").await;
    browser.fill("[name='source1']", "a").await;
    browser.press("Add the foreign key").await;
    browser.sees("the second column of pair 1: must not be empty").await;
    browser.fill("[name='target1']", "id").await;
    browser.check("model-key").await;
    browser.press("Add the foreign key").await;
    browser.sees("a = id").await;

    browser.press("Say what its columns mean").await;
    browser.sees("Events in made").await;
    browser.fill("#caseId", "a").await;
    browser.check("model-process").await;
    browser.press("Save").await;
    browser.sees("Load all tables").await;

    // It is followed to its end: nothing is loaded again by hand.
    browser.press("Load all tables").await;
    browser.sees("loaded with warnings").await;
    browser.sees("1 rows have no row in made").await;
    browser.check("model").await;
    place
}

async fn extraction(browser: &Browser, home: &str, job: &str) {
    let page = format!("{home}/data-configuration/data-jobs?jobId={job}");
    browser.open_path(&page).await;
    browser.click("a[href*='/table-extraction']").await;
    browser.sees("Pseudonymise").await;
    // A filter is looked at by the source while it is written.
    browser.fill("#filter", "nobody = 1").await;
    browser.sees("no such column: nobody").await;
    browser.until("document.querySelector('#filter[aria-invalid=true]')").await;
    browser.check("table-extraction-filter").await;
    browser.fill("#deltaFilter", "id > 0").await;
    browser.sees("Looks right: the source would take it.").await;
    browser.fill("#filter", "id >= 0").await;
    browser.until("document.getElementById('said-filter').textContent.startsWith('Looks right')").await;
    browser.until("!document.querySelector('[aria-invalid]')").await;
    browser.fill("#changeColumn", "id").await;
    browser.fill("#changeOffset", "a day").await;
    browser.press("Save").await;
    browser.sees("must be a whole number").await;
    browser.check("table-extraction-wrong").await;
    browser.fill("#changeOffset", "2").await;
    browser.press("Save").await;
    browser.sees("less 2 days").await;
    browser.check("table-extraction").await;

    browser.open_path(&page).await;
    browser.press("Duplicate: transformation").await;
    browser.sees("transformation (copy)").await;
    browser.press("Move up: transformation (copy)").await;
    browser.sees("transformation (copy)").await;
    browser.check("job-with-copy").await;
}

async fn execute(browser: &Browser, home: &str, job: &str) {
    browser.open_path(&format!("{home}/data-configuration/data-jobs?jobId={job}")).await;
    browser.click("a[href*='/execute?']").await;
    browser.sees("FULL reads what is ticked anew").await;
    browser.sees("2 rows read").await;
    // The source is asked once the page is there.
    browser.sees("The rows at the source are those of its statistics").await;
    assert_eq!(browser.run("return document.querySelector('[data-rows]').textContent").await, "2");
    browser.check("execute").await;
    browser.press("Execute what is ticked (DELTA)").await;
    browser.sees("succeeded").await;
}
