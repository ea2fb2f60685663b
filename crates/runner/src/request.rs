//! What is asked of the source for one table, with the parameters filled in.

use forebay_core::execution::ExtractionMode;
use forebay_core::extraction::{TODAY, TableExtraction};
use forebay_core::name::Identifier;
use forebay_core::source::{Checkpoint, DateBounds, DeltaRequest, ReadRequest, Repeats};
use forebay_core::warehouse::WarehouseTable;

use crate::day::end_of_day;
use crate::extraction::Extraction;
use crate::halt::Halt;

/// What is asked for, and what it stands on.
pub(crate) struct Planned {
    pub(crate) request: ReadRequest,
    /// The checkpoint of the rows that are there.
    pub(crate) before: Option<Checkpoint>,
    /// The key by which rows are merged, as far as it is known before the source answers.
    pub(crate) key: Vec<Identifier>,
}

impl Extraction<'_> {
    /// What this execution asks for, by its mode and by what the pool has of the table.
    pub(crate) async fn planned(
        &self,
        table: &TableExtraction,
        target: &WarehouseTable,
    ) -> Result<Planned, Halt> {
        let mut request = self.request(table)?;
        let before = self.run.warehouse.checkpoint(target).await?;
        let mut key = table.manual_key.clone();
        if self.run.spec.mode == ExtractionMode::Delta {
            match &before {
                None => {
                    let text = format!("{}: was not loaded before, so the whole table is read", target.name);
                    self.report.info("TABLE_FIRST_LOAD", text).await;
                }
                Some(since) => {
                    request.delta = Some(self.delta(table, since.clone())?);
                    // Of what is as it was nothing is asked, and so no key.
                    if key.is_empty() && !self.snapshot.is_unchanged(&request) {
                        key = self.source_key(table).await?;
                    }
                    // With a key, rows that are read again do no harm.
                    if let Some(delta) = request.delta.as_mut().filter(|_| !key.is_empty()) {
                        delta.repeats = Repeats::Harmless;
                    }
                }
            }
        }
        Ok(Planned { request, before, key })
    }

    /// What a full read asks for.
    fn request(&self, table: &TableExtraction) -> Result<ReadRequest, String> {
        let date_bounds = match &table.creation_date {
            None => None,
            Some(bounds) => Some(DateBounds {
                column: bounds.column.clone(),
                from: self.bound("the start of the creation date", bounds.from.as_deref())?,
                until: self.bound("the end of the creation date", bounds.until.as_deref())?,
            }),
        };
        Ok(ReadRequest {
            table: table.table.clone(),
            columns: table.columns.clone(),
            filters: self.condition("the filter", table.filter.as_deref())?.into_iter().collect(),
            date_bounds,
            delta: None,
            cursor: table.change_date.as_ref().map(|change| change.column.clone()),
        })
    }

    /// A condition with its parameters filled in; a blank one is none.
    fn condition(&self, what: &str, text: Option<&str>) -> Result<Option<String>, String> {
        let Some(text) = text else { return Ok(None) };
        let filled = self.parameters.fill(text).map_err(|reason| format!("{what}, {reason}"))?;
        Ok(Some(filled.text).filter(|text| !text.trim().is_empty()))
    }

    /// A bound of a date with its parameters filled in; a blank one is none.
    fn bound(&self, what: &str, text: Option<&str>) -> Result<Option<String>, String> {
        let Some(text) = text else { return Ok(None) };
        if text == TODAY {
            return Ok(Some(end_of_day(self.run.spec.changed_at)));
        }
        let filled = self.parameters.fill_plain(text).map_err(|reason| format!("{what}, {reason}"))?;
        Ok(Some(filled).filter(|text| !text.trim().is_empty()))
    }

    /// What a delta read of a table without a key asks for beyond that.
    fn delta(&self, table: &TableExtraction, since: Checkpoint) -> Result<DeltaRequest, String> {
        Ok(DeltaRequest {
            since,
            filter: self.condition("the delta filter", table.delta_filter.as_deref())?,
            offset_seconds: table.change_date.as_ref().map_or(0, |change| change.offset_seconds),
            repeats: Repeats::Avoid,
        })
    }
}
