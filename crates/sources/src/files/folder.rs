//! Which tables a path holds: the file itself, or each file and each sub-folder of a folder.
//!
//! Symbolic links are not followed, so that nothing outside the connection's folder is read.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use forebay_core::extraction::SourceTableName;
use forebay_core::name::Identifier;
use forebay_core::source::{SourceError, SourceErrorKind};

use super::file::{Part, Stamp};
use crate::choice::{invalid, listed};

/// How a file is written, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Parquet,
}

impl Format {
    fn of(name: &str) -> Option<Self> {
        let (stem, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            _ if stem.is_empty() => None,
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// A table: one file, or all files of a sub-folder in the order of their names.
#[derive(Clone, Debug)]
pub(super) struct FileTable {
    pub(super) name: Identifier,
    pub(super) format: Format,
    /// Never empty.
    pub(super) parts: Vec<Part>,
}

/// The tables below a path; a table that cannot be offered has the reason.
#[derive(Debug)]
pub(super) struct Folder {
    tables: BTreeMap<String, Result<FileTable, String>>,
}

impl Folder {
    /// Lists what is there now, and reads nothing of it.
    pub(super) fn list(path: &Path) -> Result<Self, SourceError> {
        let root = fs::canonicalize(path).map_err(|error| unreadable(path, error))?;
        let metadata = fs::symlink_metadata(&root).map_err(|error| unreadable(path, error))?;
        let mut folder = Self { tables: BTreeMap::new() };
        if metadata.is_dir() {
            for (name, entry) in entries(&root).map_err(|error| unreadable(path, error))? {
                folder.add(&name, &entry);
            }
            return Ok(folder);
        }
        let name = root.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        match Format::of(&name) {
            Some(format) if metadata.is_file() => {
                let part = Part { shown: name.clone(), stamp: Stamp::of(&metadata), path: root };
                folder.offer(stem(&name), format, Ok(vec![part]));
                Ok(folder)
            }
            _ => Err(invalid(format!(
                "{} is neither a folder nor a .csv or .parquet file; give the path of one",
                path.display()
            ))),
        }
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, Result<&FileTable, &str>)> {
        self.tables
            .iter()
            .map(|(name, table)| (name.as_str(), table.as_ref().map_err(|reason| reason.as_str())))
    }

    /// The table that a request names.
    pub(super) fn table(&self, name: &SourceTableName) -> Result<&FileTable, SourceError> {
        if name.schema.is_some() {
            return Err(invalid(format!("table \"{name}\": files have no schemas; leave the schema empty")));
        }
        match self.tables.get(name.name.as_str()) {
            Some(Ok(table)) => Ok(table),
            Some(Err(reason)) => Err(invalid(format!("table \"{name}\": {reason}"))),
            None => Err(invalid(format!(
                "there is no file or sub-folder for a table \"{name}\"; the tables are {}",
                listed(self.tables.keys().map(String::as_str))
            ))),
        }
    }

    fn add(&mut self, name: &str, entry: &DirEntry) {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => self.add_folder(name, &entry.path()),
            Ok(kind) if Format::of(name).is_none() => {
                // A link may lead to a folder of files: say that it is there, and why it is not read.
                if kind.is_symlink() && entry.path().is_dir() {
                    self.refuse(name, link(name));
                }
            }
            _ => {
                if let Some(format) = Format::of(name) {
                    self.offer(stem(name), format, part(name.to_owned(), entry).map(|part| vec![part]));
                }
            }
        }
    }

    fn add_folder(&mut self, name: &str, path: &Path) {
        let found = match entries(path) {
            Ok(found) => found,
            Err(error) => return self.refuse(name, format!("the folder {name} cannot be read: {error}")),
        };
        let mut parts: Vec<Part> = Vec::new();
        let mut first: Option<(Format, String)> = None;
        for (file, entry) in found {
            let Some(format) = Format::of(&file) else { continue };
            let shown = format!("{name}/{file}");
            match &first {
                Some((other, before)) if *other != format => {
                    let reason = format!(
                        "the folder holds {before} and {shown}; a folder is one table, so keep files of one format in it"
                    );
                    return self.refuse(name, reason);
                }
                _ => first = Some((format, shown.clone())),
            }
            match part(shown, &entry) {
                Ok(part) => parts.push(part),
                Err(reason) => return self.refuse(name, reason),
            }
        }
        if let Some((format, _)) = first {
            self.offer(name, format, Ok(parts));
        }
    }

    fn offer(&mut self, name: &str, format: Format, parts: Result<Vec<Part>, String>) {
        let table = parts.and_then(|parts| match Identifier::parse("table name", name) {
            Ok(identifier) => Ok(FileTable { name: identifier, format, parts }),
            Err(error) => Err(format!("{error}; rename the file")),
        });
        let table = if self.tables.contains_key(name) {
            Err(format!(
                "several files or folders have the name {name}; rename them, so that each is a table"
            ))
        } else {
            table
        };
        self.tables.insert(name.to_owned(), table);
    }

    fn refuse(&mut self, name: &str, reason: String) {
        self.tables.insert(name.to_owned(), Err(reason));
    }
}

/// A folder's visible entries by name, in the order of their names. A name that is not UTF-8 is
/// shown with replacement characters, and refused when it is looked at.
fn entries(path: &Path) -> io::Result<BTreeMap<String, DirEntry>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            found.insert(name, entry);
        }
    }
    Ok(found)
}

fn part(shown: String, entry: &DirEntry) -> Result<Part, String> {
    if entry.file_name().to_str().is_none() {
        return Err(format!("the file name {shown} is not UTF-8; rename the file"));
    }
    let metadata = entry.metadata().map_err(|error| format!("the file {shown} cannot be read: {error}"))?;
    if metadata.is_symlink() {
        return Err(link(&shown));
    }
    if !metadata.is_file() {
        return Err(format!("{shown} is not a regular file; replace it or give it another name"));
    }
    Ok(Part { path: entry.path(), stamp: Stamp::of(&metadata), shown })
}

fn link(shown: &str) -> String {
    format!("{shown} is a symbolic link, which is not followed; put the file itself into the folder")
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn unreadable(path: &Path, error: io::Error) -> SourceError {
    let shown = path.display();
    let (kind, message) = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => (
            SourceErrorKind::Invalid,
            format!("the path {shown} does not exist; check the path as the server sees it"),
        ),
        io::ErrorKind::PermissionDenied => (
            SourceErrorKind::Denied,
            format!("the path {shown} may not be read; give the server's user the right to read it"),
        ),
        _ => (SourceErrorKind::Unreachable, format!("the path {shown} cannot be read: {error}")),
    };
    SourceError::new(kind, message).caused_by(error)
}
