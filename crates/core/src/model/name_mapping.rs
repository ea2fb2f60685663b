//! Name mappings: what a data model's tables and columns are called in which language.

use serde::{Deserialize, Serialize};

/// The most name mappings a data model has.
pub const NAME_MAPPING_LIMIT: usize = 200_000;

/// What something is called in one language. A model has one for each kind, identifier and language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameMapping {
    pub kind: MappingKind,
    /// A table, `TABLE.COLUMN`, or the key of a text.
    pub identifier: String,
    /// As whoever made it writes languages.
    pub language: String,
    pub translation: String,
    pub description: Option<String>,
}

/// How many mappings of a kind and language a model has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedMappings {
    pub kind: MappingKind,
    pub language: String,
    pub mappings: u64,
}

/// What is given a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MappingKind {
    Table,
    Column,
    /// A text that is neither.
    General,
}

impl MappingKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::Column => "COLUMN",
            Self::General => "GENERAL",
        }
    }
}
