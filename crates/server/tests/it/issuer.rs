//! An issuer of OpenID Connect for tests, on this machine. It knows one person, asks nothing, checks what it is sent as
//! the standard says, and misbehaves as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::server::Server;

pub(crate) const CLIENT: &str = "forebay";
/// With letters that must be written in another way on their way.
pub(crate) const SECRET: &str = "s3cret +%:/é";

/// How the issuer answers.
#[derive(Clone, Default)]
pub(crate) struct Manners {
    /// Changes to what an ID token says; null takes a claim away.
    pub(crate) claims: Value,
    /// Changes to its header.
    pub(crate) header: Value,
    /// Signed with a key that nobody publishes.
    pub(crate) strange_key: bool,
    /// Not signed at all.
    pub(crate) unsigned: bool,
    /// What `userinfo` says; nothing when it is null.
    pub(crate) user_info: Value,
    /// Changes to what it says of itself.
    pub(crate) metadata: Value,
    /// Does not let anybody in.
    pub(crate) denies: bool,
    /// The paths that answer with far too much, with nothing, or with a way to another address.
    pub(crate) huge: &'static str,
    pub(crate) silent: &'static str,
    pub(crate) elsewhere: &'static str,
}

/// The issuer. It ends with the test.
pub(crate) struct Issuer {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    base: String,
    manners: Mutex<Manners>,
    /// With the id of each; the last one signs.
    keys: Mutex<Vec<(String, Key)>>,
    /// What was asked for each code that is not used up.
    codes: Mutex<HashMap<String, HashMap<String, String>>>,
    /// How often each path was asked.
    asked: Mutex<HashMap<String, usize>>,
}

type Key = Arc<EcdsaKeyPair>;
type Fields = HashMap<String, String>;

fn new_key() -> Key {
    let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    Arc::new(EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref(), &random).unwrap())
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            base: format!("http://{}", listener.local_addr().unwrap()),
            manners: Mutex::default(),
            keys: Mutex::new(vec![("one".to_owned(), new_key())]),
            codes: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .route("/userinfo", get(user_info))
            .route("/logout", get(|| async { Html("<title>Out</title>Signed out of the issuer") }))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { shared, task }
    }

    pub(crate) fn url(&self) -> &str {
        &self.shared.base
    }

    /// A server that lets people sign in by this issuer.
    pub(crate) fn server(&self, arguments: &[&str]) -> Server {
        let all =
            ["--oidc-issuer", self.url(), "--oidc-client-id", CLIENT, "--oidc-name", "Example <b>login</b>"];
        let mut server = Server::prepare(&[&all, arguments].concat());
        server.set_variable("FOREBAY_OIDC_CLIENT_SECRET", Some(SECRET));
        server.restart();
        server
    }

    pub(crate) fn behaves(&self, manners: Manners) {
        *self.shared.manners.lock().unwrap() = manners;
    }

    /// Signs with a new key from now on.
    pub(crate) fn change_keys(&self) {
        *self.shared.keys.lock().unwrap() = vec![("two".to_owned(), new_key())];
    }

    /// How often a path was asked.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.shared.asked.lock().unwrap().get(path).copied().unwrap_or_default()
    }
}

impl Shared {
    fn manners(&self) -> Manners {
        self.manners.lock().unwrap().clone()
    }

