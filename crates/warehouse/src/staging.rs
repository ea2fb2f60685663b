//! The table in which the rows of a load wait, and how they get there.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, PrimitiveArray, RecordBatch, StringArray,
    StringBuilder,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Field, Int16Type, Int32Type, Int64Type, IntervalUnit,
    Schema, SchemaRef,
};
use duckdb::Connection;
use forebay_core::name::{Identifier, quote};
use forebay_core::warehouse::{CHANGE_DATE_COLUMN, LoadSpec, WarehouseError, WarehouseTable};

use crate::columns::column_type;
use crate::error::{internal, invalid};
use crate::feed::{Coming, Feed, Piece};
use crate::names::{OWN_SCHEMA, STAGING, qualified};
use crate::show::{change, run};

/// A staging table. It is made and filled in the transaction of whoever fills it.
#[derive(Clone)]
pub(crate) struct Staging {
    pub(crate) table: WarehouseTable,
    /// The target's name, for messages.
    target: WarehouseTable,
    /// The rows' columns with the types that the engine shall see.
    seen: SchemaRef,
    /// The same with the types that the values travel in.
    sent: SchemaRef,
    /// Each column's name, quoted, and the type that the engine keeps it as.
    columns: Vec<(String, String)>,
    changed_at: i64,
}

