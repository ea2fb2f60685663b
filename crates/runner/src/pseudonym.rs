//! Pseudonyms: a value's hash in place of the value. What is hashed is the value's canonical text,
//! so that one value has one pseudonym whatever column, type or scale it comes in: `12`, `12.0` and
//! `12.00` are one number. The texts are part of the data that users have; they never change.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringArray, StringBuilder, new_null_array,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use forebay_core::connection::{HashAlgorithm, Pseudonymisation};
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};

use crate::day::{date_text, time_text, timestamp_text};

/// Whether values of a type have a canonical text.
pub(crate) fn has_text(kind: &DataType) -> bool {
    texts(&new_null_array(kind, 0)).is_some()
}

/// The pseudonyms of a column's values, in lower-case hexadecimal. NULL stays NULL. `None` when the
/// values have no canonical text.
pub(crate) fn pseudonyms(hashing: &Pseudonymisation, column: &ArrayRef) -> Option<ArrayRef> {
    let texts = texts(column)?;
    let mut hashed = StringBuilder::with_capacity(texts.len(), texts.len() * 64);
    for text in &texts {
        hashed.append_option(text.map(|text| digest(hashing, text)));
    }
    Some(std::sync::Arc::new(hashed.finish()))
}

/// The hash of a text, the salt before it.
fn digest(hashing: &Pseudonymisation, text: &str) -> String {
    fn of<D: Digest>(salt: &str, text: &str) -> String {
        hex::encode(D::new().chain_update(salt).chain_update(text).finalize())
    }
    let salt = hashing.salt.expose();
    match hashing.algorithm {
        HashAlgorithm::Sha1 => of::<Sha1>(salt, text),
        HashAlgorithm::Sha256 => of::<Sha256>(salt, text),
        HashAlgorithm::Sha256NoSalt => of::<Sha256>("", text),
        HashAlgorithm::Sha512 => of::<Sha512>(salt, text),
        HashAlgorithm::Sha512NoSalt => of::<Sha512>("", text),
    }
}

fn texts(column: &ArrayRef) -> Option<StringArray> {
    Some(match column.data_type() {
        DataType::Null => StringArray::new_null(column.len()),
        DataType::Utf8 => column.as_string::<i32>().clone(),
        // Bytes in lower-case hexadecimal.
        DataType::Binary => column.as_binary::<i32>().iter().map(|value| value.map(hex::encode)).collect(),
        DataType::Boolean => booleans(column.as_boolean()),
        DataType::Int8 => written::<Int8Type>(column, |value| value.to_string()),
        DataType::Int16 => written::<Int16Type>(column, |value| value.to_string()),
        DataType::Int32 => written::<Int32Type>(column, |value| value.to_string()),
        DataType::Int64 => written::<Int64Type>(column, |value| value.to_string()),
        DataType::UInt8 => written::<UInt8Type>(column, |value| value.to_string()),
        DataType::UInt16 => written::<UInt16Type>(column, |value| value.to_string()),
        DataType::UInt32 => written::<UInt32Type>(column, |value| value.to_string()),
        DataType::UInt64 => written::<UInt64Type>(column, |value| value.to_string()),
        // The fewest digits that give the value back, never with an exponent; one zero.
        DataType::Float32 => written::<Float32Type>(column, |value| (value + 0.0).to_string()),
        DataType::Float64 => written::<Float64Type>(column, |value| (value + 0.0).to_string()),
        DataType::Decimal128(_, scale) => {
            let scale = usize::try_from(*scale).ok()?;
            written::<Decimal128Type>(column, |value| decimal_text(value, scale))
        }
        DataType::Date32 => written::<Date32Type>(column, date_text),
        DataType::Time64(TimeUnit::Microsecond) => written::<Time64MicrosecondType>(column, time_text),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            written::<TimestampMicrosecondType>(column, timestamp_text)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            written::<IntervalMonthDayNanoType>(column, |value| {
                format!("{} months {} days {} ns", value.months, value.days, value.nanoseconds)
            })
        }
        _ => return None,
    })
}

