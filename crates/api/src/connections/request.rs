//! What a client says of a data connection.

use forebay_core::connection::{
    ConnectionConfig, Credentials, DataConnection, FilesConfig, HashAlgorithm, MysqlConfig, PostgresqlConfig,
    SqliteConfig, SslMode as Mode,
};
use forebay_core::error::{Error, Result};
use forebay_core::secret::Secret;
use forebay_engine::NewConnection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::pools::name;
use crate::words::{AnonymizationAlgorithm, SslMode};

/// The system a data connection reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ConnectionType {
    Postgresql,
    /// MariaDB, too.
    Mysql,
    Sqlite,
    Files,
}

impl From<&ConnectionConfig> for ConnectionType {
    fn from(config: &ConnectionConfig) -> Self {
        match config {
            ConnectionConfig::Postgresql(_) => Self::Postgresql,
            ConnectionConfig::Mysql(_) => Self::Mysql,
            ConnectionConfig::Sqlite(_) => Self::Sqlite,
            ConnectionConfig::Files(_) => Self::Files,
        }
    }
}

/// A data connection to be made or changed. In a change, null leaves a field as it is.
#[derive(Deserialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionRequest {
    /// What others in an export call it; of no account elsewhere.
    pub(crate) id: Option<String>,
    /// 1 to 100 characters.
    pub(crate) name: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<ConnectionType>,
    pub(crate) configuration: Option<ConfigurationRequest>,
    /// How pseudonymised columns are hashed; SHA_256 when null.
    pub(crate) anonymization_algorithm: Option<AnonymizationAlgorithm>,
}

/// How to reach the system: for SQLite and files the path alone.
#[derive(Deserialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigurationRequest {
    pub(crate) host: Option<String>,
    /// When null, 5432 for PostgreSQL and 3306 for MySQL.
    pub(crate) port: Option<u16>,
    pub(crate) database: Option<String>,
    pub(crate) user: Option<String>,
    /// Never shown again. It must be given anew when the host, the port or the user changes.
    #[schema(write_only)]
    pub(crate) password: Option<String>,
    /// `disable` when null.
    pub(crate) ssl_mode: Option<SslMode>,
    /// Below one of the folders that the server was started with as `--file-root`.
    pub(crate) path: Option<String>,
}

/// What becomes of a password that is not said.
#[derive(Clone, Copy)]
pub enum Unsaid {
    /// A new connection has none, and an old one must be said when it would go elsewhere.
    NoneOrRefused,
    /// It is missing until somebody says it: the connection cannot be used before.
    Missing,
}

fn needed(field: &str, text: Option<String>) -> Result<String> {
    match text {
        Some(text) if text.contains('\0') => Err(Error::invalid(field, "must not have a NUL character")),
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Error::invalid(field, "is missing")),
    }
}

impl ConnectionRequest {
    /// The connection this asks for; `kept` is the one it changes.
    pub fn into_new(self, kept: Option<&DataConnection>, unsaid: Unsaid) -> Result<NewConnection> {
        let name = match self.name {
            Some(text) => name(Some(&text))?,
            None => kept.map(|kept| kept.name.clone()).ok_or_else(|| Error::invalid("name", "is missing"))?,
        };
        let kind = self.kind.or(kept.map(|kept| ConnectionType::from(&kept.config)));
        let algorithm = match (self.anonymization_algorithm, kept) {
            (Some(algorithm), _) => algorithm.into(),
            (None, Some(kept)) => kept.pseudonymisation.algorithm,
            (None, None) => HashAlgorithm::Sha256,
        };
        let given = self.configuration.unwrap_or_default();
        let mut credentials = kept.map_or(Credentials::Given, |kept| kept.credentials);
        let kept = kept.map(|kept| &kept.config);
        let config = match kind {
            Some(ConnectionType::Postgresql) => {
                let kept = match kept {
                    Some(ConnectionConfig::Postgresql(kept)) => Some(kept.clone().into()),
                    Some(_) | None => None,
                };
                let Database { host, port, database, user, password, ssl_mode } =
                    given.into_database(5432, kept, unsaid, &mut credentials)?;
                ConnectionConfig::Postgresql(PostgresqlConfig {
                    host,
                    port,
                    database,
                    user,
                    password,
                    ssl_mode,
                })
            }
            Some(ConnectionType::Mysql) => {
                let kept = match kept {
                    Some(ConnectionConfig::Mysql(kept)) => Some(kept.clone().into()),
                    Some(_) | None => None,
                };
                let Database { host, port, database, user, password, ssl_mode } =
                    given.into_database(3306, kept, unsaid, &mut credentials)?;
                ConnectionConfig::Mysql(MysqlConfig { host, port, database, user, password, ssl_mode })
            }
            Some(ConnectionType::Sqlite) => {
                let path = match (given.path, kept) {
                    (None, Some(ConnectionConfig::Sqlite(kept))) => kept.path.clone(),
                    (path, _) => needed("configuration.path", path)?.into(),
                };
                ConnectionConfig::Sqlite(SqliteConfig { path })
            }
            Some(ConnectionType::Files) => {
                let path = match (given.path, kept) {
                    (None, Some(ConnectionConfig::Files(kept))) => kept.path.clone(),
                    (path, _) => needed("configuration.path", path)?.into(),
                };
                ConnectionConfig::Files(FilesConfig { path })
            }
            None => {
                return Err(Error::invalid(
                    "type",
                    "is missing; it must be POSTGRESQL, MYSQL, SQLITE or FILES",
                ));
            }
        };
        if matches!(config, ConnectionConfig::Sqlite(_) | ConnectionConfig::Files(_)) {
            credentials = Credentials::Given;
        }
        Ok(NewConnection { name, config, credentials, algorithm })
    }
}

