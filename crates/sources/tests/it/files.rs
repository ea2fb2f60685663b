//! The files connector against real files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use forebay_core::conformance::source::{Row, SourceFixture, all};
use forebay_core::connection::{ConnectionConfig, FilesConfig};
use forebay_core::extraction::SourceTableName;
use forebay_core::source::Source;
use tempfile::TempDir;

use crate::reading::table_name;

mod csv;
mod delta;
mod folder;
mod parquet;

/// A folder that is a connection.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    /// A folder with one file.
    fn with(name: &str, contents: impl AsRef<[u8]>) -> Self {
        let place = Self::new();
        place.write(name, contents);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    fn write_parquet(&self, name: &str, batch: &RecordBatch) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = fs::File::create(path).unwrap();
        let mut writer = ::parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
    }

    fn source(&self) -> Box<dyn Source> {
        open(self.dir.path())
    }
}

fn open(path: &Path) -> Box<dyn Source> {
    forebay_sources::open(&ConnectionConfig::Files(FilesConfig { path: path.to_owned() }), 2).unwrap()
}

/// How a fixture lays out a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// One CSV file, to which rows are added.
    CsvFile,
    /// A folder of CSV files, one for each insert.
    CsvFolder,
    /// A folder of Parquet files, one for each insert.
    ParquetFolder,
}

struct Fixture {
    place: Place,
    layout: Layout,
    /// Files written so far.
    files: Mutex<usize>,
}

impl Fixture {
    fn new(layout: Layout) -> Self {
        Self { place: Place::new(), layout, files: Mutex::new(0) }
    }

    fn next_file(&self, table: &str, extension: &str) -> String {
        let mut files = self.files.lock().unwrap();
        *files += 1;
        format!("{table}/{:04}.{extension}", *files)
    }
}

fn csv_lines(rows: &[Row]) -> String {
    let mut text = String::new();
    for Row { id, name, changed } in rows {
        let name = name.as_ref().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).unwrap_or_default();
        let changed = changed.map(|changed| changed.text()).unwrap_or_default();
        text.push_str(&format!("{id},{name},{changed}\n"));
    }
    text
}

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(rows.iter().map(|row| row.id).collect::<Int64Array>())),
        ("name", Arc::new(rows.iter().map(|row| row.name.as_deref()).collect::<StringArray>())),
        (
            "changed",
            Arc::new(
                rows.iter()
                    .map(|row| row.changed.map(|moment| moment.micros()))
                    .collect::<TimestampMicrosecondArray>(),
            ),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

#[async_trait]
impl SourceFixture for Fixture {
    fn source(&self) -> Box<dyn Source> {
        self.place.source()
    }

    fn missing(&self) -> Box<dyn Source> {
        open(&self.place.path("nowhere"))
    }

    fn table(&self, name: &str) -> SourceTableName {
        table_name(name)
    }

    async fn create(&self, name: &str, rows: &[Row]) {
        match self.layout {
            Layout::CsvFile => {
                self.place.write(&format!("{name}.csv"), format!("id,name,changed\n{}", csv_lines(rows)));
            }
            Layout::CsvFolder | Layout::ParquetFolder => self.insert(name, rows).await,
        }
    }

    async fn insert(&self, name: &str, rows: &[Row]) {
        match self.layout {
            Layout::CsvFile => {
                let file = format!("{name}.csv");
                let before = fs::read_to_string(self.place.path(&file)).unwrap();
                self.place.write(&file, before + &csv_lines(rows));
            }
            Layout::CsvFolder => {
                let file = self.next_file(name, "csv");
                self.place.write(&file, format!("id,name,changed\n{}", csv_lines(rows)));
            }
            Layout::ParquetFolder => {
                let file = self.next_file(name, "parquet");
                self.place.write_parquet(&file, &batch(rows));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_files_are_a_source() {
    all(&Fixture::new(Layout::CsvFile)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_of_csv_files_are_a_source() {
    all(&Fixture::new(Layout::CsvFolder)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_of_parquet_files_are_a_source() {
    all(&Fixture::new(Layout::ParquetFolder)).await;
}
