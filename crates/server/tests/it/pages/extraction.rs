//! The pages of a job's tables and of what is to be executed of it.

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::client::Client;
use crate::pool::{Run, finished};
use crate::server::Server;
use crate::world::World;

/// An address below the pages of jobs.
fn place(world: &World, page: &str) -> String {
    format!("{HOME}/{}/data-configuration/data-jobs/{page}?jobId={}", world.pool.id, world.job.id)
}

fn table_place(world: &World, page: &str) -> String {
    format!("{}&taskId={}&tableId={}", place(world, page), world.extraction, world.table)
}

async fn table(admin: &Client, world: &World) -> Value {
    let path = format!("/extractions/{}/tables/{}", world.extraction, world.table);
    admin.get(&world.job.path(&path)).await.ok()
}

#[tokio::test]
async fn a_table_is_set_column_by_column() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let address = table_place(&world, "table-extraction");
    let job = format!("{HOME}/{}/data-configuration/data-jobs?jobId={}", world.pool.id, world.job.id);
    assert!(browser.get(&job).await.page(200).contains(&address.replace('&', "&amp;")));
    let page = browser.get(&address).await.page(200);
    assert!(page.contains("name=\"read:0:id\"") && page.contains("that of the source: id"), "{page}");
    let before = table(&admin, &world).await;
    let fields = [
        ("enabled", "on"),
        ("target", "uno"),
        ("columns", "CHOSEN"),
        ("read:0:id", "on"),
        ("read:1:name", "on"),
        ("hash:1:name", "on"),
        ("keys", "MANUAL"),
        ("key:0:id", "on"),
        ("filter", "id > '<%=nowhere%>'\r\nAND id < 9"),
        ("deltaFilter", "id > 1"),
        ("changeColumn", "id"),
        ("changeOffset", "2"),
        ("changeUnit", "HOURS"),
        ("creationColumn", "id"),
        ("creationFrom", "2024-01-01"),
        ("creationToday", "on"),
        ("textLength", "80"),
    ];
    let saved = browser.post(&address, &fields).await;
    assert_eq!((saved.status, saved.place()), (303, address.as_str()), "{saved}");
    let told = table(&admin, &world).await;
    for (field, value) in [
        ("targetTableName", json!("uno")),
        ("selectedColumns", json!(["id", "name"])),
        ("useManualPKs", json!(true)),
        ("filterDefinition", json!("id > '<%=nowhere%>'\nAND id < 9")),
        ("deltaFilterDefinition", json!("id > 1")),
        ("changeDateColumn", json!("id")),
        ("changeDateOffset", json!(2)),
        ("changeDateOffsetType", json!("HOURS")),
        ("creationDateValueStart", json!("2024-01-01")),
        ("creationDateValueToday", json!(true)),
        ("disabled", json!(false)),
    ] {
        assert_eq!(told[field], value, "{field} of {told}");
    }
    assert_eq!(told["columns"][1]["anonymized"], json!(true), "{told}");
    let page = browser.get(&address).await.page(200);
    assert!(page.contains("is no parameter of this task or its data pool"), "{page}");
    assert!(page.contains("where id is newer than the newest value that was read less 2 hours"), "{page}");
    // What is empty is taken away again.
    assert_eq!(browser.post(&address, &[("enabled", "on")]).await.status, 303);
    assert_eq!(table(&admin, &world).await, before);
    assert_eq!(browser.post(&address, &[]).await.status, 303);
    assert_eq!(table(&admin, &world).await["disabled"], json!(true));
    let removed = browser.post(&table_place(&world, "delete-table"), &[]).await;
    assert_eq!((removed.status, removed.place()), (303, job.as_str()), "{removed}");
    browser.get(&address).await.page(404);
}

