//! Which rows pass: bounds on a column, compared here because a file has no SQL.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, Scalar, StringArray, TimestampMicrosecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::compute::kernels::cmp;
use arrow::compute::{SortOptions, and, cast, filter_record_batch, is_null, or_kleene, sort_to_indices};
use arrow::datatypes::{DataType, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::decimal::scaled;
use crate::iso;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    AtLeast,
    Above,
    AtMost,
}

/// One condition on a column of the batches.
#[derive(Debug)]
pub(super) struct Test {
    /// The column's place in the batches.
    pub(super) place: usize,
    pub(super) comparison: Comparison,
    /// One value of the column's type.
    pub(super) bound: ArrayRef,
    /// Whether rows without a value pass.
    pub(super) nulls: bool,
}

/// The rows that pass all tests.
pub(super) fn passing(tests: &[Test], batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut mask: Option<BooleanArray> = None;
    for test in tests {
        let column = batch.column(test.place);
        let bound = Scalar::new(Arc::clone(&test.bound));
        let mut passes = match test.comparison {
            Comparison::AtLeast => cmp::gt_eq(column, &bound)?,
            Comparison::Above => cmp::gt(column, &bound)?,
            Comparison::AtMost => cmp::lt_eq(column, &bound)?,
        };
        if test.nulls {
            passes = or_kleene(&passes, &is_null(column)?)?;
        }
        mask = Some(match mask {
            Some(mask) => and(&mask, &passes)?,
            None => passes,
        });
    }
    match mask {
        // A row whose answer is NULL does not pass.
        Some(mask) => filter_record_batch(&batch, &mask),
        None => Ok(batch),
    }
}

/// Whether a type's values can be compared with a bound written as text.
pub(super) fn compares(data_type: &DataType) -> bool {
    data_type.is_numeric()
        || matches!(
            data_type,
            DataType::Utf8 | DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, None)
        )
}

/// A text as one value of a type; `None` when it is none.
pub(super) fn value(data_type: &DataType, text: &str) -> Option<ArrayRef> {
    Some(match data_type {
        DataType::Int8 => Arc::new(Int8Array::from(vec![text.parse::<i8>().ok()?])),
        DataType::Int16 => Arc::new(Int16Array::from(vec![text.parse::<i16>().ok()?])),
        DataType::Int32 => Arc::new(Int32Array::from(vec![text.parse::<i32>().ok()?])),
        DataType::Int64 => Arc::new(Int64Array::from(vec![text.parse::<i64>().ok()?])),
        DataType::UInt8 => Arc::new(UInt8Array::from(vec![text.parse::<u8>().ok()?])),
        DataType::UInt16 => Arc::new(UInt16Array::from(vec![text.parse::<u16>().ok()?])),
        DataType::UInt32 => Arc::new(UInt32Array::from(vec![text.parse::<u32>().ok()?])),
        DataType::UInt64 => Arc::new(UInt64Array::from(vec![text.parse::<u64>().ok()?])),
        DataType::Float32 => {
            Arc::new(Float32Array::from(vec![text.parse::<f32>().ok().filter(|value| value.is_finite())?]))
        }
        DataType::Float64 => {
            Arc::new(Float64Array::from(vec![text.parse::<f64>().ok().filter(|value| value.is_finite())?]))
        }
        DataType::Decimal128(precision, scale) => {
            let value = scaled(text, *precision, *scale)?;
            Arc::new(Decimal128Array::from(vec![value]).with_data_type(data_type.clone()))
        }
        DataType::Date32 => Arc::new(Date32Array::from(vec![iso::date(text)?])),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            Arc::new(TimestampMicrosecondArray::from(vec![iso::moment(text)?]))
        }
        DataType::Utf8 => Arc::new(StringArray::from(vec![text])),
        _ => return None,
    })
}

/// A value as text that [`value`] reads back.
pub(super) fn text(value: &ArrayRef) -> Option<String> {
    match value.data_type() {
        DataType::Date32 => {
            let days = cast(&cast(value, &DataType::Int32).ok()?, &DataType::Int64).ok()?;
            iso::date_text(days.as_any().downcast_ref::<Int64Array>()?.value(0))
        }
        DataType::Timestamp(..) => {
            let micros = cast(value, &DataType::Int64).ok()?;
            iso::timestamp_text(micros.as_any().downcast_ref::<Int64Array>()?.value(0))
        }
        DataType::Float32 => Some(format!("{:?}", value.as_any().downcast_ref::<Float32Array>()?.value(0))),
        DataType::Float64 => Some(format!("{:?}", value.as_any().downcast_ref::<Float64Array>()?.value(0))),
        _ => arrow::util::display::array_value_to_string(value, 0).ok(),
    }
}

/// The greater of a value seen before and the greatest of a column. What has no end, as NaN and the
/// infinities, counts as no value: nothing would come after it.
pub(super) fn newest(before: Option<ArrayRef>, column: &ArrayRef) -> Result<Option<ArrayRef>, ArrowError> {
    let column = finite(column);
    let descending = SortOptions { descending: true, nulls_first: false };
    let first = sort_to_indices(&column, Some(descending), Some(1))?;
    if first.is_empty() || column.is_null(first.value(0) as usize) {
        return Ok(before);
    }
    let greatest = column.slice(first.value(0) as usize, 1);
    Ok(match before {
        Some(before) if !cmp::gt(&greatest, &before)?.value(0) => Some(before),
        _ => Some(greatest),
    })
}

fn finite(column: &ArrayRef) -> ArrayRef {
    use arrow::array::AsArray;
    match column.data_type() {
        DataType::Float32 => Arc::new(
            column
                .as_primitive::<Float32Type>()
                .unary_opt::<_, Float32Type>(|value| value.is_finite().then_some(value)),
        ),
        DataType::Float64 => Arc::new(
            column
                .as_primitive::<Float64Type>()
                .unary_opt::<_, Float64Type>(|value| value.is_finite().then_some(value)),
        ),
        // The greatest numbers stand for the infinities.
        DataType::Timestamp(TimeUnit::Microsecond, None) => Arc::new(
            column
                .as_primitive::<TimestampMicrosecondType>()
                .unary_opt::<_, TimestampMicrosecondType>(|value| iso::in_range(value).then_some(value)),
        ),
        _ => Arc::clone(column),
    }
}
