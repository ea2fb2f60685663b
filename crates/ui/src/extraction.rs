//! One table of an extraction: which of its rows and columns are read, how they are written, and in words what the
//! source is asked for.

mod check;
mod form;
mod reading;
mod statements;

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::Permission;
use forebay_core::error::{Error, Kind, Result};
use forebay_core::extraction::TableExtraction;
use forebay_core::id::{DataJobId, DataPoolId, TableExtractionId, TaskId};
use forebay_core::job::{DataJob, Task, TaskKind};
use forebay_core::source::{SourceTable, meant_among};
use forebay_engine::Engine;
use serde::Deserialize;

pub(super) use self::check::check_filter;
pub(super) use self::reading::{Reading, key_in_words, value_in_words};

use self::form::Fields;
use self::reading::{Used, used};
use self::statements::{Statement, statements};
use super::form::{Filled, Nothing};
use super::job;
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use super::words::listed;
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "table-extraction.html")]
struct ExtractionPage {
    frame: Frame,
    pool_id: DataPoolId,
    job_id: DataJobId,
    job_name: String,
    task_id: TaskId,
    task_name: String,
    id: TableExtractionId,
    /// The table at the source.
    table: String,
    may_edit: bool,
    fields: Fields,
    columns: Vec<ColumnRow>,
    /// The key that the source has of the table.
    source_key: String,
    /// Why the columns are not those of the source.
    note: Option<String>,
    reading: Reading,
    parameters: Vec<Used>,
    /// What the source would be asked for now, once that was asked.
    statements: Vec<Statement>,
    base: String,
    fault: Option<String>,
    wrong: Wrong,
}

/// A column, and what is ticked of it.
struct ColumnRow {
    number: usize,
    name: String,
    type_name: String,
    is_read: bool,
    is_hashed: bool,
    is_key: bool,
}

/// The field that is wrong, by the name that the API has for it, and what is wrong with it.
#[derive(Default)]
struct Wrong(Option<(String, String)>);

impl Wrong {
    fn of(fault: Option<&Problem>) -> Self {
        match fault {
            Some(Problem::Error(Error::Invalid { field, reason })) => {
                Self(Some((field.clone(), reason.clone())))
            }
            _ => Self(None),
        }
    }

    fn at(&self, name: &str) -> Option<&str> {
        let (field, reason) = self.0.as_ref()?;
        (field == name).then_some(reason.as_str())
    }
}

/// Which table of which task.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    job_id: String,
    task_id: String,
    table_id: String,
    /// Whether the source is to say what it would be asked for.
    sql: Option<String>,
}

impl Asked {
    /// The job, the task and the settings of the table.
    async fn found(
        &self,
        engine: &Engine,
        signed_in: &SignedIn,
        pool: DataPoolId,
    ) -> Result<(DataJob, Task, TableExtraction)> {
        let job = self.job_id.parse()?;
        let task = engine.task(&signed_in.caller, pool, job, &self.task_id).await?;
        let (job, _) = engine.data_job(&signed_in.caller, pool, job).await?;
        let id: TableExtractionId = self.table_id.parse()?;
        let TaskKind::Extraction(tables) = &task.kind else {
            return Err(Error::not_found(Kind::Task, &self.task_id));
        };
        let table = tables.iter().find(|table| table.id == id).cloned();
        let table = table.ok_or_else(|| Error::not_found(Kind::TableExtraction, id))?;
        Ok((job, task, table))
    }
}

pub(super) async fn table_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let found = asked.found(&engine, &signed_in, pool).await?;
    let fields = Fields::of(&found.2);
    let (mut said, mut fault) = (Vec::new(), None);
    if asked.sql.is_some() {
        let (job, task, table) = &found;
        let task = task.id.to_string();
        match engine.explain_table_extraction(&signed_in.caller, pool, job.id, &task, table.id).await {
            Ok(explanation) => said = statements(explanation),
            Err(error) => fault = Some(error.into()),
        }
    }
    shown(&engine, &signed_in, found, fields, (said, fault)).await
}

