//! The SQL of a transformation: it is written here, and statements of it that read are run as they stand, to look at
//! what they answer with. That changes nothing; what the task does, an execution of its job does.

mod answer;
mod file;
mod names;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::{Caller, Permission};
use forebay_core::error::{Error, Kind, Result};
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId, TaskId};
use forebay_core::job::{DataJob, Task, TaskKind};
use forebay_core::name::Name;
use forebay_engine::{Engine, NewTask};
use serde::Deserialize;

pub(super) use self::file::statement_rows;
pub(super) use self::names::names;

use self::answer::{Outcome, PAGES, Ran};
use self::names::Names;
use super::assets;
use super::form::Filled;
use super::job::place;
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::number;
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage {
    frame: Frame,
    pool_id: DataPoolId,
    job_id: DataJobId,
    job_name: String,
    /// `None` for a task that is to be made.
    task_id: Option<TaskId>,
    /// What stands behind the addresses.
    query: String,
    connection_id: Option<DataConnectionId>,
    may_edit: bool,
    /// Whether the name and the SQL are those that are kept.
    is_saved: bool,
    form: StatementForm,
    ran: Option<Ran>,
    names: Names,
    /// The most rows of a file.
    file_rows: String,
    /// Where the script of the editor is.
    editor: &'static str,
    base: String,
    fault: Option<String>,
}

/// Which transformation of which job; without a task it is one that is to be made.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    job_id: String,
    task_id: Option<String>,
    /// A statement that stands ready to be run beside the task.
    other: Option<String>,
}

impl Asked {
    async fn found(
        &self,
        engine: &Engine,
        caller: &Caller,
        pool: DataPoolId,
    ) -> Result<(DataJob, Option<Task>)> {
        let (job, _) = engine.data_job(caller, pool, self.job_id.parse()?).await?;
        let Some(id) = &self.task_id else { return Ok((job, None)) };
        let task = engine.task(caller, pool, job.id, id).await?;
        match task.kind {
            TaskKind::Transformation(_) => Ok((job, Some(task))),
            TaskKind::Extraction(_) | TaskKind::DataModelLoad(_) => Err(Error::not_found(Kind::Task, id)),
        }
    }
}

/// The page as it is filled in, and what of it a button runs.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StatementForm {
    name: String,
    statement: String,
    /// What is run beside the task.
    other: String,
    run: String,
    /// What is selected in the editor, where it stands in the statement.
    part: String,
    /// What was run before.
    ran: String,
    page: String,
}

impl StatementForm {
    /// Browsers send two characters for the end of a line.
    fn tidy(mut self) -> Self {
        for text in [&mut self.statement, &mut self.other, &mut self.part, &mut self.ran] {
            *text = text.replace("\r\n", "\n");
        }
        self
    }

    /// What is to be run, and whether it stands in the statement where it says.
    fn sql(&self) -> Result<(&str, bool)> {
        match (self.run.as_str(), self.page.is_empty()) {
            ("ALL", _) => Ok((&self.statement, true)),
            ("PART", _) => Ok((&self.part, true)),
            ("OTHER", _) => Ok((&self.other, false)),
            ("", false) => Ok((&self.ran, false)),
            _ => Err(Error::invalid("run", "must be ALL, PART or OTHER")),
        }
    }

    fn page(&self) -> Result<usize> {
        match self.page.as_str() {
            "" => Ok(1),
            page => match page.parse() {
                Ok(page) if (1..=PAGES).contains(&page) => Ok(page),
                _ => Err(Error::invalid("page", format!("must be between 1 and {PAGES}"))),
            },
        }
    }
}

pub(super) async fn statement_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let (job, task) = asked.found(&engine, &signed_in.caller, pool).await?;
    let (name, statement) = kept(task.as_ref());
    let other = asked.other.unwrap_or_default();
    let form = StatementForm { name, statement, other, ..StatementForm::default() };
    shown(&engine, &signed_in, (job, task), form, None, None).await
}

pub(super) async fn set_statement(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<StatementForm>,
) -> Shown {
    let caller = &signed_in.caller;
    let (job, task) = asked.found(&engine, caller, pool).await?;
    let form = form.tidy();
    let saved = async {
        let (name, statement) = (Name::parse("name", &form.name)?, form.statement.clone());
        match &task {
            None => {
                let kind = TaskKind::Transformation(Some(statement));
                let new = NewTask { name, description: None, kind, position: None };
                engine.create_task(caller, pool, job.id, new).await.map(drop)
            }
            Some(task) => {
                let task = task.id.to_string();
                engine.update_task(caller, pool, job.id, &task, Some(name), None).await?;
                engine.set_statement(caller, pool, job.id, &task, statement).await.map(drop)
            }
        }
    };
    match saved.await {
        Ok(()) => Ok(Redirect::to(&place(pool, job.id)).into_response()),
        Err(fault) => shown(&engine, &signed_in, (job, task), form, None, Some(fault.into())).await,
    }
}

