//! What administrators do: settings, a disk with too little room, health, metrics and traces.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use tonic::transport::server::TcpIncoming;

use crate::client::Client;
use crate::server::{Server, forebay};
use crate::world::World;

const SETTINGS: &str = "/forebay/api/v1/settings";

async fn setting(client: &Client, name: &str) -> Value {
    let view = client.get(SETTINGS).await.ok();
    let settings = view["settings"].as_array().unwrap();
    settings.iter().find(|setting| setting["name"] == name).unwrap().clone()
}

#[tokio::test]
async fn settings_are_seen_and_set_at_once_and_bad_ones_change_nothing() {
    let mut server = Server::start();
    let admin = server.admin();
    assert_eq!(setting(&admin, "logsKeptDays").await["value"], 30);
    let view = admin.put(SETTINGS, &json!({"logsKeptDays": 7, "logMessageBytes": null})).await.ok();
    assert_eq!(view["settings"].as_array().unwrap().len(), 17);
    assert_eq!(setting(&admin, "logsKeptDays").await["value"], 7);
    assert_eq!(setting(&admin, "diskMinimumFreeMib").await["value"], Value::Null);
    for (body, field) in [
        (json!({"executionsKeptDays": 5, "logsKeptDays": 0}), "logsKeptDays"),
        (json!({"executionsKeptDays": 5, "logsKeptDays": "week"}), "logsKeptDays"),
        (json!({"executionsKeptDays": 5, "logsKeptDays": -1}), "logsKeptDays"),
        (json!({"executionsKeptDays": 5, "logsKeptDays": 1.5}), "logsKeptDays"),
        (json!({"executionsKeptDays": 5, "logsKeptWeeks": 1}), "logsKeptWeeks"),
        (json!([1]), "body"),
    ] {
        let problem = admin.put(SETTINGS, &body).await.refused(400);
        assert_eq!(problem["errors"][0]["attribute"], field, "{body}: {problem}");
    }
    assert_eq!(setting(&admin, "executionsKeptDays").await["value"], 90);
    server.terminate();
    server.restart();
    assert_eq!(setting(&admin, "logsKeptDays").await["value"], 7);

    let run = |arguments: &[&str]| {
        let mut command = forebay();
        command.arg("settings").args(arguments);
        let output = command
            .env("FOREBAY_URL", server.url())
            .env("FOREBAY_TOKEN", server.admin_key())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.success(), text)
    };
    let (good, text) = run(&["set", "logsKeptDays=default", "executionsKeptPerJob=50"]);
    assert!(good && text.contains("executionsKeptPerJob") && text.contains("MiB are free"), "{text}");
    assert_eq!(setting(&admin, "logsKeptDays").await["value"], 30);
    assert_eq!(setting(&admin, "executionsKeptPerJob").await["value"], 50);
    let (good, text) = run(&["set", "logsKeptDays=0"]);
    assert!(!good && text.contains("logsKeptDays: must be from 1 to"), "{text}");
}

#[tokio::test]
async fn too_little_room_on_the_disk_refuses_executions_until_there_is_more() {
    let server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, false).await;
    // More than any disk has: as if the disk were full.
    let view = admin.put(SETTINGS, &json!({"diskMinimumFreeMib": 1_073_741_824})).await.ok();
    assert_eq!(view["disk"]["state"], "LOW", "{view}");
    let path = world.job.execute_path("FULL");
    let problem = admin.post(&path, &Value::Null).await.refused(507);
    assert_eq!(problem["errorCode"], "INSUFFICIENT_STORAGE", "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("MiB free") && detail.contains("at least 1073741824 MiB"), "{detail}");
    let ready = server.anonymous().get("/ready").await.ok();
    assert_eq!(ready["status"], "READY", "everything else works: {ready}");
    assert!(admin.get("/metrics").await.text().contains("forebay_disk_low 1"));

    admin.put(SETTINGS, &json!({"diskMinimumFreeMib": 1, "diskAlarmFreeMib": 1})).await.ok();
    world.job.run("FULL").await.succeeded();
}

