//! Which Arrow type keeps a type of MySQL or MariaDB as it is, and what is asked of the server for it.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

/// How a column travels: what its binary form is and what it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int1,
    Int2,
    /// `MEDIUMINT` travels as four bytes, too.
    Int4,
    Int8,
    UInt1,
    UInt2,
    UInt4,
    UInt8,
    Year,
    /// A single bit.
    Flag,
    /// Up to 64 bits, as a number.
    Bits,
    Float4,
    Float8,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Date,
    /// `DATETIME`, and `TIMESTAMP` in UTC.
    Moment,
    /// From -838:59:59 to 838:59:59: a time of day or a duration.
    Time,
    /// Characters, whatever the column's character set; enums, sets, JSON, and decimals that are too long.
    Text,
    Binary,
    /// As text, with its reference system where it has one.
    Geometry,
    /// Anything else: the server's own text.
    Cast,
}

/// What the catalogue says of a column's type.
pub(super) struct Declared<'a> {
    /// `decimal`, `varchar`, …
    pub(super) data_type: &'a str,
    /// `decimal(10,2) unsigned`, …
    pub(super) column_type: &'a str,
    pub(super) precision: Option<u8>,
    pub(super) scale: Option<u8>,
}

impl Kind {
    pub(super) fn of(declared: &Declared<'_>) -> Self {
        let data_type = declared.data_type.to_ascii_lowercase();
        let column_type = declared.column_type.to_ascii_lowercase();
        let unsigned = column_type.contains(" unsigned");
        match (data_type.as_str(), unsigned) {
            ("tinyint", false) => Self::Int1,
            ("tinyint", true) => Self::UInt1,
            ("smallint", false) => Self::Int2,
            ("smallint", true) => Self::UInt2,
            ("mediumint" | "int" | "integer", false) => Self::Int4,
            ("mediumint" | "int" | "integer", true) => Self::UInt4,
            ("bigint", false) => Self::Int8,
            ("bigint", true) => Self::UInt8,
            ("year", _) => Self::Year,
            ("bit", _) if column_type == "bit(1)" => Self::Flag,
            ("bit", _) => Self::Bits,
            ("float", _) => Self::Float4,
            ("double" | "real", _) => Self::Float8,
            ("decimal" | "numeric", _) => match (declared.precision, declared.scale) {
                (Some(precision @ 1..=38), Some(scale)) if scale <= precision => {
                    Self::Decimal { precision, scale }
                }
                _ => Self::Text,
            },
            ("date", _) => Self::Date,
            ("datetime" | "timestamp", _) => Self::Moment,
            ("time", _) => Self::Time,
            (
                "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set"
                | "json" | "uuid" | "inet6" | "inet4",
                _,
            ) => Self::Text,
            ("binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector", _) => {
                Self::Binary
            }
            (
                "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
                | "multipolygon" | "geometrycollection" | "geomcollection",
                _,
            ) => Self::Geometry,
            _ => Self::Cast,
        }
    }

    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Int1 => DataType::Int8,
            Self::Int2 | Self::Year => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::UInt1 => DataType::UInt8,
            Self::UInt2 => DataType::UInt16,
            Self::UInt4 => DataType::UInt32,
            Self::UInt8 | Self::Bits => DataType::UInt64,
            Self::Flag => DataType::Boolean,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale.cast_signed()),
            Self::Date => DataType::Date32,
            Self::Moment => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Time => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Text | Self::Geometry | Self::Cast => DataType::Utf8,
            Self::Binary => DataType::Binary,
        }
    }

    /// The expression that selects a column, its name already quoted.
    pub(super) fn expression(self, column: &str) -> String {
        match self {
            Self::Geometry => format!(
                "IF(ST_SRID({column}) = 0, ST_AsText({column}), \
                 CONCAT('SRID=', ST_SRID({column}), ';', ST_AsText({column})))"
            ),
            Self::Cast => format!("CAST({column} AS CHAR)"),
            _ => column.to_owned(),
        }
    }

    /// Whether a result's column of this type of the protocol is what the decoder takes for the kind.
    pub(super) fn travels_as(self, wire_type: u8, unsigned: bool) -> bool {
        match self {
            Self::Int1 => wire_type == 1 && !unsigned,
            Self::UInt1 => wire_type == 1 && unsigned,
            Self::Int2 => wire_type == 2 && !unsigned,
            Self::UInt2 => wire_type == 2 && unsigned,
            Self::Year => wire_type == 13,
            Self::Int4 => matches!(wire_type, 3 | 9) && !unsigned,
            Self::UInt4 => matches!(wire_type, 3 | 9) && unsigned,
            Self::Int8 => wire_type == 8 && !unsigned,
            Self::UInt8 => wire_type == 8 && unsigned,
            Self::Float4 => wire_type == 4,
            Self::Float8 => wire_type == 5,
            Self::Date => matches!(wire_type, 10 | 14),
            Self::Moment => matches!(wire_type, 7 | 12),
            Self::Time => wire_type == 11,
            Self::Flag | Self::Bits => wire_type == 16,
            Self::Decimal { .. } => matches!(wire_type, 0 | 246),
            // All that travel as bytes with their length.
            Self::Text | Self::Binary | Self::Geometry | Self::Cast => {
                matches!(wire_type, 0 | 15 | 242 | 245..=255)
            }
        }
    }

    /// Whether a table can be read in ranges of such a key.
    pub(super) fn is_whole_number(self) -> bool {
        matches!(
            self,
            Self::Int1
                | Self::Int2
                | Self::Int4
                | Self::Int8
                | Self::UInt1
                | Self::UInt2
                | Self::UInt4
                | Self::UInt8
        )
    }
}

