//! One table of an extraction: how its rows are written, and the receipt of it.

use arrow::datatypes::Schema;
use forebay_core::execution::{LogLevel, Receipt, Status};
use forebay_core::extraction::{ColumnChoice, TableExtraction};
use forebay_core::name::Identifier;
use forebay_core::pool::connection_schema;
use forebay_core::source::{Checkpoint, Extent, ReadRequest, TableReader, TableRows};
use forebay_core::warehouse::{Key, LoadReport, LoadSpec, WarehouseTable, WriteMode};
use futures::StreamExt;
use tokio::sync::SemaphorePermit;

use crate::columns::{Columns, holds, missing};
use crate::extraction::{Extraction, TableDone};
use crate::halt::{Halt, check, unless_stopped};
use crate::hidden::{hidden, shown};
use crate::report::{Step, counted};
use crate::request::Planned;
use crate::waiting::Waiting;

/// A table with no more bytes of rows waits for its commit while others are read.
const FEW_BYTES: u64 = 1 << 20;

/// What a table's step tells at its end.
enum Ended {
    Loaded(Receipt),
    Unchanged(String),
}

impl Extraction<'_> {
    /// Extracts one table, and tells how it ended. `slot` lets it read the source: it is given away when few rows are
    /// left to be committed.
    pub(crate) async fn table(
        &self,
        position: usize,
        table: &TableExtraction,
        slot: Option<SemaphorePermit<'_>>,
    ) -> Result<TableDone, Halt> {
        check(self.run.stop)?;
        let mut step = self.report.step(position, table.target_name().to_string()).await;
        match self.load(table, &mut step, slot).await {
            Ok(Ended::Loaded(receipt)) => {
                let rows = receipt.rows_read;
                let text =
                    format!("{}: {} in {:.3} s", table.target_name(), counted(rows, "row"), receipt.seconds);
                self.report.info("TABLE_LOADED", text).await;
                step.finished(Status::Success, Some(counted(rows, "row")), Some(receipt)).await;
                Ok(TableDone::Loaded { rows })
            }
            Ok(Ended::Unchanged(text)) => {
                self.report.info("TABLE_UNCHANGED", format!("{}: {text}", table.target_name())).await;
                step.finished(Status::Skipped, Some(text), None).await;
                Ok(TableDone::Unchanged)
            }
            Err(Halt::Canceled) => {
                step.finished(Status::Cancel, Some("canceled".to_owned()), None).await;
                Err(Halt::Canceled)
            }
            Err(halt @ (Halt::Failed(_) | Halt::Passing(_))) => {
                // Some reasons name the table already.
                let prefix = format!("{}: ", table.target_name());
                let halt = halt.map(|reason| reason.strip_prefix(&prefix).unwrap_or(&reason).to_owned());
                let (level, reason) = match &halt {
                    Halt::Passing(reason) if self.again => (LogLevel::Warning, reason),
                    Halt::Failed(reason) | Halt::Passing(reason) => (LogLevel::Error, reason),
                    Halt::Canceled => return Err(Halt::Canceled),
                };
                self.report.log(level, "TABLE_FAILED", format!("{prefix}{reason}")).await;
                step.finished(Status::Fail, Some(reason.clone()), None).await;
                Err(halt)
            }
        }
    }

    async fn load(
        &self,
        table: &TableExtraction,
        step: &mut Step<'_>,
        slot: Option<SemaphorePermit<'_>>,
    ) -> Result<Ended, Halt> {
        let stop = self.run.stop;
        let target = WarehouseTable {
            schema: connection_schema(self.run.spec.pool_id, self.spec.connection_id),
            name: table.target_name().clone(),
        };
        let Planned { request, before, mut key } = self.planned(table, &target).await?;
        check(stop)?;
        let mut waiting = Waiting::new(self.report, stop, target.name.to_string());
        let mut rows = match waiting.wait(self.snapshot.read(&request)).await?? {
            TableReader::Rows(rows) => rows,
            TableReader::Unchanged => {
                // Only a delta can find nothing new.
                let Some(delta) = &request.delta else { return Err(unasked(&target)) };
                // The source's own notes of its position say nothing to people.
                let since = Checkpoint { position: String::new(), ..delta.since.clone() };
                let since = match since.cursor {
                    Some(_) => shown(table, &since),
                    None => "the last extraction".to_owned(),
                };
                return Ok(Ended::Unchanged(format!("unchanged since {since}")));
            }
        };
        if rows.extent == Extent::Changes && request.delta.is_none() {
            return Err(unasked(&target));
        }
        for note in std::mem::take(&mut rows.notes) {
            let note = hidden(table, request.delta.as_ref().map(|delta| &delta.since), note);
            let note = hidden(table, Some(&rows.checkpoint), note);
            self.report.info("TABLE_NOTE", format!("{}: {note}", target.name)).await;
        }
        if key.is_empty() && missing(&rows.key, &rows.schema).is_empty() {
            key.clone_from(&rows.key);
        }
        let mut columns = Columns::plan(table, &rows.schema, &key, &self.spec.pseudonymisation)?;
        let mode = self.write_mode(table, &request, rows.extent, &rows.schema, key).await;
        let load = LoadSpec {
            claim: self.run.claim,
            table: target,
            columns: columns.schema(),
            mode: mode.clone(),
            changed_at: self.run.spec.changed_at,
        };
        let mut receipt = Receipt {
            checkpoint_before: before.map(|before| shown(table, &before)),
            checkpoint_after: Some(shown(table, &rows.checkpoint)),
            ..Receipt::default()
        };
        let report = self.copy(load, rows, &mut columns, &mut receipt, (step, waiting, slot)).await?;
        self.tell(table, &mode, &columns, &report).await;
        receipt.rows_inserted = report.rows_inserted;
        receipt.rows_updated = report.rows_updated;
        receipt.rows_deleted = report.rows_deleted;
        receipt.rows_before = report.rows_before;
        receipt.rows_after = report.rows_after;
        receipt.seconds = step.seconds();
        Ok(Ended::Loaded(receipt))
    }

    /// The source's key of a table, when all of its columns are extracted.
    pub(crate) async fn source_key(&self, table: &TableExtraction) -> Result<Vec<Identifier>, Halt> {
        let key = unless_stopped(self.run.stop, self.keys.of(&table.table)).await??;
        let whole = match &table.columns {
            ColumnChoice::All => true,
            ColumnChoice::Only(columns) => key.iter().all(|column| holds(columns, column.as_str())),
        };
        Ok(if whole { key } else { Vec::new() })
    }

    /// How the rows meet the rows already there, with the log lines about it.
    async fn write_mode(
        &self,
        table: &TableExtraction,
        request: &ReadRequest,
        extent: Extent,
        schema: &Schema,
        key: Vec<Identifier>,
    ) -> WriteMode {
        let target = table.target_name();
        let Some(delta) = &request.delta else { return WriteMode::Replace };
        if extent == Extent::Whole && request.cursor.is_none() && delta.filter.is_none() {
            let text = format!(
                "{target}: the whole table was read, because it has no change-date column and no delta filter; set one to read only what is new"
            );
            self.report.warn("TABLE_NO_DELTA_FILTER", text).await;
        }
        match (Key::new(key), extent) {
            (Some(key), _) => {
                // A cursor that is not extracted cannot order the rows, and the order of hashes says nothing.
                let order = request.cursor.clone().filter(|column| {
                    missing(std::slice::from_ref(column), schema).is_empty()
                        && !holds(&table.pseudonymised, column.as_str())
                });
                WriteMode::Merge { key, order }
            }
            (None, Extent::Whole) => {
                let text = format!(
                    "{target}: has no key and was read whole, so its rows are replaced; set the table's primary key to merge instead"
                );
                self.report.warn("TABLE_NO_KEY", text).await;
                WriteMode::Replace
            }
            (None, Extent::Changes) => {
                let text = format!(
                    "{target}: has no key, so its rows are appended and a changed row is there twice; set the table's primary key (a key of the source whose columns are all extracted, or one set by hand) to merge instead"
                );
                self.report.warn("TABLE_NO_KEY", text).await;
                WriteMode::Append
            }
        }
    }

    /// Reads the rows into the warehouse and commits them.
    async fn copy(
        &self,
        load: LoadSpec,
        rows: TableRows,
        columns: &mut Columns<'_>,
        receipt: &mut Receipt,
        (step, mut waiting, slot): (&mut Step<'_>, Waiting<'_>, Option<SemaphorePermit<'_>>),
    ) -> Result<LoadReport, Halt> {
        let stop = self.run.stop;
        let TableRows { mut batches, checkpoint, .. } = rows;
        let mut load = unless_stopped(stop, self.run.warehouse.begin_load(load)).await??;
        while let Some(batch) = waiting.wait(batches.next()).await? {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            receipt.rows_read += batch.num_rows() as u64;
            receipt.bytes += batch.get_array_memory_size() as u64;
            load.append(columns.apply(&batch)?).await?;
            forebay_core::fault::point("load.first_batch_staged");
            step.progress(receipt.rows_read).await;
        }
        drop(batches);
        if receipt.bytes <= FEW_BYTES {
            drop(slot);
        }
        check(stop)?;
        forebay_core::fault::point("load.before_commit");
        Ok(load.commit(receipt.rows_read, &checkpoint, stop).await?)
    }

    /// The log lines about a committed load.
    async fn tell(
        &self,
        table: &TableExtraction,
        mode: &WriteMode,
        columns: &Columns<'_>,
        report: &LoadReport,
    ) {
        let target = table.target_name();
        if let Some(cuts) = columns.cuts() {
            self.report.warn("VALUES_CUT", cuts).await;
        }
        for change in &report.changes {
            self.report.info("SCHEMA_CHANGED", format!("{target}: {change}")).await;
        }
        if *mode == WriteMode::Replace && report.rows_after == 0 && report.rows_before > 0 {
            let text = format!(
                "{target}: the source has no rows, where the table had {}; check the filters and the source if that is not meant",
                counted(report.rows_before, "row")
            );
            self.report.warn("TABLE_FEWER_ROWS", text).await;
        }
    }
}

/// A source answered with changes where the whole table was asked for.
fn unasked(target: &WarehouseTable) -> Halt {
    tracing::error!(table = %target.name, "a source answered a full read with changes");
    Halt::Failed("an internal error: the source did not answer with the whole table; report this".to_owned())
}
