//! The schedules of a pool: all of them on one page, each on a page of its own, with its next firings.

mod choices;
mod fields;
mod firings;
mod one;
mod pattern;
mod runs;
mod view;

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::access::Permission;
use forebay_core::id::{DataJobId, DataPoolId, ScheduleId};
use forebay_core::job::{Activation, DataJob};
use forebay_core::pool::DataPool;
use forebay_core::schedule::{Schedule, ScheduleRun, Trigger};
use forebay_engine::Engine;

use self::fields::ScheduleForm;
pub(super) use self::one::{cancel, create, delete, new_page, run, schedule, set_activation, update};
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::{Badge, moment};

#[derive(Template)]
#[template(path = "schedules.html")]
struct SchedulesPage {
    frame: Frame,
    pool: DataPool,
    may_manage: bool,
    schedules: Vec<ScheduleRow>,
    base: String,
}

impl SchedulesPage {
    fn is_empty(&self) -> bool {
        self.schedules.is_empty()
    }
}

struct ScheduleRow {
    id: ScheduleId,
    name: String,
    runs: String,
    pattern: String,
    time_zone: String,
    next: String,
    /// How the newest firing stands, and since when.
    last: Option<(Badge, String)>,
    is_enabled: bool,
}

impl ScheduleRow {
    fn of(schedule: &Schedule, newest: Option<&ScheduleRun>, names: &Names) -> Self {
        let settings = &schedule.settings;
        Self {
            id: schedule.id,
            name: settings.name.to_string(),
            runs: format!("{}: {}", settings.mode.as_str(), names.jobs(&settings.jobs).join(", ")),
            pattern: names.trigger(&settings.trigger),
            time_zone: time_zone(&settings.trigger).to_owned(),
            next: next(schedule),
            last: newest.map(|run| (run.status.into(), moment(run.finished_at.unwrap_or(run.recorded_at)))),
            is_enabled: settings.activation == Activation::Enabled,
        }
    }
}

/// What the ids in schedules are called.
struct Names {
    jobs: HashMap<DataJobId, String>,
    schedules: HashMap<ScheduleId, String>,
}

impl Names {
    fn of<T>(jobs: &[(DataJob, T)], schedules: &[Schedule]) -> Self {
        Self {
            jobs: jobs.iter().map(|(job, _)| (job.id, job.name.to_string())).collect(),
            schedules: schedules
                .iter()
                .map(|schedule| (schedule.id, schedule.settings.name.to_string()))
                .collect(),
        }
    }

    fn jobs(&self, ids: &[DataJobId]) -> Vec<String> {
        ids.iter().map(|id| self.jobs.get(id).cloned().unwrap_or_else(|| id.to_string())).collect()
    }

    fn trigger(&self, trigger: &Trigger) -> String {
        match trigger {
            Trigger::Time(timetable) => pattern::in_words(&timetable.pattern),
            Trigger::After(other) => {
                let name = self.schedules.get(other).cloned().unwrap_or_else(|| other.to_string());
                format!("after each success of {name}")
            }
        }
    }
}

/// Of whose clocks a pattern speaks.
fn time_zone(trigger: &Trigger) -> &str {
    match trigger {
        Trigger::Time(timetable) => timetable.time_zone.name(),
        Trigger::After(_) => "",
    }
}

/// When a schedule fires next, in words.
fn next(schedule: &Schedule) -> String {
    match (&schedule.next, &schedule.settings.trigger, schedule.settings.activation) {
        (Some(next), _, _) => moment(next.due),
        (None, _, Activation::Disabled) => "not while it is off".to_owned(),
        (None, Trigger::After(_), Activation::Enabled) => "after the other one".to_owned(),
        (None, Trigger::Time(_), Activation::Enabled) => "never".to_owned(),
    }
}

/// What whoever has signed in may do with the schedules of a pool, for pages that show only what can be done.
struct May {
    manage: bool,
    execute: bool,
}

impl May {
    async fn of(engine: &Engine, signed_in: &SignedIn, pool: DataPoolId) -> Result<Self, Failed> {
        let held = engine.held_permissions(&signed_in.caller, pool).await?;
        let has = |permission| held.contains(&permission);
        let execute = has(Permission::Execute) || (has(Permission::View) && has(Permission::Manage));
        Ok(Self { manage: has(Permission::Manage) && execute, execute })
    }
}

pub(super) async fn schedules(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
) -> Shown {
    let caller = &signed_in.caller;
    let found = engine.data_pool(caller, pool).await?;
    let schedules = engine.schedules(caller, pool).await?;
    let newest = engine.newest_schedule_runs(caller, pool).await?;
    let names = Names::of(&engine.data_jobs(caller, pool).await?, &schedules);
    let page = SchedulesPage {
        frame: Frame::of(&signed_in),
        pool: found,
        may_manage: May::of(&engine, &signed_in, pool).await?.manage,
        schedules: schedules
            .iter()
            .map(|schedule| ScheduleRow::of(schedule, newest.get(&schedule.id), &names))
            .collect(),
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, StatusCode::OK, &signed_in.browser))
}

/// The address of a schedule's page.
fn place(pool: DataPoolId, schedule: ScheduleId) -> String {
    format!("{}/{pool}/schedules/{schedule}", super::HOME)
}