/// How a database on a server is reached, of whatever system.
struct Database {
    host: String,
    port: u16,
    database: String,
    user: String,
    password: Secret,
    ssl_mode: Mode,
}

impl From<PostgresqlConfig> for Database {
    fn from(config: PostgresqlConfig) -> Self {
        let PostgresqlConfig { host, port, database, user, password, ssl_mode } = config;
        Self { host, port, database, user, password, ssl_mode }
    }
}

impl From<MysqlConfig> for Database {
    fn from(config: MysqlConfig) -> Self {
        let MysqlConfig { host, port, database, user, password, ssl_mode } = config;
        Self { host, port, database, user, password, ssl_mode }
    }
}

impl ConfigurationRequest {
    /// A password is kept only for the same host, port and user, so that nobody can send it
    /// somewhere else.
    fn into_database(
        self,
        usual_port: u16,
        kept: Option<Database>,
        unsaid: Unsaid,
        credentials: &mut Credentials,
    ) -> Result<Database> {
        let kept = kept.as_ref();
        let host = needed("configuration.host", self.host.or(kept.map(|kept| kept.host.clone())))?;
        let port = self.port.or(kept.map(|kept| kept.port)).unwrap_or(usual_port);
        let user = needed("configuration.user", self.user.or(kept.map(|kept| kept.user.clone())))?;
        let password = match (self.password, kept, unsaid) {
            (Some(password), _, _) => {
                *credentials = Credentials::Given;
                Secret::new(password)
            }
            (None, Some(kept), _) if kept.host == host && kept.port == port && kept.user == user => {
                kept.password.clone()
            }
            (None, Some(_), Unsaid::NoneOrRefused) => {
                let reason = "must be given again when the host, the port or the user changes";
                return Err(Error::invalid("configuration.password", reason));
            }
            (None, None, Unsaid::NoneOrRefused) => {
                *credentials = Credentials::Given;
                Secret::default()
            }
            (None, _, Unsaid::Missing) => {
                *credentials = Credentials::Missing;
                Secret::default()
            }
        };
        let database = self.database.or(kept.map(|kept| kept.database.clone()));
        Ok(Database {
            host,
            port,
            database: needed("configuration.database", database)?,
            user,
            password,
            ssl_mode: match (self.ssl_mode, kept) {
                (Some(mode), _) => mode.into(),
                (None, Some(kept)) => kept.ssl_mode,
                (None, None) => Mode::Disable,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::Timestamp;
    use forebay_core::connection::Pseudonymisation;
    use forebay_core::id::{DataConnectionId, DataPoolId};
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value, kept: Option<&DataConnection>) -> Result<NewConnection> {
        serde_json::from_value::<ConnectionRequest>(body).unwrap().into_new(kept, Unsaid::NoneOrRefused)
    }

    fn saved(new: NewConnection) -> DataConnection {
        DataConnection {
            id: DataConnectionId::random(),
            pool_id: DataPoolId::random(),
            name: new.name,
            config: new.config,
            credentials: new.credentials,
            pseudonymisation: Pseudonymisation { algorithm: new.algorithm, salt: Secret::default() },
            created_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn the_usual_port_is_the_system_s() {
        let configuration = json!({"host": "db", "database": "erp", "user": "reader", "password": "secret"});
        let body = json!({"name": "ERP", "type": "MYSQL", "configuration": configuration});
        let kept = saved(read(body, None).unwrap());
        let ConnectionConfig::Mysql(config) = &kept.config else { panic!("the type that was asked for") };
        assert_eq!((config.port, config.ssl_mode), (3306, Mode::Disable));
        let changed = read(json!({"configuration": {"sslMode": "require"}}), Some(&kept)).unwrap();
        let ConnectionConfig::Mysql(config) = changed.config else { panic!("the type is kept") };
        assert_eq!((config.password.expose(), config.ssl_mode), ("secret", Mode::Require));
        // What another system was told is not told to this one.
        assert!(read(json!({"type": "MYSQL"}), Some(&postgresql())).is_err());
    }

    fn postgresql() -> DataConnection {
        let configuration = json!({"host": "db", "database": "erp", "user": "reader", "password": "secret"});
        let body = json!({"name": "ERP", "type": "POSTGRESQL", "configuration": configuration});
        saved(read(body, None).unwrap())
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let kept = postgresql();
        let changed =
            read(json!({"name": "New", "configuration": {"database": "crm"}}), Some(&kept)).unwrap();
        let ConnectionConfig::Postgresql(config) = changed.config else { panic!("the type is kept") };
        assert_eq!((config.host.as_str(), config.port, config.database.as_str()), ("db", 5432, "crm"));
        assert_eq!((config.password.expose(), changed.name.as_str()), ("secret", "New"));
    }

    #[test]
    fn a_password_never_goes_to_another_host_port_or_user() {
        let kept = postgresql();
        for field in [json!({"host": "evil"}), json!({"port": 1}), json!({"user": "other"})] {
            let message = read(json!({"configuration": field}), Some(&kept)).unwrap_err().to_string();
            assert!(message.starts_with("configuration.password: must be given again"), "{message}");
        }
        let given = json!({"configuration": {"host": "evil", "password": "p"}});
        assert!(read(given, Some(&kept)).is_ok());
    }

    #[test]
    fn a_password_that_is_missing_stays_missing_until_it_is_said() {
        let body = json!({"name": "ERP", "type": "MYSQL", "configuration": {
            "host": "db", "database": "erp", "user": "reader"}});
        let read = |body: Value, kept: Option<&DataConnection>| {
            let request = serde_json::from_value::<ConnectionRequest>(body).unwrap();
            saved(request.into_new(kept, Unsaid::Missing).unwrap())
        };
        let imported = read(body, None);
        assert_eq!(imported.credentials, Credentials::Missing);
        let renamed = read(json!({"name": "CRM"}), Some(&imported));
        assert_eq!((renamed.name.as_str(), renamed.credentials), ("CRM", Credentials::Missing));
        let said = read(json!({"configuration": {"password": ""}}), Some(&renamed));
        assert_eq!(said.credentials, Credentials::Given);
        // One that was there does not go to another host.
        let kept = postgresql();
        let moved = read(json!({"configuration": {"host": "other"}}), Some(&kept));
        let ConnectionConfig::Postgresql(config) = &moved.config else { panic!("the type is kept") };
        assert_eq!((config.password.expose(), moved.credentials), ("", Credentials::Missing));
        assert_eq!(read(json!({"name": "b"}), Some(&kept)).credentials, Credentials::Given);
    }

    #[test]
    fn what_is_missing_is_named() {
        let check = |body: Value, field: &str| {
            let message = read(body, None).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{field}: is missing")), "{message}");
        };
        check(json!({}), "name");
        check(json!({"name": "a"}), "type");
        check(json!({"name": "a", "type": "POSTGRESQL"}), "configuration.host");
        check(json!({"name": "a", "type": "SQLITE", "configuration": {}}), "configuration.path");
        // A path of another type is no path of this one.
        let sqlite = json!({"name": "a", "type": "SQLITE", "configuration": {"path": "/a.db"}});
        let kept = saved(read(sqlite, None).unwrap());
        assert!(read(json!({"type": "FILES"}), Some(&kept)).is_err());
        assert!(read(json!({"name": "b"}), Some(&kept)).is_ok());
    }
}
