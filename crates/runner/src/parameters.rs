//! Fills in `<%=placeholder%>` and `<%=DATASOURCE:name%>`. A dynamic parameter is asked for once,
//! when its task begins, and only when the task uses it.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::StringArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use forebay_core::id::DataPoolId;
use forebay_core::parameter::{DynamicOperation, DynamicValue, ParameterOrigin, ParameterType};
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::{NamedSchema, ParameterSpec, TaskSpec};
use forebay_core::warehouse::{Query, Rows, WarehouseErrorKind};

use crate::Run;
use crate::halt::Halt;
use crate::report::Report;
use crate::scan::{Piece, Within, pieces};

/// What stands before the name of a connection.
const DATASOURCE: &str = "DATASOURCE:";
/// The most values of a dynamic list.
const LIST_LIMIT: usize = 10_000;

/// The parameters of one task with their values.
pub(crate) struct Parameters<'a> {
    pool: DataPoolId,
    schemas: &'a [NamedSchema],
    /// Each as SQL, or why it has no value.
    values: BTreeMap<&'a str, Result<String, String>>,
}

impl<'a> Parameters<'a> {
    /// Finds the values of the parameters that the texts of a task use.
    ///
    /// # Errors
    /// The warehouse's, and the stop. A parameter without a value is an error where it is used.
    pub(crate) async fn read(
        run: &Run<'a>,
        task: &'a TaskSpec,
        texts: &[&str],
        report: &Report<'_>,
    ) -> Result<Self, Halt> {
        let used: BTreeSet<&str> = texts
            .iter()
            .flat_map(|text| pieces(text))
            .filter_map(|piece| match piece {
                Piece::Place { name, .. } => name,
                Piece::Plain(_) => None,
            })
            .collect();
        let mut values = BTreeMap::new();
        for parameter in &task.parameters {
            let name = parameter.placeholder.as_str();
            // The first one wins: a task's own come before the pool's.
            if !used.contains(name) || values.contains_key(name) {
                continue;
            }
            let found = match &parameter.origin {
                ParameterOrigin::Constant => Ok(None),
                ParameterOrigin::Dynamic(dynamic) => ask(run, name, dynamic).await?,
            };
            let sql = match found {
                Ok(Some(found)) => sql(parameter, &found),
                Ok(None) => {
                    if let ParameterOrigin::Dynamic(dynamic) = &parameter.origin {
                        let text = format!(
                            "parameter {name}: {}.{} is missing or has no values, so the stored ones are used",
                            dynamic.table, dynamic.column
                        );
                        report.info("PARAMETER_STORED_VALUES", text).await;
                    }
                    sql(parameter, &parameter.values)
                }
                Err(reason) => Err(reason),
            };
            values.insert(name, sql);
        }
        Ok(Self { pool: run.spec.pool_id, schemas: &run.spec.schemas, values })
    }

    /// The text with its places filled in. A text without places is unchanged, and so are unknown
    /// places in comments.
    ///
    /// # Errors
    /// An unknown place, with its line and column, or a parameter without a value.
    pub(crate) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Plain(plain) => filled.push_str(plain),
                Piece::Place { whole, name, at, within } => match self.place(name, within) {
                    Ok(value) => filled.push_str(&within_comment(value, within)),
                    Err(_) if within.is_comment() => filled.push_str(whole),
                    Err(reason) => return Err(format!("{}: {reason}", position(text, at))),
                },
            }
        }
        Ok(filled)
    }

    /// As `fill`, for a text that may be missing or blank, which is the same.
    pub(crate) fn fill_option(&self, text: Option<&str>) -> Result<Option<String>, String> {
        let filled = text.map(|text| self.fill(text)).transpose()?;
        Ok(filled.filter(|text| !text.trim().is_empty()))
    }

    fn place(&self, name: Option<&str>, within: Within) -> Result<String, String> {
        let name = name.ok_or("`<%=` has no `%>` on its line")?;
        if let Some(prefix) = name.get(..DATASOURCE.len())
            && prefix.eq_ignore_ascii_case(DATASOURCE)
        {
            return self.schema(name[DATASOURCE.len()..].trim(), within);
        }
        match self.values.get(name) {
            Some(value) => value.clone(),
            None => Err(format!(
                "`<%={name}%>` is no parameter of this task or its data pool; create it or correct the name"
            )),
        }
    }

    fn schema(&self, name: &str, within: Within) -> Result<String, String> {
        let found = match self.schemas.iter().find(|schema| schema.name == name) {
            Some(exact) => exact,
            None => {
                let mut alike =
                    self.schemas.iter().filter(|schema| schema.name.to_lowercase() == name.to_lowercase());
                match (alike.next(), alike.next()) {
                    (Some(found), None) => found,
                    (Some(_), Some(_)) => {
                        return Err(format!(
                            "`<%={DATASOURCE}{name}%>` could be several data connections; write the name in its own case"
                        ));
                    }
                    (None, _) => {
                        return Err(format!(
                            "`<%={DATASOURCE}{name}%>` names no data connection of this data pool; correct the name"
                        ));
                    }
                }
            }
        };
        let schema = connection_schema(self.pool, found.connection_id);
        Ok(if within == Within::Name { schema.to_string() } else { schema.quoted() })
    }
}

