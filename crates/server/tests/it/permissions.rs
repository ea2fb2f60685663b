//! Every operation of the OpenAPI document as every kind of caller: what the document says that an
//! operation needs is what the server asks for. An operation without its permission fails the test.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::oauth;
use crate::pool::Pool;
use crate::server::Server;
use crate::world::{World, form, number};

/// One operation of the document.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) needs: String,
    /// What everybody is answered who may, where that is no success.
    refuses: Option<u16>,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {} (needs {})", self.method, self.path, self.needs)
    }
}

impl Operation {
    /// Whether the operation is one on a single data pool or on what lies in one.
    fn is_in_a_pool(&self) -> bool {
        !["public", "oauth", "authenticated", "metrics", "administrator"].contains(&self.needs.as_str())
    }

    /// Whether an answer is the one for a caller who may.
    pub(crate) fn is_done(&self, answer: &Answer) -> bool {
        match self.refuses {
            Some(status) => answer.status == status,
            None => (200..300).contains(&answer.status),
        }
    }

    pub(crate) fn needs_an_execution(&self) -> bool {
        self.path.contains("/executions") || self.path.ends_with("/columns")
    }

    pub(crate) async fn call(
        &self,
        client: &Client,
        world: &World,
        subject: &Value,
        caller: &Client,
    ) -> Answer {
        let path = world.path(&self.path, caller).await;
        if let Some((content_type, form)) = form(&self.method, &self.path) {
            return client.raw(self.method.clone(), &path, Some(content_type), form).await;
        }
        match world.body(&self.method, &self.path, subject) {
            // A statement is text, without a content type.
            Value::String(sql) => client.raw(self.method.clone(), &path, None, sql.into_bytes()).await,
            body => client.send(self.method.clone(), &path, &body).await,
        }
    }
}

/// The operations of the document; a panic for one that does not say what it needs.
pub(crate) async fn operations(server: &Server) -> Vec<Operation> {
    let document = server.anonymous().get("/openapi.json").await.ok();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let needs = operation["x-forebay-permission"].as_str();
            let needs = needs.unwrap_or_else(|| panic!("{method} {path} has no x-forebay-permission"));
            let documented = |status: &str| operation["responses"].get(status).is_some();
            let refuses = match ["200", "201", "202", "204"].iter().any(|status| documented(status)) {
                true => None,
                false if documented("501") => Some(501),
                false => Some(403),
            };
            operations.push(Operation { method, path: path.clone(), needs: needs.to_owned(), refuses });
        }
    }
    assert!(operations.len() > 60, "the document has {} operations, which cannot be all", operations.len());
    operations
}

/// A member with a set of permissions on whatever pool is asked about.
struct Member {
    permissions: &'static [&'static str],
    subject: Value,
    client: Client,
}

impl Member {
    async fn new(server: &Server, permissions: &'static [&'static str]) -> Self {
        let admin = server.admin();
        let user = json!({"name": format!("Member {}", number())});
        let user = admin.post("/forebay/api/v1/users", &user).await.ok();
        let subject = json!({"type": "USER", "id": user["id"]});
        let key = json!({"name": "Test", "owner": subject});
        let key = admin.post("/forebay/api/v1/keys", &key).await.ok();
        Self { permissions, subject, client: server.bearer(key["key"].as_str().unwrap()) }
    }

    async fn grant(&self, pool: &Pool) {
        if !self.permissions.is_empty() {
            let body = json!({"subject": self.subject, "permissions": self.permissions});
            pool.client.put(&pool.own("/grants"), &body).await.ok();
        }
    }

    /// What an operation must answer this member with; `None`: a success.
    fn refusal(&self, needs: &str) -> Option<u16> {
        let has = |permission: &str| self.permissions.contains(&permission);
        let may = match needs {
            "public" | "authenticated" => true,
            "watch" => has("VIEW") || has("EXECUTE"),
            "view" => has("VIEW"),
            "edit" => has("VIEW") && has("EDIT"),
            "manage" => has("VIEW") && has("MANAGE"),
            "execute" => has("EXECUTE") || (has("VIEW") && has("MANAGE")),
            "data-push" => has("DATA_PUSH") || has("EDIT"),
            "continuous-data-push" => has("CONTINUOUS_DATA_PUSH") || has("EDIT"),
            "export" => has("VIEW") || has("USE_ALL_DATA_MODELS"),
            // It is granted for all pools, and these have what they have on one.
            "metrics" | "administrator" => false,
            other => panic!("the permission {other} is not one that is documented"),
        };
        match (may, needs) {
            (true, _) => None,
            (false, "metrics" | "administrator") => Some(403),
            // What somebody may not see does not exist to them.
            (false, _) if self.permissions.is_empty() => Some(404),
            (false, _) => Some(403),
        }
    }
}

