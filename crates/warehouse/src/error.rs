//! DuckDB's errors as the warehouse's. What a user reads names no file of the server.

use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

/// Sorts an error by the words that DuckDB begins its messages with.
pub(crate) fn failed(error: duckdb::Error) -> WarehouseError {
    let (kind, text) = sort(&message(&error));
    WarehouseError::new(kind, text).caused_by(error)
}

/// What the engine said.
pub(crate) fn message(error: &duckdb::Error) -> String {
    match error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

fn sort(message: &str) -> (WarehouseErrorKind, String) {
    use WarehouseErrorKind::{Canceled, Conflict, Internal, Invalid, Unavailable};
    let (class, detail) = message.split_once(" Error: ").unwrap_or(("", message));
    let has = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    // Internal errors bring the engine's stack with them.
    let brief = detail.lines().next().unwrap_or_default();
    if stopped(message) {
        let text = "the pool's engine has stopped after an error of its own and is opened again as soon as what still runs has ended; run it again then";
        return (Internal, text.to_owned());
    }
    match class {
        "INTERRUPT" => (Canceled, "cancelled".to_owned()),
        "INTERNAL" | "Serialization" | "Data Corruption" => {
            (Internal, format!("the pool's engine met an error of its own: {brief}"))
        }
        _ if has(&[TEMP_LIMIT]) => (Unavailable, "out of temporary space".to_owned()),
        _ if has(&[DISK_FULL]) => (Unavailable, "the disk of the pool's folder is full".to_owned()),
        "Out of Memory" => (Unavailable, "out of memory".to_owned()),
        "IO" if has(&["Could not set lock"]) => (Unavailable, in_use(holder(detail)).message),
        "IO" if has(&["duckdb_temp_", "/temp\"", "/temp/"]) => (
            Unavailable,
            "the folder for temporary files, temp in the pool's folder, cannot be used; let the server write there, and start it again if the folder was removed".to_owned(),
        ),
        "IO" => (Unavailable, "a file of the pool cannot be read or written; the server's log has the details".to_owned()),
        "TransactionContext" if has(&["onflict"]) => (
            Conflict,
            format!("another job changed the same table at the same time; run it again ({brief})"),
        ),
        _ => (Invalid, message.to_owned()),
    }
}

const DISK_FULL: &str = "No space left on device";
const TEMP_LIMIT: &str = "max_temp_directory_size";

/// What there was too little of. How much there is only the opened pool knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    Disk,
    Temporary,
    Memory,
}

pub(crate) fn shortage(error: &WarehouseError) -> Option<Shortage> {
    if error.kind != WarehouseErrorKind::Unavailable {
        return None;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> =
        error.source.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static));
    while let Some(error) = cause {
        let text = error.to_string();
        if text.contains(TEMP_LIMIT) {
            return Some(Shortage::Temporary);
        }
        if text.contains(DISK_FULL) {
            return Some(Shortage::Disk);
        }
        if text.starts_with("Out of Memory Error") {
            return Some(Shortage::Memory);
        }
        cause = error.source();
    }
    None
}

/// Somebody else has the pool open.
pub(crate) fn in_use(holder: Option<u32>) -> WarehouseError {
    let process = holder.map(|id| format!(" (process {id})")).unwrap_or_default();
    let text = format!("the pool's file is in use by another process{process}; stop that one first");
    WarehouseError::new(WarehouseErrorKind::Unavailable, text)
        .caused_by("Could not set lock on the pool's folder")
}

/// The process that the engine names as the holder of the lock.
fn holder(detail: &str) -> Option<u32> {
    detail.split_once("(PID ")?.1.split_once(')')?.0.parse().ok()
}

/// Whether the engine serves nobody any more until it is opened again.
fn stopped(message: &str) -> bool {
    message.starts_with("FATAL") || message.contains("has been invalidated")
}

/// Whether an error says that the engine serves nobody any more.
pub(crate) fn stops_engine(error: &WarehouseError) -> bool {
    message_of(error).is_some_and(|message| stopped(&message))
}

/// Whether an error of a COMMIT says that the commit was made all the same: what failed is the
/// tidying after it.
pub(crate) fn committed_all_the_same(error: &WarehouseError) -> bool {
    message_of(error).is_some_and(|message| message.contains("COMMIT succeeded and is durable"))
}

fn message_of(error: &WarehouseError) -> Option<String> {
    let cause = error.source.as_ref()?.downcast_ref::<duckdb::Error>()?;
    match cause {
        duckdb::Error::DuckDBFailure(_, Some(message)) => Some(message.clone()),
        _ => None,
    }
}

/// Something that cannot happen while the code is right.
pub(crate) fn internal(message: impl Into<String>) -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Internal, message)
}

/// Something that the user can mend.
pub(crate) fn invalid(message: impl Into<String>) -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Invalid, message)
}

pub(crate) fn canceled() -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Canceled, "cancelled")
}

/// A file of the pool's folder that cannot be read or written.
pub(crate) fn io(what: &str, error: std::io::Error) -> WarehouseError {
    // The kind says enough, and no path.
    let text = format!("{what}: {}", error.kind());
    WarehouseError::new(WarehouseErrorKind::Unavailable, text).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_what_can_be_done_about_them() {
        let check = |message: &str, kind| assert_eq!(sort(message).0, kind, "{message}");
        check("Catalog Error: Table with name x does not exist!", WarehouseErrorKind::Invalid);
        check("Binder Error: Referenced column \"x\" not found", WarehouseErrorKind::Invalid);
        check("Conversion Error: Could not convert string 'x' to INT32", WarehouseErrorKind::Invalid);
        check("Constraint Error: Duplicate key \"a: 1\"", WarehouseErrorKind::Invalid);
        check("INTERRUPT Error: Interrupted!", WarehouseErrorKind::Canceled);
        check("Out of Memory Error: failed to pin block", WarehouseErrorKind::Unavailable);
        check(
            "IO Error: Could not write file \"/a/b\": No space left on device",
            WarehouseErrorKind::Unavailable,
        );
        check("IO Error: Could not set lock on file \"/a/b\"", WarehouseErrorKind::Unavailable);
        check("TransactionContext Error: Conflict on update!", WarehouseErrorKind::Conflict);
        check(
            "TransactionContext Error: Catalog write-write conflict on create with \"t\"",
            WarehouseErrorKind::Conflict,
        );
        check("FATAL Error: Failed to rollback", WarehouseErrorKind::Internal);
        check("INTERNAL Error: index out of range\nStack", WarehouseErrorKind::Internal);
    }

    #[test]
    fn what_there_is_too_little_of_is_told_apart() {
        for (message, expected) in [
            ("Out of Memory Error: failed to pin block", Some(Shortage::Memory)),
            (
                "Out of Memory Error: failed to offload data block. This limit was set by the 'max_temp_directory_size' setting",
                Some(Shortage::Temporary),
            ),
            ("IO Error: Could not write file \"/a\": No space left on device", Some(Shortage::Disk)),
            ("IO Error: Could not set lock on file \"/a\"", None),
        ] {
            let error = WarehouseError::new(WarehouseErrorKind::Unavailable, "x").caused_by(message);
            assert_eq!(shortage(&error), expected, "{message}");
        }
    }

    #[test]
    fn no_path_of_the_server_is_shown() {
        for message in [
            "IO Error: Could not set lock on file \"/srv/pool.duckdb\": held",
            "IO Error: Cannot open file \"/srv/x\": denied",
            "FATAL Error: Failed to create checkpoint of \"/srv/pool.duckdb\"",
        ] {
            assert!(!sort(message).1.contains("/srv"), "{message}");
        }
    }
}
