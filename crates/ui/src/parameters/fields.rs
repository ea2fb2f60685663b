//! What is filled in of a parameter.

use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataPoolId, ParameterId, TaskId};
use forebay_core::parameter::{Parameter, ParameterOrigin, Visibility};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::words::word;
use forebay_api::VariableRequest;
use forebay_api::words::{DynamicVariableOpType, FilterParserDataType};

/// Where values come from, with the words of the API and of people.
pub(super) const KINDS: [(&str, &str); 3] = [
    ("PUBLIC_CONSTANT", "the values below, public"),
    ("PRIVATE_CONSTANT", "the values below, private"),
    ("DYNAMIC", "a column of a table of the pool, when an execution reaches it"),
];
pub(super) const DATA_TYPES: [(&str, &str); 10] = [
    ("STRING", "text"),
    ("INT", "whole number"),
    ("DOUBLE", "number"),
    ("DATE", "date"),
    ("LIST_STRING", "list of texts"),
    ("LIST_INT", "list of whole numbers"),
    ("LIST_DOUBLE", "list of numbers"),
    ("COLUMN", "column"),
    ("QUALIFIED_COLUMN", "column with its table"),
    ("NULL", "null"),
];
pub(super) const OPERATIONS: [(&str, &str); 3] =
    [("FIND_MAX", "the greatest value"), ("FIND_MIN", "the least value"), ("LIST", "all values")];

/// The fields as they are typed. An empty one says nothing.
#[derive(Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ParameterForm {
    pub(super) name: String,
    pub(super) placeholder: String,
    pub(super) description: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) data_type: String,
    /// A value a line.
    pub(super) values: String,
    pub(super) default_values: String,
    pub(super) operation: String,
    /// Whose schema the table lies in; empty is the global one.
    pub(super) connection: String,
    pub(super) table: String,
    pub(super) column: String,
    /// The pool's parameter that gives a task's its values.
    pub(super) link: String,
}

impl Default for ParameterForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            placeholder: String::new(),
            description: String::new(),
            kind: KINDS[0].0.to_owned(),
            data_type: DATA_TYPES[0].0.to_owned(),
            values: String::new(),
            default_values: String::new(),
            operation: OPERATIONS[0].0.to_owned(),
            connection: String::new(),
            table: String::new(),
            column: String::new(),
            link: String::new(),
        }
    }
}

impl ParameterForm {
    pub(super) fn of(parameter: &Parameter) -> Self {
        let mut form = Self {
            name: parameter.name.to_string(),
            placeholder: parameter.placeholder.clone(),
            description: parameter.description.clone().unwrap_or_default(),
            data_type: word(FilterParserDataType::from(parameter.data_type)),
            values: parameter.values.join("\n"),
            default_values: parameter.default_values.join("\n"),
            link: parameter.pool_parameter_id.map(|id| id.to_string()).unwrap_or_default(),
            ..Self::default()
        };
        let kind = match (&parameter.origin, parameter.visibility) {
            (ParameterOrigin::Dynamic(dynamic), _) => {
                form.operation = word(DynamicVariableOpType::from(dynamic.operation));
                form.connection = dynamic.connection_id.map(|id| id.to_string()).unwrap_or_default();
                form.table = dynamic.table.to_string();
                form.column = dynamic.column.to_string();
                "DYNAMIC"
            }
            (ParameterOrigin::Constant, Visibility::Private) => "PRIVATE_CONSTANT",
            (ParameterOrigin::Constant, Visibility::Public) => "PUBLIC_CONSTANT",
        };
        kind.clone_into(&mut form.kind);
        form
    }

