//! Answers PQL on a published data model, into files.
//!
//! It reads one version from its beginning to its end: `version` holds its files fast, whatever is published or
//! removed meanwhile. The engine reads them where it may, in its folder for temporary files, and under its own limit
//! of memory. `files` cuts the rows into chunks and writes them.

mod csv;
mod excel;
mod files;
mod version;

use std::fs::{self, File};
use std::path::Path;

use duckdb::Connection;
use forebay_core::export::{ExportFiles, ExportRequest, Exported};
use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};
use forebay_pql::{Column, Compiled, Model, Relation, Table, compile, parse};

use self::files::Files;
use self::version::{Version, VersionTable};
use crate::error::{failed, internal, invalid, io};
use crate::instance::TEMP;
use crate::names::literal;
use crate::session::Halt;
use crate::show::roll_back;

/// Where exports are written, in the pool's folder.
const FOLDER: &str = "exports";
/// What the names of the folders begin with that hold a version fast, in that of temporary files.
const HELD: &str = "export-";

/// Removes what a worker that was killed left.
pub(crate) fn remove_leftovers(dir: &Path) -> Result<(), WarehouseError> {
    let broken = |error| io("what is left of an export cannot be removed", error);
    remove(&dir.join(FOLDER)).map_err(broken)?;
    for entry in fs::read_dir(dir.join(TEMP)).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        if entry.file_name().to_string_lossy().starts_with(HELD) {
            remove(&entry.path()).map_err(broken)?;
        }
    }
    Ok(())
}

fn remove(dir: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Checks the queries on the current version, and writes what they answer unless that was all.
pub(crate) fn run(
    connection: &Connection,
    dir: &Path,
    request: &ExportRequest,
    halt: &Halt,
) -> Result<Option<Exported>, WarehouseError> {
    let query = parse(&request.queries).map_err(|error| invalid(error.to_string()))?;
    let held = dir.join(TEMP).join(format!("{HELD}{}", request.id));
    let version = Version::hold(&dir.join("models").join(request.model.to_string()), held)?;
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(failed)?;
    let answered = model(connection, &version, halt).and_then(|model| {
        let compiled = compile(&query, &model).map_err(|error| invalid(error.to_string()))?;
        let sql = compiled.sql(|table| source(&version, &version.tables[table]));
        match request.files {
            None => check(connection, &sql).map(|()| None),
            Some(files) => {
                let folder = dir.join(FOLDER).join(request.id.to_string());
                write(connection, &compiled, &sql, &folder, files, halt).map(Some)
            }
        }
    });
    roll_back(connection, halt);
    answered
}

/// What stands behind FROM for a table.
fn source(version: &Version, table: &VersionTable) -> String {
    let path = version.file(table).to_string_lossy().into_owned();
    format!("read_parquet({}, hive_partitioning = false)", literal(&path))
}

/// The version as queries see it.
fn model(connection: &Connection, version: &Version, halt: &Halt) -> Result<Model, WarehouseError> {
    let mut tables = Vec::new();
    for table in &version.tables {
        halt.check()?;
        let sql = format!("DESCRIBE SELECT * FROM {}", source(version, table));
        let mut statement = connection.prepare(&sql).map_err(unanswered)?;
        let column = |row: &duckdb::Row<'_>| Ok(Column { name: row.get(0)?, type_name: row.get(1)? });
        let columns = statement.query_map([], column).and_then(Iterator::collect).map_err(unanswered)?;
        tables.push(Table { name: table.alias.clone(), columns });
    }
    let place = |id| version.tables.iter().position(|table| table.id == id);
    let relation = |key: &forebay_core::model::ForeignKey| {
        let texts = |(one, many): &(forebay_core::name::Identifier, forebay_core::name::Identifier)| {
            (one.to_string(), many.to_string())
        };
        let columns: Vec<(String, String)> = key.columns.iter().map(texts).collect();
        let (one, many) = (place(key.source)?, place(key.target)?);
        // One whose columns are not there relates nothing; the load has told.
        let has = |table: usize, name: &str| {
            let columns: &[Column] = &tables[table].columns;
            columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
        };
        let whole = columns.iter().all(|(of_one, of_many)| has(one, of_one) && has(many, of_many));
        (whole && !columns.is_empty()).then_some(Relation { one, many, columns })
    };
    let relations = version.foreign_keys.iter().filter_map(relation).collect();
    Ok(Model { tables, relations })
}

/// That the engine takes the SQL.
fn check(connection: &Connection, sql: &str) -> Result<(), WarehouseError> {
    connection.prepare(&format!("EXPLAIN {sql}")).map(drop).map_err(unanswered)
}

fn write(
    connection: &Connection,
    compiled: &Compiled,
    sql: &str,
    folder: &Path,
    files: ExportFiles,
    halt: &Halt,
) -> Result<Exported, WarehouseError> {
    let broken = |error| io("the folder of an export cannot be made", error);
    remove(folder).map_err(broken)?;
    fs::create_dir_all(folder).map_err(broken)?;
    let written = (|| {
        let mut statement = connection.prepare(sql).map_err(unanswered)?;
        let stream = statement.stream_arrow([]).map_err(unanswered)?;
        let schema = stream.get_schema();
        if schema.fields().len() != compiled.columns.len() {
            return Err(internal("an export does not have its own columns"));
        }
        let mut files = Files::begin(folder, files, schema)?;
        for batch in stream {
            halt.check()?;
            files.write(&batch.map_err(unanswered)?)?;
        }
        let chunks = files.finish(halt)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(broken)?;
        Ok(Exported { folder: folder.to_owned(), chunks })
    })();
    if written.is_err() {
        // What cannot be removed now is removed when the pool is opened next.
        drop(remove(folder));
    }
    written
}

/// An error of the engine. What it quotes of the SQL is not the user's.
fn unanswered(error: duckdb::Error) -> WarehouseError {
    let error = failed(error);
    match error.kind {
        WarehouseErrorKind::Invalid => {
            let message = error.message.lines().next().unwrap_or_default().to_owned();
            WarehouseError { message, ..error }
        }
        _ => error,
    }
}
