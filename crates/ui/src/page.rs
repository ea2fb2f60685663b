//! How a page is sent, and what is around all of them.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::assets;
use super::session::{Browser, SignedIn};
use forebay_api::trail::ErrorCode;
use forebay_api::{Path, Problem};

/// Nothing of a page may come from elsewhere, nothing in it is run or styled but our own files, and nobody else may
/// hold it in a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What is around a page: who sees it, and the letters for its forms.
pub(super) struct Frame {
    pub(super) who: Option<String>,
    /// Whether there is more to do for them than in pools.
    pub(super) is_admin: bool,
    pub(super) form: String,
    pub(super) version: &'static str,
}

impl Frame {
    pub(super) fn of(signed_in: &SignedIn) -> Self {
        Self {
            who: Some(signed_in.caller.name.to_string()),
            is_admin: signed_in.is_admin(),
            ..Self::without_caller(&signed_in.browser)
        }
    }

    pub(super) fn without_caller(browser: &Browser) -> Self {
        Self { who: None, is_admin: false, form: browser.csrf.field(), version: assets::VERSION }
    }
}

/// Sends a page with forms.
pub(super) fn shown(page: &impl Template, status: StatusCode, browser: &Browser) -> Response {
    let mut response = sent(page, status);
    browser.csrf.keep(&mut response);
    response
}

/// The status of a page that says what was wrong with one of its forms.
pub(super) fn status_for(fault: Option<&Problem>) -> StatusCode {
    fault.map_or(StatusCode::OK, Problem::status)
}

#[derive(Template)]
#[template(path = "failure.html")]
struct Failure {
    frame: Frame,
    title: &'static str,
    text: String,
}

/// Tells a person what went wrong, on a page of its own.
pub(super) fn failed(problem: impl Into<Problem>) -> Response {
    let problem = problem.into();
    let status = problem.status();
    if let (Problem::Error(error), true) = (&problem, status.is_server_error()) {
        tracing::error!(error = error as &dyn std::error::Error, "a page failed");
    }
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "No permission",
        StatusCode::CONFLICT => "Not now",
        _ if status.is_server_error() => "Something went wrong",
        _ => "This did not work",
    };
    let frame = Frame { who: None, is_admin: false, form: String::new(), version: assets::VERSION };
    let mut response = sent(&Failure { frame, title, text: problem.detail() }, status);
    response.extensions_mut().insert(ErrorCode(problem.code()));
    response
}

fn sent(page: &impl Template, status: StatusCode) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a page cannot be made");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = (status, Html(html)).into_response();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The ids of a page's address; a page that says so when they are none.
pub(super) struct At<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for At<T>
where
    S: Send + Sync,
    Path<T>: FromRequestParts<S, Rejection = Problem>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(problem) => Err(failed(problem)),
        }
    }
}

/// What a handler of a page answers.
pub(super) type Shown = Result<Response, Failed>;

/// What gets a page of its own.
pub(super) struct Failed(Problem);

impl<T: Into<Problem>> From<T> for Failed {
    fn from(problem: T) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        failed(self.0)
    }
}
