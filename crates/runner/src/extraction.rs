//! An extraction: one snapshot of its source for all of its tables, several of them at a time.

use std::collections::HashMap;

use forebay_core::extraction::{SourceTableName, TableExtraction};
use forebay_core::job::Activation;
use forebay_core::name::Identifier;
use forebay_core::source::{Snapshot, Source};
use forebay_core::spec::{ExtractionSpec, TaskSpec};
use futures::lock::Mutex;
use futures::stream::{self, StreamExt};

use crate::halt::{Halt, check, unless_stopped};
use crate::parameters::Parameters;
use crate::report::{Report, counted};
use crate::{Done, Run};

/// What the tables of one extraction share.
pub(crate) struct Extraction<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) spec: &'a ExtractionSpec,
    pub(crate) report: &'a Report<'a>,
    pub(crate) parameters: &'a Parameters<'a>,
    pub(crate) snapshot: &'a dyn Snapshot,
    pub(crate) keys: SourceKeys<'a>,
}

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
) -> Result<Done, Halt> {
    let tables: Vec<&TableExtraction> =
        spec.tables.iter().filter(|table| table.activation == Activation::Enabled).collect();
    if tables.is_empty() {
        return Ok(Done::Skipped("no table is enabled".to_owned()));
    }
    check_targets(&tables)?;
    let mode = run.spec.mode.as_str();
    report
        .info("EXTRACTION_STARTED", format!("{mode} extraction of {}", counted(tables.len() as u64, "table")))
        .await;
    let texts: Vec<&str> = tables.iter().flat_map(|table| texts(table)).collect();
    let parameters = Parameters::read(run, task, &texts, report).await?;
    check(run.stop)?;
    let source = run.sources.open(&spec.config)?;
    let snapshot = unless_stopped(run.stop, source.snapshot()).await??;
    let keys = SourceKeys { source: &*source, known: Mutex::new(None) };
    let extraction = Extraction { run, spec, report, parameters: &parameters, snapshot: &*snapshot, keys };
    let mut work = Vec::new();
    for (position, table) in tables.iter().enumerate() {
        let table = extraction.table(position, table);
        work.push(Box::pin(async move { (position, table.await) }));
    }
    let mut ended: Vec<_> = stream::iter(work).buffer_unordered(spec.parallel.max(1)).collect().await;
    ended.sort_by_key(|(position, _)| *position);
    summary(&tables, ended)
}

fn summary(tables: &[&TableExtraction], ended: Vec<(usize, Result<TableDone, Halt>)>) -> Result<Done, Halt> {
    let (mut loaded, mut unchanged, mut total, mut failed) = (0, 0, 0, Vec::new());
    for ((_, ended), table) in ended.into_iter().zip(tables) {
        match ended {
            Ok(TableDone::Loaded { rows }) => (loaded, total) = (loaded + 1, total + rows),
            Ok(TableDone::Unchanged) => unchanged += 1,
            Err(Halt::Canceled) => return Err(Halt::Canceled),
            Err(Halt::Failed(reason)) => failed.push(format!("{}: {reason}", table.target_name())),
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
fn texts(table: &TableExtraction) -> impl Iterator<Item = &str> {
    let bounds = table.creation_date.iter().flat_map(|bounds| [&bounds.from, &bounds.until]);
    [&table.filter, &table.delta_filter].into_iter().chain(bounds).filter_map(Option::as_deref)
}

/// A table at the source, and its primary key.
type SourceKey = (SourceTableName, Vec<Identifier>);

/// The primary keys at the source, looked up once and only when a table needs them.
pub(crate) struct SourceKeys<'a> {
    source: &'a dyn Source,
    known: Mutex<Option<Vec<SourceKey>>>,
}

impl SourceKeys<'_> {
    /// The key of a table; empty when it has none.
    pub(crate) async fn of(&self, wanted: &SourceTableName) -> Result<Vec<Identifier>, Halt> {
        let mut known = self.known.lock().await;
        if known.is_none() {
            let tables = self.source.discover().await?;
            *known = Some(tables.into_iter().map(|table| (table.table, table.key)).collect());
        }
        let known = known.as_deref().unwrap_or_default();
        if let Some((_, key)) = known.iter().find(|(table, _)| table == wanted) {
            return Ok(key.clone());
        }
        // Without a schema the source's default is meant, which only one table of the name answers surely.
        let mut alike =
            known.iter().filter(|(table, _)| wanted.schema.is_none() && table.name == wanted.name);
        Ok(match (alike.next(), alike.next()) {
            (Some((_, key)), None) => key.clone(),
            _ => Vec::new(),
        })
    }
}
