//! OAuth: what an access token is good for. A scope never adds a right: it says which of the rights that its holder
//! has count in a request.
//!
//! [`client`] says what asks for tokens.

pub mod client;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub use self::client::{ClientId, ClientKind, ClientSecret, OauthClient, RedirectUri};

/// What a client asks for and a token carries. The names are those of the wire contract, and `:execute` beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OauthScope {
    #[serde(rename = "integration.data-pools")]
    DataPools,
    #[serde(rename = "integration.data-pools:read")]
    DataPoolsRead,
    #[serde(rename = "integration.data-pools:execute")]
    DataPoolsExecute,
    #[serde(rename = "integration.data-pools:query")]
    DataPoolsQuery,
    #[serde(rename = "integration.data-pools:data_push")]
    DataPoolsDataPush,
    #[serde(rename = "integration.data-pools:continuous_data_push")]
    DataPoolsContinuousDataPush,
    #[serde(rename = "integration.data-models:read")]
    DataModelsRead,
    #[serde(rename = "authorization.permissions:read")]
    PermissionsRead,
    /// Nothing here needs this one and the next two: they are known because a command line asks for them.
    #[serde(rename = "studio")]
    Studio,
    #[serde(rename = "package-manager")]
    PackageManager,
    #[serde(rename = "action-engine.projects")]
    ActionEngineProjects,
}

/// A group of calls, as scopes tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See pools and jobs, and what their executions do.
    Watch,
    /// See everything else that is set up in a pool.
    Read,
    /// See which tables a pool has.
    ReadTables,
    /// Ask the tables of a pool.
    Query,
    /// See data models.
    ReadModels,
    /// Change what a pool holds, and make pools.
    Edit,
    /// Delete a pool, and say when its jobs run.
    Manage,
    /// Start and cancel executions.
    Execute,
    DataPush,
    ContinuousDataPush,
    /// See who may do what.
    ReadPermissions,
    /// Everything about the server itself, its users and their keys. No scope lets it through.
    Administer,
}

impl OauthScope {
    pub const ALL: [Self; 11] = [
        Self::DataPools,
        Self::DataPoolsRead,
        Self::DataPoolsExecute,
        Self::DataPoolsQuery,
        Self::DataPoolsDataPush,
        Self::DataPoolsContinuousDataPush,
        Self::DataModelsRead,
        Self::PermissionsRead,
        Self::Studio,
        Self::PackageManager,
        Self::ActionEngineProjects,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataPools => "integration.data-pools",
            Self::DataPoolsRead => "integration.data-pools:read",
            Self::DataPoolsExecute => "integration.data-pools:execute",
            Self::DataPoolsQuery => "integration.data-pools:query",
            Self::DataPoolsDataPush => "integration.data-pools:data_push",
            Self::DataPoolsContinuousDataPush => "integration.data-pools:continuous_data_push",
            Self::DataModelsRead => "integration.data-models:read",
            Self::PermissionsRead => "authorization.permissions:read",
            Self::Studio => "studio",
            Self::PackageManager => "package-manager",
            Self::ActionEngineProjects => "action-engine.projects",
        }
    }

    /// What whoever is asked for it should know.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::DataPools => "everything in the data pools that you may do yourself",
            Self::DataPoolsRead => "see what is set up in data pools",
            Self::DataPoolsExecute => "start and cancel data jobs, and see what they do",
            Self::DataPoolsQuery => "read the rows of data pools",
            Self::DataPoolsDataPush => "push rows into data pools",
            Self::DataPoolsContinuousDataPush => "push rows into data pools all the time",
            Self::DataModelsRead => "see data models",
            Self::PermissionsRead => "see who may do what",
            Self::Studio | Self::PackageManager | Self::ActionEngineProjects => "nothing on this server",
        }
    }

    /// Whether calls of this group are let through. They need the right itself as well.
    #[must_use]
    pub const fn lets(self, action: Action) -> bool {
        match self {
            Self::DataPools => !matches!(action, Action::Administer | Action::ReadPermissions),
            Self::DataPoolsRead => matches!(action, Action::Watch | Action::Read | Action::ReadTables),
            Self::DataPoolsExecute => matches!(action, Action::Watch | Action::Execute),
            Self::DataPoolsQuery => matches!(action, Action::ReadTables | Action::Query),
            Self::DataPoolsDataPush => matches!(action, Action::DataPush),
            Self::DataPoolsContinuousDataPush => matches!(action, Action::ContinuousDataPush),
            Self::DataModelsRead => matches!(action, Action::ReadModels),
            Self::PermissionsRead => matches!(action, Action::ReadPermissions),
            Self::Studio | Self::PackageManager | Self::ActionEngineProjects => false,
        }
    }

    /// # Errors
    /// `Invalid` with the name and the names there are.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::invalid("scope", format!("`{name}` is no scope; there are {names}"))
        })
    }
}

