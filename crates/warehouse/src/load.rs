//! Loads: rows wait in a staging table beside their target and are shown, with the checkpoint, in
//! one transaction.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use duckdb::Connection;
use forebay_core::name::{Identifier, quote};
use forebay_core::source::Checkpoint;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    CHANGE_DATE_COLUMN, Key, LoadReport, LoadSpec, TableLoad, WarehouseError, WarehouseErrorKind,
    WarehouseTable, WriteMode,
};

use crate::columns::{Fit, column_type, fit};
use crate::duckdb::with_connection;
use crate::error::{failed, internal};
use crate::sql::{OWN_SCHEMA, STAGING, list, literal, qualified};

pub(crate) struct Load {
    /// `None` only after a panic.
    connection: Option<Connection>,
    spec: LoadSpec,
    staging: WarehouseTable,
    /// As appended: the rows' columns and the change date.
    schema: SchemaRef,
}

impl Load {
    pub(crate) async fn begin(connection: Connection, spec: LoadSpec) -> Result<Self, WarehouseError> {
        let name = format!("{STAGING}{}", uuid::Uuid::new_v4().simple());
        let name = Identifier::parse("staging", &name)
            .map_err(|error| internal("a staging name").caused_by(error))?;
        let staging = WarehouseTable { schema: spec.table.schema.clone(), name };
        let change_date =
            Field::new(CHANGE_DATE_COLUMN, DataType::Timestamp(TimeUnit::Microsecond, None), false);
        let mut fields: Vec<Field> =
            spec.columns.fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.push(change_date);
        let mut columns = Vec::new();
        for field in &fields {
            let kind = column_type(field.data_type()).ok_or_else(|| {
                let text = format!(
                    "{}.{}: the type {} cannot be kept",
                    spec.table.name,
                    field.name(),
                    field.data_type()
                );
                WarehouseError::new(WarehouseErrorKind::Invalid, text)
            })?;
            columns.push(format!("{} {kind}", quote(field.name())));
        }
        let create = format!(
            "CREATE SCHEMA IF NOT EXISTS {}; CREATE TABLE {} ({})",
            staging.schema.quoted(),
            qualified(&staging),
            columns.join(", ")
        );
        let work = move |connection: &Connection| connection.execute_batch(&create).map_err(failed);
        let (done, connection) = with_connection(connection, &Stop::never(), work).await;
        done?;
        Ok(Self { connection, spec, staging, schema: Arc::new(Schema::new(fields)) })
    }

    async fn work<T, F>(&mut self, stop: &Stop, work: F) -> Result<T, WarehouseError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, WarehouseError> + Send + 'static,
    {
        let connection = self.connection.take().ok_or_else(|| internal("the load has ended"))?;
        let (done, connection) = with_connection(connection, stop, work).await;
        self.connection = connection;
        done
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let remove = format!("DROP TABLE IF EXISTS {}", qualified(&self.staging));
        // What cannot be removed now is removed when the file is opened next.
        std::thread::spawn(move || drop(connection.execute_batch(&remove)));
    }
}

#[async_trait]
impl TableLoad for Load {
    async fn append(&mut self, rows: RecordBatch) -> Result<(), WarehouseError> {
        let micros = self.spec.changed_at.as_millis() * 1000;
        let change_date: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![micros; rows.num_rows()]));
        let mut columns = rows.columns().to_vec();
        columns.push(change_date);
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|error| internal("a batch does not have the columns of its table").caused_by(error))?;
        let staging = self.staging.clone();
        self.work(&Stop::never(), move |connection| {
            let appender = connection.appender_to_db(staging.name.as_str(), staging.schema.as_str());
            let mut appender = appender.map_err(failed)?;
            appender.append_record_batch(rows).map_err(failed)?;
            appender.flush().map_err(failed)
        })
        .await
    }

    async fn commit(
        mut self: Box<Self>,
        checkpoint: &Checkpoint,
        stop: &Stop,
    ) -> Result<LoadReport, WarehouseError> {
        let checkpoint =
            serde_json::to_string(checkpoint).map_err(|error| internal("a checkpoint").caused_by(error))?;
        let (staging, spec) = (self.staging.clone(), self.spec.clone());
        let report = self
            .work(stop, move |connection| {
                connection.execute_batch("BEGIN TRANSACTION").map_err(failed)?;
                let shown = show(connection, &staging, &spec, &checkpoint);
                match shown {
                    Ok(report) => connection.execute_batch("COMMIT").map_err(failed).map(|()| report),
                    Err(error) => {
                        // A transaction that cannot be rolled back ends with its connection.
                        drop(connection.execute_batch("ROLLBACK"));
                        Err(error)
                    }
                }
            })
            .await?;
        Ok(report)
    }
}