/// Runs what is asked for and shows its rows, below the page as it is filled in.
pub(super) async fn run_statement(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<StatementForm>,
) -> Shown {
    let (job, task) = asked.found(&engine, &signed_in.caller, pool).await?;
    let form = form.tidy();
    let (sql, is_in_place) = form.sql()?;
    let ran = Ran::of(&engine, &signed_in.caller, (&job, task.as_ref()), sql, is_in_place, form.page()?);
    let ran = ran.await?;
    shown(&engine, &signed_in, (job, task), form, Some(ran), None).await
}

/// The name and the SQL that are kept, or those that a new task begins with.
fn kept(task: Option<&Task>) -> (String, String) {
    match task {
        Some(Task { name, kind: TaskKind::Transformation(statement), .. }) => {
            (name.to_string(), statement.clone().unwrap_or_default())
        }
        _ => ("Transform".to_owned(), String::new()),
    }
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (job, task): (DataJob, Option<Task>),
    form: StatementForm,
    ran: Option<Ran>,
    fault: Option<Problem>,
) -> std::result::Result<Response, Failed> {
    let (caller, pool) = (&signed_in.caller, job.pool_id);
    let held = engine.held_permissions(caller, pool).await?;
    let status = match &ran {
        Some(ran) => ran.status(),
        None => StatusCode::OK,
    };
    let page = StatementPage {
        frame: Frame::of(signed_in),
        pool_id: pool,
        job_id: job.id,
        job_name: job.name.to_string(),
        task_id: task.as_ref().map(|task| task.id),
        query: query(&job, task.as_ref()),
        connection_id: job.connection_id,
        may_edit: held.contains(&Permission::Edit),
        is_saved: (form.name.clone(), form.statement.clone()) == kept(task.as_ref()),
        names: Names::of(engine, caller, &job, task.as_ref()).await?,
        form,
        ran,
        file_rows: number(file::ROWS as u64),
        editor: assets::editor_address(),
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    let status = fault.as_ref().map_or(status, Problem::status);
    Ok(page::shown(&page, status, &signed_in.browser))
}

/// The address at which a statement stands ready to be run as SQL of a job is.
pub(super) fn to_run(pool: DataPoolId, job: DataJobId, sql: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("jobId", &job.to_string()).append_pair("other", sql).finish();
    format!("{}/{pool}/data-configuration/data-jobs/statement?{query}", super::HOME)
}

/// What stands behind an address that means this task.
fn query(job: &DataJob, task: Option<&Task>) -> String {
    let task = task.map(|task| format!("&taskId={}", task.id)).unwrap_or_default();
    format!("?jobId={}{task}", job.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(run: &str, page: &str) -> StatementForm {
        let text = str::to_owned;
        StatementForm {
            name: text("n"),
            statement: text("SELECT 1;\r\nSELECT 2"),
            other: text("SELECT 3"),
            run: text(run),
            part: text("\r\nSELECT 2"),
            ran: text("SELECT 4"),
            page: text(page),
        }
        .tidy()
    }

    #[test]
    fn a_button_runs_what_it_says() {
        let check = |run, page, expected: (&str, bool)| {
            assert_eq!(filled(run, page).sql().unwrap(), expected, "{run} {page}")
        };
        check("ALL", "", ("SELECT 1;\nSELECT 2", true));
        check("PART", "", ("\nSELECT 2", true));
        check("OTHER", "", ("SELECT 3", false));
        check("", "2", ("SELECT 4", false));
        for run in ["", "SOME"] {
            let error = filled(run, "").sql().unwrap_err();
            assert_eq!(error.to_string(), "run: must be ALL, PART or OTHER");
        }
    }

    #[test]
    fn there_are_as_many_pages_as_a_query_has_rows_for() {
        assert_eq!(filled("ALL", "").page().unwrap(), 1);
        assert_eq!(filled("", "10000").page().unwrap(), 10_000);
        for page in ["0", "10001", "-1", "x"] {
            let error = filled("", page).page().unwrap_err();
            assert_eq!(error.to_string(), "page: must be between 1 and 10000", "{page}");
        }
    }
}
