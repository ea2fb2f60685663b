//! A data pool as a document. What stands in it is what the other calls answer with, so that people can read it.

use forebay_core::connection::{ConnectionConfig, DataConnection};
use forebay_core::contents::PoolContents;
use forebay_core::id::{DataConnectionId, DataJobId, ScheduleId};
use forebay_core::job::Activation;
use forebay_core::pool::DataPool;
use forebay_core::schedule::{Schedule, Trigger};
use serde::Serialize;
use utoipa::ToSchema;

use super::jobs::ExportedJob;
use super::models::ModelDocument;
use super::{FORMAT, VERSION};
use crate::connections::{ConfigurationView, ConnectionType};
use crate::pools::DataPoolTransport;
use crate::schedules::PatternTransport;
use crate::variables::PoolVariableTransport;
use crate::words::{
    AnonymizationAlgorithm, ExecutionPriority, ExtractionMode, MisfirePolicy, OnFailurePolicy, OverlapPolicy,
};

/// Everything that is set up in a data pool. Ids are those of where it comes from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolExport {
    /// Always `forebay-data-pool`.
    format: &'static str,
    /// Of the format.
    version: u32,
    data_pool: DataPoolTransport,
    data_sources: Vec<ExportedConnection>,
    pool_variables: Vec<PoolVariableTransport>,
    data_models: Vec<ModelDocument>,
    data_jobs: Vec<ExportedJob>,
    schedules: Vec<ExportedSchedule>,
}

impl PoolExport {
    pub(super) fn new(pool: &DataPool, contents: &PoolContents) -> Self {
        Self {
            format: FORMAT,
            version: VERSION,
            data_pool: DataPoolTransport::from(pool),
            data_sources: contents.connections.iter().map(ExportedConnection::from).collect(),
            pool_variables: contents.parameters.iter().map(PoolVariableTransport::from).collect(),
            data_models: contents.models.iter().map(ModelDocument::from).collect(),
            data_jobs: contents.jobs.iter().map(ExportedJob::from).collect(),
            schedules: contents.schedules.iter().map(ExportedSchedule::from).collect(),
        }
    }
}

/// A data connection without its password.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportedConnection {
    #[schema(value_type = Uuid)]
    id: DataConnectionId,
    name: String,
    #[serde(rename = "type")]
    kind: ConnectionType,
    configuration: ConfigurationView,
    /// What is left out, and is to be set where the document is taken in.
    left_out: &'static [&'static str],
    anonymization_algorithm: AnonymizationAlgorithm,
}

impl From<&DataConnection> for ExportedConnection {
    fn from(connection: &DataConnection) -> Self {
        Self {
            id: connection.id,
            name: connection.name.to_string(),
            kind: ConnectionType::from(&connection.config),
            configuration: ConfigurationView::from(&connection.config),
            left_out: match connection.config {
                ConnectionConfig::Postgresql(_) | ConnectionConfig::Mysql(_) => &["configuration.password"],
                ConnectionConfig::Sqlite(_) | ConnectionConfig::Files(_) => &[],
            },
            anonymization_algorithm: connection.pseudonymisation.algorithm.into(),
        }
    }
}

/// A schedule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportedSchedule {
    #[schema(value_type = Uuid)]
    id: ScheduleId,
    name: String,
    enabled: bool,
    /// In the order in which they run.
    #[schema(value_type = Vec<Uuid>)]
    jobs: Vec<DataJobId>,
    mode: ExtractionMode,
    priority: ExecutionPriority,
    /// Null when it follows another schedule.
    pattern: Option<PatternTransport>,
    time_zone: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    after_schedule_id: Option<ScheduleId>,
    on_failure: OnFailurePolicy,
    overlap: OverlapPolicy,
    misfire: MisfirePolicy,
    jitter_seconds: u32,
}

impl From<&Schedule> for ExportedSchedule {
    fn from(schedule: &Schedule) -> Self {
        let settings = &schedule.settings;
        let (pattern, time_zone, after_schedule_id) = match &settings.trigger {
            Trigger::Time(table) => {
                (Some(PatternTransport::from(&table.pattern)), Some(table.time_zone.name().to_owned()), None)
            }
            Trigger::After(other) => (None, None, Some(*other)),
        };
        Self {
            id: schedule.id,
            name: settings.name.to_string(),
            enabled: settings.activation == Activation::Enabled,
            jobs: settings.jobs.clone(),
            mode: settings.mode.into(),
            priority: settings.priority.into(),
            pattern,
            time_zone,
            after_schedule_id,
            on_failure: settings.on_failure.into(),
            overlap: settings.overlap.into(),
            misfire: settings.misfire.into(),
            jitter_seconds: settings.jitter_seconds,
        }
    }
}