    /// What a path answers that is told to misbehave.
    async fn misbehaves(&self, path: &str) -> Option<Response> {
        *self.asked.lock().unwrap().entry(path.to_owned()).or_default() += 1;
        let manners = self.manners();
        if manners.silent == path {
            std::future::pending::<()>().await;
        }
        if manners.huge == path {
            let body = format!("{{\"keys\": [], \"x\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
            return Some(([(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response());
        }
        (manners.elsewhere == path)
            .then(|| Redirect::temporary("http://127.0.0.2:9/elsewhere").into_response())
    }

    fn id_token(&self, nonce: &str) -> String {
        let manners = self.manners();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let said = json!({
            "iss": self.base, "aud": CLIENT, "sub": "ada-at-the-issuer", "nonce": nonce, "iat": now, "exp": now + 300,
            "email": "ada@example.org", "email_verified": true, "name": "Ada",
        });
        let (id, key) = self.keys.lock().unwrap().last().unwrap().clone();
        let key = if manners.strange_key { new_key() } else { key };
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = changed(json!({"alg": "ES256", "kid": id, "typ": "JWT"}), &manners.header);
        let text = format!("{}.{}", part(header), part(changed(said, &manners.claims)));
        let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        let signature = if manners.unsigned { &[][..] } else { signature.as_ref() };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// An object with some changes; null takes a field away.
fn changed(mut object: Value, changes: &Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    for (name, value) in changes.as_object().into_iter().flatten() {
        fields.insert(name.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    object
}

fn refusal(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"error": code, "error_description": "<b>as told</b>"}))).into_response()
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Response {
    if let Some(answer) = shared.misbehaves("/.well-known/openid-configuration").await {
        return answer;
    }
    let at = |path: &str| format!("{}{path}", shared.base);
    let said = json!({
        "issuer": shared.base, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"), "userinfo_endpoint": at("/userinfo"), "end_session_endpoint": at("/logout"),
    });
    Json(changed(said, &shared.manners().metadata)).into_response()
}

async fn authorize(State(shared): State<Arc<Shared>>, Query(asked): Query<Fields>) -> Response {
    let field = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let is_good = field("response_type") == "code"
        && field("client_id") == CLIENT
        && field("redirect_uri").ends_with("/sign-in/oidc/callback")
        && field("code_challenge_method") == "S256"
        && field("scope").split(' ').any(|scope| scope == "openid")
        && ["state", "nonce", "code_challenge"].iter().all(|name| field(name).len() == 43);
    if !is_good {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    }
    let mut back = vec![("state", field("state").to_owned())];
    if shared.manners().denies {
        back.extend([
            ("error", "access_denied".to_owned()),
            ("error_description", "<b>as told</b>".to_owned()),
        ]);
    } else {
        let code = URL_SAFE_NO_PAD.encode(digest(&SHA256, field("nonce").as_bytes()));
        shared.codes.lock().unwrap().insert(code.clone(), asked.clone());
        back.extend([("code", code), ("iss", shared.base.clone())]);
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(back).finish();
    Redirect::to(&format!("{}?{query}", field("redirect_uri"))).into_response()
}

async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, Form(sent): Form<Fields>) -> Response {
    if let Some(answer) = shared.misbehaves("/token").await {
        return answer;
    }
    if proof(&headers, &sent) != Some((CLIENT.to_owned(), SECRET.to_owned())) {
        return refusal(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let field = |name: &str| sent.get(name).map(String::as_str).unwrap_or_default();
    let Some(asked) = shared.codes.lock().unwrap().remove(field("code")) else {
        return refusal(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, field("code_verifier").as_bytes()));
    let is_good = field("grant_type") == "authorization_code"
        && field("redirect_uri") == asked["redirect_uri"]
        && challenge == asked["code_challenge"];
    if !is_good {
        return refusal(StatusCode::BAD_REQUEST, "invalid_grant");
    }
    let id_token = shared.id_token(&asked["nonce"]);
    Json(json!({"id_token": id_token, "access_token": "for userinfo", "token_type": "Bearer"}))
        .into_response()
}

/// The client and its secret, from the header or from the form.
fn proof(headers: &HeaderMap, sent: &Fields) -> Option<(String, String)> {
    let Some(basic) = headers.get(header::AUTHORIZATION) else {
        return Some((sent.get("client_id")?.clone(), sent.get("client_secret")?.clone()));
    };
    let pair = STANDARD.decode(basic.to_str().ok()?.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let plain = |text: &str| {
        let (name, _) = form_urlencoded::parse(text.as_bytes()).next()?;
        Some(name.into_owned())
    };
    Some((plain(id)?, plain(secret)?))
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    if let Some(answer) = shared.misbehaves("/keys").await {
        return answer;
    }
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let published = |(id, key): &(String, Key)| {
        let point = key.public_key().as_ref();
        let (x, y) = (number(&point[1..33]), number(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y})
    };
    let keys: Vec<Value> = shared.keys.lock().unwrap().iter().map(published).collect();
    Json(json!({"keys": keys})).into_response()
}

async fn user_info(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if let Some(answer) = shared.misbehaves("/userinfo").await {
        return answer;
    }
    let said = shared.manners().user_info;
    let is_known = headers.get(header::AUTHORIZATION).is_some_and(|token| token == "Bearer for userinfo");
    if said.is_null() || !is_known {
        return refusal(StatusCode::UNAUTHORIZED, "invalid_token");
    }
    Json(said).into_response()
}
