//! The values of a file as the types of a table: each as it is, or the push fails and names it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray, new_null_array};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type, TimeUnit};
use arrow::util::display::array_value_to_string;

use super::text::{Reading, parsed};

/// A value that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// Its row among those looked at, from 0; `None` for all of them.
    pub(crate) row: Option<usize>,
    pub(crate) value: String,
    pub(crate) reason: &'static str,
}

impl Unfit {
    /// That no value of the type can become one of the other.
    pub(crate) fn of_type(what: &str) -> Self {
        Self { row: None, value: what.to_owned(), reason: "" }
    }
}

/// Values as a type.
pub(crate) fn converted(array: &ArrayRef, target: &DataType, reading: &Reading) -> Result<ArrayRef, Unfit> {
    match (array.data_type(), target) {
        (found, target) if found == target => Ok(Arc::clone(array)),
        (DataType::Null, _) => Ok(new_null_array(target, array.len())),
        (DataType::Utf8, _) => parsed(array.as_string::<i32>(), target, reading),
        (DataType::Binary, DataType::Utf8) => texts_of(array),
        (found, DataType::Utf8) if has_text(found) => cast(array, target).map_err(|_| types(found, target)),
        (found, target) if goes_with(found, target) => checked_cast(array, target),
        (found, target) => Err(types(found, target)),
    }
}

fn types(found: &DataType, target: &DataType) -> Unfit {
    Unfit::of_type(&format!("values of the type {found} cannot become {target}"))
}

fn has_text(kind: &DataType) -> bool {
    kind.is_numeric()
        || matches!(
            kind,
            DataType::Boolean | DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(..)
        )
}

/// Whether values of a type may be values of the other.
fn goes_with(found: &DataType, target: &DataType) -> bool {
    let is_moment = |kind: &DataType| matches!(kind, DataType::Date32 | DataType::Timestamp(..));
    let is_truth = |kind: &DataType| *kind == DataType::Boolean;
    (found.is_numeric() && target.is_numeric())
        || (is_moment(found) && is_moment(target))
        || (is_truth(found) && target.is_integer())
        || (found.is_integer() && is_truth(target))
}

