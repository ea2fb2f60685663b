//! The files of a data push: each is a table of its own, read in the order in which they came.
//!
//! Parquet is read by what the file itself says of its columns: a hint that its writer left (pandas says that a
//! whole number is a span of time, or a text a category) is left aside. What is in a CSV file comes as text.

mod charset;
mod csv;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use forebay_core::id::PushChunkId;
use forebay_core::push::FileFormat;
use forebay_core::source::{PushedFiles, SourceError, SourceErrorKind};
use futures::stream::BoxStream;
use tokio::sync::mpsc;

use super::file::{Halt, Part, Stamp};
use super::parquet::pushed as parquet;
use super::snapshot::off_thread;
use super::table::{Column, Sink};
use crate::choice::invalid;
use crate::stream::{self, Batch};
use csv::Dialect;

/// Files in one folder.
pub(crate) struct Pushed {
    table: String,
    format: Arc<Format>,
    chunks: Vec<PathBuf>,
    /// Set at the end: whatever still reads sees it and ends.
    closed: Arc<AtomicBool>,
}

enum Format {
    Parquet,
    Csv(Dialect),
}

impl Pushed {
    /// Files of a folder, for a table of this name. Nothing is read yet.
    ///
    /// # Errors
    /// `Invalid` when the options cannot describe a CSV file.
    pub(crate) fn new(
        dir: &Path,
        table: &str,
        format: &FileFormat,
        chunks: &[PushChunkId],
    ) -> Result<Self, SourceError> {
        let format = match format {
            FileFormat::Parquet => Format::Parquet,
            FileFormat::Csv(options) => Format::Csv(Dialect::new(options).map_err(invalid)?),
        };
        Ok(Self {
            table: table.to_owned(),
            format: Arc::new(format),
            chunks: chunks.iter().map(|chunk| dir.join(chunk.to_string())).collect(),
            closed: Arc::default(),
        })
    }

    /// One of the files.
    fn chunk(&self, place: usize) -> Result<Chunk, SourceError> {
        let path = self.chunks.get(place).ok_or_else(|| invalid("a file of the push is missing"))?;
        let shown = format!("{} of {}", place + 1, self.chunks.len());
        Ok(Chunk { table: self.table.clone(), path: path.clone(), shown, format: Arc::clone(&self.format) })
    }
}

impl Drop for Pushed {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl PushedFiles for Pushed {
    async fn columns(&self, chunk: usize) -> Result<SchemaRef, SourceError> {
        let chunk = self.chunk(chunk)?;
        off_thread(Arc::clone(&self.closed), move |halt| {
            let part = chunk.part()?;
            chunk.columns(&part, halt).map(|columns| schema(&columns))
        })
        .await
    }

    async fn rows(&self, chunk: usize) -> Result<BoxStream<'static, Batch>, SourceError> {
        let chunk = self.chunk(chunk)?;
        let halt = Halt { closed: Arc::clone(&self.closed), dropped: Arc::default() };
        Ok(stream::lazy(move |sender| tokio::task::spawn_blocking(move || chunk.send(&halt, &sender))))
    }
}

struct Chunk {
    table: String,
    path: PathBuf,
    /// What messages call it.
    shown: String,
    format: Arc<Format>,
}

impl Chunk {
    /// The file as it lies there.
    fn part(&self) -> Result<Part, SourceError> {
        let gone = |error: std::io::Error| {
            let text = format!("file {} of the push is not there any more; push it again", self.shown);
            SourceError::new(SourceErrorKind::Invalid, text).caused_by(error)
        };
        let path = std::fs::canonicalize(&self.path).map_err(gone)?;
        let stamp = Stamp::of(&std::fs::symlink_metadata(&path).map_err(gone)?);
        Ok(Part { path, shown: self.shown.clone(), stamp })
    }

    fn columns(&self, part: &Part, halt: &Halt) -> Result<Vec<Column>, SourceError> {
        let columns = match &*self.format {
            Format::Parquet => parquet::columns(part)?,
            Format::Csv(dialect) => csv::columns(part, dialect, halt)?,
        };
        if let Some(Column { name, type_name, .. }) = columns.iter().find(|column| column.data_type.is_none())
        {
            return Err(part.invalid(format!(
                "column \"{name}\": values of type {type_name} cannot be kept; leave the column out"
            )));
        }
        Ok(columns)
    }

    fn send(self, halt: &Halt, sender: &mpsc::Sender<Batch>) {
        let sent = self.read(halt, &mut |batch| {
            let gone = sender.blocking_send(Ok(batch)).is_err();
            Ok(if gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        if let Err(error) = sent {
            // The reader may be gone; then nobody wants to know.
            drop(sender.blocking_send(Err(error)));
        }
    }

    fn read(&self, halt: &Halt, sink: &mut Sink<'_>) -> Result<(), SourceError> {
        let part = self.part()?;
        match &*self.format {
            Format::Parquet => {
                let columns = self.columns(&part, halt)?;
                parquet::read(&self.table, &part, &columns, &schema(&columns), halt, sink)
            }
            Format::Csv(dialect) => csv::read(&part, dialect, halt, sink),
        }
    }
}

fn schema(columns: &[Column]) -> SchemaRef {
    let field = |column: &Column| {
        // Those without a type are refused before.
        Field::new(column.name.as_str(), column.data_type.clone().unwrap_or(DataType::Null), true)
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}
