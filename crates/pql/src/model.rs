//! A published data model, as a query sees it.

use std::fmt;

/// The tables of a data model and how they are related.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    pub tables: Vec<Table>,
    pub relations: Vec<Relation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What queries call it.
    pub name: String,
    pub columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// The type as DuckDB writes it.
    pub type_name: String,
}

/// A foreign key: each row of the N side has at most one row on the 1 side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The place of the table on the 1 side in [`Model::tables`].
    pub one: usize,
    /// The same for the N side.
    pub many: usize,
    /// Pairs of a column of the 1 side and one of the N side.
    pub columns: Vec<(String, String)>,
}

/// The types of values that there are in PQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers of 64 bits.
    Int,
    /// Numbers of IEEE 754 with 64 bits.
    Float,
    /// Texts.
    String,
    /// Moments without a time zone.
    Date,
}

impl Kind {
    /// The type of DuckDB that holds the values.
    pub(crate) const fn type_name(self) -> &'static str {
        match self {
            Self::Int => "BIGINT",
            Self::Float => "DOUBLE",
            Self::String => "VARCHAR",
            Self::Date => "TIMESTAMP",
        }
    }

    /// What values of a column are in PQL; `None` for types that it has nothing for.
    pub(crate) fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "UTINYINT" | "USMALLINT"
            | "UINTEGER" | "UBIGINT" => Self::Int,
            "FLOAT" | "DOUBLE" => Self::Float,
            "VARCHAR" | "TIME" => Self::String,
            "DATE" | "TIMESTAMP" => Self::Date,
            _ => return decimal(type_name),
        })
    }
}

/// Whole decimals that fit into 64 bits are whole numbers, all others are not.
fn decimal(type_name: &str) -> Option<Kind> {
    let (precision, scale) = type_name.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
    let (precision, scale): (u8, u8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    Some(if scale == 0 && precision <= 18 { Kind::Int } else { Kind::Float })
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Int => "INT",
            Self::Float => "FLOAT",
            Self::String => "STRING",
            Self::Date => "DATE",
        })
    }
}