/// A cast that gives every value back when it is undone.
pub(crate) fn checked_cast(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, Unfit> {
    let found = array.data_type();
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let made = cast_with_options(array, target, &options).map_err(|_| types(found, target))?;
    let back = cast_with_options(&made, found, &options).map_err(|_| types(found, target))?;
    let lost = match found {
        DataType::Float64 => lost_float(array.as_primitive::<Float64Type>(), back.as_primitive()),
        DataType::Float32 => lost_float(array.as_primitive::<Float32Type>(), back.as_primitive()),
        _ => {
            let differs = distinct(array, &back).map_err(|_| types(found, target))?;
            differs.iter().position(|differs| differs == Some(true))
        }
    };
    match lost {
        None => Ok(made),
        Some(row) => Err(Unfit { row: Some(row), value: shown(array, row), reason: "does not fit" }),
    }
}

/// The first number that is not the same; zero has one value, whatever its sign.
fn lost_float<T>(before: &PrimitiveArray<T>, after: &PrimitiveArray<T>) -> Option<usize>
where
    T: ArrowPrimitiveType,
    T::Native: PartialEq,
{
    #[expect(clippy::eq_op, reason = "nothing but NaN differs from itself, whatever the type")]
    let is_nan = |value: T::Native| value != value;
    before.iter().zip(after.iter()).position(|values| match values {
        (Some(before), Some(after)) => before != after && !(is_nan(before) && is_nan(after)),
        (before, after) => before.is_some() != after.is_some(),
    })
}

/// Bytes that are text.
fn texts_of(array: &ArrayRef) -> Result<ArrayRef, Unfit> {
    let bytes = array.as_binary::<i32>();
    let mut texts = Vec::with_capacity(bytes.len());
    for (row, value) in bytes.iter().enumerate() {
        texts.push(match value.map(std::str::from_utf8) {
            None => None,
            Some(Ok(text)) => Some(text),
            Some(Err(_)) => {
                return Err(Unfit { row: Some(row), value: shown(array, row), reason: "is no text" });
            }
        });
    }
    Ok(Arc::new(StringArray::from(texts)))
}

fn shown(array: &ArrayRef, row: usize) -> String {
    array_value_to_string(array, row).unwrap_or_else(|_| "a value".to_owned())
}

/// The type that holds the values of both; `None` when there is none, or when it is not ours to say.
pub(crate) fn common(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType::{Boolean, Date32, Decimal128, Float32, Float64, Null, Timestamp};
    Some(match (one, other) {
        (one, other) if one == other => one.clone(),
        (Null, kind) | (kind, Null) => kind.clone(),
        (one, other) if one.is_integer() && other.is_integer() => wider_integer(one, other),
        (Float32, Float64) | (Float64, Float32) => Float64,
        // Frames have whole numbers as floats where some are missing. Each value is looked at.
        (Float32 | Float64, kind) | (kind, Float32 | Float64) if kind.is_numeric() => Float64,
        (Decimal128(digits, scale), Decimal128(other_digits, other_scale)) => decimal(
            i16::from(*digits) - i16::from(*scale),
            *scale,
            i16::from(*other_digits) - i16::from(*other_scale),
            *other_scale,
        )?,
        (Decimal128(digits, scale), whole) | (whole, Decimal128(digits, scale)) if whole.is_integer() => {
            decimal(i16::from(*digits) - i16::from(*scale), *scale, 19, 0)?
        }
        (Date32, moment @ Timestamp(..)) | (moment @ Timestamp(..), Date32) => moment.clone(),
        (Boolean, whole) | (whole, Boolean) if whole.is_integer() => whole.clone(),
        _ => return None,
    })
}

fn decimal(whole: i16, scale: i8, other_whole: i16, other_scale: i8) -> Option<DataType> {
    let scale = scale.max(other_scale);
    let digits = u8::try_from(whole.max(other_whole) + i16::from(scale)).ok()?;
    (digits <= 38).then_some(DataType::Decimal128(digits, scale))
}

/// The narrowest type that holds both; of unsigned and signed ones with 64 bits, the signed one, where each
/// value is looked at.
fn wider_integer(one: &DataType, other: &DataType) -> DataType {
    let bits = |kind: &DataType| kind.primitive_width().unwrap_or(8) * 8;
    let signed = |kind: &DataType| kind.is_signed_integer();
    let width = match (signed(one), signed(other)) {
        (true, true) | (false, false) => bits(one).max(bits(other)),
        (true, false) => bits(one).max(2 * bits(other)),
        (false, true) => bits(other).max(2 * bits(one)),
    };
    match (signed(one) || signed(other), width) {
        (true, 8) => DataType::Int8,
        (true, 16) => DataType::Int16,
        (true, 32) => DataType::Int32,
        (true, _) => DataType::Int64,
        (false, 8) => DataType::UInt8,
        (false, 16) => DataType::UInt16,
        (false, 32) => DataType::UInt32,
        (false, _) => DataType::UInt64,
    }
}

/// The type of a column that the warehouse has; `None` for one that no load makes.
pub(crate) fn known_type(name: &str) -> Option<DataType> {
    Some(match name {
        "BOOLEAN" => DataType::Boolean,
        "TINYINT" => DataType::Int8,
        "SMALLINT" => DataType::Int16,
        "INTEGER" => DataType::Int32,
        "BIGINT" => DataType::Int64,
        "UTINYINT" => DataType::UInt8,
        "USMALLINT" => DataType::UInt16,
        "UINTEGER" => DataType::UInt32,
        "UBIGINT" => DataType::UInt64,
        "FLOAT" => DataType::Float32,
        "DOUBLE" => DataType::Float64,
        "VARCHAR" => DataType::Utf8,
        "BLOB" => DataType::Binary,
        "DATE" => DataType::Date32,
        "TIME" => DataType::Time64(TimeUnit::Microsecond),
        "TIMESTAMP" => DataType::Timestamp(TimeUnit::Microsecond, None),
        _ => {
            let arguments = name.strip_prefix("DECIMAL(")?.strip_suffix(')')?;
            let (digits, scale) = arguments.split_once(',')?;
            DataType::Decimal128(digits.trim().parse().ok()?, scale.trim().parse().ok()?)
        }
    })
}

/// The type in which values go to a column that the table has: its own, or a wider one of the same sort, which
/// the table then takes.
pub(crate) fn toward(table: &DataType, coming: &DataType) -> DataType {
    let sort = |kind: &DataType| (kind.is_integer(), kind.is_floating(), kind.is_decimal());
    let of_one_sort = table.is_numeric() && sort(table) == sort(coming);
    match of_one_sort.then(|| common(table, coming)).flatten() {
        Some(wider) => wider,
        None => table.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, BooleanArray, Float64Array, Int64Array, TimestampMicrosecondArray};

    use super::*;

    const MOMENT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

    #[track_caller]
    fn check(array: ArrayRef, target: DataType, expected: Result<&[&str], &str>) {
        let found = converted(&array, &target, &Reading::default()).map(|made| {
            assert_eq!(*made.data_type(), target);
            (0..made.len()).map(|row| shown(&made, row)).collect::<Vec<_>>()
        });
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(unfit), Err(expected)) => {
                assert_eq!(format!("{} {}", unfit.value, unfit.reason).trim(), expected);
            }
            (found, _) => panic!("{array:?} as {target} gave {found:?}"),
        }
    }

    #[test]
    fn a_value_is_kept_or_named() {
        let floats = |values: &[f64]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
        let whole = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
        check(floats(&[1.0, -0.0]), DataType::Int64, Ok(&["1", "0"]));
        check(floats(&[1.0, 1.5]), DataType::Int64, Err("1.5 does not fit"));
        check(floats(&[f64::NAN]), DataType::Int64, Err("NaN does not fit"));
        check(floats(&[0.1]), DataType::Decimal128(18, 2), Ok(&["0.10"]));
        check(floats(&[0.125]), DataType::Decimal128(18, 2), Err("0.125 does not fit"));
        check(whole(&[1 << 53]), DataType::Float64, Ok(&["9007199254740992.0"]));
        check(whole(&[(1 << 53) + 1]), DataType::Float64, Err("9007199254740993 does not fit"));
        check(whole(&[0, 1]), DataType::Boolean, Ok(&["false", "true"]));
        check(whole(&[2]), DataType::Boolean, Err("2 does not fit"));
        check(whole(&[7]), DataType::Utf8, Ok(&["7"]));
        check(whole(&[7]), MOMENT, Err("values of the type Int64 cannot become Timestamp(µs)"));
        let moments = |values: &[i64]| Arc::new(TimestampMicrosecondArray::from(values.to_vec())) as ArrayRef;
        check(moments(&[86_400_000_000]), DataType::Date32, Ok(&["1970-01-02"]));
        check(moments(&[1]), DataType::Date32, Err("1970-01-01T00:00:00.000001 does not fit"));
        check(Arc::new(BooleanArray::from(vec![true])), DataType::Int64, Ok(&["1"]));
        let bytes = |value: &'static [u8]| Arc::new(BinaryArray::from(vec![value])) as ArrayRef;
        check(bytes(b"abc"), DataType::Utf8, Ok(&["abc"]));
        check(bytes(b"\xff"), DataType::Utf8, Err("ff is no text"));
        check(new_null_array(&DataType::Null, 2), DataType::Int64, Ok(&["", ""]));
    }

    #[test]
    fn files_of_one_table_meet_in_a_type_that_holds_both() {
        let check = |one: DataType, other: DataType, expected: Option<DataType>| {
            assert_eq!(common(&one, &other), expected, "{one} {other}");
            assert_eq!(common(&other, &one), expected, "{other} {one}");
        };
        check(DataType::Null, DataType::Utf8, Some(DataType::Utf8));
        check(DataType::Int32, DataType::Int64, Some(DataType::Int64));
        check(DataType::UInt32, DataType::Int32, Some(DataType::Int64));
        check(DataType::UInt64, DataType::Int8, Some(DataType::Int64));
        check(DataType::UInt8, DataType::UInt16, Some(DataType::UInt16));
        check(DataType::Int64, DataType::Float64, Some(DataType::Float64));
        check(DataType::Float32, DataType::Float64, Some(DataType::Float64));
        check(DataType::Decimal128(10, 2), DataType::Decimal128(8, 4), Some(DataType::Decimal128(12, 4)));
        check(DataType::Decimal128(10, 2), DataType::Int64, Some(DataType::Decimal128(21, 2)));
        check(DataType::Date32, MOMENT, Some(MOMENT));
        check(DataType::Utf8, DataType::Int64, None);
        check(DataType::Boolean, DataType::Utf8, None);
    }

    #[test]
    fn a_table_s_own_type_counts_unless_a_wider_one_holds_it() {
        let check = |table: DataType, coming: DataType, expected: DataType| {
            assert_eq!(toward(&table, &coming), expected, "{table} {coming}");
        };
        check(DataType::Int32, DataType::Int64, DataType::Int64);
        check(DataType::Int64, DataType::Int32, DataType::Int64);
        check(DataType::Int64, DataType::Float64, DataType::Int64);
        check(DataType::Float32, DataType::Float64, DataType::Float64);
        check(DataType::Utf8, DataType::Int64, DataType::Utf8);
        check(DataType::Int64, DataType::Null, DataType::Int64);
        check(MOMENT, DataType::Date32, MOMENT);
        check(DataType::Decimal128(18, 2), DataType::Float64, DataType::Decimal128(18, 2));
        assert_eq!(known_type("DECIMAL(18,2)"), Some(DataType::Decimal128(18, 2)));
        assert_eq!(known_type("INTEGER[]"), None);
    }
}
