//! The audit log: who asked for what, when, and what came of it. An entry holds no body, no secret and no name of
//! what was changed: ids say what it was about.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::access::{Caller, Subject};
use crate::error::{Error, Result};
use crate::id::DataPoolId;

/// What kind of caller it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditCallerKind {
    User,
    Application,
}

impl AuditCallerKind {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Application => "APPLICATION",
        }
    }
}

/// Who asked, as they were called then; of a sign-in that failed, whom somebody wanted to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCaller {
    pub kind: AuditCallerKind,
    pub id: String,
    /// `None` when it was not known any more.
    pub name: Option<String>,
}

impl From<&Caller> for AuditCaller {
    fn from(caller: &Caller) -> Self {
        Self { name: Some(caller.name.to_string()), ..Self::from(caller.subject) }
    }
}

impl From<Subject> for AuditCaller {
    fn from(subject: Subject) -> Self {
        let (kind, id) = match subject {
            Subject::User(id) => (AuditCallerKind::User, id.to_string()),
            Subject::Application(id) => (AuditCallerKind::Application, id.to_string()),
        };
        Self { kind, id, name: None }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditResult {
    Done,
    Refused,
    /// Who asked went away before the answer: it may be done or not.
    Unknown,
}

impl AuditResult {
    pub const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Unknown];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "DONE",
            Self::Refused => "REFUSED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// `None` for a sign-in that failed, of nobody who is known.
    pub caller: Option<AuditCaller>,
    /// The OAuth client that came for the caller, with an access token or for one.
    pub client: Option<String>,
    /// Its name in the OpenAPI document; of a page that does what no call does, the page's route.
    pub operation: String,
    pub method: String,
    /// The template: no id and no value is in it.
    pub route: String,
    /// The pool that it was about, as far as that is known.
    pub pool: Option<DataPoolId>,
    /// The ids that the address had, by name, and as `id` or `executionId` what was made.
    pub ids: BTreeMap<String, String>,
    pub result: AuditResult,
    /// Of the answer; `None` without one.
    pub status: Option<u16>,
    /// The kind of the error, where it was refused.
    pub error: Option<String>,
    /// Whether further refusals like this one were left out until the end of the hour.
    pub is_last_of_hour: bool,
    pub peer: Option<IpAddr>,
    pub request_id: Option<String>,
}

/// Where an entry stands in the log: lists go on behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPosition {
    pub at: Timestamp,
    pub seq: i64,
}

impl fmt::Display for AuditPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.at.as_millis(), self.seq)
    }
}

impl FromStr for AuditPosition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('-').and_then(|(at, seq)| Some((at.parse().ok()?, seq.parse().ok()?)));
        match numbers {
            Some((at, seq)) => Ok(Self { at: Timestamp::from_millis(at), seq }),
            None => Err(Error::invalid("before", format!("`{text}` is no position in the audit log"))),
        }
    }
}

/// Which entries are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The id of a user or an application.
    pub caller: Option<String>,
    pub pool: Option<DataPoolId>,
    pub operation: Option<String>,
    pub from: Option<Timestamp>,
    /// The first moment that is not meant any more.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back() {
        let position = AuditPosition { at: Timestamp::from_millis(1_764_000_000_000), seq: 42 };
        assert_eq!(position.to_string(), "1764000000000-42");
        assert_eq!("1764000000000-42".parse::<AuditPosition>().unwrap(), position);
        for wrong in ["", "1", "1-", "-1", "a-b", "1-2-3"] {
            let error = wrong.parse::<AuditPosition>().unwrap_err().to_string();
            assert!(error.starts_with("before: "), "{wrong}: {error}");
        }
    }

    #[test]
    fn the_names_are_those_of_serde() {
        for result in AuditResult::ALL {
            assert_eq!(serde_json::json!(result), result.as_str());
        }
        for kind in [AuditCallerKind::User, AuditCallerKind::Application] {
            assert_eq!(serde_json::json!(kind), kind.as_str());
        }
    }
}
