//! One pool: what lies in it, what flows where, and how all of it stands.

mod diagram;
mod tables;

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::access::{Caller, Permission};
use forebay_core::connection::DataConnection;
use forebay_core::error::{Error, Result};
use forebay_core::execution::Execution;
use forebay_core::id::{DataConnectionId, DataJobId, DataModelId, DataPoolId, ExecutionId};
use forebay_core::job::{DataJob, TaskKind};
use forebay_core::model::load::ModelLoadRecord;
use forebay_core::pool::DataPool;
use forebay_core::schedule::Trigger;
use forebay_engine::{Engine, SeenModel};

pub(super) use self::tables::tables;

use self::diagram::{Diagram, Part, Parts};
use super::job;
use super::models::{self, load_badge};
use super::page::{self, At, Frame, Shown};
use super::session::SignedIn;
use super::words::{Badge, moment};

#[derive(Template)]
#[template(path = "pool.html")]
struct PoolPage {
    frame: Frame,
    is_admin: bool,
    may_edit: bool,
    pool: DataPool,
    /// What is live and can be followed.
    live: Option<ExecutionId>,
    /// `None` for a pool without jobs, and for whoever may only start them.
    diagram: Option<Diagram>,
    jobs: Vec<JobRow>,
    /// What whoever may only start jobs does not see.
    contents: Option<ContentRows>,
    schedules: Vec<ScheduleRow>,
    base: String,
}

struct JobRow {
    id: DataJobId,
    name: String,
    connection: String,
    /// The models that it loads.
    loads: Vec<(DataModelId, String)>,
    last: Option<(Badge, String)>,
}

