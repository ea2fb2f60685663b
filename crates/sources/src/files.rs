//! CSV and Parquet files: one file, or a folder in which each file and each sub-folder is a table.
//!
//! A file has no key, no SQL and no log of its changes. A checkpoint therefore keeps the digest of the
//! table's files, which proves that nothing changed, and the newest value of the change-date column.
//! Files are read whole: a row that comes late with an older change date is not found by a DELTA.

mod csv;
mod file;
mod folder;
mod gate;
mod parquet;
mod plan;
mod position;
pub(crate) mod push;
mod snapshot;
mod table;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use forebay_core::check::Step;
use forebay_core::connection::FilesConfig;
use forebay_core::extraction::SourceTableName;
use forebay_core::source::{Snapshot, Source, SourceColumn, SourceError, SourceTable};

use crate::choice::invalid;
use csv::Profiles;
use file::Halt;
use folder::Folder;
use snapshot::{FilesSnapshot, off_thread};
use table::Table;

/// A file or a folder of files.
pub(crate) struct Files {
    config: FilesConfig,
    profiles: Profiles,
}

impl Files {
    pub(crate) fn new(config: FilesConfig) -> Self {
        Self { config, profiles: Profiles::default() }
    }

    /// Whether there is a table that can be read.
    async fn has_tables(&self) -> Result<(), SourceError> {
        let path = self.config.path.clone();
        let folder = off_thread(Arc::default(), move |_| Folder::list(&path)).await?;
        let mut refused = None;
        for (name, table) in folder.tables() {
            match table {
                Ok(_) => return Ok(()),
                Err(reason) => refused = Some(format!("table \"{name}\": {reason}")),
            }
        }
        let path = self.config.path.display();
        Err(invalid(refused.unwrap_or_else(|| {
            format!("the folder {path} holds no .csv or .parquet files; put some there, or give another path")
        })))
    }
}

#[async_trait]
impl Source for Files {
    async fn check(&self) -> Result<(), SourceError> {
        self.has_tables().await.map_err(|error| error.or_at(Step::Open))
    }

    async fn discover(&self) -> Result<Vec<SourceTable>, SourceError> {
        let (path, profiles) = (self.config.path.clone(), self.profiles.clone());
        off_thread(Arc::default(), move |halt| discover(&Folder::list(&path)?, &profiles, halt)).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, SourceError> {
        Ok(Box::new(FilesSnapshot::begin(self.config.path.clone(), self.profiles.clone()).await?))
    }
}

/// The tables that can be read. One that cannot must not hide the others: reading it tells why.
fn discover(folder: &Folder, profiles: &Profiles, halt: &Halt) -> Result<Vec<SourceTable>, SourceError> {
    let mut tables = Vec::new();
    for (name, listed) in folder.tables() {
        let opened = match listed {
            Ok(listed) => Table::open(listed, profiles, &HashMap::new(), halt).map(|table| (listed, table)),
            Err(reason) => Err(invalid(reason)),
        };
        if halt.is_asked() {
            break;
        }
        match opened {
            Ok((listed, table)) => tables.push(SourceTable {
                table: SourceTableName { schema: None, name: listed.name.clone() },
                rows: table.rows,
                columns: table
                    .columns
                    .into_iter()
                    .map(|column| SourceColumn { name: column.name, type_name: column.type_name })
                    .collect(),
                key: Vec::new(),
            }),
            Err(error) => tracing::warn!(table = name, %error, "a table is left out"),
        }
    }
    Ok(tables)
}