    /// Its data type, as people call it.
    pub(super) fn data_type(&self) -> &'static str {
        called(&DATA_TYPES, &self.data_type)
    }

    /// What is done with its column, as people call it.
    pub(super) fn operation(&self) -> &'static str {
        called(&OPERATIONS, &self.operation)
    }

    pub(super) fn is_of(&self, connection: &DataConnectionId) -> bool {
        self.connection == connection.to_string()
    }

    pub(super) fn is_linked(&self, other: &ParameterId) -> bool {
        self.link == other.to_string()
    }

    pub(super) fn new_parameter(&self, pool: DataPoolId, task: Option<TaskId>) -> Result<Parameter> {
        self.request(task, lines(&self.values), lines(&self.default_values))?.into_new(pool, task)
    }

    /// The parameter with what is filled in. Values that nobody has touched stay as they are: one may have several
    /// lines.
    pub(super) fn changed(&self, kept: Parameter) -> Result<Parameter> {
        let touched = |typed: &str, kept: &[String]| {
            let typed = lines(typed);
            (typed != lines(&kept.join("\n"))).then_some(typed)
        };
        let values = touched(&self.values, &kept.values).unwrap_or_else(|| kept.values.clone());
        let defaults = touched(&self.default_values, &kept.default_values);
        let defaults = defaults.unwrap_or_else(|| kept.default_values.clone());
        let mut changed = self.request(kept.task_id, values, defaults)?.into_changed(kept)?;
        if self.description.trim().is_empty() {
            changed.description = None;
        }
        Ok(changed)
    }

    /// What the API would be sent.
    fn request(
        &self,
        task: Option<TaskId>,
        values: Vec<String>,
        defaults: Vec<String>,
    ) -> Result<VariableRequest> {
        let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let entries = |values: Vec<String>| -> Vec<Value> {
            values.into_iter().map(|value| json!({"value": value, "taskInstanceId": task})).collect()
        };
        let mut body = json!({
            "name": self.name, "placeholder": self.placeholder.trim(), "description": said(&self.description),
            "type": said(&self.kind), "dataType": said(&self.data_type), "values": entries(values),
            "defaultValues": entries(defaults),
        });
        if self.kind == "DYNAMIC" {
            body["dynamicVariableOpType"] = json!(said(&self.operation));
            body["dynamicDataSourceId"] = json!(said(&self.connection));
            body["dynamicTable"] = json!(self.table.trim());
            body["dynamicColumn"] = json!(self.column.trim());
        }
        if task.is_some() {
            body["settings"] = json!({"poolVariableId": said(&self.link)});
        }
        serde_json::from_value(body).map_err(|error| Error::invalid("form", error.to_string()))
    }
}

/// The values that are typed, one a line. Browsers send two characters for the end of a line.
fn lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}

fn called(words: &[(&str, &'static str)], word: &str) -> &'static str {
    words.iter().find(|found| found.0 == word).map(|found| found.1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> ParameterForm {
        ParameterForm {
            name: "From".to_owned(),
            placeholder: "from".to_owned(),
            values: "a, b\r\n\r\nc\r\n".to_owned(),
            ..ParameterForm::default()
        }
    }

    #[test]
    fn values_are_typed_one_a_line() {
        let parameter = form().new_parameter(DataPoolId::random(), None).unwrap();
        assert_eq!(
            (parameter.values, parameter.description),
            (vec!["a, b".to_owned(), "c".to_owned()], None)
        );
    }

    #[test]
    fn what_nobody_touched_stays() {
        let mut parameter = form().new_parameter(DataPoolId::random(), Some(TaskId::random())).unwrap();
        parameter.values = vec!["two\nlines".to_owned(), String::new()];
        parameter.description = Some("Since when".to_owned());
        parameter.pool_parameter_id = Some(ParameterId::random());
        let shown = ParameterForm::of(&parameter);
        assert_eq!(shown.changed(parameter.clone()).unwrap(), parameter);
        let changed = ParameterForm { values: "one".to_owned(), link: String::new(), ..shown };
        let changed = ParameterForm { description: String::new(), ..changed }.changed(parameter).unwrap();
        assert_eq!((changed.values, changed.pool_parameter_id), (vec!["one".to_owned()], None));
        assert_eq!(changed.description, None);
    }

    #[test]
    fn a_dynamic_one_needs_its_table() {
        let dynamic = ParameterForm { kind: "DYNAMIC".to_owned(), ..form() };
        let message = dynamic.new_parameter(DataPoolId::random(), None).unwrap_err().to_string();
        assert!(message.starts_with("dynamicTable: "), "{message}");
        let whole = ParameterForm { table: "orders".to_owned(), column: "id".to_owned(), ..dynamic };
        let parameter = whole.new_parameter(DataPoolId::random(), None).unwrap();
        let again = ParameterForm::of(&parameter);
        assert_eq!((again.operation(), again.data_type()), ("the greatest value", "text"));
        assert_eq!(again.changed(parameter.clone()).unwrap(), parameter);
    }
}
