//! A load: rows wait in a staging table until they are shown.
//!
//! The staging table is made and filled in one transaction, which is open as long as the rows come:
//! nobody sees it, a load that is dropped leaves nothing, and rows are written straight into the
//! file without a sync for each batch. The commit ends that transaction and shows the rows in a
//! second one, which sees the target as it is then and not as it was when the load began.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, IntervalUnit, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use forebay_core::name::{Identifier, quote};
use forebay_core::source::Checkpoint;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    CHANGE_DATE_COLUMN, LoadReport, LoadSpec, TableLoad, WarehouseError, WarehouseTable, WriteMode,
};

use crate::claims::Shows;
use crate::columns::column_type;
use crate::duckdb::make_schemas;
use crate::error::{failed, internal, invalid};
use crate::names::{OWN_SCHEMA, STAGING, qualified, same};
use crate::session::Session;
use crate::show::{Staged, show};

pub(crate) struct Load {
    session: Session,
    spec: LoadSpec,
    staging: WarehouseTable,
    /// As appended: the rows' columns and the change date.
    schema: SchemaRef,
    rows: u64,
    shows: Arc<Shows>,
}

impl Load {
    pub(crate) async fn begin(
        mut session: Session,
        mut spec: LoadSpec,
        shows: Arc<Shows>,
    ) -> Result<Self, WarehouseError> {
        check(&mut spec)?;
        let staging = staging_table(&spec)?;
        let (schema, columns) = staged_columns(&spec)?;
        let create = format!("CREATE TABLE {} ({})", qualified(&staging), columns.join(", "));
        let (claim, target, turns) = (spec.claim, spec.table.schema.clone(), Arc::clone(&shows));
        session
            .run(&Stop::never(), move |connection, halt| {
                make_schemas(connection, halt, &[target], claim, &turns)?;
                connection.execute_batch("BEGIN TRANSACTION").map_err(failed)?;
                connection.execute_batch(&create).map_err(failed)
            })
            .await?;
        Ok(Self { session, spec, staging, schema, rows: 0, shows })
    }
}

#[async_trait]
impl TableLoad for Load {
    async fn append(&mut self, rows: RecordBatch) -> Result<(), WarehouseError> {
        let added = rows.num_rows() as u64;
        let rows = self.staged_rows(&rows)?;
        let staging = self.staging.clone();
        self.session
            .run(&Stop::never(), move |connection, _| {
                let appender = connection.appender_to_db(staging.name.as_str(), staging.schema.as_str());
                let mut appender = appender.map_err(failed)?;
                appender.append_record_batch(rows).map_err(failed)?;
                appender.flush().map_err(failed)
            })
            .await?;
        self.rows += added;
        Ok(())
    }

    async fn commit(
        mut self: Box<Self>,
        rows_read: u64,
        checkpoint: &Checkpoint,
        stop: &Stop,
    ) -> Result<LoadReport, WarehouseError> {
        if rows_read != self.rows {
            return Err(internal(format!(
                "{}: {rows_read} rows were read and {} were staged, so nothing was shown; run it again and report this",
                self.spec.table.name, self.rows
            )));
        }
        let staged = Staged {
            spec: self.spec.clone(),
            staging: self.staging.clone(),
            rows: self.rows,
            checkpoint: checkpoint.clone(),
        };
        let shows = Arc::clone(&self.shows);
        self.session.run(stop, move |connection, halt| show(connection, halt, &shows, &staged)).await
    }
}

impl Load {
    /// A batch as the staging table takes it.
    fn staged_rows(&self, rows: &RecordBatch) -> Result<RecordBatch, WarehouseError> {
        let micros = self.spec.changed_at.as_millis() * 1000;
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (column, field) in rows.columns().iter().zip(self.spec.columns.fields()) {
            columns.push(match column.data_type() {
                DataType::Null => Arc::new(StringArray::new_null(rows.num_rows())) as ArrayRef,
                DataType::Interval(IntervalUnit::MonthDayNano) => {
                    Arc::new(interval_texts(&self.spec.table, field, column.as_primitive())?)
                }
                _ => Arc::clone(column),
            });
        }
        columns.push(Arc::new(TimestampMicrosecondArray::from(vec![micros; rows.num_rows()])));
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| {
            let text = format!("{}: a batch does not have the columns of its table", self.spec.table.name);
            internal(text).caused_by(error)
        })
    }
}

