//! Transformations: a script of SQL in one transaction, so that all of it takes effect or none.

use std::time::Instant;

use forebay_core::event::Event;
use forebay_core::execution::{LogLevel, Status};
use forebay_core::pool::{connection_schema, global_schema};

use crate::{Context, Done, Failure, parameters, script};

pub(crate) async fn run(context: &Context<'_>, statement: &str) -> Result<Done, Failure> {
    let text = parameters::resolve(context, statement).await?;
    let statements = script::statements(&text).map_err(Failure::Failed)?;
    if statements.is_empty() {
        return Ok(Done::Skipped("the script has no statement".to_owned()));
    }
    let spec = context.spec;
    let mut schemas = Vec::new();
    if let Some(connection) = spec.connection_id {
        schemas.push(connection_schema(spec.pool_id, connection));
    }
    schemas.push(global_schema(spec.pool_id));
    let task = context.task.id;
    let mut transaction = context.warehouse.begin(&schemas).await?;
    for (step, statement) in (0u32..).zip(&statements) {
        context.check_stop()?;
        let name = format!("statement {} (line {})", step + 1, statement.line);
        context.events.record(Event::StepStarted { task, step, name: name.clone() }).await;
        let began = Instant::now();
        let done = transaction.execute(&statement.sql, context.stop).await;
        let seconds = began.elapsed().as_secs_f64();
        let (status, message, failure) = match done {
            Ok(rows) => {
                context.log(LogLevel::Info, "STATEMENT_DONE", format!("{name}: {rows} rows in {seconds:.3} s")).await;
                (Status::Success, format!("{rows} rows in {seconds:.3} s"), None)
            }
            Err(error) => match Failure::from(error) {
                Failure::Canceled => (Status::Cancel, "cancelled".to_owned(), Some(Failure::Canceled)),
                Failure::Failed(reason) => {
                    let text = format!("{name}: {reason}; the whole task was rolled back");
                    (Status::Fail, reason, Some(Failure::Failed(text)))
                }
            },
        };
        let message = Some(message);
        context.events.record(Event::StepFinished { task, step, status, message, receipt: None }).await;
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    context.check_stop()?;
    transaction.commit().await?;
    Ok(Done::Succeeded)
}
