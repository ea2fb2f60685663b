//! Pool and task parameters, as `PoolVariableTransport` and `TaskVariableTransport`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataPoolId, ParameterId, TaskId};
use forebay_core::name::{Identifier, Name};
use forebay_core::parameter::{
    DynamicOperation, DynamicValue, Parameter, ParameterOrigin, ParameterType, Visibility,
};
use forebay_engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariableBody {
    name: Option<String>,
    placeholder: Option<String>,
    description: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    dynamic_variable_op_type: Option<DynamicOperation>,
    data_type: Option<ParameterType>,
    dynamic_table: Option<String>,
    dynamic_column: Option<String>,
    dynamic_data_source_id: Option<String>,
    default_values: Option<Vec<VariableValue>>,
    values: Option<Vec<VariableValue>>,
    settings: Option<VariableSettings>,
}

#[derive(Deserialize)]
struct VariableValue {
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VariableSettings {
    pool_variable_id: Option<String>,
}

impl VariableBody {
    /// `kept` is what an update leaves where the body says nothing.
    fn into_parameter(
        self,
        id: ParameterId,
        pool_id: DataPoolId,
        task_id: Option<TaskId>,
        kept: Option<Parameter>,
    ) -> Result<Parameter> {
        let name = self.name.or_else(|| kept.as_ref().map(|kept| kept.name.to_string()));
        let name = Name::parse("name", &name.ok_or_else(|| Error::invalid("name", "is missing"))?)?;
        let placeholder = self.placeholder.or_else(|| kept.as_ref().map(|kept| kept.placeholder.clone()));
        let placeholder = placeholder.ok_or_else(|| Error::invalid("placeholder", "is missing"))?;
        let dynamic = match self.kind.as_deref() {
            Some("DYNAMIC") => true,
            Some("PRIVATE_CONSTANT" | "PUBLIC_CONSTANT") => false,
            None => kept.as_ref().is_some_and(|kept| matches!(kept.origin, ParameterOrigin::Dynamic(_))),
            Some(_) => {
                return Err(Error::invalid("type", "must be PUBLIC_CONSTANT, PRIVATE_CONSTANT or DYNAMIC"));
            }
        };
        let origin = if dynamic {
            let needed = |field: &str, text: Option<String>| match text {
                Some(text) => Identifier::parse(field, &text),
                None => Err(Error::invalid(field, "is needed for the type DYNAMIC")),
            };
            ParameterOrigin::Dynamic(DynamicValue {
                operation: self.dynamic_variable_op_type.ok_or_else(|| {
                    Error::invalid("dynamicVariableOpType", "is needed for the type DYNAMIC")
                })?,
                connection_id: self.dynamic_data_source_id.as_deref().map(str::parse).transpose()?,
                table: needed("dynamicTable", self.dynamic_table)?,
                column: needed("dynamicColumn", self.dynamic_column)?,
            })
        } else {
            ParameterOrigin::Constant
        };
        let texts = |values: Option<Vec<VariableValue>>| {
            values.map(|values| values.into_iter().filter_map(|value| value.value).collect::<Vec<_>>())
        };
        let kept = kept.as_ref();
        Ok(Parameter {
            id,
            pool_id,
            task_id,
            name,
            placeholder,
            description: self.description.or_else(|| kept.and_then(|kept| kept.description.clone())),
            visibility: match self.kind.as_deref() {
                Some("PRIVATE_CONSTANT") => Visibility::Private,
                Some(_) => Visibility::Public,
                None => kept.map_or(Visibility::Public, |kept| kept.visibility),
            },
            data_type: self.data_type.or(kept.map(|kept| kept.data_type)).unwrap_or(ParameterType::String),
            origin,
            values: texts(self.values).or_else(|| kept.map(|kept| kept.values.clone())).unwrap_or_default(),
            default_values: texts(self.default_values)
                .or_else(|| kept.map(|kept| kept.default_values.clone()))
                .unwrap_or_default(),
            pool_parameter_id: match self.settings {
                Some(settings) => settings.pool_variable_id.as_deref().map(str::parse).transpose()?,
                None => kept.and_then(|kept| kept.pool_parameter_id),
            },
        })
    }
}

fn transport(parameter: &Parameter, task_template: Option<String>) -> Value {
    let instance = parameter.task_id;
    let entries = |values: &[String]| -> Vec<Value> {
        values.iter().map(|value| json!({"value": value, "taskInstanceId": instance})).collect()
    };
    let mut values = entries(&parameter.values);
    if values.is_empty() && instance.is_some() {
        // Clients build the path of a task variable from the first entry.
        values.push(json!({"value": null, "taskInstanceId": instance}));
    }
    let (kind, dynamic) = match (&parameter.origin, parameter.visibility) {
        (ParameterOrigin::Dynamic(dynamic), _) => ("DYNAMIC", Some(dynamic)),
        (ParameterOrigin::Constant, Visibility::Private) => ("PRIVATE_CONSTANT", None),
        (ParameterOrigin::Constant, Visibility::Public) => ("PUBLIC_CONSTANT", None),
    };
    json!({
        "id": parameter.id, "poolId": parameter.pool_id, "taskId": task_template, "name": parameter.name,
        "placeholder": parameter.placeholder, "description": parameter.description, "type": kind,
        "dynamicVariableOpType": dynamic.map(|dynamic| dynamic.operation), "dataType": parameter.data_type,
        "dynamicTable": dynamic.map(|dynamic| &dynamic.table),
        "dynamicColumn": dynamic.map(|dynamic| &dynamic.column),
        "dynamicDataSourceId": dynamic.and_then(|dynamic| dynamic.connection_id),
        "parameterType": instance.map(|_| "CUSTOM"), "defaultValues": entries(&parameter.default_values),
        "defaultSettings": null, "values": values,
        "settings": instance.map(|_| json!({"poolVariableId": parameter.pool_parameter_id})),
    })
}

pub(crate) async fn pool_list(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
) -> Reply<Json<Value>> {
    let parameters = engine.parameters(&caller, pool.parse()?, None).await?;
    Ok(Json(parameters.iter().map(|parameter| transport(parameter, None)).collect()))
}

pub(crate) async fn pool_create(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    Body(body): Body<VariableBody>,
) -> Reply<Json<Value>> {
    let parameter = body.into_parameter(ParameterId::random(), pool.parse()?, None, None)?;
    Ok(Json(transport(&engine.create_parameter(&caller, parameter).await?, None)))
}

pub(crate) async fn pool_show(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    Ok(Json(transport(&engine.parameter(&caller, pool.parse()?, None, id.parse()?).await?, None)))
}

pub(crate) async fn pool_update(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
    Body(body): Body<VariableBody>,
) -> Reply<Json<Value>> {
    let (pool, id) = (pool.parse()?, id.parse()?);
    let kept = engine.parameter(&caller, pool, None, id).await?;
    let parameter = body.into_parameter(id, pool, None, Some(kept))?;
    Ok(Json(transport(&engine.update_parameter(&caller, parameter).await?, None)))
}

pub(crate) async fn pool_delete(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
) -> Reply<StatusCode> {
    engine.delete_parameter(&caller, pool.parse()?, None, id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The task's template id, which also proves that the task lies in the pool.
async fn template(
    engine: &Engine,
    caller: &forebay_core::access::Caller,
    pool: DataPoolId,
    task: TaskId,
) -> Result<String> {
    for (job, _) in engine.data_jobs(caller, pool).await? {
        if let Some(task) = engine.tasks(caller, pool, job.id).await?.iter().find(|found| found.id == task) {
            return Ok(task.template_id.to_string());
        }
    }
    Err(Error::not_found(Kind::Task, task))
}

pub(crate) async fn task_list(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, task)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    let (pool, task) = (pool.parse()?, task.parse()?);
    let template = template(&engine, &caller, pool, task).await?;
    let parameters = engine.parameters(&caller, pool, Some(task)).await?;
    Ok(Json(parameters.iter().map(|parameter| transport(parameter, Some(template.clone()))).collect()))
}

pub(crate) async fn task_create(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, task)): Path<(String, String)>,
    Body(body): Body<VariableBody>,
) -> Reply<Json<Value>> {
    let (pool, task) = (pool.parse()?, task.parse()?);
    let template = template(&engine, &caller, pool, task).await?;
    let parameter = body.into_parameter(ParameterId::random(), pool, Some(task), None)?;
    Ok(Json(transport(&engine.create_parameter(&caller, parameter).await?, Some(template))))
}

pub(crate) async fn task_update(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, task, id)): Path<(String, String, String)>,
    Body(body): Body<VariableBody>,
) -> Reply<Json<Value>> {
    let (pool, task, id) = (pool.parse()?, task.parse()?, id.parse()?);
    let template = template(&engine, &caller, pool, task).await?;
    let kept = engine.parameter(&caller, pool, Some(task), id).await?;
    let parameter = body.into_parameter(id, pool, Some(task), Some(kept))?;
    Ok(Json(transport(&engine.update_parameter(&caller, parameter).await?, Some(template))))
}

pub(crate) async fn task_delete(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, task, id)): Path<(String, String, String)>,
) -> Reply<StatusCode> {
    engine.delete_parameter(&caller, pool.parse()?, Some(task.parse()?), id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
