//! An extraction: one snapshot of its source for all of its tables, several of them at a time.
//!
//! Tables that failed for a passing reason are tried again under a new snapshot, from their beginning; what
//! was staged of them is gone. A table cannot be continued where it broke off: the snapshot that its first
//! rows came from ended with the connection that held it (PostgreSQL keeps an exported snapshot only as long
//! as the transaction that exported it, and nobody can ask for an old one), so the rest would be of a later
//! moment, half old and half new. Tables that were committed before stay as they are: each is consistent by
//! itself, and its checkpoint says of which moment it is.

use std::collections::HashMap;

use forebay_core::extraction::{SourceTableName, TableExtraction};
use forebay_core::job::Activation;
use forebay_core::name::Identifier;
use forebay_core::source::{Snapshot, Source, SourceTable, key_among};
use forebay_core::spec::{ExtractionSpec, TaskSpec};
use futures::lock::Mutex;
use futures::stream::{self, StreamExt};
use tokio::sync::Semaphore;

use crate::attempts::Attempts;
use crate::halt::{Halt, check};
use crate::parameters::Parameters;
use crate::report::{Report, counted};
use crate::waiting::Waiting;
use crate::{Done, Run};

/// What the tables of one extraction share.
pub(crate) struct Extraction<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) spec: &'a ExtractionSpec,
    pub(crate) report: &'a Report<'a>,
    pub(crate) parameters: &'a Parameters<'a>,
    pub(crate) snapshot: &'a dyn Snapshot,
    pub(crate) keys: SourceKeys<'a>,
    /// Whether what fails for a passing reason is tried again.
    pub(crate) again: bool,
}

/// How each table that was tried ended, with its place.
type Tried = Vec<(usize, Result<TableDone, Halt>)>;

/// How a table ended well.
pub(crate) enum TableDone {
    Loaded { rows: u64 },
    Unchanged,
}

pub(crate) async fn run(
    run: &Run<'_>,
    task: &TaskSpec,
    spec: &ExtractionSpec,
    report: &Report<'_>,
    attempts: &mut Attempts<'_>,
) -> Result<Done, Halt> {
    let tables: Vec<&TableExtraction> =
        spec.tables.iter().filter(|table| table.activation == Activation::Enabled).collect();
    if tables.is_empty() {
        return Ok(Done::Skipped("no table is enabled".to_owned()));
    }
    check_targets(&tables)?;
    let is_done = |position: &usize| u32::try_from(*position).is_ok_and(|place| spec.done.contains(&place));
    let mut left: Vec<usize> = (0..tables.len()).filter(|position| !is_done(position)).collect();
    let done = tables.len() - left.len();
    if left.is_empty() {
        return Ok(Done::Success(format!("{}{}", counted(done as u64, "table"), LOADED_BEFORE)));
    }
    let mode = run.spec.mode.as_str();
    let text = format!("{mode} extraction of {}", counted(left.len() as u64, "table"));
    report.info("EXTRACTION_STARTED", text).await;
    let texts: Vec<&str> = tables.iter().flat_map(|table| texts(table)).collect();
    let parameters = Parameters::read(run, task, &texts, report).await?;
    let mut ended: Tried = Vec::new();
    loop {
        let reason = match tried(run, spec, report, &parameters, (&tables, &left), attempts.has_more()).await
        {
            Ok(tried) => {
                let mut reasons = Vec::new();
                left.clear();
                for (position, result) in tried {
                    match result {
                        Err(Halt::Passing(reason)) if attempts.has_more() => {
                            left.push(position);
                            reasons.push(format!("{}: {reason}", tables[position].target_name()));
                        }
                        result => ended.push((position, result)),
                    }
                }
                reasons.join("; ")
            }
            Err(Halt::Passing(reason)) if attempts.has_more() => reason,
            Err(Halt::Canceled) => return Err(Halt::Canceled),
            // No table was reached at all.
            Err(halt) if ended.is_empty() => return Err(halt),
            Err(halt) => {
                ended.extend(left.drain(..).map(|position| (position, Err(halt.clone()))));
                String::new()
            }
        };
        if left.is_empty() {
            ended.sort_by_key(|(position, _)| *position);
            return summary(&tables, done, ended);
        }
        check(run.stop)?;
        attempts.next(&reason).await?;
    }
}

