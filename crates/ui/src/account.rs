//! One's own password and keys.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::Key;
use forebay_core::error::Error;
use forebay_core::id::KeyId;
use forebay_core::name::Name;
use forebay_core::secret::Secret;
use forebay_engine::{Engine, NewKey};
use serde::Deserialize;

use super::form::{Filled, Nothing};
use super::page::{self, At, Frame, Shown};
use super::session::SignedIn;
use super::words::{day, moment};
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    has_password: bool,
    keys: Vec<KeyRow>,
    /// A key that was just made, to be shown once.
    new_key: Option<String>,
    fault: Option<String>,
}

/// A key, without its text.
pub(super) struct KeyRow {
    pub(super) id: KeyId,
    pub(super) name: String,
    pub(super) made: String,
    pub(super) used: String,
}

impl KeyRow {
    pub(super) fn of(key: &Key) -> Self {
        Self {
            id: key.id,
            name: key.name.to_string(),
            made: day(key.created_at),
            used: key.last_used_at.map_or_else(|| "never".to_owned(), moment),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    before: Option<Secret>,
    password: Option<Secret>,
    again: Option<Secret>,
}

#[derive(Deserialize)]
pub(super) struct KeyForm {
    name: Option<String>,
}

pub(super) async fn account(State(engine): State<Engine>, signed_in: SignedIn) -> Shown {
    shown(&engine, &signed_in, None, None).await
}

pub(super) async fn set_password(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<PasswordForm>,
) -> Shown {
    let empty = || Secret::new("");
    let (password, again) = (form.password.unwrap_or_else(empty), form.again.unwrap_or_else(empty));
    let session = signed_in.browser.session().ok_or(Error::Unauthenticated)?;
    let done = if password.expose() == again.expose() {
        engine.set_password(&signed_in.caller, form.before.as_ref(), &password, &session).await
    } else {
        Err(Error::invalid("again", "is not the same password"))
    };
    match done {
        Ok(()) => Ok(Redirect::to("/account").into_response()),
        Err(fault) => shown(&engine, &signed_in, None, Some(fault.into())).await,
    }
}

pub(super) async fn create_key(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<KeyForm>,
) -> Shown {
    let made = async {
        let name = Name::parse("name", form.name.as_deref().unwrap_or_default())?;
        engine.create_key(&signed_in.caller, None, name).await
    };
    match made.await {
        Ok(made) => shown(&engine, &signed_in, Some(made), None).await,
        Err(fault) => shown(&engine, &signed_in, None, Some(fault.into())).await,
    }
}

pub(super) async fn delete_key(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(key): At<KeyId>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    engine.delete_key(&signed_in.caller, key).await?;
    Ok(Redirect::to("/account").into_response())
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    new_key: Option<NewKey>,
    fault: Option<Problem>,
) -> Result<Response, page::Failed> {
    let caller = &signed_in.caller;
    let keys = engine.keys(caller).await?;
    let page = AccountPage {
        frame: Frame::of(signed_in),
        has_password: engine.has_password(caller).await?,
        // An administrator sees everybody's; here are their own.
        keys: keys.iter().filter(|key| key.owner == caller.subject).map(KeyRow::of).collect(),
        new_key: new_key.map(|made| made.secret.expose().to_owned()),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}
