//! The pools somebody may see: how each stands, and what can be done with it.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::{Caller, Subject};
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_core::name::Name;
use forebay_core::pool::DataPool;
use forebay_engine::Engine;
use serde::Deserialize;

use super::form::{Filled, TypedName};
use super::page::{self, At, Frame, Shown};
use super::paging::{Around, Asked, page_of};
use super::session::SignedIn;
use super::words::{Badge, moment, size};
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "pools.html")]
struct PoolsPage<'a> {
    frame: Frame,
    is_admin: bool,
    list: Around,
    cards: Vec<Card>,
    name: &'a str,
    base: String,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "delete-pool.html")]
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
    /// What its files take.
    size: String,
    owner: String,
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
            size: size(engine.pool_size(caller, pool.id).await?),
            owner: owner(pool, engine.pool_owner(caller, pool.id).await?),
        })
    }
}

/// Who made a pool, in words; without a name it is somebody who is no more.
fn owner(pool: &DataPool, name: Option<Name>) -> String {
    match (pool.created_by, name) {
        (Subject::User(_), Some(name)) => name.to_string(),
        (Subject::Application(_), Some(name)) => format!("{name}, an application"),
        (Subject::User(_), None) => "a deleted user".to_owned(),
        (Subject::Application(_), None) => "a deleted application".to_owned(),
    }
}

#[derive(Deserialize)]
pub(super) struct PoolForm {
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
    let mut pools = engine.data_pools(caller).await?;
    pools.retain(|pool| asked.finds(&[pool.name.as_str()], &pool.id.to_string()));
    pools.sort_by_key(|pool| pool.name.as_str().to_lowercase());
    let (pools, list) = page_of(pools, asked, super::HOME);
    let mut cards = Vec::new();
    for pool in &pools {
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
        list,
        cards,
        name,
        base: signed_in.browser.visit.base.clone(),
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
    Filled(typed): Filled<TypedName>,
) -> Shown {
    let found = engine.data_pool(&signed_in.caller, pool).await?;
    let deleted = async {
        typed.is(&found.name, "data pool")?;
        engine.delete_data_pool(&signed_in.caller, pool).await
    };
    match deleted.await {
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

#[cfg(test)]
mod tests {
    use forebay_core::Timestamp;
    use forebay_core::id::{ApplicationId, UserId};

    use super::*;

    #[test]
    fn an_owner_is_told_with_what_it_is() {
        let check = |created_by, name: Option<&str>, expected: &str| {
            let pool = DataPool {
                id: DataPoolId::random(),
                name: Name::parse("name", "Orders").unwrap(),
                description: None,
                created_at: Timestamp::from_millis(0),
                created_by,
            };
            assert_eq!(owner(&pool, name.map(|name| Name::parse("name", name).unwrap())), expected);
        };
        let (user, application) =
            (Subject::User(UserId::random()), Subject::Application(ApplicationId::random()));
        check(user, Some("Ada"), "Ada");
        check(application, Some("Nightly"), "Nightly, an application");
        check(user, None, "a deleted user");
        check(application, None, "a deleted application");
    }
}
