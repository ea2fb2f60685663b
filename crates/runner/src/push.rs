//! A data push: files that a client has sent, read in the order in which they came, into each of its tables.
//!
//! Each table is loaded in one commit, which the warehouse remembers: whoever goes on with a push that was
//! interrupted asks it first, and loads no table twice.

mod convert;
mod pattern;
mod plan;
mod text;

use arrow::datatypes::SchemaRef;
use forebay_core::execution::{LogLevel, Receipt, Status};
use forebay_core::name::Identifier;
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::push::PushKind;
use forebay_core::source::{Checkpoint, PushedFiles};
use forebay_core::spec::DataPushSpec;
use forebay_core::warehouse::{LoadReport, LoadSpec, WarehouseTable};
use futures::StreamExt;

use crate::attempts::Attempts;
use crate::halt::{Halt, check, unless_stopped};
use crate::report::{Report, Step, counted};
use crate::waiting::Waiting;
use crate::{Done, Run};
use plan::Plan;

pub(crate) async fn run(
    run: &Run<'_>,
    spec: &DataPushSpec,
    report: &Report<'_>,
    attempts: &mut Attempts<'_>,
) -> Result<Done, Halt> {
    let push = Push { run, spec, report };
    let files = run.sources.open_push(spec)?;
    let what = match spec.settings.kind {
        PushKind::Replace => "the table is replaced",
        PushKind::Delta if spec.settings.key().is_empty() => "rows are added",
        PushKind::Delta => "rows are merged by key",
    };
    let text = format!("{}: {what}", counted(spec.chunks.len() as u64, "file"));
    report.info("PUSH_STARTED", text).await;
    let mut columns = Vec::with_capacity(spec.chunks.len());
    let mut waiting = Waiting::new(report, run.stop, "the files".to_owned());
    for chunk in 0..spec.chunks.len() {
        columns.push(waiting.wait(files.columns(chunk)).await??);
    }
    let (mut loaded, mut total) = (0, 0);
    for (position, target) in spec.settings.targets().enumerate() {
        if u32::try_from(position).is_ok_and(|place| spec.done.contains(&place)) {
            continue;
        }
        // One table at a time: what is loaded is not tried again with what is not.
        loop {
            match push.table(position, target, &*files, &columns, attempts.has_more()).await {
                Ok(rows) => {
                    (loaded, total) = (loaded + 1, total + rows);
                    break;
                }
                Err(Halt::Passing(reason)) if attempts.has_more() => attempts.next(&reason).await?,
                Err(halt) => return Err(halt),
            }
        }
    }
    Ok(Done::Success(format!("{} loaded, {}", counted(loaded, "table"), counted(total, "row"))))
}

struct Push<'a> {
    run: &'a Run<'a>,
    spec: &'a DataPushSpec,
    report: &'a Report<'a>,
}

