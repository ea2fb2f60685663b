//! What an execution would ask the source for one table, in FULL and in DELTA: found out by the code that reads it,
//! with the parameters and the checkpoint of now. Nothing is read and nothing written.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use forebay_core::event::{Event, EventSink};
use forebay_core::execution::{Claim, ExtractionMode};
use forebay_core::explanation::{Asked, Explanation, TableExplanation};
use forebay_core::extraction::TableExtraction;
use forebay_core::pool::connection_schema;
use forebay_core::source::{SourceError, SourceErrorKind};
use forebay_core::spec::{ExecutionSpec, Work};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Warehouse, WarehouseTable};
use tokio::time::timeout;

use crate::extraction::{Extraction, SourceKeys, texts};
use crate::halt::Halt;
use crate::hidden::hidden;
use crate::parameters::Parameters;
use crate::preview::PATIENCE;
use crate::report::Report;
use crate::request::Planned;
use crate::{OpenSource, Run};

/// Explains the one table of the one extraction of a spec.
///
/// # Errors
/// The source's, when it is not there; the pool's. What is wrong with the settings is part of the answer.
pub async fn explain(
    spec: &ExecutionSpec,
    sources: &dyn OpenSource,
    warehouse: &dyn Warehouse,
) -> Result<TableExplanation, SourceError> {
    let explained = timeout(PATIENCE, explained(spec, sources, warehouse)).await.unwrap_or_else(|_| {
        let text = format!("the source does not say within {} seconds what it would do", PATIENCE.as_secs());
        Err(Halt::Passing(text))
    });
    explained.map_err(|halt| match halt {
        Halt::Failed(reason) => SourceError::new(SourceErrorKind::Invalid, reason),
        Halt::Passing(reason) => SourceError::new(SourceErrorKind::Unreachable, reason),
        Halt::Canceled => SourceError::new(SourceErrorKind::Unreachable, "canceled"),
    })
}

/// The log lines, as notes.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Lines {
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl EventSink for Lines {
    async fn record(&self, event: Event) {
        if let Event::Log { text, .. } = event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    }
}

async fn explained(
    spec: &ExecutionSpec,
    sources: &dyn OpenSource,
    warehouse: &dyn Warehouse,
) -> Result<TableExplanation, Halt> {
    let nothing = || Halt::Failed("there is no table to look at".to_owned());
    let task = spec.tasks.first().ok_or_else(nothing)?;
    let Work::Extraction(settings) = &task.work else { return Err(nothing()) };
    let table = settings.tables.first().ok_or_else(nothing)?;
    let source = sources.open(&settings.config, 1)?;
    let snapshot = source.snapshot().await?;
    let stop = Stop::never();
    let mut told = Vec::new();
    for mode in [ExtractionMode::Full, ExtractionMode::Delta] {
        let spec = ExecutionSpec { mode, ..spec.clone() };
        // Under this claim nothing could be shown.
        let claim = Claim { job: spec.job_id, number: 0 };
        let run = Run { spec: &spec, claim, sources, warehouse, stop: &stop };
        let lines = Lines::default();
        let report = Report::new(&lines, task.id);
        let used: Vec<&str> = texts(table).collect();
        let parameters = Parameters::read(&run, task, &used, &report).await?;
        let extraction = Extraction {
            run: &run,
            spec: settings,
            report: &report,
            parameters: &parameters,
            snapshot: &*snapshot,
            keys: SourceKeys::new(&*source, 1),
            again: false,
        };
        let mut explanation = match extraction.explained(table).await {
            Ok(explanation) => explanation,
            Err(Halt::Failed(reason)) => Explanation { asked: Asked::Refused(reason), notes: Vec::new() },
            Err(halt) => return Err(halt),
        };
        let mut notes = lines.taken();
        notes.append(&mut explanation.notes);
        told.push(Explanation { notes, ..explanation });
    }
    let (Some(delta), Some(full)) = (told.pop(), told.pop()) else { return Err(nothing()) };
    Ok(TableExplanation { full, delta })
}

impl Extraction<'_> {
    async fn explained(&self, table: &TableExtraction) -> Result<Explanation, Halt> {
        let target = WarehouseTable {
            schema: connection_schema(self.run.spec.pool_id, self.spec.connection_id),
            name: table.target_name().clone(),
        };
        let Planned { request, .. } = self.planned(table, &target).await?;
        let Explanation { asked, notes } = self.snapshot.explain(&request).await?;
        // Nobody learns a value of a pseudonymised column here.
        let since = request.delta.as_ref().map(|delta| &delta.since);
        let safe = |text: String| hidden(table, since, text);
        let all_safe = |texts: Vec<String>| texts.into_iter().map(safe).collect::<Vec<_>>();
        let asked = match asked {
            Asked::Nothing => Asked::Nothing,
            Asked::Refused(reason) => Asked::Refused(safe(reason)),
            Asked::Statement { sql, values, in_ranges } => {
                Asked::Statement { sql: safe(sql), values: all_safe(values), in_ranges }
            }
            Asked::Files { files, conditions } => Asked::Files { files, conditions: all_safe(conditions) },
        };
        Ok(Explanation { asked, notes: all_safe(notes) })
    }
}
