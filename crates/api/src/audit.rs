//! The audit log: who asked for what, when, and what came of it.

mod file;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use forebay_core::Timestamp;
use forebay_core::audit::{AuditCallerKind, AuditEntry, AuditFilter, AuditPosition, AuditResult};
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_engine::Engine;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::auth::Auth;
use super::problem::Reply;
use super::query_string::{FromQuery, Pairs, Query};
use super::whole::Whole;

pub use self::file::csv_file;

const TAG: &str = "Access";
/// The entries of a page when no limit is asked for.
const PAGE: u32 = 100;
/// The end of the year 9999.
const LAST_MILLIS: i64 = 253_402_300_799_999;

/// How many entries a page has at most.
type PageSize = Whole<1, 1000>;

/// Which entries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filters {
    /// The id of a user or an application.
    caller: Option<String>,
    /// The data pool.
    #[param(value_type = Option<Uuid>)]
    pool: Option<DataPoolId>,
    /// The name of an operation, as it is in this document.
    operation: Option<String>,
    /// The first moment that is meant: milliseconds since 1970-01-01T00:00:00Z.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 253_402_300_799_999_i64)]
    from: Option<Timestamp>,
    /// The first moment that is not meant any more.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 253_402_300_799_999_i64)]
    until: Option<Timestamp>,
}

/// Where a page begins, and how long it is.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Place {
    /// What `before` was in the page before this one.
    #[param(value_type = Option<String>, pattern = "^[0-9]{1,15}-[0-9]{1,15}$")]
    before: Option<AuditPosition>,
    /// Entries on a page; 100 when missing.
    #[param(inline)]
    limit: Option<PageSize>,
}

fn moment(pairs: &Pairs, name: &str) -> Result<Option<Timestamp>> {
    let Some(text) = pairs.text(name)? else { return Ok(None) };
    match text.parse() {
        Ok(millis) if (0..=LAST_MILLIS).contains(&millis) => Ok(Some(Timestamp::from_millis(millis))),
        _ => Err(Error::invalid(
            name,
            format!("must be milliseconds since 1970, at most {LAST_MILLIS}, not `{text}`"),
        )),
    }
}

impl FromQuery for Filters {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        let pool = pairs.text("pool")?.map(|text| {
            text.parse().map_err(|_| Error::invalid("pool", format!("`{text}` is not the id of a data pool")))
        });
        Ok(Self {
            caller: pairs.text("caller")?.map(str::to_owned),
            pool: pool.transpose()?,
            operation: pairs.text("operation")?.map(str::to_owned),
            from: moment(pairs, "from")?,
            until: moment(pairs, "until")?,
        })
    }
}

impl From<Filters> for AuditFilter {
    fn from(filters: Filters) -> Self {
        let Filters { caller, pool, operation, from, until } = filters;
        Self { caller, pool, operation, from, until }
    }
}

impl FromQuery for Place {
    fn from_query(pairs: &Pairs) -> Result<Self> {
        let before = pairs.text("before")?.map(str::parse).transpose()?;
        Ok(Self { before, limit: pairs.number("limit")? })
    }
}

/// What kind of caller it was.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AuditCallerType {
    User,
    Application,
}

/// Who asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditCallerView {
    #[serde(rename = "type")]
    kind: AuditCallerType,
    id: String,
    /// As it was then.
    name: Option<String>,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AuditResultName {
    Done,
    Refused,
    /// The client went away before the answer: it may be done or not.
    Unknown,
}

/// One thing that somebody asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEntryView {
    #[schema(value_type = i64)]
    at: Timestamp,
    /// Of a sign-in that failed, whom somebody wanted to be; null when nobody is called like that.
    caller: Option<AuditCallerView>,
    /// The OAuth client that came for the caller, with an access token or for one.
    client_id: Option<String>,
    /// Its name in this document; of a page that does what no operation does, the page's route.
    operation: String,
    method: String,
    route: String,
    #[schema(value_type = Option<Uuid>)]
    pool_id: Option<DataPoolId>,
    /// The ids that the address had, by name; as `id` or `executionId` what was made.
    ids: BTreeMap<String, String>,
    result: AuditResultName,
    /// Of the answer.
    status: Option<u16>,
    /// The kind of the error.
    error_code: Option<String>,
    /// Whether further refusals like this one were left out until the end of the hour.
    last_of_hour: bool,
    remote_address: Option<String>,
    request_id: Option<String>,
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        let caller = entry.caller.map(|caller| AuditCallerView {
            kind: match caller.kind {
                AuditCallerKind::User => AuditCallerType::User,
                AuditCallerKind::Application => AuditCallerType::Application,
            },
            id: caller.id,
            name: caller.name,
        });
        Self {
            at: entry.at,
            caller,
            client_id: entry.client,
            operation: entry.operation,
            method: entry.method,
            route: entry.route,
            pool_id: entry.pool,
            ids: entry.ids,
            result: match entry.result {
                AuditResult::Done => AuditResultName::Done,
                AuditResult::Refused => AuditResultName::Refused,
                AuditResult::Unknown => AuditResultName::Unknown,
            },
            status: entry.status,
            error_code: entry.error,
            last_of_hour: entry.is_last_of_hour,
            remote_address: entry.peer.map(|peer| peer.to_string()),
            request_id: entry.request_id,
        }
    }
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditPageView {
    /// The newest first.
    entries: Vec<AuditEntryView>,
    /// What to ask for as `before` to get the next page; null on the last one.
    before: Option<String>,
}

/// The audit log, the newest entry first: who asked for what, when, and what came of it.
#[utoipa::path(get, path = "", tag = TAG, params(Filters, Place), responses((status = 200, body = AuditPageView)))]
pub(crate) async fn audit_entries(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Query(filters): Query<Filters>,
    Query(place): Query<Place>,
) -> Reply<Json<AuditPageView>> {
    let limit = place.limit.map_or(PAGE, PageSize::get);
    let page = engine.audit_entries(&caller, &filters.into(), place.before, limit).await?;
    let entries = page.entries.into_iter().map(AuditEntryView::from).collect();
    Ok(Json(AuditPageView { entries, before: page.before.map(|before| before.to_string()) }))
}

/// The audit log as a file of CSV, the newest entry first.
#[utoipa::path(
    get, path = "", tag = TAG, params(Filters),
    responses((status = 200, body = String, content_type = "text/csv"))
)]
pub(crate) async fn audit_csv(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Query(filters): Query<Filters>,
) -> Reply<Response> {
    Ok(csv_file(engine, caller, filters.into()).await?)
}
