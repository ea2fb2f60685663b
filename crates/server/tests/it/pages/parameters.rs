//! Parameters on their pages.

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::server::Server;
use crate::world::World;

/// The one of these parameters that has a placeholder.
fn find(parameters: &Value, placeholder: &str) -> Value {
    let found = parameters.as_array().unwrap().iter().find(|found| found["placeholder"] == placeholder);
    found.unwrap_or_else(|| panic!("no {placeholder} in {parameters}")).clone()
}

#[tokio::test]
async fn a_parameter_of_a_pool_is_made_changed_and_deleted() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let home = format!("{HOME}/{}", world.pool.id);
    let list = format!("{home}/parameters");
    assert!(browser.get(&home).await.page(200).contains(&list));
    let shown = browser.get(&list).await.page(200);
    assert!(shown.contains(&format!("{list}/{}", world.pool_variable)), "{shown}");
    browser.get(&format!("{list}/new")).await.page(200);

    let from = [
        ("name", "From <when>"),
        ("placeholder", "from"),
        ("type", "PRIVATE_CONSTANT"),
        ("dataType", "LIST_STRING"),
        ("values", "a, b\r\n\r\nc"),
        ("defaultValues", "z"),
    ];
    let made = browser.post(&list, &from).await;
    assert_eq!((made.status, made.place()), (303, list.as_str()), "{made}");
    let api = world.pool.path("/variables");
    let saved = find(&world.pool.client.get(&api).await.ok(), "from");
    assert_eq!((&saved["type"], &saved["dataType"]), (&json!("PRIVATE_CONSTANT"), &json!("LIST_STRING")));
    let values: Vec<&Value> =
        saved["values"].as_array().unwrap().iter().map(|value| &value["value"]).collect();
    assert_eq!(values, [&json!("a, b"), &json!("c")]);
    assert_eq!(saved["defaultValues"][0]["value"], json!("z"));
    let shown = browser.get(&list).await.page(200);
    assert!(shown.contains("list of texts") && !shown.contains("<when>"), "{shown}");

    // What is wrong comes back as it was typed.
    let wrong = browser.post(&list, &[("name", "Kept"), ("placeholder", "a%b")]).await.page(400);
    assert!(wrong.contains("must be 1 to 100 letters") && wrong.contains("value=\"a%b\""), "{wrong}");
    assert!(wrong.contains("value=\"Kept\"") && wrong.contains("aria-invalid"), "{wrong}");
    browser.post(&list, &from).await.page(409);
    let dynamic = [("name", "Last"), ("placeholder", "last"), ("type", "DYNAMIC"), ("operation", "FIND_MAX")];
    let wrong = browser.post(&list, &dynamic).await.page(400);
    assert!(wrong.contains("dynamicTable: "), "{wrong}");

    let page = format!("{list}/{}", saved["id"].as_str().unwrap());
    let shown = browser.get(&page).await.page(200);
    assert!(shown.contains(&format!("{api}/{}", saved["id"].as_str().unwrap())), "{shown}");
    let whole = [&dynamic[..], &[("table", "made"), ("column", "a"), ("connection", "")]].concat();
    let changed = browser.post(&page, &whole).await;
    assert_eq!((changed.status, changed.place()), (303, list.as_str()), "{changed}");
    let saved = find(&world.pool.client.get(&api).await.ok(), "last");
    assert_eq!(
        (&saved["type"], &saved["dynamicTable"], &saved["dynamicColumn"], &saved["dynamicDataSourceId"]),
        (&json!("DYNAMIC"), &json!("made"), &json!("a"), &Value::Null)
    );
    assert!(browser.get(&list).await.page(200).contains("the greatest value of made.a"));
    browser.get(&page).await.page(200);
    let deleted = browser.post(&format!("{page}/delete"), &[]).await;
    assert_eq!((deleted.status, deleted.place()), (303, list.as_str()), "{deleted}");
    browser.get(&page).await.page(404);
}

