//! Clients that act by themselves, as pycelonis, content-cli and plain requests ask for tokens.

use super::*;
use crate::world::World;

const ALL_OF_A_COMMAND_LINE: &str = "studio package-manager integration.data-pools action-engine.projects";

/// Every letter as `%XX`: more than any client encodes.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn the_documented_calls_work_with_a_token() {
    let server = Server::start();
    let world = World::new(&server, false).await;
    let scopes = ["integration.data-pools", "studio"];
    let program = Program::new(&server, &scopes, &world.pool.id, &["VIEW", "MANAGE"]).await;
    let answer = program.ask(&server, "integration.data-pools studio").await;
    let body = answer.ok();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(body["scope"], "integration.data-pools studio");
    assert!(body.get("refresh_token").is_none(), "{body}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["pragma"], "no-cache");
    let token = body["access_token"].as_str().unwrap();
    let client = server.bearer(token);
    client.post(&world.job.execute_path("FULL"), &Value::Null).await.ok();
    client.get(&world.job.path("")).await.ok();
    assert_eq!(client.get("/api/cloud").await.ok()["id"], json!(program.id));
    // Under the prefix of applications it is nothing, and a scope adds no right.
    server.with_authorization(&format!("AppKey {token}")).get("/api/cloud").await.refused(401);
    client.put(&world.pool.path(""), &json!({"name": "No"})).await.refused(403);
    let other = Pool::create(&server.admin()).await;
    client.get(&other.path("")).await.refused(404);
}

#[tokio::test]
async fn a_client_proves_itself_in_the_header_and_in_the_form() {
    let server = Server::start();
    let program = Program::new(&server, &["studio"], "", &[]).await;
    let (id, secret) = (program.id.as_str(), program.secret.as_str());
    let grant = ("grant_type", "client_credentials");
    program.ask(&server, "studio").await.ok();
    let header = server.with_authorization(&basic(&encoded(id), &encoded(secret)));
    header.form(TOKEN, &[grant]).await.ok();
    let anonymous = server.anonymous();
    anonymous.form(TOKEN, &[grant, ("client_id", id), ("client_secret", secret)]).await.ok();

    let check = |answer: Answer, status: u16, error: &str| {
        assert_eq!(answer.refused(status)["error"], error, "{answer}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(answer.json()["error_description"].is_string(), "{answer}");
        answer
    };
    let wrong = server.with_authorization(&basic(id, "wrong")).form(TOKEN, &[grant]).await;
    let wrong = check(wrong, 401, "invalid_client");
    assert_eq!(wrong.headers["www-authenticate"], "Basic realm=\"forebay\"");
    let unknown = server.with_authorization(&basic("nobody", secret)).form(TOKEN, &[grant]).await;
    assert_eq!(check(unknown, 401, "invalid_client").json(), wrong.json(), "both look the same");
    check(server.admin().form(TOKEN, &[grant]).await, 401, "invalid_client");
    check(anonymous.form(TOKEN, &[grant]).await, 400, "invalid_request");
    let twice = server.with_authorization(&basic(id, secret));
    check(twice.form(TOKEN, &[grant, ("client_secret", secret)]).await, 400, "invalid_request");
    check(twice.form(TOKEN, &[grant, grant]).await, 400, "invalid_request");
    check(twice.form(TOKEN, &[("scope", "studio")]).await, 400, "invalid_request");
    check(twice.form(TOKEN, &[("grant_type", "password")]).await, 400, "unsupported_grant_type");
    check(twice.form(TOKEN, &[("grant_type", "refresh_token")]).await, 400, "invalid_request");
    let json = twice.post(TOKEN, &json!({"grant_type": "client_credentials"})).await;
    check(json, 400, "invalid_request");
    let public = [grant, ("client_id", "content-cli")];
    check(anonymous.form(TOKEN, &public).await, 400, "unauthorized_client");
}

#[tokio::test]
async fn a_command_line_that_tries_every_set_of_scopes_is_not_held_up() {
    let server = Server::start();
    let program = Program::new(&server, &["integration.data-pools"], "", &[]).await;
    let names: Vec<&str> = ALL_OF_A_COMMAND_LINE.split(' ').collect();
    let mut granted = Vec::new();
    // From the largest set to the smallest, twice as many as it asks.
    for _ in 0..4 {
        for set in (1_u32..16).rev() {
            let scopes: Vec<&str> =
                (0..4).filter(|place| set >> place & 1 == 1).map(|place| names[place]).collect();
            let answer = program.ask(&server, &scopes.join(" ")).await;
            match answer.status {
                200 => granted.push(answer.json()["scope"].clone()),
                _ => assert_eq!(answer.refused(400)["error"], "invalid_scope", "{answer}"),
            }
        }
    }
    assert_eq!(granted, vec![json!("integration.data-pools"); 4]);
}

#[tokio::test]
async fn whoever_guesses_waits() {
    let server = Server::start();
    let program = Program::new(&server, &["studio"], "", &[]).await;
    let guess = server.with_authorization(&basic(&program.id, "guess"));
    for _ in 0..100 {
        let answer = guess.form(TOKEN, &[("grant_type", "client_credentials")]).await;
        if answer.status == 429 {
            let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds), "{seconds}");
            return;
        }
        answer.refused(401);
    }
    panic!("a hundred guesses were answered");
}

