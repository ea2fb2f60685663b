//! SQL on a pool's tables, read only. JSON numbers are doubles to most readers, so whatever a
//! double would round travels as text.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, UInt8Type, UInt16Type, UInt32Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use forebay_core::error::{Error, Result};
use forebay_core::warehouse::Rows;
use forebay_engine::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Auth;
use super::body::Body;
use super::problem::Reply;

/// Rows of an answer when the caller does not say.
const LIMIT: usize = 1000;
/// The media type of Arrow's streaming format.
const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryBody {
    sql: Option<String>,
    limit: Option<usize>,
    connection_id: Option<String>,
}

pub(crate) async fn query(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<String>,
    headers: HeaderMap,
    Body(body): Body<QueryBody>,
) -> Reply<Response> {
    let sql = body.sql.ok_or_else(|| Error::invalid("sql", "is missing"))?;
    let connection = body.connection_id.as_deref().map(str::parse).transpose()?;
    let limit = body.limit.unwrap_or(LIMIT);
    let rows = engine.query(&caller, pool.parse()?, connection, sql, limit).await?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains(ARROW_STREAM) {
        let truncated = if rows.truncated { "true" } else { "false" };
        let headers = [(header::CONTENT_TYPE.as_str(), ARROW_STREAM), ("x-forebay-truncated", truncated)];
        return Ok((headers, arrow_stream(&rows)?).into_response());
    }
    Ok(Json(json_rows(&rows)?).into_response())
}

fn arrow_stream(rows: &Rows) -> Result<Vec<u8>> {
    let mut writer =
        arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &rows.schema).map_err(Error::internal)?;
    for batch in &rows.batches {
        writer.write(batch).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(Error::internal)
}

fn json_rows(rows: &Rows) -> Result<Value> {
    let columns: Vec<Value> = rows
        .schema
        .fields()
        .iter()
        .map(|field| json!({"name": field.name(), "type": field.data_type().to_string()}))
        .collect();
    let mut lines = Vec::new();
    for batch in &rows.batches {
        append_lines(batch, &mut lines)?;
    }
    Ok(json!({"columns": columns, "rows": lines, "truncated": rows.truncated}))
}

fn append_lines(batch: &RecordBatch, lines: &mut Vec<Value>) -> Result<()> {
    let options = FormatOptions::default();
    let formatters = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).map_err(Error::internal))
        .collect::<Result<Vec<_>>>()?;
    for row in 0..batch.num_rows() {
        let cells = batch.columns().iter().zip(&formatters);
        lines.push(Value::Array(
            cells.map(|(column, formatter)| cell(column.as_ref(), formatter, row)).collect(),
        ));
    }
    Ok(())
}

fn cell(column: &dyn Array, formatter: &ArrayFormatter<'_>, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    let text = || Value::from(formatter.value(row).to_string());
    match column.data_type() {
        DataType::Boolean => Value::from(column.as_boolean().value(row)),
        DataType::Int8 => Value::from(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => Value::from(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => Value::from(column.as_primitive::<Int32Type>().value(row)),
        DataType::UInt8 => Value::from(column.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => Value::from(column.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => Value::from(column.as_primitive::<UInt32Type>().value(row)),
        // NaN and the infinities have no JSON number.
        DataType::Float32 => {
            let value = f64::from(column.as_primitive::<Float32Type>().value(row));
            serde_json::Number::from_f64(value).map_or_else(text, Value::Number)
        }
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            serde_json::Number::from_f64(value).map_or_else(text, Value::Number)
        }
        _ => text(),
    }
}
