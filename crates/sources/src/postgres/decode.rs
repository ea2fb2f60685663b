//! Binary values of PostgreSQL straight into Arrow builders.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int16Builder, Int32Builder, Int64Builder, IntervalMonthDayNanoBuilder, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt32Builder,
};
use arrow::datatypes::IntervalMonthDayNano;

use super::types::Kind;

/// Days and microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The largest magnitude of a decimal of each precision, plus one.
const fn power(exponent: u32) -> i128 {
    10_i128.pow(exponent)
}

/// Why a value was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The value, and why it cannot be kept as it is.
    Value(String, &'static str),
    /// The bytes are not what the type's binary form is.
    Malformed,
}

/// The builder of one column.
pub(super) enum Column {
    Bool(BooleanBuilder),
    Int2(Int16Builder),
    Int4(Int32Builder),
    Int8(Int64Builder),
    Oid(UInt32Builder),
    Float4(Float32Builder),
    Float8(Float64Builder),
    Decimal(Decimal128Builder, u8, u8),
    Text(StringBuilder),
    Jsonb(StringBuilder),
    Bytea(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
    Uuid(StringBuilder),
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Int2 => Self::Int2(Int16Builder::new()),
            Kind::Int4 => Self::Int4(Int32Builder::new()),
            Kind::Int8 => Self::Int8(Int64Builder::new()),
            Kind::Oid => Self::Oid(UInt32Builder::new()),
            Kind::Float4 => Self::Float4(Float32Builder::new()),
            Kind::Float8 => Self::Float8(Float64Builder::new()),
            Kind::Decimal { precision, scale } => Self::Decimal(
                Decimal128Builder::new().with_data_type(Kind::Decimal { precision, scale }.arrow()),
                precision,
                scale,
            ),
            Kind::Text | Kind::Cast => Self::Text(StringBuilder::new()),
            Kind::Jsonb => Self::Jsonb(StringBuilder::new()),
            Kind::Bytea => Self::Bytea(BinaryBuilder::new()),
            Kind::Date => Self::Date(Date32Builder::new()),
            Kind::Time => Self::Time(Time64MicrosecondBuilder::new()),
            Kind::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            Kind::Interval => Self::Interval(IntervalMonthDayNanoBuilder::new()),
            Kind::Uuid => Self::Uuid(StringBuilder::new()),
        }
    }

    /// Appends one value.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Bool(builder) => match bytes {
                [flag] => builder.append_value(*flag != 0),
                _ => return Err(Refusal::Malformed),
            },
            Self::Int2(builder) => builder.append_value(i16::from_be_bytes(fixed(bytes)?)),
            Self::Int4(builder) => builder.append_value(i32::from_be_bytes(fixed(bytes)?)),
            Self::Int8(builder) => builder.append_value(i64::from_be_bytes(fixed(bytes)?)),
            Self::Oid(builder) => builder.append_value(u32::from_be_bytes(fixed(bytes)?)),
            Self::Float4(builder) => builder.append_value(f32::from_be_bytes(fixed(bytes)?)),
            Self::Float8(builder) => builder.append_value(f64::from_be_bytes(fixed(bytes)?)),
            Self::Decimal(builder, precision, scale) => {
                builder.append_value(decimal(bytes, *precision, *scale)?);
            }
            Self::Text(builder) => builder.append_value(text(bytes)?),
            Self::Jsonb(builder) => match bytes {
                [1, json @ ..] => builder.append_value(text(json)?),
                _ => return Err(Refusal::Malformed),
            },
            Self::Bytea(builder) => builder.append_value(bytes),
            Self::Date(builder) => builder.append_value(match i32::from_be_bytes(fixed(bytes)?) {
                i32::MAX => i32::MAX,
                i32::MIN => -i32::MAX,
                days => days.checked_add(EPOCH_DAYS).filter(|days| *days < i32::MAX).ok_or_else(|| {
                    Refusal::Value(
                        format!("the day {days} after 2000-01-01"),
                        "the warehouse's dates end before it",
                    )
                })?,
            }),
            Self::Time(builder) => builder.append_value(i64::from_be_bytes(fixed(bytes)?)),
            Self::Timestamp(builder) => builder.append_value(match i64::from_be_bytes(fixed(bytes)?) {
                i64::MAX => i64::MAX,
                i64::MIN => -i64::MAX,
                micros => {
                    micros.checked_add(EPOCH_MICROS).filter(|sum| *sum < i64::MAX).ok_or_else(|| {
                        Refusal::Value(
                            format!("a time in the year {}", 2000 + micros / 31_556_952_000_000),
                            "the warehouse's timestamps end at 294247-01-10",
                        )
                    })?
                }
            }),
            Self::Interval(builder) => builder.append_value(interval(bytes)?),
            Self::Uuid(builder) => {
                let mut digits = [0_u8; 32];
                let raw: [u8; 16] = fixed(bytes)?;
                hex::encode_to_slice(raw, &mut digits).map_err(|_| Refusal::Malformed)?;
                let mut out = [b'-'; 36];
                for (from, to) in [(0..8, 0), (8..12, 9), (12..16, 14), (16..20, 19), (20..32, 24)] {
                    out[to..to + from.len()].copy_from_slice(&digits[from]);
                }
                builder.append_value(text(&out)?);
            }
        }
        Ok(())
    }

    pub(super) fn append_null(&mut self) {
        match self {
            Self::Bool(builder) => builder.append_null(),
            Self::Int2(builder) => builder.append_null(),
            Self::Int4(builder) => builder.append_null(),
            Self::Int8(builder) => builder.append_null(),
            Self::Oid(builder) => builder.append_null(),
            Self::Float4(builder) => builder.append_null(),
            Self::Float8(builder) => builder.append_null(),
            Self::Decimal(builder, ..) => builder.append_null(),
            Self::Text(builder) | Self::Jsonb(builder) | Self::Uuid(builder) => builder.append_null(),
            Self::Bytea(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Interval(builder) => builder.append_null(),
        }
    }

    /// The values so far; the builder begins anew.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Int2(builder) => Arc::new(builder.finish()),
            Self::Int4(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::Oid(builder) => Arc::new(builder.finish()),
            Self::Float4(builder) => Arc::new(builder.finish()),
            Self::Float8(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, ..) => Arc::new(builder.finish()),
            Self::Text(builder) | Self::Jsonb(builder) | Self::Uuid(builder) => Arc::new(builder.finish()),
            Self::Bytea(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Interval(builder) => Arc::new(builder.finish()),
        }
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Refusal> {
    bytes.try_into().map_err(|_| Refusal::Malformed)
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| {
        let shown: Vec<u8> = bytes.iter().copied().take(60).collect();
        Refusal::Value(format!("{:?}", String::from_utf8_lossy(&shown)), "it is not valid UTF-8")
    })
}

fn interval(bytes: &[u8]) -> Result<IntervalMonthDayNano, Refusal> {
    let raw: [u8; 16] = fixed(bytes)?;
    let micros = i64::from_be_bytes(fixed(&raw[..8])?);
    let days = i32::from_be_bytes(fixed(&raw[8..12])?);
    let months = i32::from_be_bytes(fixed(&raw[12..])?);
    let nanos = micros.checked_mul(1000).ok_or_else(|| {
        Refusal::Value(
            format!("{months} months {days} days {micros} microseconds"),
            "its time part is longer than 292 years",
        )
    })?;
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}

/// A numeric as an integer of `scale` decimal places, exactly or not at all.
fn decimal(bytes: &[u8], precision: u8, scale: u8) -> Result<i128, Refusal> {
    let (head, digits) = bytes.split_at_checked(8).ok_or(Refusal::Malformed)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign) = (usize::from(word(0)), word(2).cast_signed(), word(4));
    if digits.len() != count * 2 {
        return Err(Refusal::Malformed);
    }
    let special = |name: &str| {
        let reason = "a decimal has no such value; cast the column in a view or exclude the row by a filter";
        Err(Refusal::Value(name.to_owned(), reason))
    };
    match sign {
        0x0000 | 0x4000 => {}
        0xC000 => return special("NaN"),
        0xD000 => return special("Infinity"),
        0xF000 => return special("-Infinity"),
        _ => return Err(Refusal::Malformed),
    }
    let magnitude = scaled(digits, i32::from(weight), i32::from(scale))
        .filter(|value| *value < power(u32::from(precision)))
        .ok_or_else(|| {
            let groups: Vec<u16> =
                digits.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            Refusal::Value(
                format!("{groups:?} × 10000^{weight}"),
                "it has more digits than its column's type says",
            )
        })?;
    Ok(if sign == 0x4000 { -magnitude } else { magnitude })
}

