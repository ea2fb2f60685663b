//! Tables of a pool, as `PoolTable` and `PoolColumn`.

use axum::Json;
use axum::extract::State;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::name::Name;
use forebay_core::pool::connection_schema;
use forebay_core::warehouse::{PoolColumn, PoolTable};
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::auth::Auth;
use super::path::Path;
use super::problem::Reply;
use super::query_string::{FromQuery, Pairs, Query};
use super::words::{PoolColumnType, PropertyType};

const TAG: &str = "Tables";

/// A table or view of a data pool.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolTableTransport {
    name: String,
    loader_source: Option<String>,
    available: bool,
    /// Whose schema it lies in; null is the global one.
    #[schema(value_type = Option<Uuid>)]
    data_source_id: Option<DataConnectionId>,
    data_source_name: Option<String>,
    columns: Vec<PoolColumnTransport>,
    #[serde(rename = "type")]
    kind: PropertyType,
    schema_name: String,
}

/// A column of a data pool's table.
#[derive(Serialize, ToSchema)]
pub(crate) struct PoolColumnTransport {
    name: String,
    /// Always null: texts have no length of their own.
    length: Option<i32>,
    #[serde(rename = "type")]
    kind: PoolColumnType,
}

impl PoolTableTransport {
    fn new(table: &PoolTable, owner: Option<&(DataConnectionId, Name)>) -> Self {
        Self {
            name: table.table.name.to_string(),
            loader_source: None,
            available: true,
            data_source_id: owner.map(|(id, _)| *id),
            data_source_name: owner.map(|(_, name)| name.to_string()),
            columns: table.columns.iter().map(PoolColumnTransport::from).collect(),
            kind: table.kind.into(),
            schema_name: table.table.schema.to_string(),
        }
    }
}

impl From<&PoolColumn> for PoolColumnTransport {
    fn from(column: &PoolColumn) -> Self {
        Self { name: column.name.to_string(), length: None, kind: wire_type(&column.type_name) }
    }
}

/// Clients tell four types apart.
fn wire_type(name: &str) -> PoolColumnType {
    let name = name.to_ascii_uppercase();
    // A list of numbers is no number.
    if name.ends_with(']') {
        return PoolColumnType::String;
    }
    match name.split(['(', ' ']).next().unwrap_or_default() {
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT" | "USMALLINT" | "UINTEGER"
        | "UBIGINT" | "UHUGEINT" => PoolColumnType::Integer,
        "FLOAT" | "DOUBLE" | "DECIMAL" => PoolColumnType::Float,
        "DATE" | "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS" => PoolColumnType::Date,
        _ => PoolColumnType::String,
    }
}

/// The tables and views of a data pool.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<PoolTableTransport>)))]
pub(crate) async fn tables(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<PoolTableTransport>>> {
    let connections = engine.data_connection_names(&caller, pool).await?;
    let tables = engine.tables(&caller, pool).await?;
    let schemas: Vec<_> =
        connections.iter().map(|(connection, _)| connection_schema(pool, *connection)).collect();
    let owner = |table: &PoolTable| {
        let place = schemas.iter().position(|schema| *schema == table.table.schema)?;
        connections.get(place)
    };
    Ok(Json(tables.iter().map(|table| PoolTableTransport::new(table, owner(table))).collect()))
}

/// Which table is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct ColumnQuery {
    /// The table, in any case.
    table_name: String,
    /// A data connection's id or a schema's name; the global schema when missing.
    schema_name: Option<String>,
}

impl FromQuery for ColumnQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        let name = pairs.text("tableName")?;
        Ok(Self {
            table_name: name.ok_or_else(|| Error::invalid("tableName", "is missing"))?.to_owned(),
            schema_name: pairs.text("schemaName")?.map(str::to_owned),
        })
    }
}

/// The columns of a table.
#[utoipa::path(
    get, path = "", tag = TAG, params(ColumnQuery),
    responses((status = 200, body = Vec<PoolColumnTransport>))
)]
pub(crate) async fn columns(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Query(query): Query<ColumnQuery>,
) -> Reply<Json<Vec<PoolColumnTransport>>> {
    let table = engine.table(&caller, pool, query.schema_name.as_deref(), &query.table_name).await?;
    Ok(Json(table.columns.iter().map(PoolColumnTransport::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_the_warehouse_become_the_four_of_the_contract() {
        let check = |name: &str, expected| assert_eq!(wire_type(name), expected, "{name}");
        check("BIGINT", PoolColumnType::Integer);
        check("DECIMAL(18,3)", PoolColumnType::Float);
        check("double", PoolColumnType::Float);
        check("TIMESTAMP", PoolColumnType::Date);
        check("TIMESTAMP WITH TIME ZONE", PoolColumnType::Date);
        check("DATE", PoolColumnType::Date);
        check("TIME", PoolColumnType::String);
        check("VARCHAR", PoolColumnType::String);
        check("INTEGER[]", PoolColumnType::String);
        check("INTERVAL", PoolColumnType::String);
    }
}
