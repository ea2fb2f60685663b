//! Pools, connections and jobs at a glance, for a command line and for scripts.

use axum::Json;
use axum::extract::State;
use forebay_core::Timestamp;
use forebay_core::access::Subject;
use forebay_core::connection::DataConnection;
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId};
use forebay_engine::{Engine, JobOverview, PoolOverview};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Auth;
use super::data_sources::DataSourceTransport;
use super::logs::Page;
use super::path::Path;
use super::pools::TagTransport;
use super::problem::Reply;
use super::query_string::Query;
use super::words::ExecutionStatus;

/// A page of data pools.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolPage {
    /// Empty past the end.
    content: Vec<PoolSlim>,
    page_size: u32,
    /// The page that was asked for, whether it is there or not.
    page_number: u32,
    /// How many data pools there are on all pages.
    total_count: usize,
}

/// A data pool at a glance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolSlim {
    #[schema(value_type = Uuid)]
    id: DataPoolId,
    name: String,
    /// How the newest execution of its jobs stands; UNCONFIGURED when there was none.
    status: PoolStatus,
    #[schema(value_type = Option<i64>)]
    last_execution_start_date: Option<Timestamp>,
    /// The user or application that made it.
    created_by: String,
    tags: Vec<TagTransport>,
    /// Not measured.
    raw_data_size: Option<i64>,
    /// Empty for whoever may only run jobs.
    data_sources: Vec<DataSourceSlim>,
}

/// How a data pool stands.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum PoolStatus {
    Execution(ExecutionStatus),
    None(Unconfigured),
}

/// Nothing was run yet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Unconfigured {
    Unconfigured,
}

/// A data connection at a glance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataSourceSlim {
    #[schema(value_type = Uuid)]
    id: DataConnectionId,
    name: String,
    imported: bool,
    imported_pool_id: Option<String>,
}

impl From<&DataConnection> for DataSourceSlim {
    fn from(connection: &DataConnection) -> Self {
        Self { id: connection.id, name: connection.name.to_string(), imported: false, imported_pool_id: None }
    }
}

impl From<&PoolOverview> for PoolSlim {
    fn from(PoolOverview { pool, latest, connections }: &PoolOverview) -> Self {
        let status = latest.as_ref().map(|execution| execution.status.into());
        Self {
            id: pool.id,
            name: pool.name.to_string(),
            status: status.map_or(PoolStatus::None(Unconfigured::Unconfigured), PoolStatus::Execution),
            last_execution_start_date: latest.as_ref().and_then(|execution| execution.started_at),
            created_by: match pool.created_by {
                Subject::User(id) => id.to_string(),
                Subject::Application(id) => id.to_string(),
            },
            tags: Vec::new(),
            raw_data_size: None,
            data_sources: connections.iter().map(DataSourceSlim::from).collect(),
        }
    }
}

/// A page of the data pools that the caller may see.
#[utoipa::path(get, path = "", tag = "Data pools", params(Page), responses((status = 200, body = PoolPage)))]
pub(crate) async fn data_pool_page(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Query(page): Query<Page>,
) -> Reply<Json<PoolPage>> {
    let (limit, page) = (page.limit(), page.number());
    let (pools, total_count) = engine.data_pool_page(&caller, limit as usize, page as usize).await?;
    Ok(Json(PoolPage {
        content: pools.iter().map(PoolSlim::from).collect(),
        page_size: limit,
        page_number: page,
        total_count,
    }))
}

/// The data connections of a pool, for a list.
#[utoipa::path(
    get, path = "", tag = "Data connections", responses((status = 200, body = Vec<DataSourceTransport>))
)]
pub(crate) async fn data_source_overviews(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<DataSourceTransport>>> {
    let connections = engine.data_connections(&caller, pool).await?;
    Ok(Json(connections.iter().map(DataSourceTransport::from).collect()))
}

/// A data job at a glance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataJobOverview {
    #[schema(value_type = Uuid)]
    id: DataJobId,
    name: String,
    /// When its newest execution began.
    #[schema(value_type = Option<i64>)]
    last_execution_date: Option<Timestamp>,
    /// How that stands; null when there was none.
    execution_status: Option<ExecutionStatus>,
    number_of_transformations: u64,
}

impl From<&JobOverview> for DataJobOverview {
    fn from(JobOverview { job, latest, transformations }: &JobOverview) -> Self {
        Self {
            id: job.id,
            name: job.name.to_string(),
            last_execution_date: latest.as_ref().and_then(|execution| execution.started_at),
            execution_status: latest.as_ref().map(|execution| execution.status.into()),
            number_of_transformations: *transformations,
        }
    }
}

/// The data jobs of a pool, for a list.
#[utoipa::path(get, path = "", tag = "Data jobs", responses((status = 200, body = Vec<DataJobOverview>)))]
pub(crate) async fn data_job_overviews(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<DataJobOverview>>> {
    let jobs = engine.data_job_overviews(&caller, pool).await?;
    Ok(Json(jobs.iter().map(DataJobOverview::from).collect()))
}
