//! Parameters on the wire, `PoolVariableTransport` and `TaskVariableTransport`, and how a request
//! becomes a parameter.

use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataPoolId, ParameterId, TaskId, TaskTemplateId};
use forebay_core::name::Identifier;
use forebay_core::parameter::{DynamicValue, Parameter, ParameterOrigin, ParameterType, Visibility};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::pools::name;
use crate::words::{DynamicVariableOpType, FilterParserDataType, VariableType};

/// A parameter of a data pool.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolVariableTransport {
    #[schema(value_type = Uuid)]
    id: ParameterId,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    name: String,
    /// What SQL and filters write between `<%=` and `%>`.
    placeholder: String,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: VariableType,
    dynamic_variable_op_type: Option<DynamicVariableOpType>,
    data_type: FilterParserDataType,
    dynamic_table: Option<String>,
    dynamic_column: Option<String>,
    /// Whose schema the table lies in; null is the global one.
    #[schema(value_type = Option<Uuid>)]
    dynamic_data_source_id: Option<DataConnectionId>,
    default_values: Vec<VariableValueTransport>,
    default_settings: Option<VariableSettingsTransport>,
    values: Vec<VariableValueTransport>,
    settings: Option<VariableSettingsTransport>,
}

/// A parameter of a task.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskVariableTransport {
    /// The task's template.
    #[schema(value_type = Uuid)]
    task_id: TaskTemplateId,
    /// Always `CUSTOM`.
    parameter_type: &'static str,
    #[serde(flatten)]
    variable: PoolVariableTransport,
}

/// One value of a parameter.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariableValueTransport {
    /// The value as text; null is none.
    value: Option<String>,
    /// The task it belongs to; null for a parameter of the pool.
    task_instance_id: Option<String>,
}

/// Where a task's parameter takes its values from.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariableSettingsTransport {
    /// A parameter of the pool, or null for the parameter's own values.
    pool_variable_id: Option<String>,
}

impl From<&Parameter> for PoolVariableTransport {
    fn from(parameter: &Parameter) -> Self {
        let task = parameter.task_id;
        let entries = |values: &[String]| -> Vec<VariableValueTransport> {
            values.iter().map(|value| VariableValueTransport::new(Some(value.clone()), task)).collect()
        };
        let mut values = entries(&parameter.values);
        if values.is_empty() && task.is_some() {
            // Clients build the path of a task variable from the first entry.
            values.push(VariableValueTransport::new(None, task));
        }
        let (kind, dynamic) = match (&parameter.origin, parameter.visibility) {
            (ParameterOrigin::Dynamic(dynamic), _) => (VariableType::Dynamic, Some(dynamic)),
            (ParameterOrigin::Constant, Visibility::Private) => (VariableType::PrivateConstant, None),
            (ParameterOrigin::Constant, Visibility::Public) => (VariableType::PublicConstant, None),
        };
        Self {
            id: parameter.id,
            pool_id: parameter.pool_id,
            name: parameter.name.to_string(),
            placeholder: parameter.placeholder.clone(),
            description: parameter.description.clone(),
            kind,
            dynamic_variable_op_type: dynamic.map(|dynamic| dynamic.operation.into()),
            data_type: parameter.data_type.into(),
            dynamic_table: dynamic.map(|dynamic| dynamic.table.to_string()),
            dynamic_column: dynamic.map(|dynamic| dynamic.column.to_string()),
            dynamic_data_source_id: dynamic.and_then(|dynamic| dynamic.connection_id),
            default_values: entries(&parameter.default_values),
            default_settings: None,
            values,
            settings: task.map(|_| VariableSettingsTransport {
                pool_variable_id: parameter.pool_parameter_id.map(|id| id.to_string()),
            }),
        }
    }
}

impl TaskVariableTransport {
    pub(super) fn new(parameter: &Parameter, template: TaskTemplateId) -> Self {
        Self { task_id: template, parameter_type: "CUSTOM", variable: PoolVariableTransport::from(parameter) }
    }
}

impl VariableValueTransport {
    fn new(value: Option<String>, task: Option<TaskId>) -> Self {
        Self { value, task_instance_id: task.map(|id| id.to_string()) }
    }
}

/// What a client may set of a parameter. In a change, null leaves a field as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariableRequest {
    /// What others in an export call it; of no account elsewhere.
    pub(crate) id: Option<String>,
    name: Option<String>,
    /// 1 to 100 letters, digits, underscores, hyphens, points or inner spaces.
    placeholder: Option<String>,
    description: Option<String>,
    /// PUBLIC_CONSTANT when null.
    #[serde(rename = "type")]
    kind: Option<VariableType>,
    /// Needed for the type DYNAMIC.
    dynamic_variable_op_type: Option<DynamicVariableOpType>,
    /// STRING when null.
    data_type: Option<FilterParserDataType>,
    /// Needed for the type DYNAMIC.
    dynamic_table: Option<String>,
    /// Needed for the type DYNAMIC.
    dynamic_column: Option<String>,
    dynamic_data_source_id: Option<String>,
    default_values: Option<Vec<VariableValueTransport>>,
    values: Option<Vec<VariableValueTransport>>,
    settings: Option<VariableSettingsTransport>,
}

