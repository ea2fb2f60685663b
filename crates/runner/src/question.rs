//! A statement of a transformation that only reads, answered as it stands there and outside of an execution.

use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::ScriptQuery;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Query, Rows, Warehouse, WarehouseError, WarehouseErrorKind};

use crate::halt::Halt;
use crate::parameters::{Parameters, Scope};
use crate::script::{Statement, split};

/// Answers one statement that reads, with its places filled in and its names looked up as in a run.
///
/// # Errors
/// `Invalid` with the line of the SQL as it was written; what else the warehouse says.
pub async fn query(
    asked: &ScriptQuery,
    warehouse: &dyn Warehouse,
    stop: &Stop,
) -> Result<Rows, WarehouseError> {
    let scope = Scope {
        pool: asked.pool_id,
        schemas: &asked.schemas,
        parameters: &asked.parameters,
        warehouse,
        stop,
    };
    let (parameters, _) = Parameters::find(&scope, &[&asked.sql]).await.map_err(halted)?;
    let script = parameters.fill(&asked.sql).map_err(invalid)?;
    let statements = split(&script.text).map_err(invalid)?;
    let statement = only(&statements, |line| script.written_line(line))?;
    let own = asked.connection_id.map(|connection| connection_schema(asked.pool_id, connection));
    let schemas = own.into_iter().chain([global_schema(asked.pool_id)]).collect();
    let query = Query { sql: statement.text.to_owned(), schemas, limit: asked.limit };
    let answer = warehouse.query(query, stop).await;
    answer.map_err(|mut error| {
        // The engine counts lines from the beginning of the statement.
        error.message = moved(&error.message, |line| {
            script.written_line(statement.line.saturating_add(line).saturating_sub(1))
        });
        error
    })
}

fn only<'a>(
    statements: &'a [Statement<'a>],
    written: impl Fn(u64) -> u64,
) -> Result<&'a Statement<'a>, WarehouseError> {
    match statements {
        [statement] => Ok(statement),
        [] => Err(invalid("there is no statement; write one that begins with SELECT".to_owned())),
        several => {
            let lines = several.iter().map(|statement| written(statement.line).to_string());
            Err(invalid(format!(
                "these are {} statements, which begin on the lines {}; give one of them at a time, or save the task and execute the job to run all",
                several.len(),
                lines.collect::<Vec<_>>().join(", ")
            )))
        }
    }
}

/// A message of the engine with another line: `LINE 1: …`, and below it a mark where something is wrong.
fn moved(message: &str, written: impl Fn(u64) -> u64) -> String {
    const BEFORE: &str = "\nLINE ";
    let found = message.split_once(BEFORE).and_then(|(before, rest)| {
        let (number, text) = rest.split_once(':')?;
        Some((before, number, number.parse().ok()?, text))
    });
    let Some((before, number, line, text)) = found else { return message.to_owned() };
    let line = written(line).to_string();
    // The number may have more digits now, and the mark stays below its place.
    let text = match text.rsplit_once('\n') {
        Some((quoted, mark)) if mark.trim_start().chars().all(|character| character == '^') => {
            let mark = mark.get(number.len()..).unwrap_or_default();
            format!("{quoted}\n{}{mark}", " ".repeat(line.len()))
        }
        _ => text.to_owned(),
    };
    format!("{before}{BEFORE}{line}:{text}")
}

fn invalid(message: String) -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Invalid, message)
}

fn halted(halt: Halt) -> WarehouseError {
    match halt {
        Halt::Canceled => WarehouseError::new(WarehouseErrorKind::Canceled, "cancelled"),
        Halt::Failed(reason) => invalid(reason),
        Halt::Passing(reason) => WarehouseError::new(WarehouseErrorKind::Unavailable, reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_message_is_that_of_the_text() {
        let check = |message: &str, expected: &str| {
            assert_eq!(moved(message, |line| line + 9), expected, "{message}")
        };
        check(
            "Parser Error: at \"x\"\n\nLINE 1: SELECT xy\n               ^^",
            "Parser Error: at \"x\"\n\nLINE 10: SELECT xy\n                ^^",
        );
        check("Binder Error: no\nLINE 2: it ends here", "Binder Error: no\nLINE 11: it ends here");
        check("Catalog Error: no line at all", "Catalog Error: no line at all");
        check("Binder Error: \nLINE of nothing", "Binder Error: \nLINE of nothing");
    }
}
