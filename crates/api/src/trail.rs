//! Every request on its way past the audit log. One layer around all routes makes a [`Trail`] for each request and
//! hands it to the engine once there is an answer, or when there is nobody any more to answer. What the request is,
//! its route says: the name of an operation, and whether it is one that is left out.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Query, RawPathParams, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use forebay_core::audit::AuditEntry;
use forebay_core::error::Error;
use forebay_engine::{Engine, Recording, Trail};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::Problem;
use crate::listen::Peer;

/// The largest answer in which an id of what was made is looked for, in bytes.
const LOOKED_AT: u64 = 64 * 1024;

/// Names a request in its reply, in the log, and in the audit log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// The kind of an error, on an answer that is no [`Problem`].
#[derive(Clone, Debug)]
pub struct ErrorCode(pub &'static str);

/// One call of a route.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Its name in the OpenAPI document.
    pub(crate) operation: String,
    pub(crate) recording: Recording,
}

/// Around all routes: gives a request its trail, and has it written down at the end.
pub(crate) async fn audited(State(engine): State<Engine>, mut request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let peer: Option<IpAddr> =
        extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(Peer(address))| address.ip());
    let id = extensions.get::<RequestId>().map(|RequestId(id)| id.clone());
    let trail = Trail::new(request.method().as_str(), peer, id);
    request.extensions_mut().insert(trail.clone());
    let watch = Watch { engine: engine.clone(), trail: Some(trail) };
    let response = next.run(request).await;
    let Some(entry) = watch.answered(&response) else { return response };
    // It ends by itself, and takes the entry to the disk also when nobody waits for this answer any more.
    let confirmed = tokio::spawn(async move { engine.confirm_audit(&entry).await });
    if let Err(error) = confirmed.await {
        tracing::error!(%error, "an entry of the audit log cannot be written");
    }
    response
}

/// Sees to it that a request whose client goes away is written down too: what it began may be done all the same.
struct Watch {
    engine: Engine,
    trail: Option<Trail>,
}

impl Watch {
    /// The entry that is to be on the disk before this answer is sent.
    fn answered(mut self, response: &Response) -> Option<AuditEntry> {
        let trail = self.trail.take()?;
        let place = response.headers().get(header::LOCATION).and_then(|place| place.to_str().ok());
        if let Some((name, id)) = place.and_then(made_at) {
            trail.has_made(name, id);
        }
        self.engine.audit(&trail, response.status().as_u16(), code(response).as_deref())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(trail) = self.trail.take() {
            self.engine.audit_unanswered(&trail);
        }
    }
}

/// The kind of an error, as the answer has it or as its status says.
fn code(response: &Response) -> Option<String> {
    if let Some(problem) = response.extensions().get::<Arc<Problem>>() {
        return Some(problem.code().to_owned());
    }
    if let Some(ErrorCode(code)) = response.extensions().get::<ErrorCode>() {
        return Some((*code).to_owned());
    }
    let error = match response.status() {
        StatusCode::BAD_REQUEST => Error::invalid("form", "is not right"),
        StatusCode::UNAUTHORIZED => Error::Unauthenticated,
        StatusCode::CONFLICT => Error::conflict("not now"),
        _ => return None,
    };
    Some(Problem::from(error).code().to_owned())
}

/// What a page leads to after it has made something: the last id in the address, which is one of ours.
fn made_at(place: &str) -> Option<(&'static str, &str)> {
    let is_id = |part: &&str| part.len() == 36 && Uuid::try_parse(part).is_ok();
    let parts: Vec<&str> = place.split(['/', '?', '&', '=', '#']).collect();
    let found = parts.iter().rposition(is_id).filter(|_| place.starts_with('/'))?;
    let before = found.checked_sub(1).map(|before| parts[before]);
    Some((if before == Some("executions") { "executionId" } else { "id" }, parts[found]))
}

/// Tells the trail of a request which route it is at, and which ids its address has. Nothing else of an address is
/// kept: it may hold a secret.
pub(crate) async fn at_its_route(request: Request) -> Request {
    let Some(trail) = request.extensions().get::<Trail>().cloned() else { return request };
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().cloned();
    let in_path = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    let in_path = in_path.iter().flatten();
    let in_query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let in_query = in_query.map(|Query(pairs)| pairs).unwrap_or_default();
    // The pages have ids there.
    let in_query = in_query.iter().filter(|(name, id)| {
        name.len() <= 40 && name.ends_with("Id") && id.len() == 36 && Uuid::try_parse(id).is_ok()
    });
    let in_query = in_query.map(|(name, id)| (name.as_str(), id.as_str()));
    trail.is_at(route.as_ref().map_or("none", MatchedPath::as_str), in_query.chain(in_path));
    Request::from_parts(parts, body)
}

