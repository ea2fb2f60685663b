//! The files of exports: a folder for each, below one of the server.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use forebay_core::error::Result;
use forebay_core::export::ExportFormat;
use forebay_core::id::DataExportId;

use crate::Engine;
use crate::backup::folder::{blocking, copy_file, files, remove, unreadable, unwritable};

/// A file that can be read to its end, even if it is removed meanwhile.
#[derive(Debug)]
pub struct ExportFile {
    pub file: tokio::fs::File,
    pub bytes: u64,
    pub format: ExportFormat,
}

impl ExportFile {
    /// `None` when it was removed.
    pub(super) async fn open(path: &Path, bytes: u64, format: ExportFormat) -> Result<Option<Self>> {
        match tokio::fs::File::open(path).await {
            Ok(file) => Ok(Some(Self { file, bytes, format })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(path, &error)),
        }
    }
}

impl Engine {
    pub(super) fn folder_of(&self, id: DataExportId) -> PathBuf {
        self.0.settings.exports_dir.join(id.to_string())
    }

    /// Takes the files that a pool has written into its own folder.
    pub(super) async fn keep_export(&self, id: DataExportId, written: PathBuf) -> Result<()> {
        let folder = self.folder_of(id);
        blocking(move || {
            let parent = folder.parent().unwrap_or(&folder);
            std::fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
            match std::fs::rename(&written, &folder) {
                Ok(()) => Ok(()),
                // On another file system.
                Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                    for file in files(&written)? {
                        copy_file(&written.join(&file), &folder.join(&file))?;
                    }
                    remove(&written)
                }
                Err(error) => Err(unwritable(&folder, &error)),
            }
        })
        .await
    }

    /// The exports that have a folder.
    pub(super) async fn export_folders(&self) -> Result<Vec<DataExportId>> {
        let dir = self.0.settings.exports_dir.clone();
        blocking(move || {
            let entries = match std::fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(unreadable(&dir, &error)),
            };
            let mut found = Vec::new();
            for entry in entries {
                let name = entry.map_err(|error| unreadable(&dir, &error))?.file_name();
                // What has another name is not ours.
                found.extend(name.to_str().and_then(|name| name.parse::<DataExportId>().ok()));
            }
            Ok(found)
        })
        .await
    }

    pub(super) async fn remove_export_files(&self, id: DataExportId) {
        let folder = self.folder_of(id);
        if let Err(error) = blocking(move || remove(&folder)).await {
            // It is tried again in the next round.
            tracing::error!(data_export.id = %id, error = &error as &dyn std::error::Error, "the files of an export cannot be removed");
        }
    }
}
