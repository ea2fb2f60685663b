//! Tasks of a job that load a data model: added, shown, chosen for an execution, changed and removed.

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::models::Model;
use crate::server::Server;

#[tokio::test]
async fn a_task_loads_all_of_a_model_or_some_of_its_tables() {
    let server = Server::start();
    let (model, cases, activities) = Model::with_tables(&server).await;
    let job = model.pool.job(None).await;
    let script = job.transformation("SELECT 1").await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let jobs = format!("{HOME}/{}/data-configuration/data-jobs", model.pool.id);
    let page_of_job = format!("{jobs}?jobId={}", job.id);
    let page = browser.get(&page_of_job).await.page(200);
    assert!(page.contains("Add a load of a data model"), "{page}");

    let add = format!("{jobs}/model-load?jobId={}", job.id);
    let page = browser.get(&add).await.page(200);
    assert!(page.contains(&format!("<option value=\"{}\">DM</option>", model.id)), "{page}");
    assert!(!page.contains("Add it to the job"), "{page}");
    let page = browser.get(&format!("{add}&model={}", model.id)).await.page(200);
    assert!(page.contains("value=\"DM\"") && page.contains(&format!("name=\"table:{cases}\"")), "{page}");
    browser.get(&format!("{add}&model={}", model.pool.id)).await.page(404);

    let all = [("model", model.id.as_str()), ("name", "Load <all>"), ("what", "ALL")];
    assert_eq!(browser.post(&add, &all).await.place(), page_of_job);
    let loads = model.client().get(&job.path("/loads")).await.ok();
    assert_eq!((&loads[0]["dataModelId"], &loads[0]["tables"]), (&json!(model.id), &Value::Null), "{loads}");
    let task = loads[0]["id"].as_str().unwrap();
    let page = browser.get(&page_of_job).await.page(200);
    assert!(page.contains(">DM</a>: all tables") && !page.contains("<all>"), "{page}");
    job.run("FULL").await.succeeded();
    assert_eq!(model.published(&server), [("Cases".to_owned(), 2), ("activities".to_owned(), 3)]);

    let change = format!("{add}&taskId={task}");
    assert!(browser.get(&change).await.page(200).contains("value=\"ALL\" checked"));
    let table = format!("table:{activities}");
    let stranger = format!("table:{task}");
    for (name, ticked, expected) in [
        ("Load", "other", "tables: tick those that are to be loaded"),
        ("Load", stranger.as_str(), "is no table of the data model"),
        ("", table.as_str(), "name: must not be empty"),
    ] {
        let fields = [("model", model.id.as_str()), ("name", name), ("what", "CHOSEN"), (ticked, "on")];
        let refused = browser.post(&change, &fields).await.page(400);
        assert!(refused.contains(expected) && refused.contains("\"CHOSEN\" checked"), "{refused}");
        let is_ticked = refused.contains(&format!("name=\"{table}\" checked"));
        assert_eq!(is_ticked, ticked == table, "as it was filled in: {refused}");
    }
    let some = [("model", model.id.as_str()), ("name", "Some"), ("what", "CHOSEN"), (table.as_str(), "on")];
    assert_eq!(browser.post(&change, &some).await.place(), page_of_job);
    let loads = model.client().get(&job.path("/loads")).await.ok();
    assert_eq!(
        (&loads[0]["id"], &loads[0]["tables"][0]["id"]),
        (&json!(task), &json!(activities)),
        "{loads}"
    );
    assert!(browser.get(&page_of_job).await.page(200).contains(">DM</a>: activities"));

    // What is usual is ticked on the page that asks what to execute, and another table can be.
    let execute = format!("{jobs}/execute?jobId={}", job.id);
    let page = browser.get(&execute).await.page(200);
    let field = |table: &str| format!("name=\"table:{task}:{table}\"");
    assert!(page.contains(&format!("{} checked", field(&activities))), "{page}");
    assert!(page.contains(&field(&cases)) && !page.contains(&format!("{} checked", field(&cases))), "{page}");
    assert!(page.contains("dataModelExecutionId"), "{page}");
    let chosen = format!("{jobs}/execute-chosen?jobId={}", job.id);
    let (of_task, of_table) = (format!("task:{task}"), format!("table:{task}:{cases}"));
    let begun = browser.post(&chosen, &[("mode", "FULL"), (&of_task, "on"), (&of_table, "on")]).await;
    let execution = begun.place().rsplit('/').next().unwrap().to_owned();
    let run = crate::pool::finished(model.client(), &execution).await.succeeded();
    assert_eq!(
        (run.step("Cases")["status"].as_str(), run.step("activities")["status"].as_str()),
        (Some("SUCCESS"), Some("SKIPPED"))
    );

    browser.get(&format!("{add}&taskId={script}")).await.page(404);
    let viewer = server.member(&model.pool.id, &["VIEW"]).await;
    let mut viewer = Browser::signed_in(&server, viewer.key()).await;
    assert!(!viewer.get(&page_of_job).await.page(200).contains("Add a load of a data model"));
    viewer.post(&change, &all).await.page(403);
    browser.get(&page_of_job).await.page(200);
    let delete = format!("{jobs}/delete-task?jobId={}&taskId={task}", job.id);
    assert_eq!(browser.post(&delete, &[]).await.place(), page_of_job);
    assert_eq!(model.client().get(&job.path("/loads")).await.ok(), json!([]));
}
