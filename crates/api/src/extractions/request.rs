//! What a client says of a table of an extraction. A setting that Forebay does not honour is
//! refused by name, never taken and forgotten.

use forebay_core::error::{Error, Result};
use forebay_core::extraction::{
    ChangeDate, ColumnChoice, DateFilter, SourceTableName, TODAY, TableExtraction,
};
use forebay_core::id::TableExtractionId;
use forebay_core::job::Activation;
use forebay_core::name::Identifier;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A table of an extraction as a client sets it. In a change, a filter or date that is null is taken
/// away; names, lists and switches that are null are left as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableExtractionRequest {
    /// Needed in a change, ignored for a new table.
    pub(super) id: Option<String>,
    /// The table at the source.
    table_name: Option<String>,
    schema_name: Option<String>,
    rename_target_table: Option<bool>,
    target_table_name: Option<String>,
    /// The columns to read; null and empty mean all.
    columns: Option<Vec<TableExtractionColumnRequest>>,
    /// More columns to read, by name.
    selected_columns: Option<Vec<String>>,
    /// False reads all columns whatever the lists say.
    customize_column_selection: Option<bool>,
    /// Whether `columns[].primaryKey` replaces the source's key.
    #[serde(rename = "useManualPKs")]
    use_manual_pks: Option<bool>,
    /// One SQL condition of the source, for FULL and DELTA.
    filter_definition: Option<String>,
    /// One SQL condition of the source, for DELTA alone.
    delta_filter_definition: Option<String>,
    creation_date_column: Option<String>,
    creation_date_value_start: Option<String>,
    creation_date_value_end: Option<String>,
    /// The name of a parameter, instead of a value.
    creation_date_parameter_start: Option<String>,
    /// The name of a parameter, instead of a value.
    creation_date_parameter_end: Option<String>,
    /// True means that the upper bound is the end of the day on which the execution starts (UTC).
    creation_date_value_today: Option<bool>,
    /// True means that there is no upper bound.
    end_date_disabled: Option<bool>,
    change_date_column: Option<String>,
    change_date_offset: Option<i64>,
    change_date_offset_type: Option<ChangeDateOffsetType>,
    disabled: Option<bool>,
    connector_specific_configuration: Option<Vec<TableConfigurationRequest>>,
    joins: Option<Vec<Value>>,
    dependent_tables: Option<Vec<Value>>,
    calculated_columns: Option<Vec<Value>>,
    mirror_table_names: Option<Vec<Value>>,
    join_type: Option<String>,
    table_extraction_type: Option<String>,
    data_push_delete_strategy: Option<String>,
}

/// A column to read.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableExtractionColumnRequest {
    column_name: Option<String>,
    /// Whether the values are hashed.
    anonymized: Option<bool>,
    primary_key: Option<bool>,
    preferred_type: Option<String>,
    date_format: Option<String>,
}

/// A setting of a table: `MAX_STRING_LENGTH` (or `STRING_COLUMN_LENGTH`). `BATCH_SIZE` is taken and
/// has no effect on results; others are refused.
#[derive(Deserialize, ToSchema)]
pub(crate) struct TableConfigurationRequest {
    key: Option<String>,
    value: Option<Value>,
}

/// The unit of the change date's offset.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ChangeDateOffsetType {
    Days,
    Hours,
    Minutes,
}

/// Empty texts mean "not set", as clients send them.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn identifier(field: &str, text: Option<String>) -> Result<Option<Identifier>> {
    given(text).map(|text| Identifier::parse(field, &text)).transpose()
}

impl TableExtractionRequest {
    /// The table this asks for; `kept` is the one it changes.
    pub fn into_table(self, kept: Option<&TableExtraction>) -> Result<TableExtraction> {
        self.refuse_what_is_not_honoured()?;
        let name = identifier("tableName", self.table_name)?
            .or_else(|| kept.map(|kept| kept.table.name.clone()))
            .ok_or_else(|| Error::invalid("tableName", "is missing"))?;
        let schema = match self.schema_name {
            Some(schema) => identifier("schemaName", Some(schema))?,
            None => kept.and_then(|kept| kept.table.schema.clone()),
        };
        let target = identifier("targetTableName", self.target_table_name)?;
        let target = match self.rename_target_table {
            Some(false) => None,
            Some(true) => target,
            None => target.or_else(|| kept.and_then(|kept| kept.target.clone())),
        };
        let lists = match (self.columns, self.selected_columns, kept) {
            (None, None, Some(kept)) => ColumnLists {
                choice: kept.columns.clone(),
                key: kept.manual_key.clone(),
                pseudonymised: kept.pseudonymised.clone(),
            },
            (columns, selected, _) => ColumnLists::new(
                columns.unwrap_or_default(),
                selected.unwrap_or_default(),
                self.customize_column_selection,
                self.use_manual_pks,
            )?,
        };
        let parameter = |text: Option<String>| given(text).map(|name| format!("<%={name}%>"));
        let from = given(self.creation_date_value_start).or(parameter(self.creation_date_parameter_start));
        let until = if self.end_date_disabled == Some(true) {
            None
        } else if self.creation_date_value_today == Some(true) {
            Some(TODAY.to_owned())
        } else {
            given(self.creation_date_value_end).or(parameter(self.creation_date_parameter_end))
        };
        let creation_date = match identifier("creationDateColumn", self.creation_date_column)? {
            Some(column) => Some(DateFilter { column, from, until }),
            None if from.is_none() && until.is_none() => None,
            None => {
                let reason = "is missing; the bounds of the creation date need it";
                return Err(Error::invalid("creationDateColumn", reason));
            }
        };
        let change_date = match identifier("changeDateColumn", self.change_date_column)? {
            Some(column) => Some(ChangeDate {
                column,
                offset_seconds: offset_seconds(self.change_date_offset, self.change_date_offset_type)?,
            }),
            None => None,
        };
        Ok(TableExtraction {
            id: kept.map_or_else(TableExtractionId::random, |kept| kept.id),
            table: SourceTableName { schema, name },
            target,
            columns: lists.choice,
            manual_key: lists.key,
            pseudonymised: lists.pseudonymised,
            filter: given(self.filter_definition),
            delta_filter: given(self.delta_filter_definition),
            creation_date,
            change_date,
            max_string_length: match self.connector_specific_configuration {
                Some(settings) => max_string_length(&settings)?,
                None => kept.and_then(|kept| kept.max_string_length),
            },
            activation: match self.disabled {
                Some(true) => Activation::Disabled,
                Some(false) => Activation::Enabled,
                None => kept.map_or(Activation::Enabled, |kept| kept.activation),
            },
        })
    }

