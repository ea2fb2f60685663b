//! Turns whatever goes wrong into a reply: one exhaustive match for status and code, one function
//! that packs the body.
//!
//! A handler's error travels as a reply without a body that carries the [`Problem`]. The body is
//! written by [`Problem::pack`] at the very outside, where the request's id and the family of the
//! route are known, so no error can reach a client in another shape.

mod body;

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_core::error::{Error, Needed, RateLimit};
use forebay_core::oauth::OauthScope;

use self::body::FieldError;
pub(crate) use self::body::{ContractError, Family, ProblemDetails, Unauthorized};

/// An error on its way to a client.
#[derive(Debug)]
pub enum Problem {
    Error(Error),
    /// The `Authorization` header is there and cannot be read.
    MalformedCredentials,
    /// The path is there, but not for this method.
    MethodNotAllowed {
        /// The methods there are, as the `Allow` header writes them.
        allowed: String,
    },
    BodyTooLarge {
        /// In bytes.
        limit: usize,
    },
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What a handler answers.
pub(crate) type Reply<T> = Result<T, Problem>;

struct Outline {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
}

impl Problem {
    fn outline(&self) -> Outline {
        let (status, code, title) = match self {
            Self::Error(Error::NotFound { .. }) => (404, "GENERAL_NOTFOUND_PATH", "Not found"),
            Self::Error(Error::Invalid { .. }) => (400, "GENERAL_PARAMETER_MISSMATCH", "Invalid request"),
            Self::Error(Error::Refused { .. }) => (400, "GENERAL_REFUSED", "Refused"),
            Self::Error(Error::TooMany { .. }) => (429, "LIMIT_RATE_EXCEEDED", "Too many requests"),
            Self::Error(Error::Conflict { .. }) => (409, "GENERAL_CONFLICT", "Conflict"),
            Self::Error(Error::ExecutionIsLive { .. }) => (409, "EXECUTION_IS_LIVE", "Already running"),
            Self::Error(Error::Unauthenticated) | Self::MalformedCredentials => {
                (401, "GENERAL_UNAUTHORIZED", "Unauthorized")
            }
            Self::Error(Error::Forbidden(_)) => (403, "ADMIN_ACCESS_ERROR", "No permission"),
            Self::Error(Error::Unavailable { .. }) => (503, "GENERAL_UNAVAILABLE", "Unavailable"),
            Self::Error(Error::NotSupported { .. }) => (501, "GENERAL_NOT_SUPPORTED", "Not supported"),
            Self::Error(Error::InsufficientStorage { .. }) => {
                (507, "INSUFFICIENT_STORAGE", "Insufficient storage")
            }
            Self::Error(Error::Internal { .. }) => (500, "ADMIN_FATAL_ERROR", "Internal error"),
            Self::MethodNotAllowed { .. } => (405, "GENERAL_METHOD_NOT_ALLOWED", "Method not allowed"),
            Self::BodyTooLarge { .. } => (413, "LIMIT_SIZE_EXCEEDED", "Body too large"),
        };
        let status = StatusCode::from_u16(status).expect("the codes above are valid");
        Outline { status, code, title }
    }

    pub fn status(&self) -> StatusCode {
        self.outline().status
    }

    /// The kind of the error, as programs read it.
    pub fn code(&self) -> &'static str {
        self.outline().code
    }

    /// What went wrong, and what to do about it.
    pub fn detail(&self) -> String {
        match self {
            Self::Error(error) => error.to_string(),
            Self::MalformedCredentials => {
                "The Authorization header must be `Bearer <token>` or `AppKey <key>` (case-insensitive)"
                    .to_owned()
            }
            Self::MethodNotAllowed { allowed } => {
                format!("this path does not take the method; it takes {}", allowed.replace(',', ", "))
            }
            Self::BodyTooLarge { limit } => {
                format!("the body has more than {limit} bytes; send it in smaller parts")
            }
        }
    }

