//! The issuer of OpenID Connect by which people may sign in: what it is asked, and what its answers come to. Whom it
//! names, and which user that is, the engine decides.
//!
//! [`options`] is how it is set up, [`http`] how it is asked, and [`metadata`] where everything is there.

mod http;
mod metadata;
mod options;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use forebay_core::secret::Secret;
use forebay_engine::{Attempt, Engine, Identity, IssuerKeys, NewSession, OidcError};
use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::options::OidcOptions;

use self::http::{Http, Trouble};
use self::metadata::Metadata;
use self::options::Client;

/// How long what the issuer says of itself is believed without asking again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// Unknown keys are looked for no more often, whoever asks for it.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The issuer. Cheap to clone.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    client: Client,
    http: Http,
    metadata: Known<Metadata>,
    keys: Known<IssuerKeys>,
    /// When unknown keys were looked for last.
    looked_again: Mutex<Option<Instant>>,
}

/// Why nobody is signed in.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The issuer does not do its part; the text says what to do.
    Issuer(String),
    /// The issuer lets nobody in here, or not yet.
    Denied(&'static str),
    /// Whom it names is not let in.
    Refused(OidcError),
}

impl From<OidcError> for Fault {
    fn from(error: OidcError) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    /// What happened and what to do, for a person; `name` is what the issuer is called.
    pub(crate) fn text(&self, name: &str) -> String {
        match self {
            Self::Issuer(text) => format!("Signing in with {name} did not work: {text}"),
            Self::Denied(text) => format!("Signing in with {name} did not work: {text}"),
            Self::Refused(error) => format!("Signing in with {name} did not work: {error}."),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Issuer(_) | Self::Refused(OidcError::UnknownKey | OidcError::IdToken(_)) => {
                StatusCode::BAD_GATEWAY
            }
            Self::Refused(OidcError::Attempt) => StatusCode::BAD_REQUEST,
            Self::Denied(_)
            | Self::Refused(
                OidcError::NoEmail(_)
                | OidcError::Unverified { .. }
                | OidcError::Domain(_)
                | OidcError::UnknownUser(_)
                | OidcError::Ambiguous(_)
                | OidcError::OtherAccount(_),
            ) => StatusCode::FORBIDDEN,
            Self::Refused(OidcError::Failed(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// What a code is exchanged for. What else comes with it is not looked at.
#[derive(Deserialize)]
struct Tokens {
    id_token: Option<Secret>,
    access_token: Option<Secret>,
}

impl Provider {
    fn new(client: Client, http: Http) -> Self {
        let (metadata, keys) = (Known::default(), Known::default());
        Self(Arc::new(Inner { client, http, metadata, keys, looked_again: Mutex::new(None) }))
    }

    /// What people call it: it stands on the button.
    pub(crate) fn name(&self) -> &str {
        &self.0.client.name
    }

    /// Whether an answer that names its sender (RFC 9207) comes from here.
    pub(crate) fn is_from(&self, issuer: Option<&str>) -> bool {
        issuer.is_none_or(|issuer| issuer == self.0.client.issuer)
    }

    /// Where the browser goes to sign in.
    ///
    /// # Errors
    /// The issuer does not say where that is.
    pub(crate) async fn begin(&self, attempt: &Attempt, back: &str) -> Result<String, Fault> {
        let metadata = self.metadata().await?;
        let mut url = metadata.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.0.client.id)
            .append_pair("redirect_uri", back)
            .append_pair("scope", &self.0.client.scopes)
            .append_pair("state", &attempt.state())
            .append_pair("nonce", &attempt.nonce())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    /// Signs in whoever has come back with a code.
    ///
    /// # Errors
    /// Says why not, and what to do.
    pub(crate) async fn sign_in(
        &self,
        engine: &Engine,
        attempt: &Attempt,
        code: &str,
        back: &str,
    ) -> Result<NewSession, Fault> {
        let metadata = self.metadata().await?;
        let tokens = self.exchange(&metadata, attempt, code, back).await?;
        let id_token = tokens.id_token.unwrap_or_default();
        let mut identity = self.identity(engine, &metadata, attempt, &id_token).await?;
        let done = engine.sign_in_by_identity(&identity).await;
        let (Err(OidcError::NoEmail(_) | OidcError::Unverified { .. }), Some(url), Some(token)) =
            (&done, &metadata.user_info, &tokens.access_token)
        else {
            return Ok(done?);
        };
        // Some issuers say little in an ID token, and the rest to whoever asks.
        let said: Map<String, Value> = match self.0.http.get(url, Some(token)).await {
            Ok(said) => said,
            Err(trouble) => {
                self.note(&trouble, "user information");
                return Ok(done?);
            }
        };
        identity.add_user_info(said)?;
        Ok(engine.sign_in_by_identity(&identity).await?)
    }

    /// Where somebody who has signed out here signs out there, if the issuer has such a place.
    pub(crate) async fn end_session(&self, back: &str) -> Option<String> {
        let mut url = self.metadata().await.ok()?.end_session.clone()?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.0.client.id)
            .append_pair("post_logout_redirect_uri", back);
        Some(url.into())
    }

    async fn identity(
        &self,
        engine: &Engine,
        metadata: &Metadata,
        attempt: &Attempt,
        id_token: &Secret,
    ) -> Result<Identity, Fault> {
        let keys = self.keys(metadata, FRESH).await?;
        match engine.identity(attempt, id_token.expose(), &keys) {
            // The issuer may have changed its keys.
            Err(OidcError::UnknownKey) => {
                let age = if self.may_look_again() { Duration::ZERO } else { FRESH };
                let keys = self.keys(metadata, age).await?;
                Ok(engine.identity(attempt, id_token.expose(), &keys)?)
            }
            known => Ok(known?),
        }
    }

    fn may_look_again(&self) -> bool {
        let mut last = self.0.looked_again.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| last.elapsed() >= LOOK_AGAIN);
        if may {
            *last = Some(Instant::now());
        }
        may
    }

    async fn exchange(
        &self,
        metadata: &Metadata,
        attempt: &Attempt,
        code: &str,
        back: &str,
    ) -> Result<Tokens, Fault> {
        let client = &self.0.client;
        let verifier = attempt.verifier();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", back),
            ("code_verifier", verifier.as_str()),
        ];
        let mut basic = None;
        match &client.secret {
            Some(secret) if metadata.takes_basic => basic = Some((client.id.as_str(), secret)),
            Some(secret) => {
                fields.extend([("client_id", client.id.as_str()), ("client_secret", secret.expose())])
            }
            None => fields.push(("client_id", client.id.as_str())),
        }
        let answer = self.0.http.post(&metadata.token, &fields, basic).await;
        answer.map_err(|trouble| match &trouble {
            Trouble::Status(_, code) if code == "invalid_client" || code == "unauthorized_client" => {
                tracing::error!(issuer = client.issuer, code, "the issuer does not know this client");
                Fault::Issuer(
                    "the issuer does not take the client id or its secret. An administrator compares \
                     --oidc-client-id and --oidc-client-secret-file with the client there."
                        .to_owned(),
                )
            }
            Trouble::Status(_, code) if code == "invalid_grant" => {
                tracing::warn!(issuer = client.issuer, "the issuer does not take the code of a sign-in");
                Fault::Issuer(
                    "the issuer says that this sign-in is used up or too old. Sign in again.".to_owned(),
                )
            }
            _ => self.trouble(trouble, "token"),
        })
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, Fault> {
        let (http, issuer) = (&self.0.http, &self.0.client.issuer);
        if let Some(known) = self.0.metadata.younger_than(FRESH) {
            return Ok(known);
        }
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let read: Result<Map<String, Value>, Fault> = match http.address(&url) {
            Some(url) => http.get(&url, None).await.map_err(|trouble| self.trouble(trouble, "discovery")),
            None => Err(Fault::Issuer("its address is not one of https.".to_owned())),
        };
        match read.and_then(|read| Metadata::checked(&read, issuer, http).map_err(Fault::Issuer)) {
            Ok(metadata) => Ok(self.0.metadata.keep(metadata)),
            // What it said before holds on while it says nothing.
            Err(fault) => self.0.metadata.younger_than(Duration::MAX).ok_or(fault),
        }
    }

    async fn keys(&self, metadata: &Metadata, age: Duration) -> Result<Arc<IssuerKeys>, Fault> {
        if let Some(known) = self.0.keys.younger_than(age) {
            return Ok(known);
        }
        let read: Result<Value, _> = self.0.http.get(&metadata.keys, None).await;
        match read {
            Ok(set) => match IssuerKeys::parse(&set) {
                Some(keys) => Ok(self.0.keys.keep(keys)),
                None => Err(self.trouble(Trouble::Unreadable, "key set")),
            },
            Err(trouble) => {
                let fault = self.trouble(trouble, "key set");
                self.0.keys.younger_than(Duration::MAX).ok_or(fault)
            }
        }
    }

    /// What a trouble with one of the issuer's addresses means for a person. The log has the rest.
    fn trouble(&self, trouble: Trouble, of: &str) -> Fault {
        self.note(&trouble, of);
        Fault::Issuer(trouble.text(of))
    }

    fn note(&self, trouble: &Trouble, of: &str) {
        let issuer = self.0.client.issuer.as_str();
        tracing::warn!(issuer, address = of, ?trouble, "an answer of the issuer is of no use");
    }
}

/// What an issuer has said, and when. It is read again without holding anybody up who can do with what there is.
struct Known<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Known<T> {
    fn younger_than(&self, age: Duration) -> Option<Arc<T>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(since, _)| since.elapsed() < age).map(|(_, value)| Arc::clone(value))
    }

    fn keep(&self, value: T) -> Arc<T> {
        let value = Arc::new(value);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&value)));
        value
    }
}
