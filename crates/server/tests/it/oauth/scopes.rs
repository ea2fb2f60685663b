//! Every operation with every scope: what a scope lets through, for a client that has all permissions on the pool.

use reqwest::Method;

use super::*;
use crate::permissions::{Operation, operations};
use crate::world::World;

const PERMISSIONS: [&str; 4] = ["VIEW", "EDIT", "MANAGE", "EXECUTE"];
const SCOPES: [&str; 11] = [
    "integration.data-pools",
    "integration.data-pools:read",
    "integration.data-pools:execute",
    "integration.data-pools:query",
    "integration.data-pools:data_push",
    "integration.data-pools:continuous_data_push",
    "integration.data-models:read",
    "authorization.permissions:read",
    "studio",
    "package-manager",
    "action-engine.projects",
];

/// The scopes of which one is enough for an operation; `None`: none is needed.
fn enough(operation: &Operation) -> Option<Vec<&'static str>> {
    const READ: &str = "integration.data-pools:read";
    const EXECUTE: &str = "integration.data-pools:execute";
    const QUERY: &str = "integration.data-pools:query";
    let (path, is_read) = (operation.path.as_str(), operation.method == Method::GET);
    let narrow: &[&str] = match operation.needs.as_str() {
        "public" | "oauth" => return None,
        "authenticated" if path.starts_with("/api/") || path.starts_with("/pql-language/") => return None,
        "authenticated" if path.starts_with("/integration/api/pools") => &[READ, EXECUTE],
        // Keys and what was allowed: a token must not make or end what outlives it.
        "authenticated" | "metrics" => return Some(Vec::new()),
        "administrator" if (path.ends_with("/grants") || path.ends_with("/permissions")) && is_read => {
            return Some(vec!["authorization.permissions:read"]);
        }
        "administrator" if path.starts_with("/integration/api/pool") => &[],
        "administrator" => return Some(Vec::new()),
        "view" if path.contains("/data-model") => &["integration.data-models:read"],
        "view" if path.ends_with("/query") => &[QUERY],
        "view" if path.ends_with("{poolId}/tables") || path.ends_with("/columns") => &[READ, QUERY],
        "view" => &[READ],
        // Of the rows of a model, which are more than what it is made of.
        "export" => &[QUERY],
        "watch" => &[READ, EXECUTE],
        "execute" => &[EXECUTE],
        "data-push" => &["integration.data-pools:data_push"],
        "continuous-data-push" => &["integration.data-pools:continuous_data_push"],
        "edit" | "manage" => &[],
        other => panic!("{other} is no permission that is documented"),
    };
    Some([&["integration.data-pools"], narrow].concat())
}

#[tokio::test]
async fn every_operation_takes_the_scopes_that_are_for_it_and_no_others() {
    let server = Server::start();
    let admin = server.admin();
    let shared = World::new(&server, true).await;
    let program = Program::new(&server, &SCOPES, &shared.pool.id, &PERMISSIONS).await;
    let subject = json!({"type": "APPLICATION", "id": program.id});
    let mut faults = Vec::new();
    let mut let_through = 0;
    for scope in SCOPES {
        let client = program.client(&server, scope).await;
        for operation in operations(&server).await {
            let Some(enough) = enough(&operation) else { continue };
            let is_open =
                enough.contains(&scope) && !["administrator", "metrics"].contains(&operation.needs.as_str());
            let own = match is_open && operation.method != Method::GET {
                true => Some(World::new(&server, operation.needs_an_execution()).await),
                false => None,
            };
            if let Some(own) = &own {
                let grant = json!({"subject": subject, "permissions": PERMISSIONS});
                admin.put(&own.pool.own("/grants"), &grant).await.ok();
            }
            let world = own.as_ref().unwrap_or(&shared);
            // An export is only its owner's.
            let owner = if operation.needs == "export" { &client } else { &admin };
            let answer = operation.call(&client, world, &subject, owner).await;
            let is_right = match is_open {
                true => operation.is_done(&answer),
                false => answer.status == 403,
            };
            let_through += usize::from(is_open);
            if !is_right {
                faults.push(format!("{operation} with {scope}; {answer}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(let_through > 60, "only {let_through} calls were let through");
}

#[tokio::test]
async fn an_administrator_with_a_token_administers_nothing_and_is_told_why() {
    let server = Server::start();
    let world = World::new(&server, true).await;
    let answer = device_login(&server.admin(), "integration.data-pools").await;
    let token = server.bearer(answer["access_token"].as_str().unwrap());
    token.post("/integration/api/pools", &json!({"name": "Made with a token"})).await.ok();
    for operation in operations(&server).await {
        let is_of_the_server = enough(&operation).is_some_and(|scopes| scopes.is_empty());
        if !is_of_the_server {
            continue;
        }
        let answer = operation.call(&token, &world, &Value::Null, &server.admin()).await;
        // What is wrong with a body may be told first.
        assert!([400, 403].contains(&answer.status), "{operation}: {answer}");
    }
    let refused = token.get("/forebay/api/v1/users").await;
    let detail = refused.refused(403)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("an API key"), "{detail}");
    let refused = token.get("/forebay/api/v1/grants").await;
    assert_eq!(refused.refused(403)["errorCode"], "ADMIN_ACCESS_ERROR");
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    assert_eq!(challenge, "Bearer error=\"insufficient_scope\", scope=\"authorization.permissions:read\"");

    let scopes = ["studio"];
    let program = Program::new(&server, &scopes, &world.pool.id, &["VIEW"]).await;
    let refused = program.client(&server, "studio").await.get(&world.pool.path("")).await;
    let detail = refused.refused(403)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("the scope integration.data-pools or integration.data-pools:read"), "{detail}");
}
