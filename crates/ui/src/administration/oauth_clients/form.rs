//! The form of an OAuth client: for a new one, and for what changes.

use std::collections::{BTreeSet, HashMap};

use forebay_core::error::{Error, Result};
use forebay_core::name::Name;
use forebay_core::oauth::{OauthClient, OauthScope, RedirectUri};
use forebay_engine::{NewClient, OauthClientChange};
use serde::Deserialize;

use forebay_api::redirect_uris;

/// The fields as they are filled in.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::administration) struct ClientForm {
    pub(super) name: String,
    /// `public` for a client without a secret.
    pub(super) kind: String,
    /// One a line.
    pub(super) redirect_uris: String,
    /// Empty: as long as the server's setting says.
    pub(super) access_token_seconds: String,
    /// The scopes, by their names.
    #[serde(flatten)]
    ticked: HashMap<String, String>,
}

/// A scope, to be ticked.
pub(super) struct Offered {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) is_ticked: bool,
}

impl ClientForm {
    /// What an error can name.
    pub(super) const FIELDS: [&str; 4] = ["name", "scopes", "redirectUris", "accessTokenSeconds"];

    pub(super) fn of(client: &OauthClient) -> Self {
        let lines: Vec<&str> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
        Self {
            name: client.name.to_string(),
            kind: String::new(),
            redirect_uris: lines.join("\n"),
            access_token_seconds: client
                .access_token_seconds
                .map(|seconds| seconds.to_string())
                .unwrap_or_default(),
            ticked: client.scopes.iter().map(|scope| (scope.as_str().to_owned(), "on".to_owned())).collect(),
        }
    }

    pub(super) fn is_public(&self) -> bool {
        self.kind == "public"
    }

    pub(super) fn offered(&self) -> Vec<Offered> {
        let offered = |scope: OauthScope| Offered {
            name: scope.as_str(),
            meaning: scope.meaning(),
            is_ticked: self.ticked.contains_key(scope.as_str()),
        };
        OauthScope::ALL.map(offered).into()
    }

    fn scopes(&self) -> BTreeSet<OauthScope> {
        OauthScope::ALL.into_iter().filter(|scope| self.ticked.contains_key(scope.as_str())).collect()
    }

    fn redirects(&self) -> Result<Vec<RedirectUri>> {
        let lines = self.redirect_uris.lines().map(str::trim).filter(|line| !line.is_empty());
        redirect_uris(&lines.map(str::to_owned).collect::<Vec<_>>())
    }

    fn seconds(&self) -> Result<Option<u32>> {
        let text = self.access_token_seconds.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let reason = "must be a whole number of seconds, or empty for the server's setting";
        text.parse().map(Some).map_err(|_| Error::invalid("accessTokenSeconds", reason))
    }

    pub(super) fn new_client(&self) -> Result<NewClient> {
        Ok(NewClient {
            name: Name::parse("name", &self.name)?,
            has_secret: !self.is_public(),
            scopes: self.scopes(),
            redirect_uris: self.redirects()?,
            access_token_seconds: self.seconds()?,
        })
    }

    pub(super) fn change(&self) -> Result<OauthClientChange> {
        Ok(OauthClientChange {
            name: Some(Name::parse("name", &self.name)?),
            scopes: Some(self.scopes()),
            redirect_uris: Some(self.redirects()?),
            access_token_seconds: Some(self.seconds()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_client_and_names_the_field_that_is_wrong() {
        let form = ClientForm {
            name: "Nightly".to_owned(),
            kind: "public".to_owned(),
            redirect_uris: "https://a.example.org/cb\r\n\r\n http://localhost/cb \r\n".to_owned(),
            access_token_seconds: " 60 ".to_owned(),
            ticked: [("studio".to_owned(), "on".to_owned()), ("other".to_owned(), "on".to_owned())].into(),
        };
        let client = form.new_client().unwrap();
        assert!(!client.has_secret);
        assert_eq!(client.scopes, [OauthScope::Studio].into());
        assert_eq!(client.redirect_uris.len(), 2);
        assert_eq!(client.access_token_seconds, Some(60));
        let check = |form: ClientForm, expected: &str| {
            let error = form.new_client().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(form.change().is_err());
        };
        check(ClientForm { name: String::new(), ..form.clone() }, "name: ");
        check(
            ClientForm { redirect_uris: "https://a\nftp://b".to_owned(), ..form.clone() },
            "redirectUris[1]: ",
        );
        check(ClientForm { access_token_seconds: "1h".to_owned(), ..form }, "accessTokenSeconds: ");
    }
}
