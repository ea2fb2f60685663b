//! Shuts an engine off, and reads back that it is shut off. What SQL of users may say is the guard's.

use std::path::Path;

use duckdb::{Config, Connection};
use forebay_core::warehouse::WarehouseError;

use crate::duckdb::Limits;
use crate::error::{failed, internal};
use crate::fold::TOO_LONG;
use crate::recovery::FILE;

/// Settings that are the same for every connection of an engine, and cannot be changed any more.
const EXPECTED: [(&str, &str); 11] = [
    ("enable_external_access", "false"),
    ("lock_configuration", "true"),
    ("autoinstall_known_extensions", "false"),
    ("autoload_known_extensions", "false"),
    ("allow_community_extensions", "false"),
    ("allow_unsigned_extensions", "false"),
    ("allow_persistent_secrets", "false"),
    ("allow_unredacted_secrets", "false"),
    ("enable_logging", "0"),
    ("custom_extension_repository", ""),
    ("allow_extensions_metadata_mismatch", "false"),
];

/// Whether rows are written, and read without ORDER BY, in the order in which they came.
const ORDER: &str = "preserve_insertion_order";
/// The most memory of the engine, as the engine itself calls it.
const MEMORY: &str = "max_memory";

/// Lets a connection write the rows of one statement on several threads. Only for connections of loads:
/// DuckDB 2.0.0 was seen to hand out the rows of a query with ORDER BY in another order under it.
pub(crate) fn forget_order(connection: &Connection) -> Result<(), WarehouseError> {
    connection.execute_batch(&format!("SET SESSION {ORDER} = false")).map_err(failed)
}

/// The most memory of an engine, in bytes; what is kept beyond it is let go of.
///
/// # Errors
/// When more than that is in use.
pub(crate) fn set_memory(connection: &Connection, bytes: u64) -> Result<(), WarehouseError> {
    connection.execute_batch(&format!("SET GLOBAL {MEMORY} = '{bytes}B'")).map_err(failed)
}

/// What is set before the engine is opened.
pub(crate) fn config(limits: &Limits, temp: &Path) -> duckdb::Result<Config> {
    Config::default()
        .threads(i64::try_from(limits.threads).unwrap_or(1).max(1))?
        .with(MEMORY, format!("{}B", limits.memory_bytes))?
        .with("temp_directory", temp.to_string_lossy())?
        .with("max_temp_directory_size", format!("{}B", limits.temp_bytes))?
        .with("wal_autocheckpoint", format!("{TOO_LONG}B"))?
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .with("allow_community_extensions", "false")?
        .with("allow_persistent_secrets", "false")?
        .with(ORDER, "true")
}

/// One way, for every connection of this engine: no files, no network, no other settings.
///
/// # Errors
/// `Internal` when a setting reads back as something else.
pub(crate) fn confine(root: &Connection, dir: &Path, temp: &Path) -> Result<(), WarehouseError> {
    // Two settings stay open, for loads; the guard keeps users from them as from every other.
    root.execute_batch(&format!(
        "SET enable_external_access = false; SET allowed_configs = ['{ORDER}', '{MEMORY}']; \
         SET lock_configuration = true"
    ))
    .map_err(failed)?;
    only(root, "allowed_configs", &[ORDER.to_owned(), MEMORY.to_owned()])?;
    for (setting, expected) in EXPECTED {
        let value = read(root, setting)?;
        if value != expected {
            return Err(internal(format!("the engine's setting {setting} is {value} and not {expected}")));
        }
    }
    // A share of the disk would be no limit.
    let size = read(root, "max_temp_directory_size")?;
    if size.contains('%') {
        return Err(internal(format!("the engine's setting max_temp_directory_size is {size}")));
    }
    // The engine lets itself, and so everybody, at its own files. The guard keeps users from these.
    let file = dir.join(FILE).to_string_lossy().into_owned();
    let own: Vec<String> =
        ["", ".wal", ".wal.checkpoint", ".wal.recovery"].iter().map(|end| format!("{file}{end}")).collect();
    only(root, "allowed_paths", &own)?;
    only(root, "allowed_directories", &[format!("{}/", temp.to_string_lossy())])
}

fn read(root: &Connection, setting: &str) -> Result<String, WarehouseError> {
    let read = format!("SELECT current_setting('{setting}')::VARCHAR");
    let value: Option<String> = root.query_row(&read, [], |row| row.get(0)).map_err(failed)?;
    Ok(value.unwrap_or_default())
}

/// Checks that a list holds nothing but what may be in it.
fn only(root: &Connection, setting: &str, allowed: &[String]) -> Result<(), WarehouseError> {
    let sql = format!("SELECT unnest(current_setting('{setting}')::VARCHAR[])");
    let mut statement = root.prepare(&sql).map_err(failed)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0));
    for found in rows.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(failed)? {
        if !allowed.contains(&found) {
            return Err(internal(format!("the engine's setting {setting} holds a path that is not its own")));
        }
    }
    Ok(())
}
