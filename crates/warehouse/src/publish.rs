//! Publishes data models: Parquet, a folder for each version, visible only when whole.
//!
//! A model's folder holds a folder for each version and the file `current`, which names the
//! version that readers open. A version is written under a name that begins with `.`, synced,
//! renamed, and only then named in `current`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use duckdb::Connection;
use forebay_core::name::Identifier;
use forebay_core::warehouse::{Publication, PublicationReport, PublishedTable, Refresh, WarehouseError};
use serde_json::{Value, json};

use crate::catalog::{Column, Found, find};
use crate::claims::Shows;
use crate::error::{failed, invalid, io};
use crate::names::same;
use crate::session::Halt;
use crate::show::roll_back;

mod keys;
mod parquet_file;

pub(crate) use parquet_file::properties as parquet_properties;

/// What the names of unfinished versions begin with.
const UNFINISHED: &str = ".unfinished-";
/// Names the version that readers open.
pub(crate) const CURRENT: &str = "current";
/// What a version holds.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Removes versions that a stopped server did not finish.
pub(crate) fn remove_leftovers(dir: &Path) -> Result<(), WarehouseError> {
    let unreadable = |error| io("the models' folder cannot be read", error);
    for model in entries(&dir.join("models")).map_err(unreadable)? {
        for version in entries(&model).map_err(unreadable)? {
            if name(&version).starts_with(UNFINISHED) {
                fs::remove_dir_all(&version)
                    .map_err(|error| io("an unfinished model version cannot be removed", error))?;
            }
        }
    }
    Ok(())
}

