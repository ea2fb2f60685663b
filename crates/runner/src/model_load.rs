//! A data model load: publishes the model's tables as one snapshot, and warns of broken keys.

use forebay_core::execution::{Receipt, Status};
use forebay_core::model::load::KEY_WARNING;
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::ModelLoadSpec;
use forebay_core::warehouse::{Publication, PublishedTable, Refresh, WarehouseTable};

use crate::halt::{Halt, check};
use crate::report::{Report, counted};
use crate::{Done, Run};

pub(crate) async fn run(run: &Run<'_>, spec: &ModelLoadSpec, report: &Report<'_>) -> Result<Done, Halt> {
    if spec.tables.is_empty() {
        return Ok(Done::Skipped("the data model has no tables".to_owned()));
    }
    check(run.stop)?;
    let publication = publication(run, spec);
    let mut steps = Vec::new();
    for (position, table) in publication.tables.iter().enumerate() {
        steps.push(report.step(position, table.alias.to_string()).await);
    }
    let published = run.warehouse.publish(publication, run.stop).await.map_err(Halt::from);
    let published = match published {
        Ok(published) => published,
        Err(halt) => {
            let (status, message) = match &halt {
                Halt::Canceled => (Status::Cancel, "canceled"),
                Halt::Failed(reason) | Halt::Passing(reason) => (Status::Fail, reason.as_str()),
            };
            for step in steps {
                step.finished(status, Some(message.to_owned()), None).await;
            }
            return Err(halt);
        }
    };
    let mut total = 0;
    for (step, (rows, refreshed)) in
        steps.into_iter().zip(published.rows.into_iter().zip(published.refreshed))
    {
        total += rows;
        match refreshed {
            Refresh::Anew => {
                let receipt = Receipt {
                    rows_read: rows,
                    rows_inserted: rows,
                    rows_after: rows,
                    seconds: step.seconds(),
                    ..Receipt::default()
                };
                step.finished(Status::Success, Some(counted(rows, "row")), Some(receipt)).await;
            }
            Refresh::Keep => {
                let text = format!("not chosen: kept from the version before, {}", counted(rows, "row"));
                let receipt = Receipt { rows_before: rows, rows_after: rows, ..Receipt::default() };
                step.finished(Status::Skipped, Some(text), Some(receipt)).await;
            }
        }
    }
    for warning in published.warnings {
        report.warn(KEY_WARNING, warning).await;
    }
    let text = format!("{}, {}", counted(spec.tables.len() as u64, "table"), counted(total, "row"));
    report.info("MODEL_LOADED", format!("the data model was loaded: {text}")).await;
    Ok(Done::Success(text))
}

fn publication(run: &Run<'_>, spec: &ModelLoadSpec) -> Publication {
    let pool = run.spec.pool_id;
    let tables = spec.tables.iter().map(|table| PublishedTable {
        id: table.id,
        table: WarehouseTable {
            schema: table.connection_id.map_or_else(|| global_schema(pool), |id| connection_schema(pool, id)),
            name: table.table.clone(),
        },
        alias: table.alias_or_name().clone(),
        primary_key: table.primary_key.clone(),
        refresh: match &spec.only {
            Some(only) if !only.contains(&table.id) => Refresh::Keep,
            _ => Refresh::Anew,
        },
    });
    Publication {
        claim: run.claim,
        model: spec.data_model_id,
        tables: tables.collect(),
        foreign_keys: spec.foreign_keys.clone(),
        versions_kept: spec.versions_kept,
    }
}
