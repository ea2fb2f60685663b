//! A statement of ours with its values, and the rows it gives.

use std::sync::Arc;

use forebay_core::{Error, Result};
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Rows};

use super::{Connection, Failure, Writer};

/// A statement with the values of `$1`, `$2` and so on. It is kept prepared for the next time.
#[derive(Debug)]
pub(crate) struct Query {
    sql: &'static str,
    values: Vec<Value>,
}

/// A row that was read.
#[derive(Debug)]
pub(crate) struct Row {
    columns: Arc<[Box<str>]>,
    values: Vec<Value>,
}

/// What a statement did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done(u64);

impl Done {
    pub(crate) fn rows_affected(self) -> u64 {
        self.0
    }
}

/// A statement of ours.
pub(crate) fn query(sql: &'static str) -> Query {
    Query { sql, values: Vec::new() }
}

impl Query {
    /// The next value.
    pub(crate) fn bind(mut self, value: impl Bind) -> Self {
        self.values.push(value.into_value());
        self
    }

    /// Runs it to its end.
    pub(crate) fn execute(self, connection: &Connection) -> Result<Done, Failure> {
        let mut statement = connection.prepare_cached(self.sql)?;
        self.bind_to(&mut statement)?;
        if statement.column_count() == 0 {
            return Ok(Done(statement.raw_execute()? as u64));
        }
        // A pragma may give rows although nobody asks for them.
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        drop(rows);
        Ok(Done(connection.changes()))
    }

    /// Runs it as a transaction of its own.
    pub(crate) async fn execute_on(self, writer: &Writer) -> Result<Done, Failure> {
        writer.transact(|connection| self.execute(connection)).await
    }

    pub(crate) fn fetch_all(self, connection: &Connection) -> Result<Vec<Row>, Failure> {
        self.fetch(connection, usize::MAX)
    }

    /// The first row.
    pub(crate) fn fetch_optional(self, connection: &Connection) -> Result<Option<Row>, Failure> {
        Ok(self.fetch(connection, 1)?.pop())
    }

    /// The first row of a statement that always has one.
    pub(crate) fn fetch_one(self, connection: &Connection) -> Result<Row, Failure> {
        let row = self.fetch(connection, 1)?.pop();
        row.ok_or(Failure::Refused(rusqlite::Error::QueryReturnedNoRows))
    }

    fn fetch(self, connection: &Connection, most: usize) -> Result<Vec<Row>, Failure> {
        let mut statement = connection.prepare_cached(self.sql)?;
        self.bind_to(&mut statement)?;
        let columns: Arc<[Box<str>]> = statement.column_names().into_iter().map(Box::from).collect();
        let mut rows = statement.raw_query();
        let mut fetched = Vec::new();
        while fetched.len() < most {
            let Some(values) = next(&mut rows, columns.len())? else { return Ok(fetched) };
            fetched.push(Row { columns: Arc::clone(&columns), values });
        }
        // What writes and returns rows is done only when it was run to its end.
        while rows.next()?.is_some() {}
        Ok(fetched)
    }

    /// SQLite counts parameters in the order in which they are named first, so each is asked for its name.
    fn bind_to(&self, statement: &mut CachedStatement<'_>) -> Result<(), Failure> {
        for index in 1..=statement.parameter_count() {
            let number = statement
                .parameter_name(index)
                .and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
            let value = number.and_then(|number| self.values.get(number.checked_sub(1)?));
            let Some(value) = value else {
                return Err(
                    Error::internal(format!("parameter {index} has no value in: {}", self.sql)).into()
                );
            };
            statement.raw_bind_parameter(index, value)?;
        }
        Ok(())
    }
}

fn next(rows: &mut Rows<'_>, columns: usize) -> Result<Option<Vec<Value>>, Failure> {
    let Some(row) = rows.next()? else { return Ok(None) };
    let mut values = Vec::with_capacity(columns);
    for column in 0..columns {
        values.push(row.get::<_, Value>(column)?);
    }
    Ok(Some(values))
}

/// A column as SQLite has it.
pub(crate) fn get<'r, T: Column<'r>>(row: &'r Row, column: &str) -> Result<T> {
    let index = row.columns.iter().position(|name| &**name == column);
    let value = index.and_then(|index| row.values.get(index));
    let value = value.ok_or_else(|| Error::internal(format!("a row has no column {column}")))?;
    T::of(value)
        .ok_or_else(|| Error::internal(format!("column {column} has another type: {:?}", value.data_type())))
}

/// What may be bound to a statement.
pub(crate) trait Bind {
    fn into_value(self) -> Value;
}

macro_rules! bind {
    ($($type:ty: $value:ident => $into:expr),+ $(,)?) => {$(
        impl Bind for $type {
            fn into_value(self) -> Value {
                let $value = self;
                $into
            }
        }
    )+};
}

bind! {
    &str: text => Value::Text(text.to_owned()),
    String: text => Value::Text(text),
    i64: number => Value::Integer(number),
    u32: number => Value::Integer(i64::from(number)),
    bool: flag => Value::Integer(i64::from(flag)),
    Vec<u8>: bytes => Value::Blob(bytes),
}

impl<T: Bind> Bind for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
}

/// What a column may be read as.
pub(crate) trait Column<'r>: Sized {
    /// `None` when the column holds something of another type.
    fn of(value: &'r Value) -> Option<Self>;
}

impl<'r> Column<'r> for &'r str {
    fn of(value: &'r Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => None,
        }
    }
}

impl<'r> Column<'r> for String {
    fn of(value: &'r Value) -> Option<Self> {
        <&str>::of(value).map(str::to_owned)
    }
}

impl<'r> Column<'r> for i64 {
    fn of(value: &'r Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(*number),
            Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => None,
        }
    }
}

impl<'r> Column<'r> for &'r [u8] {
    fn of(value: &'r Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes),
            Value::Null | Value::Integer(_) | Value::Real(_) | Value::Text(_) => None,
        }
    }
}

impl<'r, T: Column<'r>> Column<'r> for Option<T> {
    fn of(value: &'r Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::of(other).map(Some),
        }
    }
}
