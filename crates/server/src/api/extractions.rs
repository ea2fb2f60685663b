//! Tables of an extraction, as `TableExtractionTransport`. A setting that Forebay does not honour
//! is refused by name, never taken and forgotten.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::extraction::{ChangeDate, ColumnChoice, DateFilter, SourceTableName, TableExtraction};
use forebay_core::id::TableExtractionId;
use forebay_core::job::{Activation, Task, TaskKind};
use forebay_core::name::Identifier;
use forebay_engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;
use super::tasks;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableBody {
    id: Option<String>,
    table_name: Option<String>,
    schema_name: Option<String>,
    rename_target_table: Option<bool>,
    target_table_name: Option<String>,
    columns: Option<Vec<ColumnBody>>,
    selected_columns: Option<Vec<String>>,
    customize_column_selection: Option<bool>,
    #[serde(rename = "useManualPKs")]
    use_manual_pks: Option<bool>,
    filter_definition: Option<String>,
    delta_filter_definition: Option<String>,
    creation_date_column: Option<String>,
    creation_date_value_start: Option<String>,
    creation_date_value_end: Option<String>,
    creation_date_parameter_start: Option<String>,
    creation_date_parameter_end: Option<String>,
    creation_date_value_today: Option<bool>,
    change_date_column: Option<String>,
    change_date_offset: Option<i64>,
    change_date_offset_type: Option<String>,
    disabled: Option<bool>,
    connector_specific_configuration: Option<Vec<Setting>>,
    joins: Option<Vec<Value>>,
    dependent_tables: Option<Vec<Value>>,
    calculated_columns: Option<Vec<Value>>,
    mirror_table_names: Option<Vec<Value>>,
    join_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ColumnBody {
    column_name: Option<String>,
    anonymized: Option<bool>,
    primary_key: Option<bool>,
}

#[derive(Deserialize)]
struct Setting {
    key: Option<String>,
    value: Option<Value>,
}

/// Empty texts mean "not set", as clients send them.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn identifier(field: &str, text: Option<String>) -> Result<Option<Identifier>> {
    given(text).map(|text| Identifier::parse(field, &text)).transpose()
}

impl TableBody {
    /// `kept` is what an update leaves where a nested field is null.
    fn into_table(self, kept: Option<&TableExtraction>) -> Result<TableExtraction> {
        self.refuse_what_is_not_honoured()?;
        let name = identifier("tableName", self.table_name)?
            .or_else(|| kept.map(|kept| kept.table.name.clone()))
            .ok_or_else(|| Error::invalid("tableName", "is missing"))?;
        let schema = identifier("schemaName", self.schema_name)?;
        let target = match self.rename_target_table {
            Some(false) => None,
            Some(true) | None => identifier("targetTableName", self.target_table_name)?,
        };
        let (columns, manual_key, pseudonymised) = match (self.columns, self.selected_columns, kept) {
            (None, None, Some(kept)) => {
                (kept.columns.clone(), kept.manual_key.clone(), kept.pseudonymised.clone())
            }
            (columns, selected, _) => columns_of(
                columns.unwrap_or_default(),
                selected.unwrap_or_default(),
                self.customize_column_selection,
                self.use_manual_pks,
            )?,
        };
        let parameter = |text: Option<String>| given(text).map(|name| format!("<%={name}%>"));
        let creation_date =
            identifier("creationDateColumn", self.creation_date_column)?.map(|column| DateFilter {
                column,
                from: given(self.creation_date_value_start).or(parameter(self.creation_date_parameter_start)),
                until: given(self.creation_date_value_end).or(parameter(self.creation_date_parameter_end)),
            });
        let change_date = match identifier("changeDateColumn", self.change_date_column)? {
            None => None,
            Some(column) => {
                let unit = match self.change_date_offset_type.as_deref() {
                    None | Some("DAYS") => 86_400,
                    Some("HOURS") => 3_600,
                    Some("MINUTES") => 60,
                    Some(_) => {
                        return Err(Error::invalid("changeDateOffsetType", "must be DAYS, HOURS or MINUTES"));
                    }
                };
                let offset_seconds = self
                    .change_date_offset
                    .unwrap_or(0)
                    .checked_mul(unit)
                    .filter(|seconds| (0..=3_200_000_000).contains(seconds))
                    .ok_or_else(|| Error::invalid("changeDateOffset", "must be 0 to 100 years"))?;
                Some(ChangeDate { column, offset_seconds })
            }
        };
        Ok(TableExtraction {
            id: match kept {
                Some(kept) => kept.id,
                None => TableExtractionId::random(),
            },
            table: SourceTableName { schema, name },
            target,
            columns,
            manual_key,
            pseudonymised,
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
                Some(false) | None => Activation::Enabled,
            },
        })
    }

    fn refuse_what_is_not_honoured(&self) -> Result<()> {
        let filled = |list: &Option<Vec<Value>>| list.as_ref().is_some_and(|list| !list.is_empty());
        let unsupported = [
            ("joins", filled(&self.joins)),
            ("dependentTables", filled(&self.dependent_tables)),
            ("calculatedColumns", filled(&self.calculated_columns)),
            ("mirrorTableNames", filled(&self.mirror_table_names)),
            ("joinType", self.join_type.as_deref().is_some_and(|kind| kind != "NONE")),
            ("creationDateValueToday", self.creation_date_value_today == Some(true)),
        ];
        match unsupported.iter().find(|(_, set)| *set) {
            Some((field, _)) => {
                Err(Error::invalid(*field, "is not supported yet; use a filter or a transformation instead"))
            }
            None => Ok(()),
        }
    }
}

