//! Starts an execution: by the documented call with the mode in the query, or with a configuration
//! in the body. Both end in one call of the engine.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_engine::{Engine, Selection, StartExecution, TaskSelection};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{StartedExecution, TAG};
use crate::auth::Auth;
use crate::body::OptionalBody;
use crate::path::Path;
use crate::problem::Reply;
use crate::query_string::{FromQuery, Pairs, Query};
use crate::words::{self, ExecutionPriority, ExtractionMode};

/// What the documented call says.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StartQuery {
    /// FULL reads everything again, DELTA what is new since the checkpoint.
    mode: ExtractionMode,
    /// How much it matters beside the others that wait in its pool; NORMAL when missing.
    #[param(required = false)]
    priority: ExecutionPriority,
}

impl FromQuery for StartQuery {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        match pairs.text("mode")? {
            Some(text) => Ok(Self {
                mode: words::parse("mode", text)?,
                priority: match pairs.text("priority")? {
                    Some(text) => words::parse("priority", text)?,
                    None => ExecutionPriority::Normal,
                },
            }),
            None => Err(Error::invalid("mode", "is missing; add ?mode=FULL or ?mode=DELTA")),
        }
    }
}

/// The client's own name for the request.
struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    fn of(headers: &HeaderMap) -> Result<Self> {
        let Some(value) = headers.get("idempotency-key") else { return Ok(Self(None)) };
        match value.to_str() {
            Ok(text) if !text.is_empty() && text.len() <= 200 => Ok(Self(Some(text.to_owned()))),
            _ => Err(Error::invalid("Idempotency-Key", "must be 1 to 200 visible characters")),
        }
    }
}

/// Starts an execution of a data job. It is QUEUED when the answer is sent. While one is live, the
/// answer is 409 and names it.
#[utoipa::path(
    post, path = "", tag = TAG,
    params(
        StartQuery,
        ("Idempotency-Key" = Option<String>, Header,
            description = "The same key for the same job gives the same execution."),
    ),
    responses((status = 200, body = StartedExecution))
)]
pub(crate) async fn start_execution(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
    Query(query): Query<StartQuery>,
    headers: HeaderMap,
) -> Reply<Json<StartedExecution>> {
    let start = StartExecution {
        mode: query.mode.into(),
        selection: Selection::default(),
        idempotency_key: IdempotencyKey::of(&headers)?.0,
        priority: query.priority.into(),
    };
    Ok(Json(StartedExecution::from(&engine.start_execution(&caller, pool, job, start).await?)))
}

/// Starts an execution, by the path of older documents.
#[utoipa::path(
    post, path = "", tag = TAG,
    params(
        StartQuery,
        ("Idempotency-Key" = Option<String>, Header,
            description = "The same key for the same job gives the same execution."),
    ),
    responses((status = 200, body = StartedExecution))
)]
pub(crate) async fn start_execution_v1(
    state: State<Engine>,
    auth: Auth,
    path: Path<(DataPoolId, DataJobId)>,
    query: Query<StartQuery>,
    headers: HeaderMap,
) -> Reply<Json<StartedExecution>> {
    start_execution(state, auth, path, query, headers).await
}

/// What to execute of a data job. A flag that is not true means all that is enabled, whatever the
/// list beside it says; true with an empty list means nothing.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobExecutionConfiguration {
    /// DELTA when null.
    mode: Option<ExtractionMode>,
    /// How much it matters beside the others that wait in its pool; NORMAL when null.
    priority: Option<ExecutionPriority>,
    execute_only_subset_of_transformations: Option<bool>,
    /// Ids of tasks.
    transformations: Option<Vec<String>>,
    execute_only_subset_of_extractions: Option<bool>,
    extractions: Option<Vec<ExtractionConfiguration>>,
    load_only_subset_of_data_models: Option<bool>,
    data_models: Option<Vec<DataModelExecutionConfiguration>>,
}

/// An extraction to execute.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExtractionConfiguration {
    /// The id of the task.
    extraction_id: Option<String>,
    /// True reads only the listed tables.
    load_only_subset_of_tables: Option<bool>,
    tables: Option<Vec<String>>,
}

/// A data model load to execute.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataModelExecutionConfiguration {
    /// The id of the load in the job.
    data_model_execution_id: Option<String>,
    /// Ids of tables of the model; null and empty mean all.
    tables: Option<Vec<String>>,
}

