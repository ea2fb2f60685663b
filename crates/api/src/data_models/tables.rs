//! Tables of a data model, as `DataModelTableTransport`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataModelId, DataPoolId, ModelTableId};
use forebay_core::model::ModelTable;
use forebay_core::name::Identifier;
use forebay_engine::{Engine, ModelTableChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TAG;
use crate::auth::Auth;
use crate::body::Body;
use crate::path::Path;
use crate::problem::Reply;
use crate::tables::PoolColumnTransport;

/// A table of a data model. What Forebay does not have is null or false.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelTableTransport {
    #[schema(value_type = Uuid)]
    id: ModelTableId,
    augmentation: bool,
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
    /// Whose schema the table lies in; null is the global one.
    #[schema(value_type = Option<Uuid>)]
    data_source_id: Option<DataConnectionId>,
    /// The table of the pool.
    name: String,
    from_business_graph_schema: bool,
    alias: Option<String>,
    /// Empty: the columns have a call of their own, which asks the pool.
    columns: Vec<DataModelColumnTransport>,
    use_direct_storage: bool,
    primary_keys: Vec<String>,
    /// What the model calls it.
    alias_or_name: String,
}

/// A column of a data model's table.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelColumnTransport {
    name: Option<String>,
    primary_key: Option<bool>,
}

impl DataModelTableTransport {
    pub(super) fn new(model: DataModelId, table: &ModelTable) -> Self {
        Self {
            id: table.id,
            augmentation: false,
            data_model_id: model,
            data_source_id: table.connection_id,
            name: table.table.to_string(),
            from_business_graph_schema: false,
            alias: table.alias.as_ref().map(Identifier::to_string),
            columns: Vec::new(),
            use_direct_storage: false,
            primary_keys: table.primary_key.iter().map(Identifier::to_string).collect(),
            alias_or_name: table.alias_or_name().to_string(),
        }
    }
}

/// What a client may set of a table; the other fields of its transport are ignored. In a change, null leaves what is
/// there.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelTableRequest {
    /// The table of the pool, which may be made later.
    name: Option<String>,
    /// What the model calls it; an empty text takes the alias away.
    alias: Option<String>,
    /// Whose schema the table lies in; null is the global one.
    data_source_id: Option<String>,
    /// Checked when the model is loaded.
    primary_keys: Option<Vec<String>>,
    /// Without `primaryKeys`, those that are `primaryKey` are the key.
    columns: Option<Vec<DataModelColumnTransport>>,
}

impl DataModelTableRequest {
    fn into_change(self) -> Result<ModelTableChange> {
        let flagged = || {
            let columns = self.columns.as_deref().unwrap_or_default().iter();
            let key: Vec<String> = columns
                .filter(|column| column.primary_key == Some(true))
                .filter_map(|column| column.name.clone())
                .collect();
            (!key.is_empty()).then_some(key)
        };
        let key = self.primary_keys.clone().or_else(flagged);
        let column = |name: &String| Identifier::parse("primaryKeys", name);
        Ok(ModelTableChange {
            connection_id: self.data_source_id.as_deref().map(str::parse).transpose()?,
            table: self.name.as_deref().map(|name| Identifier::parse("name", name)).transpose()?,
            alias: match self.alias.as_deref() {
                None => None,
                Some("") => Some(None),
                Some(alias) => Some(Some(Identifier::parse("alias", alias)?)),
            },
            primary_key: key.map(|key| key.iter().map(column).collect::<Result<_>>()).transpose()?,
        })
    }

    fn into_table(self) -> Result<ModelTable> {
        let ModelTableChange { connection_id, table, alias, primary_key } = self.into_change()?;
        Ok(ModelTable {
            id: ModelTableId::random(),
            connection_id,
            table: table
                .ok_or_else(|| Error::invalid("name", "is missing; name a table of the data pool"))?,
            alias: alias.flatten(),
            primary_key: primary_key.unwrap_or_default(),
        })
    }
}

