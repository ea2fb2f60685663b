//! The picture of a pool, the load of a model as a task, and the calendar and name mappings of a model.

use std::io::Write;

use serde_json::Value;

use super::driver::Browser;
use crate::world::World;

/// Looks at the pool of a world whose job was executed, follows an execution on the pool's page, goes on from a box of
/// the picture to its model, and loads the model by a task of its own.
pub(super) async fn diagram_and_model(browser: &Browser, world: &World) {
    let home = format!("/integration/ui/pools/{}", world.pool.id);
    browser.open_path(&home).await;
    browser.sees("From sources to data models").await;
    browser.check("pool-diagram").await;
    followed(browser, world, &home).await;

    browser.click(&format!(".flow a[href$='/data-models/{}']", world.loaded)).await;
    browser.sees("No calendar counts.").await;
    calendar(browser).await;
    names(browser).await;
    load_by_a_task(browser, world, &home).await;

    // The table has all, the picture those that ask for attention.
    for _ in 0..200 {
        world.pool.job(None).await;
    }
    browser.open_path(&home).await;
    browser.sees("40 of 203 data jobs").await;
    browser.check("pool-with-many-jobs").await;
}

/// Nothing is loaded again by hand.
async fn followed(browser: &Browser, world: &World, home: &str) {
    let job = world.pool.job(None).await;
    let endless = "CREATE TABLE endless AS SELECT count(*) AS n FROM range(400000) a, range(400000) b";
    job.transformation(endless).await;
    let execution = job.start("FULL").await;
    browser.open_path(home).await;
    browser.sees("running").await;
    browser.check("pool-diagram-running").await;
    let cancel = format!("/forebay/api/v1/executions/{execution}/cancel");
    world.pool.client.post(&cancel, &Value::Null).await.ok();
    browser.sees("cancelled").await;
}

async fn calendar(browser: &Browser) {
    browser.click("a[href$='/calendar']").await;
    browser.sees("What counts").await;
    browser.click("[name='kind'][value='CUSTOM']").await;
    browser.click("[name='day1'] option[value='MONDAY']").await;
    browser.click("[name='workingDay1'] option[value='true']").await;
    browser.fill("[name='startTime1']", "eight").await;
    browser.press("Save").await;
    browser.sees("the begin of line 1: must be a whole number").await;
    browser.check("model-calendar").await;
    browser.fill("[name='startTime1']", "28800").await;
    browser.press("Save").await;
    browser.sees("Its own calendar of 1 line says when people work.").await;
}

async fn names(browser: &Browser) {
    let mut file = tempfile::Builder::new().prefix("names-").suffix(".csv").tempfile().unwrap();
    file.write_all(b"TABLE_NAME,LANGUAGE_KEY,TRANSLATION\r\nmade,EN,What was made\r\n").unwrap();
    browser.click("a[href$='/name-mappings']").await;
    browser.sees("There is none yet.").await;
    browser.fill("#file", file.path().to_str().unwrap()).await;
    browser.press("Send it").await;
    browser.sees("What was made").await;
    browser.check("model-names").await;
}

async fn load_by_a_task(browser: &Browser, world: &World, home: &str) {
    browser.open_path(&format!("{home}/data-configuration/data-jobs?jobId={}", world.job.id)).await;
    browser.sees("Change what it loads").await;
    browser.click("a[href*='/model-load?jobId=']:not([href*='taskId'])").await;
    browser.sees("New load of a data model").await;
    browser.press("Choose its tables").await;
    browser.sees("What it loads").await;
    browser.click("[name='what'][value='CHOSEN']").await;
    browser.press("Add it to the job").await;
    browser.sees("tick those that are to be loaded").await;
    browser.click("[name^='table:']").await;
    browser.fill("#name", "Load a part").await;
    browser.check("model-load").await;
    browser.press("Add it to the job").await;
    browser.sees("Load a part").await;
    browser.check("job-with-loads").await;
}
