//! Loads of a data model: asked for, and told with what came of each table.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::execution::StepExecution;
use forebay_core::id::{DataModelId, DataPoolId, ExecutionId, ModelTableId};
use forebay_core::model::load::{LoadKind, LoadStatus, ModelLoadRecord};
use forebay_engine::{Engine, LoadHistory, ModelReload};
use serde::Deserialize;

use super::super::form::Filled;
use super::super::page::{At, Failed};
use super::super::session::SignedIn;
use super::super::words::{Badge, duration, moment, number};

/// The loads that are shown.
const SHOWN: usize = 10;

/// One load, as it is told.
pub(super) struct Load {
    pub(super) execution: ExecutionId,
    pub(super) badge: Badge,
    pub(super) kind: &'static str,
    pub(super) started: String,
    pub(super) took: String,
    pub(super) message: String,
    pub(super) tables: Vec<LoadedTable>,
    /// What it warns of beside its tables.
    pub(super) warnings: Vec<String>,
}

pub(super) struct LoadedTable {
    pub(super) name: String,
    pub(super) badge: Badge,
    pub(super) rows: String,
    pub(super) message: String,
    pub(super) warnings: Vec<String>,
}

/// Which tables are to be loaded: all, or those that are ticked, by their ids.
#[derive(Deserialize)]
pub(crate) struct LoadForm {
    what: String,
    #[serde(flatten)]
    ticked: HashMap<String, String>,
}

pub(crate) fn badge(status: LoadStatus) -> Badge {
    let (text, look) = match status {
        LoadStatus::Running => ("running", "runs"),
        LoadStatus::Canceling => ("is being cancelled", "runs"),
        LoadStatus::Success => ("succeeded", "good"),
        LoadStatus::Warning => ("loaded with warnings", "warns"),
        LoadStatus::Error => ("failed", "bad"),
        LoadStatus::Canceled => ("cancelled", "ended"),
    };
    Badge { text, look }
}

/// The newest loads, each with its tables as far as its execution is still kept.
pub(super) async fn told(engine: &Engine, caller: &Caller, history: &LoadHistory) -> Result<Vec<Load>> {
    let mut told = Vec::new();
    for (place, load) in history.loads.iter().take(SHOWN).enumerate() {
        let steps = match place {
            0 => history.steps.clone(),
            _ => steps(engine, caller, load).await?,
        };
        told.push(Load::of(load, &steps, engine));
    }
    Ok(told)
}

async fn steps(engine: &Engine, caller: &Caller, load: &ModelLoadRecord) -> Result<Vec<StepExecution>> {
    match engine.execution(caller, load.execution_id).await {
        Ok((_, tasks)) => {
            let task = tasks.into_iter().find(|task| task.task_id == load.task_id);
            Ok(task.map(|task| task.steps).unwrap_or_default())
        }
        Err(Error::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Load {
    fn of(load: &ModelLoadRecord, steps: &[StepExecution], engine: &Engine) -> Self {
        let end = load.finished_at.unwrap_or_else(|| engine.present());
        let mut warnings = load.warnings.clone();
        let tables = steps.iter().map(|step| {
            let begin = format!("{}: ", step.name);
            let own = warnings.iter().filter_map(|warning| warning.strip_prefix(&begin));
            let own = own.map(str::to_owned).collect();
            warnings.retain(|warning| !warning.starts_with(&begin));
            let rows = step.receipt.as_ref().map_or(step.rows, |receipt| receipt.rows_after);
            LoadedTable {
                name: step.name.clone(),
                badge: step.status.into(),
                rows: number(rows),
                message: step.message.clone().unwrap_or_default(),
                warnings: own,
            }
        });
        let tables = tables.collect();
        Self {
            execution: load.execution_id,
            badge: badge(load.status),
            kind: match load.kind {
                LoadKind::FromCache => "what has changed",
                LoadKind::Complete => "all tables",
                LoadKind::Partial => "some tables",
            },
            started: moment(load.started_at),
            took: duration(end.as_millis() - load.started_at.as_millis()),
            // Warnings are told one by one.
            message: load.message.clone().filter(|_| load.warnings.is_empty()).unwrap_or_default(),
            tables,
            warnings,
        }
    }
}

pub(crate) async fn load(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Filled(form): Filled<LoadForm>,
) -> Result<Response, Failed> {
    let asked = async {
        let what = match form.what.as_str() {
            "ALL" => ModelReload::Complete,
            "CHOSEN" => ModelReload::Partial(chosen_tables(&form.ticked)?),
            _ => return Err(Error::invalid("what", "must be ALL or CHOSEN")),
        };
        engine.reload_data_model(&signed_in.caller, pool, model, what).await.map(drop)
    };
    let done = asked.await;
    super::changed(&engine, &signed_in, (pool, model), done).await
}

/// The tables that are ticked, as `table:` and the id.
pub(crate) fn chosen_tables(ticked: &HashMap<String, String>) -> Result<Vec<ModelTableId>> {
    let chosen: Vec<&str> = ticked.keys().filter_map(|name| name.strip_prefix("table:")).collect();
    if chosen.is_empty() {
        return Err(Error::invalid("tables", "tick those that are to be loaded"));
    }
    chosen.into_iter().map(str::parse).collect()
}
