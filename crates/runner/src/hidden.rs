//! Checkpoints and notes as people may see them: without the value of a cursor whose column is
//! pseudonymised. The checkpoint itself keeps the value, to go on from.

use forebay_core::extraction::TableExtraction;
use forebay_core::source::Checkpoint;

use crate::columns::holds;

/// What stands for a value of a pseudonymised column.
const HIDDEN: &str = "(pseudonymised)";

/// Whether people may see the values of a checkpoint's cursor.
fn is_hidden(table: &TableExtraction, checkpoint: &Checkpoint) -> bool {
    checkpoint.cursor.as_ref().is_some_and(|cursor| holds(&table.pseudonymised, cursor.column.as_str()))
}

/// A checkpoint for people to read.
pub(crate) fn shown(table: &TableExtraction, checkpoint: &Checkpoint) -> String {
    if !is_hidden(table, checkpoint) {
        return checkpoint.to_string();
    }
    let mut checkpoint = checkpoint.clone();
    if let Some(cursor) = &mut checkpoint.cursor {
        HIDDEN.clone_into(&mut cursor.value);
    }
    checkpoint.to_string()
}

/// A text without the value of a cursor that people may not see.
pub(crate) fn hidden(table: &TableExtraction, checkpoint: Option<&Checkpoint>, text: String) -> String {
    match checkpoint {
        Some(checkpoint) if is_hidden(table, checkpoint) => match &checkpoint.cursor {
            Some(cursor) if !cursor.value.is_empty() => text.replace(&cursor.value, HIDDEN),
            _ => text,
        },
        _ => text,
    }
}
