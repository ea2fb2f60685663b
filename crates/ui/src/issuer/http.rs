//! How an issuer is asked: by https, for a bounded time, for a bounded answer, and never by way of a redirect.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forebay_core::secret::Secret;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

/// The most bytes of an answer.
const LARGEST: usize = 1024 * 1024;
/// The most questions at a time: whoever comes without having signed in causes some.
const AT_A_TIME: usize = 16;

/// Asks one issuer.
pub(super) struct Http {
    client: Client,
    timeout: Duration,
    turns: Semaphore,
    /// The issuer is on this machine and has no TLS: then it may be asked without.
    is_local: bool,
}

/// Why an answer is of no use.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No answer in time.
    Silent,
    /// No connection, or one that broke off.
    NotReached(reqwest::Error),
    TooLarge,
    Unreadable,
    /// A refusal, with the code that OAuth has for it; empty when there is none.
    Status(StatusCode, String),
}

/// A refusal as OAuth has it.
#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
}

impl Trouble {
    /// What a person can do about it; `of` is which of the issuer's addresses it is.
    pub(super) fn text(&self, of: &str) -> String {
        match self {
            Self::Silent => format!(
                "the issuer gave no answer in time ({of}). Try again; if it stays so, an administrator looks whether \
                 this server reaches it."
            ),
            Self::NotReached(error) if is_about_certificate(error) => format!(
                "the certificate of the issuer is not to be trusted ({of}). An administrator gives the root that it \
                 is of with --oidc-ca-file."
            ),
            Self::NotReached(_) => format!(
                "the issuer cannot be reached ({of}). Try again; if it stays so, an administrator finds the reason in \
                 the server's log."
            ),
            Self::TooLarge => format!(
                "the issuer's answer is larger than any should be ({of}). An administrator compares --oidc-issuer \
                 with its documentation."
            ),
            Self::Unreadable => format!(
                "the issuer's answer is not what the standard says ({of}). An administrator compares --oidc-issuer \
                 with its documentation."
            ),
            Self::Status(status, _) if status.is_redirection() => format!(
                "the issuer sends on to another address ({of}), which is not followed. An administrator sets \
                 --oidc-issuer to where it is."
            ),
            Self::Status(status, _) => format!(
                "the issuer answered {} ({of}). Try again; if it stays so, an administrator finds more in the log of \
                 the issuer.",
                status.as_u16()
            ),
        }
    }
}

impl Http {
    /// `ca` is a PEM file with further roots to trust.
    ///
    /// # Errors
    /// The issuer's address or the roots cannot be used.
    pub(super) fn new(issuer: &str, ca: Option<&[u8]>, timeout: Duration) -> anyhow::Result<Self> {
        // An error says that one is installed already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let url = Url::parse(issuer).with_context(|| format!("--oidc-issuer: `{issuer}` is no address"))?;
        let is_here = is_loopback(&url);
        let is_local = is_here && url.scheme() == "http";
        if !may_be_asked(&url, is_local) || url.query().is_some() {
            bail!(
                "--oidc-issuer: `{issuer}` must begin with https:// and name a host and perhaps a path; http:// is \
                 for issuers on this machine alone"
            );
        }
        let roots = match ca {
            Some(pem) => Certificate::from_pem_bundle(pem).context("--oidc-ca-file is no PEM file")?,
            None => Vec::new(),
        };
        if ca.is_some() && roots.is_empty() {
            bail!("--oidc-ca-file has no certificate");
        }
        let builder = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(timeout)
            .timeout(timeout)
            .tls_certs_merge(roots)
            .user_agent(concat!("forebay/", env!("CARGO_PKG_VERSION")));
        // A proxy does not reach this machine's own addresses.
        let builder = if is_here { builder.no_proxy() } else { builder };
        let client = builder.build().context("TLS for the issuer of OpenID Connect cannot be set up")?;
        Ok(Self { client, timeout, turns: Semaphore::new(AT_A_TIME), is_local })
    }

    /// An address that may be asked and shown to a browser.
    pub(super) fn address(&self, text: &str) -> Option<Url> {
        Url::parse(text).ok().filter(|url| may_be_asked(url, self.is_local))
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        url: &Url,
        token: Option<&Secret>,
    ) -> Result<T, Trouble> {
        let request = self.client.get(url.clone());
        self.ask(match token {
            Some(token) => request.header(AUTHORIZATION, sealed(format!("Bearer {}", token.expose()))?),
            None => request,
        })
        .await
    }

    /// Sends a form, with a client and its secret.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        url: &Url,
        fields: &[(&str, &str)],
        basic: Option<(&str, &Secret)>,
    ) -> Result<T, Trouble> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        self.ask(match basic {
            Some((id, secret)) => {
                // Both are written as in a form before they are put together (RFC 6749, 2.3.1).
                let encoded =
                    |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(id), encoded(secret.expose()));
                request.header(AUTHORIZATION, sealed(format!("Basic {}", STANDARD.encode(pair)))?)
            }
            None => request,
        })
        .await
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Trouble> {
        let asked = async {
            // The semaphore is never closed.
            let _turn = self.turns.acquire().await.map_err(|_| Trouble::Silent)?;
            let mut response =
                request.header(ACCEPT, "application/json").send().await.map_err(Trouble::of)?;
            let status = response.status();
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(Trouble::of)? {
                if body.len() + chunk.len() > LARGEST {
                    return Err(Trouble::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            if !status.is_success() {
                let refusal: Option<Refusal> = serde_json::from_slice(&body).ok();
                let code = refusal.and_then(|refusal| refusal.error).unwrap_or_default();
                return Err(Trouble::Status(status, code.chars().take(100).collect()));
            }
            serde_json::from_slice(&body).map_err(|_| Trouble::Unreadable)
        };
        // With the wait for its turn.
        tokio::time::timeout(self.timeout, asked).await.unwrap_or(Err(Trouble::Silent))
    }
}

impl Trouble {
    fn of(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::Silent } else { Self::NotReached(error) }
    }
}

/// A header that no log shows.
fn sealed(text: String) -> Result<HeaderValue, Trouble> {
    let mut value = HeaderValue::try_from(text).map_err(|_| Trouble::Unreadable)?;
    value.set_sensitive(true);
    Ok(value)
}

fn may_be_asked(url: &Url, is_local: bool) -> bool {
    let is_safe = url.scheme() == "https" || (is_local && url.scheme() == "http" && is_loopback(url));
    is_safe
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Whether a connection failed because of the certificate at its other end.
fn is_about_certificate(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        // An error of the system's kind hides the one that it is made of.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(hidden) => Some(hidden),
            None => error.source(),
        };
    }
    false
}
