//! The pages of data models: made, filled from the pool's tables, tied together, loaded and deleted.

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::models::Model;
use crate::server::Server;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A model that the pages made, and its ids of the tables of the pool.
async fn made(browser: &mut Browser, of: &Model) -> (Model, String, String) {
    let list = format!("{HOME}/{}/data-models", of.pool.id);
    browser.get(&list).await.page(200);
    let answer = browser.post(&list, &[("name", "Sales <1>")]).await;
    assert_eq!(answer.status, 303, "{answer}");
    let place = answer.place().to_owned();
    let model = Model { pool: of.pool.clone(), id: place.rsplit('/').next().unwrap().to_owned() };
    let offered = browser.get(&format!("{place}/tables?q=c")).await.page(200);
    assert!(offered.contains("aria-label=\"Add cases of the pool\""), "{offered}");
    let ticked = [("table::cases", "on"), ("alias::cases", "Cases"), ("table::activities", "on")];
    assert_eq!(browser.post(&format!("{place}/tables"), &ticked).await.place(), place);
    let told = model.client().get(&model.path("")).await.ok();
    let id = |name: &str| {
        let tables = told["tables"].as_array().unwrap();
        let table = tables.iter().find(|table| table["name"] == name);
        text(&table.unwrap_or_else(|| panic!("no {name} in {told}"))["id"]).to_owned()
    };
    (model, id("cases"), id("activities"))
}

#[tokio::test]
async fn a_model_is_made_of_the_tables_of_its_pool() {
    let server = Server::start();
    let (other, ..) = Model::with_tables(&server).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let (model, cases, activities) = made(&mut browser, &other).await;
    let pool = format!("{HOME}/{}", model.pool.id);
    let place = format!("{pool}/data-models/{}", model.id);
    assert!(browser.get(&pool).await.page(200).contains(&place));
    let page = browser.get(&place).await.page(200);
    assert!(
        page.contains(&model.id) && !page.contains("<1>") && page.contains("It was never loaded"),
        "{page}"
    );

    let list = format!("{pool}/data-models");
    assert!(browser.post(&list, &[("name", " x")]).await.page(400).contains("name: must not begin"));
    let nothing = browser.post(&format!("{place}/tables"), &[]).await.page(400);
    assert!(nothing.contains("tick those that are to be added"), "{nothing}");
    let twice =
        browser.post(&format!("{place}/tables"), &[("table::cases", "on"), ("alias::cases", "CASES")]).await;
    let twice = twice.page(400);
    assert!(twice.contains("comes twice") && twice.contains("value=\"CASES\""), "{twice}");

    let table = format!("{place}/tables/{cases}");
    let page = browser.get(&table).await.page(200);
    assert!(page.contains("name=\"key:id\"") && page.contains("value=\"Cases\""), "{page}");
    let twice = browser.post(&table, &[("alias", "activities"), ("key:id", "on")]).await.page(400);
    assert!(twice.contains("activities comes twice") && twice.contains("name=\"key:id\""), "{twice}");
    assert_eq!(browser.post(&table, &[("alias", "Orders"), ("key:id", "on")]).await.place(), place);
    let told = model.client().get(&model.tables_path(&format!("/{cases}"))).await.ok();
    assert_eq!((&told["alias"], &told["primaryKeys"]), (&json!("Orders"), &json!(["id"])), "{told}");

    let keys = format!("{place}/foreign-keys?source={cases}&target={activities}");
    assert!(browser.get(&keys).await.page(200).contains("<option value=\"case_id\">"));
    let half = browser.post(&keys, &[("source1", "id"), ("target1", "")]).await.page(400);
    assert!(half.contains("the second column of pair 1: must not be empty"), "{half}");
    assert!(browser.post(&keys, &[]).await.page(400).contains("at least one pair of columns"));
    let pair = [("source1", "id"), ("target1", "case_id")];
    assert_eq!(browser.post(&keys, &pair).await.place(), place);
    let page = browser.get(&place).await.page(200);
    assert!(page.contains("<svg class=\"picture\" role=\"img\""), "{page}");
    assert!(page.contains("one row of Orders to many of activities"), "{page}");
    let told = model.client().get(&model.path("")).await.ok();
    let key = format!("{place}/foreign-keys/{}/delete", text(&told["foreignKeys"][0]["id"]));
    assert_eq!(browser.post(&key, &[]).await.status, 303);
    browser.post(&key, &[]).await.page(404);
    assert_eq!(browser.post(&format!("{table}/remove"), &[]).await.place(), place);
    let told = model.client().get(&model.path("")).await.ok();
    assert_eq!((told["tables"].as_array().unwrap().len(), &told["foreignKeys"]), (1, &json!([])), "{told}");
}