#[tokio::test]
async fn secrets_change_without_a_break_and_everything_ends_at_once() {
    let server = Server::start();
    let admin = server.admin();
    let program = Program::new(&server, &["studio"], "", &[]).await;
    let path = format!("{CLIENTS}/{}", program.id);
    let first = program.client(&server, "studio").await;
    first.get("/api/cloud").await.ok();
    let second = admin.post(&format!("{path}/secrets"), &Value::Null).await.ok();
    let renewed =
        Program { id: program.id.clone(), secret: second["clientSecret"].as_str().unwrap().to_owned() };
    let with_second = renewed.client(&server, "studio").await;
    program.ask(&server, "studio").await.ok();
    admin.post(&format!("{path}/secrets"), &Value::Null).await.refused(409);
    let shown = admin.get(&path).await;
    assert!(!shown.text().contains(&program.secret) && !shown.text().contains(&renewed.secret), "{shown}");
    let secrets = shown.ok()["secrets"].as_array().unwrap().clone();
    let old = secrets.iter().find(|secret| secret["id"] != second["id"]).unwrap();
    admin.delete(&format!("{path}/secrets/{}", old["id"].as_str().unwrap())).await.refused(204);
    program.ask(&server, "studio").await.refused(401);
    first.get("/api/cloud").await.refused(401);
    with_second.get("/api/cloud").await.ok();

    // A client takes one of its tokens back, an administrator all of them.
    let another = renewed.client(&server, "studio").await;
    let header = server.with_authorization(&basic(&renewed.id, &renewed.secret));
    let revoked = header.form("/oauth2/revoke", &[("token", another.key())]).await;
    assert_eq!(revoked.status, 200, "{revoked}");
    another.get("/api/cloud").await.refused(401);
    with_second.get("/api/cloud").await.ok();
    admin.post(&format!("{path}/end-tokens"), &Value::Null).await.refused(204);
    with_second.get("/api/cloud").await.refused(401);
    let last = renewed.client(&server, "studio").await;
    admin.delete(&path).await.refused(204);
    last.get("/api/cloud").await.refused(401);
    for entry in std::fs::read_dir(server.data()).unwrap() {
        if let Ok(bytes) = std::fs::read(entry.unwrap().path()) {
            for secret in [&program.secret, &renewed.secret] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
            }
        }
    }
    let log = server.log_text();
    assert!(!log.contains(&renewed.secret) && !log.contains(last.key()), "the log holds a secret");
}

#[tokio::test]
async fn a_token_that_has_ended_or_was_changed_is_refused() {
    let mut server = Server::start();
    let program = Program::new(&server, &["studio"], "", &[]).await;
    let client = program.client(&server, "studio").await;
    client.get("/api/cloud").await.ok();
    let token = client.key().to_owned();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    let claims = signed.split('.').nth(1).unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    for wrong in [
        format!("{signed}."),
        format!("{signed}.{flipped}{}", &signature[1..]),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        "a.b.c".to_owned(),
    ] {
        server.bearer(&wrong).get("/api/cloud").await.refused(401);
    }
    server.terminate();
    server.restart();
    client.get("/api/cloud").await.ok();

    let path = format!("{CLIENTS}/{}", program.id);
    server.admin().put(&path, &json!({"accessTokenSeconds": 1})).await.ok();
    until_expired(&program.client(&server, "studio").await).await;
    client.get("/api/cloud").await.ok();
    let changed = server.admin().put(&path, &json!({"accessTokenSeconds": "default"})).await.ok();
    assert_eq!(changed["accessTokenSeconds"], Value::Null);
}

#[tokio::test]
async fn discovery_says_where_everything_is_and_the_keys_verify_tokens() {
    let server = Server::start();
    let anonymous = server.anonymous();
    let found = anonymous.get("/.well-known/openid-configuration").await.ok();
    let url = server.url();
    assert_eq!(found["issuer"], json!(url));
    for (field, path) in [
        ("token_endpoint", "/oauth2/token"),
        ("device_authorization_endpoint", "/oauth2/device_authorization"),
        ("authorization_endpoint", "/oauth2/authorize"),
        ("revocation_endpoint", "/oauth2/revoke"),
        ("jwks_uri", "/oauth2/jwks"),
    ] {
        assert_eq!(found[field], json!(format!("{url}{path}")), "{field}");
    }
    let keys = anonymous.get("/oauth2/jwks").await.ok();
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("EC"), &json!("P-256"), &json!("ES256")));
    assert!(key.get("d").is_none(), "{key}");
    let admin = server.admin();
    admin.post("/forebay/api/v1/oauth/signing-keys", &Value::Null).await.ok();
    assert_eq!(anonymous.get("/oauth2/jwks").await.ok()["keys"].as_array().unwrap().len(), 2);

    let mut named = Server::start_with(&["--public-url", "https://forebay.example.org/"]);
    let found = named.anonymous().get("/.well-known/openid-configuration").await.ok();
    assert_eq!(found["issuer"], "https://forebay.example.org");
    named.terminate();
}
