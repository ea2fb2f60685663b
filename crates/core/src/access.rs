//! Who is asking, and what they may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::{ApplicationId, DataPoolId, GroupId, KeyId, UserId};
use crate::name::Name;
use crate::oauth::{Authority, ClientId};

/// What a grant can allow. All but `Execute` and `Metrics` are the permissions of the wire contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    UseAllDataModels,
    View,
    Edit,
    Manage,
    DataPush,
    ContinuousDataPush,
    /// Start and cancel jobs and read their logs, without editing anything.
    Execute,
    /// Read the figures of the server, and nothing else. It is about no pool, so it is granted on the service.
    Metrics,
}

impl Permission {
    pub const ALL: [Self; 8] = [
        Self::UseAllDataModels,
        Self::View,
        Self::Edit,
        Self::Manage,
        Self::DataPush,
        Self::ContinuousDataPush,
        Self::Execute,
        Self::Metrics,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UseAllDataModels => "USE_ALL_DATA_MODELS",
            Self::View => "VIEW",
            Self::Edit => "EDIT",
            Self::Manage => "MANAGE",
            Self::DataPush => "DATA_PUSH",
            Self::ContinuousDataPush => "CONTINUOUS_DATA_PUSH",
            Self::Execute => "EXECUTE",
            Self::Metrics => "METRICS",
        }
    }
}

/// A user or an application: who asks, and who is recorded as having done something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Subject {
    User(UserId),
    Application(ApplicationId),
}

/// Whom a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grantee {
    User(UserId),
    Application(ApplicationId),
    /// All its members, as long as they are in it.
    Group(GroupId),
}

impl From<Subject> for Grantee {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::User(id) => Self::User(id),
            Subject::Application(id) => Self::Application(id),
        }
    }
}

/// Whether somebody administers the team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// May do everything.
    Admin,
    /// May do what the grants say.
    Member,
}

/// Who sent a request, once the credentials have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub subject: Subject,
    pub name: Name,
    pub role: Role,
    pub authority: Authority,
    /// The client whose access token the request carries.
    pub client: Option<ClientId>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub name: Name,
    pub email: Option<String>,
    pub role: Role,
    pub created_at: Timestamp,
}

/// A program with permissions of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub id: ApplicationId,
    pub name: Name,
    pub created_at: Timestamp,
}

/// Users who are granted permissions together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub name: Name,
    pub created_at: Timestamp,
}

/// What is kept of a key. The key itself is shown once and stored as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: KeyId,
    pub owner: Subject,
    pub name: Name,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// How far a grant reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Every data pool, now and later; it stands above what a single pool says.
    Service,
    Pool(DataPoolId),
}

/// What a user, an application or a group may do in one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub grantee: Grantee,
    pub scope: Scope,
    pub permissions: BTreeSet<Permission>,
}
