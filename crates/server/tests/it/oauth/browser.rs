//! What goes by way of a browser: codes with PKCE, and devices.

use super::*;

const HOME: &str = "http://localhost:9/back?app=1";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A client without a secret that comes by way of a browser.
async fn app(server: &Server, name: &str) -> String {
    let body = json!({
        "name": name, "hasSecret": false, "scopes": ["integration.data-pools"], "redirectUris": [HOME],
    });
    server.admin().post(CLIENTS, &body).await.ok()["id"].as_str().unwrap().to_owned()
}

fn request(client: &str) -> Vec<(&'static str, String)> {
    vec![
        ("response_type", "code".to_owned()),
        ("client_id", client.to_owned()),
        ("redirect_uri", HOME.to_owned()),
        ("scope", "integration.data-pools".to_owned()),
        ("state", "a state & more".to_owned()),
        ("code_challenge", CHALLENGE.to_owned()),
        ("code_challenge_method", "S256".to_owned()),
    ]
}

fn path(fields: &[(&'static str, String)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    format!("/oauth2/authorize?{query}")
}

/// The parameters with which a browser is sent back.
fn sent_back(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 303, "{answer}");
    let place = answer.headers["location"].to_str().unwrap();
    let query = place.strip_prefix("http://localhost:9/back?").unwrap();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn parameter<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    let found = pairs.iter().find(|(key, _)| key == name);
    found.unwrap_or_else(|| panic!("no {name} in {pairs:?}")).1.as_str()
}

#[tokio::test]
async fn a_user_allows_an_app_which_then_acts_for_them() {
    let server = Server::start();
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let client = app(&server, "<script>alert(1)</script>").await;
    let fields = request(&client);
    let page = anonymous.get(&path(&fields)).await;
    assert_eq!((page.status, page.content_type()), (200, "text/html; charset=utf-8"), "{page}");
    assert!(!page.text().contains("<script>"), "{page}");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    for part in ["default-src 'none'", "form-action 'self' http://localhost:9;", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let (form, cookie) = form_of(&page);
    let decide = async |form: &str, cookie: &str, key: &str, decision: &str| {
        let mut fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.extend([("form", form), ("key", key), ("decision", decision)]);
        sent(&anonymous, "/oauth2/authorize", cookie, &fields).await
    };
    // Neither without the cookie of the page, nor with a wrong key.
    let forged = decide(&form, "", admin.key(), "allow").await;
    assert!(forged.status == 400 && !forged.headers.contains_key("location"), "{forged}");
    let wrong = decide(&form, &cookie, "no key", "allow").await;
    assert!(wrong.status == 403 && wrong.text().contains("not an API key"), "{wrong}");
    assert!(!wrong.text().contains("no key\""), "{wrong}");

    let refused = sent_back(&decide(&form, &cookie, "", "refuse").await);
    assert_eq!(parameter(&refused, "error"), "access_denied");
    assert_eq!(parameter(&refused, "state"), "a state & more");
    let back = sent_back(&decide(&form, &cookie, admin.key(), "allow").await);
    assert_eq!((parameter(&back, "app"), parameter(&back, "state")), ("1", "a state & more"));
    assert_eq!(parameter(&back, "iss"), server.url());
    let exchange = [
        ("grant_type", "authorization_code"),
        ("client_id", client.as_str()),
        ("code", parameter(&back, "code")),
        ("redirect_uri", HOME),
        ("code_verifier", VERIFIER),
    ];
    let answer = anonymous.form(TOKEN, &exchange).await.ok();
    let token = server.bearer(answer["access_token"].as_str().unwrap());
    token.get("/integration/api/pools").await.ok();
    let replayed = anonymous.form(TOKEN, &exchange).await;
    assert_eq!(replayed.refused(400)["error"], "invalid_grant");
    token.get("/integration/api/pools").await.refused(401);
    assert_eq!(admin.get("/forebay/api/v1/oauth/consents").await.ok(), json!([]));
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered() {
    let server = Server::start();
    let client = app(&server, "App").await;
    let anonymous = server.anonymous();
    let with = |name: &'static str, value: &str| {
        let mut fields = request(&client);
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value.to_owned()));
        path(&fields)
    };
    for uri in ["http://localhost:9/back", "http://localhost:10/back?app=1", "https://evil.example.org/", ""]
    {
        let page = anonymous.get(&with("redirect_uri", uri)).await;
        assert!(page.status == 400 && !page.headers.contains_key("location"), "{uri}: {page}");
    }
    let page = anonymous.get(&with("client_id", "\"><b>")).await;
    assert!(page.status == 400 && !page.text().contains("<b>"), "{page}");
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("scope", "studio", "invalid_scope"),
    ] {
        let back = sent_back(&anonymous.get(&with(name, value)).await);
        assert_eq!(parameter(&back, "error"), error, "{name}={value}");
    }
    for uri in ["http://app.example.org/", "https://app.example.org/#x", "javascript:alert(1)"] {
        let body = json!({"name": "x", "scopes": ["studio"], "redirectUris": [uri]});
        let problem = server.admin().post(CLIENTS, &body).await.refused(400);
        assert_eq!(problem["errors"][0]["attribute"], "redirectUris[0]", "{problem}");
    }
}

