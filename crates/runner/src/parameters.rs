//! `<%=…%>` in SQL and filters: parameters, and `DATASOURCE:name` for a connection's schema.

use arrow::array::Array;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::name::quote;
use forebay_core::parameter::{DynamicOperation, DynamicValue, ParameterOrigin, ParameterType};
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::ParameterSpec;
use forebay_core::warehouse::{Query, WarehouseErrorKind};

use crate::{Context, Failure};

/// The most values that a LIST parameter takes from a table.
const LIST_LIMIT: usize = 10_000;

/// The text with every placeholder replaced.
pub(crate) async fn resolve(context: &Context<'_>, text: &str) -> Result<String, Failure> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<%=") {
        let at = text.len() - rest.len() + start;
        let inside = &rest[start + 3..];
        let end = inside.find("%>").ok_or_else(|| failed(text, at, "`<%=` has no `%>`"))?;
        resolved.push_str(&rest[..start]);
        let name = inside[..end].trim();
        let after = &inside[end + 2..];
        let quoted = resolved.ends_with('"') && after.starts_with('"');
        resolved.push_str(&value(context, text, at, name, quoted).await?);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// An error that says where in the text it is.
fn failed(text: &str, at: usize, reason: &str) -> Failure {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Failure::Failed(format!("line {line}, column {column}: {reason}"))
}

async fn value(
    context: &Context<'_>,
    text: &str,
    at: usize,
    name: &str,
    quoted: bool,
) -> Result<String, Failure> {
    if let Some(connection) = name.strip_prefix("DATASOURCE:") {
        let named = context.spec.schemas.iter();
        let found = named
            .clone()
            .find(|schema| schema.name == connection)
            .or_else(|| named.clone().find(|schema| schema.name.eq_ignore_ascii_case(connection)));
        let found =
            found.ok_or_else(|| failed(text, at, &format!("the pool has no data connection `{connection}`")))?;
        let schema = connection_schema(context.spec.pool_id, found.connection_id);
        return Ok(if quoted { schema.to_string() } else { schema.quoted() });
    }
    let parameter = context.task.parameters.iter().find(|parameter| parameter.placeholder == name);
    let parameter = parameter.ok_or_else(|| failed(text, at, &format!("there is no parameter `{name}`")))?;
    let values = match &parameter.origin {
        ParameterOrigin::Constant => parameter.values.clone(),
        ParameterOrigin::Dynamic(dynamic) => {
            let found = dynamic_values(context, dynamic).await?;
            if found.is_empty() { parameter.values.clone() } else { found }
        }
    };
    written(parameter, &values).map_err(|reason| failed(text, at, &reason))
}

/// The values as SQL text.
fn written(parameter: &ParameterSpec, values: &[String]) -> Result<String, String> {
    let name = &parameter.placeholder;
    if parameter.data_type == ParameterType::Null {
        return Ok("NULL".to_owned());
    }
    if values.is_empty() {
        return Err(format!("the parameter `{name}` has no value; give it one or a default"));
    }
    let numbers = match parameter.data_type {
        ParameterType::Int | ParameterType::ListInt => values.iter().all(|value| value.trim().parse::<i128>().is_ok()),
        ParameterType::Double | ParameterType::ListDouble => {
            values.iter().all(|value| value.trim().parse::<f64>().is_ok())
        }
        ParameterType::Date
        | ParameterType::String
        | ParameterType::Column
        | ParameterType::QualifiedColumn
        | ParameterType::ListString
        | ParameterType::Null => true,
    };
    if !numbers {
        return Err(format!("the parameter `{name}` has a value that is no number"));
    }
    Ok(match parameter.data_type {
        ParameterType::ListString => {
            values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect::<Vec<_>>().join(", ")
        }
        _ => values.join(", "),
    })
}

/// What the pool's rows say now; nothing when the table is missing or empty.
async fn dynamic_values(context: &Context<'_>, dynamic: &DynamicValue) -> Result<Vec<String>, Failure> {
    let pool = context.spec.pool_id;
    let schema = match dynamic.connection_id {
        Some(connection) => connection_schema(pool, connection),
        None => global_schema(pool),
    };
    let column = quote(dynamic.column.as_str());
    let from = format!("{}.{}", schema.quoted(), dynamic.table.quoted());
    let sql = match dynamic.operation {
        DynamicOperation::FindMax => format!("SELECT max({column})::VARCHAR FROM {from}"),
        DynamicOperation::FindMin => format!("SELECT min({column})::VARCHAR FROM {from}"),
        DynamicOperation::List => {
            format!("SELECT DISTINCT {column}::VARCHAR FROM {from} WHERE {column} IS NOT NULL ORDER BY 1")
        }
    };
    let query = Query { sql, schemas: vec![schema], limit: LIST_LIMIT };
    let rows = match context.warehouse.query(query, context.stop).await {
        Ok(rows) => rows,
        Err(error) if error.kind == WarehouseErrorKind::Invalid => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut values = Vec::new();
    for batch in &rows.batches {
        let column = batch.column(0);
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options)
            .map_err(|error| Failure::Failed(format!("a parameter's values cannot be read: {error}")))?;
        values.extend((0..column.len()).filter(|row| column.is_valid(*row)).map(|row| formatter.value(row).to_string()));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data_type: ParameterType, values: &[&str], expected: Option<&str>) {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        let origin = ParameterOrigin::Constant;
        let parameter = ParameterSpec { placeholder: "p".to_owned(), data_type, origin, values: values.clone() };
        assert_eq!(written(&parameter, &values).ok().as_deref(), expected, "{values:?}");
    }

    #[test]
    fn values_are_written_by_their_type() {
        check(ParameterType::String, &["a b"], Some("a b"));
        check(ParameterType::Int, &["12"], Some("12"));
        check(ParameterType::Int, &["12; DROP TABLE x"], None);
        check(ParameterType::ListString, &["a", "it's"], Some("'a', 'it''s'"));
        check(ParameterType::ListInt, &["1", "2"], Some("1, 2"));
        check(ParameterType::Null, &[], Some("NULL"));
        check(ParameterType::String, &[], None);
    }
}
