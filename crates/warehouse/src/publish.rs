//! Publishes data models: Parquet, a folder for each version, visible only when whole.
//!
//! A model's folder holds a folder for each version and the file `current`, which names the
//! version that readers open. A version is written under a name that begins with `.`, synced,
//! renamed, and only then named in `current`.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use duckdb::Connection;
use forebay_core::model::ForeignKey;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    Publication, PublicationReport, PublishedTable, Refresh, WarehouseError, WarehouseErrorKind,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::error::{failed, internal, io};
use crate::sql::{list, qualified};

/// What the names of unfinished versions begin with.
const UNFINISHED: &str = ".unfinished-";
/// Versions that stay: the current one, and the one before for readers that have it open.
const KEPT: usize = 2;

/// Removes versions that a stopped server did not finish.
pub(crate) fn remove_leftovers(dir: &Path) -> Result<(), WarehouseError> {
    for model in entries(&dir.join("models"))? {
        for version in entries(&model)? {
            if name(&version).starts_with(UNFINISHED) {
                fs::remove_dir_all(&version).map_err(|error| io("an unfinished model version", error))?;
            }
        }
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<std::path::PathBuf>, WarehouseError> {
    let read = || -> std::io::Result<Vec<_>> {
        fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    read().map_err(|error| io("the models' folder cannot be read", error))
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

pub(crate) fn run(
    connection: &Connection,
    dir: &Path,
    model: &Publication,
    stop: &Stop,
) -> Result<PublicationReport, WarehouseError> {
    fs::create_dir_all(dir).map_err(|error| io("the model's folder cannot be made", error))?;
    let current = fs::read_to_string(dir.join("current")).ok();
    let version = current.as_deref().and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0) + 1;
    let unfinished = dir.join(format!("{UNFINISHED}{version}"));
    fs::create_dir(&unfinished).map_err(|error| io("a model version cannot be made", error))?;
    // One transaction: every table as of one moment.
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(failed)?;
    let before = current.map(|text| dir.join(text.trim()));
    let written = write_tables(connection, &unfinished, before.as_deref(), model, stop);
    drop(connection.execute_batch("ROLLBACK"));
    let finished = written.and_then(|report| {
        show(dir, &unfinished, version, model, &report)
            .map_err(|error| io("a model version cannot be shown", error))?;
        Ok(report)
    });
    if finished.is_err() {
        // What cannot be removed now is removed when the pool is opened next.
        drop(fs::remove_dir_all(&unfinished));
    }
    finished
}

fn write_tables(
    connection: &Connection,
    unfinished: &Path,
    before: Option<&Path>,
    model: &Publication,
    stop: &Stop,
) -> Result<PublicationReport, WarehouseError> {
    let mut report = PublicationReport { rows: Vec::new(), warnings: Vec::new() };
    for table in &model.tables {
        if stop.is_requested() {
            return Err(WarehouseError::new(WarehouseErrorKind::Canceled, "cancelled"));
        }
        let file = format!("{}.parquet", table.id);
        let kept = before
            .map(|before| before.join(&file))
            .filter(|kept| table.refresh == Refresh::Keep && kept.exists());
        match kept {
            Some(kept) => {
                fs::hard_link(&kept, unfinished.join(&file))
                    .map_err(|error| io("a kept table cannot be linked", error))?;
                let reader = File::open(&kept).map_err(|error| io("a kept table cannot be read", error))?;
                let reader = parquet::file::reader::FileReader::metadata(
                    &parquet::file::serialized_reader::SerializedFileReader::new(reader)
                        .map_err(|error| internal("a kept table is no Parquet file").caused_by(error))?,
                )
                .file_metadata()
                .num_rows();
                report.rows.push(reader.unsigned_abs());
            }
            None => {
                report.rows.push(write_table(connection, &unfinished.join(&file), table)?);
                check_primary_key(connection, table, &mut report.warnings)?;
            }
        }
    }
    for key in &model.foreign_keys {
        check_foreign_key(connection, key, model, &mut report.warnings)?;
    }
    Ok(report)
}

fn write_table(connection: &Connection, file: &Path, table: &PublishedTable) -> Result<u64, WarehouseError> {
    let mut statement =
        connection.prepare(&format!("SELECT * FROM {}", qualified(&table.table))).map_err(failed)?;
    let stream = statement.stream_arrow([]).map_err(failed)?;
    let out = File::create(file).map_err(|error| io("a model table cannot be written", error))?;
    let level = ZstdLevel::try_new(1).map_err(|error| internal("a compression level").caused_by(error))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let parquet = |error: parquet::errors::ParquetError| {
        WarehouseError::new(
            WarehouseErrorKind::Unavailable,
            format!("{} cannot be written: {error}", table.alias),
        )
        .caused_by(error)
    };
    let mut writer = ArrowWriter::try_new(out, stream.get_schema(), Some(properties)).map_err(parquet)?;
    let mut rows = 0;
    for batch in stream {
        let batch = batch.map_err(failed)?;
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(parquet)?;
    }
    let out = writer.into_inner().map_err(parquet)?;
    out.sync_all().map_err(|error| io("a model table cannot be synced", error))?;
    Ok(rows)
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
        .map(|(table, rows)| json!({"id": table.id, "alias": table.alias, "file": format!("{}.parquet", table.id), "rows": rows}))
        .collect();
    let mut manifest = File::create(unfinished.join("manifest.json"))?;
    manifest.write_all(json!({"version": version, "tables": tables}).to_string().as_bytes())?;
    manifest.sync_all()?;
    File::open(unfinished)?.sync_all()?;
    let whole = dir.join(version.to_string());
    // A version that was renamed but never named in `current` was never shown.
    match fs::remove_dir_all(&whole) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => fs::rename(unfinished, &whole)?,
    }
    let next = dir.join("current.next");
    let mut current = File::create(&next)?;
    current.write_all(version.to_string().as_bytes())?;
    current.sync_all()?;
    fs::rename(&next, dir.join("current"))?;
    File::open(dir)?.sync_all()?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let old = name(&path).parse::<u64>().is_ok_and(|number| number + KEPT as u64 <= version);
        if old {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

fn check_primary_key(
    connection: &Connection,
    table: &PublishedTable,
    warnings: &mut Vec<String>,
) -> Result<(), WarehouseError> {
    if table.primary_key.is_empty() {
        return Ok(());
    }
    let key = list(&table.primary_key);
    let twice = format!(
        "SELECT count(*) FROM (SELECT 1 FROM {} GROUP BY {key} HAVING count(*) > 1)",
        qualified(&table.table)
    );
    let twice: i64 = connection.query_row(&twice, [], |row| row.get(0)).map_err(failed)?;
    if twice > 0 {
        warnings
            .push(format!("{}: {twice} values of the primary key ({key}) come more than once", table.alias));
    }
    Ok(())
}

fn check_foreign_key(
    connection: &Connection,
    key: &ForeignKey,
    model: &Publication,
    warnings: &mut Vec<String>,
) -> Result<(), WarehouseError> {
    let find = |id| {
        model
            .tables
            .iter()
            .find(|table| table.id == id)
            .ok_or_else(|| internal("a relation names no table of the model"))
    };
    let (source, target) = (find(key.source)?, find(key.target)?);
    let on: Vec<String> = key
        .columns
        .iter()
        .map(|(one, many)| format!("one.{} = many.{}", one.quoted(), many.quoted()))
        .collect();
    let missing: Vec<String> =
        key.columns.iter().map(|(_, many)| format!("many.{} IS NOT NULL", many.quoted())).collect();
    let orphans = format!(
        "SELECT count(*) FROM {} AS many WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS one WHERE {})",
        qualified(&target.table),
        missing.join(" AND "),
        qualified(&source.table),
        on.join(" AND ")
    );
    let orphans: i64 = connection.query_row(&orphans, [], |row| row.get(0)).map_err(failed)?;
    if orphans > 0 {
        warnings.push(format!("{}: {orphans} rows have no row in {}", target.alias, source.alias));
    }
    let one: Vec<_> = key.columns.iter().map(|(one, _)| one.clone()).collect();
    let twice = format!(
        "SELECT count(*) FROM (SELECT 1 FROM {} GROUP BY {} HAVING count(*) > 1)",
        qualified(&source.table),
        list(&one)
    );
    let twice: i64 = connection.query_row(&twice, [], |row| row.get(0)).map_err(failed)?;
    if twice > 0 {
        warnings.push(format!(
            "{}: {twice} values of {} come more than once on the 1 side of a relation",
            source.alias,
            list(&one)
        ));
    }
    Ok(())
}
