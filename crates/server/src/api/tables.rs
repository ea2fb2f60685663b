//! Tables of a pool, as `PoolTable` and `PoolColumn`.

use axum::Json;
use axum::extract::{Path, Query, State};
use forebay_core::error::Error;
use forebay_core::id::DataPoolId;
use forebay_core::pool::connection_schema;
use forebay_core::warehouse::{PoolColumn, PoolTableKind};
use forebay_engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::problem::Reply;

/// `PoolColumnType` has four values.
fn wire_type(name: &str) -> &'static str {
    let name = name.to_ascii_uppercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if begins(&[
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
    ]) {
        "INTEGER"
    } else if begins(&["FLOAT", "DOUBLE", "DECIMAL"]) {
        "FLOAT"
    } else if begins(&["DATE", "TIMESTAMP"]) {
        "DATE"
    } else {
        "STRING"
    }
}

fn column(column: &PoolColumn) -> Value {
    json!({"name": column.name, "length": 0, "type": wire_type(&column.type_name)})
}

pub(crate) async fn list(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
) -> Reply<Json<Value>> {
    let pool: DataPoolId = pool.parse()?;
    let connections = engine.data_connections(&caller, pool).await?;
    let tables = engine.tables(&caller, pool).await?;
    Ok(Json(
        tables
            .iter()
            .map(|table| {
                let owner = connections
                    .iter()
                    .find(|connection| connection_schema(pool, connection.id) == table.table.schema);
                json!({
                    "name": table.table.name, "loaderSource": null, "available": true,
                    "dataSourceId": owner.map(|owner| owner.id), "dataSourceName": owner.map(|owner| &owner.name),
                    "columns": table.columns.iter().map(column).collect::<Vec<_>>(),
                    "type": match table.kind { PoolTableKind::Table => "TABLE", PoolTableKind::View => "VIEW" },
                    "schemaName": table.table.schema,
                })
            })
            .collect(),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ColumnQuery {
    table_name: Option<String>,
    schema_name: Option<String>,
}

pub(crate) async fn columns(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    Query(query): Query<ColumnQuery>,
) -> Reply<Json<Value>> {
    let name = query.table_name.ok_or_else(|| Error::invalid("tableName", "is missing"))?;
    let table = engine.table(&caller, pool.parse()?, query.schema_name.as_deref(), &name).await?;
    Ok(Json(table.columns.iter().map(column).collect()))
}