    fn refuse_what_is_not_honoured(&self) -> Result<()> {
        let filled = |list: &Option<Vec<Value>>| list.as_ref().is_some_and(|list| !list.is_empty());
        let other_than = |text: &Option<String>, known: &str| text.as_ref().is_some_and(|text| text != known);
        let columns = self.columns.iter().flatten();
        let unsupported = [
            ("joins", filled(&self.joins)),
            ("dependentTables", filled(&self.dependent_tables)),
            ("calculatedColumns", filled(&self.calculated_columns)),
            ("mirrorTableNames", filled(&self.mirror_table_names)),
            ("joinType", other_than(&self.join_type, "NONE")),
            ("tableExtractionType", other_than(&self.table_extraction_type, "PARENT_TABLE")),
            ("dataPushDeleteStrategy", other_than(&self.data_push_delete_strategy, "IGNORE")),
            ("columns.preferredType", columns.clone().any(|column| column.preferred_type.is_some())),
            ("columns.dateFormat", columns.clone().any(|column| column.date_format.is_some())),
        ];
        match unsupported.iter().find(|(_, set)| *set) {
            Some((field, _)) => {
                Err(Error::invalid(*field, "is not supported yet; use a filter or a transformation instead"))
            }
            None => Ok(()),
        }
    }
}

fn offset_seconds(offset: Option<i64>, unit: Option<ChangeDateOffsetType>) -> Result<i64> {
    let unit = match unit {
        None | Some(ChangeDateOffsetType::Days) => 86_400,
        Some(ChangeDateOffsetType::Hours) => 3_600,
        Some(ChangeDateOffsetType::Minutes) => 60,
    };
    offset
        .unwrap_or(0)
        .checked_mul(unit)
        .filter(|seconds| (0..=3_200_000_000).contains(seconds))
        .ok_or_else(|| Error::invalid("changeDateOffset", "must be 0 to 100 years"))
}

/// What is said of single columns.
struct ColumnLists {
    choice: ColumnChoice,
    key: Vec<Identifier>,
    pseudonymised: Vec<Identifier>,
}

impl ColumnLists {
    fn new(
        columns: Vec<TableExtractionColumnRequest>,
        selected: Vec<String>,
        customized: Option<bool>,
        manual_key: Option<bool>,
    ) -> Result<Self> {
        let mut names = Vec::new();
        let mut key = Vec::new();
        let mut pseudonymised = Vec::new();
        for column in columns {
            let name = identifier("columns.columnName", column.column_name)?
                .ok_or_else(|| Error::invalid("columns.columnName", "is missing"))?;
            if column.primary_key == Some(true) && manual_key == Some(true) {
                key.push(name.clone());
            }
            if column.anonymized == Some(true) {
                pseudonymised.push(name.clone());
            }
            names.push(name);
        }
        for name in selected {
            let name = Identifier::parse("selectedColumns", &name)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if manual_key == Some(true) && key.is_empty() {
            let reason = "needs at least one of `columns` with `primaryKey` true";
            return Err(Error::invalid("useManualPKs", reason));
        }
        let choice = if names.is_empty() || customized == Some(false) {
            ColumnChoice::All
        } else {
            ColumnChoice::Only(names)
        };
        Ok(Self { choice, key, pseudonymised })
    }
}

fn max_string_length(settings: &[TableConfigurationRequest]) -> Result<Option<u32>> {
    let mut length = None;
    for setting in settings {
        match setting.key.as_deref() {
            Some("MAX_STRING_LENGTH" | "STRING_COLUMN_LENGTH") => {
                let value = match &setting.value {
                    Some(Value::Number(number)) => number.as_u64(),
                    Some(Value::String(text)) => text.parse().ok(),
                    _ => None,
                };
                let value = value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0);
                let field = "connectorSpecificConfiguration.MAX_STRING_LENGTH";
                length = Some(value.ok_or_else(|| Error::invalid(field, "must be a number above 0"))?);
            }
            // The batch size is Forebay's own business, and no result depends on it.
            Some("BATCH_SIZE") | None => {}
            Some(other) => {
                let field = format!("connectorSpecificConfiguration.{other}");
                return Err(Error::invalid(field, "is not supported"));
            }
        }
    }
    Ok(length)
}
