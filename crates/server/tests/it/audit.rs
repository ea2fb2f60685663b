//! The audit log: who asked for what, when, and what came of it. Every operation of the OpenAPI document that changes
//! something leaves an entry; one that should not says so in the document.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::permissions::operations;
use crate::pool::Pool;
use crate::server::{Server, forebay};
use crate::world::World;

const AUDIT: &str = "/forebay/api/v1/audit";

/// The entries of a list, the newest first.
async fn entries(admin: &Client, query: &str) -> Vec<Value> {
    let page = admin.get(&format!("{AUDIT}{query}")).await.ok();
    page["entries"].as_array().unwrap_or_else(|| panic!("no entries: {page}")).clone()
}

fn request_id(answer: &Answer) -> &str {
    answer.headers["x-request-id"].to_str().unwrap()
}

/// The entry of a request. One that nobody waited for may come a moment later.
async fn entry_of(admin: &Client, operation: &str, answer: &Answer, is_awaited: bool) -> Option<Value> {
    for _ in 0..500 {
        let found = entries(admin, &format!("?operation={operation}&limit=20")).await;
        let found = found.into_iter().find(|entry| entry["requestId"] == request_id(answer));
        if found.is_some() || is_awaited {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}

#[tokio::test]
async fn every_operation_that_changes_something_leaves_an_entry() {
    let server = Server::start();
    let admin = server.admin();
    let own = admin.get("/api/cloud").await.ok()["id"].clone();
    let granted = admin.post("/forebay/api/v1/users", &json!({"name": "Granted"})).await.ok();
    let subject = json!({"type": "USER", "id": granted["id"]});
    let document = server.anonymous().get("/openapi.json").await.ok();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let mut faults = Vec::new();
    for operation in operations(&server).await {
        if operation.method == Method::GET || ["public", "oauth"].contains(&operation.needs.as_str()) {
            continue;
        }
        let told = &document["paths"][&operation.path][operation.method.as_str().to_lowercase()];
        let name = told["operationId"].as_str().unwrap();
        let mark = told["x-forebay-audit"].as_str().unwrap_or("confirmed");
        *seen.entry(mark).or_default() += 1;
        let world = World::new(&server, operation.needs_an_execution()).await;
        let answer = operation.call(&admin, &world, &subject, &admin).await;
        if mark == "none" {
            if !entries(&admin, &format!("?operation={name}")).await.is_empty() {
                faults.push(format!("{operation} is in the log although the document says that it is not"));
            }
            continue;
        }
        let Some(entry) = entry_of(&admin, name, &answer, mark == "confirmed").await else {
            faults.push(format!("{operation} left no entry; {answer}"));
            continue;
        };
        let result = if answer.status < 400 { "DONE" } else { "REFUSED" };
        let mut expected = vec![
            ("method", json!(operation.method.as_str())),
            ("route", json!(operation.path)),
            ("status", json!(answer.status)),
            ("result", json!(result)),
            ("remoteAddress", json!("127.0.0.1")),
        ];
        if operation.path.contains("{poolId}") {
            expected.push(("poolId", json!(world.pool.id)));
        }
        if entry["caller"]["id"] != own || expected.iter().any(|(field, value)| entry[*field] != *value) {
            faults.push(format!("{operation} should be told with {expected:?}; {entry}"));
        }
    }
    assert!(seen["confirmed"] > 50 && seen["soon"] > 5 && seen["none"] > 3, "{seen:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_pool_has_its_history_from_its_beginning_to_its_end() {
    let server = Server::start();
    let admin = server.admin();
    let pool = Pool::create(&admin).await;
    let viewer = server.member(&pool.id, &["VIEW"]).await;
    let viewer_id = viewer.get("/api/cloud").await.ok()["id"].clone();
    viewer.put(&pool.path(""), &json!({"name": "Mine"})).await.refused(403);
    viewer.get(&pool.path("")).await.ok();
    admin.delete(&pool.path("")).await;
    let of_pool = entries(&admin, &format!("?pool={}", pool.id)).await;
    let told: Vec<_> = of_pool
        .iter()
        .map(|entry| (entry["operation"].as_str().unwrap(), entry["result"].as_str().unwrap()))
        .collect();
    let expected = [
        ("delete_data_pool", "DONE"),
        ("update_data_pool", "REFUSED"),
        ("set_pool_grant", "DONE"),
        ("create_data_pool", "DONE"),
    ];
    assert_eq!(told, expected, "{of_pool:#?}");
    assert_eq!(of_pool[3]["ids"]["id"], pool.id);
    assert_eq!(of_pool[1]["caller"]["id"], viewer_id);
    assert_eq!(
        (&of_pool[1]["status"], &of_pool[1]["errorCode"]),
        (&json!(403), &json!("ADMIN_ACCESS_ERROR"))
    );
    let of_viewer = entries(&admin, &format!("?caller={}", viewer_id.as_str().unwrap())).await;
    assert_eq!(of_viewer.len(), 1, "{of_viewer:#?}");

    // Nobody but administrators reads it, and nobody who is not known is in it.
    viewer.get(AUDIT).await.refused(403);
    viewer.get(&format!("{AUDIT}/csv")).await.refused(403);
    let before = entries(&admin, "?limit=1").await;
    server.anonymous().post("/integration/api/pools", &json!({"name": "Nobody's"})).await.refused(401);
    assert_eq!(entries(&admin, "?limit=1").await, before);
}

#[tokio::test]
async fn a_start_is_told_with_its_execution() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    let answer = admin.post(&world.job.execute_path("FULL"), &Value::Null).await;
    let execution = answer.ok()["executionId"].clone();
    let entry = entry_of(&admin, "start_execution", &answer, false).await.expect("an entry of the start");
    assert_eq!((&entry["ids"]["executionId"], &entry["ids"]["jobId"]), (&execution, &json!(world.job.id)));
    assert_eq!(entry["poolId"], world.pool.id);
    let cancel = format!("/forebay/api/v1/executions/{}/cancel", execution.as_str().unwrap());
    let answer = admin.post(&cancel, &Value::Null).await;
    let entry = entry_of(&admin, "cancel_execution", &answer, true).await.expect("an entry of the cancel");
    assert_eq!(entry["poolId"], world.pool.id, "the pool of the execution is known");
}

#[tokio::test]
async fn nothing_that_was_sent_is_in_the_log() {
    const SECRET: &str = "hunter2-of-the-audit-log";
    let server = Server::start();
    let admin = server.admin();
    let pool = Pool::create(&admin).await;
    let configuration = json!({
        "host": "127.0.0.1", "port": 1, "database": SECRET, "user": "reader", "password": SECRET,
    });
    let connection = json!({"name": "Sealed", "type": "POSTGRESQL", "configuration": configuration});
    admin.post(&pool.own("/connections"), &connection).await.ok();
    admin.put(&pool.path(&format!("?token={SECRET}&poolId={SECRET}")), &json!({"name": SECRET})).await.ok();
    let key = admin.post("/forebay/api/v1/keys", &json!({"name": SECRET})).await.ok();
    server.bearer(SECRET).delete(&pool.path("")).await.refused(401);
    admin.delete(&format!("/forebay/api/v1/keys/{SECRET}")).await.refused(404);
    let list = admin.get(&format!("{AUDIT}?limit=1000")).await;
    let file = admin.get(&format!("{AUDIT}/csv")).await;
    for answer in [&list, &file] {
        let text = answer.text();
        assert!(text.contains("create_data_connection") && text.contains("create_key"), "{text}");
        for secret in [SECRET, key["key"].as_str().unwrap(), server.admin_key()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn the_log_is_read_page_by_page_by_time_and_as_a_file() {
    let server = Server::start();
    let admin = server.admin();
    for name in ["one", "two", "three"] {
        admin.post("/forebay/api/v1/applications", &json!({"name": name})).await.ok();
    }
    let mut ids = Vec::new();
    let mut query = "?operation=create_application&limit=2".to_owned();
    loop {
        let page = admin.get(&format!("{AUDIT}{query}")).await.ok();
        ids.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["requestId"].clone()));
        let Some(before) = page["before"].as_str() else { break };
        query = format!("?operation=create_application&limit=2&before={before}");
    }
    assert_eq!(ids.len(), 3, "{ids:?}");
    let newest = &entries(&admin, "?limit=1").await[0];
    let at = newest["at"].as_i64().unwrap();
    assert_eq!(entries(&admin, &format!("?from={}", at + 1)).await, Vec::<Value>::new());
    assert_eq!(&entries(&admin, &format!("?from={at}&until={}", at + 1)).await[0], newest);
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?before=x", "before"),
        ("?pool=None", "pool"),
        ("?from=today", "from"),
    ] {
        let problem = admin.get(&format!("{AUDIT}{query}")).await.refused(400);
        assert_eq!(problem["errors"][0]["attribute"], field, "{problem}");
    }

    let file = admin.get(&format!("{AUDIT}/csv?operation=create_application")).await;
    assert_eq!(file.content_type(), "text/csv; charset=utf-8");
    let text = file.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("at,caller_type,caller_id,caller_name,client_id,operation,"), "{text}");
    assert!(lines[1].contains(",USER,") && lines[1].contains(",create_application,POST,"), "{text}");

    let mut command = forebay();
    let output = command
        .args(["audit", "--operation", "create_application", "--limit", "2"])
        .env("FOREBAY_URL", server.url())
        .env("FOREBAY_TOKEN", server.admin_key())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("create_application") && text.contains("Administrator"), "{text}");
}

