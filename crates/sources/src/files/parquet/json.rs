//! Lists, maps and structs as JSON text.
//!
//! Numbers keep their digits; dates and times are texts as ISO 8601 writes them, bytes are in
//! hexadecimal, and NaN and the infinities, which JSON does not have, are texts.

use std::fmt::Write;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Whether values of a type are kept as JSON text.
pub(super) fn writes(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => element(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| element(field.data_type())),
        _ => false,
    }
}

fn element(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => element(values),
        DataType::Interval(_) | DataType::Duration(_) | DataType::Union(..) | DataType::RunEndEncoded(..) => {
            false
        }
        DataType::ListView(_) | DataType::LargeListView(_) => false,
        nested if nested.is_nested() => writes(nested),
        _ => true,
    }
}

/// Adds one value; `None` when a part of it has no text.
pub(super) fn write(array: &dyn Array, row: usize, text: &mut String) -> Option<()> {
    if array.is_null(row) {
        text.push_str("null");
        return Some(());
    }
    match array.data_type() {
        DataType::Null => text.push_str("null"),
        DataType::List(_) => list(&*array.as_list::<i32>().value(row), text)?,
        DataType::LargeList(_) => list(&*array.as_list::<i64>().value(row), text)?,
        DataType::FixedSizeList(..) => list(&*array.as_fixed_size_list().value(row), text)?,
        DataType::Struct(fields) => {
            text.push('{');
            for (place, field) in fields.iter().enumerate() {
                separate(place, text);
                quoted(field.name(), text)?;
                text.push(':');
                write(array.as_struct().column(place), row, text)?;
            }
            text.push('}');
        }
        DataType::Map(..) => map(array, row, text)?,
        DataType::Dictionary(_, values) => write(&*cast(&array.slice(row, 1), values).ok()?, 0, text)?,
        DataType::Float32 => float(array.as_primitive::<Float32Type>().value(row), text)?,
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row), text)?,
        DataType::Binary => quoted(&hex::encode(array.as_binary::<i32>().value(row)), text)?,
        DataType::LargeBinary => quoted(&hex::encode(array.as_binary::<i64>().value(row)), text)?,
        DataType::BinaryView => quoted(&hex::encode(array.as_binary_view().value(row)), text)?,
        DataType::FixedSizeBinary(_) => quoted(&hex::encode(array.as_fixed_size_binary().value(row)), text)?,
        data_type => {
            let options = FormatOptions::default().with_display_error(false);
            let shown = ArrayFormatter::try_new(array, &options).ok()?.value(row).try_to_string().ok()?;
            if data_type.is_integer() || data_type.is_decimal() || *data_type == DataType::Boolean {
                text.push_str(&shown);
            } else {
                quoted(&shown, text)?;
            }
        }
    }
    Some(())
}

fn list(items: &dyn Array, text: &mut String) -> Option<()> {
    text.push('[');
    for place in 0..items.len() {
        separate(place, text);
        write(items, place, text)?;
    }
    text.push(']');
    Some(())
}

/// An object where the keys are texts, otherwise a list of pairs.
fn map(array: &dyn Array, row: usize, text: &mut String) -> Option<()> {
    let entries = array.as_map().value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    let named = keys.data_type().is_string();
    text.push(if named { '{' } else { '[' });
    for place in 0..entries.len() {
        separate(place, text);
        if named {
            write(keys, place, text)?;
            text.push(':');
            write(values, place, text)?;
        } else {
            text.push('[');
            write(keys, place, text)?;
            text.push(',');
            write(values, place, text)?;
            text.push(']');
        }
    }
    text.push(if named { '}' } else { ']' });
    Some(())
}

/// A float as JSON writes it: its shortest digits.
fn float<T: std::fmt::Debug + Into<f64> + Copy>(value: T, text: &mut String) -> Option<()> {
    let wide: f64 = value.into();
    if wide.is_finite() {
        write!(text, "{value:?}").ok()
    } else if wide.is_nan() {
        quoted("NaN", text)
    } else {
        quoted(if wide > 0.0 { "Infinity" } else { "-Infinity" }, text)
    }
}

fn separate(place: usize, text: &mut String) {
    if place > 0 {
        text.push(',');
    }
}

fn quoted(value: &str, text: &mut String) -> Option<()> {
    text.push_str(&serde_json::to_string(value).ok()?);
    Some(())
}
