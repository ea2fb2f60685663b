//! One table of files, whatever their format: its columns, and the reading of some of them.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use forebay_core::name::Identifier;
use forebay_core::source::SourceError;

use super::csv::{self, Profile, Profiles};
use super::file::{FileDigest, Halt, Part};
use super::folder::{FileTable, Format};
use super::parquet;
use crate::choice::invalid;

/// Takes batches until it breaks.
pub(super) type Sink<'a> = dyn FnMut(RecordBatch) -> Result<ControlFlow<()>, SourceError> + 'a;

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: Identifier,
    /// `None` when no type of the warehouse keeps its values.
    pub(super) data_type: Option<DataType>,
    /// The type as the file has it.
    pub(super) type_name: String,
}

/// A table whose columns are known.
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    /// `None` for CSV, which does not say.
    pub(super) rows: Option<u64>,
    name: Identifier,
    parts: Vec<Part>,
    contents: Contents,
}

enum Contents {
    Csv { profiles: Vec<Arc<Profile>>, kinds: Vec<csv::Kind> },
    Parquet,
}

impl Table {
    /// Looks at the files of a table. `earlier` has the types that its columns had in the load
    /// before; CSV files say nothing about types, so theirs only ever widen.
    pub(super) fn open(
        listed: &FileTable,
        profiles: &Profiles,
        earlier: &HashMap<String, csv::Kind>,
        halt: &Halt,
    ) -> Result<Self, SourceError> {
        let (name, parts) = (listed.name.clone(), listed.parts.clone());
        match listed.format {
            Format::Csv => {
                let mut taken = Vec::with_capacity(parts.len());
                for part in &parts {
                    taken.push((part, profiles.of(part, halt)?));
                }
                let united = csv::unite(&taken, earlier)?;
                let profiles = taken.into_iter().map(|(_, profile)| profile).collect();
                let kinds = united.iter().map(|(_, kind)| *kind).collect();
                let columns = united
                    .into_iter()
                    .map(|(name, kind)| Column {
                        name,
                        data_type: Some(kind.data_type()),
                        type_name: kind.to_string(),
                    })
                    .collect();
                let contents = Contents::Csv { profiles, kinds };
                Ok(Self { columns, rows: None, name, parts, contents })
            }
            Format::Parquet => {
                let (columns, rows) = parquet::unite(&parts)?;
                Ok(Self { columns, rows: Some(rows), name, parts, contents: Contents::Parquet })
            }
        }
    }

    /// The types of the columns, where they were found and not said by the files.
    pub(super) fn found_types(&self) -> Vec<(&Identifier, csv::Kind)> {
        match &self.contents {
            Contents::Csv { kinds, .. } => {
                self.columns.iter().map(|column| &column.name).zip(kinds.iter().copied()).collect()
            }
            Contents::Parquet => Vec::new(),
        }
    }

    /// Where the files lie below the connection's folder, in the order in which they are read.
    pub(super) fn files(&self) -> Vec<String> {
        self.parts.iter().map(|part| part.shown.clone()).collect()
    }

    /// The files with their digests.
    pub(super) fn digests(&self, halt: &Halt) -> Result<Vec<(&Part, FileDigest)>, SourceError> {
        let mut digests = Vec::with_capacity(self.parts.len());
        for (place, part) in self.parts.iter().enumerate() {
            digests.push((
                part,
                match &self.contents {
                    Contents::Csv { profiles, .. } => profiles[place].digest,
                    Contents::Parquet => part.digest(halt)?,
                },
            ));
        }
        Ok(digests)
    }

    pub(super) fn schema(&self, columns: &[usize]) -> SchemaRef {
        let mut fields = Vec::with_capacity(columns.len());
        for &place in columns {
            let Column { name, data_type, type_name } = &self.columns[place];
            // `check` has refused the columns without a type.
            let data_type = data_type.clone().unwrap_or(DataType::Null);
            let metadata = [("source_type".to_owned(), type_name.clone())];
            fields.push(Field::new(name.as_str(), data_type, true).with_metadata(metadata));
        }
        Arc::new(Schema::new(fields))
    }

    /// Refuses columns that hold what cannot be kept or read at all.
    pub(super) fn check(&self, columns: &[usize]) -> Result<(), SourceError> {
        for &place in columns {
            let Column { name, data_type, type_name } = &self.columns[place];
            if data_type.is_none() {
                return Err(invalid(format!(
                    "table \"{}\", column \"{name}\": values of type {type_name} cannot be kept; leave the column out",
                    self.name
                )));
            }
        }
        if let Contents::Csv { profiles, .. } = &self.contents {
            for (part, profile) in self.parts.iter().zip(profiles) {
                for &place in columns {
                    profile.check(part, &self.columns[place].name)?;
                }
            }
        }
        Ok(())
    }

    /// Reads some columns of all rows, file after file.
    pub(super) fn read(
        &self,
        columns: &[usize],
        halt: &Halt,
        sink: &mut Sink<'_>,
    ) -> Result<(), SourceError> {
        let schema = self.schema(columns);
        for (place, part) in self.parts.iter().enumerate() {
            let flow = match &self.contents {
                Contents::Csv { profiles, kinds } => {
                    let wanted: Vec<csv::Wanted> = columns
                        .iter()
                        .map(|&column| (self.columns[column].name.clone(), kinds[column]))
                        .collect();
                    csv::read(part, &profiles[place], &wanted, &schema, halt, sink)?
                }
                Contents::Parquet => {
                    let wanted: Vec<&Column> = columns.iter().map(|&column| &self.columns[column]).collect();
                    parquet::read(self.name.as_str(), part, &wanted, &schema, halt, sink)?
                }
            };
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}
