//! Data models in a document, with the names of their fields in the wire contract.

use forebay_core::Timestamp;
use forebay_core::contents::ModelContents;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataPoolId, ForeignKeyId, ModelTableId, ProcessConfigurationId};
use forebay_core::model::calendar::{Calendar, FactoryCalendar};
use forebay_core::model::name_mapping::{NAME_MAPPING_LIMIT, NameMapping};
use forebay_core::model::process::ProcessColumns;
use forebay_core::model::{DataModel, ForeignKey, ModelTable, ProcessConfiguration};
use forebay_core::name::Identifier;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::import::{each, id};
use crate::data_models::DataModelCustomCalendarEntryTransport;
use crate::pools::name;
use crate::words::{DataModelCalendarType, NameMappingType};

/// The most characters of a text of a name mapping, as in a spreadsheet.
const TEXT_LIMIT: usize = 4_000;

/// A data model.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelDocument {
    id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    tables: Option<Vec<TableDocument>>,
    foreign_keys: Option<Vec<KeyDocument>>,
    process_configurations: Option<Vec<ProcessDocument>>,
    /// NONE when null.
    data_model_calendar_type: Option<DataModelCalendarType>,
    factory_calendar: Option<FactoryCalendarDocument>,
    custom_calendar: Option<CustomCalendarDocument>,
    name_mappings: Option<Vec<NameMappingDocument>>,
}

/// A table of a data model.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableDocument {
    id: Option<String>,
    /// The table of the pool.
    name: Option<String>,
    alias: Option<String>,
    /// Whose schema the table lies in; null is the global one.
    data_source_id: Option<String>,
    primary_keys: Option<Vec<String>>,
}

/// A 1:N relation between two tables of a data model.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyDocument {
    /// The table on the 1 side.
    source_table_id: Option<String>,
    /// The table on the N side.
    target_table_id: Option<String>,
    columns: Option<Vec<KeyColumnDocument>>,
}

/// Two columns that belong together.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyColumnDocument {
    source_column_name: Option<String>,
    target_column_name: Option<String>,
}

/// What an activity table means.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProcessDocument {
    activity_table_id: Option<String>,
    case_table_id: Option<String>,
    default_configuration: Option<bool>,
    case_id_column: Option<String>,
    activity_column: Option<String>,
    timestamp_column: Option<String>,
    sorting_column: Option<String>,
    end_timestamp_column: Option<String>,
    cost_column: Option<String>,
    user_column: Option<String>,
    use_parallel_process: Option<bool>,
    parallel_process_parent_column: Option<String>,
    parallel_process_child_column: Option<String>,
}

/// A table that says which days are working days.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FactoryCalendarDocument {
    table_name: Option<String>,
    /// Whose schema the table lies in; null is the global one.
    data_source_id: Option<String>,
}

/// When people work on the days of a week.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct CustomCalendarDocument {
    entries: Option<Vec<DataModelCustomCalendarEntryTransport>>,
}

/// What something is called in one language.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NameMappingDocument {
    identifier: Option<String>,
    translation: Option<String>,
    language: Option<String>,
    description: Option<String>,
    mapping_type: Option<NameMappingType>,
}

fn text(identifier: Option<&Identifier>) -> Option<String> {
    identifier.map(ToString::to_string)
}

impl From<&ModelContents> for ModelDocument {
    fn from(ModelContents { model, name_mappings }: &ModelContents) -> Self {
        let entries = model.calendar.custom.iter().map(DataModelCustomCalendarEntryTransport::from);
        Self {
            id: Some(model.id.to_string()),
            name: Some(model.name.to_string()),
            description: model.description.clone(),
            tables: Some(model.tables.iter().map(TableDocument::from).collect()),
            foreign_keys: Some(model.foreign_keys.iter().map(KeyDocument::from).collect()),
            process_configurations: Some(model.processes.iter().map(ProcessDocument::from).collect()),
            data_model_calendar_type: Some(model.calendar.kind.into()),
            factory_calendar: model.calendar.factory.as_ref().map(FactoryCalendarDocument::from),
            custom_calendar: Some(CustomCalendarDocument { entries: Some(entries.collect()) }),
            name_mappings: Some(name_mappings.iter().map(NameMappingDocument::from).collect()),
        }
    }
}

