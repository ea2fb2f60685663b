//! What holds for every route, on a router without a socket: who is let in, in which order a request
//! is looked at, and the shape of errors.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use forebay_core::Timestamp;
use forebay_core::check::Step;
use forebay_core::connection::ConnectionConfig;
use forebay_core::event::{EventSink, Outcome};
use forebay_core::execution::Claim;
use forebay_core::explanation::TableExplanation;
use forebay_core::export::{ExportRequest, Exported};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::DataPoolId;
use forebay_core::plane::{Damage, DataPlane, Workers};
use forebay_core::preview::Preview;
use forebay_core::source::{SourceError, SourceErrorKind, SourceTable};
use forebay_core::spec::{ExecutionSpec, ScriptQuery};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{PoolTable, Query, Rows, WarehouseError, WarehouseErrorKind};
use forebay_engine::{Clock, Disk, Engine, Settings, Space};
use forebay_store::Store;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use crate::metrics::Requests;
use crate::oauth::Site;
use crate::{BODY_LIMIT, answer, router};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000)
    }
}

/// A disk that does not answer.
struct NoDisk;

impl Disk for NoDisk {
    fn space(&self) -> std::io::Result<Space> {
        Err(std::io::ErrorKind::NotConnected.into())
    }

    fn try_to_write(&self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::NotConnected.into())
    }
}

/// A plane on which nothing answers.
struct NoPlane;

fn nothing() -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Unavailable, "there is no warehouse")
}

#[async_trait]
impl DataPlane for NoPlane {
    async fn run(&self, _: &ExecutionSpec, _: Claim, _: &dyn EventSink, _: &Stop) -> Outcome {
        Outcome::Succeeded
    }

    async fn query(&self, _: DataPoolId, _: Query, _: &Stop) -> Result<Rows, WarehouseError> {
        Err(nothing())
    }

    async fn query_script(&self, _: DataPoolId, _: ScriptQuery, _: &Stop) -> Result<Rows, WarehouseError> {
        Err(nothing())
    }

    async fn export(
        &self,
        _: DataPoolId,
        _: ExportRequest,
        _: &Stop,
    ) -> Result<Option<Exported>, WarehouseError> {
        Err(nothing())
    }

    async fn tables(&self, _: DataPoolId) -> Result<Vec<PoolTable>, WarehouseError> {
        Err(nothing())
    }

    async fn remove(&self, _: DataPoolId) -> Result<(), WarehouseError> {
        Ok(())
    }

    async fn backup(&self, _: DataPoolId) -> Result<PathBuf, WarehouseError> {
        unreachable!("no test of the router makes a backup")
    }

    async fn check(&self, _: DataPoolId, _: &ConnectionConfig) -> Result<(), SourceError> {
        Err(SourceError::at(Step::Connect, SourceErrorKind::Unreachable, "db:5432 cannot be reached"))
    }

    async fn discover(&self, _: DataPoolId, _: &ConnectionConfig) -> Result<Vec<SourceTable>, SourceError> {
        Ok(Vec::new())
    }

    async fn preview(
        &self,
        _: DataPoolId,
        _: &ConnectionConfig,
        _: &SourceTableName,
        _: usize,
    ) -> Result<Preview, SourceError> {
        Err(SourceError::new(SourceErrorKind::Unreachable, "there is no source"))
    }

    async fn explain(&self, _: &ExecutionSpec) -> Result<TableExplanation, SourceError> {
        Err(SourceError::new(SourceErrorKind::Unreachable, "there is no source"))
    }

    async fn damages(&self, _: DataPoolId) -> Result<Vec<Damage>, WarehouseError> {
        Ok(Vec::new())
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    fn workers(&self) -> Workers {
        Workers::default()
    }
}

/// The API on an empty store.
struct Api {
    engine: Engine,
    key: String,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn media_type(&self) -> &str {
        self.headers[header::CONTENT_TYPE].to_str().unwrap()
    }
}

impl Api {
    async fn new() -> Self {
        let settings = Settings {
            file_roots: Vec::new(),
            backup_dir: std::env::temp_dir(),
            exports_dir: std::env::temp_dir().join("forebay-no-exports"),
            pools_dir: std::env::temp_dir().join("forebay-no-pools"),
            running_limit: 1,
            pool_limit: 1,
            source_limit: 1,
            drain: std::time::Duration::ZERO,
            tables_at_a_time: 1,
            oidc: None,
        };
        let store = Store::temporary().await.unwrap();
        let engine = Engine::new(store, Arc::new(NoPlane), Arc::new(Noon), Arc::new(NoDisk), settings);
        let key = engine.first_start().await.unwrap().unwrap().secret.expose().to_owned();
        Self { engine, key }
    }

