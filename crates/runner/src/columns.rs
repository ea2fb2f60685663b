//! What is done to columns between source and warehouse: pseudonyms, and the greatest length of texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::connection::{HashAlgorithm, Pseudonymisation};
use forebay_core::extraction::TableExtraction;
use forebay_core::warehouse::CHANGE_DATE_COLUMN;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// The columns of one table on their way.
pub(crate) struct Columns {
    pub(crate) schema: SchemaRef,
    hashed: Vec<bool>,
    pseudonymisation: Pseudonymisation,
    max_length: Option<usize>,
    /// How many texts of each column were cut.
    pub(crate) cut: BTreeMap<String, u64>,
}

impl Columns {
    /// # Errors
    /// A sentence, when a setting names no column or two columns could not be told apart.
    pub(crate) fn new(
        source: &Schema,
        table: &TableExtraction,
        pseudonymisation: &Pseudonymisation,
    ) -> Result<Self, String> {
        let names: Vec<&str> = source.fields().iter().map(|field| field.name().as_str()).collect();
        for (place, name) in names.iter().enumerate() {
            if name.eq_ignore_ascii_case(CHANGE_DATE_COLUMN) {
                return Err(format!("{}: the column {name} is Forebay's own; leave it out", table.table));
            }
            if let Some(twin) = names[..place].iter().find(|twin| twin.eq_ignore_ascii_case(name)) {
                let text = "differ in case alone, which the warehouse does not tell apart; choose one of them";
                return Err(format!("{}: the columns {twin} and {name} {text}", table.table));
            }
        }
        for (setting, columns) in [("anonymized", &table.pseudonymised), ("primaryKey", &table.manual_key)] {
            if let Some(missing) = columns.iter().find(|column| !names.contains(&column.as_str())) {
                let known = names.join(", ");
                return Err(format!("{}: {setting} names {missing}, which is not read; there are {known}", table.table));
            }
        }
        let hashed: Vec<bool> = names
            .iter()
            .map(|name| table.pseudonymised.iter().any(|column| column.as_str() == *name))
            .collect();
        let fields: Vec<Field> = source
            .fields()
            .iter()
            .zip(&hashed)
            .map(|(field, hashed)| {
                if *hashed { Field::new(field.name(), DataType::Utf8, true) } else { field.as_ref().clone() }
            })
            .collect();
        Ok(Self {
            schema: Arc::new(Schema::new(fields)),
            hashed,
            pseudonymisation: pseudonymisation.clone(),
            max_length: table.max_string_length.map(|length| length as usize),
            cut: BTreeMap::new(),
        })
    }

    pub(crate) fn apply(&mut self, batch: RecordBatch) -> Result<RecordBatch, String> {
        if self.max_length.is_none() && !self.hashed.contains(&true) {
            return Ok(batch);
        }
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
        for (place, column) in batch.columns().iter().enumerate() {
            let name = self.schema.field(place).name().clone();
            columns.push(if self.hashed[place] {
                self.pseudonyms(column).map_err(|error| format!("{name}: {error}"))?
            } else {
                match (self.max_length, column.data_type()) {
                    (Some(length), DataType::Utf8) => self.shorten(&name, column.as_string::<i32>(), length),
                    _ => Arc::clone(column),
                }
            });
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| error.to_string())
    }

    fn pseudonyms(&self, column: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
        let hashes = (0..column.len()).map(|row| {
            column.is_valid(row).then(|| pseudonym(&self.pseudonymisation, &formatter.value(row).to_string()))
        });
        Ok(Arc::new(hashes.collect::<StringArray>()))
    }

    fn shorten(&mut self, name: &str, column: &StringArray, length: usize) -> ArrayRef {
        let mut cut = 0;
        let shortened: StringArray = column
            .iter()
            .map(|value| {
                let text = value?;
                match text.char_indices().nth(length) {
                    Some((end, _)) => {
                        cut += 1;
                        Some(&text[..end])
                    }
                    None => Some(text),
                }
            })
            .collect();
        if cut > 0 {
            *self.cut.entry(name.to_owned()).or_default() += cut;
        }
        Arc::new(shortened)
    }
}

/// The lower-case hexadecimal hash of salt and value.
fn pseudonym(how: &Pseudonymisation, value: &str) -> String {
    let salt = how.salt.expose().as_bytes();
    let value = value.as_bytes();
    match how.algorithm {
        HashAlgorithm::Sha1 => hex::encode(Sha1::new().chain_update(salt).chain_update(value).finalize()),
        HashAlgorithm::Sha256 => hex::encode(Sha256::new().chain_update(salt).chain_update(value).finalize()),
        HashAlgorithm::Sha256NoSalt => hex::encode(Sha256::digest(value)),
        HashAlgorithm::Sha512 => hex::encode(Sha512::new().chain_update(salt).chain_update(value).finalize()),
        HashAlgorithm::Sha512NoSalt => hex::encode(Sha512::digest(value)),
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::secret::Secret;

    use super::*;

    #[test]
    fn pseudonyms_are_the_published_hashes() {
        let check = |algorithm, salt: &str, expected: &str| {
            let how = Pseudonymisation { algorithm, salt: Secret::new(salt) };
            assert!(pseudonym(&how, "abc").starts_with(expected), "{algorithm:?}");
        };
        // FIPS 180-4's examples for "abc".
        check(HashAlgorithm::Sha1, "", "a9993e364706816aba3e25717850c26c9cd0d89d");
        check(HashAlgorithm::Sha256NoSalt, "ignored", "ba7816bf8f01cfea414140de5dae2223b00361a3");
        check(HashAlgorithm::Sha512NoSalt, "ignored", "ddaf35a193617abacc417349ae204131");
        assert_ne!(
            pseudonym(&Pseudonymisation { algorithm: HashAlgorithm::Sha256, salt: Secret::new("s") }, "abc"),
            pseudonym(&Pseudonymisation { algorithm: HashAlgorithm::Sha256, salt: Secret::new("t") }, "abc")
        );
    }
}
