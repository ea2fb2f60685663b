//! The page on which a user types the code that a device shows, and allows what it asks for.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use forebay_core::secret::Secret;
use forebay_engine::{AskedByDevice, Engine, OauthError};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use super::form::{OauthForm, filled};
use super::page::{self, Headers, ShownScope};
use super::problem;
use super::visit::Visitor;
use crate::csrf::Csrf;

/// Which device is meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeviceQuery {
    /// The code that it shows.
    code: Option<String>,
}

/// What a user has filled in.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DeviceConsentForm {
    /// The code that the device shows.
    code: Option<String>,
    /// What the page had in it.
    form: Option<String>,
    /// An API key of the user.
    #[schema(value_type = Option<String>)]
    key: Option<Secret>,
    /// `allow` or `refuse`.
    decision: Option<String>,
}

#[derive(Template)]
#[template(path = "oauth/code.html")]
struct CodePage<'a> {
    nonce: &'a str,
    fault: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "oauth/device.html")]
struct DevicePage<'a> {
    nonce: &'a str,
    client: String,
    code: String,
    scopes: Vec<ShownScope>,
    form: String,
    fault: Option<String>,
}

fn code_page(fault: Option<&str>, csrf: &Csrf) -> Response {
    let nonce = page::nonce();
    let status = if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    page::form(&CodePage { nonce: &nonce, fault }, &nonce, status, csrf, None)
}

fn device_page(asked: &AskedByDevice, csrf: &Csrf, fault: Option<&OauthError>) -> Response {
    let nonce = page::nonce();
    let page = DevicePage {
        nonce: &nonce,
        client: asked.client.to_string(),
        code: asked.user_code.clone(),
        scopes: page::shown(&asked.scopes),
        form: csrf.field(),
        fault: fault.map(ToString::to_string),
    };
    let status = fault.map_or(StatusCode::OK, problem::status);
    let mut response = page::form(&page, &nonce, status, csrf, None);
    if let Some(fault) = fault {
        problem::add_pause(&mut response, fault);
    }
    response
}

const NO_SUCH_CODE: &str = "no program waits with this code; look whether it is typed right, or begin anew";

/// The page on which a user allows what a device asks for.
#[utoipa::path(
    get, path = "", tag = TAG, params(DeviceQuery),
    responses(
        (status = 200, description = "A page for a browser.", content_type = "text/html", body = String),
        (status = 400, description = "The page again: no device shows this code.", content_type = "text/html", body = String),
        (status = 429, description = "Too many wrong codes; Retry-After says how long to wait.", content_type = "text/html", body = String),
    )
)]
pub(crate) async fn device_login(
    State(engine): State<Engine>,
    Visitor(visit): Visitor,
    Headers(headers): Headers,
    query: Result<axum::extract::Query<DeviceQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let csrf = Csrf::of(&headers, &visit.base);
    let code = match query {
        Ok(axum::extract::Query(query)) => filled(query.code),
        Err(error) => return page::failure(&OauthError::InvalidRequest(error.body_text())),
    };
    let Some(code) = code else { return code_page(None, &csrf) };
    match engine.asked_by_device(&code, &visit).await {
        Ok(Some(asked)) => device_page(&asked, &csrf, None),
        Ok(None) => code_page(Some(NO_SUCH_CODE), &csrf),
        Err(error) => page::failure(&error),
    }
}

/// What a user has decided on the page.
#[utoipa::path(
    post, path = "", tag = TAG,
    request_body(content = DeviceConsentForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page for a browser.", content_type = "text/html", body = String),
        (status = 400, description = "A page that says what is wrong.", content_type = "text/html", body = String),
        (status = 403, description = "The page again: the key is not right.", content_type = "text/html", body = String),
        (status = 429, description = "Too many wrong keys or codes; Retry-After says how long to wait.", content_type = "text/html", body = String),
    )
)]
pub(crate) async fn decide_device_login(
    State(engine): State<Engine>,
    Visitor(visit): Visitor,
    Headers(headers): Headers,
    form: Result<OauthForm<DeviceConsentForm>, problem::OauthProblem>,
) -> Response {
    let form = match form {
        Ok(OauthForm(form)) => form,
        Err(problem::OauthProblem(error)) => return page::failure(&error),
    };
    if !Csrf::is_right(&headers, &visit.base, form.form.as_deref()) {
        let text =
            "the form did not come from this server's page, or the page was open for too long; open it anew";
        return page::failure(&OauthError::InvalidRequest(text.to_owned()));
    }
    let csrf = Csrf::of(&headers, &visit.base);
    let (code, key) = (form.code.unwrap_or_default(), form.key.unwrap_or_default());
    let is_allowed = form.decision.as_deref() == Some("allow");
    match engine.decide_device_login(&code, &key, is_allowed, &visit).await {
        Ok(()) if is_allowed => page::message(
            StatusCode::OK,
            "Allowed",
            "The program goes on by itself within seconds. You can close this page.",
        ),
        Ok(()) => {
            page::message(StatusCode::OK, "Refused", "The program gets nothing. You can close this page.")
        }
        Err(OauthError::ExpiredToken) => code_page(Some(NO_SUCH_CODE), &csrf),
        Err(fault @ (OauthError::NotSignedIn | OauthError::Throttled(_))) => {
            match engine.asked_by_device(&code, &visit).await {
                Ok(Some(asked)) => device_page(&asked, &csrf, Some(&fault)),
                Ok(None) => code_page(Some(NO_SUCH_CODE), &csrf),
                Err(error) => page::failure(&error),
            }
        }
        Err(error) => page::failure(&error),
    }
}
