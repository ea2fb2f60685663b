//! Values of binary rows straight into Arrow builders.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder, Int8Builder,
    Int16Builder, Int32Builder, Int64Builder, IntervalMonthDayNanoBuilder, TimestampMicrosecondBuilder,
    UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::IntervalMonthDayNano;

use super::payload::Payload;
use super::texts::Texts;
use super::types::Kind;
use crate::iso;

/// Why a value was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The value, and why it cannot be kept as it is.
    Value(String, &'static str),
    /// The bytes are not what the type's binary form is.
    Malformed,
}

type Refused = Box<Refusal>;

const ZERO_DATE: &str = "the warehouse has no zero or partial dates and no days that a month does not have; mend it at \
    the source, read the column through a view with NULLIF(column, 0), or leave the row or the column out";

/// The builder of one column.
pub(super) enum Column {
    Int1(Int8Builder),
    Int2(Int16Builder),
    Int4(Int32Builder),
    Int8(Int64Builder),
    UInt1(UInt8Builder),
    UInt2(UInt16Builder),
    UInt4(UInt32Builder),
    UInt8(UInt64Builder),
    Flag(BooleanBuilder),
    Bits(UInt64Builder),
    Float4(Float32Builder),
    Float8(Float64Builder),
    Decimal(Decimal128Builder, u8, u8),
    Date(Date32Builder),
    Moment(TimestampMicrosecondBuilder),
    Time(IntervalMonthDayNanoBuilder),
    Text(Texts),
    Binary(Texts),
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int1 => Self::Int1(Int8Builder::new()),
            Kind::Int2 | Kind::Year => Self::Int2(Int16Builder::new()),
            Kind::Int4 => Self::Int4(Int32Builder::new()),
            Kind::Int8 => Self::Int8(Int64Builder::new()),
            Kind::UInt1 => Self::UInt1(UInt8Builder::new()),
            Kind::UInt2 => Self::UInt2(UInt16Builder::new()),
            Kind::UInt4 => Self::UInt4(UInt32Builder::new()),
            Kind::UInt8 => Self::UInt8(UInt64Builder::new()),
            Kind::Flag => Self::Flag(BooleanBuilder::new()),
            Kind::Bits => Self::Bits(UInt64Builder::new()),
            Kind::Float4 => Self::Float4(Float32Builder::new()),
            Kind::Float8 => Self::Float8(Float64Builder::new()),
            Kind::Decimal { precision, scale } => {
                Self::Decimal(Decimal128Builder::new().with_data_type(kind.arrow()), precision, scale)
            }
            Kind::Date => Self::Date(Date32Builder::new()),
            Kind::Moment => Self::Moment(TimestampMicrosecondBuilder::new()),
            Kind::Time => Self::Time(IntervalMonthDayNanoBuilder::new()),
            Kind::Text | Kind::Geometry | Kind::Cast => Self::Text(Texts::new()),
            Kind::Binary => Self::Binary(Texts::new()),
        }
    }

    /// Takes the column's value off the front of a row.
    #[inline]
    pub(super) fn append(&mut self, row: &mut Payload<'_>) -> Result<(), Refused> {
        match self {
            Self::Int1(builder) => builder.append_value(i8::from_le_bytes(fixed(row)?)),
            Self::Int2(builder) => builder.append_value(i16::from_le_bytes(fixed(row)?)),
            Self::Int4(builder) => builder.append_value(i32::from_le_bytes(fixed(row)?)),
            Self::Int8(builder) => builder.append_value(i64::from_le_bytes(fixed(row)?)),
            Self::UInt1(builder) => builder.append_value(u8::from_le_bytes(fixed(row)?)),
            Self::UInt2(builder) => builder.append_value(u16::from_le_bytes(fixed(row)?)),
            Self::UInt4(builder) => builder.append_value(u32::from_le_bytes(fixed(row)?)),
            Self::UInt8(builder) => builder.append_value(u64::from_le_bytes(fixed(row)?)),
            Self::Flag(builder) => match bytes(row)? {
                [bit] => builder.append_value(*bit != 0),
                _ => return Err(malformed()),
            },
            Self::Bits(builder) => builder.append_value(bits(bytes(row)?)?),
            Self::Float4(builder) => builder.append_value(f32::from_le_bytes(fixed(row)?)),
            Self::Float8(builder) => builder.append_value(f64::from_le_bytes(fixed(row)?)),
            Self::Decimal(builder, precision, scale) => {
                builder.append_value(decimal(bytes(row)?, *precision, *scale)?);
            }
            Self::Date(builder) => builder.append_value(date(bytes(row)?)?),
            Self::Moment(builder) => builder.append_value(moment(bytes(row)?)?),
            Self::Time(builder) => builder.append_value(time(bytes(row)?)?),
            Self::Text(texts) | Self::Binary(texts) => texts.append(bytes(row)?),
        }
        Ok(())
    }

    pub(super) fn append_null(&mut self) {
        match self {
            Self::Int1(builder) => builder.append_null(),
            Self::Int2(builder) => builder.append_null(),
            Self::Int4(builder) => builder.append_null(),
            Self::Int8(builder) => builder.append_null(),
            Self::UInt1(builder) => builder.append_null(),
            Self::UInt2(builder) => builder.append_null(),
            Self::UInt4(builder) => builder.append_null(),
            Self::UInt8(builder) | Self::Bits(builder) => builder.append_null(),
            Self::Flag(builder) => builder.append_null(),
            Self::Float4(builder) => builder.append_null(),
            Self::Float8(builder) => builder.append_null(),
            Self::Decimal(builder, ..) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Moment(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Text(texts) | Self::Binary(texts) => texts.append_null(),
        }
    }

    /// The values so far; the builder begins anew.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, Refused> {
        Ok(match self {
            Self::Int1(builder) => Arc::new(builder.finish()),
            Self::Int2(builder) => Arc::new(builder.finish()),
            Self::Int4(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::UInt1(builder) => Arc::new(builder.finish()),
            Self::UInt2(builder) => Arc::new(builder.finish()),
            Self::UInt4(builder) => Arc::new(builder.finish()),
            Self::UInt8(builder) | Self::Bits(builder) => Arc::new(builder.finish()),
            Self::Flag(builder) => Arc::new(builder.finish()),
            Self::Float4(builder) => Arc::new(builder.finish()),
            Self::Float8(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, ..) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Moment(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Text(texts) => texts.text().map_err(|value| {
                let shown = String::from_utf8_lossy(&value[..value.len().min(60)]).into_owned();
                let reason =
                    "it is not valid UTF-8; mend it at the source, or leave the row or the column out";
                Box::new(Refusal::Value(format!("{shown:?}"), reason))
            })?,
            Self::Binary(texts) => texts.binary().map_err(|_| malformed())?,
        })
    }
}

fn malformed() -> Refused {
    Box::new(Refusal::Malformed)
}

#[inline]
fn fixed<const N: usize>(row: &mut Payload<'_>) -> Result<[u8; N], Refused> {
    row.fixed().ok_or_else(malformed)
}

#[inline]
fn bytes<'a>(row: &mut Payload<'a>) -> Result<&'a [u8], Refused> {
    row.bytes().ok_or_else(malformed)
}