#[tokio::test]
async fn a_token_is_told_with_its_client_and_so_is_what_is_done_with_it() {
    let server = Server::start();
    let admin = server.admin();
    let client = json!({"name": "Nightly", "scopes": ["integration.data-pools"]});
    let client = admin.post("/forebay/api/v1/oauth/clients", &client).await.ok();
    let (id, secret) = (client["id"].as_str().unwrap(), client["clientSecret"].as_str().unwrap());
    let token = async |secret: &str| {
        let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        server.anonymous().form("/oauth2/token", &fields).await
    };
    let answer = token(secret).await;
    let program = server.bearer(answer.ok()["access_token"].as_str().unwrap());
    program.post("/integration/api/pools", &json!({"name": "Made by a program"})).await.refused(403);
    token("wrong").await.refused(401);
    let told = entries(&admin, &format!("?caller={id}")).await;
    let results: Vec<_> = told
        .iter()
        .map(|entry| {
            let field = |name: &str| entry[name].as_str().unwrap_or_default();
            (field("operation"), field("result"), field("errorCode"), field("clientId") == id)
        })
        .collect();
    let expected = [
        ("oauth_token", "REFUSED", "invalid_client", false),
        ("create_data_pool", "REFUSED", "ADMIN_ACCESS_ERROR", true),
        ("oauth_token", "DONE", "", true),
    ];
    assert_eq!(results, expected, "{told:#?}");
}
