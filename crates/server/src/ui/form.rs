//! Forms, as browsers send them.

use axum::extract::{FromRequest, Request};
use axum::response::Response;
use forebay_core::error::{Error, Result as Outcome};
use forebay_core::job::Activation;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::page;
use super::session::Browser;

/// What every form has in it.
#[derive(Deserialize)]
struct Sealed<T> {
    form: Option<String>,
    #[serde(flatten)]
    fields: T,
}

/// The fields of a form that is a button alone.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// To switch something on or off.
#[derive(Deserialize)]
pub(super) struct ActivationForm {
    activation: String,
}

impl ActivationForm {
    pub(super) fn activation(&self) -> Outcome<Activation> {
        match self.activation.as_str() {
            "ENABLED" => Ok(Activation::Enabled),
            "DISABLED" => Ok(Activation::Disabled),
            _ => Err(Error::invalid("activation", "must be ENABLED or DISABLED")),
        }
    }
}

/// A form that was filled in on a page of ours.
pub(super) struct Filled<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Filled<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let browser = Browser::of(&request);
        let read = axum::extract::Form::<Sealed<T>>::from_request(request, state).await;
        let Ok(axum::extract::Form(Sealed { form, fields })) = read else {
            return Err(page::failed(Error::invalid("form", "cannot be read; go back and fill it in again")));
        };
        if !browser.is_filled_in_here(form.as_deref()) {
            let text = "is too old or was not filled in here; go back, load the page again, and repeat it";
            return Err(page::failed(Error::invalid("form", text)));
        }
        Ok(Self(fields))
    }
}