/// A bit field: its bytes from the highest on.
fn bits(bytes: &[u8]) -> Result<u64, Refused> {
    if bytes.len() > 8 {
        return Err(malformed());
    }
    Ok(bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
}

/// A decimal in digits, always with all places of its scale, as a whole number of the smallest unit.
#[inline]
fn decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, Refused> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let scale = usize::from(scale);
    // With a scale, the point and the digits after it; with none, no point.
    let (whole, fraction) = match scale {
        0 => (digits, &[][..]),
        _ => {
            let at = digits.len().checked_sub(scale + 1).ok_or_else(malformed)?;
            match &digits[at..] {
                [b'.', fraction @ ..] => (&digits[..at], fraction),
                _ => return Err(malformed()),
            }
        }
    };
    let value = if whole.len() + fraction.len() <= 18 {
        let mut value = 0_i64;
        for digit in whole.iter().chain(fraction) {
            value = value * 10 + i64::from(digit_of(*digit)?);
        }
        i128::from(value)
    } else {
        let mut value = 0_i128;
        for digit in whole.iter().chain(fraction) {
            let more =
                value.checked_mul(10).and_then(|value| value.checked_add(i128::from(digit_of(*digit).ok()?)));
            value = more.ok_or_else(malformed)?;
        }
        if value >= 10_i128.pow(u32::from(precision)) {
            return Err(malformed());
        }
        value
    };
    Ok(if negative { -value } else { value })
}

#[inline]
fn digit_of(byte: u8) -> Result<u8, Refused> {
    match byte.wrapping_sub(b'0') {
        digit @ 0..=9 => Ok(digit),
        _ => Err(malformed()),
    }
}

/// Days since 1970-01-01.
#[inline]
fn date(bytes: &[u8]) -> Result<i32, Refused> {
    match bytes {
        [] => Err(zero(0, 0, 0)),
        [low, high, month, day, ..] => days(u16::from_le_bytes([*low, *high]), *month, *day),
        _ => Err(malformed()),
    }
}

/// Microseconds since 1970-01-01.
#[inline]
fn moment(bytes: &[u8]) -> Result<i64, Refused> {
    let days = date(bytes)?;
    let (hour, minute, second, micros) = match &bytes[4..] {
        [] => (0, 0, 0, 0),
        [hour, minute, second] => (*hour, *minute, *second, 0),
        [hour, minute, second, micros @ ..] => {
            let micros = micros.try_into().map_err(|_| malformed())?;
            (*hour, *minute, *second, u32::from_le_bytes(micros))
        }
        _ => return Err(malformed()),
    };
    if hour > 23 || minute > 59 || second > 59 || micros > 999_999 {
        return Err(malformed());
    }
    Ok(i64::from(days) * 86_400_000_000 + of_day(hour, minute, second, micros))
}

