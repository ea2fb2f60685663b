//! What is to become of the files of a push.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::csv::CsvOptions;
use super::schema::{PushSchema, TEXT_LIMIT};
use crate::Timestamp;
use crate::error::{Error, Result};
use crate::execution::ExtractionMode;
use crate::id::DataConnectionId;
use crate::name::Identifier;

/// What the names of the pool's own tables begin with.
const OWN: &str = "_forebay_";
/// The years 1 to 9999, in milliseconds.
const YEARS: RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// What is to become of the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushSettings {
    pub target: Identifier,
    pub kind: PushKind,
    pub format: FileFormat,
    /// Whose schema the table lies in; `None` is the global one.
    pub connection_id: Option<DataConnectionId>,
    /// The schema as the client wrote it, to be told again; it says the same as the connection.
    pub target_schema: Option<String>,
    pub upsert_strategy: Option<UpsertStrategy>,
    /// How many characters are kept of a text whose column has no length of its own.
    pub text_length: Option<u32>,
    /// Run as SQL in a transaction once the rows are there.
    pub post_execution_query: Option<String>,
    /// Rows of one push with one key all stay.
    pub allow_duplicate: Option<bool>,
    /// A text of the client's, to be told again.
    pub foreign_keys: Option<String>,
    /// The columns that tell rows apart; empty: rows are added.
    pub keys: Vec<Identifier>,
    pub table_schema: Option<PushSchema>,
    /// The same rows go to these tables too.
    pub mirrors: Vec<Identifier>,
    /// What stands as the change date of the rows.
    pub changed_at: Option<Timestamp>,
    /// A column of the files that says TRUE where the row's key is to be removed.
    #[serde(default)]
    pub deletion_column: Option<Identifier>,
}

impl PushSettings {
    /// Parquet files for a table of the pool's own schema, of which nothing else is said.
    #[must_use]
    pub fn new(target: Identifier, kind: PushKind) -> Self {
        Self {
            target,
            kind,
            format: FileFormat::Parquet,
            connection_id: None,
            target_schema: None,
            upsert_strategy: None,
            text_length: None,
            post_execution_query: None,
            allow_duplicate: None,
            foreign_keys: None,
            keys: Vec::new(),
            table_schema: None,
            mirrors: Vec::new(),
            changed_at: None,
            deletion_column: None,
        }
    }

    /// The columns that tell rows apart: the keys, or what the schema marks.
    #[must_use]
    pub fn key(&self) -> Vec<Identifier> {
        if !self.keys.is_empty() {
            return self.keys.clone();
        }
        let columns = self.table_schema.iter().flat_map(|schema| &schema.columns);
        columns.filter(|column| column.is_key == Some(true)).map(|column| column.name.clone()).collect()
    }

    /// Its tables: the target, then the mirrors.
    pub fn targets(&self) -> impl Iterator<Item = &Identifier> {
        std::iter::once(&self.target).chain(&self.mirrors)
    }

    /// # Errors
    /// `Invalid`, with the name of a field as the wire has it.
    pub fn check(&self) -> Result<()> {
        if let Some(length) = self.text_length
            && !(1..=TEXT_LIMIT).contains(&length)
        {
            let reason = format!("must be from 1 to {TEXT_LIMIT}, not {length}");
            return Err(Error::invalid("fallbackVarcharLength", reason));
        }
        if let Some(moment) = self.changed_at
            && !YEARS.contains(&moment.as_millis())
        {
            return Err(Error::invalid("changeDate", "must lie in the years 1 to 9999, in milliseconds"));
        }
        for (place, key) in self.keys.iter().enumerate() {
            if self.keys[..place].iter().any(|other| same(other, key)) {
                return Err(Error::invalid("keys", format!("{key} comes twice")));
            }
        }
        let targets: Vec<&Identifier> = self.targets().collect();
        for (place, target) in targets.iter().enumerate() {
            let is_ours =
                target.as_str().get(..OWN.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN));
            if is_ours {
                let field = if place == 0 { "targetName" } else { "mirrorTargetNames" };
                return Err(Error::invalid(
                    field,
                    format!("must not begin with {OWN}: such tables are the pool's own"),
                ));
            }
            if targets[..place].iter().any(|other| same(other, target)) {
                let reason = format!("{target} is a target already; leave it out");
                return Err(Error::invalid("mirrorTargetNames", reason));
            }
        }
        if self.deletion_column.is_some() && self.key().is_empty() {
            return Err(Error::invalid("deletionColumn", "needs keys, by which rows are removed"));
        }
        match &self.table_schema {
            Some(schema) => schema.check(),
            None => Ok(()),
        }
    }
}

