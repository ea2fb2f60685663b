//! Relations of a data model, as `DataModelForeignKeyTransport`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId, ForeignKeyId, ModelTableId};
use forebay_core::model::ForeignKey;
use forebay_core::name::Identifier;
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TAG;
use crate::auth::Auth;
use crate::body::Body;
use crate::path::Path;
use crate::problem::Reply;

/// A 1:N relation between two tables of a data model.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelForeignKeyTransport {
    #[schema(value_type = Uuid)]
    id: ForeignKeyId,
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
    /// The table on the 1 side.
    #[schema(value_type = Uuid)]
    source_table_id: ModelTableId,
    /// The table on the N side.
    #[schema(value_type = Uuid)]
    target_table_id: ModelTableId,
    columns: Vec<DataModelForeignKeyColumnTransport>,
}

/// Two columns that belong together.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelForeignKeyColumnTransport {
    /// The relation's id and the place of the pair in it.
    id: Option<String>,
    source_column_name: Option<String>,
    target_column_name: Option<String>,
}

impl DataModelForeignKeyTransport {
    pub(super) fn new(model: DataModelId, key: &ForeignKey) -> Self {
        let pair = |(place, (source, target)): (usize, &(Identifier, Identifier))| {
            DataModelForeignKeyColumnTransport {
                id: Some(format!("{}-{place}", key.id)),
                source_column_name: Some(source.to_string()),
                target_column_name: Some(target.to_string()),
            }
        };
        Self {
            id: key.id,
            data_model_id: model,
            source_table_id: key.source,
            target_table_id: key.target,
            columns: key.columns.iter().enumerate().map(pair).collect(),
        }
    }
}

/// What a client may set of a relation. In a change, null leaves what is there.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelForeignKeyRequest {
    /// The table of the model on the 1 side.
    source_table_id: Option<String>,
    /// The table of the model on the N side.
    target_table_id: Option<String>,
    /// Pairs of columns, at least one.
    columns: Option<Vec<DataModelForeignKeyColumnTransport>>,
}

/// What was said, as far as something was said.
struct Said {
    source: Option<ModelTableId>,
    target: Option<ModelTableId>,
    columns: Option<Vec<(Identifier, Identifier)>>,
}

impl DataModelForeignKeyRequest {
    fn parse(self) -> Result<Said> {
        let column = |field: &str, name: Option<&String>| {
            let name = name.ok_or_else(|| Error::invalid(field, "is missing"))?;
            Identifier::parse(field, name)
        };
        let pair = |pair: &DataModelForeignKeyColumnTransport| {
            Ok((
                column("columns.sourceColumnName", pair.source_column_name.as_ref())?,
                column("columns.targetColumnName", pair.target_column_name.as_ref())?,
            ))
        };
        Ok(Said {
            source: self.source_table_id.as_deref().map(str::parse).transpose()?,
            target: self.target_table_id.as_deref().map(str::parse).transpose()?,
            columns: self.columns.map(|pairs| pairs.iter().map(pair).collect::<Result<_>>()).transpose()?,
        })
    }

    fn into_key(self) -> Result<ForeignKey> {
        let said = self.parse()?;
        let needed = |field: &str, table: Option<ModelTableId>| {
            table.ok_or_else(|| Error::invalid(field, "is missing; send the id of a table of the model"))
        };
        Ok(ForeignKey {
            id: ForeignKeyId::random(),
            source: needed("sourceTableId", said.source)?,
            target: needed("targetTableId", said.target)?,
            columns: said.columns.unwrap_or_default(),
        })
    }
}

/// The relations of a data model.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<DataModelForeignKeyTransport>)))]
pub(crate) async fn foreign_keys(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
) -> Reply<Json<Vec<DataModelForeignKeyTransport>>> {
    let keys = engine.foreign_keys(&caller, pool, model).await?;
    Ok(Json(keys.iter().map(|key| DataModelForeignKeyTransport::new(model, key)).collect()))
}

/// Adds a relation between two tables of a data model.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = DataModelForeignKeyRequest,
    responses((status = 200, body = DataModelForeignKeyTransport))
)]
pub(crate) async fn create_foreign_key(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model)): Path<(DataPoolId, DataModelId)>,
    Body(body): Body<DataModelForeignKeyRequest>,
) -> Reply<Json<DataModelForeignKeyTransport>> {
    let key = body.into_key()?;
    engine.create_foreign_key(&caller, pool, model, &key).await?;
    Ok(Json(DataModelForeignKeyTransport::new(model, &key)))
}

/// A relation of a data model.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = DataModelForeignKeyTransport)))]
pub(crate) async fn foreign_key(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model, key)): Path<(DataPoolId, DataModelId, ForeignKeyId)>,
) -> Reply<Json<DataModelForeignKeyTransport>> {
    let key = engine.foreign_key(&caller, pool, model, key).await?;
    Ok(Json(DataModelForeignKeyTransport::new(model, &key)))
}

/// Changes a relation of a data model.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = DataModelForeignKeyRequest,
    responses((status = 200, body = DataModelForeignKeyTransport))
)]
pub(crate) async fn update_foreign_key(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model, key)): Path<(DataPoolId, DataModelId, ForeignKeyId)>,
    Body(body): Body<DataModelForeignKeyRequest>,
) -> Reply<Json<DataModelForeignKeyTransport>> {
    let said = body.parse()?;
    let change = |key: &mut ForeignKey| {
        key.source = said.source.unwrap_or(key.source);
        key.target = said.target.unwrap_or(key.target);
        if let Some(columns) = said.columns {
            key.columns = columns;
        }
    };
    let changed = engine.update_foreign_key(&caller, pool, model, key, change).await?;
    Ok(Json(DataModelForeignKeyTransport::new(model, &changed)))
}

/// Deletes a relation of a data model.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_foreign_key(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, model, key)): Path<(DataPoolId, DataModelId, ForeignKeyId)>,
) -> Reply<StatusCode> {
    engine.delete_foreign_key(&caller, pool, model, key).await?;
    Ok(StatusCode::NO_CONTENT)
}
