//! Who sends a request: `Authorization: Bearer <user key>` or `AppKey <application key>`. The
//! prefix is part of the credential: a key is refused under the wrong one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_core::access::Caller;
use forebay_core::error::Error;
use forebay_engine::Engine;
use forebay_store::KeyKind;

use super::problem::Problem;

/// The caller of a request. Every route but the public ones asks for it.
pub(crate) struct Auth(pub(crate) Caller);

impl FromRequestParts<Engine> for Auth {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, engine: &Engine) -> Result<Self, Response> {
        let unauthenticated = || Problem::from(Error::Unauthenticated).into_response();
        let value = parts.headers.get(header::AUTHORIZATION).ok_or_else(unauthenticated)?;
        let malformed = || {
            let text =
                "The Authorization header must be `Bearer <token>` or `AppKey <key>` (case-insensitive)";
            (StatusCode::UNAUTHORIZED, text).into_response()
        };
        let (prefix, secret) =
            value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(malformed)?;
        let kind = match prefix.to_ascii_lowercase().as_str() {
            "bearer" => KeyKind::User,
            "appkey" => KeyKind::Application,
            _ => return Err(malformed()),
        };
        match engine.caller_by_key(secret.trim(), kind).await {
            Ok(caller) => Ok(Self(caller)),
            Err(error) => Err(Problem::from(error).into_response()),
        }
    }
}
