//! Loads of a data model as the wire contract tells them.

use std::collections::BTreeMap;

use forebay_core::Timestamp;
use forebay_core::execution::{Status, StepExecution};
use forebay_core::id::{DataModelId, ExecutionId, ModelTableId};
use forebay_core::model::load::{LoadStatus, LoadedTable, ModelLoadRecord};
use forebay_engine::LoadHistory;
use serde::Serialize;
use utoipa::ToSchema;

use crate::words::{DataLoadType, DataModelLoadStatus};

/// How a data model was loaded.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelLoadSyncTransport {
    load_info: DataModelLoadInfoTransport,
    /// Null when it was never loaded.
    load_history: Option<DataModelLoadHistoryTransport>,
}

/// The load that is live, or else the newest; null when there was none.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelLoadInfoTransport {
    live_data_model: Option<DataModelLoadTransport>,
    current_compute_load: Option<DataModelDataLoadHistoryTransport>,
}

/// One load of a data model.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelDataLoadHistoryTransport {
    /// The execution that loads, or that has a task that does.
    #[schema(value_type = Uuid)]
    data_load_id: ExecutionId,
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
    #[schema(value_type = i64)]
    start_date: Timestamp,
    #[schema(value_type = Option<i64>)]
    end_date: Option<Timestamp>,
    /// RUNNING from when it is queued; WARNING when the model is loaded and keys are broken.
    load_status: DataModelLoadStatus,
    message: Option<String>,
    load_type: DataLoadType,
    data_pool_version: Option<String>,
}

/// The loads of a data model, those that are live and then the newest.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelLoadHistoryTransport {
    /// The newest load that has published the model.
    last_successful_data_model: Option<DataLoadHistoryTransport>,
    data_load_history: Vec<DataModelDataLoadHistoryTransport>,
    average_load_time: Vec<DataModelAverageTimeMapTransport>,
}

/// A load that has published a data model.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataLoadHistoryTransport {
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
    #[schema(value_type = Uuid)]
    data_load_id: ExecutionId,
    message: Option<String>,
    load_status: DataModelLoadStatus,
    #[schema(value_type = i64)]
    start_date: Timestamp,
    #[schema(value_type = Option<i64>)]
    end_date: Option<Timestamp>,
    warmup_duration: Option<i64>,
    done: bool,
}

/// How long loads of a kind have taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelAverageTimeMapTransport {
    #[serde(rename = "type")]
    kind: DataLoadType,
    /// In milliseconds, over the loads of this kind in the history that have published the model.
    average_loading_time: i64,
}

/// The load that is live, or else the newest, with its tables.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelLoadTransport {
    #[schema(value_type = Uuid)]
    data_model_id: DataModelId,
    data_model_name: String,
    done: bool,
    error: bool,
    /// All tables are in, and the model is published.
    tables_loaded: bool,
    error_message: Option<String>,
    /// The start of the load before.
    #[schema(value_type = Option<i64>)]
    last_load: Option<Timestamp>,
    project_name: Option<String>,
    next_load: Option<i64>,
    #[serde(rename = "dataModelUUID")]
    #[schema(value_type = Uuid)]
    data_model_uuid: DataModelId,
    num_tables: usize,
    scheduled_loading: Option<bool>,
    cancel: bool,
    table_loads: Vec<DataModelLoadTableTransport>,
    #[schema(value_type = i64)]
    start_time: Timestamp,
    #[schema(value_type = Option<i64>)]
    end_time: Option<Timestamp>,
    response: Option<String>,
    #[schema(value_type = Uuid)]
    data_load_id: ExecutionId,
    /// Broken keys, as sentences.
    warnings: Vec<String>,
}

/// A table of a load.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelLoadTableTransport {
    #[schema(value_type = Option<Uuid>)]
    table_id: Option<ModelTableId>,
    table_name: String,
    table_row_count: u64,
    done: bool,
    invisible: bool,
    cancel: bool,
}

impl From<&ModelLoadRecord> for DataModelDataLoadHistoryTransport {
    fn from(load: &ModelLoadRecord) -> Self {
        Self {
            data_load_id: load.execution_id,
            data_model_id: load.model_id,
            start_date: load.started_at,
            end_date: load.finished_at,
            load_status: load.status.into(),
            message: load.message.clone(),
            load_type: load.kind.into(),
            data_pool_version: None,
        }
    }
}

impl From<&ModelLoadRecord> for DataLoadHistoryTransport {
    fn from(load: &ModelLoadRecord) -> Self {
        Self {
            data_model_id: load.model_id,
            data_load_id: load.execution_id,
            message: load.message.clone(),
            load_status: load.status.into(),
            start_date: load.started_at,
            end_date: load.finished_at,
            warmup_duration: None,
            done: !load.status.is_live(),
        }
    }
}

impl From<&LoadHistory> for DataModelLoadSyncTransport {
    fn from(history: &LoadHistory) -> Self {
        let current = history.loads.first();
        let load_history = current.map(|_| DataModelLoadHistoryTransport {
            last_successful_data_model: history.last_published.as_ref().map(DataLoadHistoryTransport::from),
            data_load_history: history.loads.iter().map(DataModelDataLoadHistoryTransport::from).collect(),
            average_load_time: average_load_times(&history.loads),
        });
        let load_info = DataModelLoadInfoTransport {
            live_data_model: current.map(|current| DataModelLoadTransport::new(history, current)),
            current_compute_load: current.map(DataModelDataLoadHistoryTransport::from),
        };
        Self { load_info, load_history }
    }
}

