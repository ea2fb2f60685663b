//! Asks before a data model is deleted for good.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::pool::DataPool;
use forebay_engine::Engine;

use super::list_place;
use crate::form::{Filled, TypedName};
use crate::page::{self, At, Failed, Frame, Shown};
use crate::session::SignedIn;
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "delete-model.html")]
struct DeletePage {
    frame: Frame,
    pool: DataPool,
    id: DataModelId,
    name: String,
    base: String,
    fault: Option<String>,
}

pub(crate) async fn delete_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
) -> Shown {
    delete_shown(&engine, &signed_in, (pool, model), None).await
}

pub(crate) async fn delete(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Filled(typed): Filled<TypedName>,
) -> Shown {
    let found = engine.data_model(&signed_in.caller, pool, model).await?;
    let deleted = async {
        typed.is(&found.model.name, "data model")?;
        engine.delete_data_model(&signed_in.caller, pool, model).await
    };
    match deleted.await {
        Ok(()) => Ok(Redirect::to(&list_place(pool)).into_response()),
        Err(fault) => delete_shown(&engine, &signed_in, (pool, model), Some(fault.into())).await,
    }
}

async fn delete_shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, model): (DataPoolId, DataModelId),
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let found = engine.data_model(&signed_in.caller, pool, model).await?;
    let page = DeletePage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(&signed_in.caller, pool).await?,
        id: model,
        name: found.model.name.to_string(),
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}
