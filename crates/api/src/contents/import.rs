//! A document that is to become a data pool, or a part of one. It may come from anywhere: what is wrong in it is
//! named by its path, and what another server wrote in a form of its own is not taken for an empty pool.

use std::str::FromStr;

use forebay_core::Timestamp;
use forebay_core::access::Subject;
use forebay_core::connection::{DataConnection, Pseudonymisation};
use forebay_core::contents::PoolContents;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataPoolId, ParameterId, TaskId, UserId};
use forebay_core::parameter::Parameter;
use forebay_core::schedule::Schedule;
use forebay_core::secret::Secret;
use forebay_engine::{Given, Import, ImportTarget};
use serde::Deserialize;
use utoipa::ToSchema;

use super::jobs::ImportedJob;
use super::models::ModelDocument;
use super::{FORMAT, VERSION};
use crate::connections::{ConnectionRequest, Unsaid};
use crate::pools::{DataPoolRequest, name};
use crate::schedules::ScheduleRequest;
use crate::variables::VariableRequest;

/// An export. Ids in it say what belongs together; everything gets new ones.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolImport {
    /// `forebay-data-pool`.
    format: Option<String>,
    /// Of the format.
    version: Option<u32>,
    data_pool: Option<DataPoolRequest>,
    data_sources: Option<Vec<ConnectionRequest>>,
    pool_variables: Option<Vec<VariableRequest>>,
    data_models: Option<Vec<ModelDocument>>,
    data_jobs: Option<Vec<ImportedJob>>,
    schedules: Option<Vec<ScheduleRequest>>,
}

impl PoolImport {
    /// What the document asks for. `path` is where it stands in the request; without a target it makes a pool.
    pub(super) fn into_import(
        self,
        path: String,
        target: Option<ImportTarget>,
        given: Given,
        now: Timestamp,
    ) -> Result<Import> {
        let prefix = if path.is_empty() { path } else { format!("{path}.") };
        let at = |rest: &str| format!("{prefix}{rest}");
        match (self.format.as_deref(), self.version) {
            (Some(FORMAT), Some(1..=VERSION)) => {}
            (Some(FORMAT), version) => {
                let version = version.map_or_else(|| "missing".to_owned(), |version| format!("`{version}`"));
                let reason = format!("is {version}; this server reads exports of version {VERSION}");
                return Err(Error::invalid(at("version"), reason));
            }
            (_, _) => {
                let reason = format!("must be `{FORMAT}`: only exports of a Forebay server can be taken in");
                return Err(Error::invalid(at("format"), reason));
            }
        }
        let target = match target {
            Some(target) => target,
            None => {
                let pool = self.data_pool.ok_or_else(|| Error::invalid(at("dataPool"), "is missing"))?;
                let name = name(pool.name.as_deref()).map_err(|error| error.within(&at("dataPool")))?;
                ImportTarget::New { name, description: pool.description }
            }
        };
        let contents = PoolContents {
            connections: each(&at("dataSources"), self.data_sources, connection)?,
            parameters: each(&at("poolVariables"), self.pool_variables, |field, variable| {
                parameter(field, variable, None)
            })?,
            models: each(&at("dataModels"), self.data_models, |field, model| model.into_contents(field))?,
            jobs: each(&at("dataJobs"), self.data_jobs, |field, job| job.into_contents(field))?,
            schedules: each(&at("schedules"), self.schedules, |field, request| {
                schedule(field, request, now)
            })?,
        };
        Ok(Import { path: prefix, target, given, contents })
    }
}

/// Reads each element of a list; an error of one is named with its place. What is referred to is not looked for yet:
/// an id that is none is wrong here, and not something that was not found.
pub(super) fn each<T, R>(
    list: &str,
    elements: Option<Vec<T>>,
    read: impl Fn(&str, T) -> Result<R>,
) -> Result<Vec<R>> {
    let mut all = Vec::new();
    for (place, element) in elements.into_iter().flatten().enumerate() {
        let field = format!("{list}[{place}]");
        all.push(read(&field, element).map_err(|error| match error {
            Error::NotFound { kind, key } => {
                Error::invalid(&field, format!("names the {kind} `{key}`, which is no id"))
            }
            // Paths of elements within are whole already.
            Error::Invalid { field: inner, reason } if inner.starts_with(&field) => {
                Error::Invalid { field: inner, reason }
            }
            other => other.within(&field),
        })?);
    }
    Ok(all)
}

/// An id that must be there.
pub(super) fn id<T: FromStr<Err = Error>>(field: &str, text: Option<&str>) -> Result<T> {
    let text = text.ok_or_else(|| Error::invalid(field, "is missing"))?;
    text.parse().map_err(|_| Error::invalid(field, format!("`{text}` is no id")))
}

fn connection(field: &str, request: ConnectionRequest) -> Result<DataConnection> {
    let id = id(&format!("{field}.id"), request.id.as_deref())?;
    let new = request.into_new(None, Unsaid::Missing)?;
    Ok(DataConnection {
        id,
        pool_id: DataPoolId::random(),
        name: new.name,
        config: new.config,
        credentials: new.credentials,
        pseudonymisation: Pseudonymisation { algorithm: new.algorithm, salt: Secret::default() },
        created_at: Timestamp::from_millis(0),
    })
}

/// A parameter of the pool, or of a task.
pub(super) fn parameter(field: &str, request: VariableRequest, task: Option<TaskId>) -> Result<Parameter> {
    let id: ParameterId = id(&format!("{field}.id"), request.id.as_deref())?;
    Ok(Parameter { id, ..request.into_new(DataPoolId::random(), task)? })
}

fn schedule(field: &str, request: ScheduleRequest, now: Timestamp) -> Result<Schedule> {
    Ok(Schedule {
        id: id(&format!("{field}.id"), request.id.as_deref())?,
        pool_id: DataPoolId::random(),
        settings: request.into_new(now)?,
        // The engine says who saved it and when.
        saved_by: Subject::User(UserId::random()),
        saved_at: now,
        created_at: now,
        next: None,
    })
}