#[tokio::test]
async fn what_is_wrong_with_a_table_is_said_at_its_field() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    let two = json!([{"tableName": "two"}]);
    admin.post(&world.job.path(&format!("/extractions/{}/tables/", world.extraction)), &two).await.ok();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let address = table_place(&world, "table-extraction");
    browser.get(&address).await.page(200);
    let before = table(&admin, &world).await;
    let long = "x".repeat(256);
    for (fields, field, reason) in [
        (vec![("target", long.as_str())], "wrong-target", "must have at most 255 characters"),
        (vec![("target", "two"), ("enabled", "on")], "wrong-target", "would both write to two"),
        (vec![("columns", "CHOSEN"), ("target", "kept")], "wrong-columns", "tick those that are to be read"),
        (vec![("keys", "MANUAL"), ("target", "kept")], "wrong-keys", "needs at least one of"),
        (vec![("changeColumn", "id"), ("changeOffset", "a day")], "wrong-offset", "must be a whole number"),
        (vec![("creationFrom", "2024-01-01")], "wrong-creation", "the bounds of the creation date need it"),
        (vec![("textLength", "0")], "wrong-length", "must be a number above 0"),
    ] {
        let page = browser.post(&address, &fields).await.page(400);
        let begins = format!("id=\"{field}\">");
        let at = page.find(&begins).unwrap_or_else(|| panic!("no {field} in {page}"));
        assert!(page[at..].split("</p>").next().unwrap().contains(reason), "{page}");
        for (name, value) in fields.iter().filter(|(name, _)| *name == "target" || *name == "changeOffset") {
            assert!(page.contains(&format!("value=\"{value}\"")), "{name} is kept: {page}");
        }
    }
    assert_eq!(table(&admin, &world).await, before);

    let viewer = server.member(&world.pool.id, &["VIEW"]).await;
    let mut viewer = Browser::signed_in(&server, viewer.key()).await;
    let page = viewer.get(&address).await.page(200);
    assert!(page.contains("<fieldset disabled>") && !page.contains(">Save</button>"), "{page}");
    viewer.post(&address, &[("enabled", "on")]).await.page(403);
    viewer.post(&table_place(&world, "delete-table"), &[]).await.page(403);
    let (other, task) = (World::new(&server, false).await, &world.extraction);
    let elsewhere = format!("{}&taskId={task}&tableId={}", place(&other, "table-extraction"), world.table);
    browser.get(&elsewhere).await.page(404);
}

