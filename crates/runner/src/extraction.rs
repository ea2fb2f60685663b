//! Extractions: the tables of a connection, read as of one moment, several at a time.

use std::time::{Duration, Instant};

use forebay_core::event::Event;
use forebay_core::execution::{ExtractionMode, LogLevel, Receipt, Status};
use forebay_core::extraction::TableExtraction;
use forebay_core::name::Identifier;
use forebay_core::pool::connection_schema;
use forebay_core::source::{
    Checkpoint, DateBounds, DeltaRequest, Extent, ReadRequest, Repeats, Snapshot, TableReader, TableRows,
};
use forebay_core::spec::ExtractionSpec;
use forebay_core::warehouse::{Key, LoadReport, LoadSpec, WarehouseTable, WriteMode};
use futures::{StreamExt, stream};

use crate::columns::Columns;
use crate::{Context, Done, Failure, parameters};

/// How often a step tells its rows.
const PROGRESS: Duration = Duration::from_millis(500);

/// How a table ended well.
enum Loaded {
    Rows(Box<Receipt>),
    Unchanged(String),
}

pub(crate) async fn run(context: &Context<'_>, extraction: &ExtractionSpec) -> Result<Done, Failure> {
    if extraction.tables.is_empty() {
        return Ok(Done::Skipped("the extraction has no enabled table".to_owned()));
    }
    let source = (context.sources)(&extraction.config)?;
    let snapshot = or_canceled(context, source.snapshot()).await??;
    // Whether a table has a key must be known before it is read without one of its own.
    let keys = if extraction.tables.iter().any(|table| table.manual_key.is_empty())
        && context.spec.mode == ExtractionMode::Delta
    {
        or_canceled(context, source.discover()).await??
    } else {
        Vec::new()
    };
    let keyed = |table: &TableExtraction| {
        !table.manual_key.is_empty()
            || keys.iter().any(|found| {
                found.table.name == table.table.name
                    && (table.table.schema.is_none() || found.table.schema == table.table.schema)
                    && !found.key.is_empty()
            })
    };
    let work = (0u32..).zip(&extraction.tables).map(|(step, table)| {
        let keyed = keyed(table);
        let snapshot = &*snapshot;
        async move { (table, one_table(context, extraction, snapshot, step, table, keyed).await) }
    });
    let mut ended = stream::iter(work).buffer_unordered(extraction.parallel.max(1));
    let mut failures = Vec::new();
    let mut canceled = false;
    while let Some((table, done)) = ended.next().await {
        match done {
            Ok(()) => {}
            Err(Failure::Canceled) => canceled = true,
            Err(Failure::Failed(reason)) => failures.push(format!("{}: {reason}", table.target_name())),
        }
    }
    if canceled {
        return Err(Failure::Canceled);
    }
    if failures.is_empty() {
        return Ok(Done::Succeeded);
    }
    failures.sort();
    let all = extraction.tables.len();
    Err(Failure::Failed(format!("{} of {all} tables failed: {}", failures.len(), failures.join("; "))))
}

/// The future's result, unless the stop comes first.
async fn or_canceled<T>(context: &Context<'_>, future: impl Future<Output = T>) -> Result<T, Failure> {
    futures::pin_mut!(future);
    let stopped = context.stop.requested();
    futures::pin_mut!(stopped);
    match futures::future::select(future, stopped).await {
        futures::future::Either::Left((done, _)) => Ok(done),
        futures::future::Either::Right(_) => Err(Failure::Canceled),
    }
}