type Columns = (ColumnChoice, Vec<Identifier>, Vec<Identifier>);

fn columns_of(
    columns: Vec<ColumnBody>,
    selected: Vec<String>,
    customized: Option<bool>,
    manual_key: Option<bool>,
) -> Result<Columns> {
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
        return Err(Error::invalid("useManualPKs", "needs at least one of `columns` with `primaryKey` true"));
    }
    let choice = if names.is_empty() || customized == Some(false) {
        ColumnChoice::All
    } else {
        ColumnChoice::Only(names)
    };
    Ok((choice, key, pseudonymised))
}

fn max_string_length(settings: &[Setting]) -> Result<Option<u32>> {
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
                length = Some(value.ok_or_else(|| {
                    Error::invalid(
                        "connectorSpecificConfiguration.MAX_STRING_LENGTH",
                        "must be a number above 0",
                    )
                })?);
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

fn transport(task: &Task, table: &TableExtraction) -> Value {
    let flagged = |list: &[Identifier], name: &Identifier| list.contains(name);
    let mut names: Vec<&Identifier> = match &table.columns {
        ColumnChoice::Only(columns) => columns.iter().collect(),
        ColumnChoice::All => Vec::new(),
    };
    for name in table.manual_key.iter().chain(&table.pseudonymised) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let columns: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({
                "columnName": name, "fromJoin": false, "preferredType": null,
                "anonymized": flagged(&table.pseudonymised, name),
                "primaryKey": flagged(&table.manual_key, name),
            })
        })
        .collect();
    let settings = match table.max_string_length {
        Some(length) => json!([{"key": "MAX_STRING_LENGTH", "value": length}]),
        None => json!([]),
    };
    let (offset, unit) = match &table.change_date {
        Some(change) if change.offset_seconds % 86_400 == 0 => (change.offset_seconds / 86_400, "DAYS"),
        Some(change) if change.offset_seconds % 3_600 == 0 => (change.offset_seconds / 3_600, "HOURS"),
        Some(change) => (change.offset_seconds / 60, "MINUTES"),
        None => (0, "DAYS"),
    };
    let creation = table.creation_date.as_ref();
    let change = table.change_date.as_ref();
    json!({
        "id": table.id, "taskId": task.template_id, "jobId": task.job_id, "tableExecutionItemId": null,
        "tableName": table.table.name, "schemaName": table.table.schema,
        "renameTargetTable": table.target.is_some(), "targetTableName": table.target,
        "columns": columns, "joins": [], "dependentTables": [], "useManualPKs": !table.manual_key.is_empty(),
        "filterDefinition": table.filter, "deltaFilterDefinition": table.delta_filter,
        "creationDateColumn": creation.map(|filter| &filter.column),
        "creationDateValueStart": creation.and_then(|filter| filter.from.as_ref()),
        "creationDateValueEnd": creation.and_then(|filter| filter.until.as_ref()),
        "creationDateParameterStart": null, "creationDateParameterEnd": null, "creationDateValueToday": false,
        "changeDateColumn": change.map(|change| &change.column),
        "changeDateOffset": change.map(|_| offset), "changeDateOffsetType": change.map(|_| unit),
        "tableExtractionType": "PARENT_TABLE", "parentTable": null, "dependsOn": null, "joinType": "NONE",
        "disabled": table.activation == Activation::Disabled, "connectorSpecificConfiguration": settings,
        "calculatedColumns": [], "endDateDisabled": false, "disableChangeLog": false,
        "dataPushDeleteStrategy": null,
        "customizeColumnSelection": matches!(table.columns, ColumnChoice::Only(_)),
        "mirrorTableNames": [], "parent": false,
        "selectedColumns": match &table.columns { ColumnChoice::Only(columns) => columns.clone(), ColumnChoice::All => Vec::new() },
    })
}

