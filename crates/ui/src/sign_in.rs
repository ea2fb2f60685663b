//! Signing in and out.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::Error;
use forebay_core::secret::Secret;
use forebay_engine::{Engine, NewSession, SignInError};
use serde::Deserialize;

use super::form::{Filled, Nothing};
use super::oidc::Way;
use super::page::{self, Frame, Shown};
use super::session::{Browser, SignedIn, next};
use crate::issuer::Provider;

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage<'a> {
    frame: Frame,
    next: &'a str,
    name: &'a str,
    way: Option<Way>,
    fault: Option<String>,
}

/// What the page for signing in shows.
pub(super) struct SignIn<'a> {
    /// Where to go afterwards.
    pub(super) next: &'a str,
    /// The name that was filled in.
    pub(super) name: &'a str,
    pub(super) fault: Option<String>,
}

impl SignIn<'_> {
    pub(super) fn shown(
        self,
        browser: &Browser,
        provider: Option<&Provider>,
        status: StatusCode,
    ) -> Response {
        let Self { next, name, fault } = self;
        let way = provider.map(|provider| Way::of(provider, next));
        let page = SignInPage { frame: Frame::without_caller(browser), next, name, way, fault };
        page::shown(&page, status, browser)
    }
}

/// Says that somebody is still signed in at the issuer, and leads there.
#[derive(Template)]
#[template(path = "signed-out.html")]
struct SignedOutPage<'a> {
    frame: Frame,
    name: &'a str,
    place: &'a str,
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    frame: Frame,
    link: &'a str,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub(super) struct Next {
    pub(super) next: Option<String>,
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

pub(super) async fn sign_in_page(
    Extension(provider): Extension<Option<Provider>>,
    browser: Browser,
    Query(asked): Query<Next>,
) -> Response {
    let page = SignIn { next: next(asked.next.as_deref()), name: "", fault: None };
    page.shown(&browser, provider.as_ref(), StatusCode::OK)
}

pub(super) async fn sign_in(
    State(engine): State<Engine>,
    Extension(provider): Extension<Option<Provider>>,
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
    let page = SignIn { next, name, fault: Some(error.to_string()) };
    Ok(page.shown(&browser, provider.as_ref(), status))
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
    Extension(provider): Extension<Option<Provider>>,
    browser: Browser,
    // For the audit log.
    _who: Result<SignedIn, Response>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let is_of_issuer = match browser.session() {
        Some(session) => engine.sign_out(&session).await?,
        None => false,
    };
    let back = format!("{}/sign-in", browser.visit.base);
    let place = match provider.as_ref().filter(|_| is_of_issuer) {
        Some(provider) => provider.end_session(&back).await.map(|place| (provider.name(), place)),
        None => None,
    };
    let mut response = match place {
        Some((name, place)) => {
            let page = SignedOutPage { frame: Frame::without_caller(&browser), name, place: &place };
            let mut response = page::shown(&page, StatusCode::OK, &browser);
            // A form must not lead to another site, so a page goes on there by itself.
            if let Ok(refresh) = HeaderValue::try_from(format!("0; url={place}")) {
                response.headers_mut().insert(header::REFRESH, refresh);
            }
            response
        }
        None => Redirect::to("/sign-in").into_response(),
    };
    browser.forget(&mut response);
    Ok(response)
}

pub(super) fn signed_in(browser: &Browser, session: &NewSession, next: &str) -> Response {
    browser.visit.trail.signs_in(session.user);
    let mut response = Redirect::to(next).into_response();
    browser.keep(&mut response, &session.secret);
    response
}