#[tokio::test]
async fn a_server_says_whether_it_lives_and_whether_it_is_ready() {
    let server = Server::start();
    let anonymous = server.anonymous();
    assert_eq!(anonymous.get("/health").await.ok()["status"], "UP");
    // It may listen a moment before the queue is worked on.
    for attempt in 0.. {
        let answer = anonymous.get("/ready").await;
        if answer.status == 200 {
            let body = answer.ok();
            let names: Vec<&str> = body["checks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|check| check["name"].as_str().unwrap())
                .collect();
            assert_eq!(names, ["metadata", "dispatcher", "disk"]);
            return;
        }
        assert!(answer.status == 503 && attempt < 200, "{answer}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn metrics_count_executions_rows_and_requests_for_whom_they_are_granted() {
    let mut server = Server::start();
    let admin = server.admin();
    let world = World::new(&server, true).await;
    server.anonymous().get("/metrics").await.refused(401);
    let member = server.member(&world.pool.id, &["VIEW", "MANAGE"]).await;
    let problem = member.get("/metrics").await.refused(403);
    assert!(problem["detail"].as_str().unwrap().contains("METRICS"), "{problem}");
    let made = admin.post("/forebay/api/v1/applications", &json!({"name": "Prometheus"})).await.ok();
    let subject = json!({"type": "APPLICATION", "id": made["id"]});
    let key = json!({"name": "Scrape", "owner": subject});
    let key = admin.post("/forebay/api/v1/keys", &key).await.ok();
    let scraper = server.with_authorization(&format!("AppKey {}", key["key"].as_str().unwrap()));
    scraper.get("/metrics").await.refused(403);
    let grant = json!({"subject": subject, "permissions": ["METRICS"]});
    admin.put("/forebay/api/v1/grants", &grant).await.ok();
    assert!(scraper.get("/metrics").await.text().contains("forebay_executions"));
    scraper.get(&world.pool.path("")).await.refused(404);

    let answer = admin.get("/metrics").await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let figures = figures(answer.text().as_str());
    let figure = |name: &str| *figures.get(name).unwrap_or_else(|| panic!("{name} is missing: {figures:#?}"));
    assert_eq!(figure("forebay_executions_finished_total{status=\"SUCCESS\"}"), 1.0);
    assert_eq!(figure("forebay_executions{state=\"QUEUED\"}"), 0.0);
    assert_eq!(figure("forebay_queue_oldest_seconds"), 0.0);
    assert!(figure("forebay_rows_read_total") >= 2.0);
    assert!(figure("forebay_read_bytes_total") > 0.0);
    assert!(figure("forebay_disk_size_bytes") > figure("forebay_disk_free_bytes"));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(figure(&format!("forebay_build_info{{version=\"{version}\"}}")), 1.0);
    let refused = "forebay_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"403\"}";
    assert_eq!(figure(refused), 2.0);
    let seconds = "forebay_http_request_duration_seconds_count{method=\"GET\",route=\"/metrics\"}";
    assert_eq!(figure(seconds), 4.0);
    let text = answer.text();
    assert!(!text.contains(&world.pool.id) && !text.contains(&world.job.id), "the figures name somebody");

    server.terminate();
    server.restart();
    let after = self::figures(admin.get("/metrics").await.text().as_str());
    assert_eq!(
        after["forebay_executions_finished_total{status=\"SUCCESS\"}"], 1.0,
        "totals outlive the server"
    );
}

/// Each sample by its name and labels. A line that is none is a fault.
fn figures(text: &str) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(figures.insert(name.to_owned(), value).is_none(), "twice: {line}");
    }
    figures
}

/// A collector that keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        self.0.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        AnyValue::StringValue(text) => Some(text.clone()),
        AnyValue::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

// The collector must answer while the test waits for the end of the server.
#[tokio::test(flavor = "multi_thread")]
async fn traces_of_requests_and_executions_reach_a_collector_and_hold_no_secret() {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone());
    let serving = tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(TcpIncoming::from(listener));
    let serving = tokio::spawn(serving);

    let mut server = Server::start_with(&["--otlp-endpoint", &endpoint]);
    let world = World::new(&server, false).await;
    let execution = world.job.run("FULL").await.succeeded().id();
    // What is left is sent at the end.
    assert!(server.terminate().success());
    serving.abort();

    let spans = collector.0.lock().unwrap().clone();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let route = "POST /integration/api/v2/data-pools/{poolId}/data-jobs/{jobId}/execute";
    let start = spans.iter().find(|span| span.name == route);
    let start = start.unwrap_or_else(|| panic!("no span of the start: {names:?}"));
    assert_eq!(attribute(start, "http.response.status_code").as_deref(), Some("200"), "{start:?}");
    let ran = spans.iter().find(|span| attribute(span, "execution.id").as_deref() == Some(&execution));
    let ran = ran.unwrap_or_else(|| panic!("no span of the execution: {names:?}"));
    assert_eq!(ran.name, "execution");
    assert_eq!(attribute(ran, "data_pool.id").as_deref(), Some(world.pool.id.as_str()));
    let everything = format!("{spans:?}");
    assert!(!everything.contains(server.admin_key()), "a span holds a key");
    assert!(!everything.contains("world.db"), "a span holds a path");
}
