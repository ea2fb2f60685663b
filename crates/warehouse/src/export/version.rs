//! One published version of a model, held fast while it is read.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use forebay_core::id::ModelTableId;
use forebay_core::model::ForeignKey;
use forebay_core::warehouse::WarehouseError;
use serde::Deserialize;

use crate::error::{internal, invalid, io};
use crate::publish::{CURRENT, MANIFEST, link};

/// How often a version may be removed while its files are taken, before that is an error.
const ATTEMPTS: usize = 10;

/// The files of a version under a second name: whoever removes the version leaves them alone.
pub(super) struct Version {
    folder: PathBuf,
    pub(super) tables: Vec<VersionTable>,
    pub(super) foreign_keys: Vec<ForeignKey>,
}

#[derive(Debug, Deserialize)]
pub(super) struct VersionTable {
    pub(super) id: ModelTableId,
    pub(super) alias: String,
    file: String,
}

/// What a version says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    tables: Vec<VersionTable>,
    /// A version that was published before this was written down has none.
    #[serde(default)]
    foreign_keys: Vec<ForeignKey>,
}

impl Version {
    /// Takes the current version of the model in a folder, by names in a new one.
    ///
    /// # Errors
    /// `Invalid` when no version was ever published.
    pub(super) fn hold(model: &Path, folder: PathBuf) -> Result<Self, WarehouseError> {
        for _ in 0..ATTEMPTS {
            let current = match fs::read_to_string(model.join(CURRENT)) {
                Ok(current) => current,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(invalid("the data model was never loaded; load it first"));
                }
                Err(error) => return Err(unreadable(error)),
            };
            match Self::take(&model.join(current.trim()), &folder)? {
                Some(version) => return Ok(version),
                // A newer one has taken its place, and this one was removed.
                None => continue,
            }
        }
        Err(internal("a data model is published again and again while it is read"))
    }

    /// `None` when the version was removed meanwhile.
    fn take(version: &Path, folder: &Path) -> Result<Option<Self>, WarehouseError> {
        let manifest = match fs::read(version.join(MANIFEST)) {
            Ok(manifest) => manifest,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let manifest: Manifest = serde_json::from_slice(&manifest)
            .map_err(|error| internal("the list of a data model's files cannot be read").caused_by(error))?;
        fs::create_dir(folder).map_err(unreadable)?;
        let held =
            Self { folder: folder.to_owned(), tables: manifest.tables, foreign_keys: manifest.foreign_keys };
        for table in &held.tables {
            match link(&version.join(&table.file), &held.file(table)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(unreadable(error)),
            }
        }
        Ok(Some(held))
    }

    pub(super) fn file(&self, table: &VersionTable) -> PathBuf {
        self.folder.join(&table.file)
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            // It is removed when the pool is opened next.
            tracing::warn!(error = &error as &dyn std::error::Error, "the names of a model version stay");
        }
    }
}

fn unreadable(error: std::io::Error) -> WarehouseError {
    io("the files of the data model cannot be read", error)
}
