//! Errors of MySQL and MariaDB in words that say which step failed and what to mend.

use std::fmt;
use std::io;

use forebay_core::check::Step;
use forebay_core::connection::MysqlConfig;
use forebay_core::source::{SourceError, SourceErrorKind};

use super::payload::Payload;
use super::wire::LIMIT;

/// What can happen on a connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server's own error.
    Server(ServerError),
    Io(io::Error),
    /// What came is not the protocol.
    Broken(String),
    /// A row is longer than is read.
    TooLong,
}

#[derive(Debug)]
pub(super) struct ServerError {
    pub(super) code: u16,
    pub(super) message: String,
}

impl Failure {
    /// An error packet, without its first byte.
    pub(super) fn server(bytes: &[u8]) -> Self {
        let mut payload = Payload::new(bytes);
        let Some(code) = payload.u16() else {
            return Self::Broken("an error is cut".to_owned());
        };
        // A state of five characters, after a mark; errors before the login have none.
        let text = match payload.rest() {
            [b'#', rest @ ..] => rest.get(5..).unwrap_or_default(),
            rest => rest,
        };
        let shown = &text[..text.len().min(1000)];
        Self::Server(ServerError { code, message: String::from_utf8_lossy(shown).into_owned() })
    }

    /// The code of the server's own error.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Server(error) => Some(error.code),
            Self::Io(_) | Self::Broken(_) | Self::TooLong => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(error) => write!(formatter, "{} (error {})", error.message, error.code),
            Self::Io(error) => write!(formatter, "{error}"),
            Self::Broken(how) => write!(formatter, "what it sends is not the protocol: {how}"),
            Self::TooLong => write!(formatter, "a row is longer than {} MB", LIMIT >> 20),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The answer stops in the middle of what it should hold.
pub(super) fn cut(what: &str) -> Failure {
    Failure::Broken(format!("{what} is cut"))
}

/// The other end asks for a file of this machine, which is never sent.
pub(super) fn asks_for_file() -> Failure {
    Failure::Broken(
        "it asks for a file of this machine (LOCAL INFILE), which Forebay never sends. Check that host and port \
         lead to your own server"
            .to_owned(),
    )
}

/// What went wrong between the socket and the first statement; `under_way` is the step that was being taken.
pub(super) fn login(config: &MysqlConfig, under_way: Step, failure: Failure) -> SourceError {
    let (host, port, user, database) = (&config.host, config.port, &config.user, &config.database);
    let (step, kind, message) = match &failure {
        Failure::Server(error) => {
            let said = &error.message;
            match error.code {
                // Access denied; the account is locked, or its password has expired.
                1045 | 1698 | 4151 | 3118 | 1820 | 1862 => (
                    under_way,
                    SourceErrorKind::Denied,
                    format!(
                        "{host} refuses user {user:?}: {said}. Check user and password, that the account is for this \
                         machine, and whether it needs TLS (sslMode require)"
                    ),
                ),
                1129 | 1130 => (
                    under_way,
                    SourceErrorKind::Denied,
                    format!("{host} takes no connection from this machine: {said}. Allow its address there"),
                ),
                1049 => (
                    Step::Database,
                    SourceErrorKind::Invalid,
                    format!("{host} has no database {database:?}: {said}. Check the database's name"),
                ),
                1044 => (
                    Step::Database,
                    SourceErrorKind::Denied,
                    format!("user {user:?} may not use {database:?}: {said}. Grant SELECT on its tables"),
                ),
                1040 | 1203 | 1226 => (
                    under_way,
                    SourceErrorKind::Unreachable,
                    format!("{host} has no connection free: {said}. Try again, or raise max_connections"),
                ),
                3159 => (
                    Step::Tls,
                    SourceErrorKind::Invalid,
                    format!("{host} takes encrypted connections only: {said}. Set sslMode to require"),
                ),
                code if kind(code) == SourceErrorKind::Unreachable => (
                    under_way,
                    SourceErrorKind::Unreachable,
                    format!("{host} does not take connections now: {said}"),
                ),
                _ => (under_way, SourceErrorKind::Invalid, format!("{host} says: {failure}")),
            }
        }
        Failure::Io(error) => (
            under_way,
            SourceErrorKind::Unreachable,
            format!(
                "{host}:{port} broke the connection off ({error}). Check that it is a MySQL or MariaDB server"
            ),
        ),
        Failure::Broken(_) | Failure::TooLong => (
            under_way,
            SourceErrorKind::Unreachable,
            format!("{host}:{port} is no MySQL or MariaDB server ({failure}). Check host and port"),
        ),
    };
    SourceError::at(step, kind, message).caused_by(failure)
}

/// What a statement failed with; `doing` completes "MySQL failed while …".
pub(super) fn query(doing: &str, failure: Failure) -> SourceError {
    let (kind, message) = match &failure {
        Failure::Server(error) => {
            let remedy = match error.code {
                1205 => ". Something holds the table at the source; run the job again",
                1412 => ". The table was changed after this extraction took its snapshot; run the job again",
                1142 | 1143 => ". Grant SELECT on it",
                _ => "",
            };
            let said = error.message.trim_end_matches('.');
            (kind(error.code), format!("MySQL failed while {doing}: {said} (error {}){remedy}", error.code))
        }
        Failure::Io(_) | Failure::Broken(_) => {
            (SourceErrorKind::Unreachable, format!("The connection to MySQL broke while {doing} ({failure})"))
        }
        Failure::TooLong => (
            SourceErrorKind::Value,
            format!("MySQL sent too much while {doing}: {failure}. Leave the column or the row out"),
        ),
    };
    SourceError::new(kind, message).caused_by(failure)
}

/// What an error code of the server asks of its reader.
fn kind(code: u16) -> SourceErrorKind {
    match code {
        // Rights: on a database, a table, a column, a routine, or of the account.
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1698 => SourceErrorKind::Denied,
        // Connections, shutdown, locks, limits, a table that changed, a statement that was ended.
        1040
        | 1053
        | 1077..=1080
        | 1152
        | 1154..=1161
        | 1184
        | 1203
        | 1205
        | 1213
        | 1226
        | 1317
        | 1412
        | 1927
        | 1969
        | 3024
        | 4031 => SourceErrorKind::Unreachable,
        _ => SourceErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_with_and_without_its_state() {
        for bytes in [&b"\x15\x04#28000Access denied"[..], &b"\x15\x04Access denied"[..]] {
            let Failure::Server(error) = Failure::server(bytes) else { panic!("an error of the server") };
            assert_eq!((error.code, error.message.as_str()), (1045, "Access denied"));
        }
        assert!(matches!(Failure::server(b"\x15"), Failure::Broken(_)));
        assert_eq!(Failure::server(b"\x15\x04#28").code(), Some(1045));
    }
}