/// The tables of a data model.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<DataModelTableTransport>)))]
pub(crate) async fn model_tables(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<Json<Vec<DataModelTableTransport>>> {
    let tables = engine.model_tables(&caller, pool, model).await?;
    Ok(Json(tables.iter().map(|table| DataModelTableTransport::new(model, table)).collect()))
}

/// Adds tables to a data model, all or none. The answer has those that were added.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = Vec<DataModelTableRequest>,
    responses((status = 200, body = Vec<DataModelTableTransport>))
)]
pub(crate) async fn create_model_tables(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
    Body(body): Body<Vec<DataModelTableRequest>>,
) -> Reply<Json<Vec<DataModelTableTransport>>> {
    let tables = body.into_iter().map(DataModelTableRequest::into_table).collect::<Result<Vec<_>>>()?;
    engine.create_model_tables(&caller, pool, model, &tables).await?;
    Ok(Json(tables.iter().map(|table| DataModelTableTransport::new(model, table)).collect()))
}

/// A table of a data model.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = DataModelTableTransport)))]
pub(crate) async fn model_table(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model, table)): Path<(DataPoolId, DataModelId, ModelTableId)>,
) -> Reply<Json<DataModelTableTransport>> {
    let table = engine.model_table(&caller, pool, model, table).await?;
    Ok(Json(DataModelTableTransport::new(model, &table)))
}

/// Changes a table of a data model.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = DataModelTableRequest,
    responses((status = 200, body = DataModelTableTransport))
)]
pub(crate) async fn update_model_table(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model, table)): Path<(DataPoolId, DataModelId, ModelTableId)>,
    Body(body): Body<DataModelTableRequest>,
) -> Reply<Json<DataModelTableTransport>> {
    let table = engine.update_model_table(&caller, pool, model, table, body.into_change()?).await?;
    Ok(Json(DataModelTableTransport::new(model, &table)))
}

/// Takes a table out of a data model, with its relations and its process configuration.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_model_table(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model, table)): Path<(DataPoolId, DataModelId, ModelTableId)>,
) -> Reply<StatusCode> {
    engine.delete_model_table(&caller, pool, model, table).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The columns that a table of a data model has in the pool; none while the pool does not have the table.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<PoolColumnTransport>)))]
pub(crate) async fn model_table_columns(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model, table)): Path<(DataPoolId, DataModelId, ModelTableId)>,
) -> Reply<Json<Vec<PoolColumnTransport>>> {
    let columns = engine.model_table_columns(&caller, pool, model, table).await?;
    Ok(Json(columns.iter().map(PoolColumnTransport::from).collect()))
}

/// A table of a data model, as the documented call lists it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedModelTable {
    #[schema(value_type = Uuid)]
    id: ModelTableId,
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
    #[schema(value_type = Option<Uuid>)]
    data_source_id: Option<DataConnectionId>,
    name: String,
    alias: Option<String>,
    alias_or_name: String,
}

/// The tables of a data model, by the documented call.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<ListedModelTable>)))]
pub(crate) async fn listed_model_tables(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<Json<Vec<ListedModelTable>>> {
    let tables = engine.model_tables(&caller, pool, model).await?;
    let listed = |table: &ModelTable| ListedModelTable {
        id: table.id,
        data_model_id: model,
        data_source_id: table.connection_id,
        name: table.table.to_string(),
        alias: table.alias.as_ref().map(Identifier::to_string),
        alias_or_name: table.alias_or_name().to_string(),
    };
    Ok(Json(tables.iter().map(listed).collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn change(body: Value) -> Result<ModelTableChange> {
        serde_json::from_value::<DataModelTableRequest>(body).unwrap().into_change()
    }

    #[test]
    fn null_leaves_what_is_there_and_an_empty_alias_takes_it_away() {
        let nothing =
            change(json!({"name": null, "alias": null, "primaryKeys": null, "columns": []})).unwrap();
        assert!(nothing.table.is_none() && nothing.alias.is_none() && nothing.primary_key.is_none());
        assert_eq!(change(json!({"alias": ""})).unwrap().alias, Some(None));
        let key = change(json!({"primaryKeys": [], "columns": [{"name": "a", "primaryKey": true}]})).unwrap();
        assert_eq!(key.primary_key, Some(Vec::new()));
        let columns = json!([{"name": "a", "type": "STRING", "primaryKey": true}, {"name": "b"}]);
        let key = change(json!({"columns": columns})).unwrap().primary_key.unwrap();
        assert_eq!(key.iter().map(Identifier::as_str).collect::<Vec<_>>(), ["a"]);
    }
}
