//! A transformation: every statement of its script in one transaction, so that all take effect or none.

use forebay_core::execution::{LogLevel, Status};
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::TaskSpec;

use crate::halt::{Halt, check, unless_stopped};
use crate::parameters::Parameters;
use crate::report::{Report, counted};
use crate::script::split;
use crate::{Done, Run};

pub(crate) async fn run(
    run: &Run<'_>,
    task: &TaskSpec,
    script: &str,
    report: &Report<'_>,
) -> Result<Done, Halt> {
    let parameters = Parameters::read(run, task, &[script], report).await?;
    let script = parameters.fill(script)?;
    let statements = split(&script.text)?;
    if statements.is_empty() {
        return Ok(Done::Skipped("the script has no statements".to_owned()));
    }
    let pool = run.spec.pool_id;
    let own = run.spec.connection_id.map(|connection| connection_schema(pool, connection));
    let schemas: Vec<_> = own.into_iter().chain([global_schema(pool)]).collect();
    check(run.stop)?;
    let mut transaction = unless_stopped(run.stop, run.warehouse.begin(&schemas, run.claim)).await??;
    for (position, statement) in statements.iter().enumerate() {
        check(run.stop)?;
        let line = script.written_line(statement.line);
        let name = format!("statement {} (line {line})", position + 1);
        let step = report.step(position, name.clone()).await;
        match transaction.execute(statement.text, run.stop).await.map_err(Halt::from) {
            Ok(rows) => {
                let rows = counted(rows, "row");
                report.info("STATEMENT_DONE", format!("{name}: {rows} in {:.3} s", step.seconds())).await;
                step.finished(Status::Success, Some(rows), None).await;
            }
            Err(Halt::Canceled) => {
                step.finished(Status::Cancel, Some("canceled".to_owned()), None).await;
                return Err(Halt::Canceled);
            }
            Err(halt) => {
                let (Halt::Failed(reason) | Halt::Passing(reason)) = &halt else { return Err(halt) };
                let text = format!("{name}: {reason}");
                report.log(LogLevel::Error, "STATEMENT_FAILED", text.clone()).await;
                step.finished(Status::Fail, Some(reason.clone()), None).await;
                return Err(halt.map(|_| format!("{text}; nothing of this transformation was kept")));
            }
        }
    }
    check(run.stop)?;
    transaction.commit().await?;
    Ok(Done::Success(counted(statements.len() as u64, "statement")))
}
