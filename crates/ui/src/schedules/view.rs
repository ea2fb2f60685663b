//! The page of one schedule.

use askama::Template;
use axum::response::Response;
use forebay_core::error::{Error, Kind};
use forebay_core::id::{DataPoolId, ScheduleId};
use forebay_core::job::Activation;
use forebay_core::pool::DataPool;
use forebay_core::schedule::{Schedule, Timetable, Trigger, Zone};
use forebay_engine::{Engine, Preview};

use super::choices::{KINDS, MISFIRE, ON_FAILURE, OVERLAP, PRIORITY};
use super::fields::JobPlace;
use super::firings::{Firings, Row};
use super::runs::RunRow;
use super::{May, Names, ScheduleForm, next, time_zone};
use crate::page::{self, Failed, Frame};
use crate::session::SignedIn;
use forebay_api::Problem;

/// The firings of the past that are shown at a time.
const LATEST: u32 = 20;

#[derive(Template)]
#[template(path = "schedule.html")]
struct SchedulePage {
    frame: Frame,
    pool: DataPool,
    may: May,
    /// `None` for one that is to be made.
    kept: Option<Kept>,
    pub(super) fields: ScheduleForm,
    jobs: Vec<JobPlace>,
    /// What it can follow.
    others: Vec<(ScheduleId, String)>,
    zones: Vec<String>,
    months: Vec<(String, String)>,
    kinds: [(&'static str, &'static str); 7],
    on_failure: [(&'static str, &'static str); 2],
    overlap: [(&'static str, &'static str); 3],
    misfire: [(&'static str, &'static str); 3],
    priority: [(&'static str, &'static str); 3],
    is_preview: bool,
    firings: Option<Firings>,
    base: String,
    fault: Option<String>,
    wrong: String,
}

impl SchedulePage {
    /// Whether this is what the fault is about.
    fn is_wrong(&self, field: &str) -> bool {
        self.wrong == field || (field == "pattern" && self.wrong.starts_with("pattern."))
    }

    /// Whether the settings that few people change are to be seen at once.
    fn is_open(&self) -> bool {
        let usual = ScheduleForm::default();
        let now = &self.fields;
        self.wrong == "jitterSeconds"
            || [&now.on_failure, &now.overlap, &now.misfire, &now.jitter_seconds, &now.priority]
                != [&usual.on_failure, &usual.overlap, &usual.misfire, &usual.jitter_seconds, &usual.priority]
    }
}

/// A schedule that is there.
struct Kept {
    id: ScheduleId,
    name: String,
    is_enabled: bool,
    mode: &'static str,
    jobs: Vec<String>,
    pattern: String,
    time_zone: String,
    next: String,
    rules: Vec<(&'static str, String)>,
    runs: Vec<RunRow>,
    count: u64,
    before: Option<u32>,
    after: Option<u32>,
}

impl Kept {
    fn is_live(&self) -> bool {
        self.runs.iter().any(|run| run.is_live)
    }

