//! DuckDB's errors as the warehouse's. What a user reads names no file of the server.

use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

/// Sorts an error by the words that DuckDB begins its messages with.
pub(crate) fn failed(error: duckdb::Error) -> WarehouseError {
    let message = match &error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    let (kind, text) = sort(&message);
    WarehouseError::new(kind, text).caused_by(error)
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
        _ if has(&["No space left on device", "max_temp_directory_size"]) => {
            (Unavailable, "the server's disk is full, or as full as the pool may make it; free some space and run it again".to_owned())
        }
        "Out of Memory" => (
            Unavailable,
            "the memory of the pool's engine does not suffice; make the statement smaller, run less at a time, or start the server with more memory for each pool".to_owned(),
        ),
        "IO" if has(&["Could not set lock"]) => {
            (Unavailable, "the pool's file is in use by another process; stop that one first".to_owned())
        }
        "IO" => (Unavailable, "a file of the pool cannot be read or written; the server's log has the details".to_owned()),
        "TransactionContext" if has(&["onflict"]) => (
            Conflict,
            format!("another job changed the same table at the same time; run it again ({brief})"),
        ),
        _ => (Invalid, message.to_owned()),
    }
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