fn count(connection: &Connection, sql: &str) -> Result<u64, WarehouseError> {
    let counted: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
    Ok(counted.unsigned_abs())
}

/// Everything that a commit does, inside its transaction.
fn show(
    connection: &Connection,
    staging: &WarehouseTable,
    spec: &LoadSpec,
    checkpoint: &str,
) -> Result<LoadReport, WarehouseError> {
    let (from, to) = (qualified(staging), qualified(&spec.table));
    let execute = |sql: String| connection.execute(&sql, []).map_err(failed);
    let columns = table_columns(connection, &spec.table)?;
    let staged = count(connection, &format!("SELECT count(*) FROM {from}"))?;
    let before =
        if columns.is_empty() { 0 } else { count(connection, &format!("SELECT count(*) FROM {to}"))? };
    let mut changes = Vec::new();
    let inserted;
    let (mut updated, mut deleted) = (0, 0);
    match &spec.mode {
        WriteMode::Merge { key, order } => {
            keep_last(connection, staging, key, order.as_ref())?;
            let unique = count(connection, &format!("SELECT count(*) FROM {from}"))?;
            if columns.is_empty() {
                rename(connection, staging, &spec.table)?;
                inserted = unique;
            } else {
                changes = evolve(connection, staging, &spec.table, &columns)?;
                let on: Vec<String> = key
                    .columns()
                    .iter()
                    .map(|column| format!("target.{c} IS NOT DISTINCT FROM staged.{c}", c = column.quoted()))
                    .collect();
                let on = on.join(" AND ");
                updated = count(
                    connection,
                    &format!(
                        "SELECT count(*) FROM {from} AS staged WHERE EXISTS (SELECT 1 FROM {to} AS target WHERE {on})"
                    ),
                )?;
                inserted = unique - updated;
                // Removing and adding is what DuckDB does for an update of whole rows anyway. A key
                // that the target had more than once is one row afterwards.
                let gone =
                    execute(format!("DELETE FROM {to} AS target USING {from} AS staged WHERE {on}"))? as u64;
                deleted = gone - updated;
                execute(format!("INSERT INTO {to} BY NAME SELECT * FROM {from}"))?;
            }
        }
        WriteMode::Append if !columns.is_empty() => {
            changes = evolve(connection, staging, &spec.table, &columns)?;
            inserted = execute(format!("INSERT INTO {to} BY NAME SELECT * FROM {from}"))? as u64;
        }
        WriteMode::Append | WriteMode::Replace => {
            if !columns.is_empty() {
                execute(format!("DROP TABLE {to}"))?;
                deleted = before;
            }
            rename(connection, staging, &spec.table)?;
            inserted = staged;
        }
    }
    let after = count(connection, &format!("SELECT count(*) FROM {to}"))?;
    if before + inserted != after + deleted {
        return Err(internal(format!(
            "{}: the numbers do not add up: {before} before, {inserted} inserted, {deleted} deleted, {after} after",
            spec.table.name
        )));
    }
    execute(format!("DROP TABLE IF EXISTS {from}"))?;
    execute(format!(
        "INSERT OR REPLACE INTO {OWN_SCHEMA}.checkpoints VALUES ({}, {}, {})",
        literal(spec.table.schema.as_str()),
        literal(spec.table.name.as_str()),
        literal(checkpoint)
    ))?;
    Ok(LoadReport {
        rows_staged: staged,
        rows_inserted: inserted,
        rows_updated: updated,
        rows_deleted: deleted,
        rows_before: before,
        rows_after: after,
        changes,
    })
}