/// Whether a push puts its rows in the place of the table's, or adds them by key or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PushKind {
    Replace,
    Delta,
}

impl PushKind {
    /// What its execution is called.
    #[must_use]
    pub const fn mode(self) -> ExtractionMode {
        match self {
            Self::Replace => ExtractionMode::Full,
            Self::Delta => ExtractionMode::Delta,
        }
    }
}

/// What the files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FileFormat {
    Parquet,
    Csv(Box<CsvOptions>),
}

/// What becomes, in rows that are updated, of columns that the files do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UpsertStrategy {
    /// They keep their values.
    UpsertWithUnchangedMetadata,
    /// They become NULL.
    UpsertWithNullification,
}

/// Whether the warehouse takes two names for the same.
pub(super) fn same(one: &Identifier, other: &Identifier) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::schema::{ColumnKind, PushColumn};
    use super::*;

    fn identifier(text: &str) -> Identifier {
        Identifier::parse("name", text).unwrap()
    }

    fn settings() -> PushSettings {
        PushSettings::new(identifier("T"), PushKind::Delta)
    }

    fn column(name: &str, kind: ColumnKind) -> PushColumn {
        PushColumn { name: identifier(name), kind, length: None, decimals: None, is_key: None }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name_on_the_wire() {
        let check = |settings: PushSettings, expected: Option<&str>| {
            let found = settings.check().err().map(|error| error.to_string());
            let good = match (&found, expected) {
                (None, None) => true,
                (Some(found), Some(expected)) => found.starts_with(expected),
                _ => false,
            };
            assert!(good, "{found:?} should begin with {expected:?}");
        };
        let schema = |columns: Vec<PushColumn>| Some(PushSchema { table_name: None, columns });
        check(settings(), None);
        check(PushSettings { text_length: Some(65_000), ..settings() }, None);
        check(
            PushSettings { text_length: Some(0), ..settings() },
            Some("fallbackVarcharLength: must be from 1"),
        );
        check(
            PushSettings { keys: vec![identifier("a"), identifier("A")], ..settings() },
            Some("keys: A comes"),
        );
        check(PushSettings { mirrors: vec![identifier("t")], ..settings() }, Some("mirrorTargetNames: t is"));
        let later = Timestamp::from_millis(i64::MAX);
        check(
            PushSettings { changed_at: Some(later), ..settings() },
            Some("changeDate: must lie in the years"),
        );
        let own = identifier("_FOREBAY_staging_x");
        check(PushSettings { target: own, ..settings() }, Some("targetName: must not begin with _forebay_"));
        check(
            PushSettings { deletion_column: Some(identifier("gone")), ..settings() },
            Some("deletionColumn: needs keys"),
        );
        let twice = vec![column("a", ColumnKind::Date), column("A", ColumnKind::Date)];
        let expected = "tableSchema.columns[1].columnName: A comes twice";
        check(PushSettings { table_schema: schema(twice), ..settings() }, Some(expected));
        let long = PushColumn { length: Some(65_001), ..column("a", ColumnKind::String) };
        let expected = "tableSchema.columns[0].fieldLength: must be";
        check(PushSettings { table_schema: schema(vec![long]), ..settings() }, Some(expected));
        let of_a_number = |length| PushColumn { length: Some(length), ..column("a", ColumnKind::Integer) };
        check(PushSettings { table_schema: schema(vec![of_a_number(2_147_483_647)]), ..settings() }, None);
        let beyond = schema(vec![of_a_number(2_147_483_648)]);
        check(PushSettings { table_schema: beyond, ..settings() }, Some(expected));
        let fine = PushColumn { decimals: Some(19), ..column("a", ColumnKind::Float) };
        let expected = "tableSchema.columns[0].decimals: must be at most 18";
        check(PushSettings { table_schema: schema(vec![fine]), ..settings() }, Some(expected));
    }

    #[test]
    fn a_schema_may_name_the_key() {
        let marked = PushColumn { is_key: Some(true), ..column("b", ColumnKind::Integer) };
        let columns = vec![column("a", ColumnKind::Integer), marked];
        let table_schema = Some(PushSchema { table_name: None, columns });
        let of_schema = PushSettings { table_schema, ..settings() };
        assert_eq!(of_schema.key(), [identifier("b")]);
        let of_both = PushSettings { keys: vec![identifier("a")], ..of_schema };
        assert_eq!(of_both.key(), [identifier("a")]);
        assert!(settings().key().is_empty());
    }
}