impl Staging {
    /// Where the rows of a load wait. A table can be renamed but not moved to another schema, so what
    /// will become the target itself waits beside it, under a name that no list shows and no SQL of a
    /// user may say.
    ///
    /// # Errors
    /// `Invalid` for a column whose type cannot be kept.
    pub(crate) fn of(spec: &LoadSpec) -> Result<Self, WarehouseError> {
        let name = format!("{STAGING}{}", uuid::Uuid::new_v4().simple());
        let named = |what: &str, name: &str| {
            Identifier::parse(what, name).map_err(|error| internal("a staging name").caused_by(error))
        };
        let schema =
            if spec.mode.only_replaces() { spec.table.schema.clone() } else { named("schema", OWN_SCHEMA)? };
        let (mut seen, mut sent, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        for field in spec.columns.fields() {
            let kind = column_type(field.data_type()).ok_or_else(|| {
                let (table, column, kind) = (&spec.table.name, field.name(), field.data_type());
                invalid(format!("{table}.{column}: the type {kind} cannot be kept; leave the column out"))
            })?;
            columns.push((quote(field.name()), kind));
            let kind = match field.data_type() {
                // A column in which nothing was ever said, and one that is read from text.
                DataType::Null | DataType::Interval(_) => DataType::Utf8,
                kind => kind.clone(),
            };
            sent.push(Field::new(field.name(), carrier(&kind), true));
            seen.push(Field::new(field.name(), kind, true));
        }
        Ok(Self {
            table: WarehouseTable { schema, name: named("staging", &name)? },
            target: spec.table.clone(),
            seen: Arc::new(Schema::new(seen)),
            sent: Arc::new(Schema::new(sent)),
            columns,
            changed_at: spec.changed_at.as_millis() * 1000,
        })
    }

    pub(crate) fn make(&self, connection: &Connection) -> Result<(), WarehouseError> {
        let columns: String = self.columns.iter().map(|(name, kind)| format!("{name} {kind}, ")).collect();
        let table = qualified(&self.table);
        run(connection, &format!("CREATE TABLE {table} ({columns}{CHANGE_DATE_COLUMN} TIMESTAMP)"))
    }

    /// As [`Self::make`] and [`Self::fill`] with one piece, in one statement. Says how many rows came.
    pub(crate) fn make_of(&self, connection: &Connection, rows: Piece) -> Result<u64, WarehouseError> {
        self.create(connection, "CREATE TABLE", &self.table, rows)
    }

    /// Makes the target itself of one piece when it is missing. Says how many rows came: none when it is there.
    pub(crate) fn make_missing_target(
        &self,
        connection: &Connection,
        rows: Piece,
    ) -> Result<u64, WarehouseError> {
        self.create(connection, "CREATE TABLE IF NOT EXISTS", &self.target, rows)
    }

    /// Makes the target itself anew of one piece. Says how many rows came.
    pub(crate) fn make_target(&self, connection: &Connection, rows: Piece) -> Result<u64, WarehouseError> {
        self.create(connection, "CREATE OR REPLACE TABLE", &self.target, rows)
    }

    fn create(
        &self,
        connection: &Connection,
        create: &str,
        table: &WarehouseTable,
        rows: Piece,
    ) -> Result<u64, WarehouseError> {
        let feed = Feed::new(Arc::clone(&self.seen), rows, None);
        let columns: String =
            self.columns.iter().map(|(name, kind)| format!("{name}::{kind} AS {name}, ")).collect();
        let (table, from, changed_at) = (qualified(table), feed.sql(), self.changed_at);
        let sql = format!(
            "{create} {table} AS \
             SELECT {columns}make_timestamp({changed_at}) AS {CHANGE_DATE_COLUMN} FROM {from}"
        );
        self.all_taken(&feed, change(connection, &sql)?)
    }

    /// Adds a piece, and those that come meanwhile. Rows of one piece stay in their order; pieces do not.
    /// Says how many rows came.
    pub(crate) fn fill(
        &self,
        connection: &Connection,
        first: Piece,
        coming: Option<Coming>,
    ) -> Result<u64, WarehouseError> {
        let feed = Feed::new(Arc::clone(&self.seen), first, coming);
        let (table, from, changed_at) = (qualified(&self.table), feed.sql(), self.changed_at);
        let insert = format!("INSERT INTO {table} SELECT *, make_timestamp({changed_at}) FROM {from}");
        self.all_taken(&feed, change(connection, &insert)?)
    }

    /// As many rows must be added as were handed over.
    fn all_taken(&self, feed: &Feed, added: u64) -> Result<u64, WarehouseError> {
        let rows = feed.handed_over();
        if added == rows as u64 {
            return Ok(added);
        }
        let name = &self.target.name;
        Err(internal(format!("{name}: {rows} rows were handed over and {added} were taken")))
    }

    /// A batch as [`Self::fill`] takes it.
    ///
    /// # Errors
    /// `Invalid` for a value that cannot be kept; `Internal` for a batch of other columns.
    pub(crate) fn batch(&self, rows: &RecordBatch) -> Result<RecordBatch, WarehouseError> {
        let mut columns = Vec::with_capacity(rows.num_columns());
        for (column, field) in rows.columns().iter().zip(self.seen.fields()) {
            columns.push(match (column.data_type(), carrier(field.data_type())) {
                (DataType::Null, _) => Arc::new(StringArray::new_null(rows.num_rows())) as ArrayRef,
                (DataType::Interval(IntervalUnit::MonthDayNano), _) => {
                    Arc::new(interval_texts(&self.target, field, column.as_primitive())?)
                }
                (DataType::Decimal128(..), DataType::Int16) => self.narrow::<Int16Type>(column, field)?,
                (DataType::Decimal128(..), DataType::Int32) => self.narrow::<Int32Type>(column, field)?,
                (DataType::Decimal128(..), DataType::Int64) => self.narrow::<Int64Type>(column, field)?,
                _ => Arc::clone(column),
            });
        }
        RecordBatch::try_new(Arc::clone(&self.sent), columns).map_err(|error| {
            let text = format!("{}: a batch does not have the columns of its table", self.target.name);
            internal(text).caused_by(error)
        })
    }

    /// A decimal's digits as the integer that the engine keeps them in.
    fn narrow<T>(&self, column: &ArrayRef, field: &Field) -> Result<ArrayRef, WarehouseError>
    where
        T: ArrowPrimitiveType,
        T::Native: TryFrom<i128>,
    {
        let decimals = column.as_primitive::<Decimal128Type>();
        // What stands in the place of NULL may be anything.
        let narrowed: PrimitiveArray<T> =
            decimals.try_unary(|value| T::Native::try_from(value).map_err(drop)).map_err(|()| {
                internal(format!("{}.{}: a decimal is wider than its type", self.target.name, field.name()))
            })?;
        Ok(Arc::new(narrowed))
    }
}

/// The type that the values of a type travel in. The engine keeps a decimal of up to 18 digits as an
/// integer: sent as one, each value is copied and not looked at again.
fn carrier(kind: &DataType) -> DataType {
    match kind {
        DataType::Decimal128(1..=4, _) => DataType::Int16,
        DataType::Decimal128(5..=9, _) => DataType::Int32,
        DataType::Decimal128(10..=18, _) => DataType::Int64,
        kind => kind.clone(),
    }
}

/// Intervals as the engine reads them from text: taken as they are, NULL would become zero, and what is
/// finer than the engine's microseconds would be cut without a word.
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