impl DataModelLoadTransport {
    fn new(history: &LoadHistory, current: &ModelLoadRecord) -> Self {
        let failed = current.status == LoadStatus::Error;
        let table_loads = table_loads(&current.tables, &history.steps);
        Self {
            data_model_id: current.model_id,
            data_model_name: history.model.name.to_string(),
            done: !current.status.is_live(),
            error: failed,
            tables_loaded: current.status.has_published(),
            error_message: current.message.clone().filter(|_| failed),
            last_load: history.loads.get(1).map(|before| before.started_at),
            project_name: None,
            next_load: None,
            data_model_uuid: current.model_id,
            num_tables: table_loads.len(),
            scheduled_loading: None,
            cancel: matches!(current.status, LoadStatus::Canceling | LoadStatus::Canceled),
            table_loads,
            start_time: current.started_at,
            end_time: current.finished_at,
            response: None,
            data_load_id: current.execution_id,
            warnings: current.warnings.clone(),
        }
    }
}

/// The planned tables of a load, each with its step once it has begun; of an old load the steps alone.
fn table_loads(planned: &[LoadedTable], steps: &[StepExecution]) -> Vec<DataModelLoadTableTransport> {
    let told = |id: Option<ModelTableId>, name: &str, step: Option<&StepExecution>| {
        let rows =
            step.map_or(0, |step| step.receipt.as_ref().map_or(step.rows, |receipt| receipt.rows_after));
        DataModelLoadTableTransport {
            table_id: id,
            table_name: name.to_owned(),
            table_row_count: rows,
            done: step.is_some_and(|step| step.status.is_finished()),
            invisible: false,
            cancel: step.is_some_and(|step| step.status == Status::Cancel),
        }
    };
    if planned.is_empty() {
        return steps.iter().map(|step| told(None, &step.name, Some(step))).collect();
    }
    let step_at = |place: usize| steps.iter().find(|step| usize::try_from(step.position) == Ok(place));
    let planned = planned.iter().enumerate();
    planned.map(|(place, table)| told(Some(table.id), &table.name, step_at(place))).collect()
}

fn average_load_times(loads: &[ModelLoadRecord]) -> Vec<DataModelAverageTimeMapTransport> {
    let mut times: BTreeMap<_, (i64, i64)> = BTreeMap::new();
    for load in loads.iter().filter(|load| load.status.has_published()) {
        let Some(finished_at) = load.finished_at else { continue };
        let (sum, count) = times.entry(load.kind).or_default();
        *sum += finished_at.as_millis().saturating_sub(load.started_at.as_millis());
        *count += 1;
    }
    let average = |(kind, (sum, count))| DataModelAverageTimeMapTransport {
        kind: DataLoadType::from(kind),
        average_loading_time: sum / count,
    };
    times.into_iter().map(average).collect()
}

#[cfg(test)]
mod tests {
    use forebay_core::execution::Receipt;
    use forebay_core::id::TaskId;
    use forebay_core::model::load::LoadKind;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn load(kind: LoadKind, status: LoadStatus, took: i64) -> ModelLoadRecord {
        ModelLoadRecord {
            execution_id: ExecutionId::random(),
            model_id: DataModelId::random(),
            kind,
            status,
            message: None,
            started_at: at(100),
            finished_at: (!status.is_live()).then(|| at(100 + took)),
            task_id: TaskId::random(),
            tables: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn averages_are_over_what_was_published() {
        let loads = [
            load(LoadKind::Complete, LoadStatus::Running, 0),
            load(LoadKind::Complete, LoadStatus::Success, 10),
            load(LoadKind::Complete, LoadStatus::Warning, 30),
            load(LoadKind::Complete, LoadStatus::Error, 5_000),
            load(LoadKind::Partial, LoadStatus::Success, 7),
        ];
        let averages = average_load_times(&loads);
        let found: Vec<_> = averages.iter().map(|entry| (entry.kind, entry.average_loading_time)).collect();
        assert_eq!(found, [(DataLoadType::Complete, 20), (DataLoadType::Partial, 7)]);
    }

    #[test]
    fn tables_have_their_rows_once_their_step_has_ended() {
        let step = |position, status, rows_after| StepExecution {
            position,
            name: format!("t{position}"),
            status,
            message: None,
            rows: 0,
            receipt: Some(Receipt { rows_after, ..Receipt::default() }),
            started_at: None,
            finished_at: None,
        };
        let steps = [step(0, Status::Success, 7), step(1, Status::Skipped, 3)];
        let table = |name: &str| LoadedTable { id: ModelTableId::random(), name: name.to_owned() };
        let planned = [table("a"), table("b"), table("c")];
        let told = table_loads(&planned, &steps);
        let found: Vec<_> =
            told.iter().map(|table| (table.table_name.as_str(), table.table_row_count, table.done)).collect();
        assert_eq!(found, [("a", 7, true), ("b", 3, true), ("c", 0, false)]);
        assert_eq!(told[2].table_id, Some(planned[2].id));
        // What was recorded before tables were.
        let told = table_loads(&[], &steps);
        assert_eq!((told[1].table_id, told[1].table_name.as_str()), (None, "t1"));
    }
}
