//! Arrow's many types as the ones that the warehouse takes, value by value without a loss.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, FixedSizeBinaryArray, Int64Array, StringArray, StringBuilder,
    Time64MicrosecondArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal256Type, TimeUnit};
use arrow::util::display::array_value_to_string;

use super::json;

pub(super) const FINER: &str = "is finer than microseconds";
const TOO_FAR: &str = "is beyond the range of 64-bit microseconds";

/// A value that cannot be kept.
pub(super) struct Unfit {
    /// Its row among those looked at, from 0.
    pub(super) row: Option<usize>,
    pub(super) value: String,
    pub(super) reason: &'static str,
}

/// The type in which values of a type are kept; `None` when no type keeps them.
pub(super) fn kept_as(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32 => data_type.clone(),
        DataType::Float16 => DataType::Float32,
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => decimal(*precision, *scale)?,
        DataType::Dictionary(_, values) => kept_as(values)?,
        DataType::RunEndEncoded(_, values) => kept_as(values.data_type())?,
        nested if json::writes(nested) => DataType::Utf8,
        _ => return None,
    })
}

/// Wider decimals may hold values that fit: each is looked at.
fn decimal(precision: u8, scale: i8) -> Option<DataType> {
    match u8::try_from(scale) {
        Ok(digits) if digits <= 38 => Some(DataType::Decimal128(precision.min(38), scale)),
        Ok(_) => None,
        Err(_) => {
            let precision = precision.checked_add(scale.unsigned_abs())?;
            (precision <= 38).then_some(DataType::Decimal128(precision, 0))
        }
    }
}

/// The values as the type that [`kept_as`] told, or as text where they are UUIDs.
pub(super) fn keep(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, Unfit> {
    let found = array.data_type();
    match (found, target) {
        (found, target) if found == target => Ok(Arc::clone(array)),
        (DataType::Dictionary(_, values), _) => keep(&converted(array, values)?, target),
        (DataType::RunEndEncoded(_, values), _) => keep(&converted(array, values.data_type())?, target),
        (DataType::Null, _) => Ok(new_null_array(target, array.len())),
        (DataType::Timestamp(unit, _), _) => {
            let micros = counted(array, *unit)?;
            Ok(Arc::new(TimestampMicrosecondArray::new(micros.values().clone(), micros.nulls().cloned())))
        }
        (DataType::Time32(unit) | DataType::Time64(unit), _) => {
            let micros = counted(array, *unit)?;
            Ok(Arc::new(Time64MicrosecondArray::new(micros.values().clone(), micros.nulls().cloned())))
        }
        (DataType::Date64, _) => {
            let millis = converted(array, &DataType::Int64)?;
            let millis = millis.as_primitive::<arrow::datatypes::Int64Type>();
            let partial =
                (0..millis.len()).find(|&row| !millis.is_null(row) && millis.value(row) % 86_400_000 != 0);
            match partial {
                Some(row) => Err(unfit(array, row, "is no whole day")),
                None => converted(array, target),
            }
        }
        (DataType::Decimal256(..), DataType::Decimal128(precision, _)) => narrow(array, *precision, target),
        (DataType::FixedSizeBinary(16), DataType::Utf8) => Ok(uuids(array.as_fixed_size_binary())),
        (found, DataType::Utf8) if json::writes(found) => texts(array),
        _ => converted(array, target),
    }
}

/// A conversion that keeps every value, or fails.
fn converted(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, Unfit> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &options).map_err(|error| Unfit {
        row: None,
        value: error.to_string(),
        reason: "is why a value cannot be kept",
    })
}

fn unfit(array: &ArrayRef, row: usize, reason: &'static str) -> Unfit {
    let value = array_value_to_string(array, row).unwrap_or_else(|_| "a value".to_owned());
    Unfit { row: Some(row), value, reason }
}

/// Times in microseconds, from any unit.
fn counted(array: &ArrayRef, unit: TimeUnit) -> Result<Int64Array, Unfit> {
    let numbers = match array.data_type() {
        DataType::Time32(_) => converted(&converted(array, &DataType::Int32)?, &DataType::Int64)?,
        _ => converted(array, &DataType::Int64)?,
    };
    let numbers = numbers.as_primitive::<arrow::datatypes::Int64Type>();
    let factor = match unit {
        TimeUnit::Second => 1_000_000,
        TimeUnit::Millisecond => 1000,
        TimeUnit::Microsecond => return Ok(numbers.clone()),
        TimeUnit::Nanosecond => {
            let finer =
                (0..numbers.len()).find(|&row| !numbers.is_null(row) && numbers.value(row) % 1000 != 0);
            return match finer {
                Some(row) => Err(unfit(array, row, FINER)),
                None => Ok(numbers.unary(|number| number.div_euclid(1000))),
            };
        }
    };
    let far = |row: &usize| !numbers.is_null(*row) && numbers.value(*row).checked_mul(factor).is_none();
    match (0..numbers.len()).find(far) {
        Some(row) => Err(unfit(array, row, TOO_FAR)),
        // What lies below a NULL may be anything.
        None => Ok(numbers.unary(|number| number.wrapping_mul(factor))),
    }
}

fn narrow(array: &ArrayRef, precision: u8, target: &DataType) -> Result<ArrayRef, Unfit> {
    let wide = array.as_primitive::<Decimal256Type>();
    let limit = 10i128.pow(u32::from(precision));
    let mut values = Vec::with_capacity(wide.len());
    for row in 0..wide.len() {
        values.push(if wide.is_null(row) {
            None
        } else {
            match wide.value(row).to_i128().filter(|value| *value < limit && *value > -limit) {
                Some(value) => Some(value),
                None => return Err(unfit(array, row, "has more than 38 digits")),
            }
        });
    }
    Ok(Arc::new(Decimal128Array::from(values).with_data_type(target.clone())))
}

/// UUIDs in lower case with hyphens.
fn uuids(bytes: &FixedSizeBinaryArray) -> ArrayRef {
    let text = |bytes: &[u8]| {
        let text = hex::encode(bytes);
        [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
    };
    Arc::new(bytes.iter().map(|value| value.map(text)).collect::<StringArray>())
}

fn texts(array: &ArrayRef) -> Result<ArrayRef, Unfit> {
    let mut builder = StringBuilder::new();
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        match json::write(array, row, &mut text) {
            Some(()) => builder.append_value(&text),
            None => {
                return Err(Unfit {
                    row: Some(row),
                    value: text,
                    reason: "goes on with a value that has no text",
                });
            }
        }
    }
    Ok(Arc::new(builder.finish()))
}
