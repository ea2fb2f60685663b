//! What executions did, as the wire contract tells it: newest first, the error of a failed task at
//! the top of its messages.

mod transport;

use axum::Json;
use axum::extract::State;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::execution::{Execution, LogLevel as Level, Status, TaskExecution};
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId, TaskId};
use forebay_engine::Engine;
use utoipa::IntoParams;

pub(crate) use self::transport::{
    EntityStatus, ExecutionItemTransport, ExecutionItemWithPageTransport, LogMessageTransport,
    LogMessageWithPageTransport,
};
use super::auth::Auth;
use super::path::Path;
use super::problem::Reply;
use super::query_string::{FromQuery, Pairs, Query};
use super::whole::{PageNumber, Whole};
use super::words::{self, ExecutionType, LogLevel};

const TAG: &str = "Logs";
/// Entries on a page when the caller does not say.
const PAGE: u32 = 100;
/// The most entries on a page.
const PAGE_LIMIT: u32 = 1000;

/// How many entries a page has at most.
type PageSize = Whole<1, PAGE_LIMIT>;

/// A part of a long list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Entries on a page; 100 when missing.
    #[param(inline)]
    limit: Option<PageSize>,
    /// The page's number, from 0.
    #[param(inline)]
    page: Option<PageNumber>,
}

impl FromQuery for Page {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        Ok(Self { limit: pairs.number("limit")?, page: pairs.number("page")? })
    }
}

impl Page {
    pub(crate) fn limit(&self) -> u32 {
        self.limit.map_or(PAGE, PageSize::get)
    }

    pub(crate) fn number(&self) -> u32 {
        self.page.map_or(0, PageNumber::get)
    }

    pub(crate) fn pages(&self, total: u64) -> u64 {
        total.div_ceil(u64::from(self.limit()))
    }
}

/// Which entries of an execution are meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct ItemQuery {
    /// The execution.
    #[param(value_type = Uuid, required = true)]
    execution_id: ExecutionId,
    /// The job or the task.
    id: Option<String>,
    /// The level: TASK or STEP for items, JOB, TASK or STEP for messages; TASK when missing.
    #[param(rename = "type")]
    kind: Option<ExecutionType>,
}

impl FromQuery for ItemQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        let execution = pairs.text("executionId")?;
        Ok(Self {
            execution_id: execution.ok_or_else(|| Error::invalid("executionId", "is missing"))?.parse()?,
            id: pairs.text("id")?.map(str::to_owned),
            kind: pairs.text("type")?.map(|text| words::parse("type", text)).transpose()?,
        })
    }
}

/// Which levels of messages are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct LevelQuery {
    /// May repeat; every level when missing.
    #[param(required = false)]
    log_levels: Vec<LogLevel>,
}

impl FromQuery for LevelQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        let levels = pairs.all("logLevels").map(|text| words::parse("logLevels", text));
        Ok(Self { log_levels: levels.collect::<Result<_>>()? })
    }
}

/// How every data job of a pool stands, those that were never executed too.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<EntityStatus>)))]
pub(crate) async fn job_statuses(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<EntityStatus>>> {
    let jobs = engine.data_jobs(&caller, pool).await?;
    Ok(Json(jobs.iter().map(|(job, latest)| EntityStatus::new(job, latest.as_ref())).collect()))
}

/// The executions of a data job, the newest first.
#[utoipa::path(
    get, path = "", tag = TAG, params(Page),
    responses((status = 200, body = ExecutionItemWithPageTransport))
)]
pub(crate) async fn executions(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
    Query(page): Query<Page>,
) -> Reply<Json<ExecutionItemWithPageTransport>> {
    let (found, total) = engine.executions(&caller, pool, job, page.limit(), page.number()).await?;
    let (job, _) = engine.data_job(&caller, pool, job).await?;
    let pool = engine.data_pool(&caller, pool).await?;
    let ids: Vec<ExecutionId> = found.iter().map(|execution| execution.id).collect();
    let schedules = engine.schedules_of_executions(&ids).await?;
    let item = |execution: &Execution| {
        ExecutionItemTransport::of_job(execution, pool.name.as_str(), job.name.as_str())
            .scheduled(schedules.get(&execution.id))
    };
    let execution_items = found.iter().map(item).collect();
    Ok(Json(ExecutionItemWithPageTransport { execution_items, num_of_pages: page.pages(total) }))
}