pub(super) async fn set_table(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<HashMap<String, String>>,
) -> Shown {
    let found = asked.found(&engine, &signed_in, pool).await?;
    let fields = Fields::filled(form);
    let saved = async {
        let (job, task, kept) = &found;
        let changed = fields.to_table(kept)?;
        engine.put_table_extractions(&signed_in.caller, pool, job.id, &task.id.to_string(), &[changed]).await
    };
    match saved.await {
        Ok(task) => Ok(Redirect::to(&place(&task, found.2.id)).into_response()),
        Err(fault @ (Error::Invalid { .. } | Error::Conflict { .. })) => {
            shown(&engine, &signed_in, found, fields, (Vec::new(), Some(fault.into()))).await
        }
        Err(fault) => Err(fault.into()),
    }
}

/// Takes the table out of the extraction.
pub(super) async fn remove_table(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let (job, table) = (asked.job_id.parse()?, asked.table_id.parse()?);
    engine.delete_table_extraction(&signed_in.caller, pool, job, &asked.task_id, table).await?;
    Ok(Redirect::to(&job::place(pool, job)).into_response())
}

pub(super) fn place(task: &Task, table: TableExtractionId) -> String {
    format!(
        "{}/{}/data-configuration/data-jobs/table-extraction?jobId={}&taskId={}&tableId={table}",
        super::HOME,
        task.pool_id,
        task.job_id,
        task.id
    )
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (job, task, table): (DataJob, Task, TableExtraction),
    fields: Fields,
    (statements, fault): (Vec<Statement>, Option<Problem>),
) -> std::result::Result<Response, Failed> {
    let (caller, pool) = (&signed_in.caller, job.pool_id);
    let held = engine.held_permissions(caller, pool).await?;
    let may_edit = held.contains(&Permission::Edit);
    let (source, note) = match job.connection_id {
        Some(connection) if may_edit => match engine.source_tables(caller, pool, connection).await {
            Ok(tables) => match meant_among(&tables, |found| &found.table, &table.table) {
                Some(found) => (Some(found.clone()), None),
                None => (None, Some(format!("The source offers no table {}.", table.table))),
            },
            Err(error @ Error::Internal { .. }) => return Err(error.into()),
            Err(error) => (None, Some(format!("The source does not tell its columns: {error}."))),
        },
        Some(_) | None => (None, None),
    };
    let parameters = engine.parameters_for_task(caller, pool, job.id, &task.id.to_string()).await?;
    let page = ExtractionPage {
        frame: Frame::of(signed_in),
        pool_id: pool,
        job_id: job.id,
        job_name: job.name.to_string(),
        task_id: task.id,
        task_name: task.name.to_string(),
        id: table.id,
        table: table.table.to_string(),
        may_edit,
        columns: column_rows(&fields, source.as_ref()),
        source_key: source.as_ref().map(|found| listed(&found.key)).unwrap_or_default(),
        note,
        reading: Reading::of(&table),
        parameters: used(&table, &parameters),
        statements,
        fields,
        base: signed_in.browser.visit.base.clone(),
        wrong: Wrong::of(fault.as_ref()),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}

/// The columns at the source, and then those that are ticked and not there.
fn column_rows(fields: &Fields, source: Option<&SourceTable>) -> Vec<ColumnRow> {
    let offered = source.into_iter().flat_map(|found| &found.columns);
    let mut names: Vec<(String, String)> =
        offered.map(|column| (column.name.to_string(), column.type_name.clone())).collect();
    let unknown = if source.is_some() { "not at the source" } else { "" };
    for name in fields.named() {
        if !names.iter().any(|(known, _)| known == name) {
            names.push((name.clone(), unknown.to_owned()));
        }
    }
    let row = |(number, (name, type_name)): (usize, (String, String))| ColumnRow {
        number,
        is_read: fields.reads_all() || fields.read.contains(&name),
        is_hashed: fields.hashed.contains(&name),
        is_key: fields.key.contains(&name),
        name,
        type_name,
    };
    names.into_iter().enumerate().map(row).collect()
}
