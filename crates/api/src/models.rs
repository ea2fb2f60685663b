//! Data models by Forebay's own API: tables of a pool that are published together.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataModelId, DataPoolId, ForeignKeyId, ModelTableId};
use forebay_core::model::{DataModel, ForeignKey, ModelTable};
use forebay_core::name::{Identifier, Name};
use forebay_engine::{Engine, NewDataModel};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::pools::name;
use super::problem::Reply;

const TAG: &str = "Data models";

/// A data model.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelView {
    #[schema(value_type = Uuid)]
    id: DataModelId,
    #[schema(value_type = Uuid)]
    pool_id: DataPoolId,
    name: String,
    tables: Vec<ModelTableView>,
    foreign_keys: Vec<ForeignKeyView>,
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

/// A table of a data model.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelTableView {
    #[schema(value_type = Uuid)]
    id: ModelTableId,
    /// The table of the pool.
    name: String,
    alias: Option<String>,
    /// What the model calls it.
    alias_or_name: String,
    /// Whose schema the table lies in; null is the global one.
    #[schema(value_type = Option<Uuid>)]
    connection_id: Option<DataConnectionId>,
    primary_key: Vec<String>,
}

/// A 1:N relation between two tables of a data model.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ForeignKeyView {
    #[schema(value_type = Uuid)]
    id: ForeignKeyId,
    /// The table on the 1 side.
    #[schema(value_type = Uuid)]
    source_table_id: ModelTableId,
    /// The table on the N side.
    #[schema(value_type = Uuid)]
    target_table_id: ModelTableId,
    columns: Vec<ColumnPair>,
}

/// Two columns that belong together.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ColumnPair {
    source: String,
    target: String,
}

impl From<&DataModel> for ModelView {
    fn from(model: &DataModel) -> Self {
        Self {
            id: model.id,
            pool_id: model.pool_id,
            name: model.name.to_string(),
            tables: model.tables.iter().map(ModelTableView::from).collect(),
            foreign_keys: model.foreign_keys.iter().map(ForeignKeyView::from).collect(),
            created_at: model.created_at,
        }
    }
}

impl From<&ModelTable> for ModelTableView {
    fn from(table: &ModelTable) -> Self {
        Self {
            id: table.id,
            name: table.table.to_string(),
            alias: table.alias.as_ref().map(Identifier::to_string),
            alias_or_name: table.alias_or_name().to_string(),
            connection_id: table.connection_id,
            primary_key: table.primary_key.iter().map(Identifier::to_string).collect(),
        }
    }
}

impl From<&ForeignKey> for ForeignKeyView {
    fn from(key: &ForeignKey) -> Self {
        let pair = |(source, target): &(Identifier, Identifier)| ColumnPair {
            source: source.to_string(),
            target: target.to_string(),
        };
        Self {
            id: key.id,
            source_table_id: key.source,
            target_table_id: key.target,
            columns: key.columns.iter().map(pair).collect(),
        }
    }
}

/// A data model to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelRequest {
    /// 1 to 100 characters.
    name: Option<String>,
    tables: Option<Vec<ModelTableRequest>>,
    foreign_keys: Option<Vec<ForeignKeyRequest>>,
}

/// A table of the pool.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelTableRequest {
    name: Option<String>,
    alias: Option<String>,
    /// Whose schema the table lies in; null is the global one.
    connection_id: Option<String>,
    /// Checked when the model is loaded.
    primary_key: Option<Vec<String>>,
}

/// A 1:N relation. `source` (the 1 side) and `target` (the N side) are the aliases, or else the
/// names, of tables of the model.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ForeignKeyRequest {
    source: Option<String>,
    target: Option<String>,
    columns: Option<Vec<ColumnPair>>,
}

fn needed<'text>(field: &str, text: Option<&'text String>) -> Result<&'text str> {
    text.map(String::as_str).ok_or_else(|| Error::invalid(field, "is missing"))
}

impl ModelTableRequest {
    fn into_table(self) -> Result<ModelTable> {
        let key = self.primary_key.unwrap_or_default();
        let key = key.iter().map(|column| Identifier::parse("tables.primaryKey", column));
        Ok(ModelTable {
            id: ModelTableId::random(),
            connection_id: self.connection_id.as_deref().map(str::parse).transpose()?,
            table: Identifier::parse("tables.name", needed("tables.name", self.name.as_ref())?)?,
            alias: self.alias.as_deref().map(|alias| Identifier::parse("tables.alias", alias)).transpose()?,
            primary_key: key.collect::<Result<_>>()?,
        })
    }
}

impl ForeignKeyRequest {
    fn into_key(self, tables: &[ModelTable]) -> Result<ForeignKey> {
        let named = |field: &str, text: Option<&String>| {
            let name = needed(field, text)?;
            let table = tables.iter().find(|table| table.alias_or_name().as_str() == name);
            table
                .map(|table| table.id)
                .ok_or_else(|| Error::invalid(field, format!("`{name}` is no table of the model")))
        };
        let mut columns = Vec::new();
        for pair in self.columns.unwrap_or_default() {
            columns.push((
                Identifier::parse("foreignKeys.columns.source", &pair.source)?,
                Identifier::parse("foreignKeys.columns.target", &pair.target)?,
            ));
        }
        Ok(ForeignKey {
            id: ForeignKeyId::random(),
            source: named("foreignKeys.source", self.source.as_ref())?,
            target: named("foreignKeys.target", self.target.as_ref())?,
            columns,
        })
    }
}

impl ModelRequest {
    fn into_parts(self) -> Result<(Name, Vec<ModelTable>, Vec<ForeignKey>)> {
        let name = name(self.name.as_deref())?;
        let tables = self.tables.ok_or_else(|| Error::invalid("tables", "is missing"))?;
        let tables = tables.into_iter().map(ModelTableRequest::into_table).collect::<Result<Vec<_>>>()?;
        let keys = self.foreign_keys.unwrap_or_default();
        let keys = keys.into_iter().map(|key| key.into_key(&tables)).collect::<Result<_>>()?;
        Ok((name, tables, keys))
    }
}

/// The data models of a pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<ModelView>)))]
pub(crate) async fn data_models(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<ModelView>>> {
    Ok(Json(
        engine.data_models(&caller, pool).await?.iter().map(|seen| ModelView::from(&seen.model)).collect(),
    ))
}

/// Makes a data model.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = ModelRequest, responses((status = 201, body = ModelView))
)]
pub(crate) async fn create_data_model(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<ModelRequest>,
) -> Reply<(StatusCode, Json<ModelView>)> {
    let (name, tables, foreign_keys) = body.into_parts()?;
    let new = NewDataModel::of(name, tables, foreign_keys);
    let made = engine.create_data_model(&caller, pool, new).await?;
    Ok((StatusCode::CREATED, Json(ModelView::from(&made.model))))
}

/// A data model.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = ModelView)))]
pub(crate) async fn data_model(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataModelId)>,
) -> Reply<Json<ModelView>> {
    Ok(Json(ModelView::from(&engine.data_model(&caller, pool, id).await?.model)))
}

/// Deletes a data model that no data job loads.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_data_model(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, DataModelId)>,
) -> Reply<StatusCode> {
    engine.delete_data_model(&caller, pool, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
