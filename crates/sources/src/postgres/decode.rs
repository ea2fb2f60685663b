//! Binary values of PostgreSQL straight into Arrow columns, one column of many rows at a time.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, BooleanBufferBuilder, NullBufferBuilder,
    PrimitiveArray, StringArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
    UInt32Type,
};

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

/// The values of one column so far.
pub(super) struct Column {
    kind: Kind,
    values: Values,
    valid: NullBufferBuilder,
}

enum Values {
    Bool(BooleanBufferBuilder),
    Int2(Vec<i16>),
    Int4(Vec<i32>),
    Int8(Vec<i64>),
    Oid(Vec<u32>),
    Float4(Vec<f32>),
    Float8(Vec<f64>),
    Decimal(Vec<i128>),
    /// Where each value begins, and the end of the last one.
    Bytes(Vec<i32>, Vec<u8>),
    Interval(Vec<IntervalMonthDayNano>),
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Bool => Values::Bool(BooleanBufferBuilder::new(0)),
            Kind::Int2 => Values::Int2(Vec::new()),
            Kind::Int4 | Kind::Date => Values::Int4(Vec::new()),
            Kind::Int8 | Kind::Time | Kind::Timestamp => Values::Int8(Vec::new()),
            Kind::Oid => Values::Oid(Vec::new()),
            Kind::Float4 => Values::Float4(Vec::new()),
            Kind::Float8 => Values::Float8(Vec::new()),
            Kind::Decimal { .. } => Values::Decimal(Vec::new()),
            Kind::Interval => Values::Interval(Vec::new()),
            Kind::Text | Kind::Cast | Kind::Output | Kind::Money | Kind::Jsonb | Kind::Bytea | Kind::Uuid => {
                Values::Bytes(vec![0], Vec::new())
            }
        };
        Self { kind, values, valid: NullBufferBuilder::new(0) }
    }

    /// One of the same kind, with no values.
    pub(super) fn another(&self) -> Self {
        Self::new(self.kind)
    }

    /// Appends the column's values of some rows, `None` for NULL.
    pub(super) fn extend<'a>(
        &mut self,
        cells: impl ExactSizeIterator<Item = Option<&'a [u8]>> + Clone,
    ) -> Result<(), Refusal> {
        // Most columns have no NULL at all: then there is one number to write and no bits.
        if cells.clone().all(|cell| cell.is_some()) {
            self.valid.append_n_non_nulls(cells.len());
        } else {
            cells.clone().for_each(|cell| self.valid.append(cell.is_some()));
        }
        match (&mut self.values, self.kind) {
            (Values::Bool(values), _) => {
                for cell in cells {
                    values.append(match cell {
                        None => false,
                        Some([flag]) => *flag != 0,
                        Some(_) => return Err(Refusal::Malformed),
                    });
                }
                Ok(())
            }
            (Values::Int2(values), _) => fixed(values, cells, |bytes| Ok(i16::from_be_bytes(bytes))),
            (Values::Int4(values), Kind::Date) => {
                fixed(values, cells, |bytes| date(i32::from_be_bytes(bytes)))
            }
            (Values::Int4(values), _) => fixed(values, cells, |bytes| Ok(i32::from_be_bytes(bytes))),
            (Values::Int8(values), Kind::Timestamp) => {
                fixed(values, cells, |bytes| timestamp(i64::from_be_bytes(bytes)))
            }
            (Values::Int8(values), _) => fixed(values, cells, |bytes| Ok(i64::from_be_bytes(bytes))),
            (Values::Oid(values), _) => fixed(values, cells, |bytes| Ok(u32::from_be_bytes(bytes))),
            (Values::Float4(values), _) => fixed(values, cells, |bytes| Ok(f32::from_be_bytes(bytes))),
            (Values::Float8(values), _) => fixed(values, cells, |bytes| Ok(f64::from_be_bytes(bytes))),
            (Values::Interval(values), _) => fixed(values, cells, interval),
            (Values::Decimal(values), Kind::Decimal { precision, scale }) => {
                values.reserve(cells.len());
                for cell in cells {
                    values.push(match cell {
                        None => 0,
                        Some(bytes) => decimal(bytes, precision, scale)?,
                    });
                }
                Ok(())
            }
            (Values::Decimal(_), _) => Err(Refusal::Malformed),
            (Values::Bytes(ends, values), kind) => {
                ends.reserve(cells.len());
                for cell in cells {
                    match (cell, kind) {
                        (None, _) => {}
                        // The version of the format, then the text.
                        (Some([1, json @ ..]), Kind::Jsonb) => values.extend_from_slice(json),
                        (Some(_), Kind::Jsonb) => return Err(Refusal::Malformed),
                        (Some(bytes), Kind::Uuid) => values.extend_from_slice(&uuid(bytes)?),
                        (Some(bytes), _) => values.extend_from_slice(bytes),
                    }
                    let end = i32::try_from(values.len()).map_err(|_| {
                        let text = format!("a text of {} bytes", cell.map_or(0, <[u8]>::len));
                        Refusal::Value(text, "it is too long to be kept")
                    })?;
                    ends.push(end);
                }
                Ok(())
            }
        }
    }

    /// The values so far; the column begins anew.
    ///
    /// # Errors
    /// A text that is not UTF-8: texts are looked at here, all in one go.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, Refusal> {
        let nulls = self.valid.finish();
        Ok(match &mut self.values {
            Values::Bool(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Int2(values) => primitive::<Int16Type>(values, nulls),
            Values::Int4(values) if self.kind == Kind::Date => primitive::<Date32Type>(values, nulls),
            Values::Int4(values) => primitive::<Int32Type>(values, nulls),
            Values::Int8(values) if self.kind == Kind::Time => {
                primitive::<Time64MicrosecondType>(values, nulls)
            }
            Values::Int8(values) if self.kind == Kind::Timestamp => {
                primitive::<TimestampMicrosecondType>(values, nulls)
            }
            Values::Int8(values) => primitive::<Int64Type>(values, nulls),
            Values::Oid(values) => primitive::<UInt32Type>(values, nulls),
            Values::Float4(values) => primitive::<Float32Type>(values, nulls),
            Values::Float8(values) => primitive::<Float64Type>(values, nulls),
            Values::Interval(values) => primitive::<IntervalMonthDayNanoType>(values, nulls),
            Values::Decimal(values) => {
                let values = ScalarBuffer::from(taken(values));
                let array = PrimitiveArray::<Decimal128Type>::new(values, nulls);
                Arc::new(array.with_data_type(self.kind.arrow()))
            }
            Values::Bytes(ends, values) => {
                let ends = std::mem::replace(ends, first_end(ends.len()));
                let (ends, values) = (OffsetBuffer::new(ends.into()), Buffer::from_vec(taken(values)));
                if self.kind.arrow() == DataType::Binary {
                    Arc::new(BinaryArray::new(ends, values, nulls))
                } else {
                    match StringArray::try_new(ends.clone(), values.clone(), nulls) {
                        Ok(texts) => Arc::new(texts),
                        Err(_) => return Err(no_text(&ends, &values)),
                    }
                }
            }
        })
    }
}