/// Sums base-10000 digits in units of 10^-scale; `None` when it overflows or would lose digits.
fn scaled(digits: &[u8], weight: i32, scale: i32) -> Option<i128> {
    let mut sum: i128 = 0;
    let mut exponent = 4 * weight + scale;
    for pair in digits.chunks_exact(2) {
        let digit = i128::from(u16::from_be_bytes([pair[0], pair[1]]));
        if exponent >= 0 {
            sum = sum.checked_mul(10_000)?.checked_add(digit)?;
        } else if exponent > -4 {
            let cut = power(exponent.unsigned_abs());
            if digit % cut != 0 {
                return None;
            }
            sum = sum.checked_mul(10_000 / cut)?.checked_add(digit / cut)?;
        } else if digit != 0 {
            return None;
        }
        exponent -= 4;
    }
    // The last digit stood for 10^(exponent + 4).
    let left = exponent + 4;
    if left > 0 && sum != 0 {
        let factor = u32::try_from(left).ok().filter(|left| *left <= 38)?;
        sum = sum.checked_mul(power(factor))?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(sign: u16, weight: i16, digits: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let count = u16::try_from(digits.len()).unwrap();
        for word in [count, weight.cast_unsigned(), sign, 0].iter().chain(digits) {
            bytes.extend(word.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn decimals_are_exact() {
        let check = |bytes: Vec<u8>, precision, scale, expected: Option<i128>| {
            assert_eq!(decimal(&bytes, precision, scale).ok(), expected);
        };
        check(numeric(0, 0, &[]), 10, 2, Some(0));
        check(numeric(0, 0, &[12, 3400]), 10, 2, Some(1234));
        check(numeric(0x4000, 0, &[12, 3400]), 10, 2, Some(-1234));
        check(numeric(0, 0, &[12, 3456]), 10, 2, None);
        check(numeric(0, 1, &[1]), 10, 2, Some(1_000_000));
        check(numeric(0, -1, &[1]), 10, 4, Some(1));
        check(numeric(0, -1, &[100]), 10, 2, Some(1));
        check(numeric(0, -2, &[1]), 38, 8, Some(1));
        check(numeric(0, 0, &[9999]), 3, 0, None);
        check(numeric(0xC000, 0, &[]), 10, 2, None);
        let nines = [9, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9000];
        check(numeric(0, 9, &nines), 38, 1, Some(power(38) - 1));
    }
}