fn tables(task: &Task) -> Result<&[TableExtraction]> {
    match &task.kind {
        TaskKind::Extraction(tables) => Ok(tables),
        TaskKind::Transformation(_) | TaskKind::DataModelLoad(_) => {
            Err(Error::not_found(Kind::Task, task.id))
        }
    }
}

fn one<'task>(task: &'task Task, id: &str) -> Result<&'task TableExtraction> {
    let id: TableExtractionId = id.parse()?;
    tables(task)?
        .iter()
        .find(|table| table.id == id)
        .ok_or_else(|| Error::not_found(Kind::TableExtraction, id))
}

pub(crate) async fn expanded(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
) -> Reply<Json<Value>> {
    let task = engine.task(&caller, pool.parse()?, job.parse()?, &task).await?;
    let mut expanded = tasks::transport(&task);
    expanded["tables"] = tables(&task)?.iter().map(|table| transport(&task, table)).collect();
    expanded["metadataTables"] = json!([]);
    expanded["extractionConfigurationValueTransport"] = Value::Null;
    Ok(Json(expanded))
}

pub(crate) async fn create(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
    Body(body): Body<Vec<TableBody>>,
) -> Reply<Json<Value>> {
    let made = body.into_iter().map(|table| table.into_table(None)).collect::<Result<Vec<_>>>()?;
    let task = engine.put_table_extractions(&caller, pool.parse()?, job.parse()?, &task, &made).await?;
    Ok(Json(made.iter().map(|table| transport(&task, table)).collect()))
}

pub(crate) async fn update(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
    Body(body): Body<Vec<TableBody>>,
) -> Reply<Json<Value>> {
    let (pool, job) = (pool.parse()?, job.parse()?);
    let found = engine.task(&caller, pool, job, &task).await?;
    let mut changed = Vec::new();
    for table in body {
        let id = table.id.clone().ok_or_else(|| Error::invalid("id", "is missing"))?;
        changed.push(table.into_table(Some(one(&found, &id)?))?);
    }
    let found = engine.put_table_extractions(&caller, pool, job, &task, &changed).await?;
    Ok(Json(changed.iter().map(|table| transport(&found, table)).collect()))
}

pub(crate) async fn show(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task, table)): Path<(String, String, String, String)>,
) -> Reply<Json<Value>> {
    let task = engine.task(&caller, pool.parse()?, job.parse()?, &task).await?;
    Ok(Json(transport(&task, one(&task, &table)?)))
}

pub(crate) async fn delete(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task, table)): Path<(String, String, String, String)>,
) -> Reply<StatusCode> {
    engine.delete_table_extraction(&caller, pool.parse()?, job.parse()?, &task, table.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