/// Takes the values out, and leaves room for as many.
fn taken<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = values.len();
    std::mem::replace(values, Vec::with_capacity(room))
}

fn first_end(room: usize) -> Vec<i32> {
    let mut ends = Vec::with_capacity(room);
    ends.push(0);
    ends
}

fn primitive<T: ArrowPrimitiveType>(values: &mut Vec<T::Native>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(taken(values)), nulls))
}

/// Appends values of a fixed width.
fn fixed<'a, T: Default, const N: usize>(
    values: &mut Vec<T>,
    cells: impl ExactSizeIterator<Item = Option<&'a [u8]>>,
    read: impl Fn([u8; N]) -> Result<T, Refusal>,
) -> Result<(), Refusal> {
    values.reserve(cells.len());
    for cell in cells {
        values.push(match cell {
            None => T::default(),
            Some(bytes) => read(bytes.try_into().map_err(|_| Refusal::Malformed)?)?,
        });
    }
    Ok(())
}

/// Which of some texts is none.
fn no_text(ends: &OffsetBuffer<i32>, values: &[u8]) -> Refusal {
    let cells = ends.windows(2).map(|ends| &values[ends[0] as usize..ends[1] as usize]);
    for cell in cells {
        if std::str::from_utf8(cell).is_err() {
            let shown: Vec<u8> = cell.iter().copied().take(60).collect();
            return Refusal::Value(
                format!("{:?}", String::from_utf8_lossy(&shown)),
                "it is not valid UTF-8; mend it at the source, or leave the row or the column out",
            );
        }
    }
    Refusal::Malformed
}

fn date(days: i32) -> Result<i32, Refusal> {
    match days {
        i32::MAX => Ok(i32::MAX),
        i32::MIN => Ok(-i32::MAX),
        days => days
            .checked_add(EPOCH_DAYS)
            .filter(|days| *days < i32::MAX)
            .ok_or_else(|| Refusal::Value(written_date(days), "the warehouse's dates end before it")),
    }
}

fn timestamp(micros: i64) -> Result<i64, Refusal> {
    match micros {
        i64::MAX => Ok(i64::MAX),
        i64::MIN => Ok(-i64::MAX),
        micros => micros.checked_add(EPOCH_MICROS).filter(|sum| *sum < i64::MAX).ok_or_else(|| {
            Refusal::Value(
                written_timestamp(micros),
                "the warehouse's timestamps end at 294247-01-10 04:00:54.775806",
            )
        }),
    }
}

fn uuid(bytes: &[u8]) -> Result<[u8; 36], Refusal> {
    let raw: [u8; 16] = bytes.try_into().map_err(|_| Refusal::Malformed)?;
    let mut digits = [0_u8; 32];
    hex::encode_to_slice(raw, &mut digits).map_err(|_| Refusal::Malformed)?;
    let mut out = [b'-'; 36];
    for (from, to) in [(0..8, 0), (8..12, 9), (12..16, 14), (16..20, 19), (20..32, 24)] {
        out[to..to + from.len()].copy_from_slice(&digits[from]);
    }
    Ok(out)
}

fn interval(raw: [u8; 16]) -> Result<IntervalMonthDayNano, Refusal> {
    // Eight bytes of microseconds, four of days, four of months.
    let raw = i128::from_be_bytes(raw);
    let (micros, days, months) = ((raw >> 64) as i64, (raw >> 32) as i32, raw as i32);
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

    #[test]
    fn a_text_that_is_none_is_named_wherever_its_bytes_were_cut() {
        // Two halves of one letter are UTF-8 together, and neither is by itself.
        let mut column = Column::new(Kind::Text);
        let (head, tail) = "é".as_bytes().split_at(1);
        column.extend([Some(&b"good"[..]), None, Some(head), Some(tail)].into_iter()).unwrap();
        let refusal = column.finish().unwrap_err();
        assert!(matches!(&refusal, Refusal::Value(value, _) if value == "\"\u{fffd}\""), "{refusal:?}");
    }
}
