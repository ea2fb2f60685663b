//! Where this server is, as the one who asks sees it, and where the request comes from.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap, Uri, header};
use forebay_engine::{Trail, Visit};

use crate::listen::Peer;

/// What of the server's place is set when it starts.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Its address as clients see it, without a slash at the end; without one, what the request was sent to.
    pub public_url: Option<String>,
    pub has_tls: bool,
}

impl Site {
    fn base(&self, uri: &Uri, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        // HTTP/2 has it in the address, HTTP/1.1 in a header. What a proxy says beside is not believed.
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = uri.authority().cloned().or_else(|| host?.parse::<Authority>().ok());
        let scheme = if self.has_tls { "https" } else { "http" };
        match authority.filter(|authority| !authority.as_str().contains('@')) {
            Some(authority) => format!("{scheme}://{authority}"),
            None => format!("{scheme}://localhost"),
        }
    }
}

/// The visit that a request is.
pub fn visit_of(extensions: &Extensions, uri: &Uri, headers: &HeaderMap) -> Visit {
    let site = extensions.get::<Site>().cloned().unwrap_or_default();
    let peer: Option<IpAddr> =
        extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(Peer(address))| address.ip());
    let trail = extensions.get::<Trail>().cloned().unwrap_or_default();
    Visit { base: site.base(uri, headers), peer, trail }
}

/// The visit, for a handler.
pub(crate) struct Visitor(pub(crate) Visit);

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(visit_of(&parts.extensions, &parts.uri, &parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_what_is_set_or_what_was_asked() {
        let check = |site: &Site, uri: &str, host: Option<&str>, expected: &str| {
            let mut headers = HeaderMap::new();
            if let Some(host) = host {
                headers.insert(header::HOST, host.parse().unwrap());
            }
            headers.insert("x-forwarded-host", "evil.example.org".parse().unwrap());
            assert_eq!(site.base(&uri.parse().unwrap(), &headers), expected, "{uri} {host:?}");
        };
        let plain = Site::default();
        check(&plain, "/x", Some("127.0.0.1:8080"), "http://127.0.0.1:8080");
        check(&plain, "/x", None, "http://localhost");
        check(&plain, "/x", Some("a b"), "http://localhost");
        check(&plain, "/x", Some("you@evil.example.org"), "http://localhost");
        let tls = Site { has_tls: true, ..Site::default() };
        check(&tls, "https://forebay.example.org/x", None, "https://forebay.example.org");
        let set = Site { public_url: Some("https://data.example.org".to_owned()), has_tls: false };
        check(&set, "/x", Some("evil.example.org"), "https://data.example.org");
    }
}