fn booleans(column: &BooleanArray) -> StringArray {
    column.iter().map(|value| value.map(|value| if value { "true" } else { "false" })).collect()
}

fn written<T: ArrowPrimitiveType>(column: &ArrayRef, text: impl Fn(T::Native) -> String) -> StringArray {
    let column: &PrimitiveArray<T> = column.as_primitive();
    column.iter().map(|value| value.map(&text)).collect()
}

/// A decimal without zeros at the end of its fraction.
fn decimal_text(value: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    let sign = if value < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BinaryArray, Date32Array, Decimal128Array, Float64Array, Int64Array, IntervalMonthDayNanoArray,
        TimestampMicrosecondArray,
    };
    use arrow::datatypes::IntervalMonthDayNano;
    use forebay_core::secret::Secret;

    use super::*;

    const SHA_1_OF_ABC: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const SHA_256_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const SHA_512_OF_ABC: &str = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                                  2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn a_pseudonym_is_the_known_digest_of_the_salt_and_the_text() {
        for (algorithm, salt, text, expected) in [
            (HashAlgorithm::Sha1, "a", "bc", SHA_1_OF_ABC),
            (HashAlgorithm::Sha256, "ab", "c", SHA_256_OF_ABC),
            (HashAlgorithm::Sha256NoSalt, "salt", "abc", SHA_256_OF_ABC),
            (HashAlgorithm::Sha512, "abc", "", SHA_512_OF_ABC),
            (HashAlgorithm::Sha512NoSalt, "salt", "abc", SHA_512_OF_ABC),
        ] {
            let hashing = Pseudonymisation { algorithm, salt: Secret::new(salt) };
            let column: ArrayRef = Arc::new(StringArray::from(vec![Some(text), None]));
            let hashed = pseudonyms(&hashing, &column).unwrap();
            let hashed: Vec<Option<&str>> = hashed.as_string::<i32>().iter().collect();
            assert_eq!(hashed, [Some(expected), None], "{algorithm:?}");
        }
    }

    #[test]
    fn every_value_has_one_text() {
        let check = |column: ArrayRef, expected: &[&str]| {
            let texts = texts(&column).unwrap();
            let found: Vec<&str> = texts.iter().map(Option::unwrap).collect();
            assert_eq!(found, expected, "{:?}", column.data_type());
        };
        check(Arc::new(Int64Array::from(vec![12, -3])), &["12", "-3"]);
        let decimals =
            Decimal128Array::from(vec![1200, 1250, -5, 0]).with_precision_and_scale(10, 2).unwrap();
        check(Arc::new(decimals), &["12", "12.5", "-0.05", "0"]);
        let decimals = Decimal128Array::from(vec![120_000]).with_precision_and_scale(12, 4).unwrap();
        check(Arc::new(decimals), &["12"]);
        let floats = vec![12.0, 0.1, -0.0, 1e21, f64::NAN, f64::NEG_INFINITY];
        check(
            Arc::new(Float64Array::from(floats)),
            &["12", "0.1", "0", "1000000000000000000000", "NaN", "-inf"],
        );
        check(Arc::new(Date32Array::from(vec![0])), &["1970-01-01"]);
        check(
            Arc::new(TimestampMicrosecondArray::from(vec![1_500_000, i64::MAX])),
            &["1970-01-01 00:00:01.5", "infinity"],
        );
        check(Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..]])), &["00ff"]);
        check(Arc::new(BooleanArray::from(vec![true, false])), &["true", "false"]);
        let interval = IntervalMonthDayNano::new(14, -3, 1_000);
        check(Arc::new(IntervalMonthDayNanoArray::from(vec![interval])), &["14 months -3 days 1000 ns"]);
    }

    #[test]
    fn nested_values_have_no_text() {
        let list = DataType::new_list(DataType::Int64, true);
        assert!(!has_text(&list));
        assert!(has_text(&DataType::Utf8));
    }
}