fn of_day(hour: u8, minute: u8, second: u8, micros: u32) -> i64 {
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    seconds * 1_000_000 + i64::from(micros)
}

/// A time of day or a duration, with its sign, whole in the smallest part of an interval.
fn time(bytes: &[u8]) -> Result<IntervalMonthDayNano, Refused> {
    let (head, micros) = match bytes {
        [] => return Ok(IntervalMonthDayNano::new(0, 0, 0)),
        [head @ .., a, b, c, d] if head.len() == 8 => (head, u32::from_le_bytes([*a, *b, *c, *d])),
        head if head.len() == 8 => (head, 0),
        _ => return Err(malformed()),
    };
    let [sign, a, b, c, d, hour, minute, second] = head else { return Err(malformed()) };
    let days = i64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    // The type ends at 838 hours.
    if days > 35 || *hour > 23 || *minute > 59 || *second > 59 || micros > 999_999 {
        return Err(malformed());
    }
    let nanos = (days * 86_400_000_000 + of_day(*hour, *minute, *second, micros)) * 1000;
    Ok(IntervalMonthDayNano::new(0, 0, if *sign == 0 { nanos } else { -nanos }))
}

/// Days since 1970-01-01 of a date that there is.
#[inline]
fn days(year: u16, month: u8, day: u8) -> Result<i32, Refused> {
    if month == 0 || day == 0 || month > 12 || year > 9999 {
        return Err(zero(year, month, day));
    }
    // Counted from March, so that the leap day is the year's last, in 400-year eras of 146,097 days.
    let (year_of, month_of) = (i64::from(year), i64::from(month));
    let from_march = year_of - i64::from(month <= 2);
    let era = from_march.div_euclid(400);
    let of_era = from_march.rem_euclid(400);
    let shifted = (month_of + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    if day > 28 && iso::civil(days) != (year_of, month_of, i64::from(day)) {
        return Err(zero(year, month, day));
    }
    i32::try_from(days).map_err(|_| malformed())
}

fn zero(year: u16, month: u8, day: u8) -> Refused {
    Box::new(Refusal::Value(format!("{year:04}-{month:02}-{day:02}"), ZERO_DATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        let check = |text: &str, precision: u8, scale: u8, expected: Option<i128>| {
            assert_eq!(decimal(text.as_bytes(), precision, scale).ok(), expected, "{text}");
        };
        check("123.45", 15, 2, Some(12_345));
        check("-0.01", 15, 2, Some(-1));
        check("0000000012.50", 12, 2, Some(1250));
        check("7", 5, 0, Some(7));
        check(".50", 2, 2, Some(50));
        check(&"9".repeat(38), 38, 0, Some(10_i128.pow(38) - 1));
        check(&format!("-0.{}1", "0".repeat(37)), 38, 38, Some(-1));
        for text in ["", "-", "1", "1.2", "1.234", "1,23", "a.bc", "1..23", "--1.00"] {
            check(text, 15, 2, None);
        }
        check(&"9".repeat(39), 38, 0, None);
        check(&"9".repeat(60), 38, 0, None);
    }

    #[test]
    fn every_day_of_the_calendar_is_counted() {
        let mut expected = days(0, 1, 1).unwrap();
        for year in 0..=9999 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Ok(found) = days(year, month, day) {
                        assert_eq!(found, expected, "{year}-{month}-{day}");
                        expected += 1;
                    }
                }
            }
        }
        assert_eq!(days(1970, 1, 1), Ok(0));
        assert_eq!(days(9999, 12, 31), Ok(2_932_896));
        for (year, month, day) in
            [(0, 0, 0), (2024, 0, 1), (2024, 1, 0), (2023, 2, 29), (2024, 13, 1), (2024, 4, 31)]
        {
            assert!(matches!(*days(year, month, day).unwrap_err(), Refusal::Value(..)));
        }
    }

    #[test]
    fn what_is_cut_or_too_long_is_malformed() {
        for length in [1, 2, 3, 5, 6, 8, 9, 10, 12] {
            let mut bytes = vec![1; length];
            if length > 3 {
                bytes[..4].copy_from_slice(&[0xe8, 7, 1, 1]);
            }
            assert_eq!(moment(&bytes), Err(malformed()), "{length}");
        }
        for length in [1, 7, 9, 11, 13] {
            assert_eq!(time(&vec![0; length]), Err(malformed()), "{length}");
        }
        assert_eq!(bits(&[0; 9]), Err(malformed()));
        assert_eq!(moment(&[0xe8, 7, 1, 1, 24, 0, 0]), Err(malformed()));
    }
}