/// One table as a step: told from its start to its end.
async fn one_table(
    context: &Context<'_>,
    extraction: &ExtractionSpec,
    snapshot: &dyn Snapshot,
    step: u32,
    table: &TableExtraction,
    keyed: bool,
) -> Result<(), Failure> {
    let task = context.task.id;
    let name = table.target_name().to_string();
    context.check_stop()?;
    context.events.record(Event::StepStarted { task, step, name: name.clone() }).await;
    let loaded = load(context, extraction, snapshot, step, table, keyed).await;
    let loaded = if context.stop.is_requested() && loaded.is_err() { Err(Failure::Canceled) } else { loaded };
    let (status, message, receipt, result) = match loaded {
        Ok(Loaded::Rows(receipt)) => {
            let text = format!(
                "{name}: {} rows read, {} inserted, {} updated, {} deleted, {} in the table, {:.2} s",
                receipt.rows_read,
                receipt.rows_inserted,
                receipt.rows_updated,
                receipt.rows_deleted,
                receipt.rows_after,
                receipt.seconds
            );
            context.log(LogLevel::Info, "TABLE_LOADED", text).await;
            (Status::Success, None, Some(*receipt), Ok(()))
        }
        Ok(Loaded::Unchanged(text)) => {
            context.log(LogLevel::Info, "TABLE_UNCHANGED", format!("{name}: {text}")).await;
            (Status::Skipped, Some(text), None, Ok(()))
        }
        Err(Failure::Canceled) => (Status::Cancel, None, None, Err(Failure::Canceled)),
        Err(Failure::Failed(reason)) => {
            context.log(LogLevel::Error, "TABLE_FAILED", format!("{name}: {reason}")).await;
            (Status::Fail, Some(reason.clone()), None, Err(Failure::Failed(reason)))
        }
    };
    context.events.record(Event::StepFinished { task, step, status, message, receipt }).await;
    result
}

async fn maybe_resolved(context: &Context<'_>, text: Option<&String>) -> Result<Option<String>, Failure> {
    match text {
        Some(text) => parameters::resolve(context, text).await.map(Some),
        None => Ok(None),
    }
}

async fn request(
    context: &Context<'_>,
    table: &TableExtraction,
    since: Option<Checkpoint>,
    keyed: bool,
) -> Result<ReadRequest, Failure> {
    let date_bounds = match &table.creation_date {
        Some(filter) => Some(DateBounds {
            column: filter.column.clone(),
            from: maybe_resolved(context, filter.from.as_ref()).await?,
            until: maybe_resolved(context, filter.until.as_ref()).await?,
        }),
        None => None,
    };
    let delta = match since {
        Some(since) => Some(DeltaRequest {
            since,
            filter: maybe_resolved(context, table.delta_filter.as_ref()).await?,
            offset_seconds: table.change_date.as_ref().map_or(0, |change| change.offset_seconds),
            repeats: if keyed { Repeats::Harmless } else { Repeats::Avoid },
        }),
        None => None,
    };
    Ok(ReadRequest {
        table: table.table.clone(),
        columns: table.columns.clone(),
        filters: maybe_resolved(context, table.filter.as_ref()).await?.into_iter().collect(),
        date_bounds,
        delta,
        cursor: table.change_date.as_ref().map(|change| change.column.clone()),
    })
}

