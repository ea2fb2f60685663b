//! OAuth over a socket: as the existing clients ask, and as a browser goes through its pages.

mod browser;
mod programs;
mod scopes;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::pool::Pool;
use crate::server::Server;

const CLIENTS: &str = "/forebay/api/v1/oauth/clients";
const TOKEN: &str = "/oauth2/token";
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A client that acts by itself.
struct Program {
    id: String,
    secret: String,
}

impl Program {
    /// With these permissions on a pool.
    async fn new(server: &Server, scopes: &[&str], pool: &str, permissions: &[&str]) -> Self {
        let admin = server.admin();
        let made = admin.post(CLIENTS, &json!({"name": "Program", "scopes": scopes})).await;
        assert_eq!(made.status, 201, "{made}");
        let made = made.json();
        let id = made["id"].as_str().unwrap().to_owned();
        if !permissions.is_empty() {
            let subject = json!({"type": "APPLICATION", "id": id});
            let grant = json!({"subject": subject, "permissions": permissions});
            admin.put(&format!("/forebay/api/v1/pools/{pool}/grants"), &grant).await.ok();
        }
        Self { id, secret: made["clientSecret"].as_str().unwrap().to_owned() }
    }

    /// Asks for a token with what it is in the header, as it stands.
    async fn ask(&self, server: &Server, scope: &str) -> Answer {
        let basic = basic(&self.id, &self.secret);
        let client = server.with_authorization(&basic);
        client.form(TOKEN, &[("grant_type", "client_credentials"), ("scope", scope)]).await
    }

    /// A client of the API with a token.
    async fn client(&self, server: &Server, scope: &str) -> Client {
        server.bearer(self.ask(server, scope).await.ok()["access_token"].as_str().unwrap())
    }
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// The hidden field and the cookie of a page with a form.
fn form_of(page: &Answer) -> (String, String) {
    let text = page.text();
    let begins = "name=\"form\" value=\"";
    let place = text.find(begins).unwrap_or_else(|| panic!("no form in {page}")) + begins.len();
    let field = text[place..].split('"').next().unwrap().to_owned();
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    (field, cookie.split(';').next().unwrap().to_owned())
}

/// Sends a form of a page.
async fn sent(client: &Client, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = client
        .request(reqwest::Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie)
        .body(body);
    Answer::of(request).await
}

/// What a device gets that shows its code to a user, who has this client's key and allows it.
async fn device_login(user: &Client, scope: &str) -> Value {
    let anonymous = user.with(None);
    let begun = [("client_id", "content-cli"), ("scope", scope)];
    let begun = anonymous.form("/oauth2/device_authorization", &begun).await.ok();
    let code = begun["user_code"].as_str().unwrap();
    let page = anonymous.get(&format!("/device?code={code}")).await;
    assert_eq!(page.status, 200, "{page}");
    let (form, cookie) = form_of(&page);
    let fields = [("code", code), ("form", form.as_str()), ("key", user.key()), ("decision", "allow")];
    let decided = sent(&anonymous, "/device", &cookie, &fields).await;
    assert!(decided.status == 200 && decided.text().contains("Allowed"), "{decided}");
    let device = begun["device_code"].as_str().unwrap();
    let asked = [("grant_type", DEVICE_GRANT), ("device_code", device), ("client_id", "content-cli")];
    anonymous.form(TOKEN, &asked).await.ok()
}

/// Waits until a token of one second is refused.
async fn until_expired(client: &Client) {
    let begun = Instant::now();
    while client.get("/api/cloud").await.status != 401 {
        assert!(begun.elapsed().as_secs() < 30, "a token of one second does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Clients whose tokens let them into a pool until they expired or were revoked.
pub(crate) async fn ended(server: &Server, pool: &Pool) -> Vec<(&'static str, Client)> {
    let scope = "integration.data-pools";
    let program = Program::new(server, &[scope], &pool.id, &["VIEW", "EDIT", "MANAGE"]).await;
    let revoked = program.client(server, scope).await;
    revoked.get(&pool.path("")).await.ok();
    let header = server.with_authorization(&basic(&program.id, &program.secret));
    let answer = header.form("/oauth2/revoke", &[("token", revoked.key())]).await;
    assert_eq!(answer.status, 200, "{answer}");
    let path = format!("{CLIENTS}/{}", program.id);
    server.admin().put(&path, &json!({"accessTokenSeconds": 1})).await.ok();
    let expired = program.client(server, scope).await;
    until_expired(&expired).await;
    vec![("a token that was revoked", revoked), ("a token that has expired", expired)]
}

/// The id of something that the user with this client's key has allowed.
pub(crate) async fn consent(user: &Client) -> String {
    device_login(user, "studio").await;
    let consents = user.get("/forebay/api/v1/oauth/consents").await.ok();
    consents.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
}