#[tokio::test]
async fn a_device_logs_in_and_renews_its_token_and_its_user_takes_it_back() {
    let server = Server::start();
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let answer = device_login(&admin, "studio integration.data-pools").await;
    assert_eq!(answer["scope"], "integration.data-pools studio");
    let first = answer["refresh_token"].as_str().unwrap();
    let renew = async |token: &str| {
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "content-cli")];
        anonymous.form(TOKEN, &fields).await
    };
    let renewed = renew(first).await.ok();
    assert_ne!(renewed["refresh_token"], json!(first));
    let token = server.bearer(renewed["access_token"].as_str().unwrap());
    token.get("/api/cloud/team").await.ok();
    assert_eq!(renew(first).await.refused(400)["error"], "invalid_grant");
    token.get("/api/cloud/team").await.refused(401);
    assert_eq!(renew(renewed["refresh_token"].as_str().unwrap()).await.status, 400);

    let again = device_login(&admin, "studio").await;
    let token = server.bearer(again["access_token"].as_str().unwrap());
    token.get("/api/cloud").await.ok();
    let consents = admin.get("/forebay/api/v1/oauth/consents").await.ok();
    let consent = consents[0]["id"].as_str().unwrap();
    admin.delete(&format!("/forebay/api/v1/oauth/consents/{consent}")).await.refused(204);
    token.get("/api/cloud").await.refused(401);
}

#[tokio::test]
async fn a_device_that_nobody_has_allowed_waits_or_is_refused() {
    let server = Server::start();
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let begin =
        async || anonymous.form("/oauth2/device_authorization", &[("client_id", "content-cli")]).await.ok();
    let poll = async |begun: &Value| {
        let device = begun["device_code"].as_str().unwrap();
        let fields = [("grant_type", DEVICE_GRANT), ("device_code", device), ("client_id", "content-cli")];
        anonymous.form(TOKEN, &fields).await.refused(400)["error"].clone()
    };
    let begun = begin().await;
    let complete = begun["verification_uri_complete"].as_str().unwrap();
    assert!(complete.starts_with(&format!("{}/device?code=", server.url())), "{complete}");
    assert_eq!((&begun["expires_in"], &begun["interval"]), (&json!(600), &json!(5)));
    assert_eq!(poll(&begun).await, "authorization_pending");
    assert_eq!(poll(&begun).await, "slow_down");

    let refused = begin().await;
    let code = refused["user_code"].as_str().unwrap();
    let page = anonymous.get(&format!("/device?code={}", code.to_lowercase())).await;
    let (form, cookie) = form_of(&page);
    let fields = [("code", code), ("form", form.as_str()), ("key", admin.key()), ("decision", "refuse")];
    assert_eq!(sent(&anonymous, "/device", "", &fields).await.status, 400);
    assert_eq!(sent(&anonymous, "/device", &cookie, &fields).await.status, 200);
    assert_eq!(poll(&refused).await, "access_denied");
    assert_eq!(anonymous.get("/device").await.status, 200);
    assert_eq!(anonymous.get("/device?code=BCDF-GHJK").await.status, 400);
    let scope = [("client_id", "content-cli"), ("scope", "authorization.permissions:read")];
    let wide = anonymous.form("/oauth2/device_authorization", &scope).await;
    assert_eq!(wide.refused(400)["error"], "invalid_scope");
}