/// Tries tables once, under one snapshot.
async fn tried(
    run: &Run<'_>,
    spec: &ExtractionSpec,
    report: &Report<'_>,
    parameters: &Parameters<'_>,
    (tables, places): (&[&TableExtraction], &[usize]),
    again: bool,
) -> Result<Tried, Halt> {
    check(run.stop)?;
    forebay_core::fault::point("extraction.before_snapshot");
    let source = run.sources.open(&spec.config, spec.parallel.max(1))?;
    let mut waiting = Waiting::new(report, run.stop, "the snapshot".to_owned());
    let snapshot = waiting.wait(source.snapshot()).await??;
    forebay_core::fault::point("extraction.after_snapshot");
    let keys = SourceKeys::new(&*source, tables.len());
    let extraction = Extraction { run, spec, report, parameters, snapshot: &*snapshot, keys, again };
    let mut places = places.to_vec();
    if places.len() > 1 {
        let names: Vec<SourceTableName> = places.iter().map(|place| tables[*place].table.clone()).collect();
        let sizes = waiting.wait(snapshot.sizes(&names)).await??;
        let size: HashMap<usize, u64> = places.iter().copied().zip(sizes).collect();
        // What takes longest is begun first; equals stay in their order.
        places.sort_by_key(|place| std::cmp::Reverse(size.get(place).copied()));
    }
    let slots = Semaphore::new(spec.parallel.max(1));
    let mut work = Vec::new();
    for place in &places {
        let (extraction, slots) = (&extraction, &slots);
        work.push(Box::pin(async move {
            // Nobody closes the slots: there always is one in the end.
            let slot = slots.acquire().await.ok();
            (*place, extraction.table(*place, tables[*place], slot).await)
        }));
    }
    Ok(stream::iter(work).buffer_unordered(spec.parallel.max(1) + COMMITTING).collect().await)
}

/// How many tables of few rows are committed while others are read. Those that wait for their commit share one.
const COMMITTING: usize = 16;

/// After the number of tables that an execution had loaded before it was interrupted.
const LOADED_BEFORE: &str = " loaded before the interruption";

fn summary(
    tables: &[&TableExtraction],
    done: usize,
    ended: Vec<(usize, Result<TableDone, Halt>)>,
) -> Result<Done, Halt> {
    let (mut loaded, mut unchanged, mut total, mut failed) = (0, 0, 0, Vec::new());
    for (position, ended) in ended {
        let table = tables[position];
        match ended {
            Ok(TableDone::Loaded { rows }) => (loaded, total) = (loaded + 1, total + rows),
            Ok(TableDone::Unchanged) => unchanged += 1,
            Err(Halt::Canceled) => return Err(Halt::Canceled),
            Err(Halt::Failed(reason) | Halt::Passing(reason)) => {
                failed.push(format!("{}: {reason}", table.target_name()))
            }
        }
    }
    if !failed.is_empty() {
        let text = format!("{} of {} tables failed: {}", failed.len(), tables.len(), failed.join("; "));
        return Err(Halt::Failed(text));
    }
    let mut text = format!("{} loaded, {}", counted(loaded, "table"), counted(total, "row"));
    if unchanged > 0 {
        text = format!("{text}; {} unchanged", counted(unchanged, "table"));
    }
    if done > 0 {
        text = format!("{text}; {}{LOADED_BEFORE}", counted(done as u64, "table"));
    }
    Ok(Done::Success(text))
}

/// Two tables with one target would replace each other.
fn check_targets(tables: &[&TableExtraction]) -> Result<(), Halt> {
    let mut seen: HashMap<String, &TableExtraction> = HashMap::new();
    for table in tables {
        let target = table.target_name();
        if let Some(other) = seen.insert(target.as_str().to_lowercase(), table) {
            return Err(Halt::Failed(format!(
                "{} and {} both have the target table {target}; give one of them another target",
                other.table, table.table
            )));
        }
    }
    Ok(())
}

/// The texts of a table that may hold parameters.
pub(crate) fn texts(table: &TableExtraction) -> impl Iterator<Item = &str> {
    let bounds = table.creation_date.iter().flat_map(|bounds| [&bounds.from, &bounds.until]);
    [&table.filter, &table.delta_filter].into_iter().chain(bounds).filter_map(Option::as_deref)
}

/// Up to how many tables of an extraction are asked for one by one.
const FEW: usize = 8;

/// The primary keys at the source, looked up only when a table needs its own: one by one, or once for all of many.
pub(crate) struct SourceKeys<'a> {
    source: &'a dyn Source,
    tables: usize,
    known: Mutex<Option<Vec<SourceTable>>>,
}

impl<'a> SourceKeys<'a> {
    /// For an extraction of so many tables.
    pub(crate) fn new(source: &'a dyn Source, tables: usize) -> Self {
        Self { source, tables, known: Mutex::new(None) }
    }

    /// The key of a table; empty when it has none.
    pub(crate) async fn of(&self, wanted: &SourceTableName) -> Result<Vec<Identifier>, Halt> {
        if self.tables <= FEW {
            return Ok(self.source.key(wanted).await?);
        }
        let mut known = self.known.lock().await;
        let tables = match known.take() {
            Some(tables) => tables,
            None => self.source.discover().await?,
        };
        Ok(key_among(known.insert(tables), wanted))
    }
}
