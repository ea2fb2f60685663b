//! Data model loads: the model's tables published as one snapshot.

use forebay_core::event::Event;
use forebay_core::execution::{LogLevel, Receipt, Status};
use forebay_core::pool::{connection_schema, global_schema};
use forebay_core::spec::ModelLoadSpec;
use forebay_core::warehouse::{Publication, PublishedTable, Refresh, WarehouseTable};

use crate::{Context, Done, Failure};

pub(crate) async fn run(context: &Context<'_>, load: &ModelLoadSpec) -> Result<Done, Failure> {
    if load.tables.is_empty() {
        return Ok(Done::Skipped("the data model has no tables".to_owned()));
    }
    let pool = context.spec.pool_id;
    let tables: Vec<PublishedTable> = load
        .tables
        .iter()
        .map(|table| PublishedTable {
            id: table.id,
            table: WarehouseTable {
                schema: match table.connection_id {
                    Some(connection) => connection_schema(pool, connection),
                    None => global_schema(pool),
                },
                name: table.table.clone(),
            },
            alias: table.alias_or_name().clone(),
            primary_key: table.primary_key.clone(),
            refresh: match &load.only {
                Some(only) if !only.contains(&table.id) => Refresh::Keep,
                _ => Refresh::Anew,
            },
        })
        .collect();
    let task = context.task.id;
    for (step, table) in (0u32..).zip(&tables) {
        context.events.record(Event::StepStarted { task, step, name: table.alias.to_string() }).await;
    }
    let publication =
        Publication { model: load.data_model_id, tables, foreign_keys: load.foreign_keys.clone() };
    let report = match context.warehouse.publish(publication.clone(), context.stop).await {
        Ok(report) => report,
        Err(error) => {
            let failure = Failure::from(error);
            let status = if failure == Failure::Canceled { Status::Cancel } else { Status::Fail };
            for (step, _) in (0u32..).zip(&publication.tables) {
                context.events.record(Event::StepFinished { task, step, status, message: None, receipt: None }).await;
            }
            return Err(failure);
        }
    };
    for ((step, table), rows) in (0u32..).zip(&publication.tables).zip(&report.rows) {
        let (status, message) = match table.refresh {
            Refresh::Anew => (Status::Success, format!("{rows} rows")),
            Refresh::Keep => (Status::Skipped, format!("kept with {rows} rows")),
        };
        let receipt = Some(Receipt { rows_read: *rows, rows_after: *rows, ..Receipt::default() });
        let message = Some(message);
        context.events.record(Event::StepFinished { task, step, status, message, receipt }).await;
    }
    for warning in &report.warnings {
        context.log(LogLevel::Warning, "MODEL_KEY_WARNING", warning.clone()).await;
    }
    context.log(LogLevel::Info, "MODEL_LOADED", format!("{} tables published", report.rows.len())).await;
    Ok(Done::Succeeded)
}