fn one<Id: std::str::FromStr<Err = Error>>(field: &str, id: Option<&str>) -> Result<Id> {
    let id = id.ok_or_else(|| Error::invalid(field, "is missing"))?;
    id.parse().map_err(|_| Error::invalid(field, format!("`{id}` is no id")))
}

fn many<Id: std::str::FromStr<Err = Error>>(field: &str, ids: Option<Vec<String>>) -> Result<Vec<Id>> {
    ids.unwrap_or_default().iter().map(|id| one(field, Some(id))).collect()
}

impl JobExecutionConfiguration {
    fn selection(self) -> Result<Selection> {
        let set = |flag: Option<bool>| flag == Some(true);
        let mut selection = Selection::default();
        if set(self.execute_only_subset_of_transformations) {
            selection.transformations = Some(many("transformations", self.transformations)?);
        }
        if set(self.execute_only_subset_of_extractions) {
            let mut parts = Vec::new();
            for part in self.extractions.unwrap_or_default() {
                let task = one("extractions.extractionId", part.extraction_id.as_deref())?;
                let tables = many("extractions.tables", part.tables)?;
                parts.push(TaskSelection {
                    task,
                    only: set(part.load_only_subset_of_tables).then_some(tables),
                });
            }
            selection.extractions = Some(parts);
        }
        if set(self.load_only_subset_of_data_models) {
            let mut parts = Vec::new();
            for part in self.data_models.unwrap_or_default() {
                let task = one("dataModels.dataModelExecutionId", part.data_model_execution_id.as_deref())?;
                let tables = many("dataModels.tables", part.tables)?;
                parts.push(TaskSelection { task, only: (!tables.is_empty()).then_some(tables) });
            }
            selection.loads = Some(parts);
        }
        Ok(selection)
    }
}

/// Starts an execution of a part of a data job. Without a body, all of it as DELTA.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = Option<JobExecutionConfiguration>,
    params(
        ("Idempotency-Key" = Option<String>, Header,
            description = "The same key for the same job gives the same execution."),
    ),
    responses((status = 200, body = StartedExecution))
)]
pub(crate) async fn start_configured_execution(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, job)): Path<(DataPoolId, DataJobId)>,
    headers: HeaderMap,
    OptionalBody(configuration): OptionalBody<JobExecutionConfiguration>,
) -> Reply<Json<StartedExecution>> {
    let start = StartExecution {
        mode: configuration.mode.unwrap_or(ExtractionMode::Delta).into(),
        priority: configuration.priority.unwrap_or(ExecutionPriority::Normal).into(),
        selection: configuration.selection()?,
        idempotency_key: IdempotencyKey::of(&headers)?.0,
    };
    Ok(Json(StartedExecution::from(&engine.start_execution(&caller, pool, job, start).await?)))
}

#[cfg(test)]
mod tests {
    use forebay_core::id::TaskId;
    use serde_json::{Value, json};

    use super::*;

    fn selection(body: Value) -> Result<Selection> {
        serde_json::from_value::<JobExecutionConfiguration>(body).unwrap().selection()
    }

    #[test]
    fn a_list_counts_only_when_its_flag_is_set() {
        let task = TaskId::random();
        let selected = selection(json!({"transformations": [task], "dataModels": null})).unwrap();
        assert!(selected.transformations.is_none() && selected.extractions.is_none());
        let body = json!({
            "id": null, "executeOnlySubsetOfTransformations": true, "transformations": [task],
            "executeOnlySubsetOfExtractions": true, "extractions": [],
            "loadOnlySubsetOfDataModels": true, "dataModels": [{"dataModelExecutionId": task, "tables": []}],
        });
        let selected = selection(body).unwrap();
        assert_eq!(selected.transformations, Some(vec![task]));
        assert_eq!(selected.extractions.map(|parts| parts.len()), Some(0));
        assert!(selected.loads.is_some_and(|parts| parts[0].task == task && parts[0].only.is_none()));
    }

    #[test]
    fn what_is_no_id_is_named() {
        let body = json!({"executeOnlySubsetOfTransformations": true, "transformations": ["None"]});
        assert_eq!(selection(body).unwrap_err().to_string(), "transformations: `None` is no id");
        let body = json!({"executeOnlySubsetOfExtractions": true, "extractions": [{}]});
        assert_eq!(selection(body).unwrap_err().to_string(), "extractions.extractionId: is missing");
    }
}
