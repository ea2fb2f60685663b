//! Data pushes: files that a client sends to a table of a pool.
//!
//! A push is made with its settings, takes files, and is executed once. The files are read in the order in which
//! they came: of two rows with one key, the later file's stays.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::error::{Error, Result};
use crate::execution::{Execution, ExtractionMode, Status};
use crate::id::{DataConnectionId, DataPoolId, PushChunkId, PushJobId};
use crate::name::Identifier;

/// The most bytes of one file.
pub const CHUNK_LIMIT: u64 = 1 << 30;
/// The most characters that a length of texts may allow.
pub const TEXT_LIMIT: u32 = 65_000;

/// What the names of the pool's own tables begin with.
const OWN: &str = "_forebay_";
/// The years 1 to 9999, in milliseconds.
const YEARS: RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// A data push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushJob {
    pub id: PushJobId,
    pub pool_id: DataPoolId,
    pub settings: PushSettings,
    /// What the stream client said, when it came that way.
    pub upload: Option<StreamUpload>,
    pub created_at: Timestamp,
    /// When it was made, took a file or was executed last.
    pub modified_at: Timestamp,
    /// From then on it takes no more files.
    pub submitted_at: Option<Timestamp>,
}

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

/// The types that the table's columns shall have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushSchema {
    /// As the client wrote it; the target's own name counts.
    pub table_name: Option<String>,
    pub columns: Vec<PushColumn>,
}

impl PushSchema {
    fn check(&self) -> Result<()> {
        for (place, column) in self.columns.iter().enumerate() {
            let field = |name: &str| format!("tableSchema.columns[{place}].{name}");
            if self.columns[..place].iter().any(|other| same(&other.name, &column.name)) {
                return Err(Error::invalid(field("columnName"), format!("{} comes twice", column.name)));
            }
            if let Some(length) = column.length
                && column.kind == ColumnKind::String
                && !(1..=TEXT_LIMIT).contains(&length)
            {
                let reason = format!("must be from 1 to {TEXT_LIMIT}, not {length}");
                return Err(Error::invalid(field("fieldLength"), reason));
            }
            if let Some(decimals) = column.decimals
                && decimals > MOST_DECIMALS
            {
                let reason = format!("must be at most {MOST_DECIMALS}, not {decimals}");
                return Err(Error::invalid(field("decimals"), reason));
            }
        }
        Ok(())
    }
}

/// The most digits after the point.
const MOST_DECIMALS: u32 = 18;

/// One column of a table that is pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushColumn {
    pub name: Identifier,
    pub kind: ColumnKind,
    /// Of a text, in characters.
    pub length: Option<u32>,
    /// Digits after the point: then a FLOAT is kept as a decimal number.
    pub decimals: Option<u32>,
    /// Whether it is a part of the key.
    pub is_key: Option<bool>,
}

/// The types that a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ColumnKind {
    Integer,
    Date,
    Time,
    Datetime,
    Float,
    Boolean,
    String,
}

/// How a CSV file is written. What is not said: commas, double quotes that are doubled inside quotes, any end of
/// lines, UTF-8, a decimal point, no mark of thousands, dates as ISO 8601 has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvOptions {
    pub escape: Option<String>,
    pub quote: Option<String>,
    pub separator: Option<String>,
    pub line_ending: Option<String>,
    pub charset: Option<String>,
    pub decimal_separator: Option<String>,
    pub thousands_separator: Option<String>,
    pub date_format: Option<String>,
    pub columns: Vec<CsvColumnOptions>,
}

impl CsvOptions {
    /// How the values of a column are written.
    #[must_use]
    pub fn of_column(&self, name: &str) -> ValueFormat {
        let own = self.columns.iter().find(|column| column.name.as_str().eq_ignore_ascii_case(name));
        let pick = |own: Option<&Option<String>>, common: &Option<String>| {
            own.and_then(Option::as_ref).or(common.as_ref()).cloned()
        };
        ValueFormat {
            decimal_separator: pick(own.map(|own| &own.decimal_separator), &self.decimal_separator),
            thousands_separator: pick(own.map(|own| &own.thousands_separator), &self.thousands_separator),
            date_format: pick(own.map(|own| &own.date_format), &self.date_format),
        }
    }
}

/// What is different in one column of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvColumnOptions {
    pub name: Identifier,
    pub decimal_separator: Option<String>,
    pub thousands_separator: Option<String>,
    pub date_format: Option<String>,
}

/// How numbers and dates are written as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueFormat {
    pub decimal_separator: Option<String>,
    pub thousands_separator: Option<String>,
    /// A pattern of letters; see the documentation of data pushes.
    pub date_format: Option<String>,
}

/// A file of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushChunk {
    pub id: PushChunkId,
    pub push_id: PushJobId,
    pub kind: ChunkKind,
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub checksum: String,
    pub created_at: Timestamp,
}

/// Whether the rows of a file come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChunkKind {
    Upsert,
    /// Rows of the table with the keys of these rows go.
    Delete,
}

impl ChunkKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upsert => "UPSERT",
            Self::Delete => "DELETE",
        }
    }
}

/// What a stream client said of the file that it sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamUpload {
    pub file_name: String,
    pub client_id: Option<String>,
    /// The last row by this column stays.
    pub order: Option<Identifier>,
}

/// Where a push stands, in the words of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushStatus {
    New,
    Queued,
    Running,
    Done,
    Error,
}

impl PushStatus {
    /// What its execution says. A client waits for DONE or ERROR, so a cancel is an ERROR too.
    #[must_use]
    pub fn of(execution: Option<&Execution>) -> Self {
        match execution.map(|execution| execution.status) {
            None => Self::New,
            Some(Status::Queued) => Self::Queued,
            Some(Status::Running) => Self::Running,
            Some(Status::Success) => Self::Done,
            Some(Status::Fail | Status::Cancel | Status::Skipped) => Self::Error,
        }
    }
}

/// Where the files of a push lie, below the folder of its pool: the worker reaches nothing else.
#[must_use]
pub fn push_dir(pool_dir: &Path, push: PushJobId) -> PathBuf {
    pushes_dir(pool_dir).join(push.to_string())
}

/// Where the folders of a pool's pushes lie.
#[must_use]
pub fn pushes_dir(pool_dir: &Path) -> PathBuf {
    pool_dir.join("pushes")
}

/// Whether the warehouse takes two names for the same.
fn same(one: &Identifier, other: &Identifier) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier(text: &str) -> Identifier {
        Identifier::parse("name", text).unwrap()
    }

    fn settings() -> PushSettings {
        PushSettings {
            target: identifier("T"),
            kind: PushKind::Delta,
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

    #[test]
    fn a_column_s_own_format_counts_before_the_file_s() {
        let own = CsvColumnOptions {
            name: identifier("amount"),
            decimal_separator: Some(",".to_owned()),
            thousands_separator: None,
            date_format: None,
        };
        let options = CsvOptions {
            decimal_separator: Some(".".to_owned()),
            date_format: Some("dd.MM.yyyy".to_owned()),
            columns: vec![own],
            ..CsvOptions::default()
        };
        let format = options.of_column("AMOUNT");
        assert_eq!(format.decimal_separator.as_deref(), Some(","));
        assert_eq!(format.date_format.as_deref(), Some("dd.MM.yyyy"));
        assert_eq!(options.of_column("other").decimal_separator.as_deref(), Some("."));
    }
}
