//! What a checkpoint of a table of files keeps: the proof that the files are as they were, and the
//! types that were found in CSV files.

use std::collections::{BTreeMap, HashMap};

use forebay_core::source::{ReadRequest, SourceError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::csv::Kind;
use super::file::Halt;
use super::table::Table;
use crate::choice::invalid;

/// The position of a table of files. Sizes and times can lie or lag behind; two states of the files
/// are the same only when their digests are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    files: usize,
    bytes: u64,
    /// Of the names, sizes and contents of all files, and of the columns and bounds that were asked for:
    /// the same files hold other rows for who asks otherwise.
    sha256: String,
    /// The types by column; empty where the files say them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    types: BTreeMap<String, String>,
}

impl Position {
    pub(super) fn of(table: &Table, request: &ReadRequest, halt: &Halt) -> Result<Self, SourceError> {
        let digests = table.digests(halt)?;
        let mut whole = Sha256::new();
        let bounds = request.date_bounds.as_ref().map(|bounds| (&bounds.column, &bounds.from, &bounds.until));
        whole.update(serde_json::to_vec(&(&request.columns, bounds)).map_err(unwritable)?);
        let mut bytes = 0;
        for (part, digest) in &digests {
            // The length first, so that no two lists of files read alike.
            whole.update((part.shown.len() as u64).to_be_bytes());
            whole.update(&part.shown);
            whole.update(part.stamp.size.to_be_bytes());
            whole.update(digest);
            bytes += part.stamp.size;
        }
        let types = table.found_types();
        let types = types.into_iter().map(|(name, kind)| (name.to_string(), kind.to_string())).collect();
        Ok(Self { files: digests.len(), bytes, sha256: hex::encode(whole.finalize()), types })
    }

    /// The position that an earlier checkpoint kept; `None` when it is none of files.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn write(&self) -> Result<String, SourceError> {
        serde_json::to_string(self).map_err(unwritable)
    }

    /// Whether the files have the same names and contents, and the same is asked of them.
    pub(super) fn shows_the_same_as(&self, other: &Self) -> bool {
        (self.files, self.bytes, &self.sha256) == (other.files, other.bytes, &other.sha256)
    }

    /// The types that the columns of CSV files had.
    pub(super) fn types(&self) -> HashMap<String, Kind> {
        let kinds = self.types.iter();
        kinds.filter_map(|(name, kind)| Some((name.clone(), kind.parse().ok()?))).collect()
    }
}

fn unwritable(error: serde_json::Error) -> SourceError {
    invalid("the checkpoint cannot be written").caused_by(error)
}
