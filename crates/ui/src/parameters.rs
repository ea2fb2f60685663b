//! Parameters, what `<%=placeholder%>` stands for: those of a pool, and those of a task.

mod fields;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::Error;
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId, ParameterId, TaskId};
use forebay_core::parameter::{Parameter, ParameterOrigin, Visibility};
use forebay_core::pool::DataPool;
use forebay_engine::Engine;
use serde::Deserialize;

use self::fields::{DATA_TYPES, KINDS, OPERATIONS, ParameterForm};
use super::form::{Filled, Nothing};
use super::page::{self, At, Failed, Frame, Shown};
use super::session::SignedIn;
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "parameters.html")]
struct ParametersPage {
    frame: Frame,
    pool: DataPool,
    of: Option<OfTask>,
    /// What stands behind the addresses.
    query: String,
    may_edit: bool,
    parameters: Vec<ParameterRow>,
    base: String,
}

impl ParametersPage {
    fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }
}

#[derive(Template)]
#[template(path = "parameter.html")]
struct ParameterPage {
    frame: Frame,
    pool: DataPool,
    of: Option<OfTask>,
    /// What stands behind the addresses.
    query: String,
    /// `None` for one that is to be made.
    id: Option<ParameterId>,
    may_edit: bool,
    fields: ParameterForm,
    kinds: [(&'static str, &'static str); 3],
    data_types: [(&'static str, &'static str); 10],
    operations: [(&'static str, &'static str); 3],
    connections: Vec<(DataConnectionId, String)>,
    /// The parameters of the pool, of which one can give a task's its values.
    links: Vec<(ParameterId, String)>,
    base: String,
    fault: Option<String>,
    wrong: String,
}

impl ParameterPage {
    /// Whether this is what the fault is about.
    fn is_wrong(&self, field: &str) -> bool {
        self.wrong == field
    }
}

/// The task whose parameters are shown; without one they are those of the pool.
struct OfTask {
    job: DataJobId,
    task: TaskId,
    name: String,
}

impl OfTask {
    /// What stands behind an address.
    fn query(of: Option<&Self>) -> String {
        of.map(|of| format!("?jobId={}&taskId={}", of.job, of.task)).unwrap_or_default()
    }
}

struct ParameterRow {
    id: ParameterId,
    name: String,
    placeholder: String,
    kind: &'static str,
    data_type: &'static str,
    values: String,
    default_values: String,
}

impl ParameterRow {
    fn of(parameter: &Parameter, links: &[Parameter]) -> Self {
        let fields = ParameterForm::of(parameter);
        let kind = match (&parameter.origin, parameter.visibility) {
            (ParameterOrigin::Dynamic(_), _) => "from a table",
            (ParameterOrigin::Constant, Visibility::Private) => "private",
            (ParameterOrigin::Constant, Visibility::Public) => "public",
        };
        let linked = links.iter().find(|link| Some(link.id) == parameter.pool_parameter_id);
        let values = match (linked, &parameter.origin) {
            (Some(linked), _) => format!("those of {}", linked.placeholder),
            (None, ParameterOrigin::Dynamic(dynamic)) => {
                format!("{} of {}.{}", fields.operation(), dynamic.table, dynamic.column)
            }
            (None, ParameterOrigin::Constant) => parameter.values.join(", "),
        };
        Self {
            id: parameter.id,
            name: parameter.name.to_string(),
            placeholder: parameter.placeholder.clone(),
            kind,
            data_type: fields.data_type(),
            values,
            default_values: parameter.default_values.join(", "),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    job_id: Option<String>,
    task_id: Option<String>,
}

impl Asked {
    /// The task that is asked for. To find it in its job proves that it lies in the pool.
    async fn task(
        &self,
        engine: &Engine,
        signed_in: &SignedIn,
        pool: DataPoolId,
    ) -> Result<Option<OfTask>, Error> {
        let (Some(job), Some(task)) = (&self.job_id, &self.task_id) else { return Ok(None) };
        let job: DataJobId = job.parse()?;
        let task = engine.task(&signed_in.caller, pool, job, task).await?;
        Ok(Some(OfTask { job, task: task.id, name: task.name.to_string() }))
    }
}

pub(super) async fn parameters(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let caller = &signed_in.caller;
    let of = asked.task(&engine, &signed_in, pool).await?;
    let parameters = engine.parameters(caller, pool, of.as_ref().map(|of| of.task)).await?;
    let links = if of.is_some() { engine.parameters(caller, pool, None).await? } else { Vec::new() };
    let page = ParametersPage {
        frame: Frame::of(&signed_in),
        pool: engine.data_pool(caller, pool).await?,
        query: OfTask::query(of.as_ref()),
        of,
        may_edit: may_edit(&engine, &signed_in, pool).await?,
        parameters: parameters.iter().map(|parameter| ParameterRow::of(parameter, &links)).collect(),
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, StatusCode::OK, &signed_in.browser))
}

pub(super) async fn new_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let of = asked.task(&engine, &signed_in, pool).await?;
    shown(&engine, &signed_in, pool, of, None, ParameterForm::default(), None).await
}