    /// The reply for the client. What the server is to blame for is logged here, once.
    pub(crate) fn pack(&self, family: Family, request_id: &str) -> Response {
        let Outline { status, code, title } = self.outline();
        let detail = self.detail();
        // That something is not built is nobody's fault.
        let is_a_fault = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        if let (Self::Error(error), true) = (self, is_a_fault) {
            let error = error as &dyn std::error::Error;
            tracing::error!(request.id = request_id, error, "a request failed");
        }
        let mut errors = Vec::new();
        let mut execution_id = None;
        match self {
            Self::Error(Error::Invalid { field, reason }) => {
                errors.push(FieldError { attribute: field.clone(), error: reason.clone(), error_code: code });
            }
            Self::Error(Error::ExecutionIsLive { execution, .. }) => {
                execution_id = Some(execution.to_string());
            }
            Self::Error(_)
            | Self::MalformedCredentials
            | Self::MethodNotAllowed { .. }
            | Self::BodyTooLarge { .. } => {}
        }
        let mut response = match (family, self) {
            (Family::Contract | Family::Stream, Self::Error(Error::Unauthenticated)) => {
                (status, Json(Unauthorized { error: "Unauthorized" })).into_response()
            }
            (Family::Contract | Family::Stream, Self::MalformedCredentials) => {
                (status, detail).into_response()
            }
            (Family::Contract | Family::Stream, _) => {
                // The stream client reads these two and nothing else.
                let (reference, message) = match status.is_server_error() || family == Family::Stream {
                    true => (Some(request_id.to_owned()), Some(detail.clone())),
                    false => (None, None),
                };
                let status_number = status.as_u16();
                let body = ContractError {
                    title,
                    status: status_number,
                    detail,
                    error_code: code,
                    errors,
                    execution_id,
                    reference,
                    message,
                };
                (status, Json(body)).into_response()
            }
            (Family::Own, _) => {
                let media_type = HeaderValue::from_static(family.media_type());
                let body = ProblemDetails {
                    kind: "about:blank",
                    title,
                    status: status.as_u16(),
                    detail,
                    error_code: code,
                    request_id: request_id.to_owned(),
                    errors,
                    execution_id,
                };
                (status, [(header::CONTENT_TYPE, media_type)], Json(body)).into_response()
            }
        };
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"forebay\", AppKey realm=\"forebay\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Self::Error(Error::Forbidden(Needed::Scope(action))) = self {
            let scopes: Vec<&str> = Needed::scopes(*action).map(OauthScope::as_str).collect();
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", scopes.join(" "));
            if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
        }
        if let Self::Error(Error::TooMany { limit, .. }) = self {
            response.headers_mut().extend(rate_limit_headers(limit));
        }
        if let Self::MethodNotAllowed { allowed } = self
            && let Ok(allowed) = HeaderValue::from_str(allowed)
        {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response
    }
}

/// How much a client may still ask for, in headers.
pub(crate) fn rate_limit_headers(limit: &RateLimit) -> HeaderMap {
    let RateLimit { limit, remaining, reset_seconds } = *limit;
    let pairs = [
        ("x-ratelimit-limit", limit),
        ("x-ratelimit-remaining", remaining),
        ("x-ratelimit-reset", reset_seconds),
    ];
    pairs
        .map(|(name, number)| (HeaderName::from_static(name), HeaderValue::from(number)))
        .into_iter()
        .collect()
}

impl IntoResponse for Problem {
    /// A reply without a body that carries the problem, to be packed further out.
    fn into_response(self) -> Response {
        let mut response = self.outline().status.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::error::Kind;
    use serde_json::{Value, json};

    use super::*;

    async fn packed(problem: Problem, family: Family) -> (u16, String, Value) {
        let response = problem.pack(family, "42");
        let status = response.status().as_u16();
        let media_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8(body.to_vec()).unwrap()));
        (status, media_type, body)
    }

    #[tokio::test]
    async fn the_contract_gets_its_error_object() {
        let error = Error::not_found(Kind::DataPool, "None");
        let (status, media_type, body) = packed(error.into(), Family::Contract).await;
        assert_eq!((status, media_type.as_str()), (404, "application/json"));
        let expected = json!({
            "title": "Not found", "status": 404, "detail": "data pool `None` was not found",
            "errorCode": "GENERAL_NOTFOUND_PATH",
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn our_own_routes_get_a_problem_with_the_fields() {
        let error = Error::invalid("limit", "must be above 0");
        let (status, media_type, body) = packed(error.into(), Family::Own).await;
        assert_eq!((status, media_type.as_str()), (400, "application/problem+json"));
        let expected = json!({
            "type": "about:blank", "title": "Invalid request", "status": 400,
            "detail": "limit: must be above 0", "errorCode": "GENERAL_PARAMETER_MISSMATCH",
            "request_id": "42", "errors": [{
                "attribute": "limit", "error": "must be above 0", "errorCode": "GENERAL_PARAMETER_MISSMATCH",
            }],
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn an_internal_error_says_where_to_look_and_nothing_else() {
        let error = || Error::internal("the disk said: secret");
        let (status, _, body) = packed(error().into(), Family::Contract).await;
        assert_eq!((status, &body["reference"]), (500, &json!("42")));
        assert!(!body.to_string().contains("secret"), "{body}");
        let (_, _, body) = packed(error().into(), Family::Own).await;
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn missing_credentials_have_the_catalogue_s_body() {
        let (status, _, body) = packed(Error::Unauthenticated.into(), Family::Contract).await;
        assert_eq!((status, body), (401, json!({"error": "Unauthorized"})));
        let (status, media_type, body) = packed(Problem::MalformedCredentials, Family::Contract).await;
        assert_eq!((status, media_type.as_str()), (401, "text/plain; charset=utf-8"));
        assert!(body.as_str().is_some_and(|text| text.contains("Bearer") && text.contains("AppKey")));
        let (status, media_type, _) = packed(Problem::MalformedCredentials, Family::Own).await;
        assert_eq!((status, media_type.as_str()), (401, "application/problem+json"));
    }
}