impl From<&ModelTable> for TableDocument {
    fn from(table: &ModelTable) -> Self {
        Self {
            id: Some(table.id.to_string()),
            name: Some(table.table.to_string()),
            alias: text(table.alias.as_ref()),
            data_source_id: table.connection_id.map(|id| id.to_string()),
            primary_keys: Some(table.primary_key.iter().map(ToString::to_string).collect()),
        }
    }
}

impl From<&ForeignKey> for KeyDocument {
    fn from(key: &ForeignKey) -> Self {
        let pair = |(source, target): &(Identifier, Identifier)| KeyColumnDocument {
            source_column_name: Some(source.to_string()),
            target_column_name: Some(target.to_string()),
        };
        Self {
            source_table_id: Some(key.source.to_string()),
            target_table_id: Some(key.target.to_string()),
            columns: Some(key.columns.iter().map(pair).collect()),
        }
    }
}

impl From<&ProcessConfiguration> for ProcessDocument {
    fn from(process: &ProcessConfiguration) -> Self {
        let columns = &process.columns;
        Self {
            activity_table_id: Some(process.activity_table.to_string()),
            case_table_id: process.case_table.map(|id| id.to_string()),
            default_configuration: Some(process.is_default),
            case_id_column: text(columns.case_id.as_ref()),
            activity_column: text(columns.activity.as_ref()),
            timestamp_column: text(columns.timestamp.as_ref()),
            sorting_column: text(columns.sorting.as_ref()),
            end_timestamp_column: text(columns.end_timestamp.as_ref()),
            cost_column: text(columns.cost.as_ref()),
            user_column: text(columns.user.as_ref()),
            use_parallel_process: process.uses_parallel_process,
            parallel_process_parent_column: text(columns.parallel_parent.as_ref()),
            parallel_process_child_column: text(columns.parallel_child.as_ref()),
        }
    }
}

impl From<&FactoryCalendar> for FactoryCalendarDocument {
    fn from(calendar: &FactoryCalendar) -> Self {
        Self {
            table_name: Some(calendar.table.to_string()),
            data_source_id: calendar.connection_id.map(|id| id.to_string()),
        }
    }
}

impl From<&NameMapping> for NameMappingDocument {
    fn from(mapping: &NameMapping) -> Self {
        Self {
            identifier: Some(mapping.identifier.clone()),
            translation: Some(mapping.translation.clone()),
            language: Some(mapping.language.clone()),
            description: mapping.description.clone(),
            mapping_type: Some(mapping.kind.into()),
        }
    }
}

fn needed<T>(field: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::invalid(field, "is missing"))
}

fn column(field: &str, text: Option<String>) -> Result<Option<Identifier>> {
    text.map(|text| Identifier::parse(field, &text)).transpose()
}

fn connection(field: &str, text: Option<String>) -> Result<Option<DataConnectionId>> {
    text.map(|text| id(field, Some(&text))).transpose()
}

impl ModelDocument {
    pub(super) fn into_contents(self, field: &str) -> Result<ModelContents> {
        let at = |rest: &str| format!("{field}.{rest}");
        if self.name_mappings.as_ref().is_some_and(|mappings| mappings.len() > NAME_MAPPING_LIMIT) {
            let reason =
                format!("has more than {NAME_MAPPING_LIMIT} of them, which is the most of a data model");
            return Err(Error::invalid(at("nameMappings"), reason));
        }
        let factory = match self.factory_calendar {
            Some(FactoryCalendarDocument { table_name: Some(table), data_source_id }) => {
                Some(FactoryCalendar {
                    connection_id: connection(&at("factoryCalendar.dataSourceId"), data_source_id)?,
                    table: Identifier::parse(&at("factoryCalendar.tableName"), &table)?,
                })
            }
            Some(FactoryCalendarDocument { table_name: None, .. }) | None => None,
        };
        let entries = self.custom_calendar.and_then(|calendar| calendar.entries).unwrap_or_default();
        let model = DataModel {
            id: id(&at("id"), self.id.as_deref())?,
            pool_id: DataPoolId::random(),
            name: name(self.name.as_deref())?,
            description: self.description,
            tables: each(&at("tables"), self.tables, |field, table| table.into_table(field))?,
            foreign_keys: each(&at("foreignKeys"), self.foreign_keys, |field, key| key.into_key(field))?,
            processes: each(&at("processConfigurations"), self.process_configurations, |field, process| {
                process.into_process(field)
            })?,
            calendar: Calendar {
                kind: self.data_model_calendar_type.map(Into::into).unwrap_or_default(),
                factory,
                custom: entries.into_iter().map(Into::into).collect(),
            },
            created_at: Timestamp::from_millis(0),
            created_by: None,
            changed_at: Timestamp::from_millis(0),
        };
        let mappings = each(&at("nameMappings"), self.name_mappings, |_, mapping| mapping.into_mapping())?;
        Ok(ModelContents { model, name_mappings: mappings })
    }
}