#[tokio::test]
async fn a_filter_is_looked_at_by_its_source_before_it_is_saved() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let (address, check) = (table_place(&world, "table-extraction"), table_place(&world, "check-filter"));
    let asks = format!("data-check=\"{}\"", check.replace('&', "&amp;"));
    assert!(browser.get(&address).await.page(200).contains(&asks));
    let before = table(&admin, &world).await;
    let variables = admin.get(&world.pool.path("/variables")).await.ok();
    let own = format!("id > <%={}%>", variables[0]["placeholder"].as_str().unwrap());
    for (condition, verdict, part) in [
        ("id > 1", "RIGHT", "Looks right"),
        ("id > 1\r\nAND name <> 'x'", "RIGHT", "Looks right"),
        (own.as_str(), "RIGHT", "Looks right"),
        ("nobody = 1", "WRONG", "no such column: nobody"),
        ("id >", "WRONG", "Write one SQL condition of the source"),
        ("id = 1; DELETE FROM one", "WRONG", "goes on with ;"),
        ("id > <%=nowhere%>", "WRONG", "is no parameter of this task or its data pool"),
    ] {
        let answer = browser.post(&check, &[("condition", condition)]).await;
        let found = answer.ok();
        assert_eq!(found["verdict"], json!(verdict), "{condition}: {found}");
        assert!(found["text"].as_str().unwrap().contains(part), "{condition}: {found}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    assert_eq!(table(&admin, &world).await, before);

    let viewer = server.member(&world.pool.id, &["VIEW"]).await;
    let mut viewer = Browser::signed_in(&server, viewer.key()).await;
    assert!(!viewer.get(&address).await.page(200).contains("data-check"));
    viewer.post(&check, &[("condition", "id > 1")]).await.page(403);
    let other = World::new(&server, false).await;
    let elsewhere = table_place(&other, "check-filter").replace(&other.table, &world.table);
    browser.post(&elsewhere, &[("condition", "id > 1")]).await.page(404);

    std::fs::remove_file(server.files().join("world.db")).unwrap();
    let found = browser.post(&check, &[("condition", "id > 1")]).await.ok();
    assert_eq!(found["verdict"], json!("UNKNOWN"), "{found}");
    assert!(found["text"].as_str().unwrap().starts_with("Not checked: "), "{found}");
}

#[tokio::test]
async fn tasks_change_places_and_are_duplicated_by_buttons() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let names = async || {
        let tasks = admin.get(&world.job.path("/tasks/")).await.ok();
        let names = tasks.as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let before = names().await;
    let job = format!("{HOME}/{}/data-configuration/data-jobs?jobId={}", world.pool.id, world.job.id);
    let page = browser.get(&job).await.page(200);
    assert!(page.contains("Choose what to execute") && page.contains("Move down"), "{page}");
    let mv = format!("{}&taskId={}", place(&world, "move-task"), world.extraction);
    assert_eq!(browser.post(&mv, &[("to", "DOWN")]).await.place(), job);
    assert_eq!(names().await, [&*before[1], &*before[0], &*before[2]]);
    assert_eq!(browser.post(&mv, &[("to", "UP")]).await.status, 303);
    assert_eq!(browser.post(&mv, &[("to", "UP")]).await.status, 303);
    assert_eq!(names().await, before);
    browser.post(&mv, &[("to", "AWAY")]).await.page(400);
    // As they are dragged: to a place.
    assert!(page.contains("class=\"handle\""), "{page}");
    assert_eq!(browser.post(&mv, &[("to", "3")]).await.place(), job);
    assert_eq!(names().await, [&*before[1], &*before[2], &*before[0]]);
    assert_eq!(browser.post(&mv, &[("to", "1")]).await.place(), job);
    assert_eq!(names().await, before);
    browser.post(&mv, &[("to", "0")]).await.page(400);
    let viewer = server.member(&world.pool.id, &["VIEW"]).await;
    let mut viewer = Browser::signed_in(&server, viewer.key()).await;
    let seen = viewer.get(&job).await.page(200);
    assert!(!seen.contains("class=\"handle\"") && !seen.contains("data-drag"), "{seen}");
    viewer.post(&mv, &[("to", "3")]).await.page(403);
    assert_eq!(names().await, before);
    let duplicate = format!("{}&taskId={}", place(&world, "duplicate-task"), world.transformation);
    assert_eq!(browser.post(&duplicate, &[]).await.place(), job);
    let copy = format!("{} (copy)", before[1]);
    assert_eq!(names().await, [&*before[0], &*before[1], &*copy, &*before[2]]);
    let page = browser.get(&job).await.page(200);
    assert!(page.contains(&format!("{copy} <span class=\"quiet\">Transformation, off</span>")), "{page}");
}

#[tokio::test]
async fn what_is_ticked_is_executed() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let (dialog, chosen) = (place(&world, "execute"), place(&world, "execute-chosen"));
    let page = browser.get(&dialog).await.page(200);
    let task = |id: &str| format!("task:{id}");
    let (extraction, transformation) = (task(&world.extraction), task(&world.transformation));
    let table = format!("table:{}:{}", world.extraction, world.table);
    let is_ticked = |page: &str, field: &str| {
        let at = page.find(&format!("name=\"{field}\"")).unwrap_or_else(|| panic!("no {field} in {page}"));
        page[at..].split('>').next().unwrap().ends_with(" checked")
    };
    for field in [&extraction, &transformation, &table] {
        assert!(is_ticked(&page, field), "{field} in {page}");
    }
    assert!(page.contains("all columns") && page.contains("none is known"), "{page}");
    let none = browser.post(&chosen, &[("mode", "DELTA"), (&extraction, "on")]).await.page(400);
    assert!(none.contains("tasks: tick what is to be executed"), "{none}");
    assert!(is_ticked(&none, &extraction) && !is_ticked(&none, &table) && !is_ticked(&none, &transformation));
    browser.post(&chosen, &[("mode", "SOME"), (&transformation, "on")]).await.page(400);

    let run = async |browser: &mut Browser, fields: &[(&str, &str)]| -> Run {
        let started = browser.post(&chosen, fields).await;
        assert_eq!(started.status, 303, "{started}");
        finished(&admin, started.place().rsplit('/').next().unwrap()).await.succeeded()
    };
    let ran = |run: &Run| {
        let tasks = run.0["tasks"].as_array().unwrap().iter();
        tasks.map(|task| task["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = run(&mut browser, &[("mode", "FULL"), (&transformation, "on")]).await;
    assert_eq!((ran(&first), &first.0["mode"]), (vec![world.transformation.clone()], &json!("FULL")));
    let second = run(&mut browser, &[("mode", "DELTA"), (&extraction, "on"), (&table, "on")]).await;
    assert_eq!(ran(&second), [world.extraction.as_str()]);
    let page = browser.get(&dialog).await.page(200);
    assert!(page.contains("2 rows read, 2 after it") && page.contains(&second.id()), "{page}");

    let starter = server.member(&world.pool.id, &["EXECUTE"]).await;
    let mut starter = Browser::signed_in(&server, starter.key()).await;
    let page = starter.get(&dialog).await.page(200);
    assert!(page.contains("all of it is executed") && !page.contains(&table), "{page}");
    let whole = run(&mut starter, &[("mode", "FULL")]).await;
    assert_eq!(ran(&whole).len(), 3);
    let viewer = server.member(&world.pool.id, &["VIEW"]).await;
    let mut viewer = Browser::signed_in(&server, viewer.key()).await;
    viewer.get(&dialog).await.page(200);
    viewer.post(&chosen, &[("mode", "FULL"), (&transformation, "on")]).await.page(403);
}
