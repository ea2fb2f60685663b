//! Signing in and out.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::Error;
use forebay_core::secret::Secret;
use forebay_engine::{Engine, NewSession, SignInError};
use serde::Deserialize;

use super::form::{Filled, Nothing};
use super::page::{self, Frame, Shown};
use super::session::{Browser, next};

#[derive(Template)]
#[template(path = "ui/sign-in.html")]
struct SignInPage<'a> {
    frame: Frame,
    next: &'a str,
    name: &'a str,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "ui/link.html")]
struct LinkPage<'a> {
    frame: Frame,
    link: &'a str,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

/// What is filled in: a name and a password, or a key.
#[derive(Deserialize)]
pub(super) struct SignInForm {
    next: Option<String>,
    name: Option<String>,
    password: Option<Secret>,
    key: Option<Secret>,
}

#[derive(Deserialize)]
pub(super) struct Link {
    link: Option<String>,
}

pub(super) async fn sign_in_page(browser: Browser, Query(asked): Query<Next>) -> Response {
    let frame = Frame::without_caller(&browser);
    let page = SignInPage { frame, next: next(asked.next.as_deref()), name: "", fault: None };
    page::shown(&page, StatusCode::OK, &browser)
}

pub(super) async fn sign_in(
    State(engine): State<Engine>,
    browser: Browser,
    Filled(form): Filled<SignInForm>,
) -> Shown {
    let name = form.name.as_deref().unwrap_or_default();
    let filled = |secret: Option<Secret>| secret.filter(|secret| !secret.expose().trim().is_empty());
    let done = match filled(form.key) {
        Some(key) => engine.sign_in_by_key(&key, &browser.visit).await,
        None => {
            let password = form.password.unwrap_or_else(|| Secret::new(""));
            engine.sign_in_by_password(name, &password, &browser.visit).await
        }
    };
    let next = next(form.next.as_deref());
    let error = match done {
        Ok(session) => return Ok(signed_in(&browser, &session, next)),
        Err(SignInError::Failed(error)) => return Err(error.into()),
        Err(error) => error,
    };
    let status = match error {
        SignInError::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::UNAUTHORIZED,
    };
    let frame = Frame::without_caller(&browser);
    let page = SignInPage { frame, next, name, fault: Some(error.to_string()) };
    Ok(page::shown(&page, status, &browser))
}

/// A link asks first: programs that look at links in messages must not use it up.
pub(super) async fn link_page(browser: Browser, Query(asked): Query<Link>) -> Response {
    let frame = Frame::without_caller(&browser);
    let link = asked.link.as_deref().unwrap_or_default();
    page::shown(&LinkPage { frame, link }, StatusCode::OK, &browser)
}

pub(super) async fn sign_in_by_link(
    State(engine): State<Engine>,
    browser: Browser,
    Filled(form): Filled<Link>,
) -> Shown {
    let link = Secret::new(form.link.unwrap_or_default());
    match engine.sign_in_by_link(&link, &browser.visit).await {
        // To set a password before anything else.
        Ok(session) => Ok(signed_in(&browser, &session, "/account")),
        Err(SignInError::Failed(error)) => Err(error.into()),
        Err(error) => Err(Error::invalid("link", error.to_string()).into()),
    }
}

pub(super) async fn sign_out(
    State(engine): State<Engine>,
    browser: Browser,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    if let Some(session) = browser.session() {
        engine.sign_out(&session).await?;
    }
    let mut response = Redirect::to("/sign-in").into_response();
    browser.forget(&mut response);
    Ok(response)
}

fn signed_in(browser: &Browser, session: &NewSession, next: &str) -> Response {
    let mut response = Redirect::to(next).into_response();
    browser.keep(&mut response, &session.secret);
    response
}
