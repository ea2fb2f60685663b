//! The files of an export: each of a number of rows, and never none.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use forebay_core::export::{CHUNK_ROWS, ExportChunk, ExportFiles, ExportFormat};
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use super::csv::Csv;
use super::excel::Sheet;
use crate::error::{internal, invalid, io};
use crate::publish::parquet_properties;
use crate::session::Halt;

const MIB: u64 = 1024 * 1024;
/// What is encoded of a Parquet file waits in memory until there is so much of it.
const GROUP_BYTES: usize = 64 * 1024 * 1024;

pub(super) struct Files {
    folder: PathBuf,
    wanted: ExportFiles,
    schema: SchemaRef,
    chunks: Vec<ExportChunk>,
    /// `None` once the last one has ended.
    open: Option<Chunk>,
}

/// A file that is being written.
struct Chunk {
    path: PathBuf,
    rows: usize,
    writer: Writer,
}

enum Writer {
    Parquet(Box<ArrowWriter<File>>),
    Csv(Csv),
    Excel(Box<Sheet>),
}

impl Files {
    /// Begins the first file.
    pub(super) fn begin(
        folder: &Path,
        wanted: ExportFiles,
        schema: SchemaRef,
    ) -> Result<Self, WarehouseError> {
        let mut files = Self { folder: folder.to_owned(), wanted, schema, chunks: Vec::new(), open: None };
        files.open = Some(files.chunk()?);
        Ok(files)
    }

    fn chunk(&self) -> Result<Chunk, WarehouseError> {
        let path = self.folder.join(self.wanted.format.file_name(self.chunks.len()));
        let writer = match self.wanted.format {
            ExportFormat::Parquet => {
                let properties = parquet_properties().map_err(unencodable)?;
                let file = File::create(&path).map_err(unwritable)?;
                let schema = SchemaRef::clone(&self.schema);
                let writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(unencodable)?;
                Writer::Parquet(Box::new(writer))
            }
            ExportFormat::Csv => Writer::Csv(Csv::begin(&path, &self.schema)?),
            ExportFormat::Excel => Writer::Excel(Box::new(Sheet::begin(&self.folder, &self.schema)?)),
        };
        Ok(Chunk { path, rows: 0, writer })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), WarehouseError> {
        let most = match self.wanted.format {
            ExportFormat::Parquet | ExportFormat::Csv => CHUNK_ROWS,
            ExportFormat::Excel => usize::MAX,
        };
        let mut written = 0;
        while written < batch.num_rows() {
            let mut chunk = self.open.take().ok_or_else(|| internal("an export has ended already"))?;
            if chunk.rows == most {
                self.end(chunk)?;
                chunk = self.chunk()?;
            }
            let count = (batch.num_rows() - written).min(most - chunk.rows);
            chunk.writer.write(&batch.slice(written, count))?;
            chunk.rows += count;
            written += count;
            self.check_size(chunk.writer.bytes())?;
            self.open = Some(chunk);
        }
        Ok(())
    }

    /// Ends the last file.
    pub(super) fn finish(mut self, halt: &Halt) -> Result<Vec<ExportChunk>, WarehouseError> {
        halt.check()?;
        if let Some(last) = self.open.take() {
            self.end(last)?;
        }
        Ok(self.chunks)
    }

    fn end(&mut self, chunk: Chunk) -> Result<(), WarehouseError> {
        chunk.writer.finish(&chunk.path)?;
        let file = File::open(&chunk.path).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
        let bytes = file.map_err(unwritable)?.len();
        self.chunks.push(ExportChunk { rows: chunk.rows as u64, bytes });
        self.check_size(0)
    }

    fn check_size(&self, open: u64) -> Result<(), WarehouseError> {
        let bytes = self.chunks.iter().map(|chunk| chunk.bytes).sum::<u64>() + open;
        if bytes <= self.wanted.most_bytes {
            return Ok(());
        }
        Err(invalid(format!(
            "the export is larger than {} MiB; ask for fewer rows or columns, or have the setting exportMib raised",
            self.wanted.most_bytes / MIB
        )))
    }
}

impl Writer {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), WarehouseError> {
        match self {
            Self::Parquet(writer) => {
                writer.write(rows).map_err(unencodable)?;
                if writer.in_progress_size() > GROUP_BYTES {
                    writer.flush().map_err(unencodable)?;
                }
                Ok(())
            }
            Self::Csv(csv) => csv.write(rows),
            Self::Excel(sheet) => sheet.write(rows),
        }
    }

    /// About as many as the file will have.
    fn bytes(&self) -> u64 {
        match self {
            Self::Parquet(writer) => (writer.bytes_written() + writer.in_progress_size()) as u64,
            Self::Csv(csv) => csv.bytes(),
            Self::Excel(sheet) => sheet.bytes(),
        }
    }

    fn finish(self, path: &Path) -> Result<(), WarehouseError> {
        match self {
            Self::Parquet(writer) => writer.close().map(drop).map_err(unencodable),
            Self::Csv(csv) => csv.finish(),
            Self::Excel(sheet) => sheet.finish(path),
        }
    }
}

pub(super) fn unwritable(error: std::io::Error) -> WarehouseError {
    io("a file of the export cannot be written", error)
}

fn unencodable(error: ParquetError) -> WarehouseError {
    let text = "a file of the export cannot be written; the server's log has the details";
    WarehouseError::new(WarehouseErrorKind::Unavailable, text).caused_by(error)
}
