//! Names and texts as SQL.

use forebay_core::name::Identifier;
use forebay_core::warehouse::WarehouseTable;

/// Forebay's own schema in each pool's file.
pub(crate) const OWN_SCHEMA: &str = "_forebay";
/// What the names of staging tables begin with.
pub(crate) const STAGING: &str = "_forebay_staging_";

pub(crate) fn qualified(table: &WarehouseTable) -> String {
    format!("{}.{}", table.schema.quoted(), table.name.quoted())
}

/// The text as an SQL string.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(crate) fn list(columns: &[Identifier]) -> String {
    columns.iter().map(Identifier::quoted).collect::<Vec<_>>().join(", ")
}

/// A name as the engine compares it: it takes no notice of the case of ASCII letters.
pub(crate) fn folded(name: &Identifier) -> String {
    name.as_str().to_ascii_lowercase()
}

/// Whether the engine takes two names for the same.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Schemas to look names up in, in order, as the engine's setting.
pub(crate) fn quoted_path(schemas: &[Identifier]) -> String {
    literal(&schemas.iter().map(Identifier::quoted).collect::<Vec<_>>().join(","))
}
