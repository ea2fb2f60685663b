//! The test of a data connection: which steps lie on the way to a system, and how far one came.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::connection::{ConnectionConfig, SslMode};

/// A step on the way to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Step {
    /// The host's name becomes an address.
    NameLookup,
    /// Somebody listens at the port, and lets this machine in.
    Connect,
    /// Both agree on an encrypted connection, and the certificate is good enough.
    Tls,
    /// The server takes user and password.
    Login,
    /// The database is there, and the user may use it.
    Database,
    /// The server takes the settings of our sessions and answers a statement.
    Session,
    /// The file or folder is there, may be read, and is what it should be.
    Open,
    /// The tables that the user may read are listed.
    Tables,
}

impl Step {
    const ALL: [Self; 8] = [
        Self::NameLookup,
        Self::Connect,
        Self::Tls,
        Self::Login,
        Self::Database,
        Self::Session,
        Self::Open,
        Self::Tables,
    ];

    /// Its name on the wire and on pages; messages of its failures begin with it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NameLookup => "Name lookup",
            Self::Connect => "Connect",
            Self::Tls => "TLS",
            Self::Login => "Login",
            Self::Database => "Database",
            Self::Session => "Session settings",
            Self::Open => "Open",
            Self::Tables => "Tables",
        }
    }

    /// The step of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// The steps to a source, in their order, up to its first statement or look.
    #[must_use]
    pub fn to(config: &ConnectionConfig) -> Vec<Self> {
        match config {
            ConnectionConfig::Postgresql(config) => Self::to_database(&config.host, config.ssl_mode),
            ConnectionConfig::Mysql(config) => Self::to_database(&config.host, config.ssl_mode),
            ConnectionConfig::Sqlite(_) | ConnectionConfig::Files(_) => vec![Self::Open],
        }
    }

    fn to_database(host: &str, ssl_mode: SslMode) -> Vec<Self> {
        let mut steps = Vec::new();
        // A host that begins with a slash is the folder of a socket of this machine.
        if !host.starts_with('/') {
            steps.push(Self::NameLookup);
        }
        steps.push(Self::Connect);
        if ssl_mode != SslMode::Disable {
            steps.push(Self::Tls);
        }
        steps.extend([Self::Login, Self::Database, Self::Session]);
        steps
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    Ok,
    Failed,
    NotReached,
}

/// How far a test of a connection came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionCheck {
    /// In the order in which they are taken.
    pub steps: Vec<(Step, StepState)>,
    /// What failed, and what to mend; `None` when nothing did.
    pub failure: Option<String>,
}

impl ConnectionCheck {
    /// One in which every step went well.
    #[must_use]
    pub fn passed(steps: Vec<Step>) -> Self {
        Self { steps: steps.into_iter().map(|step| (step, StepState::Ok)).collect(), failure: None }
    }

    /// One that ended at a step. Nothing is known of any when it is not said at which.
    #[must_use]
    pub fn failed(mut steps: Vec<Step>, at: Option<Step>, failure: String) -> Self {
        // A server may ask for a step that the settings leave out.
        if let Some(at) = at.filter(|at| !steps.contains(at)) {
            steps.push(at);
            steps.sort();
        }
        let place = at.and_then(|at| steps.iter().position(|step| *step == at));
        let state = |number: usize| match place {
            Some(place) if number < place => StepState::Ok,
            Some(place) if number == place => StepState::Failed,
            Some(_) | None => StepState::NotReached,
        };
        let steps = steps.into_iter().enumerate().map(|(number, step)| (step, state(number))).collect();
        Self { steps, failure: Some(failure) }
    }

    /// One that did not set out, because something was missing for a step.
    #[must_use]
    pub fn not_begun(steps: Vec<Step>, at: Step, failure: String) -> Self {
        let state = |step| if step == at { StepState::Failed } else { StepState::NotReached };
        let steps = steps.into_iter().map(|step| (step, state(step))).collect();
        Self { steps, failure: Some(failure) }
    }

    /// Whether nothing failed.
    #[must_use]
    pub const fn is_passed(&self) -> bool {
        self.failure.is_none()
    }

    /// Where it failed, if that is known.
    #[must_use]
    pub fn failed_step(&self) -> Option<Step> {
        self.steps.iter().find(|(_, state)| *state == StepState::Failed).map(|(step, _)| *step)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::connection::{MysqlConfig, SqliteConfig};
    use crate::secret::Secret;

    fn database(host: &str, ssl_mode: SslMode) -> ConnectionConfig {
        ConnectionConfig::Mysql(MysqlConfig {
            host: host.to_owned(),
            port: 3306,
            database: "d".to_owned(),
            user: "u".to_owned(),
            password: Secret::default(),
            ssl_mode,
        })
    }

    #[test]
    fn the_steps_are_those_that_the_settings_ask_for() {
        let check = |config: &ConnectionConfig, expected: &str| {
            let names: Vec<&str> = Step::to(config).into_iter().map(Step::name).collect();
            assert_eq!(names.join(", "), expected);
        };
        check(
            &database("db", SslMode::Require),
            "Name lookup, Connect, TLS, Login, Database, Session settings",
        );
        check(&database("/run/db", SslMode::Disable), "Connect, Login, Database, Session settings");
        check(&ConnectionConfig::Sqlite(SqliteConfig { path: PathBuf::from("a.db") }), "Open");
    }

    #[test]
    fn what_comes_before_a_failure_went_well_and_what_comes_after_was_not_reached() {
        use StepState::{Failed, NotReached, Ok};
        let steps = || Step::to(&database("db", SslMode::Disable));
        let states =
            |check: &ConnectionCheck| check.steps.iter().map(|(_, state)| *state).collect::<Vec<_>>();
        let check = ConnectionCheck::failed(steps(), Some(Step::Login), "Login: no".to_owned());
        assert_eq!(states(&check), [Ok, Ok, Failed, NotReached, NotReached]);
        assert_eq!((check.failed_step(), check.is_passed()), (Some(Step::Login), false));
        let check = ConnectionCheck::failed(steps(), Some(Step::Tls), "TLS: is asked for".to_owned());
        assert_eq!(states(&check), [Ok, Ok, Failed, NotReached, NotReached, NotReached]);
        assert_eq!(check.failed_step(), Some(Step::Tls));
        let check = ConnectionCheck::failed(steps(), None, "the worker ended".to_owned());
        assert_eq!(states(&check), [NotReached; 5]);
        assert_eq!(check.failed_step(), None);
        let check = ConnectionCheck::not_begun(steps(), Step::Login, "no password".to_owned());
        assert_eq!(states(&check), [NotReached, NotReached, Failed, NotReached, NotReached]);
        assert!(ConnectionCheck::passed(steps()).is_passed());
    }

    #[test]
    fn a_step_is_found_by_its_name() {
        for step in Step::ALL {
            assert_eq!(Step::of_name(step.name()), Some(step));
        }
        assert_eq!(Step::of_name("Somewhere"), None);
    }
}
