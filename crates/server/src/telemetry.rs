//! What the server says of itself while it runs: lines on standard error, and, when a collector is named,
//! traces over OTLP. A trace has requests and executions, by id and route: no path, no name and no secret.

use std::time::Duration;

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How long the end of the server waits for a collector to take the last spans.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Keeps the traces going. [`Telemetry::end`] sends what is left.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Begins to log, at `default` level unless RUST_LOG says otherwise, and to send traces to `collector`.
    /// Must be called within a runtime.
    ///
    /// # Errors
    /// The collector's address cannot be used.
    pub(crate) fn begin(default: &str, collector: Option<&str>) -> anyhow::Result<Self> {
        let provider = collector.map(provider).transpose()?;
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
        // A line stands alone and carries its fields, so the spans around it are not repeated in it.
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_filter(filter.and(filter_fn(|metadata| !metadata.is_span())));
        let traces = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("forebay"))
                .with_location(false)
                .with_threads(false)
                .with_filter(LevelFilter::INFO.and(filter_fn(is_ours)))
        });
        tracing_subscriber::registry().with(lines).with(traces).init();
        Ok(Self(provider))
    }

    /// Sends what is left.
    pub(crate) async fn end(self) {
        let Some(provider) = self.0 else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_SPANS)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last traces were not sent");
        }
    }
}

/// What the libraries say, the exporter's own among them, is no part of a trace.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("forebay")
}

fn provider(collector: &str) -> anyhow::Result<SdkTracerProvider> {
    anyhow::ensure!(
        collector.starts_with("http://"),
        "--otlp-endpoint: `{collector}` must be an address like http://127.0.0.1:4317 (gRPC without TLS; for a \
         collector elsewhere, run one here that forwards)"
    );
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(collector)
        .build()
        .with_context(|| format!("--otlp-endpoint: traces cannot be sent to `{collector}`"))?;
    let resource = Resource::builder()
        .with_service_name("forebay")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
