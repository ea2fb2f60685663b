//! Fills in `<%=placeholder%>` and `<%=DATASOURCE:name%>`. A dynamic parameter is asked for once,
//! when its task begins, and only when the task uses it.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::StringArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use forebay_core::id::DataPoolId;
use forebay_core::parameter::{DynamicOperation, DynamicValue, ParameterOrigin};
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::{NamedSchema, ParameterSpec, TaskSpec};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Query, Rows, Warehouse, WarehouseErrorKind};

use crate::Run;
use crate::halt::Halt;
use crate::report::Report;
use crate::scan::{Piece, Within, pieces};
use crate::value::Value;

/// What stands before the name of a connection.
const DATASOURCE: &str = "DATASOURCE:";
/// The most values of a dynamic list.
const LIST_LIMIT: usize = 10_000;

/// Where the parameters of a text and their values are found.
pub(crate) struct Scope<'a> {
    pub(crate) pool: DataPoolId,
    pub(crate) schemas: &'a [NamedSchema],
    /// A task's own come before the pool's.
    pub(crate) parameters: &'a [ParameterSpec],
    pub(crate) warehouse: &'a dyn Warehouse,
    pub(crate) stop: &'a Stop,
}

/// The parameters of one task with their values.
pub(crate) struct Parameters<'a> {
    pool: DataPoolId,
    schemas: &'a [NamedSchema],
    /// Or why a parameter has none.
    values: BTreeMap<&'a str, Result<Value, String>>,
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
        let scope = Scope {
            pool: run.spec.pool_id,
            schemas: &run.spec.schemas,
            parameters: &task.parameters,
            warehouse: run.warehouse,
            stop: run.stop,
        };
        let (found, notes) = Self::find(&scope, texts).await?;
        for note in notes {
            report.info("PARAMETER_STORED_VALUES", note).await;
        }
        Ok(found)
    }

    /// The same outside of a run, with what is to be said of the values.
    pub(crate) async fn find(scope: &Scope<'a>, texts: &[&str]) -> Result<(Self, Vec<String>), Halt> {
        let mut notes = Vec::new();
        let used: BTreeSet<&str> = texts
            .iter()
            .flat_map(|text| pieces(text))
            .filter_map(|piece| match piece {
                Piece::Place { name, .. } => name,
                Piece::Plain(_) => None,
            })
            .collect();
        let mut values = BTreeMap::new();
        for parameter in scope.parameters {
            let name = parameter.placeholder.as_str();
            // The first one wins.
            if !used.contains(name) || values.contains_key(name) {
                continue;
            }
            let found = match &parameter.origin {
                ParameterOrigin::Constant => Ok(None),
                ParameterOrigin::Dynamic(dynamic) => ask(scope, name, dynamic).await?,
            };
            let value = match found {
                Ok(Some(found)) => Value::new(parameter, &found),
                Ok(None) => {
                    if let ParameterOrigin::Dynamic(dynamic) = &parameter.origin {
                        notes.push(format!(
                            "parameter {name}: {}.{} is missing or has no values, so the stored ones are used",
                            dynamic.table, dynamic.column
                        ));
                    }
                    Value::new(parameter, &parameter.values)
                }
                Err(reason) => Err(reason),
            };
            values.insert(name, value);
        }
        Ok((Self { pool: scope.pool, schemas: scope.schemas, values }, notes))
    }

    /// SQL with its places filled in. A text without places is unchanged, and so are unknown places
    /// in comments.
    ///
    /// # Errors
    /// An unknown place, with its line and column, or a parameter without a value.
    pub(crate) fn fill(&self, text: &str) -> Result<Filled, String> {
        let mut filled = Filled { text: String::with_capacity(text.len()), added: Vec::new() };
        let mut line = 1;
        for piece in pieces(text) {
            match piece {
                Piece::Plain(plain) => {
                    line += newlines(plain);
                    filled.text.push_str(plain);
                }
                Piece::Place { whole, name, at, within } => match self.place(name, within) {
                    Ok(value) => {
                        let lines = newlines(&value);
                        line += lines;
                        filled.added.push((line, lines));
                        filled.text.push_str(&value);
                    }
                    Err(_) if within.is_comment() => filled.text.push_str(whole),
                    Err(reason) => return Err(format!("{}: {reason}", position(text, at))),
                },
            }
        }
        Ok(filled)
    }

    /// A text that is no SQL with its places filled in: values stand in it as they are.
    ///
    /// # Errors
    /// As for [`Self::fill`].
    pub(crate) fn fill_plain(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Plain(plain) => filled.push_str(plain),
                Piece::Place { name, at, .. } => match named(name).and_then(|name| self.value(name)) {
                    Ok(value) => filled.push_str(&value.plain()),
                    Err(reason) => return Err(format!("{}: {reason}", position(text, at))),
                },
            }
        }
        Ok(filled)
    }

    fn place(&self, name: Option<&str>, within: Within) -> Result<String, String> {
        let name = named(name)?;
        if let Some(prefix) = name.get(..DATASOURCE.len())
            && prefix.eq_ignore_ascii_case(DATASOURCE)
        {
            return self.schema(name[DATASOURCE.len()..].trim(), within);
        }
        self.value(name)?.sql(within)
    }

    fn value(&self, name: &str) -> Result<&Value, String> {
        match self.values.get(name) {
            Some(value) => value.as_ref().map_err(Clone::clone),
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

/// SQL with its places filled in.
pub(crate) struct Filled {
    pub(crate) text: String,
    /// For each value, the line it ends on and how many lines it added.
    added: Vec<(u64, u64)>,
}

impl Filled {
    /// The line of the text as it was written, for a line on which something begins now.
    pub(crate) fn written_line(&self, line: u64) -> u64 {
        let before = self.added.iter().filter(|(end, _)| *end <= line);
        line - before.map(|(_, lines)| lines).sum::<u64>()
    }
}

fn newlines(text: &str) -> u64 {
    text.matches('\n').count() as u64
}

fn named(name: Option<&str>) -> Result<&str, String> {
    name.ok_or_else(|| "`<%=` has no `%>` on its line".to_owned())
}

fn position(text: &str, at: usize) -> String {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

/// Asks the pool for a dynamic parameter's values: `None` when there are none, and an error of the
/// parameter when they cannot be used.
async fn ask(
    scope: &Scope<'_>,
    name: &str,
    dynamic: &DynamicValue,
) -> Result<Result<Option<Vec<String>>, String>, Halt> {
    let pool = scope.pool;
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
    let rows = match scope.warehouse.query(query, scope.stop).await {
        Ok(rows) => rows,
        // The table or the column is not there (yet).
        Err(error) if error.kind == WarehouseErrorKind::Invalid => return Ok(Ok(None)),
        Err(error) => return Err(error.into()),
    };
    let values = texts(&rows)?;
    if values.len() > LIST_LIMIT || rows.truncated {
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
