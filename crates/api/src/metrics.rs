//! Figures in the text format of Prometheus. They count and name nobody: no pool, no job, no user.
//!
//! What the engine knows is read when it is asked for; requests are counted here as they are answered.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use forebay_core::error::Error;
use forebay_engine::{Engine, Figures};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::auth::Auth;
use super::problem::Reply;

/// In seconds. A query or a large list takes long, most calls a few milliseconds.
const DURATIONS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0, 60.0];

type Labels<const N: usize> = [(&'static str, &'static str); N];
type RouteLabels<const N: usize> = [(&'static str, String); N];

/// The requests of one server, as they were answered.
#[derive(Debug)]
pub(crate) struct Requests {
    answered: Family<RouteLabels<3>, Counter>,
    seconds: Family<RouteLabels<2>, Histogram>,
}

impl Requests {
    pub(crate) fn new() -> Self {
        Self {
            answered: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
        }
    }

    /// Counts an answer. `route` is the template, never the path: there are as many as there are routes.
    pub(crate) fn count(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let method = match method.as_str() {
            // Anybody can invent another method.
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS") => known,
            _ => "OTHER",
        };
        let labels = || [("method", method.to_owned()), ("route", route.to_owned())];
        self.seconds.get_or_create(&labels()).observe(took.as_secs_f64());
        let [method, route] = labels();
        self.answered.get_or_create(&[method, route, ("status", status.to_string())]).inc();
    }
}

/// Figures about the server in the text format of Prometheus.
#[utoipa::path(
    get, path = "", tag = "Server", responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(
    State(engine): State<Engine>,
    Extension(requests): Extension<Arc<Requests>>,
    Auth(caller): Auth,
) -> Reply<Response> {
    let figures = engine.figures(&caller).await?;
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry(&figures, &requests)).map_err(Error::internal)?;
    Ok(([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response())
}

fn registry(figures: &Figures, requests: &Requests) -> Registry {
    let mut registry = Registry::with_prefix("forebay");
    registry.register("build", "The server's version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    add_executions(&mut registry, figures);
    add_workers(&mut registry, figures);
    add_disk(&mut registry, figures);
    let help = "Requests that were answered, by method, route and status";
    registry.register("http_requests", help, requests.answered.clone());
    let help = "How long answers took in seconds, by method and route";
    registry.register("http_request_duration_seconds", help, requests.seconds.clone());
    registry
}

fn add_executions(registry: &mut Registry, figures: &Figures) {
    let (live, totals) = (&figures.live, &figures.totals);
    let states = Family::<Labels<1>, Gauge>::default();
    for (state, executions) in [("QUEUED", live.queued), ("RUNNING", live.running)] {
        states.get_or_create(&[("state", state)]).set(whole(executions));
    }
    registry.register("executions", "Executions that wait or run, by state", states);
    let ends = Family::<Labels<1>, Counter>::default();
    for (status, executions) in [
        ("SUCCESS", totals.succeeded),
        ("FAIL", totals.failed),
        ("CANCEL", totals.canceled),
        ("SKIPPED", totals.skipped),
    ] {
        ends.get_or_create(&[("status", status)]).inc_by(executions);
    }
    registry.register("executions_finished", "Executions that ended, by status", ends);
    let help = "How long the execution has waited that was queued first, in seconds; 0 when none waits";
    registry.register("queue_oldest_seconds", help, ConstGauge::new(figures.waiting_seconds));
    for (name, help, total) in [
        ("rows_read", "Rows that were read from sources", totals.rows_read),
        ("rows_inserted", "Rows that were new in tables of pools", totals.rows_inserted),
        ("rows_updated", "Rows of pools that were replaced by newer ones", totals.rows_updated),
        ("rows_deleted", "Rows that were removed from tables of pools", totals.rows_deleted),
        ("rows_rejected", "Rows that could not be kept", totals.rows_rejected),
        ("read_bytes", "Bytes that were read from sources, in memory", totals.bytes_read),
        ("leases_lost", "Executions whose worker did not renew its lease in time", totals.leases_lost),
        ("log_messages_dropped", "Log messages beyond what an execution may keep", totals.logs_dropped),
    ] {
        registry.register(name, help, ConstCounter::new(total));
    }
}

fn add_workers(registry: &mut Registry, figures: &Figures) {
    let workers = &figures.workers;
    let live = workers.live.len() as u64;
    registry.register("workers", "Worker processes that live", ConstGauge::new(whole(live)));
    let memory = workers.live.iter().map(|worker| worker.memory_bytes).sum();
    let help = "Memory of all worker processes in bytes, when they last answered";
    registry.register("workers_memory_bytes", help, ConstGauge::new(whole(memory)));
    let help = "Worker processes that were started";
    registry.register("workers_started", help, ConstCounter::new(workers.started));
    let help = "Worker processes that ended unasked or fell silent";
    registry.register("workers_lost", help, ConstCounter::new(workers.lost));
}

fn add_disk(registry: &mut Registry, figures: &Figures) {
    let Some(disk) = &figures.disk else { return };
    if let Some(space) = disk.space {
        let help = "What is free on the disk of the data folder, in bytes";
        registry.register("disk_free_bytes", help, ConstGauge::new(whole(space.free)));
        let help = "The size of the disk of the data folder, in bytes";
        registry.register("disk_size_bytes", help, ConstGauge::new(whole(space.total)));
    }
    let help = "With less free on the disk, no execution begins, in bytes";
    registry.register("disk_minimum_free_bytes", help, ConstGauge::new(whole(disk.minimum_free)));
    let help = "1 while no execution begins because the disk is too full";
    registry.register("disk_low", help, ConstGauge::new(i64::from(disk.is_low())));
    let help = "1 while somebody should make room on the disk, or it does not take writes";
    registry.register("disk_alarm", help, ConstGauge::new(i64::from(disk.is_alarming())));
}

/// Gauges are signed.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
