//! What clients send to the token endpoint: a form, and perhaps their name and secret in a header.

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forebay_core::secret::Secret;
use forebay_engine::{ClientProof, OauthError};
use serde::de::DeserializeOwned;

use super::problem::OauthProblem;

/// A form in which no field comes twice.
pub(crate) struct OauthForm<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OauthForm<T> {
    type Rejection = OauthProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, OauthProblem> {
        match Form::<T>::from_request(request, state).await {
            Ok(Form(form)) => Ok(Self(form)),
            Err(rejection) => {
                let text = format!("send application/x-www-form-urlencoded: {}", rejection.body_text());
                Err(OauthError::InvalidRequest(text).into())
            }
        }
    }
}

/// A field; an empty one is as good as none.
pub(super) fn filled(field: Option<String>) -> Option<String> {
    field.filter(|text| !text.is_empty())
}

/// The same of a secret.
pub(super) fn filled_secret(field: Option<Secret>) -> Option<Secret> {
    field.filter(|secret| !secret.expose().is_empty())
}

/// Name and secret in the header, as they were written.
pub(crate) struct BasicCredentials(Option<(String, Secret)>);

impl<S: Send + Sync> FromRequestParts<S> for BasicCredentials {
    type Rejection = OauthProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, OauthProblem> {
        Ok(Self(basic(&parts.headers)?))
    }
}

fn basic(headers: &HeaderMap) -> Result<Option<(String, Secret)>, OauthProblem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let read = || {
        let (scheme, encoded) = value.to_str().ok()?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((id.to_owned(), Secret::new(secret)))
    };
    match read() {
        Some(read) => Ok(Some(read)),
        None => Err(OauthError::InvalidClient.into()),
    }
}

impl BasicCredentials {
    /// Who asks, by the header or by the fields of the form. Some clients encode what they put into the header, as
    /// RFC 6749 says, and some do not: it is read both ways, first as it stands.
    pub(super) fn proof(
        self,
        id: Option<String>,
        secret: Option<Secret>,
    ) -> Result<ClientProof, OauthProblem> {
        let (id, secret) = (filled(id), filled_secret(secret));
        let Some((name, password)) = self.0 else {
            let missing = || OauthError::InvalidRequest("client_id is missing".to_owned());
            return Ok(ClientProof { readings: vec![(id.ok_or_else(missing)?, secret)] });
        };
        if secret.is_some() {
            let text = "the client proves itself twice; send its secret in the header or in the form";
            return Err(OauthError::InvalidRequest(text.to_owned()).into());
        }
        let encoded = (decoded(&name), Some(Secret::new(decoded(password.expose()))));
        let plain = (name, Some(password));
        let mut readings = vec![plain];
        if readings[0] != encoded {
            readings.push(encoded);
        }
        if let Some(id) = id
            && !readings.iter().any(|(name, _)| *name == id)
        {
            let text = "client_id in the form is another one than in the header";
            return Err(OauthError::InvalidRequest(text.to_owned()).into());
        }
        Ok(ClientProof { readings })
    }
}

/// One value of a form, decoded.
fn decoded(text: &str) -> String {
    // What could end the value or name it is no letter of an encoded one.
    let value = text.replace('&', "%26");
    form_urlencoded::parse(format!("x={value}").as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(
        header: Option<&str>,
        id: Option<&str>,
        secret: Option<&str>,
    ) -> Option<Vec<(String, String)>> {
        let mut headers = HeaderMap::new();
        if let Some(text) = header {
            headers
                .insert(header::AUTHORIZATION, format!("basic {}", STANDARD.encode(text)).parse().unwrap());
        }
        let read = BasicCredentials(basic(&headers).ok()?);
        let proof = read.proof(id.map(str::to_owned), secret.map(Secret::new)).ok()?;
        let shown =
            |secret: Option<Secret>| secret.map_or_else(String::new, |secret| secret.expose().to_owned());
        Some(proof.readings.into_iter().map(|(id, secret)| (id, shown(secret))).collect())
    }

    #[test]
    fn the_header_is_read_as_it_stands_and_decoded() {
        let check = |header: &str, expected: &[(&str, &str)]| {
            let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(readings(Some(header), None, None).unwrap(), expected, "{header}");
        };
        check("a:b", &[("a", "b")]);
        check("a:b:c", &[("a", "b:c")]);
        check("a%2Db:c%3Ad", &[("a%2Db", "c%3Ad"), ("a-b", "c:d")]);
        check("a:b+c&d=e", &[("a", "b+c&d=e"), ("a", "b c&d=e")]);
    }

    #[test]
    fn the_form_names_a_client_too_and_both_ways_at_once_are_refused() {
        assert_eq!(readings(None, Some("a"), Some("b")).unwrap(), [("a".to_owned(), "b".to_owned())]);
        assert_eq!(readings(None, Some("a"), None).unwrap(), [("a".to_owned(), String::new())]);
        assert_eq!(readings(Some("a:b"), Some("a"), None).unwrap().len(), 1);
        assert!(readings(Some("a:b"), None, Some("b")).is_none());
        assert!(readings(Some("a:b"), Some("c"), None).is_none());
        assert!(readings(None, None, Some("b")).is_none());
        assert!(readings(Some("a"), None, None).is_none());
    }
}