impl Push<'_> {
    /// Loads one table, and tells how it ended. Gives how many rows the files have.
    async fn table(
        &self,
        position: usize,
        target: &Identifier,
        files: &dyn PushedFiles,
        columns: &[SchemaRef],
        again: bool,
    ) -> Result<u64, Halt> {
        check(self.run.stop)?;
        let mut step = self.report.step(position, target.to_string()).await;
        match self.load(target, files, columns, &mut step).await {
            Ok(receipt) => {
                let rows = receipt.rows_read;
                let text = format!("{target}: {} in {:.3} s", counted(rows, "row"), receipt.seconds);
                self.report.info("TABLE_LOADED", text).await;
                step.finished(Status::Success, Some(counted(rows, "row")), Some(receipt)).await;
                Ok(rows)
            }
            Err(Halt::Canceled) => {
                step.finished(Status::Cancel, Some("canceled".to_owned()), None).await;
                Err(Halt::Canceled)
            }
            Err(halt @ (Halt::Failed(_) | Halt::Passing(_))) => {
                // Some reasons name the table already.
                let prefix = format!("{target}: ");
                let halt =
                    halt.map(|reason| format!("{prefix}{}", reason.strip_prefix(&prefix).unwrap_or(&reason)));
                let (level, reason) = match &halt {
                    Halt::Passing(reason) if again => (LogLevel::Warning, reason),
                    Halt::Failed(reason) | Halt::Passing(reason) => (LogLevel::Error, reason),
                    Halt::Canceled => return Err(Halt::Canceled),
                };
                self.report.log(level, "TABLE_FAILED", reason.clone()).await;
                step.finished(Status::Fail, Some(reason.clone()), None).await;
                Err(halt)
            }
        }
    }

    async fn load(
        &self,
        target: &Identifier,
        files: &dyn PushedFiles,
        columns: &[SchemaRef],
        step: &mut Step<'_>,
    ) -> Result<Receipt, Halt> {
        let (run, stop) = (self.run, self.run.stop);
        let schema = match self.spec.settings.connection_id {
            Some(connection) => connection_schema(run.spec.pool_id, connection),
            None => global_schema(run.spec.pool_id),
        };
        let table = WarehouseTable { schema, name: target.clone() };
        if let Some(report) = unless_stopped(stop, run.warehouse.patched(run.claim.job, &table)).await?? {
            let text = format!("{target}: was loaded before the interruption");
            self.report.info("TABLE_LOADED_BEFORE", text).await;
            return Ok(receipt(&report, 0, step));
        }
        let there = match self.spec.settings.kind {
            PushKind::Replace => None,
            PushKind::Delta => unless_stopped(stop, run.warehouse.columns(&table)).await??,
        };
        let mut plan = Plan::new(self.spec, columns, there.as_deref())?;
        for note in &plan.notes {
            self.report.warn("TABLE_NOTE", format!("{target}: {note}")).await;
        }
        let load = LoadSpec {
            claim: run.claim,
            table,
            columns: SchemaRef::clone(&plan.schema),
            mode: plan.mode.clone(),
            changed_at: run.spec.changed_at,
        };
        let mut load = unless_stopped(stop, run.warehouse.begin_load(load)).await??;
        let (mut read, mut bytes) = (0, 0);
        let mut waiting = Waiting::new(self.report, stop, target.to_string());
        for chunk in 0..self.spec.chunks.len() {
            let mut rows = waiting.wait(files.rows(chunk)).await??;
            let mut before = 0;
            while let Some(batch) = waiting.wait(rows.next()).await? {
                let batch = batch?;
                if batch.num_rows() == 0 {
                    continue;
                }
                let planned = plan.apply(chunk, before, &batch)?;
                before += batch.num_rows() as u64;
                read += batch.num_rows() as u64;
                bytes += batch.get_array_memory_size() as u64;
                load.append(planned).await?;
                forebay_core::fault::point("load.first_batch_staged");
                step.progress(read).await;
            }
        }
        check(stop)?;
        forebay_core::fault::point("load.before_commit");
        // A push has no place to go on from.
        let none = Checkpoint { cursor: None, position: String::new() };
        let report = load.commit(read, &none, stop).await?;
        if let Some(cuts) = plan.cuts() {
            self.report.warn("VALUES_CUT", format!("{target}: {cuts}")).await;
        }
        for change in &report.changes {
            self.report.info("SCHEMA_CHANGED", format!("{target}: {change}")).await;
        }
        Ok(receipt(&report, bytes, step))
    }
}

fn receipt(report: &LoadReport, bytes: u64, step: &Step<'_>) -> Receipt {
    Receipt {
        rows_read: report.rows_staged,
        rows_inserted: report.rows_inserted,
        rows_updated: report.rows_updated,
        rows_deleted: report.rows_deleted,
        rows_rejected: 0,
        rows_before: report.rows_before,
        rows_after: report.rows_after,
        bytes,
        seconds: step.seconds(),
        checkpoint_before: None,
        checkpoint_after: None,
    }
}
