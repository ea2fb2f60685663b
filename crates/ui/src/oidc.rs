//! Signing in by an issuer of OpenID Connect: there, and back.
//!
//! Both ways are plain links: a form must not lead to another site. What comes back counts only in the browser that
//! began, once, and leads to a page of ours.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::{Error, Kind};
use forebay_engine::{Engine, NewSession, OidcError};
use serde::Deserialize;

use super::page::{self, Shown};
use super::session::{Browser, next};
use super::sign_in::{Next, SignIn, signed_in};
use crate::issuer::{Fault, Provider};

/// Where an attempt begins.
pub(super) const BEGIN: &str = "/sign-in/oidc";
/// Where the issuer sends the browser back to: the address that is registered there.
pub(super) const CALLBACK: &str = "/sign-in/oidc/callback";

/// The way to the issuer, on the page for signing in.
pub(super) struct Way {
    pub(super) name: String,
    pub(super) place: String,
}

impl Way {
    pub(super) fn of(provider: &Provider, next: &str) -> Self {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        Self { name: provider.name().to_owned(), place: format!("{BEGIN}?{query}") }
    }
}

/// What the issuer sends back.
#[derive(Deserialize)]
pub(super) struct Answer {
    code: Option<String>,
    state: Option<String>,
    /// Who sends it, where an issuer says that.
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

pub(super) async fn begin(
    State(engine): State<Engine>,
    Extension(provider): Extension<Option<Provider>>,
    browser: Browser,
    Query(asked): Query<Next>,
) -> Response {
    let Some(provider) = provider else { return nowhere(BEGIN) };
    let next = next(asked.next.as_deref());
    let attempt = engine.begin_oidc();
    match provider.begin(&attempt, &back(&browser)).await {
        Ok(url) => {
            let mut response = Redirect::to(&url).into_response();
            browser.keep_attempt(&mut response, &attempt.to_text(), next);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(fault) => refused(&browser, &provider, next, &fault),
    }
}

pub(super) async fn come_back(
    State(engine): State<Engine>,
    Extension(provider): Extension<Option<Provider>>,
    browser: Browser,
    Query(answer): Query<Answer>,
) -> Shown {
    let Some(provider) = provider else { return Ok(nowhere(CALLBACK)) };
    let (attempt, kept) = browser.attempt().unwrap_or_default();
    let next = next(Some(&kept));
    let mut response = match finish(&engine, &provider, &browser, &attempt, answer).await {
        Ok(session) => signed_in(&browser, &session, next),
        Err(Fault::Refused(OidcError::Failed(error))) => return Err(error.into()),
        // Another site may have sent the browser here: the attempt that goes on is not its to end.
        Err(fault @ Fault::Refused(OidcError::Attempt)) => {
            return Ok(refused(&browser, &provider, next, &fault));
        }
        Err(fault) => refused(&browser, &provider, next, &fault),
    };
    browser.forget_attempt(&mut response);
    Ok(response)
}

async fn finish(
    engine: &Engine,
    provider: &Provider,
    browser: &Browser,
    attempt: &str,
    answer: Answer,
) -> Result<NewSession, Fault> {
    if !provider.is_from(answer.iss.as_deref()) {
        return Err(OidcError::Attempt.into());
    }
    let attempt = engine.resume_oidc(attempt, answer.state.as_deref().unwrap_or_default())?;
    match (answer.error, answer.code) {
        (Some(error), _) => Err(why_no_code(&error)),
        (None, Some(code)) => provider.sign_in(engine, &attempt, &code, &back(browser)).await,
        (None, None) => {
            Err(Fault::Issuer("the issuer sent neither a code nor a reason. Sign in again.".to_owned()))
        }
    }
}

/// Why an issuer gives no code, in words. What it writes beside its code is not shown: whoever makes a link makes it.
fn why_no_code(code: &str) -> Fault {
    match code {
        "access_denied" => Fault::Denied(
            "the issuer has not let you in, or you have refused. Sign in again, or ask an administrator to let you in \
             there.",
        ),
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            Fault::Denied("the issuer wants something of you first. Sign in again and answer what it asks.")
        }
        "temporarily_unavailable" | "server_error" => {
            Fault::Issuer("the issuer has a trouble of its own. Try again in a while.".to_owned())
        }
        "invalid_scope" => Fault::Issuer(
            "the issuer does not give what is asked for. An administrator changes --oidc-scopes.".to_owned(),
        ),
        _ => Fault::Issuer(
            "the issuer does not take the question. An administrator compares the client there with \
             --oidc-client-id, and its return address with that of this server, ending in /sign-in/oidc/callback."
                .to_owned(),
        ),
    }
}

fn refused(browser: &Browser, provider: &Provider, next: &str, fault: &Fault) -> Response {
    if let Fault::Refused(error) = fault {
        browser.visit.trail.fails_to_sign_in(None);
        let reason = error.reason();
        tracing::warn!(peer = ?browser.visit.peer, reason, "a sign-in by the issuer was refused");
    }
    let page = SignIn { next, name: "", fault: Some(fault.text(provider.name())) };
    page.shown(browser, Some(provider), fault.status())
}

fn back(browser: &Browser) -> String {
    format!("{}{CALLBACK}", browser.visit.base)
}

fn nowhere(path: &str) -> Response {
    page::failed(Error::not_found(Kind::Path, path))
}
