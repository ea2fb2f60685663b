//! The page of the audit log, and what pages leave in it.

use serde_json::{Value, json};

use super::{Browser, HOME};
use crate::server::Server;
use crate::world::World;

const PLACE: &str = "/administration/audit";

/// The newest entries of an operation.
async fn entries(server: &Server, operation: &str) -> Vec<Value> {
    let page = server.admin().get(&format!("/forebay/api/v1/audit?operation={operation}")).await.ok();
    page["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_signs_in_and_who_fails_to_is_told() {
    const WRONG: &str = "a wrong password of somebody";
    let server = Server::start();
    let admin = server.admin();
    let user = admin.post("/forebay/api/v1/users", &json!({"name": "Grace"})).await.ok();
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let told = entries(&server, "sign_in").await;
    assert_eq!(
        (told.len(), &told[0]["result"], &told[0]["method"]),
        (1, &json!("DONE"), &json!("POST")),
        "{told:#?}"
    );
    assert_eq!(told[0]["caller"]["name"], "Administrator");

    let mut stranger = Browser::new(&server);
    stranger.get("/sign-in").await.page(200);
    for name in ["grace", WRONG] {
        stranger.post("/sign-in", &[("name", name), ("password", WRONG)]).await.page(401);
    }
    stranger.post("/sign-in", &[("key", WRONG)]).await.page(401);
    let told = entries(&server, "sign_in").await;
    assert_eq!(told.len(), 4, "{told:#?}");
    let who: Vec<_> = told[..3].iter().map(|entry| (&entry["caller"]["id"], &entry["result"])).collect();
    let refused = json!("REFUSED");
    assert_eq!(who, [(&Value::Null, &refused), (&Value::Null, &refused), (&user["id"], &refused)]);
    assert!(!format!("{told:?}").contains(WRONG), "{told:#?}");

    browser.get(HOME).await.page(200);
    assert_eq!(browser.post("/sign-out", &[]).await.status, 303);
    let told = entries(&server, "sign_out").await;
    assert_eq!((told.len(), &told[0]["caller"]["name"]), (1, &json!("Administrator")), "{told:#?}");
}

#[tokio::test]
async fn the_log_is_shown_with_links_filtered_and_as_a_file() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let (pool, job) = (&world.pool.id, &world.job.id);
    let member = server.member(pool, &["VIEW"]).await;
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let execute = format!("{HOME}/{pool}/data-configuration/data-jobs/execute?jobId={job}");
    browser.get(&format!("{HOME}/{pool}/data-configuration/data-jobs?jobId={job}")).await.page(200);
    let begun = browser.post(&execute, &[("mode", "FULL")]).await;
    assert_eq!(begun.status, 303, "{begun}");
    let execution = begun.place().to_owned();
    browser.get(HOME).await.page(200);
    let made = browser.post(HOME, &[("name", "Made on a page <b>")]).await;
    assert_eq!(made.status, 303, "{made}");
    browser.post(HOME, &[("name", "")]).await.page(400);

    let page = browser.get(PLACE).await.page(200);
    for part in [
        format!("href=\"{HOME}/{pool}\""),
        format!("href=\"{execution}\""),
        format!("{HOME}/{pool}/data-configuration/data-jobs?jobId={job}\""),
        "create_data_pool".to_owned(),
        "GENERAL_PARAMETER_MISSMATCH".to_owned(),
        "Do this by API".to_owned(),
    ] {
        assert!(page.contains(&part), "{part}: {page}");
    }
    assert!(!page.contains("Made on a page <b>"), "{page}");
    let told = entries(&server, "start_execution").await;
    let id = execution.rsplit('/').next().unwrap();
    assert_eq!((&told[0]["poolId"], &told[0]["ids"]["executionId"]), (&json!(pool), &json!(id)), "{told:#?}");

    let of_pool = browser.get(&format!("{PLACE}?pool={pool}&operation=start_execution")).await.page(200);
    assert!(of_pool.contains(&execution) && !of_pool.contains("<td>create_data_pool"), "{of_pool}");
    assert!(
        of_pool.contains(&format!("forebay audit --pool &#39;{pool}&#39;"))
            || of_pool.contains(&format!("forebay audit --pool &#x27;{pool}&#x27;")),
        "{of_pool}"
    );
    let none = browser.get(&format!("{PLACE}?from=2020-01-01&to=2020-01-31")).await.page(200);
    assert!(none.contains("There is no entry that fits"), "{none}");
    for (query, fault) in [
        ("from=yesterday", "id=\"from-fault\">`yesterday` is no day"),
        ("pool=None", "id=\"pool-fault\">`None` is not the id"),
        ("before=x", "`x` is no position"),
    ] {
        let wrong = browser.get(&format!("{PLACE}?{query}")).await.page(400);
        assert!(wrong.contains(fault), "{wrong}");
    }
    let file = browser.get(&format!("{PLACE}/csv?pool={pool}")).await;
    assert_eq!((file.status, file.content_type()), (200, "text/csv; charset=utf-8"), "{file}");
    assert!(file.text().contains(id) && file.text().starts_with("at,caller_type,"), "{file}");

    let mut other = Browser::signed_in(&server, member.key()).await;
    for place in [PLACE.to_owned(), format!("{PLACE}/csv")] {
        let refused = other.get(&place).await.page(403);
        assert!(refused.contains("the permission of an administrator"), "{refused}");
    }
}

#[tokio::test]
async fn a_long_log_has_pages() {
    let server = Server::start();
    let admin = server.admin();
    for number in 0..101 {
        let name = json!({"name": format!("Application {number}")});
        admin.post("/forebay/api/v1/applications", &name).await.ok();
    }
    let mut browser = Browser::signed_in(&server, server.admin_key()).await;
    let first = browser.get(&format!("{PLACE}?operation=create_application")).await.page(200);
    assert!(!first.contains(">Newest</a>"), "{first}");
    let read = first.replace("&#38;", "&").replace("&amp;", "&");
    let older = read.split_once("\">Older</a>").expect("there are older ones").0;
    let older = older.rsplit_once("href=\"").unwrap().1;
    let last = browser.get(older).await.page(200);
    assert!(last.contains(">Newest</a>") && !last.contains(">Older</a>"), "{last}");
    assert_eq!(last.matches("<th scope=\"row\">").count(), 1, "{last}");
}
