//! Which of a table's columns a request means.

use forebay_core::extraction::{ColumnChoice, SourceTableName};
use forebay_core::source::{SourceError, SourceErrorKind};

pub(crate) fn invalid(message: impl Into<String>) -> SourceError {
    SourceError::new(SourceErrorKind::Invalid, message)
}

/// The places of the chosen columns among `names`.
pub(crate) fn chosen(
    table: &SourceTableName,
    names: &[&str],
    choice: &ColumnChoice,
) -> Result<Vec<usize>, SourceError> {
    match choice {
        ColumnChoice::All => Ok((0..names.len()).collect()),
        ColumnChoice::Only(columns) if columns.is_empty() => {
            Err(invalid(format!("table \"{table}\": no columns are chosen; choose one or more, or all")))
        }
        ColumnChoice::Only(columns) => {
            columns.iter().map(|column| place(table, names, column.as_str())).collect()
        }
    }
}

/// The place of one column among `names`.
pub(crate) fn place(table: &SourceTableName, names: &[&str], column: &str) -> Result<usize, SourceError> {
    let exact = names.iter().position(|name| *name == column);
    exact.or_else(|| names.iter().position(|name| name.eq_ignore_ascii_case(column))).ok_or_else(|| {
        invalid(format!(
            "table \"{table}\" has no column \"{column}\"; its columns are {}",
            listed(names.iter().copied())
        ))
    })
}

/// Names for a message; a long list is cut.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(20).map(|name| format!("\"{name}\"")).collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > 20 => format!("{} and {} more", shown.join(", "), count - 20),
        _ => shown.join(", "),
    }
}

/// A value for a message, in quotes; a long one is cut.
pub(crate) fn shortened(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("'{}…'", &value[..end]),
        None => format!("'{value}'"),
    }
}
