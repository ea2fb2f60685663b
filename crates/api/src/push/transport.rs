//! A data push as the wire contract writes it.

use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataPoolId, PushChunkId, PushJobId};
use forebay_core::name::Identifier;
use forebay_core::push::{
    CsvColumnOptions, CsvOptions, FileFormat, PushChunk, PushColumn, PushSchema, PushSettings,
};
use forebay_engine::SeenPush;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::{
    ColumnType, DataPushChunkType, DataPushStatus, DataPushType, DataPushUpsertStrategy, UploadFileType,
};

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is read piece by piece, and described here")]
pub(crate) struct FileUpload {
    /// The file, up to 1 GiB. Its media type and name do not matter.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// A data push to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataPushJobRequest {
    /// The table to write.
    target_name: Option<String>,
    /// Must be there: REPLACE drops what the table has.
    #[serde(rename = "type")]
    kind: Option<DataPushType>,
    /// PARQUET when it is missing.
    file_type: Option<UploadFileType>,
    /// The pool's id, or that, `_` and a data connection's id.
    target_schema: Option<String>,
    /// What rows that are updated have in columns that the files lack; UPSERT_WITH_UNCHANGED_METADATA when it is
    /// missing.
    upsert_strategy: Option<DataPushUpsertStrategy>,
    /// How many characters are kept of a text whose column has no length; 80 when it is missing.
    fallback_varchar_length: Option<u32>,
    /// Whose schema the table lies in; the global one when it is missing.
    connection_id: Option<String>,
    /// SQL that is run once the rows are there. It needs the permission EDIT.
    post_execution_query: Option<String>,
    /// True: rows of the push with one key all stay.
    allow_duplicate: Option<bool>,
    /// Kept and told again.
    foreign_keys: Option<String>,
    /// The columns that tell rows apart; rows are added when there are none.
    keys: Option<Vec<String>>,
    table_schema: Option<TableTransport>,
    csv_parsing_options: Option<CsvParsingOptions>,
    /// Tables that get the same rows.
    mirror_target_names: Option<Vec<String>>,
    /// What stands as the change date of the rows; when the push is executed when it is missing.
    change_date: Option<i64>,
}

/// The columns of a table.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableTransport {
    table_name: Option<String>,
    columns: Option<Vec<ColumnTransport>>,
}

/// A column of a table.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ColumnTransport {
    column_name: Option<String>,
    column_type: Option<ColumnType>,
    /// Of a STRING, in characters.
    field_length: Option<u32>,
    /// Of a FLOAT: then it is a decimal number with so many digits after the point.
    decimals: Option<u32>,
    pk_field: Option<bool>,
}

/// How CSV files are written.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CsvParsingOptions {
    /// Stands before a mark that is meant as text. Without it quotes are doubled.
    escape_sequence: Option<String>,
    /// `"` when it is missing; empty: no cell is quoted.
    quote_sequence: Option<String>,
    /// `,` when it is missing.
    separator_sequence: Option<String>,
    /// Any when it is missing.
    line_ending: Option<String>,
    /// UTF-8 when it is missing.
    char_set: Option<String>,
    decimal_separator: Option<String>,
    thousand_separator: Option<String>,
    /// As `dd.MM.yyyy HH:mm:ss`; ISO 8601 when it is missing.
    date_format: Option<String>,
    additional_column_options: Option<Vec<CsvColumnParsingOptions>>,
}

/// What is different in one column of CSV files.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CsvColumnParsingOptions {
    column_name: Option<String>,
    date_format: Option<String>,
    thousands_separator: Option<String>,
    decimal_separator: Option<String>,
}