struct ContentRows {
    connections: Vec<(DataConnectionId, String, &'static str)>,
    models: Vec<ModelRow>,
}

struct ModelRow {
    id: DataModelId,
    name: String,
    tables: usize,
    last: Option<(Badge, String)>,
}

struct ScheduleRow {
    name: String,
    mode: &'static str,
    jobs: usize,
    next: String,
}

/// What lies in a pool beside its jobs.
struct Contents {
    connections: Vec<DataConnection>,
    models: Vec<SeenModel>,
    newest: HashMap<DataModelId, ModelLoadRecord>,
    /// Which job loads which model.
    loads: HashSet<(DataJobId, DataModelId)>,
}

impl Contents {
    /// `None` for whoever may only start jobs.
    async fn of(engine: &Engine, caller: &Caller, pool: DataPoolId) -> Result<Option<Self>> {
        let connections = match engine.data_connections(caller, pool).await {
            Ok(connections) => connections,
            Err(Error::Forbidden(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let loads = engine.model_load_tasks(caller, pool).await?;
        let loads = loads.iter().filter_map(|task| match &task.kind {
            TaskKind::DataModelLoad(load) => Some((task.job_id, load.data_model_id)),
            TaskKind::Extraction(_) | TaskKind::Transformation(_) => None,
        });
        let loads = loads.collect();
        let models = engine.data_models(caller, pool).await?;
        let newest = engine.newest_model_loads(caller, pool).await?;
        Ok(Some(Self { connections, models, newest, loads }))
    }

    fn diagram(&self, pool: DataPoolId, jobs: &[(DataJob, Option<Execution>)]) -> Option<Diagram> {
        let job_places: HashMap<_, _> =
            jobs.iter().zip(0..).map(|((job, _), place)| (job.id, place)).collect();
        let model_places: HashMap<_, _> =
            self.models.iter().zip(0..).map(|(seen, place)| (seen.model.id, place)).collect();
        let source_places: HashMap<_, _> =
            self.connections.iter().zip(0..).map(|(connection, place)| (connection.id, place)).collect();
        let source = |connection: &DataConnection| Part {
            place: format!("{}/{pool}/data-connections/{}", super::HOME, connection.id),
            name: connection.name.to_string(),
            state: None,
        };
        let job = |(job, latest): &(DataJob, Option<Execution>)| Part {
            place: job::place(pool, job.id),
            name: job.name.to_string(),
            state: latest.as_ref().map(|execution| execution.status.into()),
        };
        let model = |seen: &SeenModel| Part {
            place: models::place(pool, seen.model.id),
            name: seen.model.name.to_string(),
            state: self.newest.get(&seen.model.id).map(|load| load_badge(load.status)),
        };
        let reads = jobs
            .iter()
            .zip(0..)
            .filter_map(|((job, _), place)| Some((source_places.get(&job.connection_id?).copied()?, place)));
        let loads = self.loads.iter().filter_map(|(job, model)| {
            Some((job_places.get(job).copied()?, model_places.get(model).copied()?))
        });
        Diagram::of(Parts {
            sources: self.connections.iter().map(source).collect(),
            jobs: jobs.iter().map(job).collect(),
            models: self.models.iter().map(model).collect(),
            reads: reads.collect(),
            loads: loads.collect(),
        })
    }

    /// The models that a job loads.
    fn loaded_by(&self, job: DataJobId) -> Vec<(DataModelId, String)> {
        let models = self.models.iter().filter(|seen| self.loads.contains(&(job, seen.model.id)));
        models.map(|seen| (seen.model.id, seen.model.name.to_string())).collect()
    }

    fn connection(&self, job: &DataJob) -> Option<&DataConnection> {
        self.connections.iter().find(|found| Some(found.id) == job.connection_id)
    }

    fn rows(&self) -> ContentRows {
        let model = |seen: &SeenModel| ModelRow {
            id: seen.model.id,
            name: seen.model.name.to_string(),
            tables: seen.model.tables.len(),
            last: self
                .newest
                .get(&seen.model.id)
                .map(|load| (load_badge(load.status), moment(load.started_at))),
        };
        ContentRows {
            connections: self
                .connections
                .iter()
                .map(|connection| (connection.id, connection.name.to_string(), connection.config.type_name()))
                .collect(),
            models: self.models.iter().map(model).collect(),
        }
    }

    /// A load that is live.
    fn live(&self) -> Option<ExecutionId> {
        self.newest.values().find(|load| load.status.is_live()).map(|load| load.execution_id)
    }
}

pub(super) async fn pool(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
) -> Shown {
    let caller = &signed_in.caller;
    let found = engine.data_pool(caller, pool).await?;
    let contents = Contents::of(&engine, caller, pool).await?;
    let jobs = engine.data_jobs(caller, pool).await?;
    let live =
        jobs.iter().filter_map(|(_, latest)| latest.as_ref()).find(|latest| !latest.status.is_finished());
    let live = live.map(|execution| execution.id);
    let row = |(job, latest): &(DataJob, Option<Execution>)| JobRow {
        id: job.id,
        name: job.name.to_string(),
        connection: contents
            .as_ref()
            .and_then(|contents| contents.connection(job))
            .map(|connection| connection.name.to_string())
            .unwrap_or_default(),
        loads: contents.as_ref().map(|contents| contents.loaded_by(job.id)).unwrap_or_default(),
        last: latest.as_ref().map(|execution| (execution.status.into(), moment(execution.queued_at))),
    };
    let schedules = engine.schedules(caller, pool).await?;
    let schedules = schedules.iter().map(|schedule| ScheduleRow {
        name: schedule.settings.name.to_string(),
        mode: schedule.settings.mode.as_str(),
        jobs: schedule.settings.jobs.len(),
        next: match (&schedule.next, &schedule.settings.trigger) {
            (Some(next), _) => moment(next.due),
            (None, Trigger::After(_)) => "after another schedule".to_owned(),
            (None, Trigger::Time(_)) => "never".to_owned(),
        },
    });
    let page = PoolPage {
        frame: Frame::of(&signed_in),
        is_admin: signed_in.is_admin(),
        may_edit: engine.held_permissions(caller, pool).await?.contains(&Permission::Edit),
        live: live.or_else(|| contents.as_ref().and_then(Contents::live)),
        diagram: contents.as_ref().and_then(|contents| contents.diagram(pool, &jobs)),
        jobs: jobs.iter().map(row).collect(),
        schedules: schedules.collect(),
        contents: contents.as_ref().map(Contents::rows),
        pool: found,
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, StatusCode::OK, &signed_in.browser))
}
