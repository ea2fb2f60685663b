//! Data models by our own API, and the loads of a job as `DataModelExecutionTransport`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use forebay_core::error::{Error, Result};
use forebay_core::id::ModelTableId;
use forebay_core::job::{Activation, ModelLoad, TableChoice, Task, TaskKind};
use forebay_core::model::{DataModel, ForeignKey, ModelTable};
use forebay_core::name::{Identifier, Name};
use forebay_engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelBody {
    name: String,
    tables: Vec<TableBody>,
    #[serde(default)]
    foreign_keys: Vec<ForeignKeyBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TableBody {
    name: String,
    alias: Option<String>,
    connection_id: Option<String>,
    #[serde(default)]
    primary_key: Vec<String>,
}

/// `source` and `target` are the aliases, or else the names, of tables of the model.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ForeignKeyBody {
    source: String,
    target: String,
    columns: Vec<ColumnPair>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ColumnPair {
    source: String,
    target: String,
}

impl ModelBody {
    fn into_parts(self) -> Result<(Name, Vec<ModelTable>, Vec<ForeignKey>)> {
        let mut tables = Vec::new();
        for table in self.tables {
            let key = table.primary_key.iter().map(|column| Identifier::parse("tables.primaryKey", column));
            tables.push(ModelTable {
                id: ModelTableId::random(),
                connection_id: table.connection_id.as_deref().map(str::parse).transpose()?,
                table: Identifier::parse("tables.name", &table.name)?,
                alias: table
                    .alias
                    .as_deref()
                    .map(|alias| Identifier::parse("tables.alias", alias))
                    .transpose()?,
                primary_key: key.collect::<Result<_>>()?,
            });
        }
        let named = |field: &str, name: &str| {
            tables
                .iter()
                .find(|table| table.alias_or_name().as_str() == name)
                .map(|table| table.id)
                .ok_or_else(|| Error::invalid(field, format!("`{name}` is no table of the model")))
        };
        let mut foreign_keys = Vec::new();
        for key in &self.foreign_keys {
            let pairs = key.columns.iter().map(|pair| {
                Ok((
                    Identifier::parse("foreignKeys.columns.source", &pair.source)?,
                    Identifier::parse("foreignKeys.columns.target", &pair.target)?,
                ))
            });
            foreign_keys.push(ForeignKey {
                source: named("foreignKeys.source", &key.source)?,
                target: named("foreignKeys.target", &key.target)?,
                columns: pairs.collect::<Result<_>>()?,
            });
        }
        Ok((Name::parse("name", &self.name)?, tables, foreign_keys))
    }
}

fn view(model: &DataModel) -> Value {
    let tables: Vec<Value> = model
        .tables
        .iter()
        .map(|table| {
            json!({
                "id": table.id, "name": table.table, "alias": table.alias, "aliasOrName": table.alias_or_name(),
                "connectionId": table.connection_id, "primaryKey": table.primary_key,
            })
        })
        .collect();
    let foreign_keys: Vec<Value> = model
        .foreign_keys
        .iter()
        .map(|key| {
            let pairs: Vec<Value> = key
                .columns
                .iter()
                .map(|(source, target)| json!({"source": source, "target": target}))
                .collect();
            json!({"sourceTableId": key.source, "targetTableId": key.target, "columns": pairs})
        })
        .collect();
    json!({
        "id": model.id, "poolId": model.pool_id, "name": model.name, "tables": tables,
        "foreignKeys": foreign_keys, "createdAt": model.created_at,
    })
}

pub(crate) async fn list(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
) -> Reply<Json<Value>> {
    Ok(Json(engine.data_models(&caller, pool.parse()?).await?.iter().map(view).collect()))
}

pub(crate) async fn create(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    Body(body): Body<ModelBody>,
) -> Reply<(StatusCode, Json<Value>)> {
    let (name, tables, foreign_keys) = body.into_parts()?;
    let model = engine.create_data_model(&caller, pool.parse()?, name, tables, foreign_keys).await?;
    Ok((StatusCode::CREATED, Json(view(&model))))
}

pub(crate) async fn show(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    Ok(Json(view(&engine.data_model(&caller, pool.parse()?, id.parse()?).await?)))
}

pub(crate) async fn delete(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(String, String)>,
) -> Reply<StatusCode> {
    engine.delete_data_model(&caller, pool.parse()?, id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadBody {
    data_model_id: Option<String>,
    tables: Option<Vec<LoadTable>>,
    partial_load: Option<bool>,
}

#[derive(Deserialize)]
struct LoadTable {
    id: Option<String>,
}

fn load_transport(task: &Task, load: &ModelLoad) -> Value {
    let tables = match &load.tables {
        TableChoice::All => Value::Null,
        TableChoice::Only(tables) => tables.iter().map(|id| json!({"id": id, "selected": true})).collect(),
    };
    json!({
        "id": task.id, "dataModelId": load.data_model_id, "jobId": task.job_id,
        "disabled": task.activation == Activation::Disabled, "dataModelName": task.name, "tables": tables,
        "partialLoad": matches!(load.tables, TableChoice::Only(_)),
    })
}

pub(crate) async fn loads(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    let tasks = engine.tasks(&caller, pool.parse()?, job.parse()?).await?;
    let loads = tasks.iter().filter_map(|task| match &task.kind {
        TaskKind::DataModelLoad(load) => Some(load_transport(task, load)),
        TaskKind::Extraction(_) | TaskKind::Transformation(_) => None,
    });
    Ok(Json(loads.collect()))
}

pub(crate) async fn create_load(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(String, String)>,
    Body(body): Body<LoadBody>,
) -> Reply<Json<Value>> {
    let model = body.data_model_id.ok_or_else(|| Error::invalid("dataModelId", "is missing"))?;
    let tables = match (body.partial_load, body.tables) {
        (Some(true), Some(tables)) => {
            let ids = tables.iter().filter_map(|table| table.id.as_deref()).map(str::parse);
            TableChoice::Only(ids.collect::<Result<_>>()?)
        }
        _ => TableChoice::All,
    };
    let load = ModelLoad { data_model_id: model.parse()?, tables };
    let task = engine.create_model_load(&caller, pool.parse()?, job.parse()?, load.clone()).await?;
    Ok(Json(load_transport(&task, &load)))
}

pub(crate) async fn delete_load(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job, task)): Path<(String, String, String)>,
) -> Reply<StatusCode> {
    engine.delete_task(&caller, pool.parse()?, job.parse()?, &task).await?;
    Ok(StatusCode::NO_CONTENT)
}