pub(super) async fn create(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<ParameterForm>,
) -> Shown {
    let of = asked.task(&engine, &signed_in, pool).await?;
    let made = async {
        let parameter = form.new_parameter(pool, of.as_ref().map(|of| of.task))?;
        engine.create_parameter(&signed_in.caller, parameter).await
    };
    match made.await {
        Ok(_) => Ok(Redirect::to(&list(pool, of.as_ref())).into_response()),
        Err(fault) => shown(&engine, &signed_in, pool, of, None, form, Some(fault.into())).await,
    }
}

pub(super) async fn parameter(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ParameterId)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let of = asked.task(&engine, &signed_in, pool).await?;
    let kept = engine.parameter(&signed_in.caller, pool, of.as_ref().map(|of| of.task), id).await?;
    shown(&engine, &signed_in, pool, of, Some(id), ParameterForm::of(&kept), None).await
}

pub(super) async fn update(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ParameterId)>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<ParameterForm>,
) -> Shown {
    let of = asked.task(&engine, &signed_in, pool).await?;
    let kept = engine.parameter(&signed_in.caller, pool, of.as_ref().map(|of| of.task), id).await?;
    let changed = async { engine.update_parameter(&signed_in.caller, form.changed(kept)?).await };
    match changed.await {
        Ok(_) => Ok(Redirect::to(&list(pool, of.as_ref())).into_response()),
        Err(fault) => shown(&engine, &signed_in, pool, of, Some(id), form, Some(fault.into())).await,
    }
}

pub(super) async fn delete(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ParameterId)>,
    Query(asked): Query<Asked>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let of = asked.task(&engine, &signed_in, pool).await?;
    let task = of.as_ref().map(|of| of.task);
    match engine.delete_parameter(&signed_in.caller, pool, task, id).await {
        Ok(()) => Ok(Redirect::to(&list(pool, of.as_ref())).into_response()),
        Err(fault) => {
            let kept = engine.parameter(&signed_in.caller, pool, task, id).await?;
            let fields = ParameterForm::of(&kept);
            shown(&engine, &signed_in, pool, of, Some(id), fields, Some(fault.into())).await
        }
    }
}

/// The address of the list.
fn list(pool: DataPoolId, of: Option<&OfTask>) -> String {
    format!("{}/{pool}/parameters{}", super::HOME, OfTask::query(of))
}

async fn may_edit(engine: &Engine, signed_in: &SignedIn, pool: DataPoolId) -> Result<bool, Error> {
    let held = engine.held_permissions(&signed_in.caller, pool).await?;
    Ok(held.contains(&forebay_core::access::Permission::Edit))
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    pool: DataPoolId,
    of: Option<OfTask>,
    id: Option<ParameterId>,
    fields: ParameterForm,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let connections = engine.data_connections(caller, pool).await?;
    let links = if of.is_some() { engine.parameters(caller, pool, None).await? } else { Vec::new() };
    let page = ParameterPage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(caller, pool).await?,
        query: OfTask::query(of.as_ref()),
        of,
        id,
        may_edit: may_edit(engine, signed_in, pool).await?,
        fields,
        kinds: KINDS,
        data_types: DATA_TYPES,
        operations: OPERATIONS,
        connections: connections
            .iter()
            .map(|connection| (connection.id, connection.name.to_string()))
            .collect(),
        links: links.into_iter().map(|link| (link.id, link.placeholder)).collect(),
        base: signed_in.browser.visit.base.clone(),
        wrong: match &fault {
            Some(Problem::Error(Error::Invalid { field, .. })) => field.clone(),
            _ => String::new(),
        },
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}