/// Copies the current version of every model. Nothing writes into a version that was shown, so its files
/// are linked where that is possible.
pub(crate) fn copy_current(models: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for model in entries(models)? {
        let current = match fs::read_to_string(model.join(CURRENT)) {
            Ok(text) => text,
            // A model whose first version was not finished.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let copy = to.join(name(&model));
        let version = copy.join(current.trim());
        fs::create_dir_all(&version)?;
        for file in entries(&model.join(current.trim()))? {
            link(&file, &version.join(name(&file)))?;
        }
        File::open(&version)?.sync_all()?;
        let mut pointer = File::create(copy.join(CURRENT))?;
        pointer.write_all(current.trim().as_bytes())?;
        pointer.sync_all()?;
    }
    Ok(())
}

pub(crate) fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

fn entries(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A table of the model and what is known of the one in the pool.
pub(crate) struct ModelTable<'a> {
    pub(crate) table: &'a PublishedTable,
    /// Empty when the table is kept.
    pub(crate) columns: Vec<Column>,
}

pub(crate) fn run(
    connection: &Connection,
    dir: &Path,
    model: &Publication,
    halt: &Halt,
    shows: &Shows,
) -> Result<PublicationReport, WarehouseError> {
    // An old claim is told before hours of work and not after.
    drop(shows.turn_of(model.claim, halt)?);
    fs::create_dir_all(dir).map_err(|error| io("the model's folder cannot be made", error))?;
    let (current, version) =
        versions(dir).map_err(|error| io("the model's versions cannot be read", error))?;
    let unfinished = dir.join(format!("{UNFINISHED}{version}"));
    let make = || -> std::io::Result<()> {
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir(&unfinished)
    };
    make().map_err(|error| io("a model version cannot be made", error))?;
    // One transaction: every table as of one moment.
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(failed)?;
    let written = write_tables(connection, &unfinished, current.as_deref(), model, halt);
    roll_back(connection, halt);
    let shown = written.and_then(|report| {
        halt.check()?;
        let _turn = shows.turn_of(model.claim, halt)?;
        show(dir, &unfinished, version, model, &report)
            .map_err(|error| io("a model version cannot be shown", error))?;
        Ok(report)
    });
    match &shown {
        Ok(_) => remove_old(dir, version, model.versions_kept),
        // What cannot be removed now is removed when the pool is opened next.
        Err(_) => drop(fs::remove_dir_all(&unfinished)),
    }
    shown
}

/// The folder of the current version, and the number of the next one.
fn versions(dir: &Path) -> std::io::Result<(Option<PathBuf>, u64)> {
    let numbers = entries(dir)?.iter().filter_map(|path| name(path).parse::<u64>().ok()).max().unwrap_or(0);
    let current = match fs::read_to_string(dir.join(CURRENT)) {
        Ok(text) => Some(dir.join(text.trim())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // A version that was renamed but never named in `current` was never shown; its number is not used again.
    Ok((current, numbers + 1))
}

fn write_tables(
    connection: &Connection,
    unfinished: &Path,
    before: Option<&Path>,
    model: &Publication,
    halt: &Halt,
) -> Result<PublicationReport, WarehouseError> {
    let (mut rows, mut refreshed) = (Vec::new(), Vec::new());
    let mut tables = Vec::new();
    for table in &model.tables {
        halt.check()?;
        let file = file_name(table);
        let kept = before
            .filter(|before| table.refresh == Refresh::Keep && holds(before, table))
            .map(|before| before.join(&file));
        let columns = match kept {
            Some(kept) => {
                rows.push(keep(&kept, &unfinished.join(&file))?);
                refreshed.push(Refresh::Keep);
                Vec::new()
            }
            None => {
                let columns = columns(connection, table)?;
                rows.push(parquet_file::write(connection, &unfinished.join(&file), table, &columns, halt)?);
                refreshed.push(Refresh::Anew);
                columns
            }
        };
        tables.push(ModelTable { table, columns });
    }
    let warnings = keys::warnings(connection, &tables, &model.foreign_keys, halt)?;
    Ok(PublicationReport { rows, refreshed, warnings })
}

/// Whether a version has the rows of this table: one that the model took from elsewhere then was another table.
fn holds(version: &Path, table: &PublishedTable) -> bool {
    let manifest = fs::read(version.join(MANIFEST)).unwrap_or_default();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
    let tables = manifest["tables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let id = table.id.to_string();
    let Some(told) = tables.iter().find(|told| told["id"] == id.as_str()) else { return false };
    let is = |field: &str, name: &Identifier| match &told[field] {
        Value::String(told) => same(told, name.as_str()),
        // A version that was published before this was written down.
        _ => true,
    };
    is("schema", &table.table.schema)
        && is("name", &table.table.name)
        && version.join(file_name(table)).exists()
}

fn file_name(table: &PublishedTable) -> String {
    format!("{}.parquet", table.id)
}

fn columns(connection: &Connection, table: &PublishedTable) -> Result<Vec<Column>, WarehouseError> {
    match find(connection, &table.table)? {
        Found::Table(columns) | Found::View(columns) => Ok(columns),
        Found::Nothing => Err(invalid(format!(
            "{}: the data pool has no table {}; run the task that makes it first, or take it out of the data model",
            table.alias, table.table.name
        ))),
    }
}

/// Takes a table over from the version before; says how many rows it has.
fn keep(kept: &Path, file: &Path) -> Result<u64, WarehouseError> {
    link(kept, file).map_err(|error| io("a kept table cannot be taken over", error))?;
    parquet_file::rows(kept)
}

/// Makes a written version the one that readers open.
fn show(
    dir: &Path,
    unfinished: &Path,
    version: u64,
    model: &Publication,
    report: &PublicationReport,
) -> std::io::Result<()> {
    let tables: Vec<_> = model
        .tables
        .iter()
        .zip(&report.rows)
        .map(|(table, rows)| {
            json!({
                "id": table.id, "schema": table.table.schema, "name": table.table.name, "alias": table.alias,
                "file": file_name(table), "rows": rows,
            })
        })
        .collect();
    let mut manifest = File::create(unfinished.join(MANIFEST))?;
    let told = json!({"version": version, "tables": tables, "foreignKeys": model.foreign_keys});
    manifest.write_all(told.to_string().as_bytes())?;
    manifest.sync_all()?;
    File::open(unfinished)?.sync_all()?;
    fs::rename(unfinished, dir.join(version.to_string()))?;
    File::open(dir)?.sync_all()?;
    let next = dir.join("current.next");
    let mut current = File::create(&next)?;
    current.write_all(version.to_string().as_bytes())?;
    current.sync_all()?;
    forebay_core::fault::point("model.before_shown");
    fs::rename(&next, dir.join(CURRENT))?;
    forebay_core::fault::point("model.after_shown");
    File::open(dir)?.sync_all()
}

/// Removes versions that nobody should have open any more. The new one is shown whatever happens here.
fn remove_old(dir: &Path, version: u64, kept: u64) {
    for path in entries(dir).unwrap_or_default() {
        let old = name(&path).parse::<u64>().is_ok_and(|number| number + kept.max(1) <= version);
        if old && let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(error = &error as &dyn std::error::Error, "an old model version stays");
        }
    }
}
