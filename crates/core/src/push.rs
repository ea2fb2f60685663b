//! Data pushes: files that a client sends to a table of a pool.
//!
//! A push is made with its settings, takes files, and is executed once. The files are read in the order in which
//! they came: of two rows with one key, the later file's stays.

mod csv;
mod schema;
mod settings;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::csv::{CsvColumnOptions, CsvOptions, ValueFormat};
pub use self::schema::{ColumnKind, PushColumn, PushSchema, TEXT_LIMIT};
pub use self::settings::{FileFormat, PushKind, PushSettings, UpsertStrategy};

use crate::Timestamp;
use crate::execution::{Execution, Status};
use crate::id::{DataPoolId, PushChunkId, PushJobId};
use crate::name::Identifier;

/// The most bytes of one file.
pub const CHUNK_LIMIT: u64 = 1 << 30;

/// A data push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushJob {
    pub id: PushJobId,
    pub pool_id: DataPoolId,
    pub settings: PushSettings,
    /// What the stream client said, when it came that way.
    pub upload: Option<StreamUpload>,
    pub created_at: Timestamp,
    /// When it was made, took a file or was executed last.
    pub modified_at: Timestamp,
    /// From then on it takes no more files.
    pub submitted_at: Option<Timestamp>,
}

/// A file of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushChunk {
    pub id: PushChunkId,
    pub push_id: PushJobId,
    pub kind: ChunkKind,
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub checksum: String,
    pub created_at: Timestamp,
}

/// Whether the rows of a file come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChunkKind {
    Upsert,
    /// Rows of the table with the keys of these rows go.
    Delete,
}

impl ChunkKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upsert => "UPSERT",
            Self::Delete => "DELETE",
        }
    }
}

/// What a stream client said of the file that it sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamUpload {
    pub file_name: String,
    pub client_id: Option<String>,
    /// The last row by this column stays.
    pub order: Option<Identifier>,
}

/// Where a push stands, in the words of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushStatus {
    New,
    Queued,
    Running,
    Done,
    Error,
}

impl PushStatus {
    /// What its execution says. A client waits for DONE or ERROR, so a cancel is an ERROR too.
    #[must_use]
    pub fn of(execution: Option<&Execution>) -> Self {
        match execution.map(|execution| execution.status) {
            None => Self::New,
            Some(Status::Queued) => Self::Queued,
            Some(Status::Running) => Self::Running,
            Some(Status::Success) => Self::Done,
            Some(Status::Fail | Status::Cancel | Status::Skipped) => Self::Error,
        }
    }
}

/// Where the files of a push lie, below the folder of its pool: the worker reaches nothing else.
#[must_use]
pub fn push_dir(pool_dir: &Path, push: PushJobId) -> PathBuf {
    pushes_dir(pool_dir).join(push.to_string())
}

/// Where the folders of a pool's pushes lie.
#[must_use]
pub fn pushes_dir(pool_dir: &Path) -> PathBuf {
    pool_dir.join("pushes")
}
