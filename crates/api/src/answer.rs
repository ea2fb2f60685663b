//! What happens to every request and reply, whatever the route: an id, one line in the log, and
//! errors in the shape of their route.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use forebay_core::error::{Error, Kind};
use opentelemetry::trace::TraceContextExt;
use tracing::{Instrument, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use super::metrics::Requests;
use super::problem::{Family, Problem};
use crate::trail::RequestId;

/// Names a request in its reply and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Runs a request and counts it. The log gets the route's template and never the path, headers or bodies.
pub(crate) async fn answer(
    State(requests): State<Arc<Requests>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let id = Uuid::new_v4().to_string();
    let method = request.method().clone();
    let family = Family::of(request.uri().path());
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        http.request.method = %method,
        http.route = field::Empty,
        http.response.status_code = field::Empty,
        request.id = id,
    );
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).instrument(span.clone()).await;
    let route = response.extensions().get::<MatchedPath>().cloned();
    if let Some(problem) = problem_of(&response) {
        response = problem.pack(family, &id);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let took = began.elapsed();
    requests.count(&method, route, status.as_u16(), took);
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let status_number = status.as_u16();
    // The name of a trace: a field of the span would come too late for it.
    span.context().span().update_name(format!("{method} {route}"));
    span.record("http.route", route);
    span.record("http.response.status_code", status_number);
    // Clients ask for the state of things all the time; what changes something is worth a line.
    if matches!(method, Method::GET | Method::HEAD) && !status.is_server_error() {
        tracing::debug!(%method, route, status = status_number, millis, request.id = id, "request");
    } else {
        tracing::info!(%method, route, status = status_number, millis, request.id = id, "request");
    }
    response
}

/// The problem a reply carries. The router itself answers a wrong method, with an `Allow` header.
fn problem_of(response: &Response) -> Option<Arc<Problem>> {
    if let Some(problem) = response.extensions().get::<Arc<Problem>>() {
        return Some(Arc::clone(problem));
    }
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return None;
    }
    let allowed = response.headers().get(header::ALLOW).and_then(|allowed| allowed.to_str().ok());
    Some(Arc::new(Problem::MethodNotAllowed { allowed: allowed.unwrap_or_default().to_owned() }))
}

/// The reply for a path that no route has.
pub(crate) async fn no_such_path(uri: Uri) -> Problem {
    Error::not_found(Kind::Path, uri.path()).into()
}

/// The reply after a panic in a handler, which is a defect.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "no text".to_owned(),
        },
    };
    Problem::from(Error::internal(format!("a handler panicked: {text}"))).into_response()
}

/// Serves both slash forms without a redirect, which would turn POST into GET: double slashes
/// become single ones and one at the end is dropped.
pub(crate) fn with_plain_path(mut request: Request) -> Request {
    if let Some(plain) = plain_path(request.uri()) {
        *request.uri_mut() = plain;
    }
    request
}

fn plain_path(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if path.len() == 1 || !(path.ends_with('/') || path.contains("//")) {
        return None;
    }
    let mut plain = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        plain.push('/');
        plain.push_str(segment);
    }
    if plain.is_empty() {
        plain.push('/');
    }
    if let Some(query) = uri.query() {
        plain.push('?');
        plain.push_str(query);
    }
    plain.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_and_double_ones_make_no_difference() {
        let check = |text: &str, expected: Option<&str>| {
            let plain = plain_path(&text.parse().unwrap());
            assert_eq!(plain.map(|uri| uri.to_string()).as_deref(), expected, "{text}");
        };
        check("/", None);
        check("/api/cloud", None);
        check("/api/cloud/", Some("/api/cloud"));
        check("/pools/1/jobs//2", Some("/pools/1/jobs/2"));
        check("//pools///1//?mode=FULL//", Some("/pools/1?mode=FULL//"));
        check("//", Some("/"));
        check("/pools/a%2F/", Some("/pools/a%2F"));
    }
}
