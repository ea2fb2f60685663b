//! Pool and task parameters: what `<%=placeholder%>` stands for.

use serde::{Deserialize, Serialize};

use crate::id::{DataConnectionId, DataPoolId, ParameterId, TaskId};
use crate::name::{Identifier, Name};

/// A parameter ("variable" on the wire).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub id: ParameterId,
    pub pool_id: DataPoolId,
    /// The task it belongs to; `None` for a parameter of the pool.
    pub task_id: Option<TaskId>,
    pub name: Name,
    pub placeholder: String,
    pub description: Option<String>,
    pub visibility: Visibility,
    pub data_type: ParameterType,
    pub origin: ParameterOrigin,
    pub values: Vec<String>,
    pub default_values: Vec<String>,
    /// A pool parameter that gives a task parameter its values.
    pub pool_parameter_id: Option<ParameterId>,
}

impl Parameter {
    /// The stored values; the default values when there are none.
    #[must_use]
    pub fn values_now(&self) -> &[String] {
        if self.values.is_empty() { &self.default_values } else { &self.values }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Visibility {
    Private,
    Public,
}

/// `FilterParserDataType` of the wire contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ParameterType {
    Date,
    Double,
    Int,
    String,
    Column,
    QualifiedColumn,
    ListDouble,
    ListInt,
    ListString,
    Null,
}

/// Where a parameter's values come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterOrigin {
    /// The stored values.
    Constant,
    /// The pool's rows when the execution reaches it; the stored values when there are none.
    Dynamic(DynamicValue),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamicValue {
    pub operation: DynamicOperation,
    /// `None`: the global schema.
    pub connection_id: Option<DataConnectionId>,
    pub table: Identifier,
    pub column: Identifier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DynamicOperation {
    FindMax,
    FindMin,
    List,
}
