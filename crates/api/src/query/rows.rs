//! Rows as JSON. JSON numbers are doubles to most readers, so whatever a double would round travels
//! as text.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, UInt8Type, UInt16Type, UInt32Type,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::error::{Error, Result};
use forebay_core::warehouse::Rows;
use serde::Serialize;
use serde_json::{Number, Value};
use utoipa::ToSchema;

use super::time;
use super::types::sql_type;

/// The answer of a query.
#[derive(Serialize, ToSchema)]
pub struct QueryAnswer {
    pub columns: Vec<QueryColumn>,
    /// A list of cells for each row. Booleans, floats and integers of up to 32 bits are JSON values;
    /// wider integers, decimals, dates, times, NaN, the infinities and everything else are texts.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than the limit, or than fit into memory.
    truncated: bool,
}

/// A column of an answer.
#[derive(Serialize, ToSchema)]
pub struct QueryColumn {
    pub name: String,
    /// The SQL type in which the values came. Enums, UUIDs and JSON come as VARCHAR.
    #[serde(rename = "type")]
    pub kind: String,
}

impl QueryAnswer {
    pub fn new(rows: &Rows) -> Result<Self> {
        let columns = rows.schema.fields().iter();
        let columns = columns
            .map(|field| QueryColumn { name: field.name().clone(), kind: sql_type(field.data_type()) });
        let mut answer = Self { columns: columns.collect(), rows: Vec::new(), truncated: rows.truncated };
        for batch in &rows.batches {
            answer.add(batch)?;
        }
        Ok(answer)
    }

    /// The cells as texts, as they are written; `None` for NULL.
    pub fn into_texts(self) -> Vec<Vec<Option<String>>> {
        let text = |cell: Value| match cell {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        self.rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect()
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        // A text that says "error" in the place of a value is worse than no answer.
        let options = FormatOptions::default().with_display_error(false);
        let mut formatters = Vec::new();
        for column in batch.columns() {
            formatters.push(ArrayFormatter::try_new(column.as_ref(), &options).map_err(Error::internal)?);
        }
        for row in 0..batch.num_rows() {
            let mut cells = Vec::with_capacity(formatters.len());
            for (place, (column, formatter)) in batch.columns().iter().zip(&formatters).enumerate() {
                let cell = cell(column.as_ref(), formatter, row).map_err(|_| Error::Refused {
                    message: format!(
                        "a value of the column {} has no JSON form; cast it to VARCHAR in the query",
                        self.columns.get(place).map_or("?", |column| column.name.as_str())
                    ),
                })?;
                cells.push(cell);
            }
            self.rows.push(cells);
        }
        Ok(())
    }
}

fn cell(column: &dyn Array, formatter: &ArrayFormatter<'_>, row: usize) -> Result<Value, ArrowError> {
    // A column that is nothing but NULL has no list of them.
    if column.is_null(row) || *column.data_type() == DataType::Null {
        return Ok(Value::Null);
    }
    Ok(match column.data_type() {
        DataType::Boolean => Value::from(column.as_boolean().value(row)),
        DataType::Int8 => Value::from(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => Value::from(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => Value::from(column.as_primitive::<Int32Type>().value(row)),
        DataType::UInt8 => Value::from(column.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => Value::from(column.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => Value::from(column.as_primitive::<UInt32Type>().value(row)),
        // The shortest text that reads back as the same value: 0.1 stays 0.1, though it is no double.
        DataType::Float32 => {
            let value = column.as_primitive::<Float32Type>().value(row);
            float(f64::from(value), value.to_string().parse().ok())
        }
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            float(value, Some(value))
        }
        _ => match time::text(column, row) {
            Some(text) => Value::from(text),
            None => Value::from(formatter.value(row).try_to_string()?),
        },
    })
}

/// NaN and the infinities have no JSON number.
fn float(value: f64, shortest: Option<f64>) -> Value {
    match shortest.and_then(Number::from_f64) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None if value > 0.0 => Value::from("inf"),
        None => Value::from("-inf"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array,
        ListArray, NullArray, StringArray,
    };
    use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_double_would_round_is_text() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("a", Arc::new(Int64Array::from(vec![9_007_199_254_740_993, -1]))),
            ("b", Arc::new(Int32Array::from(vec![Some(-7), None]))),
            ("c", Arc::new(Float64Array::from(vec![f64::NAN, 0.1]))),
            ("d", Arc::new(Float32Array::from(vec![0.1, f32::NEG_INFINITY]))),
            ("e", Arc::new(BooleanArray::from(vec![true, false]))),
            ("f", Arc::new(StringArray::from(vec!["ü", ""]))),
            (
                "g",
                Arc::new(Decimal128Array::from(vec![123_450, -5]).with_precision_and_scale(12, 3).unwrap()),
            ),
        ];
        let fields: Vec<Field> =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
        let rows = Rows { schema, batches: vec![batch], truncated: true };
        let answer = json!(QueryAnswer::new(&rows).unwrap());
        let expected = json!([
            ["9007199254740993", -7, "NaN", 0.1, true, "ü", "123.450"],
            ["-1", null, 0.1, "-inf", false, "", "-0.005"],
        ]);
        assert_eq!((&answer["rows"], &answer["truncated"]), (&expected, &json!(true)));
        let types: Vec<&Value> = (0..7).map(|place| &answer["columns"][place]["type"]).collect();
        assert_eq!(types, ["BIGINT", "INTEGER", "DOUBLE", "FLOAT", "BOOLEAN", "VARCHAR", "DECIMAL(12,3)"]);
    }

    fn of(array: ArrayRef) -> Result<Value> {
        let schema = Arc::new(Schema::new(vec![Field::new("a", array.data_type().clone(), true)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array]).unwrap();
        let rows = Rows { schema, batches: vec![batch], truncated: false };
        Ok(json!(QueryAnswer::new(&rows)?)["rows"][0][0].clone())
    }

    #[test]
    fn a_column_of_nothing_is_null_and_a_value_without_a_text_is_refused() {
        assert_eq!(of(Arc::new(NullArray::new(1))).unwrap(), Value::Null);
        let infinity =
            ListArray::from_iter_primitive::<TimestampMicrosecondType, _, _>([Some([Some(i64::MAX)])]);
        let message = of(Arc::new(infinity)).unwrap_err().to_string();
        assert!(message.contains("column a") && message.contains("VARCHAR"), "{message}");
    }
}