    async fn send(&self, request: Request) -> Answer {
        let response =
            router(self.engine.clone(), Site::default(), Router::new()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn ask(&self, credentials: Option<&str>, method: Method, path: &str, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(credentials) = credentials {
            request = request.header(header::AUTHORIZATION, credentials);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// As the administrator.
    async fn admin(&self, method: Method, path: &str, body: &str) -> Answer {
        self.ask(Some(&format!("Bearer {}", self.key)), method, path, body).await
    }
}

#[tokio::test]
async fn nothing_is_looked_at_before_the_caller_is_known() {
    let api = Api::new().await;
    let pool = "/integration/api/pools/None";
    for (method, path, body) in [
        (Method::GET, pool, ""),
        (Method::PUT, pool, "no JSON"),
        (Method::PATCH, pool, ""),
        (Method::GET, "/integration/api/pools/None/logs/executions?executionId=None", ""),
        (Method::POST, "/integration/api/v2/data-pools/None/data-jobs/None/execute?mode=WRONG", ""),
    ] {
        let answer = api.ask(None, method.clone(), path, body).await;
        assert_eq!(
            (answer.status, answer.json()),
            (401, json!({"error": "Unauthorized"})),
            "{method} {path}"
        );
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
    }
    let own = api.ask(None, Method::GET, "/forebay/api/v1/keys", "").await;
    assert_eq!((own.status, own.media_type()), (401, "application/problem+json"));
}

#[tokio::test]
async fn a_key_is_refused_under_the_wrong_prefix_and_a_header_that_cannot_be_read_gets_a_text() {
    let api = Api::new().await;
    let ask = async |credentials: String| api.ask(Some(&credentials), Method::GET, "/api/cloud", "").await;
    assert_eq!(ask(format!("bEARER {}", api.key)).await.status, 200);
    let wrong = ask(format!("AppKey {}", api.key)).await;
    assert_eq!((wrong.status, wrong.json()), (401, json!({"error": "Unauthorized"})));
    for credentials in ["x".to_owned(), format!("Basic {}", api.key), api.key.clone()] {
        let answer = ask(credentials).await;
        assert_eq!((answer.status, answer.media_type()), (401, "text/plain; charset=utf-8"));
        let text = String::from_utf8(answer.body).unwrap();
        assert!(text.contains("Bearer") && text.contains("AppKey"), "{text}");
    }
}

#[tokio::test]
async fn public_routes_need_no_key() {
    let api = Api::new().await;
    for path in ["/health", "/openapi.json", "/health/", "//openapi.json"] {
        let answer = api.ask(None, Method::GET, path, "").await;
        assert_eq!((answer.status, answer.media_type()), (200, "application/json"), "{path}");
    }
}

#[tokio::test]
async fn errors_have_the_shape_of_their_route() {
    let api = Api::new().await;
    let contract = api.admin(Method::GET, "/integration/api/pools/None", "").await;
    let expected = json!({
        "title": "Not found", "status": 404, "detail": "data pool `None` was not found",
        "errorCode": "GENERAL_NOTFOUND_PATH",
    });
    assert_eq!((contract.media_type(), contract.json()), ("application/json", expected));

    let own = api.admin(Method::GET, "/forebay/api/v1/executions/1", "").await;
    assert_eq!((own.status, own.media_type()), (404, "application/problem+json"));
    let body = own.json();
    assert_eq!(body["detail"], json!("execution `1` was not found"));
    assert_eq!(body["request_id"], json!(own.headers["x-request-id"].to_str().unwrap()));

    for (path, media_type) in
        [("/integration/api/nothing", "application/json"), ("/forebay/api/v1/no", "application/problem+json")]
    {
        let answer = api.ask(None, Method::GET, path, "").await;
        assert_eq!((answer.status, answer.media_type()), (404, media_type), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let api = Api::new().await;
    let path = format!("/integration/api/pools/{}", DataPoolId::random());
    let answer = api.admin(Method::PATCH, &path, "").await;
    assert_eq!((answer.status, answer.media_type()), (405, "application/json"));
    let allowed = answer.headers[header::ALLOW].to_str().unwrap();
    for method in ["GET", "PUT", "DELETE"] {
        assert!(allowed.contains(method), "{allowed}");
    }
    assert_eq!(answer.json()["errorCode"], json!("GENERAL_METHOD_NOT_ALLOWED"));
}

#[tokio::test]
async fn bad_bodies_and_parameters_are_400_and_name_the_field() {
    let api = Api::new().await;
    let made = api.admin(Method::POST, "/integration/api/pools", r#"{"name": "P", "tags": null}"#).await;
    assert_eq!(made.status, 200);
    let pool = made.json()["id"].as_str().unwrap().to_owned();
    let check = async |method: Method, path: &str, body: &str, field: &str| {
        let answer = api.admin(method, &path.replace("{pool}", &pool), body).await;
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["attribute"]),
            (400, &json!(field)),
            "{path} {body}"
        );
    };
    let pools = "/integration/api/pools";
    check(Method::POST, pools, "", "body").await;
    check(Method::POST, pools, "{\"name\": ", "body").await;
    check(Method::POST, pools, "{\"name\": 5}", "name").await;
    check(Method::POST, pools, "{}", "name").await;
    check(Method::POST, pools, "\u{1}", "body").await;
    check(
        Method::POST,
        "/forebay/api/v1/pools/{pool}/query",
        r#"{"sql": "SELECT 1", "limit": "x"}"#,
        "limit",
    )
    .await;
    let connection = r#"{"name": "c", "type": "POSTGRESQL", "configuration": {"port": 70000}}"#;
    check(Method::POST, "/forebay/api/v1/pools/{pool}/connections", connection, "configuration.port").await;
    check(Method::POST, "/forebay/api/v1/pools/{pool}/connections", r#"{"name": "c", "type": "X"}"#, "type")
        .await;
    let logs = "/integration/api/pools/{pool}/logs/executions";
    check(Method::GET, logs, "", "executionId").await;
    check(Method::GET, "/integration/api/pools/{pool}/columns?schemaName=x", "", "tableName").await;
    let job = DataPoolId::random();
    check(
        Method::GET,
        &format!("/integration/api/pools/{{pool}}/logs/{job}/executions?limit=no"),
        "",
        "limit",
    )
    .await;
    let path = format!("/integration/api/v2/data-pools/{{pool}}/data-jobs/{job}/execute?mode=full");
    check(Method::POST, &path, "", "mode").await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let api = Api::new().await;
    let body = format!("{{\"name\": \"{}\"}}", "x".repeat(BODY_LIMIT));
    let answer = api.admin(Method::POST, "/integration/api/pools", &body).await;
    assert_eq!((answer.status, &answer.json()["errorCode"]), (413, &json!("LIMIT_SIZE_EXCEEDED")));
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing_of_itself() {
    async fn broken() {
        panic!("the secret reason");
    }
    let router = Router::new()
        .route("/forebay/broken", get(broken))
        .route("/broken", get(broken))
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(from_fn_with_state(Arc::new(Requests::new()), answer::answer));
    for (path, media_type) in
        [("/broken", "application/json"), ("/forebay/broken", "application/problem+json")]
    {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 500);
        assert_eq!(response.headers()[header::CONTENT_TYPE], media_type);
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
}

#[tokio::test]
async fn a_connection_test_answers_with_the_step_that_failed() {
    let api = Api::new().await;
    let pool = api.admin(Method::POST, "/integration/api/pools", r#"{"name": "P"}"#).await.json();
    let connections = format!("/forebay/api/v1/pools/{}/connections", pool["id"].as_str().unwrap());
    let body = r#"{"name": "c", "type": "POSTGRESQL",
                   "configuration": {"host": "db", "database": "d", "user": "u", "password": "hidden"}}"#;
    let made = api.admin(Method::POST, &connections, body).await;
    assert_eq!(made.status, 201);
    assert!(!String::from_utf8_lossy(&made.body).contains("hidden"));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let test = api.admin(Method::POST, &format!("{connections}/{id}/test"), "").await;
    let expected = json!({
        "successful": false, "step": "Connect", "message": "Connect: db:5432 cannot be reached",
        "steps": [
            {"name": "Name lookup", "state": "OK"}, {"name": "Connect", "state": "FAILED"},
            {"name": "Login", "state": "NOT_REACHED"}, {"name": "Database", "state": "NOT_REACHED"},
            {"name": "Session settings", "state": "NOT_REACHED"},
        ],
    });
    assert_eq!((test.status, test.json()), (200, expected));
}
