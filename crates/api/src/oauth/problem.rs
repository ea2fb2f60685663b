//! Errors as RFC 6749 tells them: `error` and `error_description` in JSON.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_core::error::Error;
use forebay_engine::OauthError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::trail::ErrorCode;

/// Why there is no token.
#[derive(Serialize, ToSchema)]
pub(crate) struct OauthErrorView {
    error: &'static str,
    error_description: String,
}

/// An error on its way to a client.
pub(crate) struct OauthProblem(pub(crate) OauthError);

impl From<OauthError> for OauthProblem {
    fn from(error: OauthError) -> Self {
        Self(error)
    }
}

/// The status of an error, for programs and for people.
pub(super) fn status(error: &OauthError) -> StatusCode {
    match error {
        OauthError::InvalidClient => StatusCode::UNAUTHORIZED,
        OauthError::NotSignedIn => StatusCode::FORBIDDEN,
        OauthError::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        OauthError::Failed(Error::Unavailable { .. } | Error::InsufficientStorage { .. }) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        OauthError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        OauthError::InvalidRequest(_)
        | OauthError::InvalidGrant(_)
        | OauthError::UnauthorizedClient(_)
        | OauthError::UnsupportedGrantType(_)
        | OauthError::UnsupportedResponseType(_)
        | OauthError::InvalidScope(_)
        | OauthError::AccessDenied
        | OauthError::AuthorizationPending
        | OauthError::SlowDown
        | OauthError::ExpiredToken => StatusCode::BAD_REQUEST,
    }
}

/// What the server is to blame for is logged here, once.
pub(super) fn log(error: &OauthError) {
    if let OauthError::Failed(error) = error {
        tracing::error!(error = error as &dyn std::error::Error, "an OAuth request failed");
    }
}

/// Adds how long to wait, where that is the answer.
pub(super) fn add_pause(response: &mut Response, error: &OauthError) {
    if let OauthError::Throttled(wait) = error {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
}

/// Has nobody on the way keep an answer.
pub(super) fn unkept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

impl IntoResponse for OauthProblem {
    fn into_response(self) -> Response {
        let Self(error) = self;
        log(&error);
        let body = OauthErrorView { error: error.code(), error_description: described(&error) };
        let mut response = (status(&error), Json(body)).into_response();
        if matches!(error, OauthError::InvalidClient) {
            let challenge = HeaderValue::from_static("Basic realm=\"forebay\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        add_pause(&mut response, &error);
        response.extensions_mut().insert(ErrorCode(error.code()));
        unkept(response)
    }
}

/// The letters that RFC 6749 has in a description.
pub(super) fn described(error: &OauthError) -> String {
    let plain = |letter: char| match letter {
        ' '..='~' if letter != '"' && letter != '\\' => letter,
        _ => '?',
    };
    error.to_string().chars().map(plain).collect()
}
