//! Credentials, content types and the forms of paths.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::{configuration, new_pool};
use crate::client::Answer;
use crate::pool::finished;
use crate::server::Server;
use crate::world::World;

#[tokio::test]
async fn q15_json_is_announced_in_lower_case() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let admin = server.admin();
    for path in [
        "/api/cloud".to_owned(),
        "/api/cloud/permissions".to_owned(),
        "/api/team".to_owned(),
        "/integration/api/pools".to_owned(),
        world.pool.path(""),
        world.pool.path("/logs/status"),
        world.job.path("/tasks/"),
        world.pool.path("/none"),
        world.pool.path("/jobs/None"),
    ] {
        let answer = admin.get(&path).await;
        assert!(answer.content_type().starts_with("application/json"), "{path}: {}", answer.content_type());
        // Clients that ask for compression are answered in it or not at all.
        assert!(!answer.json().is_null(), "{answer}");
    }
    let own = admin.get("/forebay/api/v1/executions/None").await;
    assert!(own.content_type().starts_with("application/problem+json"), "{}", own.content_type());
}

#[tokio::test]
async fn q18_a_key_is_refused_under_the_wrong_prefix() {
    let server = Server::start();
    let key = server.admin_key();
    for path in ["/api/cloud", "/api/cloud/team", "/api/cloud/permissions", "/api/team"] {
        for (header, status) in [
            (format!("AppKey {key}"), 401),
            (format!("Bearer {key}"), 200),
            (format!("bearer {key}"), 200),
            (format!("BEARER {key}"), 200),
            (format!("Basic {key}"), 401),
            (key.to_owned(), 401),
            ("Bearer".to_owned(), 401),
            ("Bearer ".to_owned(), 401),
            ("Bearer none".to_owned(), 401),
        ] {
            let answer = server.with_authorization(&header).get(path).await;
            assert_eq!(answer.status, status, "{path} with {}: {answer}", header.replace(key, "…"));
        }
        let answer = server.anonymous().get(path).await;
        assert_eq!(answer.refused(401), json!({"error": "Unauthorized"}));
    }
    // The clients try both prefixes, one of them the wrong one first.
    let admin = server.admin();
    let program = admin.post("/forebay/api/v1/applications", &json!({"name": "Program"})).await.ok();
    let owner = json!({"name": "Test", "owner": {"type": "APPLICATION", "id": program["id"]}});
    let made = admin.post("/forebay/api/v1/keys", &owner).await.ok();
    let key = made["key"].as_str().unwrap();
    for path in ["/api/cloud", "/api/cloud/team"] {
        for (prefix, status) in [("Bearer", 401), ("AppKey", 200), ("appkey", 200)] {
            let answer = server.with_authorization(&format!("{prefix} {key}")).get(path).await;
            assert_eq!(answer.status, status, "{path} with {prefix}: {answer}");
        }
    }
    let me = server.admin().get("/api/cloud").await.ok();
    assert!(me["id"].is_string(), "{me}");
    let team = server.admin().get("/api/cloud/team").await.ok();
    assert!(team["domain"].as_str().is_some_and(|domain| !domain.is_empty()), "{team}");
}

#[tokio::test]
async fn q29_all_execute_paths_start_the_job() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let (pool, job) = (&world.pool.id, &world.job.id);
    let documented = |version: &str| {
        format!("/integration/api/{version}/data-pools/{pool}/data-jobs/{job}/execute?mode=FULL")
    };
    let answers: [(&str, String, Value); 4] = [
        ("FULL", documented("v2"), Value::Null),
        ("FULL", documented("v1"), Value::Null),
        ("DELTA", world.job.path("/execute"), configuration(pool, job)),
        ("DELTA", world.job.path("/execute"), Value::Null),
    ];
    for (mode, path, body) in answers {
        let started = admin.post(&path, &body).await;
        assert_eq!(started.status, 200, "{started}");
        let started = started.json();
        assert_eq!((&started["poolId"], &started["jobId"]), (&json!(pool), &json!(job)), "{path}");
        assert_eq!(started["mode"], mode);
        assert_eq!(started["status"], "QUEUED");
        finished(&admin, started["executionId"].as_str().unwrap()).await.succeeded();
    }
}

#[tokio::test]
async fn q32_bodies_and_content_types_that_nobody_needs_are_tolerated() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    let path = world.job.execute_path("FULL");
    for (content_type, body) in [
        (Some("application/json"), "{\"any\": [\"body\"]}"),
        (Some("application/json;charset=utf-8"), ""),
        (Some("text/plain"), "no JSON"),
    ] {
        let started = admin.raw(Method::POST, &path, content_type, body.as_bytes().to_vec()).await;
        assert_eq!(started.status, 200, "{content_type:?}: {started}");
        finished(&admin, started.json()["executionId"].as_str().unwrap()).await.succeeded();
    }
    // A GET may announce a body that it does not have.
    let request = admin.request(Method::GET, &world.job.path("")).header(CONTENT_TYPE, "application/json");
    Answer::of(request).await.ok();
    let request =
        admin.request(Method::DELETE, &world.pool.path(&format!("/variables/{}", world.pool_variable)));
    Answer::of(request.header(CONTENT_TYPE, "application/json")).await.ok();
}

#[tokio::test]
async fn paths_are_served_with_and_without_a_slash_at_the_end_and_with_double_slashes() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let admin = server.admin();
    for path in [
        "/integration/api/pools".to_owned(),
        world.pool.path("/variables"),
        world.pool.path("/data-sources"),
        world.job.path("/tasks"),
        world.job.path(""),
        "/api/cloud".to_owned(),
        "/health".to_owned(),
    ] {
        let plain = admin.get(&path).await.ok();
        assert_eq!(admin.get(&format!("{path}/")).await.ok(), plain, "{path}/");
        assert_eq!(admin.get(&path.replacen("/jobs/", "/jobs//", 1)).await.ok(), plain);
        assert_eq!(admin.get(&format!("/{path}//")).await.ok(), plain);
    }
    // No redirect, which would turn a POST into a GET.
    let path = world
        .job
        .execute_path("FULL")
        .replace("/data-jobs/", "/data-jobs//")
        .replace("/execute?", "/execute/?");
    let started = admin.post(&path, &Value::Null).await;
    assert_eq!(started.status, 200, "{started}");
    finished(&admin, started.json()["executionId"].as_str().unwrap()).await.succeeded();
    let made = admin.post("/integration/api/pools/", &new_pool("With a slash")).await;
    assert_eq!(made.ok()["name"], "With a slash");
}