impl DataPushJobRequest {
    pub(crate) fn into_settings(self) -> Result<PushSettings> {
        let target = self.target_name.ok_or_else(|| Error::invalid("targetName", "is missing"))?;
        let kind = self.kind.ok_or_else(|| Error::invalid("type", "is missing; it is REPLACE or DELTA"))?;
        let connection = self.connection_id.filter(|id| !id.is_empty());
        let connection_id = match connection.map(|id| id.parse::<DataConnectionId>()) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(error)) => return Err(Error::invalid("connectionId", error.to_string())),
        };
        let table_schema = match self.table_schema {
            Some(TableTransport { table_name, columns: Some(columns) }) => {
                let columns = columns.into_iter().enumerate().map(|(place, column)| column.into_core(place));
                Some(PushSchema { table_name, columns: columns.collect::<Result<_>>()? })
            }
            Some(TableTransport { columns: None, .. }) | None => None,
        };
        let format = match self.file_type {
            Some(UploadFileType::Csv) => {
                FileFormat::Csv(Box::new(self.csv_parsing_options.unwrap_or_default().into_core()?))
            }
            Some(UploadFileType::Parquet) | None => FileFormat::Parquet,
        };
        Ok(PushSettings {
            target: Identifier::parse("targetName", &target)?,
            kind: kind.into(),
            format,
            connection_id,
            target_schema: self.target_schema.filter(|schema| !schema.is_empty()),
            upsert_strategy: self.upsert_strategy.map(Into::into),
            text_length: self.fallback_varchar_length,
            post_execution_query: self.post_execution_query.filter(|query| !query.trim().is_empty()),
            allow_duplicate: self.allow_duplicate,
            foreign_keys: self.foreign_keys,
            keys: identifiers("keys", self.keys)?,
            table_schema,
            mirrors: identifiers("mirrorTargetNames", self.mirror_target_names)?,
            changed_at: self.change_date.map(Timestamp::from_millis),
            deletion_column: None,
        })
    }
}

/// Names in a list.
pub(crate) fn identifiers(field: &str, names: Option<Vec<String>>) -> Result<Vec<Identifier>> {
    let named = |(place, name): (usize, String)| Identifier::parse(&format!("{field}[{place}]"), &name);
    names.unwrap_or_default().into_iter().enumerate().map(named).collect()
}

impl ColumnTransport {
    fn into_core(self, place: usize) -> Result<PushColumn> {
        let field = |name: &str| format!("tableSchema.columns[{place}].{name}");
        let name = self.column_name.ok_or_else(|| Error::invalid(field("columnName"), "is missing"))?;
        let kind = self.column_type.ok_or_else(|| Error::invalid(field("columnType"), "is missing"))?;
        Ok(PushColumn {
            name: Identifier::parse(&field("columnName"), &name)?,
            kind: kind.into(),
            length: self.field_length,
            decimals: self.decimals,
            is_key: self.pk_field,
        })
    }
}

impl From<PushColumn> for ColumnTransport {
    fn from(column: PushColumn) -> Self {
        Self {
            column_name: Some(column.name.to_string()),
            column_type: Some(column.kind.into()),
            field_length: column.length,
            decimals: column.decimals,
            pk_field: column.is_key,
        }
    }
}

impl CsvParsingOptions {
    fn into_core(self) -> Result<CsvOptions> {
        let mut columns = Vec::new();
        for (place, column) in self.additional_column_options.unwrap_or_default().into_iter().enumerate() {
            let field = format!("csvParsingOptions.additionalColumnOptions[{place}].columnName");
            let name = column.column_name.ok_or_else(|| Error::invalid(&*field, "is missing"))?;
            columns.push(CsvColumnOptions {
                name: Identifier::parse(&field, &name)?,
                decimal_separator: column.decimal_separator,
                thousands_separator: column.thousands_separator,
                date_format: column.date_format,
            });
        }
        Ok(CsvOptions {
            escape: self.escape_sequence,
            quote: self.quote_sequence,
            separator: self.separator_sequence,
            line_ending: self.line_ending,
            charset: self.char_set,
            decimal_separator: self.decimal_separator,
            thousands_separator: self.thousand_separator,
            date_format: self.date_format,
            columns,
        })
    }
}

