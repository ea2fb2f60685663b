//! DuckDB's errors as the warehouse's.

use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

/// Sorts an error by the words that DuckDB begins its messages with.
pub(crate) fn failed(error: duckdb::Error) -> WarehouseError {
    let message = match &error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    let begins = |words: &[&str]| words.iter().any(|word| message.starts_with(word));
    let kind = if begins(&["INTERRUPT", "Interrupt"]) {
        WarehouseErrorKind::Canceled
    } else if begins(&["INTERNAL", "FATAL", "Internal", "Fatal"]) {
        WarehouseErrorKind::Internal
    } else if begins(&["Out of Memory", "IO Error", "Could not"]) {
        WarehouseErrorKind::Unavailable
    } else {
        WarehouseErrorKind::Invalid
    };
    WarehouseError::new(kind, message).caused_by(error)
}

/// Something that cannot happen while the code is right.
pub(crate) fn internal(message: impl Into<String>) -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Internal, message)
}

/// A file of the pool's folder that cannot be read or written.
pub(crate) fn io(what: &str, error: std::io::Error) -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Unavailable, format!("{what}: {error}")).caused_by(error)
}