    async fn of(
        engine: &Engine,
        signed_in: &SignedIn,
        schedule: &Schedule,
        names: &Names,
        number: u32,
    ) -> Result<Self, Failed> {
        let (caller, pool) = (&signed_in.caller, schedule.pool_id);
        let (runs, count) = engine.schedule_runs(caller, pool, schedule.id, LATEST, number).await?;
        let settings = &schedule.settings;
        let fields = ScheduleForm::of(settings);
        let told = |words: &[(&str, &str)], word: &str| {
            words.iter().find(|found| found.0 == word).map(|found| found.1.to_owned()).unwrap_or_default()
        };
        let rules = vec![
            ("When a job fails", told(&ON_FAILURE, &fields.on_failure)),
            ("While its last run is on", told(&OVERLAP, &fields.overlap)),
            ("After an absence", told(&MISFIRE, &fields.misfire)),
            ("Put off by", put_off(settings.jitter_seconds)),
            ("Matters", told(&PRIORITY, &fields.priority)),
        ];
        Ok(Self {
            id: schedule.id,
            name: settings.name.to_string(),
            is_enabled: settings.activation == Activation::Enabled,
            mode: settings.mode.as_str(),
            jobs: names.jobs(&settings.jobs),
            pattern: names.trigger(&settings.trigger),
            time_zone: time_zone(&settings.trigger).to_owned(),
            next: next(schedule),
            rules,
            runs: runs.iter().map(RunRow::from).collect(),
            count,
            before: number.checked_sub(1),
            after: (u64::from(LATEST) * (u64::from(number) + 1) < count).then_some(number + 1),
        })
    }
}

/// What the page shows beside the pool.
pub(super) struct View {
    pub(super) id: Option<ScheduleId>,
    pub(super) fields: ScheduleForm,
    /// The firings of what is filled in, where they were asked for.
    pub(super) preview: Option<(Timetable, Vec<Preview>)>,
    pub(super) is_preview: bool,
    /// Which page of the firings of the past.
    pub(super) number: u32,
    pub(super) fault: Option<Problem>,
}

impl View {
    pub(super) fn of(fields: ScheduleForm) -> Self {
        Self { id: None, fields, preview: None, is_preview: false, number: 0, fault: None }
    }

    pub(super) fn kept(schedule: &Schedule) -> Self {
        Self { id: Some(schedule.id), ..Self::of(ScheduleForm::of(&schedule.settings)) }
    }

    pub(super) async fn shown(
        self,
        engine: &Engine,
        signed_in: &SignedIn,
        pool: DataPoolId,
    ) -> Result<Response, Failed> {
        let caller = &signed_in.caller;
        let found = engine.data_pool(caller, pool).await?;
        let schedules = engine.schedules(caller, pool).await?;
        let jobs = engine.data_jobs(caller, pool).await?;
        let mut preview = self.preview;
        let mut kept = None;
        if let Some(id) = self.id {
            let schedule = schedules.iter().find(|schedule| schedule.id == id);
            let schedule = schedule.ok_or_else(|| Error::not_found(Kind::Schedule, id))?;
            let names = Names::of(&jobs, &schedules);
            kept = Some(Kept::of(engine, signed_in, schedule, &names, self.number).await?);
            if let (false, Trigger::Time(timetable)) = (self.is_preview, &schedule.settings.trigger) {
                preview = Some((timetable.clone(), engine.preview_schedule(caller, pool, id).await?));
            }
        }
        let others = schedules
            .iter()
            .filter(|other| Some(other.id) != self.id)
            .map(|other| (other.id, other.settings.name.to_string()));
        let firings =
            preview.and_then(|(timetable, previews)| Firings::of(&previews, &timetable, engine.present()));
        let status = page::status_for(self.fault.as_ref());
        let page = SchedulePage {
            frame: Frame::of(signed_in),
            pool: found,
            may: May::of(engine, signed_in, pool).await?,
            kept,
            jobs: self.fields.places(&jobs),
            fields: self.fields,
            others: others.collect(),
            zones: Zone::names(),
            months: ScheduleForm::month_days(),
            kinds: KINDS,
            on_failure: ON_FAILURE,
            overlap: OVERLAP,
            misfire: MISFIRE,
            priority: PRIORITY,
            is_preview: self.is_preview,
            firings,
            base: signed_in.browser.visit.base.clone(),
            wrong: match &self.fault {
                Some(Problem::Error(Error::Invalid { field, .. })) => field.clone(),
                _ => String::new(),
            },
            fault: self.fault.as_ref().map(Problem::detail),
        };
        Ok(page::shown(&page, status, &signed_in.browser))
    }
}

fn put_off(seconds: u32) -> String {
    match seconds {
        0 => "nothing".to_owned(),
        seconds => format!("less than {seconds} s"),
    }
}
