//! One table of an extraction: what is asked of the source, how its rows are written, and the
//! receipt of it.

use forebay_core::execution::{ExtractionMode, LogLevel, Receipt, Status};
use forebay_core::extraction::{ColumnChoice, TableExtraction};
use forebay_core::name::Identifier;
use forebay_core::pool::connection_schema;
use forebay_core::source::{
    Checkpoint, DateBounds, DeltaRequest, Extent, ReadRequest, Repeats, TableReader, TableRows,
};
use forebay_core::warehouse::{Key, LoadReport, LoadSpec, WarehouseTable, WriteMode};
use futures::StreamExt;

use crate::columns::{Columns, holds, missing};
use crate::extraction::{Extraction, TableDone};
use crate::halt::{Halt, check, unless_stopped};
use crate::report::{Step, counted};

/// What a table's step tells at its end.
enum Ended {
    Loaded(Receipt),
    Unchanged(String),
}

impl Extraction<'_> {
    /// Extracts one table, and tells how it ended.
    pub(crate) async fn table(&self, position: usize, table: &TableExtraction) -> Result<TableDone, Halt> {
        check(self.run.stop)?;
        let mut step = self.report.step(position, table.target_name().to_string()).await;
        match self.load(table, &mut step).await {
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
            Err(Halt::Failed(reason)) => {
                // Some reasons name the table already.
                let reason =
                    reason.strip_prefix(&format!("{}: ", table.target_name())).unwrap_or(&reason).to_owned();
                let text = format!("{}: {reason}", table.target_name());
                self.report.log(LogLevel::Error, "TABLE_FAILED", text).await;
                step.finished(Status::Fail, Some(reason.clone()), None).await;
                Err(Halt::Failed(reason))
            }
        }
    }

    async fn load(&self, table: &TableExtraction, step: &mut Step<'_>) -> Result<Ended, Halt> {
        let stop = self.run.stop;
        let target = WarehouseTable {
            schema: connection_schema(self.run.spec.pool_id, self.spec.connection_id),
            name: table.target_name().clone(),
        };
        let mut request = self.request(table)?;
        let before = self.run.warehouse.checkpoint(&target).await?;
        let mut key = table.manual_key.clone();
        if self.run.spec.mode == ExtractionMode::Delta {
            match &before {
                None => {
                    let text = format!("{}: was not loaded before, so the whole table is read", target.name);
                    self.report.info("TABLE_FIRST_LOAD", text).await;
                }
                Some(since) => {
                    if key.is_empty() {
                        key = self.source_key(table).await?;
                    }
                    request.delta = Some(self.delta(table, since.clone(), &key)?);
                }
            }
        }
        check(stop)?;
        let mut rows = match unless_stopped(stop, self.snapshot.read(&request)).await?? {
            TableReader::Rows(rows) => rows,
            TableReader::Unchanged => {
                let since = before.map(|since| format!(" since {since}")).unwrap_or_default();
                return Ok(Ended::Unchanged(format!("unchanged{since}")));
            }
        };
        for note in std::mem::take(&mut rows.notes) {
            self.report.info("TABLE_NOTE", format!("{}: {note}", target.name)).await;
        }
        if key.is_empty() && missing(&rows.key, &rows.schema).is_empty() {
            key.clone_from(&rows.key);
        }
        let mut columns = Columns::plan(table, &rows.schema, &key, &self.spec.pseudonymisation)?;
        let mode = self.write_mode(table, &request, rows.extent, key).await;
        let load = LoadSpec {
            table: target,
            columns: columns.schema(),
            mode: mode.clone(),
            changed_at: self.run.spec.changed_at,
        };
        let mut receipt =
            Receipt { checkpoint_before: before.map(|before| before.to_string()), ..Receipt::default() };
        let report = self.copy(load, rows, &mut columns, &mut receipt, step).await?;
        if receipt.rows_read != report.rows_staged {
            let (read, staged) = (receipt.rows_read, report.rows_staged);
            tracing::error!(read, staged, "the numbers of rows read and staged differ");
            return Err(Halt::Failed(format!(
                "an internal error: {read} rows were read and {staged} were staged; run the job with mode=FULL and report this"
            )));
        }
        self.tell(table, &mode, &columns, &report).await;
        receipt.rows_inserted = report.rows_inserted;
        receipt.rows_updated = report.rows_updated;
        receipt.rows_deleted = report.rows_deleted;
        receipt.rows_before = report.rows_before;
        receipt.rows_after = report.rows_after;
        receipt.seconds = step.seconds();
        Ok(Ended::Loaded(receipt))
    }

    /// What a full read asks for.
    fn request(&self, table: &TableExtraction) -> Result<ReadRequest, String> {
        let fill = |text: &Option<String>| self.parameters.fill_option(text.as_deref());
        let date_bounds = match &table.creation_date {
            None => None,
            Some(bounds) => Some(DateBounds {
                column: bounds.column.clone(),
                from: fill(&bounds.from)?,
                until: fill(&bounds.until)?,
            }),
        };
        Ok(ReadRequest {
            table: table.table.clone(),
            columns: table.columns.clone(),
            filters: fill(&table.filter)?.into_iter().collect(),
            date_bounds,
            delta: None,
            cursor: table.change_date.as_ref().map(|change| change.column.clone()),
        })
    }

    fn delta(
        &self,
        table: &TableExtraction,
        since: Checkpoint,
        key: &[Identifier],
    ) -> Result<DeltaRequest, String> {
        Ok(DeltaRequest {
            since,
            filter: self.parameters.fill_option(table.delta_filter.as_deref())?,
            offset_seconds: table.change_date.as_ref().map_or(0, |change| change.offset_seconds),
            repeats: if key.is_empty() { Repeats::Avoid } else { Repeats::Harmless },
        })
    }

    /// The source's key of a table, when all of its columns are extracted.
    async fn source_key(&self, table: &TableExtraction) -> Result<Vec<Identifier>, Halt> {
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
                // The order of hashes says nothing.
                let order =
                    request.cursor.clone().filter(|column| !holds(&table.pseudonymised, column.as_str()));
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
        step: &mut Step<'_>,
    ) -> Result<LoadReport, Halt> {
        let stop = self.run.stop;
        let TableRows { mut batches, checkpoint, .. } = rows;
        let mut load = self.run.warehouse.begin_load(load).await?;
        while let Some(batch) = unless_stopped(stop, batches.next()).await? {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            receipt.rows_read += batch.num_rows() as u64;
            receipt.bytes += batch.get_array_memory_size() as u64;
            load.append(columns.apply(&batch)?).await?;
            step.progress(receipt.rows_read).await;
        }
        drop(batches);
        check(stop)?;
        receipt.checkpoint_after = Some(checkpoint.to_string());
        Ok(load.commit(&checkpoint, stop).await?)
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
