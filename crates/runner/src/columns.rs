//! What happens to the columns of a table on their way: pseudonymised columns are hashed, long
//! texts are cut, and columns that the warehouse cannot tell apart are refused.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use forebay_core::connection::Pseudonymisation;
use forebay_core::extraction::TableExtraction;
use forebay_core::name::Identifier;
use forebay_core::warehouse::CHANGE_DATE_COLUMN;

use crate::pseudonym::{has_text, pseudonyms};

/// What to do with each column of one table.
pub(crate) struct Columns<'a> {
    schema: SchemaRef,
    work: Vec<ColumnWork>,
    table: String,
    hashing: &'a Pseudonymisation,
}

enum ColumnWork {
    Keep,
    Hash,
    Cut { characters: usize, values: u64 },
}

/// Whether the warehouse takes two names for the same.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The wanted columns that a schema does not have.
pub(crate) fn missing<'a>(wanted: &'a [Identifier], schema: &Schema) -> Vec<&'a str> {
    let names = wanted.iter().map(Identifier::as_str);
    names.filter(|name| !schema.fields().iter().any(|field| same(field.name(), name))).collect()
}

/// Whether a list names a column.
pub(crate) fn holds(names: &[Identifier], column: &str) -> bool {
    names.iter().any(|name| same(name.as_str(), column))
}

impl<'a> Columns<'a> {
    /// Plans the work for a table's columns. The columns of the key are never cut: two rows would
    /// become one.
    ///
    /// # Errors
    /// Columns that cannot be kept, or settings that name a column that is not there.
    pub(crate) fn plan(
        table: &TableExtraction,
        schema: &Schema,
        key: &[Identifier],
        hashing: &'a Pseudonymisation,
    ) -> Result<Self, String> {
        let shown = table.target_name().to_string();
        let mut seen: HashMap<String, &str> = HashMap::new();
        for field in schema.fields() {
            let name = field.name();
            if same(name, CHANGE_DATE_COLUMN) {
                return Err(format!(
                    "{shown}: the column {name} has the name of the pool's own change date; leave it out by choosing the columns, or rename it in a view at the source"
                ));
            }
            if let Some(other) = seen.insert(name.to_lowercase(), name) {
                return Err(format!(
                    "{shown}: the columns {other} and {name} differ only in case, which the pool does not tell apart; choose one of them, or rename one in a view at the source"
                ));
            }
        }
        let lost = missing(key, schema);
        if !lost.is_empty() {
            return Err(format!(
                "{shown}: the key names {}, which the extracted columns do not have; correct the key or extract these columns",
                lost.join(", ")
            ));
        }
        let lost = missing(&table.pseudonymised, schema);
        if !lost.is_empty() {
            return Err(format!(
                "{shown}: {} shall be pseudonymised but is not among the extracted columns; correct the table's settings",
                lost.join(", ")
            ));
        }
        let mut work = Vec::new();
        let mut fields = Vec::new();
        for field in schema.fields() {
            let hashed = holds(&table.pseudonymised, field.name());
            if hashed && !has_text(field.data_type()) {
                return Err(format!(
                    "{shown}.{}: values of the type {} cannot be pseudonymised; leave the column out, or cast it to text in a view at the source",
                    field.name(),
                    field.data_type()
                ));
            }
            let is_text = *field.data_type() == DataType::Utf8;
            work.push(match table.max_string_length {
                _ if hashed => ColumnWork::Hash,
                Some(characters) if is_text && !holds(key, field.name()) => ColumnWork::Cut {
                    characters: usize::try_from(characters).unwrap_or(usize::MAX),
                    values: 0,
                },
                _ => ColumnWork::Keep,
            });
            let kind = if hashed { DataType::Utf8 } else { field.data_type().clone() };
            fields.push(Field::new(field.name(), kind, field.is_nullable()));
        }
        Ok(Self { schema: Arc::new(Schema::new(fields)), work, table: shown, hashing })
    }

    /// The columns as they are loaded.
    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Does the work on some rows.
    ///
    /// # Errors
    /// Rows that do not have the columns that were announced. No value is shown.
    pub(crate) fn apply(&mut self, rows: &RecordBatch) -> Result<RecordBatch, String> {
        if rows.num_columns() != self.work.len() {
            return Err(format!(
                "{}: the source announced {} columns and sent {}",
                self.table,
                self.work.len(),
                rows.num_columns()
            ));
        }
        let mut columns = Vec::with_capacity(self.work.len());
        for ((work, column), field) in self.work.iter_mut().zip(rows.columns()).zip(self.schema.fields()) {
            columns.push(match work {
                ColumnWork::Keep => Arc::clone(column),
                ColumnWork::Hash => pseudonyms(self.hashing, column).ok_or_else(|| {
                    format!(
                        "{}.{}: the source sent values of the type {}, which cannot be pseudonymised",
                        self.table,
                        field.name(),
                        column.data_type()
                    )
                })?,
                ColumnWork::Cut { characters, values } => cut(column, *characters, values),
            });
        }
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(self.schema(), columns, &options).map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a source sent rows unlike its columns"
            );
            format!("{}: the source sent rows that do not have the columns it announced", self.table)
        })
    }

    /// What was cut, as a sentence.
    pub(crate) fn cuts(&self) -> Option<String> {
        let mut limit = 0;
        let mut counts = Vec::new();
        for (work, field) in self.work.iter().zip(self.schema.fields()) {
            if let ColumnWork::Cut { characters, values: values @ 1.. } = work {
                limit = *characters;
                counts.push(format!("{} in {}", values, field.name()));
            }
        }
        (!counts.is_empty()).then(|| {
            format!("{}: texts longer than {limit} characters were cut: {}", self.table, counts.join(", "))
        })
    }
}

/// Cuts texts that are longer than so many characters, and counts them.
pub(crate) fn cut(column: &ArrayRef, characters: usize, values: &mut u64) -> ArrayRef {
    let Some(texts) = column.as_any().downcast_ref::<StringArray>() else { return Arc::clone(column) };
    let end = |text: &str| {
        if text.len() <= characters { None } else { text.char_indices().nth(characters).map(|(end, _)| end) }
    };
    let long = texts.iter().flatten().filter(|text| end(text).is_some()).count();
    if long == 0 {
        return Arc::clone(column);
    }
    *values += long as u64;
    let cut: StringArray =
        texts.iter().map(|text| text.map(|text| end(text).map_or(text, |end| &text[..end]))).collect();
    Arc::new(cut)
}
