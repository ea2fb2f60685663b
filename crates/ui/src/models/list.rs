//! The data models of a pool: how each stands, and a new one.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::Permission;
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::name::Name;
use forebay_core::pool::DataPool;
use forebay_engine::{Engine, NewDataModel, SeenModel};

use super::loads::badge;
use super::{NameForm, place};
use crate::form::Filled;
use crate::page::{self, At, Failed, Frame, Shown};
use crate::session::SignedIn;
use crate::words::{Badge, moment};
use forebay_api::Problem;

#[derive(Template)]
#[template(path = "models.html")]
struct ModelsPage {
    frame: Frame,
    pool: DataPool,
    may_edit: bool,
    models: Vec<ModelRow>,
    /// The name of a new one, as it was typed.
    name: String,
    base: String,
    fault: Option<String>,
}

impl ModelsPage {
    fn is_empty(&self) -> bool {
        self.models.is_empty()
    }
}

struct ModelRow {
    id: DataModelId,
    name: String,
    tables: usize,
    keys: usize,
    /// How the last load stands, and when it began.
    last: Option<(Badge, String)>,
}

pub(crate) async fn models(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
) -> Shown {
    list_shown(&engine, &signed_in, pool, String::new(), None).await
}

pub(crate) async fn create(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Filled(form): Filled<NameForm>,
) -> Shown {
    let made = async {
        let new = NewDataModel::of(Name::parse("name", &form.name)?, Vec::new(), Vec::new());
        engine.create_data_model(&signed_in.caller, pool, new).await
    };
    match made.await {
        Ok(made) => Ok(Redirect::to(&place(pool, made.model.id)).into_response()),
        Err(fault) => list_shown(&engine, &signed_in, pool, form.name, Some(fault.into())).await,
    }
}

async fn list_shown(
    engine: &Engine,
    signed_in: &SignedIn,
    pool: DataPoolId,
    name: String,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let newest = engine.newest_model_loads(caller, pool).await?;
    let row = |seen: &SeenModel| ModelRow {
        id: seen.model.id,
        name: seen.model.name.to_string(),
        tables: seen.model.tables.len(),
        keys: seen.model.foreign_keys.len(),
        last: newest.get(&seen.model.id).map(|load| (badge(load.status), moment(load.started_at))),
    };
    let models = engine.data_models(caller, pool).await?;
    let page = ModelsPage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(caller, pool).await?,
        may_edit: engine.held_permissions(caller, pool).await?.contains(&Permission::Edit),
        models: models.iter().map(row).collect(),
        name,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}