/// Names and types of a table's columns; none when it is missing.
fn table_columns(
    connection: &Connection,
    table: &WarehouseTable,
) -> Result<Vec<(String, String)>, WarehouseError> {
    let bound = [table.schema.as_str(), table.name.as_str()];
    let find = "SELECT count(*) FROM duckdb_views() WHERE schema_name = ? AND view_name = ?";
    let views: i64 = connection.query_row(find, bound, |row| row.get(0)).map_err(failed)?;
    if views > 0 {
        let text = format!("{} is a view; drop it or choose another target table", table.name);
        return Err(WarehouseError::new(WarehouseErrorKind::Invalid, text));
    }
    let find = "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? \
                AND database_name = current_database() ORDER BY column_index";
    let mut statement = connection.prepare(find).map_err(failed)?;
    let rows = statement.query_map(bound, |row| Ok((row.get(0)?, row.get(1)?)));
    rows.and_then(Iterator::collect).map_err(failed)
}

fn rename(
    connection: &Connection,
    staging: &WarehouseTable,
    table: &WarehouseTable,
) -> Result<(), WarehouseError> {
    let rename = format!("ALTER TABLE {} RENAME TO {}", qualified(staging), table.name.quoted());
    connection.execute_batch(&rename).map_err(failed)
}

/// Leaves one row for each key: the last by the order column, and among equals the one that came last.
fn keep_last(
    connection: &Connection,
    staging: &WarehouseTable,
    key: &Key,
    order: Option<&Identifier>,
) -> Result<(), WarehouseError> {
    let from = qualified(staging);
    let key = list(key.columns());
    let twice = format!("SELECT count(*) FROM (SELECT 1 FROM {from} GROUP BY {key} HAVING count(*) > 1)");
    if count(connection, &twice)? == 0 {
        return Ok(());
    }
    let order = order.map(|column| format!("{} DESC NULLS LAST, ", column.quoted())).unwrap_or_default();
    let remove = format!(
        "DELETE FROM {from} WHERE rowid IN (SELECT rowid FROM (SELECT rowid, row_number() OVER \
         (PARTITION BY {key} ORDER BY {order}rowid DESC) AS place FROM {from}) WHERE place > 1)"
    );
    connection.execute_batch(&remove).map_err(failed)
}

/// Lets the table take the staged columns where that keeps every value; says what it changed.
fn evolve(
    connection: &Connection,
    staging: &WarehouseTable,
    table: &WarehouseTable,
    columns: &[(String, String)],
) -> Result<Vec<String>, WarehouseError> {
    let staged = table_columns(connection, staging)?;
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    let mut broken = Vec::new();
    let mut changes = Vec::new();
    for (name, kind) in columns {
        if !staged.iter().any(|(other, _)| same(name, other)) {
            broken.push(format!("{name} ({kind}) is gone"));
        }
    }
    let mut alter = Vec::new();
    for (name, kind) in &staged {
        match columns.iter().find(|(other, _)| same(name, other)) {
            None => {
                alter.push(format!("ALTER TABLE {} ADD COLUMN {} {kind}", qualified(table), quote(name)));
                changes.push(format!(
                    "column {name} ({kind}) was added; older rows have NULL until the next FULL"
                ));
            }
            Some((_, old)) => match fit(old, kind) {
                Fit::Fits => {}
                Fit::Widens => {
                    alter.push(format!(
                        "ALTER TABLE {} ALTER COLUMN {} TYPE {kind}",
                        qualified(table),
                        quote(name)
                    ));
                    changes.push(format!("column {name} was widened from {old} to {kind}"));
                }
                Fit::Differs => broken.push(format!("{name} was {old} and is {kind}")),
            },
        }
    }
    if !broken.is_empty() {
        let text = format!(
            "{}: the source's columns no longer fit the table: {}; run the job once with mode=FULL to take the new columns",
            table.name,
            broken.join(", ")
        );
        return Err(WarehouseError::new(WarehouseErrorKind::Drift, text));
    }
    for statement in alter {
        connection.execute_batch(&statement).map_err(failed)?;
    }
    Ok(changes)
}