#[tokio::test]
async fn a_task_has_parameters_of_its_own_that_may_take_those_of_the_pool() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let (pool, job, task) = (&world.pool.id, &world.job.id, &world.transformation);
    let of = format!("?jobId={job}&taskId={task}");
    let list = format!("{HOME}/{pool}/parameters");
    let job_page =
        browser.get(&format!("{HOME}/{pool}/data-configuration/data-jobs?jobId={job}")).await.page(200);
    assert!(job_page.contains(&format!("parameters?jobId={job}&amp;taskId={task}")), "{job_page}");
    let shown = browser.get(&format!("{list}{of}")).await.page(200);
    assert!(shown.contains(&format!("{list}/{}", world.task_variable)), "{shown}");
    assert!(!shown.contains(&world.pool_variable), "{shown}");

    browser.get(&format!("{list}/new{of}")).await.page(200);
    let linked = [("name", "Own"), ("placeholder", "own"), ("link", world.pool_variable.as_str())];
    let made = browser.post(&format!("{list}{of}"), &linked).await;
    assert_eq!((made.status, made.place()), (303, format!("{list}{of}").as_str()), "{made}");
    let api = world.pool.path(&format!("/tasks/{task}/variables"));
    let own = find(&world.pool.client.get(&api).await.ok(), "own");
    assert_eq!(own["settings"]["poolVariableId"], json!(world.pool_variable));
    assert!(browser.get(&format!("{list}{of}")).await.page(200).contains("those of place_"));
    // The pool's cannot go while a task's stands on it.
    let stays = format!("{list}/{}/delete", world.pool_variable);
    browser.post(&stays, &[]).await.page(409);

    let page = format!("{list}/{}", own["id"].as_str().unwrap());
    browser.get(&page).await.page(404);
    let shown = browser.get(&format!("{page}{of}")).await.page(200);
    assert!(shown.contains(&format!("value=\"{}\" selected", world.pool_variable)), "{shown}");
    let fields = [("name", "Own"), ("placeholder", "own"), ("values", "1")];
    assert_eq!(browser.post(&format!("{page}{of}"), &fields).await.status, 303);
    let own = find(&world.pool.client.get(&api).await.ok(), "own");
    assert_eq!((&own["settings"]["poolVariableId"], &own["values"][0]["value"]), (&Value::Null, &json!("1")));
    browser.get(&format!("{page}{of}")).await.page(200);
    assert_eq!(browser.post(&format!("{page}/delete{of}"), &[]).await.status, 303);
    assert_eq!(browser.post(&stays, &[]).await.status, 303);

    // A task is found in its own job alone.
    let elsewhere = world.pool.job(None).await;
    browser.get(&format!("{list}?jobId={}&taskId={task}", elsewhere.id)).await.page(404);
}

#[tokio::test]
async fn whoever_may_only_look_at_parameters_changes_none() {
    let server = Server::start();
    let (world, other) = (World::new(&server, false).await, World::new(&server, false).await);
    let member = server.member(&world.pool.id, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, member.key()).await;
    let list = format!("{HOME}/{}/parameters", world.pool.id);
    let page = format!("{list}/{}", world.pool_variable);
    let shown = browser.get(&list).await.page(200);
    assert!(shown.contains(&page) && !shown.contains("New parameter"), "{shown}");
    let shown = browser.get(&page).await.page(200);
    assert!(!shown.contains(">Save<") && !shown.contains("Delete the parameter"), "{shown}");
    browser.post(&list, &[("name", "Mine"), ("placeholder", "mine")]).await.page(403);
    browser.post(&page, &[("name", "Mine"), ("placeholder", "mine")]).await.page(403);
    browser.post(&format!("{page}/delete"), &[]).await.page(403);
    for hidden in [
        format!("{HOME}/{}/parameters", other.pool.id),
        format!("{HOME}/{}/parameters/{}", other.pool.id, other.pool_variable),
        format!("{list}/{}", other.pool_variable),
    ] {
        browser.get(&hidden).await.page(404);
    }
}
