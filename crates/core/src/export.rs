//! Data exports: the answer of a query on a published data model, kept as files to be fetched.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::access::Subject;
use crate::id::{DataExportId, DataModelId, DataPoolId};

/// The rows of a chunk but the last one, which may have fewer.
pub const CHUNK_ROWS: usize = 250_000;

/// An export, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataExport {
    pub id: DataExportId,
    pub pool_id: DataPoolId,
    pub model_id: DataModelId,
    /// Who asked for it; nobody else but administrators sees it.
    pub owner: Subject,
    pub format: ExportFormat,
    pub state: ExportState,
    pub created_at: Timestamp,
}

/// Where an export stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportState {
    /// It waits for its turn, or its files are written.
    Running,
    /// The files are there: one for each chunk, and never none.
    Done { chunks: Vec<ExportChunk> },
    /// Why, for the user.
    Failed { message: String },
    /// The files were removed.
    Expired,
}

/// What the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExportFormat {
    Parquet,
    /// One file, however many rows there are; it must fit into one sheet.
    Excel,
    Csv,
}

impl ExportFormat {
    /// The name of the file of a chunk.
    #[must_use]
    pub fn file_name(self, chunk: usize) -> String {
        let ending = match self {
            Self::Parquet => "parquet",
            Self::Excel => "xlsx",
            Self::Csv => "csv",
        };
        format!("{chunk}.{ending}")
    }
}

/// A file of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportChunk {
    pub rows: u64,
    pub bytes: u64,
}

/// What a pool is asked to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRequest {
    pub id: DataExportId,
    pub model: DataModelId,
    /// PQL: filters, and one table.
    pub queries: Vec<String>,
    /// `None`: the queries are checked, and nothing is written.
    pub files: Option<ExportFiles>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportFiles {
    pub format: ExportFormat,
    /// The most that all of them may have together.
    pub most_bytes: u64,
}

/// What a pool has written, in a new folder on the same disk. Whoever asked moves it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub folder: PathBuf,
    pub chunks: Vec<ExportChunk>,
}
