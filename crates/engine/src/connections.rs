//! Data connections.

mod preview;
mod uses;

use std::path::{Path, PathBuf};

use forebay_core::access::{Caller, Permission};
use forebay_core::check::{ConnectionCheck, Step};
use forebay_core::connection::{
    ConnectionConfig, Credentials, DataConnection, HashAlgorithm, Pseudonymisation,
};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::name::Name;
use forebay_core::oauth::Action;
use forebay_core::parameter::ParameterOrigin;
use forebay_core::secret::Secret;
use forebay_core::source::SourceTable;

pub use preview::PREVIEW_ROWS;
pub use uses::{ConnectionUses, JobUse};

use crate::Engine;
use crate::data::source_error;
use crate::keys::random_text;

/// What a caller says of a new connection.
#[derive(Clone, Debug)]
pub struct NewConnection {
    pub name: Name,
    pub config: ConnectionConfig,
    pub credentials: Credentials,
    pub algorithm: HashAlgorithm,
}

impl Engine {
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_connections(&self, caller: &Caller, pool: DataPoolId) -> Result<Vec<DataConnection>> {
        self.pool_with(caller, Permission::View, pool).await?;
        self.store().data_connections(pool).await
    }

    /// The names of a pool's connections alone, to say whose tables are whose.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_connection_names(
        &self,
        caller: &Caller,
        pool: DataPoolId,
    ) -> Result<Vec<(DataConnectionId, Name)>> {
        self.pool_for(caller, Permission::View, Action::ReadTables, pool).await?;
        let connections = self.store().data_connections(pool).await?;
        Ok(connections.into_iter().map(|connection| (connection.id, connection.name)).collect())
    }

    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn data_connection(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
    ) -> Result<DataConnection> {
        self.pool_with(caller, Permission::View, pool).await?;
        self.store().data_connection(pool, connection).await
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for a path outside the allowed folders, `Conflict` when
    /// the name is taken.
    pub async fn create_data_connection(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        new: NewConnection,
    ) -> Result<DataConnection> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let connection = DataConnection {
            id: DataConnectionId::random(),
            pool_id: pool,
            name: new.name,
            config: self.allowed(new.config)?,
            credentials: new.credentials,
            pseudonymisation: Pseudonymisation { algorithm: new.algorithm, salt: Secret::new(random_text()) },
            created_at: self.now(),
        };
        self.store().create_data_connection(&connection).await?;
        Ok(connection)
    }

    /// Changes a connection; the salt of its pseudonyms stays.
    ///
    /// # Errors
    /// As for creating one.
    pub async fn update_data_connection(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
        new: NewConnection,
    ) -> Result<DataConnection> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let mut connection = self.store().data_connection(pool, connection).await?;
        connection.name = new.name;
        connection.config = self.allowed(new.config)?;
        connection.credentials = new.credentials;
        connection.pseudonymisation.algorithm = new.algorithm;
        self.store().update_data_connection(&connection).await?;
        Ok(connection)
    }

    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` while a job, a data model or a parameter uses it.
    pub async fn delete_data_connection(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
    ) -> Result<()> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        for model in self.store().data_models(pool).await? {
            if model.tables.iter().any(|table| table.connection_id == Some(connection)) {
                return Err(Error::conflict(format!(
                    "the data model `{}` has tables of this data connection; delete the data model first",
                    model.name
                )));
            }
            let factory = model.calendar.factory;
            if factory.is_some_and(|calendar| calendar.connection_id == Some(connection)) {
                return Err(Error::conflict(format!(
                    "the factory calendar of the data model `{}` is a table of this data connection; choose another \
                     calendar first",
                    model.name
                )));
            }
        }
        for parameter in self.store().all_parameters(pool).await? {
            if matches!(&parameter.origin, ParameterOrigin::Dynamic(from) if from.connection_id == Some(connection))
            {
                return Err(Error::conflict(format!(
                    "the parameter `{}` takes its values from a table of this data connection; change or delete it first",
                    parameter.placeholder
                )));
            }
        }
        self.store().delete_data_connection(pool, connection).await
    }

    /// Connects and reads nothing, and says how far that came: a source that refuses is an answer.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for a path that may not be read any more.
    pub async fn check_data_connection(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
    ) -> Result<ConnectionCheck> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let connection = self.store().data_connection(pool, connection).await?;
        let steps = Step::to(&connection.config);
        let config = match self.usable(&connection) {
            Ok(config) => config,
            // It has no password, so nothing is sent anywhere.
            Err(Error::Refused { message }) => {
                return Ok(ConnectionCheck::not_begun(steps, Step::Login, message));
            }
            Err(error) => return Err(error),
        };
        Ok(match self.0.plane.check(pool, &config).await {
            Ok(()) => ConnectionCheck::passed(steps),
            Err(error) => ConnectionCheck::failed(steps, error.step, error.message),
        })
    }

    /// The tables that a source offers, with their columns and keys, as it says now.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Refused` when the source does not answer.
    pub async fn source_tables(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: DataConnectionId,
    ) -> Result<Vec<SourceTable>> {
        self.pool_with(caller, Permission::Edit, pool).await?;
        let connection = self.store().data_connection(pool, connection).await?;
        let config = self.usable(&connection)?;
        self.0.plane.discover(pool, &config).await.map_err(source_error)
    }

    /// A connection wherever it lies, if the caller may see it.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn find_data_connection(
        &self,
        caller: &Caller,
        connection: DataConnectionId,
    ) -> Result<DataConnection> {
        let found = self.store().find_data_connection(connection).await?;
        match self.pool_with(caller, Permission::View, found.pool_id).await {
            Ok(_) => Ok(found),
            // To whoever may not see the pool, its connections do not exist either.
            Err(Error::NotFound { .. }) => Err(Error::not_found(Kind::DataConnection, connection)),
            Err(error) => Err(error),
        }
    }

    /// How to reach a connection's system now.
    pub(crate) fn usable(&self, connection: &DataConnection) -> Result<ConnectionConfig> {
        match connection.credentials {
            Credentials::Given => self.allowed(connection.config.clone()),
            Credentials::Missing => Err(Error::Refused {
                message: format!(
                    "Login: the data connection `{}` has no password: it came with an import, or was moved to \
                     another host, port or user; set its password again",
                    connection.name
                ),
            }),
        }
    }

    /// The configuration with its path resolved, if it lies below a folder that may be read.
    pub(crate) fn allowed(&self, config: ConnectionConfig) -> Result<ConnectionConfig> {
        Ok(match config {
            ConnectionConfig::Postgresql(config) => ConnectionConfig::Postgresql(config),
            ConnectionConfig::Mysql(config) => ConnectionConfig::Mysql(config),
            ConnectionConfig::Sqlite(mut config) => {
                config.path = self.allowed_path(&config.path)?;
                ConnectionConfig::Sqlite(config)
            }
            ConnectionConfig::Files(mut config) => {
                config.path = self.allowed_path(&config.path)?;
                ConnectionConfig::Files(config)
            }
        })
    }

    fn allowed_path(&self, path: &Path) -> Result<PathBuf> {
        let field = "configuration.path";
        if self.0.settings.file_roots.is_empty() {
            return Err(Error::invalid(
                field,
                "this server reads no files; start it with --file-root FOLDER",
            ));
        }
        // One answer for what is missing and what is outside, so that nobody can look around.
        let refused = || {
            Error::invalid(
                field,
                "must name an existing file or folder below one of the server's --file-root folders",
            )
        };
        let resolved = path.canonicalize().map_err(|_| refused())?;
        let inside = self
            .0
            .settings
            .file_roots
            .iter()
            .filter_map(|root| root.canonicalize().ok())
            .any(|root| resolved.starts_with(root));
        if inside { Ok(resolved) } else { Err(refused()) }
    }
}