#[tokio::test]
async fn what_the_columns_of_events_mean_is_said_and_taken_back() {
    let server = Server::start();
    let (model, cases, activities) = Model::with_tables(&server).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = format!("{HOME}/{}/data-models/{}", model.pool.id, model.id);
    let process = format!("{place}/process-configuration?table={activities}");
    assert!(browser.get(&process).await.page(200).contains("<option value=\"happened\">"));
    let fields = |sorting| {
        [
            ("caseTable", cases.as_str()),
            ("caseId", "case_id"),
            ("activity", "activity"),
            ("timestamp", "happened"),
            ("sorting", sorting),
        ]
    };
    let long = "x".repeat(256);
    let refused = browser.post(&process, &fields(&long)).await.page(400);
    assert!(refused.contains("sorting: must have at most 255") && refused.contains(&long), "{refused}");
    for (sorting, expected) in [("activity", json!("activity")), ("", Value::Null)] {
        assert_eq!(browser.post(&process, &fields(sorting)).await.place(), place);
        let told = &model.client().get(&model.path("/process-configurations")).await.ok()[0];
        assert_eq!((&told["caseIdColumn"], &told["sortingColumn"]), (&json!("case_id"), &expected), "{told}");
        assert_eq!((&told["caseTableId"], &told["timestampColumn"]), (&json!(cases), &json!("happened")));
    }
    let page = browser.get(&place).await.page(200);
    assert!(page.contains(&process.replace('&', "&amp;")) && page.contains("<td>happened</td>"), "{page}");
    let told = model.client().get(&model.path("/process-configurations")).await.ok();
    let id = text(&told[0]["id"]);
    let deleted = browser.post(&format!("{place}/process-configurations/{id}/delete"), &[]).await;
    assert_eq!(deleted.place(), place, "{deleted}");
    assert_eq!(model.client().get(&model.path("/process-configurations")).await.ok(), json!([]));
}

#[tokio::test]
async fn a_model_is_loaded_whole_or_in_part_and_tells_of_each_table() {
    let server = Server::start();
    let (model, _, activities) = Model::with_tables(&server).await;
    let job = model.pool.job(None).await;
    job.transformation("INSERT INTO activities VALUES (9, 'begin', NULL)").await;
    job.run("FULL").await.succeeded();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let place = format!("{HOME}/{}/data-models/{}", model.pool.id, model.id);
    let load = format!("{place}/load");
    browser.get(&place).await.page(200);
    assert!(browser.post(&load, &[("what", "CHOSEN")]).await.page(400).contains("tick those that are to be"));
    browser.post(&load, &[("what", "SOME")]).await.page(400);
    assert_eq!(browser.post(&load, &[("what", "ALL")]).await.place(), place);
    assert_eq!(model.loaded().await["loadStatus"], "WARNING");
    let page = browser.get(&place).await.page(200);
    assert!(page.contains("loaded with warnings</span> all tables"), "{page}");
    assert!(page.contains("<span class=\"caution\">1 rows have no row in Cases</span>"), "{page}");

    let repaired = model.pool.job(None).await;
    repaired.transformation("DELETE FROM activities WHERE case_id = 9").await;
    repaired.run("FULL").await.succeeded();
    let ticked = format!("table:{activities}");
    let part = browser.post(&load, &[("what", "CHOSEN"), (ticked.as_str(), "on")]).await;
    assert_eq!(part.place(), place, "{part}");
    assert_eq!(model.loaded().await["loadStatus"], "SUCCESS");
    let page = browser.get(&place).await.page(200);
    assert!(page.contains("succeeded</span> some tables") && page.contains("not chosen: kept"), "{page}");
    assert!(page.contains("Loads before") && !page.contains("data-follow"), "{page}");
    assert!(
        browser.get(&format!("{HOME}/{}/data-models", model.pool.id)).await.page(200).contains("succeeded")
    );
}

#[tokio::test]
async fn a_model_is_renamed_and_deleted_by_whoever_may_edit_and_types_its_name() {
    let server = Server::start();
    let (model, ..) = Model::with_tables(&server).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let list = format!("{HOME}/{}/data-models", model.pool.id);
    let place = format!("{list}/{}", model.id);
    browser.get(&place).await.page(200);
    assert!(browser.post(&place, &[("name", "")]).await.page(400).contains("name: must not be empty"));
    assert_eq!(browser.post(&place, &[("name", "Renamed")]).await.place(), place);

    let viewer = server.member(&model.pool.id, &["VIEW"]).await;
    let mut other = Browser::signed_in(&server, viewer.key()).await;
    let page = other.get(&place).await.page(200);
    assert!(page.contains("Renamed") && !page.contains("Load all tables"), "{page}");
    other.get(&list).await.page(200);
    other.post(&format!("{place}/load"), &[("what", "ALL")]).await.page(403);
    other.post(&format!("{place}/delete"), &[("name", "Renamed")]).await.page(403);
    let stranger = server.member(&model.pool.id, &["EXECUTE"]).await;
    let mut stranger = Browser::signed_in(&server, stranger.key()).await;
    stranger.get(&place).await.page(403);

    let delete = format!("{place}/delete");
    assert!(browser.get(&delete).await.page(200).contains("Type the name of the data model"));
    assert!(
        browser.post(&delete, &[("name", "DM")]).await.page(400).contains("is not that of this data model")
    );
    assert_eq!(browser.post(&delete, &[("name", "Renamed")]).await.place(), list);
    browser.get(&place).await.page(404);
}
