//! What a job does: its tasks, and the tables of its extractions.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::Error;
use forebay_core::extraction::{ChangeDate, TableExtraction};
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId, TaskId};
use forebay_core::job::{DataJob, TaskKind};
use forebay_core::name::{Identifier, Name};
use forebay_core::source::SourceTable;
use forebay_engine::{Engine, NewTask, TaskMove};
use serde::Deserialize;

use super::form::{ActivationForm, Filled, Nothing};
use super::job::place;
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;

/// The tables that are offered at a time.
const OFFERED: usize = 100;

#[derive(Template)]
#[template(path = "tables.html")]
struct TablesPage {
    frame: Frame,
    pool_id: DataPoolId,
    job_id: DataJobId,
    job_name: String,
    asked: String,
    offered: Vec<Offered>,
    hidden: usize,
}

/// A table at the source.
struct Offered {
    name: String,
    key: String,
    /// What may say when a row changed.
    columns: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct JobForm {
    name: String,
    connection: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    job_id: String,
    task_id: Option<String>,
    q: Option<String>,
}

impl Asked {
    fn job(&self) -> Result<DataJobId, Error> {
        self.job_id.parse()
    }

    fn task(&self) -> Result<TaskId, Error> {
        self.task_id.as_deref().unwrap_or_default().parse()
    }
}

/// Ticked tables by name, and the columns that say when their rows change, as `date:` and the table's name.
#[derive(Deserialize)]
pub(super) struct TablesForm {
    #[serde(flatten)]
    ticked: HashMap<String, String>,
}

/// Where a task goes: by a button, or to the place at which it was let go of.
#[derive(Deserialize)]
pub(super) struct MoveForm {
    to: String,
}

impl MoveForm {
    fn to(&self) -> Result<TaskMove, Error> {
        let wrong = || Error::invalid("to", "must be UP, DOWN or a place, counted from 1");
        match self.to.as_str() {
            "UP" => Ok(TaskMove::Up),
            "DOWN" => Ok(TaskMove::Down),
            place => {
                let place = place.parse::<u32>().ok().and_then(|place| place.checked_sub(1));
                place.map(TaskMove::To).ok_or_else(wrong)
            }
        }
    }
}

pub(super) async fn create_job(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Filled(form): Filled<JobForm>,
) -> Shown {
    let name = Name::parse("name", &form.name)?;
    let connection =
        (!form.connection.is_empty()).then(|| form.connection.parse::<DataConnectionId>()).transpose()?;
    let job = engine.create_data_job(&signed_in.caller, pool, name, connection).await?;
    Ok(Redirect::to(&place(pool, job.id)).into_response())
}

/// The tables that the job's source offers.
pub(super) async fn tables_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let (job, tables) = offered(&engine, &signed_in, pool, &asked).await?;
    let wanted = asked.q.unwrap_or_default();
    let is_wanted =
        |table: &&SourceTable| table.table.to_string().to_lowercase().contains(&wanted.trim().to_lowercase());
    let found: Vec<&SourceTable> = tables.iter().filter(is_wanted).collect();
    let page = TablesPage {
        frame: Frame::of(&signed_in),
        pool_id: pool,
        job_id: job.id,
        job_name: job.name.to_string(),
        hidden: found.len().saturating_sub(OFFERED),
        offered: found
            .iter()
            .take(OFFERED)
            .map(|table| Offered {
                name: table.table.to_string(),
                key: table.key.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                columns: table.columns.iter().map(|column| column.name.to_string()).collect(),
            })
            .collect(),
        asked: wanted,
    };
    Ok(page::shown(&page, StatusCode::OK, &signed_in.browser))
}

/// Adds ticked tables to the job's extraction, which is made when there is none.
pub(super) async fn add_tables(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<TablesForm>,
) -> Shown {
    let caller = &signed_in.caller;
    let (job, tables) = offered(&engine, &signed_in, pool, &asked).await?;
    let mut added = Vec::new();
    for table in &tables {
        let name = table.table.to_string();
        if !form.ticked.contains_key(&name) {
            continue;
        }
        let column = form.ticked.get(&format!("date:{name}")).filter(|column| !column.is_empty());
        let change_date = match column {
            Some(column) => {
                Some(ChangeDate { column: Identifier::parse("changeDate", column)?, offset_seconds: 0 })
            }
            None => None,
        };
        added.push(TableExtraction { change_date, ..TableExtraction::new(table.table.clone()) });
    }
    let tasks = engine.tasks(caller, pool, job.id).await?;
    let extraction = tasks.iter().find(|task| matches!(task.kind, TaskKind::Extraction(_)));
    let task = match extraction {
        Some(task) => task.id,
        None => {
            let name = Name::parse("name", "Extract")?;
            let kind = TaskKind::Extraction(Vec::new());
            let new = NewTask { name, description: None, kind, position: Some(0) };
            engine.create_task(caller, pool, job.id, new).await?.id
        }
    };
    engine.put_table_extractions(caller, pool, job.id, &task.to_string(), &added).await?;
    Ok(Redirect::to(&place(pool, job.id)).into_response())
}

async fn offered(
    engine: &Engine,
    signed_in: &SignedIn,
    pool: DataPoolId,
    asked: &Asked,
) -> Result<(DataJob, Vec<SourceTable>), Error> {
    let (job, _) = engine.data_job(&signed_in.caller, pool, asked.job()?).await?;
    let connection = job.connection_id.ok_or_else(|| {
        Error::invalid("jobId", "is a job without a data connection, which extracts nothing")
    })?;
    let mut tables = engine.source_tables(&signed_in.caller, pool, connection).await?;
    tables.sort_by(|one, other| one.table.cmp(&other.table));
    Ok((job, tables))
}

pub(super) async fn set_activation(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<ActivationForm>,
) -> Result<Response, Failed> {
    let (job, task) = (asked.job()?, asked.task()?.to_string());
    engine.set_task_activation(&signed_in.caller, pool, job, &task, form.activation()?).await?;
    Ok(Redirect::to(&place(pool, job)).into_response())
}

pub(super) async fn delete_task(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let (job, task) = (asked.job()?, asked.task()?.to_string());
    engine.delete_task(&signed_in.caller, pool, job, &task).await?;
    Ok(Redirect::to(&place(pool, job)).into_response())
}

pub(super) async fn move_task(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<MoveForm>,
) -> Shown {
    let (job, task) = (asked.job()?, asked.task()?.to_string());
    engine.move_task(&signed_in.caller, pool, job, &task, form.to()?).await?;
    Ok(Redirect::to(&place(pool, job)).into_response())
}

pub(super) async fn duplicate_task(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let (job, task) = (asked.job()?, asked.task()?.to_string());
    engine.duplicate_task(&signed_in.caller, pool, job, &task).await?;
    Ok(Redirect::to(&place(pool, job)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_goes_up_or_down_or_to_a_place_counted_from_one() {
        let to = |text: &str| MoveForm { to: text.to_owned() }.to();
        assert_eq!(to("UP").unwrap(), TaskMove::Up);
        assert_eq!(to("DOWN").unwrap(), TaskMove::Down);
        assert_eq!(to("1").unwrap(), TaskMove::To(0));
        assert_eq!(to("12").unwrap(), TaskMove::To(11));
        for wrong in ["", "0", "-1", "1.5", "AWAY", "4294967296"] {
            let error = to(wrong).unwrap_err();
            assert_eq!(error.to_string(), "to: must be UP, DOWN or a place, counted from 1", "{wrong}");
        }
    }
}
