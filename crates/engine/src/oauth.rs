//! OAuth 2.0: programs get access tokens, by themselves or for a user who allows it.
//!
//! [`clients`] is what administrators set up, [`token`] what a client hands in and gets, [`authorize`] and [`device`]
//! are the two ways in which a user allows something in a browser, [`access`] says who comes with a token, and
//! [`signing`] holds the keys. Why tokens are signed and how one is taken back is in the decisions.

mod access;
mod authorize;
mod clients;
mod device;
mod jwt;
mod proof;
mod revoke;
mod signing;
mod throttle;
mod token;

use std::net::IpAddr;
use std::time::Duration;

use forebay_core::error::Error;

use crate::audit::Trail;

pub(crate) use self::throttle::Tried;
pub(crate) use self::token::random_secret;

pub use self::authorize::{Asked, AuthorizationRequest, Refusal};
pub use self::clients::{NewClient, NewClientSecret, OauthClientChange};
pub use self::device::{AskedByDevice, DeviceAnswer};
pub use self::proof::ClientProof;
pub use self::signing::PublicKey;
pub use self::token::{TokenAnswer, TokenGrant};

/// How long a refresh token holds that nobody uses, in milliseconds: not shorter than the longest access token.
const REFRESH_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What is known of a request beside what it carries.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The server's address as its client sees it, without a slash at the end.
    pub base: String,
    /// Where the request comes from, when that is known.
    pub peer: Option<IpAddr>,
    /// What the audit log is told of it.
    pub trail: Trail,
}

/// What the engine keeps in memory for all of this.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) throttle: throttle::Throttle,
    making_key: tokio::sync::Mutex<()>,
}

/// Why a client gets no token, as RFC 6749 and RFC 8628 tell it.
#[derive(Debug, thiserror::Error)]
pub enum OauthError {
    #[error("{0}")]
    InvalidRequest(String),
    #[error("the client is not known, or its secret is wrong")]
    InvalidClient,
    #[error("{0}")]
    InvalidGrant(&'static str),
    #[error("{0}")]
    UnauthorizedClient(&'static str),
    #[error("{0}")]
    UnsupportedGrantType(String),
    #[error("{0}")]
    UnsupportedResponseType(&'static str),
    #[error("{0}")]
    InvalidScope(String),
    #[error("the user has refused")]
    AccessDenied,
    #[error("the user has not decided yet")]
    AuthorizationPending,
    #[error("the questions come too fast; make a pause of 5 seconds more")]
    SlowDown,
    #[error("the user did not decide in time; begin anew")]
    ExpiredToken,
    /// What a person typed to sign in is no key of a user.
    #[error("this is not an API key of a user")]
    NotSignedIn,
    #[error("too many wrong attempts; wait for {} seconds", .0.as_secs())]
    Throttled(Duration),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl OauthError {
    /// The name of the error on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnauthorizedClient(_) => "unauthorized_client",
            Self::UnsupportedGrantType(_) => "unsupported_grant_type",
            Self::UnsupportedResponseType(_) => "unsupported_response_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::AccessDenied | Self::NotSignedIn => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown | Self::Throttled(_) => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::Failed(Error::Unavailable { .. } | Error::InsufficientStorage { .. }) => {
                "temporarily_unavailable"
            }
            Self::Failed(_) => "server_error",
        }
    }
}

pub(crate) type OauthResult<T> = std::result::Result<T, OauthError>;
