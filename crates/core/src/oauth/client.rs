//! OAuth clients: programs that ask for access tokens.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::OauthScope;
use crate::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::id::{ApplicationId, OauthSecretId};
use crate::name::Name;

/// What a client calls itself: a UUID, or the fixed name of a program that people have already.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

impl ClientId {
    /// The one that acts as an application.
    #[must_use]
    pub fn of(application: ApplicationId) -> Self {
        Self(application.to_string())
    }

    /// A new id, random.
    #[must_use]
    pub fn random() -> Self {
        Self::of(ApplicationId::random())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = Error;

    /// Whatever cannot be an id names nothing, so the error is `NotFound`.
    fn from_str(text: &str) -> Result<Self> {
        let known =
            |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_' || letter == '.';
        if (1..=100).contains(&text.len()) && text.chars().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::not_found(Kind::OauthClient, text))
        }
    }
}

impl TryFrom<String> for ClientId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

/// Where a browser is sent back to. It is compared letter by letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Takes `https://…`, and `http://…` for this machine: a code must not travel in the open.
    ///
    /// # Errors
    /// `Invalid` with what a good one looks like.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let bad = |reason: &str| Error::invalid(field, format!("`{text}` {reason}"));
        let plain =
            |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\'' | '<' | '>' | '\\');
        if text.len() > 2000 || !text.chars().all(plain) {
            return Err(bad("must have at most 2000 letters, without spaces, quotes and what is not ASCII"));
        }
        if text.contains('#') {
            return Err(bad("must have no part after a `#`"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| bad("must begin with `https://`"))?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let is_good = match scheme {
            "https" => host(authority).is_some(),
            "http" => host(authority).is_some_and(is_this_machine),
            _ => false,
        };
        match is_good {
            true => Ok(Self(text.to_owned())),
            false => Err(bad(
                "must begin with `https://` and a host, or for this machine with `http://localhost`, \
                 `http://127.0.0.1` or `http://[::1]`",
            )),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        let after = self.0.find("://").map_or(0, |place| place + 3);
        let end = self.0[after..].find(['/', '?']).map_or(self.0.len(), |place| after + place);
        &self.0[..end]
    }
}

/// The host of `host` or `host:port`.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => (&authority[..=end], authority[end + 1..].strip_prefix(':')),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return None;
    }
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = match inner {
        Some(address) => address.parse::<Ipv6Addr>().is_ok() && authority.len() == full_length(host, port),
        None => {
            !host.is_empty()
                && host.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.')
        }
    };
    good.then_some(host)
}

fn full_length(host: &str, port: Option<&str>) -> usize {
    host.len() + port.map_or(0, |port| port.len() + 1)
}

fn is_this_machine(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse("redirectUri", &text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.0
    }
}

/// Whether a client can keep a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// It proves itself by a secret, and acts by itself as this application, whose id it has; it can act for users
    /// as well.
    Confidential(ApplicationId),
    /// It proves nothing and acts for users alone, who allow it in a browser.
    Public,
}

/// A program that asks for access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthClient {
    pub id: ClientId,
    pub name: Name,
    pub kind: ClientKind,
    /// What its tokens can carry at most.
    pub scopes: BTreeSet<OauthScope>,
    /// Where a browser may be sent back to; none, and the client does not come by way of a browser.
    pub redirect_uris: Vec<RedirectUri>,
    /// How long its access tokens hold, in seconds; `None`: as long as the server's setting says.
    pub access_token_seconds: Option<u32>,
    pub created_at: Timestamp,
}

impl OauthClient {
    /// The shortest and the longest that an access token can hold, in seconds.
    pub const ACCESS_TOKEN_SECONDS: std::ops::RangeInclusive<u32> = 1..=2_592_000;
}

/// What is kept of a client's secret. The secret itself is shown once and stored as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecret {
    pub id: OauthSecretId,
    pub client_id: ClientId,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_goes_over_https_or_stays_on_this_machine() {
        let check = |text: &str, expected: bool| {
            assert_eq!(RedirectUri::parse("redirectUris", text).is_ok(), expected, "{text}");
        };
        check("https://app.example.org/callback?x=1", true);
        check("https://app.example.org:8443", true);
        check("http://localhost:3000/cb", true);
        check("http://127.0.0.1/cb", true);
        check("http://[::1]:9/cb", true);
        check("https://[2001:db8::1]/", true);
        check("http://app.example.org/cb", false);
        check("http://localhost.evil.org/cb", false);
        check("http://localhost@evil.org/cb", false);
        check("http://127.0.0.1:80@evil.org/", false);
        check("http://[::1].evil.org/", false);
        check("http://localhost:99999/", false);
        check("https://", false);
        check("https://app.example.org/#part", false);
        check("https://app.example.org/a b", false);
        check("https://app.example.org/\u{e4}", false);
        check("javascript://localhost/%0aalert(1)", false);
        check("/callback", false);
    }

    #[test]
    fn the_origin_of_a_redirect_is_its_scheme_host_and_port() {
        let check = |text: &str, expected: &str| {
            assert_eq!(RedirectUri::parse("redirectUris", text).unwrap().origin(), expected);
        };
        check("https://app.example.org/callback?x=1", "https://app.example.org");
        check("http://localhost:3000?x", "http://localhost:3000");
        check("http://[::1]:9", "http://[::1]:9");
    }

    #[test]
    fn what_cannot_be_a_client_s_id_is_not_found() {
        assert_eq!("content-cli".parse::<ClientId>().unwrap().as_str(), "content-cli");
        for text in ["", "a b", "a/b", "a:b", "\u{e4}", &"x".repeat(101)] {
            assert!(matches!(text.parse::<ClientId>(), Err(Error::NotFound { .. })), "{text}");
        }
    }
}
