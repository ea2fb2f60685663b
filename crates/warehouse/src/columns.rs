//! Arrow types as DuckDB's, and which change of a column's type keeps every value.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

/// The DuckDB type that keeps every value of an Arrow type; `None` for types that no source sends.
pub(crate) fn column_type(arrow: &DataType) -> Option<String> {
    Some(match arrow {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::UInt8 => "UTINYINT".to_owned(),
        DataType::UInt16 => "USMALLINT".to_owned(),
        DataType::UInt32 => "UINTEGER".to_owned(),
        DataType::UInt64 => "UBIGINT".to_owned(),
        DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Decimal128(precision, scale) if *scale >= 0 => format!("DECIMAL({precision},{scale})"),
        DataType::Utf8 => "VARCHAR".to_owned(),
        DataType::Binary => "BLOB".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Time64(TimeUnit::Microsecond) => "TIME".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP".to_owned(),
        DataType::Interval(IntervalUnit::MonthDayNano) => "INTERVAL".to_owned(),
        // A column in which nothing was ever said.
        DataType::Null => "VARCHAR".to_owned(),
        _ => return None,
    })
}

/// How a column's new type meets the one that the table has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Every new value fits as it is.
    Fits,
    /// The table's column must take the new type, which keeps every old value.
    Widens,
    /// Neither type keeps the other's values.
    Differs,
}

/// Rank, width and sign of the integer types.
fn integer(name: &str) -> Option<(u8, bool)> {
    Some(match name {
        "TINYINT" => (8, true),
        "SMALLINT" => (16, true),
        "INTEGER" => (32, true),
        "BIGINT" => (64, true),
        "UTINYINT" => (8, false),
        "USMALLINT" => (16, false),
        "UINTEGER" => (32, false),
        "UBIGINT" => (64, false),
        _ => return None,
    })
}

/// Digits before and after the point.
fn decimal(name: &str) -> Option<(u8, u8)> {
    let (precision, scale) = name.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
    let (precision, scale): (u8, u8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    Some((precision.checked_sub(scale)?, scale))
}

/// Whether every value of the type `narrow` is one of the type `wide`.
fn holds(wide: &str, narrow: &str) -> bool {
    if wide == narrow || (wide == "DOUBLE" && narrow == "FLOAT") {
        return true;
    }
    if let (Some((wide, wide_signed)), Some((narrow, narrow_signed))) = (integer(wide), integer(narrow)) {
        return match (wide_signed, narrow_signed) {
            (true, false) => wide > narrow,
            (false, true) => false,
            _ => wide >= narrow,
        };
    }
    if let (Some(wide), Some(narrow)) = (decimal(wide), decimal(narrow)) {
        return wide.0 >= narrow.0 && wide.1 >= narrow.1;
    }
    false
}

pub(crate) fn fit(table: &str, new: &str) -> Fit {
    if holds(table, new) {
        Fit::Fits
    } else if holds(new, table) {
        Fit::Widens
    } else {
        Fit::Differs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_that_keep_every_value_are_made() {
        let check = |table, new, expected| assert_eq!(fit(table, new), expected, "{table} {new}");
        check("INTEGER", "INTEGER", Fit::Fits);
        check("BIGINT", "INTEGER", Fit::Fits);
        check("INTEGER", "BIGINT", Fit::Widens);
        check("INTEGER", "UINTEGER", Fit::Differs);
        check("BIGINT", "UINTEGER", Fit::Fits);
        check("DECIMAL(10,2)", "DECIMAL(12,2)", Fit::Widens);
        check("DECIMAL(10,2)", "DECIMAL(10,4)", Fit::Differs);
        check("DECIMAL(10,2)", "DECIMAL(12,4)", Fit::Widens);
        check("FLOAT", "DOUBLE", Fit::Widens);
        check("VARCHAR", "INTEGER", Fit::Differs);
        check("DATE", "TIMESTAMP", Fit::Differs);
    }
}
