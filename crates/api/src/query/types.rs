//! Names of types: what comes as Arrow is shown as the SQL type it came from.

use arrow::datatypes::{DataType, Fields, TimeUnit};

/// The SQL name of a column's type; Arrow's own for a type that no query gives.
pub(super) fn sql_type(kind: &DataType) -> String {
    let name = match kind {
        DataType::Null => "NULL",
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "UTINYINT",
        DataType::UInt16 => "USMALLINT",
        DataType::UInt32 => "UINTEGER",
        DataType::UInt64 => "UBIGINT",
        DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BLOB",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Timestamp(TimeUnit::Second, None) => "TIMESTAMP_S",
        DataType::Timestamp(TimeUnit::Millisecond, None) => "TIMESTAMP_MS",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP",
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP_NS",
        DataType::Interval(_) => "INTERVAL",
        DataType::Decimal128(precision, scale) => return format!("DECIMAL({precision},{scale})"),
        DataType::Dictionary(_, value) => return sql_type(value),
        DataType::List(item) | DataType::LargeList(item) => {
            return format!("{}[]", sql_type(item.data_type()));
        }
        DataType::FixedSizeList(item, length) => return format!("{}[{length}]", sql_type(item.data_type())),
        DataType::Struct(fields) => return format!("STRUCT({})", members(fields)),
        DataType::Map(entries, _) => {
            return match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    format!("MAP({}, {})", sql_type(fields[0].data_type()), sql_type(fields[1].data_type()))
                }
                other => other.to_string(),
            };
        }
        other => return other.to_string(),
    };
    name.to_owned()
}

fn members(fields: &Fields) -> String {
    let members = fields.iter().map(|field| {
        let name = forebay_core::name::quote(field.name());
        format!("{name} {}", sql_type(field.data_type()))
    });
    members.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn types_have_the_names_of_sql() {
        let check = |kind: DataType, expected: &str| assert_eq!(sql_type(&kind), expected);
        let item = Arc::new(Field::new("item", DataType::Int64, true));
        check(DataType::Utf8, "VARCHAR");
        check(DataType::Decimal128(38, 10), "DECIMAL(38,10)");
        check(DataType::Timestamp(TimeUnit::Microsecond, None), "TIMESTAMP");
        check(DataType::List(Arc::clone(&item)), "BIGINT[]");
        check(DataType::Struct(Fields::from(vec![item])), "STRUCT(\"item\" BIGINT)");
        check(DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Utf8)), "VARCHAR");
    }
}