impl VariableRequest {
    pub fn into_new(self, pool_id: DataPoolId, task_id: Option<TaskId>) -> Result<Parameter> {
        let placeholder = self.placeholder.ok_or_else(|| Error::invalid("placeholder", "is missing"))?;
        let blank = Parameter {
            id: ParameterId::random(),
            pool_id,
            task_id,
            name: name(self.name.as_deref())?,
            placeholder,
            description: None,
            visibility: Visibility::Public,
            data_type: ParameterType::String,
            origin: ParameterOrigin::Constant,
            values: Vec::new(),
            default_values: Vec::new(),
            pool_parameter_id: None,
        };
        Self { name: None, placeholder: None, ..self }.into_changed(blank)
    }

    /// The parameter with what the request says of it.
    pub fn into_changed(self, mut parameter: Parameter) -> Result<Parameter> {
        if let Some(text) = &self.name {
            parameter.name = name(Some(text))?;
        }
        parameter.placeholder = self.placeholder.unwrap_or(parameter.placeholder);
        parameter.description = self.description.or(parameter.description);
        parameter.data_type = self.data_type.map_or(parameter.data_type, ParameterType::from);
        let texts = |values: Vec<VariableValueTransport>| -> Vec<String> {
            values.into_iter().filter_map(|value| value.value).collect()
        };
        parameter.values = self.values.map_or(parameter.values, texts);
        parameter.default_values = self.default_values.map_or(parameter.default_values, texts);
        if let Some(settings) = self.settings {
            let linked = settings.pool_variable_id.as_deref();
            parameter.pool_parameter_id = linked.map(str::parse).transpose()?;
        }
        let kept = match parameter.origin {
            ParameterOrigin::Dynamic(dynamic) => Some(dynamic),
            ParameterOrigin::Constant => None,
        };
        let is_dynamic = match self.kind {
            Some(VariableType::Dynamic) => true,
            Some(VariableType::PublicConstant | VariableType::PrivateConstant) => false,
            None => kept.is_some(),
        };
        parameter.visibility = match self.kind {
            Some(VariableType::PrivateConstant) => Visibility::Private,
            Some(VariableType::PublicConstant | VariableType::Dynamic) => Visibility::Public,
            None => parameter.visibility,
        };
        if !is_dynamic {
            parameter.origin = ParameterOrigin::Constant;
            return Ok(parameter);
        }
        let needed = |field: &str| Error::invalid(field, "is needed for the type DYNAMIC");
        let identifier = |field: &str, text: Option<&str>, kept: Option<&Identifier>| match (text, kept) {
            (Some(text), _) => Identifier::parse(field, text),
            (None, Some(kept)) => Ok(kept.clone()),
            (None, None) => Err(needed(field)),
        };
        let kept = kept.as_ref();
        parameter.origin = ParameterOrigin::Dynamic(DynamicValue {
            operation: match (self.dynamic_variable_op_type, kept) {
                (Some(operation), _) => operation.into(),
                (None, Some(kept)) => kept.operation,
                (None, None) => return Err(needed("dynamicVariableOpType")),
            },
            connection_id: match &self.dynamic_data_source_id {
                Some(id) => Some(id.parse()?),
                // Null is the global schema where the table is named anew, and no news otherwise.
                None if self.dynamic_table.is_some() => None,
                None => kept.and_then(|kept| kept.connection_id),
            },
            table: identifier("dynamicTable", self.dynamic_table.as_deref(), kept.map(|kept| &kept.table))?,
            column: identifier(
                "dynamicColumn",
                self.dynamic_column.as_deref(),
                kept.map(|kept| &kept.column),
            )?,
        });
        Ok(parameter)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(body: Value) -> VariableRequest {
        serde_json::from_value(body).unwrap()
    }

    fn pool() -> DataPoolId {
        DataPoolId::random()
    }

    #[test]
    fn a_task_variable_always_names_its_task_in_the_first_value() {
        let task = TaskId::random();
        let body = json!({
            "name": "n", "placeholder": "p", "values": [{"value": null, "taskInstanceId": null}],
            "settings": {"poolVariableId": null}, "poolId": "x",
        });
        let parameter = request(body).into_new(pool(), Some(task)).unwrap();
        let shown = json!(TaskVariableTransport::new(&parameter, TaskTemplateId::random()));
        assert_eq!(shown["values"], json!([{"value": null, "taskInstanceId": task}]));
        assert_eq!(shown["settings"], json!({"poolVariableId": null}));
        assert_eq!((&shown["parameterType"], &shown["type"]), (&json!("CUSTOM"), &json!("PUBLIC_CONSTANT")));
    }

    #[test]
    fn null_leaves_what_is_there() {
        let body = json!({
            "name": "n", "placeholder": "p", "type": "DYNAMIC", "dynamicVariableOpType": "FIND_MAX",
            "dynamicTable": "t", "dynamicColumn": "c", "dataType": "DATE", "defaultValues": [{"value": "1"}],
        });
        let parameter = request(body).into_new(pool(), None).unwrap();
        let changed = request(json!({"name": "m", "values": null})).into_changed(parameter.clone()).unwrap();
        assert_eq!(changed, Parameter { name: changed.name.clone(), ..parameter });
        assert_eq!(changed.name.as_str(), "m");
    }

    #[test]
    fn a_dynamic_parameter_needs_to_know_its_column() {
        let body =
            json!({"name": "n", "placeholder": "p", "type": "DYNAMIC", "dynamicVariableOpType": "LIST"});
        let message = request(body).into_new(pool(), None).unwrap_err().to_string();
        assert_eq!(message, "dynamicTable: is needed for the type DYNAMIC");
    }
}
