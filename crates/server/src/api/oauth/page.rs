//! How a page is sent: with nothing in it that was not sent from here, in no frame, kept by nobody; and how a form
//! proves that it was filled in on a page of ours.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use forebay_core::oauth::{OauthScope, RedirectUri};
use forebay_engine::OauthError;
use uuid::Uuid;

use super::problem;

/// The letters that a form sends back: whoever made the form could read the cookie that they came with.
#[derive(Clone, Debug)]
pub(super) struct Csrf {
    token: Uuid,
    is_secure: bool,
}

/// Nothing that a page has may come from elsewhere, and nobody else may hold it in a frame.
fn policy(nonce: &str, sent_to: Option<&RedirectUri>) -> String {
    // Browsers hold what follows a form to the same rule, and what follows is the client's page.
    let also = sent_to.map_or_else(String::new, |uri| format!(" {}", uri.origin()));
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'{also}; frame-ancestors 'none'; \
         base-uri 'none'"
    )
}

impl Csrf {
    fn name(is_secure: bool) -> &'static str {
        if is_secure { "__Host-forebay-form" } else { "forebay-form" }
    }

    /// The letters of this browser; new ones when it has none.
    pub(super) fn of(headers: &HeaderMap, base: &str) -> Self {
        let is_secure = base.starts_with("https://");
        Self { token: cookie(headers, Self::name(is_secure)).unwrap_or_else(Uuid::new_v4), is_secure }
    }

    /// What a form has in a hidden field.
    pub(super) fn field(&self) -> String {
        self.token.to_string()
    }

    /// Whether a form was filled in on a page of ours.
    pub(super) fn is_right(headers: &HeaderMap, base: &str, field: Option<&str>) -> bool {
        let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
        let sent = field.and_then(|field| Uuid::try_parse(field).ok());
        let kept = cookie(headers, Self::name(base.starts_with("https://")));
        sent.is_some() && sent == kept && site.is_none_or(|site| site == "same-origin")
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<Uuid> {
    for header in headers.get_all(header::COOKIE) {
        for pair in header.to_str().ok()?.split(';') {
            if let Some((key, value)) = pair.trim().split_once('=')
                && key == name
            {
                return Uuid::try_parse(value).ok();
            }
        }
    }
    None
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
    let secure = if csrf.is_secure { "; Secure" } else { "" };
    let name = Csrf::name(csrf.is_secure);
    let cookie = format!("{name}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=3600{secure}", csrf.token);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn a_form_counts_only_with_the_cookie_of_its_page() {
        let token = Uuid::new_v4().to_string();
        let check = |pairs: &[(&'static str, &str)], field: Option<&str>, base: &str, expected: bool| {
            assert_eq!(Csrf::is_right(&headers(pairs), base, field), expected, "{pairs:?} {field:?}");
        };
        let plain = format!("a=b; forebay-form={token}");
        let secure = format!("__Host-forebay-form={token}");
        check(&[("cookie", &plain)], Some(&token), "http://localhost", true);
        check(&[("cookie", &secure)], Some(&token), "https://localhost", true);
        check(&[("cookie", &plain)], Some(&token), "https://localhost", false);
        check(&[("cookie", &plain)], Some(&Uuid::new_v4().to_string()), "http://localhost", false);
        check(&[("cookie", &plain)], None, "http://localhost", false);
        check(&[], Some(&token), "http://localhost", false);
        check(&[("cookie", "forebay-form=")], Some(""), "http://localhost", false);
        let fetched = |site| [("cookie", plain.as_str()), ("sec-fetch-site", site)];
        check(&fetched("same-origin"), Some(&token), "http://localhost", true);
        check(&fetched("cross-site"), Some(&token), "http://localhost", false);
        check(&fetched("same-site"), Some(&token), "http://localhost", false);
    }
}
