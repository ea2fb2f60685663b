//! Which Arrow type keeps a PostgreSQL type as it is, and what is asked of the server for it.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

/// How a column travels: what its binary form is and what it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Text,
    Jsonb,
    Bytea,
    Date,
    Time,
    Timestamp,
    Interval,
    Uuid,
    /// Everything else: the server's own text.
    Cast,
    /// As `Cast`, for a type whose cast to text is a function that may write it otherwise than the
    /// server does (`inet` gains a netmask).
    Output,
    /// Its text is of the server's language, its number is not.
    Money,
}

impl Kind {
    /// The kind of a type that is no domain (or of a domain's base type). `converted` says that its
    /// cast to text is a function of its own.
    pub(super) fn of(oid: u32, typmod: i32, type_type: &str, converted: bool) -> Self {
        match oid {
            16 => Self::Bool,
            17 => Self::Bytea,
            20 => Self::Int8,
            21 => Self::Int2,
            23 => Self::Int4,
            26 => Self::Oid,
            // name, text, json, bpchar, varchar: binary is the text itself.
            19 | 25 | 114 | 1042 | 1043 => Self::Text,
            790 => Self::Money,
            700 => Self::Float4,
            701 => Self::Float8,
            1082 => Self::Date,
            1083 => Self::Time,
            1114 | 1184 => Self::Timestamp,
            1186 => Self::Interval,
            1700 => match decimal(typmod) {
                Some((precision, scale)) => Self::Decimal { precision, scale },
                None => Self::Cast,
            },
            2950 => Self::Uuid,
            3802 => Self::Jsonb,
            _ if type_type == "e" => Self::Text,
            _ if converted => Self::Output,
            _ => Self::Cast,
        }
    }

    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Oid => DataType::UInt32,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale.cast_signed()),
            Self::Text | Self::Jsonb | Self::Uuid | Self::Cast | Self::Output | Self::Money => DataType::Utf8,
            Self::Bytea => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        }
    }

    /// The expression that selects a column, its name already quoted.
    pub(super) fn expression(self, column: &str) -> String {
        match self {
            Self::Cast => format!("{column}::pg_catalog.text"),
            Self::Money => format!("{column}::pg_catalog.numeric::pg_catalog.text"),
            // A NULL would be written as an empty text. `IS NULL` holds for a row of NULLs, too.
            Self::Output => {
                format!("CASE WHEN {column} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {column}) END")
            }
            _ => column.to_owned(),
        }
    }
}

/// Precision and scale of `numeric(p, s)` where a 128-bit decimal holds every value of it.
fn decimal(typmod: i32) -> Option<(u8, u8)> {
    let bits = typmod.checked_sub(4).filter(|bits| *bits >= 0)?;
    let precision = (bits >> 16) & 0xffff;
    // Eleven bits, signed.
    let scale = ((bits & 0x7ff) ^ 0x400) - 0x400;
    if !(1..=38).contains(&precision) || scale < 0 || scale > precision {
        return None;
    }
    Some((u8::try_from(precision).ok()?, u8::try_from(scale).ok()?))
}

/// How the values of a cursor column are ordered and bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CursorClass {
    /// A point in time; `zoned` where the server's clock and the values are on one scale.
    Time {
        zoned: bool,
    },
    Number {
        whole: bool,
    },
    Text,
}

impl CursorClass {
    /// The class of a base type; `None` where changes cannot be ordered by it.
    pub(super) fn of(oid: u32) -> Option<Self> {
        match oid {
            1082 | 1184 => Some(Self::Time { zoned: true }),
            1114 => Some(Self::Time { zoned: false }),
            20 | 21 | 23 | 26 => Some(Self::Number { whole: true }),
            700 | 701 | 1700 => Some(Self::Number { whole: false }),
            25 | 1042 | 1043 => Some(Self::Text),
            _ => None,
        }
    }

    /// The condition that a value is one to go on from; `column` is quoted.
    pub(super) fn finite(self, column: &str) -> Option<String> {
        match self {
            Self::Time { .. } => Some(format!("pg_catalog.isfinite({column})")),
            Self::Number { whole: false } => {
                Some(format!("{column}::pg_catalog.text NOT IN ('NaN', 'Infinity', '-Infinity')"))
            }
            Self::Number { whole: true } | Self::Text => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_typmods() {
        let typmod = |precision: i32, scale: i32| ((precision << 16) | (scale & 0x7ff)) + 4;
        assert_eq!(decimal(typmod(10, 2)), Some((10, 2)));
        assert_eq!(decimal(typmod(38, 38)), Some((38, 38)));
        assert_eq!(decimal(typmod(39, 0)), None);
        assert_eq!(decimal(typmod(5, -2)), None);
        assert_eq!(decimal(typmod(2, 5)), None);
        assert_eq!(decimal(-1), None);
    }
}
