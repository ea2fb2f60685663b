//! Forms, as browsers send them.

use axum::extract::{FromRequest, Request};
use axum::response::Response;
use forebay_core::error::{Error, Result as Outcome};
use forebay_core::job::Activation;
use forebay_core::name::Name;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::page;
use super::session::Browser;
use forebay_api::Upload;

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

/// What must be typed to delete something for good: its name.
#[derive(Deserialize)]
pub(super) struct TypedName {
    name: Option<String>,
}

impl TypedName {
    /// `kind` is what has the name.
    ///
    /// # Errors
    /// `Invalid` for another name.
    pub(super) fn is(&self, name: &Name, kind: &str) -> Outcome<()> {
        match self.name.as_deref().map(str::trim) == Some(name.as_str()) {
            true => Ok(()),
            false => Err(Error::invalid("name", format!("is not that of this {kind}"))),
        }
    }
}

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
        filled_in_here(&browser, form.as_deref()).map_err(page::failed)?;
        Ok(Self(fields))
    }
}

/// The file of a form that was filled in on a page of ours; empty when none was chosen. It is as large as an upload to
/// the API may be.
pub(super) struct FilledFile(pub(super) Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for FilledFile {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let browser = Browser::of(&request);
        let check = |form: Option<&str>| Ok(filled_in_here(&browser, form)?);
        let Upload(file) = Upload::behind(request, "form", check).await.map_err(page::failed)?;
        Ok(Self(file))
    }
}

fn filled_in_here(browser: &Browser, form: Option<&str>) -> Outcome<()> {
    match browser.is_filled_in_here(form) {
        true => Ok(()),
        false => {
            let text = "is too old or was not filled in here; go back, load the page again, and repeat it";
            Err(Error::invalid("form", text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_is_typed_as_it_is_called() {
        let typed = |text: &str| TypedName { name: Some(text.to_owned()) };
        let name = Name::parse("name", "Ada").unwrap();
        typed(" Ada ").is(&name, "user").unwrap();
        for wrong in [typed("ada"), typed(""), TypedName { name: None }] {
            assert_eq!(wrong.is(&name, "user").unwrap_err().to_string(), "name: is not that of this user");
        }
    }
}