impl TableDocument {
    fn into_table(self, field: &str) -> Result<ModelTable> {
        let keys = self.primary_keys.unwrap_or_default();
        let keys = keys.iter().map(|column| Identifier::parse("primaryKeys", column));
        Ok(ModelTable {
            id: id(&format!("{field}.id"), self.id.as_deref())?,
            connection_id: connection(&format!("{field}.dataSourceId"), self.data_source_id)?,
            table: Identifier::parse("name", &needed("name", self.name)?)?,
            alias: column("alias", self.alias)?,
            primary_key: keys.collect::<Result<_>>()?,
        })
    }
}

impl KeyDocument {
    fn into_key(self, field: &str) -> Result<ForeignKey> {
        let at = |rest: &str| format!("{field}.{rest}");
        let table = |name: &str, text: Option<String>| id::<ModelTableId>(&at(name), text.as_deref());
        Ok(ForeignKey {
            id: ForeignKeyId::random(),
            source: table("sourceTableId", self.source_table_id)?,
            target: table("targetTableId", self.target_table_id)?,
            columns: each(&at("columns"), self.columns, |_, pair| {
                let name =
                    |field: &str, text: Option<String>| Identifier::parse(field, &needed(field, text)?);
                Ok((
                    name("sourceColumnName", pair.source_column_name)?,
                    name("targetColumnName", pair.target_column_name)?,
                ))
            })?,
        })
    }
}

impl ProcessDocument {
    fn into_process(self, field: &str) -> Result<ProcessConfiguration> {
        Ok(ProcessConfiguration {
            id: ProcessConfigurationId::random(),
            activity_table: id(&format!("{field}.activityTableId"), self.activity_table_id.as_deref())?,
            case_table: match self.case_table_id {
                Some(text) => Some(id(&format!("{field}.caseTableId"), Some(&text))?),
                None => None,
            },
            is_default: self.default_configuration.unwrap_or(false),
            columns: ProcessColumns {
                case_id: column("caseIdColumn", self.case_id_column)?,
                activity: column("activityColumn", self.activity_column)?,
                timestamp: column("timestampColumn", self.timestamp_column)?,
                sorting: column("sortingColumn", self.sorting_column)?,
                end_timestamp: column("endTimestampColumn", self.end_timestamp_column)?,
                cost: column("costColumn", self.cost_column)?,
                user: column("userColumn", self.user_column)?,
                parallel_parent: column("parallelProcessParentColumn", self.parallel_process_parent_column)?,
                parallel_child: column("parallelProcessChildColumn", self.parallel_process_child_column)?,
            },
            uses_parallel_process: self.use_parallel_process,
        })
    }
}

impl NameMappingDocument {
    fn into_mapping(self) -> Result<NameMapping> {
        for (field, text) in [
            ("identifier", &self.identifier),
            ("translation", &self.translation),
            ("language", &self.language),
            ("description", &self.description),
        ] {
            if text.as_ref().is_some_and(|text| text.chars().count() > TEXT_LIMIT) {
                return Err(Error::invalid(field, format!("has more than {TEXT_LIMIT} characters")));
            }
        }
        Ok(NameMapping {
            kind: needed("mappingType", self.mapping_type)?.into(),
            identifier: needed("identifier", self.identifier)?,
            language: needed("language", self.language)?,
            translation: needed("translation", self.translation)?,
            description: self.description,
        })
    }
}
