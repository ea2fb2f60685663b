//! Who has signed in, by a cookie. It counts for the pages alone: the API takes none.

use axum::extract::{FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::access::{Caller, Role};
use forebay_core::error::Error;
use forebay_core::secret::Secret;
use forebay_engine::{Engine, Visit};

use super::page;
use forebay_api::csrf::{Csrf, cookie, set_cookie};
use forebay_api::visit_of;

/// As long as a session may hold; the server ends it before that when nobody uses it.
const KEPT_SECONDS: u32 = 7 * 24 * 60 * 60;
/// As long as somebody may take at an issuer.
const ATTEMPT_SECONDS: u32 = 10 * 60;

/// A browser, whoever sits at it.
#[derive(Clone)]
pub(super) struct Browser {
    headers: HeaderMap,
    pub(super) visit: Visit,
    /// The letters for its forms: new ones when it has none yet, so they are made once.
    pub(super) csrf: Csrf,
}

impl Browser {
    pub(super) fn of(request: &Request) -> Self {
        Self::new(visit_of(request.extensions(), request.uri(), request.headers()), request.headers())
    }

    fn new(visit: Visit, headers: &HeaderMap) -> Self {
        let csrf = Csrf::of(headers, &visit.base);
        Self { headers: headers.clone(), visit, csrf }
    }

    fn is_secure(&self) -> bool {
        self.visit.base.starts_with("https://")
    }

    fn name(&self) -> &'static str {
        if self.is_secure() { "__Host-forebay-session" } else { "forebay-session" }
    }

    /// What it holds of a session.
    pub(super) fn session(&self) -> Option<Secret> {
        cookie(&self.headers, self.name()).filter(|value| !value.is_empty()).map(Secret::new)
    }

    /// Lets it hold a session.
    pub(super) fn keep(&self, response: &mut Response, session: &Secret) {
        set_cookie(response, self.is_secure(), self.name(), session.expose(), "Lax", KEPT_SECONDS);
    }

    /// Takes the session away from it.
    pub(super) fn forget(&self, response: &mut Response) {
        set_cookie(response, self.is_secure(), self.name(), "", "Lax", 0);
    }

    fn attempt_name(&self) -> &'static str {
        if self.is_secure() { "__Host-forebay-attempt" } else { "forebay-attempt" }
    }

    /// The attempt to sign in by an issuer that began here, and where to go afterwards.
    pub(super) fn attempt(&self) -> Option<(String, String)> {
        let (attempt, next) = cookie(&self.headers, self.attempt_name())?.rsplit_once('.')?;
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        Some((attempt.to_owned(), next))
    }

    /// Lets it hold an attempt. It must come along when the issuer sends the browser back.
    pub(super) fn keep_attempt(&self, response: &mut Response, attempt: &str, next: &str) {
        // No browser holds a longer cookie than 4096 bytes.
        let next = if next.len() > 2000 { super::HOME } else { next };
        let text = format!("{attempt}.{}", URL_SAFE_NO_PAD.encode(next));
        set_cookie(response, self.is_secure(), self.attempt_name(), &text, "Lax", ATTEMPT_SECONDS);
    }

    pub(super) fn forget_attempt(&self, response: &mut Response) {
        set_cookie(response, self.is_secure(), self.attempt_name(), "", "Lax", 0);
    }

    pub(super) fn is_filled_in_here(&self, form: Option<&str>) -> bool {
        Csrf::is_right(&self.headers, &self.visit.base, form)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Browser {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::new(visit_of(&parts.extensions, &parts.uri, &parts.headers), &parts.headers))
    }
}

/// Whoever has signed in. Everybody else is sent to the page for that, and comes back from it.
pub(super) struct SignedIn {
    pub(super) caller: Caller,
    pub(super) browser: Browser,
}

impl SignedIn {
    pub(super) fn is_admin(&self) -> bool {
        self.caller.role == Role::Admin
    }
}

impl FromRequestParts<Engine> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, engine: &Engine) -> Result<Self, Response> {
        let Ok(browser) = Browser::from_request_parts(parts, engine).await;
        let found = match browser.session() {
            Some(session) => engine.caller_by_session(&session).await,
            None => Err(Error::Unauthenticated),
        };
        match found {
            Ok(caller) => {
                browser.visit.trail.comes_from(&caller);
                Ok(Self { caller, browser })
            }
            Err(Error::Unauthenticated) => {
                // A form that was sent is lost in any case; the page that it was on is not known.
                let next = if parts.method == axum::http::Method::GET { place(parts) } else { String::new() };
                let query =
                    form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
                Err(Redirect::to(&format!("/sign-in?{query}")).into_response())
            }
            Err(error) => Err(page::failed(error)),
        }
    }
}

fn place(parts: &Parts) -> String {
    parts.uri.path_and_query().map_or_else(String::new, ToString::to_string)
}

/// Where to go after signing in: a page of ours, whatever was asked for.
pub(super) fn next(asked: Option<&str>) -> &str {
    let is_ours = |asked: &&str| {
        ["/integration/ui", "/account", "/administration", "/device", "/history"]
            .iter()
            .any(|ours| asked.starts_with(ours))
    };
    let is_plain = |asked: &&str| !asked.contains(['\\', '\r', '\n']) && !asked.contains("//");
    asked.filter(is_ours).filter(is_plain).unwrap_or(super::HOME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere_after_signing_in() {
        let check = |asked: Option<&str>, expected: &str| assert_eq!(next(asked), expected, "{asked:?}");
        check(None, "/integration/ui/pools");
        check(Some("/integration/ui/pools/1?jobId=2"), "/integration/ui/pools/1?jobId=2");
        check(Some("/account"), "/account");
        check(Some("/administration/users"), "/administration/users");
        for other in
            ["https://evil.example.org", "//evil.example.org", "/\\evil", "/integration/ui//x", "", "/"]
        {
            check(Some(other), "/integration/ui/pools");
        }
    }
}
