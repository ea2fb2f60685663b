//! Data connections: how to reach somebody else's system.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::{DataConnectionId, DataPoolId};
use crate::name::Name;
use crate::secret::{self, Secret};

/// A data connection of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataConnection {
    pub id: DataConnectionId,
    pub pool_id: DataPoolId,
    pub name: Name,
    pub config: ConnectionConfig,
    pub credentials: Credentials,
    /// How pseudonymised columns of this connection are hashed.
    pub pseudonymisation: Pseudonymisation,
    pub created_at: Timestamp,
}

/// Whether a connection has what it signs in with. One without cannot be used, and nothing is sent to its system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Credentials {
    /// What was given, which may be no password at all.
    Given,
    /// The connection was imported, or moved to another host: nobody has given the password since.
    Missing,
}

/// How to reach one system. Serializing writes the secrets too: it is for the encrypted store and
/// for the worker that runs a job, never for an answer to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConnectionConfig {
    Postgresql(PostgresqlConfig),
    Mysql(MysqlConfig),
    Sqlite(SqliteConfig),
    Files(FilesConfig),
}

impl ConnectionConfig {
    /// The type's name on the wire.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Postgresql(_) => "POSTGRESQL",
            Self::Mysql(_) => "MYSQL",
            Self::Sqlite(_) => "SQLITE",
            Self::Files(_) => "FILES",
        }
    }

    /// The same without what it signs in with, and whether there was any.
    #[must_use]
    pub fn without_credentials(self) -> (Self, Credentials) {
        match self {
            Self::Postgresql(config) => {
                let config = PostgresqlConfig { password: Secret::default(), ..config };
                (Self::Postgresql(config), Credentials::Missing)
            }
            Self::Mysql(config) => {
                let config = MysqlConfig { password: Secret::default(), ..config };
                (Self::Mysql(config), Credentials::Missing)
            }
            Self::Sqlite(_) | Self::Files(_) => (self, Credentials::Given),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresqlConfig {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    #[serde(serialize_with = "secret::exposed")]
    pub password: Secret,
    pub ssl_mode: SslMode,
}

/// One database of a MySQL or MariaDB server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MysqlConfig {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    #[serde(serialize_with = "secret::exposed")]
    pub password: Secret,
    pub ssl_mode: SslMode,
}

/// As libpq's `sslmode`, without the modes that fall back to plain text unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Plain text.
    Disable,
    /// TLS or nothing, whatever the certificate says.
    Require,
    /// TLS, and the certificate must be valid for the host.
    VerifyFull,
}

/// One SQLite database file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqliteConfig {
    pub path: PathBuf,
}

/// A CSV or Parquet file, or a folder of them: each file or sub-folder is a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesConfig {
    pub path: PathBuf,
}

/// How a connection's pseudonymised columns are hashed: the algorithm and a salt of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pseudonymisation {
    pub algorithm: HashAlgorithm,
    #[serde(serialize_with = "secret::exposed")]
    pub salt: Secret,
}

/// `anonymizationAlgorithm` of the wire contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HashAlgorithm {
    #[serde(rename = "SHA_1")]
    Sha1,
    #[serde(rename = "SHA_256")]
    Sha256,
    #[serde(rename = "SHA_256_NO_SALT")]
    Sha256NoSalt,
    #[serde(rename = "SHA_512")]
    Sha512,
    #[serde(rename = "SHA_512_NO_SALT")]
    Sha512NoSalt,
}
