//! Data connections. How to reach the system, and the salt, are sealed as a whole.

use forebay_core::connection::{ConnectionConfig, DataConnection, Pseudonymisation};
use forebay_core::error::Kind;
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::db::{self, Query, Row};
use crate::secrets::{Place, Secrets};
use crate::{Store, pools};

impl Store {
    /// # Errors
    /// `NotFound` for the pool; `Conflict` when the name is taken in it.
    pub async fn create_data_connection(&self, connection: &DataConnection) -> Result<()> {
        insertion(self.secrets(), connection)?.execute_on(self.write()).await.map_err(|error| {
            match db::is_foreign_key(&error) {
                true => pools::not_found(connection.pool_id),
                false => db::error_or_duplicate(error, || taken(connection)),
            }
        })?;
        Ok(())
    }

    /// The connections of a pool, the oldest first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn data_connections(&self, pool: DataPoolId) -> Result<Vec<DataConnection>> {
        let rows = db::query("select * from data_connections where pool_id = $1 order by created_at, rowid")
            .bind(pool.to_string())
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(|row| data_connection(self.secrets(), row)).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn data_connection(&self, pool: DataPoolId, id: DataConnectionId) -> Result<DataConnection> {
        let row = db::query("select * from data_connections where pool_id = $1 and id = $2")
            .bind(pool.to_string())
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        data_connection(self.secrets(), &row.ok_or_else(|| not_found(id))?)
    }

    /// A connection, whichever pool it lies in.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_data_connection(&self, id: DataConnectionId) -> Result<DataConnection> {
        let row = db::query("select * from data_connections where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        data_connection(self.secrets(), &row.ok_or_else(|| not_found(id))?)
    }

    /// Writes the name, the config with its credentials and the pseudonymisation.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the name is taken in the pool.
    pub async fn update_data_connection(&self, connection: &DataConnection) -> Result<()> {
        let done = db::query(
            "update data_connections set name = $3, sealed_config = $4, credentials = $5
             where pool_id = $1 and id = $2",
        )
        .bind(connection.pool_id.to_string())
        .bind(connection.id.to_string())
        .bind(connection.name.as_str())
        .bind(seal(self.secrets(), connection)?)
        .bind(db::to_word(connection.credentials)?)
        .execute_on(self.write())
        .await
        .map_err(|error| db::error_or_duplicate(error, || taken(connection)))?;
        if done.rows_affected() == 0 { Err(not_found(connection.id)) } else { Ok(()) }
    }

    /// # Errors
    /// `NotFound`; `Conflict` naming the jobs that use the connection.
    pub async fn delete_data_connection(&self, pool: DataPoolId, id: DataConnectionId) -> Result<()> {
        self.transact(|transaction| {
        let jobs =
            db::query("select name from data_jobs where pool_id = $1 and connection_id = $2 order by name")
                .bind(pool.to_string())
                .bind(id.to_string())
                .fetch_all(transaction)
                .map_err(db::error)?;
        if !jobs.is_empty() {
            let mut names = Vec::new();
            for job in &jobs {
                names.push(format!("`{}`", db::name(job)?));
            }
            let nouns = if names.len() == 1 { "job" } else { "jobs" };
            return Err(Error::conflict(format!(
                "this data connection is used by the data {nouns} {}; delete them or give them another connection first",
                names.join(", ")
            )));
        }
        let done = db::query("delete from data_connections where pool_id = $1 and id = $2")
            .bind(pool.to_string())
            .bind(id.to_string())
            .execute(transaction)
            .map_err(db::error)?;
        if done.rows_affected() == 0 {
            return Err(not_found(id));
        }
        Ok(())
        }).await
    }
}

/// What is sealed, to write and to read.
#[derive(Serialize)]
struct Sealing<'a> {
    config: &'a ConnectionConfig,
    pseudonymisation: &'a Pseudonymisation,
}

#[derive(Deserialize)]
struct Opened {
    config: ConnectionConfig,
    pseudonymisation: Pseudonymisation,
}

pub(crate) fn not_found(id: DataConnectionId) -> Error {
    Error::not_found(Kind::DataConnection, id)
}

/// The statement that adds a connection.
pub(crate) fn insertion(secrets: &Secrets, connection: &DataConnection) -> Result<Query> {
    let sql = "insert into data_connections (id, pool_id, name, sealed_config, credentials, created_at)
               values ($1, $2, $3, $4, $5, $6)";
    Ok(db::query(sql)
        .bind(connection.id.to_string())
        .bind(connection.pool_id.to_string())
        .bind(connection.name.as_str())
        .bind(seal(secrets, connection)?)
        .bind(db::to_word(connection.credentials)?)
        .bind(connection.created_at.as_millis()))
}

pub(crate) fn taken(connection: &DataConnection) -> String {
    format!("there already is a data connection `{}` in this data pool", connection.name)
}

fn seal(secrets: &Secrets, connection: &DataConnection) -> Result<Vec<u8>> {
    let sealing = Sealing { config: &connection.config, pseudonymisation: &connection.pseudonymisation };
    let text = serde_json::to_vec(&sealing).map_err(Error::internal)?;
    secrets.seal(place(&connection.id.to_string()), &text)
}

fn place(id: &str) -> Place<'_> {
    Place { table: "data_connections", row: id }
}

pub(crate) fn data_connection(secrets: &Secrets, row: &Row) -> Result<DataConnection> {
    let id: DataConnectionId = db::id(row, "id")?;
    let text = secrets.open(place(&id.to_string()), db::get(row, "sealed_config")?)?;
    let opened: Opened = serde_json::from_slice(&text).map_err(Error::internal)?;
    Ok(DataConnection {
        id,
        pool_id: db::id(row, "pool_id")?,
        name: db::name(row)?,
        config: opened.config,
        credentials: db::word(row, "credentials")?,
        pseudonymisation: opened.pseudonymisation,
        created_at: db::time(row, "created_at")?,
    })
}
