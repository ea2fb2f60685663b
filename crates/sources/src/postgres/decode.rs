//! Binary values of PostgreSQL straight into Arrow builders.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int16Builder, Int32Builder, Int64Builder, IntervalMonthDayNanoBuilder, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt32Builder,
};
use arrow::datatypes::IntervalMonthDayNano;

use super::numeric::decimal;
use super::types::Kind;
use crate::iso;

/// Days and microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

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
            Kind::Text | Kind::Cast | Kind::Output | Kind::Money => Self::Text(StringBuilder::new()),
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
                    Refusal::Value(written_date(days), "the warehouse's dates end before it")
                })?,
            }),
            Self::Time(builder) => builder.append_value(i64::from_be_bytes(fixed(bytes)?)),
            Self::Timestamp(builder) => builder.append_value(match i64::from_be_bytes(fixed(bytes)?) {
                i64::MAX => i64::MAX,
                i64::MIN => -i64::MAX,
                micros => {
                    micros.checked_add(EPOCH_MICROS).filter(|sum| *sum < i64::MAX).ok_or_else(|| {
                        Refusal::Value(
                            written_timestamp(micros),
                            "the warehouse's timestamps end at 294247-01-10 04:00:54.775806",
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
        Refusal::Value(
            format!("{:?}", String::from_utf8_lossy(&shown)),
            "it is not valid UTF-8; mend it at the source, or leave the row or the column out",
        )
    })
}

fn interval(bytes: &[u8]) -> Result<IntervalMonthDayNano, Refusal> {
    let raw: [u8; 16] = fixed(bytes)?;
    let micros = i64::from_be_bytes(fixed(&raw[..8])?);
    let days = i32::from_be_bytes(fixed(&raw[8..12])?);
    let months = i32::from_be_bytes(fixed(&raw[12..])?);
    match (months, days, micros) {
        (i32::MAX, i32::MAX, i64::MAX) => return infinite("infinity"),
        (i32::MIN, i32::MIN, i64::MIN) => return infinite("-infinity"),
        _ => {}
    }
    let nanos = micros.checked_mul(1000).ok_or_else(|| {
        Refusal::Value(
            format!("{months} months {days} days {micros} microseconds"),
            "its part in hours, minutes and seconds is longer than 292 years",
        )
    })?;
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}

fn infinite<T>(value: &str) -> Result<T, Refusal> {
    Err(Refusal::Value(value.to_owned(), "the warehouse's intervals are finite"))
}

/// A date as PostgreSQL writes it, from its days since 2000-01-01.
fn written_date(days: i32) -> String {
    let (year, month, day) = iso::civil(i64::from(days) + i64::from(EPOCH_DAYS));
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{:04}-{month:02}-{day:02} BC", 1 - year)
    }
}

/// A timestamp as PostgreSQL writes it, from its microseconds since 2000-01-01.
fn written_timestamp(micros: i64) -> String {
    const DAY: i64 = 86_400_000_000;
    let (year, month, day) = iso::civil(micros.div_euclid(DAY) + i64::from(EPOCH_DAYS));
    let rest = micros.rem_euclid(DAY);
    let seconds = rest / 1_000_000;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        rest % 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_written_as_postgresql_writes_it() {
        assert_eq!(written_date(0), "2000-01-01");
        assert_eq!(written_date(i32::MAX - 1), "5881610-07-10");
        assert_eq!(written_date(-730_121), "0001-12-30 BC");
        assert_eq!(written_timestamp(9_223_371_331_199_999_999), "294276-12-31 23:59:59.999999");
    }
}
