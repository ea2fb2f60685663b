//! Errors of PostgreSQL in words that say which step failed and what to mend.

use std::error::Error as _;

use forebay_core::check::Step;
use forebay_core::connection::{PostgresqlConfig, SslMode};
use forebay_core::source::{SourceError, SourceErrorKind};
use tokio_postgres::Error;
use tokio_postgres::error::DbError;

/// What went wrong between the lookup of the name and the first statement.
pub(super) fn connect(config: &PostgresqlConfig, error: Error) -> SourceError {
    let (host, port) = (&config.host, config.port);
    let (step, kind, message) = if let Some(database) = error.as_db_error() {
        login(config, database)
    } else {
        let detail = innermost(&error);
        match error.to_string().as_str() {
            "error connecting to server" | "timeout waiting for server" => (
                Step::Connect,
                SourceErrorKind::Unreachable,
                format!(
                    "{host}:{port} cannot be reached ({detail}). Check host and port, that the server runs and \
                     listens on that address, and the firewall"
                ),
            ),
            "error performing TLS handshake" if !broke_off(&error) => (
                Step::Tls,
                SourceErrorKind::Invalid,
                format!(
                    "{host}:{port} and this machine agree on no encrypted connection ({detail}). Check that the \
                     server has TLS on and, for verify-full, that its certificate is valid for {host}; sslMode \
                     disable connects in plain text"
                ),
            ),
            "invalid configuration" | "authentication error" => (
                Step::Login,
                SourceErrorKind::Denied,
                format!(
                    "{host}:{port} asks user {:?} for something else ({detail}). Check user and password",
                    config.user
                ),
            ),
            _ => (
                unheard(config),
                SourceErrorKind::Unreachable,
                format!(
                    "{host}:{port} broke the connection off ({detail}). Check that it is a PostgreSQL server"
                ),
            ),
        }
    };
    SourceError::at(step, kind, message).caused_by(error)
}

/// The step at which a server is that says nothing we know: the first one that needs an answer. Whether it was a later
/// one is not known.
pub(super) fn unheard(config: &PostgresqlConfig) -> Step {
    match config.ssl_mode {
        SslMode::Disable => Step::Login,
        SslMode::Require | SslMode::VerifyFull => Step::Tls,
    }
}

/// Whether the other end went away, which says nothing against its settings.
fn broke_off(error: &Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    let mut cause = error.source();
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let gone = [BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof];
        if kind.is_some_and(|kind| gone.contains(&kind)) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn login(config: &PostgresqlConfig, error: &DbError) -> (Step, SourceErrorKind, String) {
    let (host, user, database, said) = (&config.host, &config.user, &config.database, error.message());
    match error.code().code() {
        "28P01" => (
            Step::Login,
            SourceErrorKind::Denied,
            format!("{host} refuses user {user:?}: {said}. Check user and password"),
        ),
        "28000" => (
            Step::Login,
            SourceErrorKind::Denied,
            format!(
                "{host} refuses user {user:?}: {said}. Check the user, and that the server's pg_hba.conf lets this \
                 machine in, with or without TLS as sslMode says"
            ),
        ),
        "3D000" => (
            Step::Database,
            SourceErrorKind::Invalid,
            format!("{host} has no database {database:?}: {said}. Check the database's name"),
        ),
        "42501" => (
            Step::Database,
            SourceErrorKind::Denied,
            format!("user {user:?} may not use {database:?}: {said}. Grant CONNECT on it"),
        ),
        "53300" => (
            Step::Login,
            SourceErrorKind::Unreachable,
            format!("{host} has no connection free: {said}. Try again, or raise max_connections"),
        ),
        code if code.starts_with("57") => (
            Step::Login,
            SourceErrorKind::Unreachable,
            format!("{host} does not take connections now: {said}"),
        ),
        _ => (Step::Login, SourceErrorKind::Invalid, format!("{host} says: {said}")),
    }
}

/// What a statement failed with; `doing` completes "PostgreSQL failed while …".
pub(super) fn query(doing: &str, error: Error) -> SourceError {
    let (kind, message) = match error.as_db_error() {
        Some(database) => {
            let kind = match database.code().code() {
                "42501" => SourceErrorKind::Denied,
                code if code.starts_with("28") => SourceErrorKind::Denied,
                code if ["08", "40", "53", "55", "57", "58", "XX"]
                    .iter()
                    .any(|class| code.starts_with(class)) =>
                {
                    SourceErrorKind::Unreachable
                }
                _ => SourceErrorKind::Invalid,
            };
            let mut message = format!("PostgreSQL failed while {doing}: {}", database.message());
            for more in [database.detail(), database.hint()].into_iter().flatten() {
                message.push_str(". ");
                message.push_str(more.trim_end_matches('.'));
            }
            (kind, message)
        }
        None => (
            SourceErrorKind::Unreachable,
            format!("The connection to PostgreSQL broke while {doing} ({})", innermost(&error)),
        ),
    };
    SourceError::new(kind, message).caused_by(error)
}

/// The last link of the chain says what happened; the ones before it only where.
fn innermost(error: &Error) -> String {
    let mut last: &dyn std::error::Error = error;
    let mut next = error.source();
    while let Some(inner) = next {
        last = inner;
        next = inner.source();
    }
    last.to_string()
}
