//! How a page is sent: with nothing in it that was not sent from here, in no frame, kept by nobody.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use forebay_core::oauth::{OauthScope, RedirectUri};
use forebay_engine::OauthError;
use uuid::Uuid;

use super::problem;
use crate::csrf::Csrf;

/// Nothing that a page has may come from elsewhere, and nobody else may hold it in a frame.
fn policy(nonce: &str, sent_to: Option<&RedirectUri>) -> String {
    // Browsers hold what follows a form to the same rule, and what follows is the client's page.
    let also = sent_to.map_or_else(String::new, |uri| format!(" {}", uri.origin()));
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'{also}; frame-ancestors 'none'; \
         base-uri 'none'"
    )
}

/// The headers of a request, for a page that looks at cookies.
pub(crate) struct Headers(pub(super) HeaderMap);

impl<S: Send + Sync> FromRequestParts<S> for Headers {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.headers.clone()))
    }
}

/// What of a scope is shown.
pub(super) struct ShownScope {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
}

pub(super) fn shown<'a>(scopes: impl IntoIterator<Item = &'a OauthScope>) -> Vec<ShownScope> {
    let shown = |scope: &OauthScope| ShownScope { name: scope.as_str(), meaning: scope.meaning() };
    scopes.into_iter().map(shown).collect()
}

/// A page that asks nothing.
#[derive(Template)]
#[template(path = "oauth/message.html")]
struct Message<'a> {
    nonce: &'a str,
    title: &'a str,
    text: &'a str,
}

/// New letters that let the one style of a page in.
pub(super) fn nonce() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Sends a page with a form.
pub(super) fn form(
    page: &impl Template,
    nonce: &str,
    status: StatusCode,
    csrf: &Csrf,
    sent_to: Option<&RedirectUri>,
) -> Response {
    let mut response = sent(page, nonce, status, sent_to);
    csrf.keep(&mut response);
    response
}

/// Sends a page that asks nothing.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let nonce = nonce();
    sent(&Message { nonce: &nonce, title, text }, &nonce, status, None)
}

/// Tells a person what went wrong.
pub(super) fn failure(error: &OauthError) -> Response {
    problem::log(error);
    let text = error.to_string();
    let mut response = message(problem::status(error), "This did not work", &text);
    problem::add_pause(&mut response, error);
    response
}

fn sent(page: &impl Template, nonce: &str, status: StatusCode, sent_to: Option<&RedirectUri>) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a page cannot be made");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = problem::unkept((status, Html(html)).into_response());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    match HeaderValue::from_str(&policy(nonce, sent_to)) {
        Ok(policy) => {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
        // A page is not sent without its policy.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