/// How the values of a cursor column are ordered and bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CursorClass {
    /// A point in time; `zoned` where the server's clock and the values are on one scale.
    Time {
        zoned: bool,
    },
    Date,
    Number,
    Text,
}

impl CursorClass {
    /// The class of a column; `None` where changes cannot be ordered by it.
    pub(super) fn of(kind: Kind, data_type: &str) -> Option<Self> {
        match kind {
            Kind::Moment => Some(Self::Time { zoned: data_type.eq_ignore_ascii_case("timestamp") }),
            Kind::Date => Some(Self::Date),
            Kind::Int1 | Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Year => Some(Self::Number),
            Kind::UInt1 | Kind::UInt2 | Kind::UInt4 | Kind::UInt8 => Some(Self::Number),
            Kind::Float8 | Kind::Decimal { .. } => Some(Self::Number),
            Kind::Text if data_type.eq_ignore_ascii_case("decimal") => Some(Self::Number),
            Kind::Text => {
                let data_type = data_type.to_ascii_lowercase();
                (data_type.ends_with("char") || data_type.ends_with("text")).then_some(Self::Text)
            }
            // A `FLOAT` is not equal to its own text.
            Kind::Float4
            | Kind::Time
            | Kind::Flag
            | Kind::Bits
            | Kind::Binary
            | Kind::Geometry
            | Kind::Cast => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_become_kinds() {
        let check = |column_type: &str, precision: Option<u8>, scale: Option<u8>, expected: Kind| {
            let data_type = column_type.split(['(', ' ']).next().unwrap();
            let found = Kind::of(&Declared { data_type, column_type, precision, scale });
            assert_eq!(found, expected, "{column_type}");
        };
        check("tinyint(1)", Some(3), Some(0), Kind::Int1);
        check("bigint(20) unsigned zerofill", Some(20), Some(0), Kind::UInt8);
        check("mediumint unsigned", Some(7), Some(0), Kind::UInt4);
        check("decimal(38,38)", Some(38), Some(38), Kind::Decimal { precision: 38, scale: 38 });
        check("decimal(65,30) unsigned", Some(65), Some(30), Kind::Text);
        check("bit(1)", Some(1), None, Kind::Flag);
        check("bit(64)", Some(64), None, Kind::Bits);
        check("enum(' unsigned')", None, None, Kind::Text);
        check("multipoint", None, None, Kind::Geometry);
        check("something new", None, None, Kind::Cast);
    }
}
