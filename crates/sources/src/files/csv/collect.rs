//! Cells of one column into an Arrow array.

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::DataType;

use super::guess::{Kind, boolean};
use crate::decimal::scaled;
use crate::iso;

pub(super) enum Collector {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Decimal(u8, i8, Decimal128Builder),
    Double(Float64Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Text(StringBuilder),
}

impl Collector {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Decimal(precision, scale) => {
                let builder = Decimal128Builder::new().with_data_type(DataType::Decimal128(precision, scale));
                Self::Decimal(precision, scale, builder)
            }
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Date => Self::Date(Date32Builder::new()),
            Kind::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// Takes a cell and gives its size in bytes, or `None` when it does not fit. An empty cell is
    /// NULL, unless it is a quoted one of a text column.
    pub(super) fn push(&mut self, cell: &str, quoted: bool) -> Option<usize> {
        let some = !cell.is_empty();
        match self {
            Self::Boolean(builder) => builder.append_option(if some { Some(boolean(cell)?) } else { None }),
            Self::Integer(builder) => {
                builder.append_option(if some { Some(cell.parse().ok()?) } else { None })
            }
            Self::Decimal(precision, scale, builder) => {
                builder.append_option(if some { Some(scaled(cell, *precision, *scale)?) } else { None });
            }
            Self::Double(builder) => {
                builder.append_option(if some { Some(cell.parse().ok()?) } else { None })
            }
            Self::Date(builder) => builder.append_option(if some { Some(iso::date(cell)?) } else { None }),
            Self::Timestamp(builder) => {
                builder.append_option(if some { Some(iso::moment(cell)?) } else { None });
            }
            Self::Text(builder) => {
                builder.append_option((some || quoted).then_some(cell));
                return Some(cell.len() + 4);
            }
        }
        Some(8)
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match self {
            Self::Boolean(builder) => builder,
            Self::Integer(builder) => builder,
            Self::Decimal(_, _, builder) => builder,
            Self::Double(builder) => builder,
            Self::Date(builder) => builder,
            Self::Timestamp(builder) => builder,
            Self::Text(builder) => builder,
        };
        builder.finish()
    }
}
