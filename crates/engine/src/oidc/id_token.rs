//! ID tokens (OpenID Connect Core 1.0, section 3.1.3.7): what an issuer says of somebody, signed. First the signature
//! is looked at, then what is said.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_core::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::OidcError;
use super::keys::{Algorithm, IssuerKeys};

/// More letters than any ID token should have.
const LONGEST: usize = 64 * 1024;
/// The most letters of a subject, as the standard has it.
const LONGEST_SUBJECT: usize = 255;
/// How far the issuer's clock may be from ours, in seconds.
const SKEW: f64 = 60.0;

/// Somebody whom the issuer has named. There is no other way to one than an ID token that was checked.
#[derive(Clone, Debug)]
pub struct Identity {
    subject: String,
    claims: Map<String, Value>,
}

impl Identity {
    /// Who they are for the issuer, whatever they are called.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub(super) fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// Adds what the issuer's `userinfo` says of the same person and the ID token does not.
    ///
    /// # Errors
    /// `IdToken` when it speaks of somebody else.
    pub fn add_user_info(&mut self, said: Map<String, Value>) -> Result<(), OidcError> {
        if said.get("sub").and_then(Value::as_str) != Some(self.subject.as_str()) {
            return Err(OidcError::IdToken("its userinfo is about somebody else; tell an administrator"));
        }
        for (name, value) in said {
            self.claims.entry(name).or_insert(value);
        }
        Ok(())
    }
}

/// For whom and for what a token must be.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// When the sign-in began: no token for it is older.
    pub(super) begun: Timestamp,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What must be understood beside: nothing is.
    crit: Option<Value>,
}

/// Whom a token names.
pub(super) fn check(
    token: &str,
    keys: &IssuerKeys,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Identity, OidcError> {
    let claims = signed_claims(token, keys)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(OidcError::IdToken(
            "it names another issuer than the one that was asked (iss); an administrator compares --oidc-issuer with \
             it, letter by letter",
        ));
    }
    if !is_for(&claims, expected.client_id) {
        return Err(OidcError::IdToken(
            "it is for another program (aud, azp); an administrator compares --oidc-client-id with the client there",
        ));
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(OidcError::IdToken("it answers another sign-in (nonce); begin again here"));
    }
    check_times(&claims, expected.begun, now)?;
    let subject = text("sub").filter(|subject| (1..=LONGEST_SUBJECT).contains(&subject.chars().count()));
    let Some(subject) = subject.map(str::to_owned) else {
        return Err(OidcError::IdToken("it does not say about whom it is (sub); tell an administrator"));
    };
    Ok(Identity { subject, claims })
}

/// What stands in a token that one of the keys has signed.
fn signed_claims(token: &str, keys: &IssuerKeys) -> Result<Map<String, Value>, OidcError> {
    const NO_TOKEN: OidcError = OidcError::IdToken("it sends no signed ID token; tell an administrator");
    if token.len() > LONGEST {
        return Err(NO_TOKEN);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(NO_TOKEN)?;
    let (header, claims) = signed.split_once('.').ok_or(NO_TOKEN)?;
    let header: Header = serde_json::from_slice(&decoded(header).ok_or(NO_TOKEN)?).map_err(|_| NO_TOKEN)?;
    let Some(algorithm) = Algorithm::parse(&header.alg).filter(|_| header.crit.is_none()) else {
        return Err(OidcError::IdToken(
            "the ID token is not signed with RS256 or ES256; an administrator chooses one of them for the client there",
        ));
    };
    let signature = decoded(signature).ok_or(NO_TOKEN)?;
    let id = header.kid.as_deref();
    let mut fitting = keys.fitting(id, algorithm).peekable();
    if fitting.peek().is_none() {
        return Err(OidcError::UnknownKey);
    }
    if !fitting.any(|key| key.has_signed(signed.as_bytes(), &signature)) {
        // Where tokens name no key, another one may have come.
        return Err(match id {
            Some(_) => OidcError::IdToken("the signature of the ID token is wrong; tell an administrator"),
            None => OidcError::UnknownKey,
        });
    }
    serde_json::from_slice(&decoded(claims).ok_or(NO_TOKEN)?).map_err(|_| NO_TOKEN)
}

fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// Whether a token is for this client: among others only when it was made for this one.
fn is_for(claims: &Map<String, Value>, client_id: &str) -> bool {
    let is_ours = |value: &Value| value.as_str() == Some(client_id);
    let authorized = claims.get("azp");
    match claims.get("aud") {
        Some(Value::Array(all)) if all.len() > 1 => {
            all.iter().any(is_ours) && authorized.is_some_and(is_ours)
        }
        Some(Value::Array(all)) => all.iter().any(is_ours) && authorized.is_none_or(is_ours),
        Some(one) => is_ours(one) && authorized.is_none_or(is_ours),
        None => false,
    }
}

fn check_times(claims: &Map<String, Value>, begun: Timestamp, now: Timestamp) -> Result<(), OidcError> {
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    let (now, begun) = (seconds(now), seconds(begun));
    let (Some(ends), Some(made)) = (time("exp"), time("iat")) else {
        return Err(OidcError::IdToken(
            "it does not say how long it holds (exp, iat); tell an administrator",
        ));
    };
    if ends <= now - SKEW {
        return Err(OidcError::IdToken(
            "it has ended (exp); sign in again, and if it stays so an administrator sets the clocks of both",
        ));
    }
    if made > now + SKEW || time("nbf").is_some_and(|begins| begins > now + SKEW) {
        return Err(OidcError::IdToken(
            "it was made in the future (iat, nbf); an administrator sets the clocks of both",
        ));
    }
    if made < begun - SKEW {
        return Err(OidcError::IdToken(
            "it is older than this sign-in (iat); sign in again, and if it stays so an administrator sets the clocks of \
             both",
        ));
    }
    Ok(())
}

/// Times in tokens may have fractions.
fn seconds(time: Timestamp) -> f64 {
    std::time::Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or_default()).as_secs_f64()
}

#[cfg(test)]
mod tests;
