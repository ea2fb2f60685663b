//! Where everything is at an issuer, as it says itself (OpenID Connect Discovery 1.0).

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::http::Http;

/// How a client proves itself when an issuer does not say it.
const BASIC: &str = "client_secret_basic";

/// What an issuer says of itself.
#[derive(Deserialize)]
struct Said {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The addresses of an issuer, each of which may be asked.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) keys: Url,
    pub(super) user_info: Option<Url>,
    pub(super) end_session: Option<Url>,
    /// Whether the client's secret is taken in a header, and not in the form.
    pub(super) takes_basic: bool,
}

impl Metadata {
    /// What an issuer says of itself, if it is this one.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(super) fn checked(said: &Map<String, Value>, issuer: &str, http: &Http) -> Result<Self, String> {
        let said: Said = Said::deserialize(said).map_err(|error| {
            format!("what the issuer says of itself is not whole ({error}). Compare --oidc-issuer with its documentation.")
        })?;
        if said.issuer != issuer {
            return Err(format!(
                "the issuer calls itself `{}`, and here it is called `{issuer}`. Set --oidc-issuer to the former, \
                 letter by letter, if that is the one that is meant.",
                shortened(&said.issuer)
            ));
        }
        let address = |name: &str, text: &str| {
            http.address(text).ok_or_else(|| {
                format!(
                    "the issuer's {name} `{}` is no address of https, so it is not used.",
                    shortened(text)
                )
            })
        };
        let optional = |name: &str, text: Option<String>| text.map(|text| address(name, &text)).transpose();
        let methods = said.token_endpoint_auth_methods_supported;
        Ok(Self {
            authorization: address("authorization_endpoint", &said.authorization_endpoint)?,
            token: address("token_endpoint", &said.token_endpoint)?,
            keys: address("jwks_uri", &said.jwks_uri)?,
            user_info: optional("userinfo_endpoint", said.userinfo_endpoint)?,
            end_session: optional("end_session_endpoint", said.end_session_endpoint)?,
            takes_basic: methods.is_none_or(|methods| methods.iter().any(|method| method == BASIC)),
        })
    }
}

/// As much of a text of somebody else as a sentence takes.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://login.example.org";

    fn said(changes: Value) -> Map<String, Value> {
        let at = |path: &str| format!("{ISSUER}{path}");
        let said = json!({
            "issuer": ISSUER, "authorization_endpoint": at("/authorize?realm=main"), "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"), "end_session_endpoint": at("/logout"),
        });
        let (Value::Object(mut said), Value::Object(changes)) = (said, changes) else {
            panic!("two objects")
        };
        said.extend(changes);
        said
    }

    #[test]
    fn an_issuer_is_the_one_that_is_set_and_has_addresses_that_may_be_asked() {
        let http = Http::new(ISSUER, None, Duration::from_secs(1)).unwrap();
        let good = Metadata::checked(&said(json!({})), ISSUER, &http).unwrap();
        assert_eq!(good.authorization.as_str(), "https://login.example.org/authorize?realm=main");
        assert!(good.takes_basic && good.user_info.is_none() && good.end_session.is_some());
        let methods = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
        assert!(!Metadata::checked(&said(methods), ISSUER, &http).unwrap().takes_basic);
        let check = |changes: Value, expected: &str| {
            let refused = Metadata::checked(&said(changes.clone()), ISSUER, &http).unwrap_err();
            assert!(refused.contains(expected), "{changes}: {refused}");
        };
        check(json!({"issuer": "https://login.example.org/"}), "Set --oidc-issuer to the former");
        check(json!({"token_endpoint": null}), "not whole");
        check(json!({"token_endpoint": "http://login.example.org/token"}), "token_endpoint");
        check(json!({"jwks_uri": "http://127.0.0.1/keys"}), "jwks_uri");
        check(json!({"end_session_endpoint": "javascript:alert(1)"}), "end_session_endpoint");
        check(json!({"authorization_endpoint": "//login.example.org"}), "authorization_endpoint");
    }
}
