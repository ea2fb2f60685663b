//! What happens to the columns of a table on their way: pseudonymised columns are hashed, long
//! texts are cut, and columns that the warehouse cannot tell apart are refused.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch, StringArray, StringBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use forebay_core::connection::{HashAlgorithm, Pseudonymisation};
use forebay_core::extraction::TableExtraction;
use forebay_core::name::Identifier;
use forebay_core::warehouse::CHANGE_DATE_COLUMN;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};

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
        let lost = missing(&table.manual_key, schema);
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
    /// Rows that do not have the columns, or a value that has no text to hash. No value is shown.
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
                ColumnWork::Hash => hash(self.hashing, column).ok_or_else(|| {
                    format!(
                        "{}.{}: a value cannot be written as text to pseudonymise it",
                        self.table,
                        field.name()
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

fn cut(column: &ArrayRef, characters: usize, values: &mut u64) -> ArrayRef {
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

/// Hashes a column's values in their canonical text: a text as it is, bytes in hexadecimal, other
/// values as Arrow writes them. NULL stays NULL. `None` when a value has no text.
fn hash(hashing: &Pseudonymisation, column: &ArrayRef) -> Option<ArrayRef> {
    let texts: ArrayRef = if let Some(bytes) = column.as_any().downcast_ref::<BinaryArray>() {
        Arc::new(bytes.iter().map(|value| value.map(hex::encode)).collect::<StringArray>())
    } else {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(column, &DataType::Utf8, &options).ok()?
    };
    let texts = texts.as_any().downcast_ref::<StringArray>()?;
    let mut hashed = StringBuilder::with_capacity(texts.len(), texts.len() * 64);
    for text in texts {
        hashed.append_option(text.map(|text| digest(hashing, text)));
    }
    Some(Arc::new(hashed.finish()))
}

/// The hash of a value, in lower-case hexadecimal.
fn digest(hashing: &Pseudonymisation, text: &str) -> String {
    fn of<D: Digest>(salt: &str, text: &str) -> String {
        hex::encode(D::new().chain_update(salt).chain_update(text).finalize())
    }
    let salt = hashing.salt.expose();
    match hashing.algorithm {
        HashAlgorithm::Sha1 => of::<Sha1>(salt, text),
        HashAlgorithm::Sha256 => of::<Sha256>(salt, text),
        HashAlgorithm::Sha256NoSalt => of::<Sha256>("", text),
        HashAlgorithm::Sha512 => of::<Sha512>(salt, text),
        HashAlgorithm::Sha512NoSalt => of::<Sha512>("", text),
    }
}