/// An execution of this pool, and no other's.
async fn execution_in(
    engine: &Engine,
    caller: &Caller,
    pool: DataPoolId,
    id: ExecutionId,
) -> Result<(Execution, Vec<TaskExecution>)> {
    let (execution, tasks) = engine.execution(caller, id).await?;
    if execution.pool_id == pool {
        Ok((execution, tasks))
    } else {
        Err(Error::not_found(Kind::Execution, id))
    }
}

/// The entries one level below `id`: tasks of a job, or steps of a task.
#[utoipa::path(
    get, path = "", tag = TAG, params(ItemQuery),
    responses((status = 200, body = Vec<ExecutionItemTransport>))
)]
pub(crate) async fn execution_items(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Query(query): Query<ItemQuery>,
) -> Reply<Json<Vec<ExecutionItemTransport>>> {
    let (execution, tasks) = execution_in(&engine, &caller, pool, query.execution_id).await?;
    let pool = engine.data_pool(&caller, pool).await?;
    let pool_name = pool.name.as_str();
    let schedules = engine.schedules_of_executions(&[execution.id]).await?;
    let schedule = schedules.get(&execution.id);
    let mut items = Vec::new();
    match query.kind {
        None | Some(ExecutionType::Task) => {
            if let Some(id) = &query.id
                && id.parse::<DataJobId>()? != execution.job_id
            {
                return Err(Error::not_found(Kind::DataJob, id).into());
            }
            for task in &tasks {
                items.push(ExecutionItemTransport::of_task(&execution, pool_name, task).scheduled(schedule));
            }
        }
        Some(ExecutionType::Step) => {
            let id =
                query.id.as_deref().ok_or_else(|| Error::invalid("id", "is missing; send the task's"))?;
            let id: TaskId = id.parse()?;
            let task = tasks.iter().find(|task| task.task_id == id);
            let task = task.ok_or_else(|| Error::not_found(Kind::Task, id))?;
            for step in &task.steps {
                items.push(
                    ExecutionItemTransport::of_step(&execution, pool_name, task, step).scheduled(schedule),
                );
            }
        }
        Some(ExecutionType::Schedule | ExecutionType::Job) => {
            return Err(Error::invalid("type", "must be TASK or STEP").into());
        }
    }
    Ok(Json(items))
}

/// The messages of a task, or of the whole execution when `type` is JOB.
#[utoipa::path(
    get, path = "", tag = TAG, params(ItemQuery, LevelQuery, Page),
    responses((status = 200, body = LogMessageWithPageTransport))
)]
pub(crate) async fn execution_messages(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Query(query): Query<ItemQuery>,
    Query(levels): Query<LevelQuery>,
    Query(page): Query<Page>,
) -> Reply<Json<LogMessageWithPageTransport>> {
    let (execution, tasks) = execution_in(&engine, &caller, pool, query.execution_id).await?;
    let task = match query.kind {
        Some(ExecutionType::Job | ExecutionType::Schedule) => None,
        // A step's id begins with its task's, whose messages are the finest there are.
        None | Some(ExecutionType::Task | ExecutionType::Step) => {
            let id =
                query.id.as_deref().map(|id| id.get(..36).unwrap_or(id).parse::<TaskId>()).transpose()?;
            match id {
                Some(id) => Some(
                    tasks
                        .iter()
                        .find(|task| task.task_id == id)
                        .ok_or_else(|| Error::not_found(Kind::Task, id))?,
                ),
                None => None,
            }
        }
    };
    let wanted: Vec<Level> = levels.log_levels.into_iter().map(Level::from).collect();
    let task_id = task.map(|task| task.task_id);
    let (messages, total) =
        engine.log_messages(&caller, execution.id, task_id, &wanted, page.limit(), page.number()).await?;
    let mut log_messages: Vec<LogMessageTransport> = messages.iter().map(LogMessageTransport::from).collect();
    if let Some(task) = task
        && task.status == Status::Fail
        && wanted.is_empty()
        && page.number() == 0
    {
        lead_with_the_error(&mut log_messages, &execution, task);
    }
    Ok(Json(LogMessageWithPageTransport { log_messages, num_of_pages: page.pages(total) }))
}

/// Clients show the first message as the reason of the failure. It mostly is the newest; not where
/// the end of the server ended the task, which nobody could log.
fn lead_with_the_error(messages: &mut Vec<LogMessageTransport>, execution: &Execution, task: &TaskExecution) {
    match messages.iter().position(LogMessageTransport::is_error) {
        Some(place) => messages[..=place].rotate_right(1),
        None => messages.insert(0, LogMessageTransport::of_failure(execution, task)),
    }
}
