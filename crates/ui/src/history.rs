//! What was executed in the last days, in one pool or in all that whoever looks may watch: a grid by job and day,
//! how durations and rows went, and the executions page by page.

mod grid;
mod question;
mod trend;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use forebay_core::error::Error;
use forebay_core::execution::Execution;
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_core::pool::DataPool;
use forebay_engine::{Engine, History};

use self::grid::Grid;
use self::question::{Asked, EXECUTIONS, JOBS, MODES, STATES};
use self::trend::TrendCard;
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::{Badge, moment, number, took};
use forebay_api::Problem;

/// The address of the history of all pools.
pub(super) const ALL: &str = "/history";
/// The most jobs that can be chosen from at a time.
const CHOICES: usize = 500;

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    /// `None`: all pools.
    pool: Option<DataPool>,
    /// The page without what is asked for.
    place: String,
    asked: Asked,
    states: [(&'static str, &'static str); 6],
    modes: [(&'static str, &'static str); 2],
    /// Ids and names of jobs.
    choices: Vec<(String, String)>,
    hidden_choices: usize,
    told: Option<Told>,
    base: String,
    /// The field that is wrong, and why.
    fault: Option<(String, String)>,
}

/// What the engine tells, as it is shown.
struct Told {
    from: String,
    to: String,
    grid: Grid,
    trends: Vec<TrendCard>,
    executions: Vec<ExecutionRow>,
    count: String,
    /// Addresses of the pages beside this one.
    newer: Option<String>,
    older: Option<String>,
    fewer_jobs: Option<String>,
    more_jobs: Option<String>,
    /// A job and its pool, for the lines that do the same by API.
    example: Option<(DataPoolId, DataJobId)>,
}

struct ExecutionRow {
    place: String,
    queued: String,
    job: String,
    job_place: String,
    badge: Badge,
    mode: &'static str,
    took: String,
    message: String,
}

impl HistoryPage {
    /// What stands at a field.
    fn fault_of(&self, field: &str) -> Option<&str> {
        self.fault.as_ref().filter(|(of, _)| of == field).map(|(_, text)| text.as_str())
    }
}

impl Told {
    fn of(history: &History, asked: &Asked, place: &str, is_of_all: bool, engine: &Engine) -> Self {
        let page = |name: &str, page: u32| asked.address(place, &[(name, Some(page.to_string()))]);
        let executions = EXECUTIONS.saturating_mul(asked.page().saturating_add(1));
        let jobs = JOBS.saturating_mul(asked.jobs_page() as usize + 1);
        let has_older = u64::from(executions) < history.execution_count;
        let row = |execution: &Execution| ExecutionRow::of(execution, history, is_of_all, engine);
        let example = history.jobs.first().map(|found| (found.job.pool_id, found.job.id));
        Self {
            from: history.from.to_string(),
            to: history.to.to_string(),
            grid: Grid::of(history, asked, is_of_all),
            trends: history.jobs.iter().filter_map(|found| TrendCard::of(found, engine.present())).collect(),
            executions: history.executions.iter().map(row).collect(),
            count: number(history.execution_count),
            newer: asked.page().checked_sub(1).map(|before| page("page", before)),
            older: has_older.then(|| page("page", asked.page() + 1)),
            fewer_jobs: asked.jobs_page().checked_sub(1).map(|before| page("jobs", before)),
            more_jobs: (jobs < history.job_count).then(|| page("jobs", asked.jobs_page() + 1)),
            example,
        }
    }
}

impl ExecutionRow {
    fn of(execution: &Execution, history: &History, is_of_all: bool, engine: &Engine) -> Self {
        let job = history.choices.iter().find(|job| job.id == execution.job_id);
        let mut name = job.map(|job| job.name.to_string()).unwrap_or_default();
        if let (true, Some(pool)) = (is_of_all, history.pools.get(&execution.pool_id)) {
            name = format!("{} / {name}", pool.name);
        }
        Self {
            place: super::execution::place(execution.pool_id, execution.id),
            queued: moment(execution.queued_at),
            job: name,
            job_place: super::job::place(execution.pool_id, execution.job_id),
            badge: execution.status.into(),
            mode: execution.mode.as_str(),
            took: took(execution, engine.present()).unwrap_or_default(),
            message: execution.message.clone().unwrap_or_default(),
        }
    }
}

pub(super) async fn of_pool(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let pool = engine.data_pool(&signed_in.caller, pool).await?;
    shown(&engine, &signed_in, Some(pool), asked).await
}

pub(super) async fn of_all(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Shown {
    shown(&engine, &signed_in, None, asked).await
}

/// The address of a pool's history.
fn place(pool: DataPoolId) -> String {
    format!("{}/{pool}/history", super::HOME)
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    pool: Option<DataPool>,
    asked: Asked,
) -> Result<Response, Failed> {
    let place = pool.as_ref().map_or_else(|| ALL.to_owned(), |pool| place(pool.id));
    let found = async {
        let question = asked.question(pool.as_ref().map(|pool| pool.id))?;
        engine.history(&signed_in.caller, &question).await
    };
    let (history, fault) = match found.await {
        Ok(history) => (Some(history), None),
        Err(Error::Invalid { field, reason }) => (None, Some((field, reason))),
        Err(error) => return Err(error.into()),
    };
    let jobs = history.as_ref().map(|history| history.choices.as_slice()).unwrap_or_default();
    let mut choices: Vec<(String, String)> =
        jobs.iter().take(CHOICES).map(|job| (job.id.to_string(), job.name.to_string())).collect();
    if !asked.job().is_empty() && !choices.iter().any(|(id, _)| id == asked.job()) {
        // One that has no execution in these days can be asked for too.
        let name = match asked.job().parse() {
            Ok(job) => {
                engine.find_data_job(&signed_in.caller, job).await.ok().map(|job| job.name.to_string())
            }
            Err(_) => None,
        };
        choices.push((asked.job().to_owned(), name.unwrap_or_else(|| asked.job().to_owned())));
    }
    let page = HistoryPage {
        frame: Frame::of(signed_in),
        told: history.as_ref().map(|history| Told::of(history, &asked, &place, pool.is_none(), engine)),
        pool,
        place,
        states: STATES,
        modes: MODES,
        hidden_choices: jobs.len().saturating_sub(CHOICES),
        choices,
        base: signed_in.browser.visit.base.clone(),
        asked,
        fault,
    };
    let status = match &page.fault {
        None => StatusCode::OK,
        Some((field, reason)) => Problem::from(Error::invalid(field, reason)).status(),
    };
    Ok(page::shown(&page, status, &signed_in.browser))
}
