//! Tables of an extraction on the wire: `TableExtractionTransport` and what it is made of.

use forebay_core::extraction::{ColumnChoice, DateFilter, TODAY, TableExtraction};
use forebay_core::id::{DataJobId, TableExtractionId, TaskTemplateId};
use forebay_core::job::{Activation, Task};
use forebay_core::name::Identifier;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::tasks::TaskInstanceTransport;

/// An extraction with its tables.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExtractionWithTablesTransport {
    #[serde(flatten)]
    pub(super) task: TaskInstanceTransport,
    pub(super) extraction_configuration_value_transport: Option<Value>,
    pub(super) tables: Vec<TableExtractionTransport>,
    pub(super) metadata_tables: Vec<Value>,
    pub(super) extraction_configuration: Option<Value>,
}

/// A table of an extraction. What Forebay does not have is null, false or empty.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableExtractionTransport {
    #[schema(value_type = Uuid)]
    id: TableExtractionId,
    /// The template of the extraction.
    #[schema(value_type = Uuid)]
    task_id: TaskTemplateId,
    #[schema(value_type = Uuid)]
    job_id: DataJobId,
    table_execution_item_id: Option<String>,
    /// The table at the source.
    table_name: String,
    rename_target_table: bool,
    /// The table's name in the pool, when it is renamed.
    target_table_name: Option<String>,
    columns: Vec<TableExtractionColumnTransport>,
    joins: Vec<Value>,
    dependent_tables: Vec<Value>,
    #[serde(rename = "useManualPKs")]
    use_manual_pks: bool,
    /// An SQL condition of the source, for FULL and DELTA.
    filter_definition: Option<String>,
    /// An SQL condition of the source, for DELTA alone.
    delta_filter_definition: Option<String>,
    schema_name: Option<String>,
    creation_date_column: Option<String>,
    creation_date_value_start: Option<String>,
    creation_date_value_end: Option<String>,
    creation_date_parameter_start: Option<String>,
    creation_date_parameter_end: Option<String>,
    creation_date_value_today: bool,
    /// DELTA reads the rows in which this column is newer than what was read before.
    change_date_column: Option<String>,
    change_date_offset: Option<i64>,
    change_date_offset_type: Option<&'static str>,
    table_extraction_type: &'static str,
    parent_table: Option<String>,
    depends_on: Option<String>,
    column_value_table: Option<String>,
    column_value_column: Option<String>,
    column_value_target_column: Option<String>,
    column_values_at_a_time: Option<i32>,
    join_type: &'static str,
    disabled: bool,
    connector_specific_configuration: Vec<TableConfigurationParameterValue>,
    calculated_columns: Vec<Value>,
    end_date_disabled: bool,
    disable_change_log: bool,
    data_push_delete_strategy: Option<String>,
    customize_column_selection: bool,
    mirror_table_names: Vec<String>,
    parent: bool,
    selected_columns: Vec<String>,
}

/// A column of a table that is extracted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableExtractionColumnTransport {
    column_name: String,
    from_join: bool,
    /// Whether the values are hashed.
    anonymized: bool,
    /// Whether the column is a part of the key set by hand.
    primary_key: bool,
    preferred_type: Option<String>,
    date_format: Option<String>,
}

/// A setting of a table.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableConfigurationParameterValue {
    key: &'static str,
    value: Value,
}

impl TableExtractionTransport {
    pub(crate) fn new(task: &Task, table: &TableExtraction) -> Self {
        let selected = match &table.columns {
            ColumnChoice::Only(columns) => columns.iter().map(Identifier::to_string).collect(),
            ColumnChoice::All => Vec::new(),
        };
        let (offset, unit) = match &table.change_date {
            Some(change) => {
                let (offset, unit) = in_units(change.offset_seconds);
                (Some(offset), Some(unit))
            }
            None => (None, None),
        };
        let creation = table.creation_date.as_ref();
        let (start_value, start_parameter) = bound(creation, |filter| filter.from.as_deref());
        let (end_value, end_parameter) = bound(creation, |filter| filter.until.as_deref());
        Self {
            id: table.id,
            task_id: task.template_id,
            job_id: task.job_id,
            table_execution_item_id: None,
            table_name: table.table.name.to_string(),
            rename_target_table: table.target.is_some(),
            target_table_name: table.target.as_ref().map(Identifier::to_string),
            columns: columns(table),
            joins: Vec::new(),
            dependent_tables: Vec::new(),
            use_manual_pks: !table.manual_key.is_empty(),
            filter_definition: table.filter.clone(),
            delta_filter_definition: table.delta_filter.clone(),
            schema_name: table.table.schema.as_ref().map(Identifier::to_string),
            creation_date_column: creation.map(|filter| filter.column.to_string()),
            creation_date_value_start: start_value,
            creation_date_value_end: end_value,
            creation_date_parameter_start: start_parameter,
            creation_date_parameter_end: end_parameter,
            creation_date_value_today: creation.is_some_and(|filter| filter.until.as_deref() == Some(TODAY)),
            change_date_column: table.change_date.as_ref().map(|change| change.column.to_string()),
            change_date_offset: offset,
            change_date_offset_type: unit,
            table_extraction_type: "PARENT_TABLE",
            parent_table: None,
            depends_on: None,
            column_value_table: None,
            column_value_column: None,
            column_value_target_column: None,
            column_values_at_a_time: None,
            join_type: "NONE",
            disabled: table.activation == Activation::Disabled,
            connector_specific_configuration: table
                .max_string_length
                .map(|length| TableConfigurationParameterValue {
                    key: "MAX_STRING_LENGTH",
                    value: Value::from(length),
                })
                .into_iter()
                .collect(),
            calculated_columns: Vec::new(),
            end_date_disabled: false,
            disable_change_log: false,
            data_push_delete_strategy: None,
            customize_column_selection: matches!(table.columns, ColumnChoice::Only(_)),
            mirror_table_names: Vec::new(),
            parent: false,
            selected_columns: selected,
        }
    }
}

/// The columns chosen, and those that are only a part of the key or hashed.
fn columns(table: &TableExtraction) -> Vec<TableExtractionColumnTransport> {
    let mut names: Vec<&Identifier> = match &table.columns {
        ColumnChoice::Only(columns) => columns.iter().collect(),
        ColumnChoice::All => Vec::new(),
    };
    for name in table.manual_key.iter().chain(&table.pseudonymised) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| TableExtractionColumnTransport {
            column_name: name.to_string(),
            from_join: false,
            anonymized: table.pseudonymised.contains(name),
            primary_key: table.manual_key.contains(name),
            preferred_type: None,
            date_format: None,
        })
        .collect()
}

/// An offset in the largest unit that keeps it whole.
pub fn in_units(seconds: i64) -> (i64, &'static str) {
    if seconds % 86_400 == 0 {
        (seconds / 86_400, "DAYS")
    } else if seconds % 3_600 == 0 {
        (seconds / 3_600, "HOURS")
    } else {
        (seconds / 60, "MINUTES")
    }
}

/// A bound as value and as parameter: one of them at most, and neither for today.
fn bound(
    filter: Option<&DateFilter>,
    side: impl Fn(&DateFilter) -> Option<&str>,
) -> (Option<String>, Option<String>) {
    let text = filter.and_then(side).filter(|text| *text != TODAY);
    let Some(text) = text else { return (None, None) };
    let parameter = text.strip_prefix("<%=").and_then(|rest| rest.strip_suffix("%>"));
    match parameter {
        Some(name) if !name.contains("%>") => (None, Some(name.trim().to_owned())),
        _ => (Some(text.to_owned()), None),
    }
}
