//! One schedule: made, changed, looked ahead, switched, run and cancelled.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use forebay_core::error::Error;
use forebay_core::id::{DataPoolId, ScheduleId};
use forebay_engine::Engine;
use serde::Deserialize;

use super::view::View;
use super::{ScheduleForm, place};
use crate::form::{ActivationForm, Filled, Nothing, TypedName};
use crate::page::{At, Shown};
use crate::session::SignedIn;
use forebay_api::Problem;

#[derive(Deserialize)]
pub(crate) struct Asked {
    page: Option<u32>,
}

pub(crate) async fn new_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
) -> Shown {
    View::of(ScheduleForm::default()).shown(&engine, &signed_in, pool).await
}

pub(crate) async fn create(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Filled(form): Filled<ScheduleForm>,
) -> Shown {
    if form.is_preview() {
        return previewed(&engine, &signed_in, pool, None, form).await;
    }
    let made = async {
        let settings = form.settings(None, engine.present())?;
        engine.create_schedule(&signed_in.caller, pool, settings).await
    };
    match made.await {
        Ok(schedule) => Ok(Redirect::to(&place(pool, schedule.id)).into_response()),
        Err(fault) => {
            View { fault: Some(fault.into()), ..View::of(form) }.shown(&engine, &signed_in, pool).await
        }
    }
}

pub(crate) async fn schedule(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ScheduleId)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let view = View::kept(&engine.schedule(&signed_in.caller, pool, id).await?);
    View { number: asked.page.unwrap_or(0), ..view }.shown(&engine, &signed_in, pool).await
}

pub(crate) async fn update(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ScheduleId)>,
    Filled(form): Filled<ScheduleForm>,
) -> Shown {
    if form.is_preview() {
        return previewed(&engine, &signed_in, pool, Some(id), form).await;
    }
    let now = engine.present();
    let changed = engine
        .update_schedule(&signed_in.caller, pool, id, |before| form.settings(Some(before.activation), now));
    match changed.await {
        Ok(_) => Ok(Redirect::to(&place(pool, id)).into_response()),
        Err(fault) => {
            let view = View { id: Some(id), fault: Some(fault.into()), ..View::of(form) };
            view.shown(&engine, &signed_in, pool).await
        }
    }
}

/// Shows the form again, with the firings that it would lead to. Nothing is saved.
async fn previewed(
    engine: &Engine,
    signed_in: &SignedIn,
    pool: DataPoolId,
    id: Option<ScheduleId>,
    form: ScheduleForm,
) -> Shown {
    let looked = async {
        if form.follows() {
            return Ok(None);
        }
        let timetable = form.timetable(engine.present())?;
        let previews = engine.preview_timetable(&signed_in.caller, pool, &timetable).await?;
        Ok::<_, Error>(Some((timetable, previews)))
    };
    let (preview, fault) = match looked.await {
        Ok(preview) => (preview, None),
        Err(fault) => (None, Some(Problem::from(fault))),
    };
    View { id, preview, is_preview: true, fault, ..View::of(form) }.shown(engine, signed_in, pool).await
}

pub(crate) async fn set_activation(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ScheduleId)>,
    Filled(form): Filled<ActivationForm>,
) -> Shown {
    let done = engine.set_schedule_activation(&signed_in.caller, pool, id, form.activation()?).await;
    done_or_shown(&engine, &signed_in, pool, id, done.map(drop)).await
}

pub(crate) async fn run(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ScheduleId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let done = engine.run_schedule(&signed_in.caller, pool, id).await;
    done_or_shown(&engine, &signed_in, pool, id, done.map(drop)).await
}

pub(crate) async fn cancel(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ScheduleId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let done = engine.cancel_schedule(&signed_in.caller, pool, id).await;
    done_or_shown(&engine, &signed_in, pool, id, done).await
}

pub(crate) async fn delete(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, ScheduleId)>,
    Filled(typed): Filled<TypedName>,
) -> Shown {
    let found = engine.schedule(&signed_in.caller, pool, id).await?;
    let deleted = async {
        typed.is(&found.settings.name, "schedule")?;
        engine.delete_schedule(&signed_in.caller, pool, id).await
    };
    match deleted.await {
        Ok(()) => Ok(Redirect::to(&format!("{}/{pool}/schedules", crate::HOME)).into_response()),
        Err(fault) => done_or_shown(&engine, &signed_in, pool, id, Err(fault)).await,
    }
}

/// Back to the page, or the page with what stood in the way.
async fn done_or_shown(
    engine: &Engine,
    signed_in: &SignedIn,
    pool: DataPoolId,
    id: ScheduleId,
    done: Result<(), Error>,
) -> Shown {
    match done {
        Ok(()) => Ok(Redirect::to(&place(pool, id)).into_response()),
        Err(fault) => {
            let view = View::kept(&engine.schedule(&signed_in.caller, pool, id).await?);
            View { fault: Some(fault.into()), ..view }.shown(engine, signed_in, pool).await
        }
    }
}
