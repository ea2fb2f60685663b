//! The pools somebody may see: how each stands, and what can be done with it.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_core::name::Name;
use forebay_core::pool::DataPool;
use forebay_engine::Engine;
use serde::Deserialize;

use super::form::Filled;
use super::page::{self, At, Frame, Shown};
use super::session::SignedIn;
use super::words::{Badge, moment};
use crate::api::Problem;

/// The pools on one page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "ui/pools.html")]
struct PoolsPage<'a> {
    frame: Frame,
    is_admin: bool,
    asked: &'a str,
    /// What is asked for, for the addresses of the other pages.
    query: String,
    /// How many there are, with those on other pages.
    found: usize,
    cards: Vec<Card>,
    /// The numbers of the pages before and after this one.
    before: Option<usize>,
    after: Option<usize>,
    name: &'a str,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "ui/delete-pool.html")]
struct DeletePage {
    frame: Frame,
    pool: DataPool,
    jobs: usize,
    fault: Option<String>,
}

/// One pool.
struct Card {
    id: DataPoolId,
    name: String,
    description: String,
    jobs: usize,
    /// How the newest execution of any of its jobs stands, and when it was started.
    last: Option<(Badge, String)>,
    next: Option<String>,
}

impl Card {
    async fn of(engine: &Engine, caller: &Caller, pool: &DataPool) -> Result<Self> {
        let jobs = engine.data_jobs(caller, pool.id).await?;
        let schedules = engine.schedules(caller, pool.id).await?;
        let newest = jobs.iter().filter_map(|(_, latest)| latest.as_ref());
        let newest = newest.max_by_key(|execution| execution.queued_at);
        let next = schedules.iter().filter_map(|schedule| schedule.next.as_ref()).map(|next| next.due).min();
        Ok(Self {
            id: pool.id,
            name: pool.name.to_string(),
            description: pool.description.clone().unwrap_or_default(),
            jobs: jobs.len(),
            last: newest.map(|execution| (Badge::from(execution.status), moment(execution.queued_at))),
            next: next.map(moment),
        })
    }
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    page: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct PoolForm {
    name: Option<String>,
}

/// What must be typed to delete a pool: its name.
#[derive(Deserialize)]
pub(super) struct DeleteForm {
    name: Option<String>,
}

pub(super) async fn overview(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Shown {
    shown(&engine, &signed_in, &asked, "", None).await
}

pub(super) async fn create_pool(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<PoolForm>,
) -> Shown {
    let name = form.name.unwrap_or_default();
    let made = async {
        let name = Name::parse("name", &name)?;
        engine.create_data_pool(&signed_in.caller, name, None).await
    };
    match made.await {
        Ok(pool) => Ok(Redirect::to(&format!("{}/{}", super::HOME, pool.id)).into_response()),
        Err(fault) => shown(&engine, &signed_in, &Asked::default(), &name, Some(fault.into())).await,
    }
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    asked: &Asked,
    name: &str,
    fault: Option<Problem>,
) -> std::result::Result<Response, page::Failed> {
    let caller = &signed_in.caller;
    let text = asked.q.as_deref().unwrap_or_default().trim();
    let wanted = text.to_lowercase();
    let mut pools = engine.data_pools(caller).await?;
    pools.retain(|pool| pool.name.as_str().to_lowercase().contains(&wanted) || pool.id.to_string() == wanted);
    pools.sort_by_key(|pool| pool.name.as_str().to_lowercase());
    let number = asked.page.unwrap_or(0);
    let mut cards = Vec::new();
    for pool in pools.iter().skip(number.saturating_mul(PAGE)).take(PAGE) {
        match Card::of(engine, caller, pool).await {
            Ok(card) => cards.push(card),
            // Deleted since the list was read.
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let page = PoolsPage {
        frame: Frame::of(signed_in),
        is_admin: signed_in.is_admin(),
        asked: text,
        query: form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish(),
        found: pools.len(),
        cards,
        before: number.checked_sub(1),
        after: (number.saturating_add(1).saturating_mul(PAGE) < pools.len()).then_some(number + 1),
        name,
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}

pub(super) async fn delete_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
) -> Shown {
    delete_shown(&engine, &signed_in, pool, None).await
}

pub(super) async fn delete_pool(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Filled(form): Filled<DeleteForm>,
) -> Shown {
    let found = engine.data_pool(&signed_in.caller, pool).await?;
    let deleted = if form.name.as_deref().map(str::trim) == Some(found.name.as_str()) {
        engine.delete_data_pool(&signed_in.caller, pool).await
    } else {
        Err(Error::invalid("name", "is not that of this data pool"))
    };
    match deleted {
        Ok(()) => Ok(Redirect::to(super::HOME).into_response()),
        Err(fault) => delete_shown(&engine, &signed_in, pool, Some(fault.into())).await,
    }
}

async fn delete_shown(
    engine: &Engine,
    signed_in: &SignedIn,
    pool: DataPoolId,
    fault: Option<Problem>,
) -> std::result::Result<Response, page::Failed> {
    let pool = engine.data_pool(&signed_in.caller, pool).await?;
    let jobs = engine.data_jobs(&signed_in.caller, pool.id).await?.len();
    let status: StatusCode = page::status_for(fault.as_ref());
    let fault = fault.as_ref().map(Problem::detail);
    let page = DeletePage { frame: Frame::of(signed_in), pool, jobs, fault };
    Ok(page::shown(&page, status, &signed_in.browser))
}
