//! SQLite's values as Arrow's: by the declared type, and only when the value fits it.

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder,
    Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, TimeUnit};
use sqlx::sqlite::SqliteValueRef;
use sqlx::{Decode, Sqlite, TypeInfo, ValueRef};

use crate::decimal::scaled;
use crate::iso;

/// How a column's values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Real,
    Decimal(u8, i8),
    Boolean,
    Date,
    Timestamp,
    Text,
    Blob,
    /// No declared type, or one that says nothing: the text of whatever is there.
    Any,
}

impl Kind {
    /// By the declared type, after SQLite's own rules of affinity.
    pub(super) fn of(declared: &str) -> Self {
        let upper = declared.to_ascii_uppercase();
        let (base, arguments) = match upper.split_once('(') {
            Some((base, rest)) => (base.trim(), rest.split_once(')').map_or("", |(arguments, _)| arguments)),
            None => (upper.trim(), ""),
        };
        let has = |parts: &[&str]| parts.iter().any(|part| base.contains(part));
        match base {
            "BOOL" | "BOOLEAN" => Self::Boolean,
            "DATE" => Self::Date,
            "DATETIME" | "TIMESTAMP" | "TIMESTAMPTZ" => Self::Timestamp,
            "TIMESTAMP WITH TIME ZONE" | "TIMESTAMP WITHOUT TIME ZONE" => Self::Timestamp,
            "DECIMAL" | "NUMERIC" | "DEC" | "NUMBER" => decimal(arguments).unwrap_or(Self::Any),
            _ if has(&["REAL", "FLOA", "DOUB"]) => Self::Real,
            _ if has(&["INT"]) => Self::Integer,
            _ if has(&["CHAR", "CLOB", "TEXT"]) => Self::Text,
            _ if has(&["BLOB"]) => Self::Blob,
            _ => Self::Any,
        }
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Real => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Text | Self::Any => DataType::Utf8,
            Self::Blob => DataType::Binary,
        }
    }

    /// What values the column takes, for a message.
    pub(super) fn expects(self) -> &'static str {
        match self {
            Self::Integer => "a 64-bit integer",
            Self::Real => "a number that a 64-bit float holds exactly",
            Self::Decimal(..) => "a number that fits the declared precision and scale",
            Self::Boolean => "0 or 1",
            Self::Date => "a date as text, such as 2024-01-31",
            Self::Timestamp => {
                "a date and time as ISO text of at most microseconds, such as 2024-01-31 12:00:00 (seconds since 1970 \
                 are not told from other numbers: read them through a view with datetime(column, 'unixepoch'))"
            }
            Self::Text | Self::Any => "text or a number",
            Self::Blob => "bytes or text",
        }
    }
}

fn decimal(arguments: &str) -> Option<Kind> {
    let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let (precision, scale) = (precision.trim().parse::<u8>().ok()?, scale.trim().parse::<i8>().ok()?);
    let fits = (1..=38).contains(&precision) && (0..=precision.cast_signed()).contains(&scale);
    fits.then_some(Kind::Decimal(precision, scale))
}

/// One value, in the storage class it has.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stored {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    /// Declared as text by SQLite, and not UTF-8.
    Broken,
}

impl Stored {
    pub(super) fn of(value: SqliteValueRef<'_>) -> Self {
        if value.is_null() {
            return Self::Null;
        }
        let class = value.type_info().name().to_owned();
        let decoded = match class.as_str() {
            "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).map(Self::Integer),
            "REAL" => <f64 as Decode<Sqlite>>::decode(value).map(Self::Real),
            "TEXT" => <String as Decode<Sqlite>>::decode(value).map(Self::Text),
            _ => <Vec<u8> as Decode<Sqlite>>::decode(value).map(Self::Blob),
        };
        decoded.unwrap_or(Self::Broken)
    }

    /// The value as text; `None` for what is no text.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Integer(value) => Some(value.to_string()),
            Self::Real(value) => Some(format!("{value:?}")),
            Self::Text(value) => Some(value.clone()),
            Self::Null | Self::Blob(_) | Self::Broken => None,
        }
    }

    pub(super) fn class(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Integer(_) => "an integer",
            Self::Real(_) => "a real number",
            Self::Text(_) => "text",
            Self::Blob(_) => "a blob",
            Self::Broken => "text that is not UTF-8",
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 4,
            Self::Blob(bytes) => bytes.len() + 4,
            _ => 8,
        }
    }
}