/// Intervals as the engine reads them from text: its appender would turn NULL into zero, and cut
/// what is finer than its microseconds without a word.
fn interval_texts(
    table: &WarehouseTable,
    field: &Field,
    intervals: &IntervalMonthDayNanoArray,
) -> Result<StringArray, WarehouseError> {
    let mut texts = StringBuilder::new();
    for interval in intervals {
        let Some(interval) = interval else {
            texts.append_null();
            continue;
        };
        let (months, days, nanoseconds) = (interval.months, interval.days, interval.nanoseconds);
        if nanoseconds % 1000 != 0 {
            return Err(invalid(format!(
                "{}.{}: the interval of {months} months, {days} days and {nanoseconds} nanoseconds is finer than a microsecond and cannot be kept; leave the column out or round it in a view at the source",
                table.name,
                field.name()
            )));
        }
        let micros = nanoseconds / 1000;
        texts.append_value(format!("{months} months {days} days {micros} microseconds"));
    }
    Ok(texts.finish())
}

/// Checks what the caller must have right, and forgets an order that the rows do not have.
fn check(spec: &mut LoadSpec) -> Result<(), WarehouseError> {
    let has = |name: &str| spec.columns.fields().iter().any(|field| same(field.name(), name));
    if has(CHANGE_DATE_COLUMN) {
        return Err(invalid(format!(
            "{}: the column {CHANGE_DATE_COLUMN} is the pool's own; leave it out or rename it in a view at the source",
            spec.table.name
        )));
    }
    if let WriteMode::Merge { key, order } = &mut spec.mode {
        if let Some(lost) = key.columns().iter().find(|column| !has(column.as_str())) {
            return Err(invalid(format!(
                "{}: the key column {lost} is not among the rows' columns",
                spec.table.name
            )));
        }
        *order = order.take().filter(|column| has(column.as_str()));
    }
    Ok(())
}

/// Where the rows wait. A table can be renamed but not moved to another schema, so what will become
/// the target itself waits beside it, under a name that no list shows and no SQL of a user may say.
fn staging_table(spec: &LoadSpec) -> Result<WarehouseTable, WarehouseError> {
    let name = format!("{STAGING}{}", uuid::Uuid::new_v4().simple());
    let name =
        Identifier::parse("staging", &name).map_err(|error| internal("a staging name").caused_by(error))?;
    let schema = match spec.mode {
        WriteMode::Replace => spec.table.schema.clone(),
        WriteMode::Append | WriteMode::Merge { .. } => Identifier::parse("schema", OWN_SCHEMA)
            .map_err(|error| internal("the staging schema").caused_by(error))?,
    };
    Ok(WarehouseTable { schema, name })
}

/// The staging table's columns, as Arrow and as SQL.
fn staged_columns(spec: &LoadSpec) -> Result<(SchemaRef, Vec<String>), WarehouseError> {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    let change_date =
        Arc::new(Field::new(CHANGE_DATE_COLUMN, DataType::Timestamp(TimeUnit::Microsecond, None), false));
    for field in spec.columns.fields().iter().chain([&change_date]) {
        let kind = column_type(field.data_type()).ok_or_else(|| {
            let (table, column, kind) = (&spec.table.name, field.name(), field.data_type());
            invalid(format!("{table}.{column}: the type {kind} cannot be kept; leave the column out"))
        })?;
        columns.push(format!("{} {kind}", quote(field.name())));
        let kind = match field.data_type() {
            // A column in which nothing was ever said, and one that is appended as text.
            DataType::Null | DataType::Interval(_) => DataType::Utf8,
            kind => kind.clone(),
        };
        fields.push(Field::new(field.name(), kind, field.is_nullable()));
    }
    Ok((Arc::new(Schema::new(fields)), columns))
}