impl From<CsvOptions> for CsvParsingOptions {
    fn from(options: CsvOptions) -> Self {
        let column = |column: CsvColumnOptions| CsvColumnParsingOptions {
            column_name: Some(column.name.to_string()),
            date_format: column.date_format,
            thousands_separator: column.thousands_separator,
            decimal_separator: column.decimal_separator,
        };
        let columns: Vec<_> = options.columns.into_iter().map(column).collect();
        Self {
            escape_sequence: options.escape,
            quote_sequence: options.quote,
            separator_sequence: options.separator,
            line_ending: options.line_ending,
            char_set: options.charset,
            decimal_separator: options.decimal_separator,
            thousand_separator: options.thousands_separator,
            date_format: options.date_format,
            additional_column_options: (!columns.is_empty()).then_some(columns),
        }
    }
}

/// A data push.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataPushJob {
    #[schema(value_type = Uuid)]
    id: PushJobId,
    target_name: String,
    #[schema(value_type = i64)]
    last_modified: Timestamp,
    #[schema(value_type = i64)]
    last_ping: Timestamp,
    /// NEW until it is executed. A push that was cancelled is in ERROR.
    status: DataPushStatus,
    #[serde(rename = "type")]
    kind: DataPushType,
    file_type: UploadFileType,
    target_schema: Option<String>,
    upsert_strategy: Option<DataPushUpsertStrategy>,
    fallback_varchar_length: Option<u32>,
    #[schema(value_type = Uuid)]
    data_pool_id: DataPoolId,
    #[schema(value_type = Option<Uuid>)]
    connection_id: Option<DataConnectionId>,
    post_execution_query: Option<String>,
    allow_duplicate: Option<bool>,
    foreign_keys: Option<String>,
    keys: Option<Vec<String>>,
    /// What its execution says, the oldest line first.
    logs: Vec<String>,
    table_schema: Option<TableTransport>,
    csv_parsing_options: Option<CsvParsingOptions>,
    mirror_target_names: Option<Vec<String>>,
    #[schema(value_type = Option<i64>)]
    change_date: Option<Timestamp>,
}

impl From<SeenPush> for DataPushJob {
    fn from(seen: SeenPush) -> Self {
        let SeenPush { push, status, changed_at, logs } = seen;
        let settings = push.settings;
        let names = |names: Vec<Identifier>| {
            let names: Vec<String> = names.iter().map(Identifier::to_string).collect();
            (!names.is_empty()).then_some(names)
        };
        let (file_type, csv_parsing_options) = match settings.format {
            FileFormat::Parquet => (UploadFileType::Parquet, None),
            FileFormat::Csv(options) => (UploadFileType::Csv, Some((*options).into())),
        };
        Self {
            id: push.id,
            target_name: settings.target.to_string(),
            last_modified: changed_at,
            last_ping: changed_at,
            status: status.into(),
            kind: settings.kind.into(),
            file_type,
            target_schema: settings.target_schema,
            upsert_strategy: settings.upsert_strategy.map(Into::into),
            fallback_varchar_length: settings.text_length,
            data_pool_id: push.pool_id,
            connection_id: settings.connection_id,
            post_execution_query: settings.post_execution_query,
            allow_duplicate: settings.allow_duplicate,
            foreign_keys: settings.foreign_keys,
            keys: names(settings.keys),
            logs,
            table_schema: settings.table_schema.map(|schema| TableTransport {
                table_name: schema.table_name,
                columns: Some(schema.columns.into_iter().map(ColumnTransport::from).collect()),
            }),
            csv_parsing_options,
            mirror_target_names: names(settings.mirrors),
            change_date: settings.changed_at,
        }
    }
}

/// A file of a data push.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataPushChunk {
    #[schema(value_type = Uuid)]
    id: PushChunkId,
    #[schema(value_type = i64)]
    creation_date: Timestamp,
    #[serde(rename = "type")]
    kind: DataPushChunkType,
    #[schema(value_type = Uuid)]
    push_job_id: PushJobId,
    /// SHA-256, in hexadecimal.
    checksum: String,
}

impl From<PushChunk> for DataPushChunk {
    fn from(chunk: PushChunk) -> Self {
        Self {
            id: chunk.id,
            creation_date: chunk.created_at,
            kind: chunk.kind.into(),
            push_job_id: chunk.push_id,
            checksum: chunk.checksum,
        }
    }
}