/// Names the calls of a route of the API, and looks for the id of what one of them has made.
pub(crate) fn named(router: MethodRouter<Engine>, calls: Vec<Call>) -> MethodRouter<Engine> {
    let calls: Arc<[Call]> = calls.into();
    router.layer(from_fn_with_state(calls, called))
}

async fn called(State(calls): State<Arc<[Call]>>, request: Request, next: Next) -> Response {
    let trail = request.extensions().get::<Trail>().cloned();
    let call = calls.iter().find(|call| call.method == request.method());
    let (Some(trail), Some(call)) = (trail, call) else { return next.run(request).await };
    trail.asks_for(&call.operation);
    trail.is_recorded(call.recording);
    let response = next.run(request).await;
    match call.method == Method::POST && call.recording != Recording::None && response.status().is_success() {
        true => with_made(response, &trail).await,
        false => response,
    }
}

/// The ids of what was made that an answer may have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    id: Option<Value>,
    execution_id: Option<Value>,
}

async fn with_made(response: Response, trail: &Trail) -> Response {
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let size = response.body().size_hint().exact();
    if media_type != Some("application/json") || size.is_none_or(|size| size > LOOKED_AT) {
        return response;
    }
    let (parts, body) = response.into_parts();
    // All of it is in memory already.
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return Problem::from(Error::internal(error)).into_response(),
    };
    if let Ok(Made { id, execution_id }) = serde_json::from_slice(&bytes) {
        for (name, id) in [("id", id), ("executionId", execution_id)] {
            let id = id.as_ref().and_then(Value::as_str).filter(|id| Uuid::try_parse(id).is_ok());
            if let Some(id) = id {
                trail.has_made(name, id);
            }
        }
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Says of a page's route which operation of the API its form does.
pub fn does(operation: &'static str, router: MethodRouter<Engine>) -> MethodRouter<Engine> {
    router.layer(from_fn_with_state(operation, does_operation))
}

async fn does_operation(State(operation): State<&'static str>, request: Request, next: Next) -> Response {
    if let Some(trail) = request.extensions().get::<Trail>() {
        trail.asks_for(operation);
    }
    next.run(request).await
}

/// Says of a page's route that its form only reads, so that it is not in the audit log.
pub fn only_reads(router: MethodRouter<Engine>) -> MethodRouter<Engine> {
    router.layer(from_fn_with_state(Recording::None, recorded))
}

async fn recorded(State(recording): State<Recording>, request: Request, next: Next) -> Response {
    if let Some(trail) = request.extensions().get::<Trail>() {
        trail.is_recorded(recording);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_where_a_page_leads_to() {
        let (one, two) = ("6f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b11", "00000000-0000-4000-8000-000000000000");
        let check = |place: &str, expected: Option<(&'static str, &str)>| {
            assert_eq!(made_at(place), expected, "{place}");
        };
        check("/integration/ui/pools", None);
        check(&format!("/integration/ui/pools/{one}"), Some(("id", one)));
        check(&format!("/integration/ui/pools/{one}/executions/{two}"), Some(("executionId", two)));
        check(
            &format!("/integration/ui/pools/{one}/data-configuration/data-jobs?jobId={two}#x"),
            Some(("id", two)),
        );
        check("/sign-in?next=6f2c1a526d534f0e9a390f6f0c8d3b11", None);
        check(&format!("https://app.example.org/back?state={one}"), None);
    }

    #[test]
    fn an_answer_without_a_problem_has_the_kind_of_its_status() {
        let check = |status: u16, expected: Option<&str>| {
            let response = StatusCode::from_u16(status).unwrap().into_response();
            assert_eq!(code(&response).as_deref(), expected, "{status}");
        };
        check(400, Some("GENERAL_PARAMETER_MISSMATCH"));
        check(409, Some("GENERAL_CONFLICT"));
        check(303, None);
        let mut response = StatusCode::BAD_REQUEST.into_response();
        response.extensions_mut().insert(ErrorCode("invalid_grant"));
        assert_eq!(code(&response).as_deref(), Some("invalid_grant"));
    }
}
