//! One pool: what lies in it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::access::Permission;
use forebay_core::id::{DataConnectionId, DataJobId, DataModelId, DataPoolId};
use forebay_core::pool::DataPool;
use forebay_core::schedule::Trigger;
use forebay_engine::Engine;

use super::page::{self, At, Frame, Shown};
use super::session::SignedIn;
use super::words::{Badge, moment};

#[derive(Template)]
#[template(path = "ui/pool.html")]
struct PoolPage {
    frame: Frame,
    is_admin: bool,
    may_edit: bool,
    pool: DataPool,
    jobs: Vec<JobRow>,
    /// What whoever may only start jobs does not see.
    contents: Option<Contents>,
    schedules: Vec<ScheduleRow>,
    base: String,
}

struct JobRow {
    id: DataJobId,
    name: String,
    connection: String,
    last: Option<(Badge, String)>,
}

struct Contents {
    connections: Vec<(DataConnectionId, String, &'static str)>,
    models: Vec<(DataModelId, String, usize)>,
}

struct ScheduleRow {
    name: String,
    mode: &'static str,
    jobs: usize,
    next: String,
}

pub(super) async fn pool(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
) -> Shown {
    let caller = &signed_in.caller;
    let found = engine.data_pool(caller, pool).await?;
    let connections = engine.data_connections(caller, pool).await.ok();
    let models = engine.data_models(caller, pool).await.ok();
    let jobs = engine.data_jobs(caller, pool).await?;
    let jobs = jobs.iter().map(|(job, latest)| {
        let connection = connections.iter().flatten().find(|found| Some(found.id) == job.connection_id);
        JobRow {
            id: job.id,
            name: job.name.to_string(),
            connection: connection.map(|connection| connection.name.to_string()).unwrap_or_default(),
            last: latest
                .as_ref()
                .map(|execution| (Badge::from(execution.status), moment(execution.queued_at))),
        }
    });
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
        jobs: jobs.collect(),
        schedules: schedules.collect(),
        contents: connections.zip(models).map(|(connections, models)| Contents {
            connections: connections
                .iter()
                .map(|connection| (connection.id, connection.name.to_string(), connection.config.type_name()))
                .collect(),
            models: models
                .iter()
                .map(|seen| (seen.model.id, seen.model.name.to_string(), seen.model.tables.len()))
                .collect(),
        }),
        pool: found,
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, StatusCode::OK, &signed_in.browser))
}
