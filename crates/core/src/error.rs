//! One error type for everything a caller of Forebay can act on.

use std::fmt;

use crate::access::Permission;
use crate::id::ExecutionId;
use crate::oauth::{Action, OauthScope};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong when Forebay is asked for something: one variant per meaning. `Display` is
/// for the user and names no internals; the `source` chain is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or the caller may not know that there is.
    #[error("{kind} `{key}` was not found")]
    NotFound { kind: Kind, key: String },
    /// Something in the request is wrong; `field` is its path as the caller wrote it.
    #[error("{field}: {reason}")]
    Invalid { field: String, reason: String },
    /// The request is right but does not fit what is there now.
    #[error("{reason}")]
    Conflict { reason: String },
    /// A data job runs one execution at a time.
    #[error("execution `{execution}` is still {state}; wait for it or cancel it")]
    ExecutionIsLive { execution: ExecutionId, state: &'static str },
    /// Nobody we know is asking.
    #[error("the credentials are missing or not valid")]
    Unauthenticated,
    /// The caller may see the object but not do this.
    #[error("this needs {0}")]
    Forbidden(Needed),
    /// Something outside does not answer, or is not built into this server.
    #[error("{what}")]
    Unavailable { what: String },
    /// Clients of the wire contract know this call, and this server does not do what it asks for.
    #[error("{what}")]
    NotSupported { what: String },
    /// The disk has no room for this. The text says what is free, what is needed and what to do.
    #[error("{what}")]
    InsufficientStorage { what: String },
    /// More of this was asked for than the settings let through.
    #[error("{what}")]
    TooMany { what: String, limit: RateLimit },
    /// A data source or the warehouse refused what was asked of it, for a reason the caller can mend.
    #[error("{message}")]
    Refused { message: String },
    /// A defect or a broken environment. The log has the chain.
    #[error("an internal error happened; the server's log has the details")]
    Internal {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    /// The same, where the field is a part of something else.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        match self {
            Self::Invalid { field, reason } => Self::Invalid { field: format!("{path}.{field}"), reason },
            other => other,
        }
    }

    pub fn conflict(reason: impl Into<String>) -> Self {
        Self::Conflict { reason: reason.into() }
    }

    pub fn not_found(kind: Kind, key: impl fmt::Display) -> Self {
        Self::NotFound { kind, key: key.to_string() }
    }

    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal { source: source.into() }
    }
}

/// How much of something a caller may still ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The most in one span of time.
    pub limit: u64,
    pub remaining: u64,
    /// When the span ends and as much may be asked for again, in seconds from now.
    pub reset_seconds: u64,
}

/// What a permission was missing for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// One permission on the pool.
    One(Permission),
    /// View and manage on the pool, or execute: what starting and cancelling need.
    Execution,
    /// One of these two on the pool.
    Either(Permission, Permission),
    /// The figures of the server.
    Metrics,
    /// The administrator's role.
    Administrator,
    /// An access token with a scope that lets this through, or a key.
    Scope(Action),
}

impl Needed {
    /// The scopes of which one is enough.
    pub fn scopes(action: Action) -> impl Iterator<Item = OauthScope> {
        OauthScope::ALL.into_iter().filter(move |scope| scope.lets(action))
    }
}

impl fmt::Display for Needed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(permission) => {
                write!(formatter, "the permission {} on the data pool", permission.as_str())
            }
            Self::Execution => {
                formatter.write_str("the permission VIEW and MANAGE, or EXECUTE, on the data pool")
            }
            Self::Either(one, other) => {
                let (one, other) = (one.as_str(), other.as_str());
                write!(formatter, "the permission {one} or {other} on the data pool")
            }
            Self::Metrics => formatter.write_str("the permission METRICS, granted for the whole service"),
            Self::Administrator => formatter.write_str("the permission of an administrator"),
            Self::Scope(action) => {
                let scopes = Self::scopes(*action).map(OauthScope::as_str).collect::<Vec<_>>();
                match scopes.as_slice() {
                    [] => formatter.write_str("an API key: no scope of an access token is enough"),
                    scopes => write!(formatter, "the scope {}", scopes.join(" or ")),
                }
            }
        }
    }
}

/// The nouns an error can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    DataPool,
    DataConnection,
    DataJob,
    Task,
    TableExtraction,
    Parameter,
    Execution,
    LogMessage,
    DataModel,
    ModelTable,
    Schedule,
    ScheduleRun,
    User,
    Application,
    Group,
    Key,
    OauthClient,
    OauthSecret,
    OauthConsent,
    AccessToken,
    SigningKey,
    PushJob,
    ForeignKey,
    ProcessConfiguration,
    DataExport,
    Table,
    Path,
    Backup,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::DataPool => "data pool",
            Self::DataConnection => "data connection",
            Self::DataJob => "data job",
            Self::Task => "task",
            Self::TableExtraction => "table extraction",
            Self::Parameter => "parameter",
            Self::Execution => "execution",
            Self::LogMessage => "log message",
            Self::DataModel => "data model",
            Self::ModelTable => "data model table",
            Self::Schedule => "schedule",
            Self::ScheduleRun => "run of a schedule",
            Self::User => "user",
            Self::Application => "application",
            Self::Group => "group",
            Self::Key => "key",
            Self::OauthClient => "OAuth client",
            Self::OauthSecret => "secret of an OAuth client",
            Self::OauthConsent => "consent",
            Self::AccessToken => "access token",
            Self::SigningKey => "signing key",
            Self::PushJob => "data push job",
            Self::ForeignKey => "foreign key",
            Self::ProcessConfiguration => "process configuration",
            Self::DataExport => "data export",
            Self::Table => "table",
            Self::Path => "path",
            Self::Backup => "backup",
        })
    }
}
