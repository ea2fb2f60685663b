//! A transaction for the SQL of a user.

use async_trait::async_trait;
use duckdb::Connection;
use forebay_core::name::Identifier;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Transaction, WarehouseError};

use crate::duckdb::with_connection;
use crate::error::{failed, internal};
use crate::sql::{check_statement, search_path};

/// Rolled back when it is dropped: DuckDB does so when the connection closes.
pub(crate) struct UserTransaction {
    /// `None` only after a panic.
    connection: Option<Connection>,
}

impl UserTransaction {
    pub(crate) async fn begin(
        connection: Connection,
        schemas: &[Identifier],
    ) -> Result<Self, WarehouseError> {
        let path = search_path(schemas);
        let schemas: Vec<String> =
            schemas.iter().map(|schema| format!("CREATE SCHEMA IF NOT EXISTS {}", schema.quoted())).collect();
        let work = move |connection: &Connection| {
            for create in &schemas {
                connection.execute_batch(create).map_err(failed)?;
            }
            connection.execute_batch(&path).map_err(failed)?;
            connection.execute_batch("BEGIN TRANSACTION").map_err(failed)
        };
        let (done, connection) = with_connection(connection, &Stop::never(), work).await;
        done?;
        Ok(Self { connection })
    }

    async fn work<T, F>(&mut self, stop: &Stop, work: F) -> Result<T, WarehouseError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, WarehouseError> + Send + 'static,
    {
        let connection = self.connection.take().ok_or_else(|| internal("the transaction has ended"))?;
        let (done, connection) = with_connection(connection, stop, work).await;
        self.connection = connection;
        done
    }
}

#[async_trait]
impl Transaction for UserTransaction {
    async fn execute(&mut self, sql: &str, stop: &Stop) -> Result<u64, WarehouseError> {
        check_statement(sql)?;
        let sql = sql.to_owned();
        self.work(stop, move |connection| {
            let mut statement = connection.prepare(&sql).map_err(failed)?;
            let mut rows = 0;
            let mut changed = None;
            for batch in statement.stream_arrow([]).map_err(failed)? {
                let batch = batch.map_err(failed)?;
                rows += batch.num_rows() as u64;
                // A changing statement answers with one row that counts.
                changed = match batch.schema().fields().as_ref() {
                    [field] if field.name() == "Count" && batch.num_rows() == 1 => batch
                        .column(0)
                        .as_any()
                        .downcast_ref::<arrow::array::Int64Array>()
                        .map(|count| count.value(0).unsigned_abs()),
                    _ => None,
                };
            }
            Ok(changed.unwrap_or(rows))
        })
        .await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), WarehouseError> {
        self.work(&Stop::never(), |connection| connection.execute_batch("COMMIT").map_err(failed)).await
    }
}
