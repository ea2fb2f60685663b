//! The rows of a pool, to look at.

use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::execution::Execution;
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId};
use forebay_core::oauth::Action;
use forebay_core::plane::Damage;
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::source::{SourceError, SourceErrorKind};
use forebay_core::spec::ScriptQuery;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{PoolTable, Query, Rows, WarehouseError, WarehouseErrorKind};

use crate::Engine;
use crate::spec::parameter_specs;

/// The most rows a query answers with.
pub const QUERY_LIMIT: usize = 1_000_000;

impl Engine {
    /// The tables and views of a pool.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn tables(&self, caller: &Caller, pool: DataPoolId) -> Result<Vec<PoolTable>> {
        self.pool_for(caller, Permission::View, Action::ReadTables, pool).await?;
        self.0.plane.tables(pool).await.map_err(warehouse_error)
    }

    /// What was found damaged in a pool's files, with the executions whose rows may be missing since: those that
    /// ended well after the last moment of which everything is there. Running their jobs again brings the rows.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn damages(&self, caller: &Caller, pool: DataPoolId) -> Result<Vec<(Damage, Vec<Execution>)>> {
        self.pool_with(caller, Permission::View, pool).await?;
        let mut told = Vec::new();
        for damage in self.0.plane.damages(pool).await.map_err(warehouse_error)? {
            let affected = self.store().succeeded_since(pool, damage.last_good).await?;
            told.push((damage, affected));
        }
        Ok(told)
    }

    /// Answers a read-only query. Unqualified names are looked up in the connection's schema, then
    /// in the global one.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for the limit, `Refused` with the engine's words for the SQL.
    pub async fn query(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        connection: Option<DataConnectionId>,
        sql: String,
        limit: usize,
    ) -> Result<Rows> {
        self.pool_for(caller, Permission::View, Action::Query, pool).await?;
        check_limit(limit)?;
        let mut schemas = Vec::new();
        if let Some(connection) = connection {
            self.store().data_connection(pool, connection).await?;
            schemas.push(connection_schema(pool, connection));
        }
        schemas.push(global_schema(pool));
        // The handle lives as long as this call: a client that hangs up drops it, and the plane's
        // own guard interrupts the statement.
        self.0.plane.query(pool, Query { sql, schemas, limit }, &Stop::never()).await.map_err(warehouse_error)
    }

    /// Answers SQL that stands in a transformation, or in one that is to be made: one statement that reads.
    /// Unqualified names are looked up and `<%=…%>` is filled in as in a run of the job; nothing is executed.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for the limit, `Refused` with what is wrong with the SQL, and where.
    pub async fn query_statement(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        (job, task): (DataJobId, Option<&str>),
        sql: String,
        limit: usize,
    ) -> Result<Rows> {
        self.pool_for(caller, Permission::View, Action::Query, pool).await?;
        check_limit(limit)?;
        let job = self.store().data_job(pool, job).await?;
        let own = match task {
            Some(task) => {
                let task = self.task_of(pool, job.id, task).await?;
                self.store().parameters(pool, Some(task.id)).await?
            }
            None => Vec::new(),
        };
        let query = ScriptQuery {
            sql,
            pool_id: pool,
            connection_id: job.connection_id,
            parameters: parameter_specs(&own, &self.store().parameters(pool, None).await?),
            schemas: self.named_schemas(pool).await?,
            limit,
        };
        // As above, the handle lives as long as this call.
        self.0.plane.query_script(pool, query, &Stop::never()).await.map_err(warehouse_error)
    }

    /// One table of a pool by name; `schema` is a connection's id or a schema's name, `None` the
    /// global schema. Clients send the connection's id as `schemaName`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn table(
        &self,
        caller: &Caller,
        pool: DataPoolId,
        schema: Option<&str>,
        name: &str,
    ) -> Result<PoolTable> {
        let schema = match schema {
            None | Some("") => global_schema(pool),
            Some(text) => match text.parse::<DataConnectionId>() {
                Ok(connection) if text != pool.to_string() => connection_schema(pool, connection),
                _ => forebay_core::name::Identifier::parse("schemaName", text)?,
            },
        };
        self.tables(caller, pool)
            .await?
            .into_iter()
            .find(|table| {
                table.table.schema == schema && table.table.name.as_str().eq_ignore_ascii_case(name)
            })
            .ok_or_else(|| Error::not_found(Kind::Table, name))
    }
}

fn check_limit(limit: usize) -> Result<()> {
    if (1..=QUERY_LIMIT).contains(&limit) {
        return Ok(());
    }
    Err(Error::invalid("limit", format!("must be between 1 and {QUERY_LIMIT}")))
}

/// A warehouse's error as the caller's.
pub(crate) fn warehouse_error(error: WarehouseError) -> Error {
    match error.kind {
        WarehouseErrorKind::Invalid | WarehouseErrorKind::Drift | WarehouseErrorKind::Canceled => {
            Error::Refused { message: error.message }
        }
        WarehouseErrorKind::Conflict | WarehouseErrorKind::Stale => Error::Conflict { reason: error.message },
        WarehouseErrorKind::Unavailable => Error::Unavailable { what: error.message },
        WarehouseErrorKind::Internal => Error::internal(error),
    }
}

/// A source's error as the caller's.
pub(crate) fn source_error(error: SourceError) -> Error {
    match error.kind {
        SourceErrorKind::Unreachable
        | SourceErrorKind::Denied
        | SourceErrorKind::Invalid
        | SourceErrorKind::Value => Error::Refused { message: error.message },
    }
}