/// A value must not end the comment that it stands in.
fn within_comment(value: String, within: Within) -> String {
    match within {
        Within::LineComment => value.replace(['\n', '\r'], " "),
        Within::BlockComment => value.replace("*/", "* /").replace("/*", "/ *"),
        Within::Code | Within::Text | Within::Name => value,
    }
}

fn position(text: &str, at: usize) -> String {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

/// A parameter's values as they are written into the text.
fn sql(parameter: &ParameterSpec, values: &[String]) -> Result<String, String> {
    let name = &parameter.placeholder;
    if parameter.data_type == ParameterType::Null {
        return Ok("NULL".to_owned());
    }
    if values.is_empty() {
        return Err(format!("parameter {name} has no value; set its value or a default value"));
    }
    let mut written = Vec::with_capacity(values.len());
    for value in values {
        written.push(match parameter.data_type {
            ParameterType::Int | ParameterType::ListInt => number(name, value, "whole number", is_whole)?,
            ParameterType::Double | ParameterType::ListDouble => number(name, value, "number", is_number)?,
            ParameterType::ListString => format!("'{}'", value.replace('\'', "''")),
            ParameterType::Date
            | ParameterType::String
            | ParameterType::Column
            | ParameterType::QualifiedColumn
            | ParameterType::Null => value.clone(),
        });
    }
    Ok(written.join(", "))
}

fn number(name: &str, value: &str, kind: &str, good: fn(&str) -> bool) -> Result<String, String> {
    let trimmed = value.trim();
    if good(trimmed) {
        Ok(trimmed.to_owned())
    } else {
        Err(format!("parameter {name}: `{value}` is no {kind}; correct its value or its type"))
    }
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    // Rust reads words like `inf` as well; SQL would take them for names.
    text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte)) && text.parse::<f64>().is_ok()
}

/// Asks the pool for a dynamic parameter's values: `None` when there are none, and an error of the
/// parameter when they cannot be used.
async fn ask(
    run: &Run<'_>,
    name: &str,
    dynamic: &DynamicValue,
) -> Result<Result<Option<Vec<String>>, String>, Halt> {
    let pool = run.spec.pool_id;
    let schema = dynamic.connection_id.map_or_else(|| global_schema(pool), |id| connection_schema(pool, id));
    let column = dynamic.column.quoted();
    let from = format!("FROM {}.{}", schema.quoted(), dynamic.table.quoted());
    let sql = match dynamic.operation {
        DynamicOperation::FindMax => format!("SELECT max({column})::VARCHAR {from}"),
        DynamicOperation::FindMin => format!("SELECT min({column})::VARCHAR {from}"),
        DynamicOperation::List => {
            format!(
                "SELECT DISTINCT {column}::VARCHAR {from} WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {}",
                LIST_LIMIT + 1
            )
        }
    };
    let query = Query { sql, schemas: vec![schema], limit: LIST_LIMIT + 1 };
    let rows = match run.warehouse.query(query, run.stop).await {
        Ok(rows) => rows,
        // The table or the column is not there (yet).
        Err(error) if error.kind == WarehouseErrorKind::Invalid => return Ok(Ok(None)),
        Err(error) => return Err(error.into()),
    };
    let values = texts(&rows)?;
    if values.len() > LIST_LIMIT {
        return Ok(Err(format!(
            "parameter {name}: {}.{} has more than {LIST_LIMIT} different values; join the table instead",
            dynamic.table, dynamic.column
        )));
    }
    Ok(Ok((!values.is_empty()).then_some(values)))
}

/// The first column's values that are not NULL.
fn texts(rows: &Rows) -> Result<Vec<String>, Halt> {
    let mut values = Vec::new();
    for batch in &rows.batches {
        let Some(column) = batch.columns().first() else { continue };
        let column = cast(column, &DataType::Utf8)
            .map_err(|error| Halt::Failed(format!("a dynamic parameter's values are no texts: {error}")))?;
        if let Some(column) = column.as_any().downcast_ref::<StringArray>() {
            values.extend(column.iter().flatten().map(str::to_owned));
        }
    }
    Ok(values)
}