async fn load(
    context: &Context<'_>,
    extraction: &ExtractionSpec,
    snapshot: &dyn Snapshot,
    step: u32,
    table: &TableExtraction,
    keyed: bool,
) -> Result<Loaded, Failure> {
    let began = Instant::now();
    let name = table.target_name();
    let target = WarehouseTable {
        schema: connection_schema(context.spec.pool_id, extraction.connection_id),
        name: name.clone(),
    };
    let before = context.warehouse.checkpoint(&target).await?;
    let since = match context.spec.mode {
        ExtractionMode::Full => None,
        ExtractionMode::Delta => before.clone(),
    };
    if context.spec.mode == ExtractionMode::Delta && since.is_none() {
        let text = format!("{name}: not loaded before; the whole table is read");
        context.log(LogLevel::Info, "TABLE_FIRST_LOAD", text).await;
    }
    let is_delta = since.is_some();
    let read = request(context, table, since, keyed).await?;
    let rows = match or_canceled(context, snapshot.read(&read)).await?? {
        TableReader::Unchanged => {
            let since = before.map(|checkpoint| checkpoint.to_string()).unwrap_or_default();
            return Ok(Loaded::Unchanged(format!("unchanged since {since}")));
        }
        TableReader::Rows(rows) => rows,
    };
    for note in &rows.notes {
        context.log(LogLevel::Info, "TABLE_READ", format!("{name}: {note}")).await;
    }
    let mut columns = Columns::new(&rows.schema, table, &extraction.pseudonymisation).map_err(Failure::Failed)?;
    let mode = write_mode(context, table, &rows, is_delta).await;
    let load = LoadSpec {
        table: target,
        columns: columns.schema.clone(),
        mode,
        changed_at: context.spec.changed_at,
    };
    let mut load = context.warehouse.begin_load(load).await?;
    let TableRows { mut batches, checkpoint, .. } = rows;
    let (mut rows_read, mut bytes, mut told) = (0u64, 0u64, Instant::now());
    while let Some(batch) = or_canceled(context, batches.next()).await? {
        let batch = batch?;
        rows_read += batch.num_rows() as u64;
        bytes += batch.get_array_memory_size() as u64;
        if batch.num_rows() > 0 {
            load.append(columns.apply(batch).map_err(Failure::Failed)?).await?;
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            context.events.record(Event::StepProgress { task: context.task.id, step, rows: rows_read }).await;
        }
    }
    context.check_stop()?;
    let report = load.commit(&checkpoint, context.stop).await?;
    tell(context, name, &columns, &report, is_delta).await;
    if report.rows_staged != rows_read {
        return Err(Failure::Failed(format!(
            "{rows_read} rows were read and {} were staged; this is a defect, run the table again with mode=FULL",
            report.rows_staged
        )));
    }
    Ok(Loaded::Rows(Box::new(Receipt {
        rows_read,
        rows_inserted: report.rows_inserted,
        rows_updated: report.rows_updated,
        rows_deleted: report.rows_deleted,
        rows_rejected: 0,
        rows_before: report.rows_before,
        rows_after: report.rows_after,
        bytes,
        seconds: began.elapsed().as_secs_f64(),
        checkpoint_before: before.map(|checkpoint| checkpoint.to_string()),
        checkpoint_after: Some(checkpoint.to_string()),
    })))
}

/// FULL replaces. DELTA merges by key; without one it appends what is new, or replaces when all was read.
async fn write_mode(
    context: &Context<'_>,
    table: &TableExtraction,
    rows: &TableRows,
    is_delta: bool,
) -> WriteMode {
    if !is_delta {
        return WriteMode::Replace;
    }
    let columns = if table.manual_key.is_empty() { rows.key.clone() } else { table.manual_key.clone() };
    let read = |column: &Identifier| rows.schema.fields().iter().any(|field| field.name() == column.as_str());
    let key = if columns.iter().all(read) { Key::new(columns) } else { None };
    match (key, rows.extent) {
        (Some(key), _) => {
            WriteMode::Merge { key, order: table.change_date.as_ref().map(|change| change.column.clone()).filter(read) }
        }
        (None, extent) => {
            let (mode, what) = match extent {
                Extent::Whole => (WriteMode::Replace, "the whole table is replaced"),
                Extent::Changes => (WriteMode::Append, "new rows are appended, changed ones come again"),
            };
            let text = format!(
                "{}: no primary key is known, so {what}; set useManualPKs and mark the key's columns as primaryKey",
                table.target_name()
            );
            context.log(LogLevel::Warning, "TABLE_NO_KEY", text).await;
            mode
        }
    }
}

async fn tell(context: &Context<'_>, name: &Identifier, columns: &Columns, report: &LoadReport, is_delta: bool) {
    for change in &report.changes {
        context.log(LogLevel::Warning, "SCHEMA_CHANGED", format!("{name}: {change}")).await;
    }
    for (column, count) in &columns.cut {
        let text = format!("{name}.{column}: {count} texts were longer than the greatest length and were cut");
        context.log(LogLevel::Warning, "VALUES_CUT", text).await;
    }
    if !is_delta && report.rows_staged == 0 && report.rows_before > 0 {
        let text = format!("{name}: the source has no rows where {} were before", report.rows_before);
        context.log(LogLevel::Warning, "TABLE_FEWER_ROWS", text).await;
    }
}
