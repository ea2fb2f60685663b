//! Turns an error into a reply: one exhaustive match for status and code, one body for every route.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_core::error::Error;
use serde_json::{Value, json};

/// An error on its way to a client.
#[derive(Debug)]
pub(crate) struct Problem(Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

pub(crate) type Reply<T> = Result<T, Problem>;

/// Marks a reply as a problem, so that our own routes can say `application/problem+json`.
#[derive(Clone, Copy)]
pub(crate) struct IsProblem;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title) = match &self.0 {
            Error::NotFound { .. } => (StatusCode::NOT_FOUND, "GENERAL_NOTFOUND_PATH", "Not found"),
            Error::Invalid { .. } => {
                (StatusCode::BAD_REQUEST, "GENERAL_PARAMETER_MISSMATCH", "Invalid request")
            }
            Error::Refused { .. } => (StatusCode::BAD_REQUEST, "GENERAL_REFUSED", "Refused"),
            Error::Conflict { .. } => (StatusCode::CONFLICT, "GENERAL_CONFLICT", "Conflict"),
            Error::ExecutionIsLive { .. } => (StatusCode::CONFLICT, "EXECUTION_IS_LIVE", "Already running"),
            Error::Unauthenticated => {
                // The body that the common error catalogue gives for missing credentials.
                return (StatusCode::UNAUTHORIZED, axum::Json(json!({"error": "Unauthorized"})))
                    .into_response();
            }
            Error::Forbidden(_) => (StatusCode::FORBIDDEN, "ADMIN_ACCESS_ERROR", "No permission"),
            Error::Unavailable { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "GENERAL_UNAVAILABLE", "Unavailable")
            }
            Error::Internal { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "ADMIN_FATAL_ERROR", "Internal error")
            }
        };
        let reference = forebay_core::id::LogMessageId::random().to_string();
        let mut body = json!({
            "title": title,
            "status": status.as_u16(),
            "detail": self.0.to_string(),
            "errorCode": code,
            "requestId": reference,
        });
        match &self.0 {
            Error::Invalid { field, reason } => {
                body["errors"] = json!([{"attribute": field, "error": reason, "errorCode": code}]);
            }
            Error::ExecutionIsLive { execution, .. } => body["executionId"] = json!(execution),
            _ => {}
        }
        if status.is_server_error() {
            // The stream client reads these two and nothing else.
            body["reference"] = Value::from(reference.clone());
            body["message"] = Value::from(self.0.to_string());
            tracing::error!(reference, error = &self.0 as &dyn std::error::Error, source = ?std::error::Error::source(&self.0), "a request failed");
        }
        let mut response = (status, axum::Json(body)).into_response();
        response.extensions_mut().insert(IsProblem);
        response
    }
}

/// RFC 9457's media type for the problems of our own routes; the wire contract wants `application/json`.
pub(crate) async fn as_problem_json(mut response: Response) -> Response {
    if response.extensions().get::<IsProblem>().is_some() {
        let value = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}
