//! Who sends a request: `Authorization: Bearer <user key or access token>` or `AppKey <application key>`.
//! The prefix is part of the credential: a key is refused under the wrong one.
//!
//! [`required`] stands before every route but the public ones, so nothing of a request is looked
//! at before its sender is known.

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use forebay_core::access::Caller;
use forebay_core::error::Error;
use forebay_core::secret::Secret;
use forebay_engine::{Engine, KeyKind, Trail};

use super::problem::Problem;
use crate::trail::at_its_route;

/// Lets a request pass whose sender is known.
pub(crate) async fn required(mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let engine = request.extensions().get::<Engine>().cloned();
    let response = match caller(engine, credentials(request.headers())).await {
        Ok(caller) => {
            request = at_its_route(request).await;
            if let Some(trail) = request.extensions().get::<Trail>() {
                trail.comes_from(&caller);
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    named(response, route)
}

/// Lets every request pass: for the public routes.
pub async fn public(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    named(next.run(at_its_route(request).await).await, route)
}

/// Writes the route's template on the reply, for the log.
fn named(mut response: Response, route: Option<MatchedPath>) -> Response {
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

async fn caller(
    engine: Option<Engine>,
    credentials: Result<(KeyKind, Secret), Problem>,
) -> Result<Caller, Problem> {
    let (kind, secret) = credentials?;
    let engine = engine.ok_or_else(|| Error::internal("a route was built without the engine"))?;
    Ok(match kind {
        KeyKind::User => engine.caller_by_bearer(secret.expose()).await?,
        KeyKind::Application => engine.caller_by_key(secret.expose(), kind).await?,
    })
}

fn credentials(headers: &HeaderMap) -> Result<(KeyKind, Secret), Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Err(Error::Unauthenticated.into());
    };
    let Some((prefix, secret)) = value.to_str().ok().and_then(|value| value.trim().split_once(' ')) else {
        return Err(Problem::MalformedCredentials);
    };
    let kind = if prefix.eq_ignore_ascii_case("bearer") {
        KeyKind::User
    } else if prefix.eq_ignore_ascii_case("appkey") {
        KeyKind::Application
    } else {
        return Err(Problem::MalformedCredentials);
    };
    Ok((kind, Secret::new(secret.trim())))
}

/// The caller, for a handler.
pub(crate) struct Auth(pub(crate) Caller);

impl<S: Send + Sync> FromRequestParts<S> for Auth {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A public route has no caller; a handler that asks for one there gets nothing done.
        match parts.extensions.get::<Caller>() {
            Some(caller) => Ok(Self(caller.clone())),
            None => Err(Error::Unauthenticated.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Option<&'static str>) -> Result<(KeyKind, String), Problem> {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        credentials(&headers).map(|(kind, secret)| (kind, secret.expose().to_owned()))
    }

    #[test]
    fn the_prefix_is_case_insensitive_and_says_whose_key_it_is() {
        for value in ["Bearer a=", "bearer a=", "BEARER   a= "] {
            assert!(matches!(read(Some(value)), Ok((KeyKind::User, secret)) if secret == "a="), "{value}");
        }
        for value in ["AppKey a=", "appkey a="] {
            let read = read(Some(value));
            assert!(matches!(read, Ok((KeyKind::Application, secret)) if secret == "a="), "{value}");
        }
    }

    #[test]
    fn a_missing_header_and_a_malformed_one_are_told_apart() {
        assert!(matches!(read(None), Err(Problem::Error(Error::Unauthenticated))));
        for value in ["", "a=", "Bearer", "Bearer ", "Basic a=", "Bearera= b"] {
            assert!(matches!(read(Some(value)), Err(Problem::MalformedCredentials)), "{value:?}");
        }
    }
}