/// Collects one column of a batch.
pub(super) enum Collector {
    Integer(Int64Builder),
    Real(Float64Builder),
    Decimal(u8, i8, Decimal128Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Text(StringBuilder),
    Blob(BinaryBuilder),
}

impl Collector {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Real => Self::Real(Float64Builder::new()),
            Kind::Decimal(precision, scale) => {
                let builder = Decimal128Builder::new().with_data_type(DataType::Decimal128(precision, scale));
                Self::Decimal(precision, scale, builder)
            }
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Date => Self::Date(Date32Builder::new()),
            Kind::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            Kind::Text | Kind::Any => Self::Text(StringBuilder::new()),
            Kind::Blob => Self::Blob(BinaryBuilder::new()),
        }
    }

    /// Takes a value and gives its size in bytes, or `None` when it does not fit.
    pub(super) fn push(&mut self, value: &Stored) -> Option<usize> {
        let null = *value == Stored::Null;
        match self {
            Self::Integer(builder) => builder.append_option(if null { None } else { Some(integer(value)?) }),
            Self::Real(builder) => builder.append_option(if null { None } else { Some(real(value)?) }),
            Self::Decimal(precision, scale, builder) => builder.append_option(if null {
                None
            } else {
                Some(scaled(&value.text()?, *precision, *scale)?)
            }),
            Self::Boolean(builder) => builder.append_option(match value {
                Stored::Null => None,
                Stored::Integer(0) => Some(false),
                Stored::Integer(1) => Some(true),
                _ => return None,
            }),
            Self::Date(builder) => builder.append_option(match value {
                Stored::Null => None,
                Stored::Text(text) => Some(iso::date(text)?),
                _ => return None,
            }),
            Self::Timestamp(builder) => builder.append_option(match value {
                Stored::Null => None,
                Stored::Text(text) => Some(iso::moment(text)?),
                _ => return None,
            }),
            Self::Text(builder) => match value {
                Stored::Null => builder.append_null(),
                Stored::Text(text) => builder.append_value(text),
                value => builder.append_value(value.text()?),
            },
            Self::Blob(builder) => match value {
                Stored::Null => builder.append_null(),
                Stored::Blob(bytes) => builder.append_value(bytes),
                Stored::Text(text) => builder.append_value(text),
                _ => return None,
            },
        }
        Some(value.size())
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match self {
            Self::Integer(builder) => builder,
            Self::Real(builder) => builder,
            Self::Decimal(_, _, builder) => builder,
            Self::Boolean(builder) => builder,
            Self::Date(builder) => builder,
            Self::Timestamp(builder) => builder,
            Self::Text(builder) => builder,
            Self::Blob(builder) => builder,
        };
        builder.finish()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only a whole number within the range is cast")]
fn integer(value: &Stored) -> Option<i64> {
    match value {
        Stored::Integer(value) => Some(*value),
        // 2^63 itself is no i64, and a cast would saturate.
        Stored::Real(real) if *real >= -(2f64.powi(63)) && *real < 2f64.powi(63) && real.fract() == 0.0 => {
            Some(*real as i64)
        }
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the round trip is compared"
)]
fn real(value: &Stored) -> Option<f64> {
    match value {
        Stored::Real(value) => Some(*value),
        Stored::Integer(value) if (*value as f64) as i128 == i128::from(*value) => Some(*value as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_have_kinds() {
        for (declared, kind) in [
            ("INTEGER", Kind::Integer),
            ("unsigned big int", Kind::Integer),
            ("double precision", Kind::Real),
            ("decimal(10, 2)", Kind::Decimal(10, 2)),
            ("NUMERIC(38)", Kind::Decimal(38, 0)),
            ("NUMERIC(39,2)", Kind::Any),
            ("DECIMAL", Kind::Any),
            ("Boolean", Kind::Boolean),
            ("date", Kind::Date),
            ("TIMESTAMP(6)", Kind::Timestamp),
            ("datetime", Kind::Timestamp),
            ("VARCHAR(255)", Kind::Text),
            ("BLOB", Kind::Blob),
            ("", Kind::Any),
            ("JSON", Kind::Any),
        ] {
            assert_eq!(Kind::of(declared), kind, "{declared}");
        }
    }

    #[test]
    fn numbers_keep_their_value_or_are_refused() {
        assert_eq!(integer(&Stored::Real(3.0)), Some(3));
        assert_eq!(integer(&Stored::Real(3.5)), None);
        assert_eq!(integer(&Stored::Real(9.3e18)), None);
        assert_eq!(real(&Stored::Integer(1 << 53)), Some(9_007_199_254_740_992.0));
        assert_eq!(real(&Stored::Integer((1 << 53) + 1)), None);
        assert_eq!(real(&Stored::Integer(i64::MAX)), None);
    }
}