/// An administrator with a key that was deleted.
async fn deleted_key(server: &Server) -> Client {
    let admin = server.admin();
    let made = admin.post("/forebay/api/v1/keys", &json!({"name": "Deleted"})).await.ok();
    let client = server.bearer(made["key"].as_str().unwrap());
    client.get("/forebay/api/v1/users").await.ok();
    admin.delete(&format!("/forebay/api/v1/keys/{}", made["id"].as_str().unwrap())).await.refused(204);
    client
}

const MEMBERS: [&[&str]; 7] = [
    &[],
    &["VIEW"],
    &["VIEW", "EDIT"],
    &["VIEW", "MANAGE"],
    &["EXECUTE"],
    &["DATA_PUSH", "CONTINUOUS_DATA_PUSH", "USE_ALL_DATA_MODELS"],
    &["VIEW", "EDIT", "MANAGE", "EXECUTE"],
];

#[tokio::test]
async fn every_operation_asks_for_what_the_document_says() {
    let server = Server::start();
    let admin = server.admin();
    let mut members = Vec::new();
    for permissions in MEMBERS {
        members.push(Member::new(&server, permissions).await);
    }
    // Whom the grants are for that are set on the way.
    let granted = Member::new(&server, &[]).await;
    let shared = World::new(&server, true).await;
    for member in &members {
        member.grant(&shared.pool).await;
    }
    let mut ended = oauth::ended(&server, &shared.pool).await;
    ended.push(("a key that was deleted", deleted_key(&server).await));
    let mut faults = Vec::new();
    for operation in operations(&server).await {
        // What it needs is in a form, and other than the API's credentials; see the tests of OAuth.
        if operation.needs == "oauth" {
            continue;
        }
        let mut check = |who: &str, expected: Option<u16>, answer: &Answer| {
            let good = match expected {
                Some(status) => answer.status == status,
                None => operation.is_done(answer),
            };
            if !good {
                let expected = expected.map_or_else(|| "a success".to_owned(), |status| status.to_string());
                faults.push(format!("{operation} as {who} should give {expected}; {answer}"));
            }
        };
        if operation.needs != "public" {
            let answer = operation.call(&server.anonymous(), &shared, &granted.subject, &admin).await;
            check("nobody", Some(401), &answer);
            let wrong = server.with_authorization(&format!("AppKey {}", server.admin_key()));
            let answer = operation.call(&wrong, &shared, &granted.subject, &admin).await;
            check("the administrator with the prefix of applications", Some(401), &answer);
            for (who, client) in &ended {
                let answer = operation.call(client, &shared, &granted.subject, &admin).await;
                check(who, Some(401), &answer);
            }
        }
        for member in &members {
            let refusal = member.refusal(&operation.needs);
            // What goes through may change what is there, so it gets a world of its own.
            let own = match (refusal, operation.method == Method::GET) {
                (None, false) => Some(World::new(&server, operation.needs_an_execution()).await),
                _ => None,
            };
            if let Some(own) = &own {
                member.grant(&own.pool).await;
            }
            let world = own.as_ref().unwrap_or(&shared);
            let answer = operation.call(&member.client, world, &granted.subject, &member.client).await;
            check(&format!("a member with {:?}", member.permissions), refusal, &answer);
        }
        let own = match operation.method == Method::GET {
            true => None,
            false => Some(World::new(&server, operation.needs_an_execution()).await),
        };
        let world = own.as_ref().unwrap_or(&shared);
        let answer = operation.call(&admin, world, &granted.subject, &admin).await;
        check("the administrator", None, &answer);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn an_id_of_another_pool_is_not_found_whatever_the_operation() {
    let server = Server::start();
    let admin = server.admin();
    let (mut world, other) = (World::new(&server, true).await, Pool::create(&admin).await);
    world.pool.id.clone_from(&other.id);
    let mut faults = Vec::new();
    let mut tried = 0;
    for operation in operations(&server).await {
        // The pool and something in it: what follows the pool is an id of the first one.
        let ids = operation.path.matches('{').count();
        let names_an_execution = operation.path.contains("/logs/executions");
        if !operation.is_in_a_pool()
            || !operation.path.contains("{poolId}")
            || (ids < 2 && !names_an_execution)
        {
            continue;
        }
        if operation.refuses.is_some() {
            continue;
        }
        tried += 1;
        let answer = operation.call(&admin, &world, &Value::Null, &admin).await;
        if answer.status != 404 {
            faults.push(format!("{operation} should be 404; {answer}"));
        }
    }
    assert!(tried > 30, "only {tried} operations were tried");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_grant_on_the_service_reaches_every_pool() {
    let server = Server::start();
    let admin = server.admin();
    let member = Member::new(&server, &["VIEW"]).await;
    let (first, second) = (Pool::create(&admin).await, Pool::create(&admin).await);
    member.grant(&first).await;
    let pools = member.client.get("/integration/api/pools").await.ok();
    assert_eq!(pools.as_array().unwrap().len(), 1, "only what is granted is listed");
    member.client.get(&second.path("")).await.refused(404);

    let grant = json!({"subject": member.subject, "permissions": ["VIEW", "EDIT"]});
    admin.put("/forebay/api/v1/grants", &grant).await.ok();
    assert_eq!(member.client.get("/integration/api/pools").await.ok().as_array().unwrap().len(), 2);
    let renamed = member.client.put(&second.path(""), &json!({"name": "Renamed"})).await.ok();
    assert_eq!(renamed["name"], "Renamed");
    // The service's grant stands above what the pool's says.
    member.client.put(&first.path(""), &json!({"description": "edited"})).await.ok();
    // A pool made later is reached too, and the grant lets a member make one.
    member.client.post("/integration/api/pools", &json!({"name": "Made by a member"})).await.ok();

    let nothing = json!({"subject": member.subject, "permissions": []});
    admin.put("/forebay/api/v1/grants", &nothing).await.ok();
    member.client.get(&second.path("")).await.refused(404);
    member.client.put(&first.path(""), &json!({"name": "No"})).await.refused(403);
}

#[tokio::test]
async fn a_key_is_shown_once_and_refused_at_once_when_it_is_deleted() {
    let server = Server::start();
    let admin = server.admin();
    let pool = Pool::create(&admin).await;
    let member = server.member(&pool.id, &["VIEW"]).await;
    let made = member.post("/forebay/api/v1/keys", &json!({"name": "Second"})).await.ok();
    let secret = made["key"].as_str().unwrap();
    let second = server.bearer(secret);
    second.get(&pool.path("")).await.ok();
    let listed = member.get("/forebay/api/v1/keys").await;
    assert_eq!(listed.ok().as_array().unwrap().len(), 2);
    assert!(!listed.text().contains(secret), "a list shows a key");

    // Nobody deletes the key of somebody else, but an administrator.
    let stranger = server.member(&pool.id, &["VIEW"]).await;
    let path = format!("/forebay/api/v1/keys/{}", made["id"].as_str().unwrap());
    stranger.delete(&path).await.refused(404);
    second.get(&pool.path("")).await.ok();
    member.delete(&path).await.refused(204);
    second.get(&pool.path("")).await.refused(401);
    for entry in std::fs::read_dir(server.data()).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(bytes) = std::fs::read(&path) {
            let held = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!held, "{} holds a key", path.display());
        }
    }
}

#[tokio::test]
async fn an_application_is_held_to_its_own_grants_under_its_own_prefix() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    let application = server.application(&world.pool.id, &["EXECUTE"]).await;
    let path = world.job.execute_path("FULL");
    let started = application.post(&path, &Value::Null).await.ok();
    let execution = started["executionId"].as_str().unwrap();
    application.get(&format!("/forebay/api/v1/executions/{execution}")).await.ok();
    application.put(&world.pool.path(""), &json!({"name": "No"})).await.refused(403);
    application.get("/forebay/api/v1/users").await.refused(403);
    application.get("/api/cloud").await.ok();

    let user = json!({"type": "APPLICATION", "id": "00000000-0000-4000-8000-000000000000"});
    admin.post("/forebay/api/v1/keys", &json!({"name": "x", "owner": user})).await.refused(404);
}

#[tokio::test]
async fn a_deleted_user_is_refused_and_nobody_deletes_themselves() {
    let server = Server::start();
    let admin = server.admin();
    let member = Member::new(&server, &[]).await;
    member.client.get("/api/cloud").await.ok();
    let path = |id: &Value| format!("/forebay/api/v1/users/{}", id.as_str().unwrap());
    admin.delete(&path(&member.subject["id"])).await.refused(204);
    member.client.get("/api/cloud").await.refused(401);
    let own = admin.get("/api/cloud").await.ok();
    admin.delete(&path(&own["id"])).await.refused(409);
}