impl fmt::Display for OauthScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Scopes as requests and tokens write them: names with spaces between.
///
/// # Errors
/// `Invalid` for a name that is none.
pub fn parse_scopes(text: &str) -> Result<BTreeSet<OauthScope>> {
    text.split(' ').filter(|name| !name.is_empty()).map(OauthScope::parse).collect()
}

/// The other way round.
#[must_use]
pub fn scopes_text(scopes: &BTreeSet<OauthScope>) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

/// How much of what a caller may do counts in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// All of it: the request carries a key.
    Whole,
    /// What one of these lets through: the request carries an access token.
    Scoped(BTreeSet<OauthScope>),
}

impl Authority {
    /// Whether calls of this group are let through.
    #[must_use]
    pub fn lets(&self, action: Action) -> bool {
        match self {
            Self::Whole => true,
            Self::Scoped(scopes) => scopes.iter().any(|scope| scope.lets(action)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_read_back_and_are_those_of_serde() {
        for scope in OauthScope::ALL {
            assert_eq!(OauthScope::parse(scope.as_str()).unwrap(), scope);
            assert_eq!(json!(scope), json!(scope.as_str()));
        }
        let all = BTreeSet::from(OauthScope::ALL);
        assert_eq!(parse_scopes(&scopes_text(&all)).unwrap(), all);
        assert_eq!(parse_scopes("").unwrap(), BTreeSet::new());
        let error = parse_scopes("studio integration.data-pool").unwrap_err().to_string();
        assert!(error.starts_with("scope: `integration.data-pool` is no scope; there are "), "{error}");
    }

    #[test]
    fn no_scope_lets_anybody_administer_and_three_let_nothing_through() {
        let all = Authority::Scoped(BTreeSet::from(OauthScope::ALL));
        assert!(!all.lets(Action::Administer));
        assert!(Authority::Whole.lets(Action::Administer));
        let none = Authority::Scoped(BTreeSet::from([
            OauthScope::Studio,
            OauthScope::PackageManager,
            OauthScope::ActionEngineProjects,
        ]));
        for action in [Action::Watch, Action::Read, Action::Query, Action::Edit, Action::Execute] {
            assert!(!none.lets(action), "{action:?}");
            assert!(all.lets(action), "{action:?}");
        }
    }

    #[test]
    fn a_narrow_scope_lets_its_own_calls_through_and_no_others() {
        let check = |scope: OauthScope, action: Action, expected: bool| {
            let authority = Authority::Scoped(BTreeSet::from([scope]));
            assert_eq!(authority.lets(action), expected, "{scope} {action:?}");
        };
        check(OauthScope::DataPoolsRead, Action::Read, true);
        check(OauthScope::DataPoolsRead, Action::Query, false);
        check(OauthScope::DataPoolsRead, Action::Execute, false);
        check(OauthScope::DataPoolsExecute, Action::Execute, true);
        check(OauthScope::DataPoolsExecute, Action::Watch, true);
        check(OauthScope::DataPoolsExecute, Action::Edit, false);
        check(OauthScope::DataPoolsQuery, Action::Query, true);
        check(OauthScope::DataPoolsQuery, Action::Watch, false);
        check(OauthScope::DataModelsRead, Action::ReadModels, true);
        check(OauthScope::DataModelsRead, Action::Watch, false);
        check(OauthScope::DataPools, Action::ReadPermissions, false);
        check(OauthScope::PermissionsRead, Action::ReadPermissions, true);
    }
}
