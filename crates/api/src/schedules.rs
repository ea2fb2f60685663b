//! Schedules by Forebay's own API: when jobs of a pool run by themselves, what comes next and what came before.

mod pattern;
mod request;
mod view;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::id::{DataPoolId, ScheduleId};
use forebay_core::job::Activation;
use forebay_engine::Engine;

pub(crate) use self::pattern::PatternTransport;
pub use self::request::{PreviewRequest, ScheduleRequest};
pub(crate) use self::view::{PreviewView, ScheduleHistory, ScheduleRunView, ScheduleView};
use super::auth::Auth;
use super::body::Body;
use super::logs::Page;
use super::path::Path;
use super::problem::Reply;
use super::query_string::Query;

const TAG: &str = "Schedules";

/// The schedules of a pool, by name.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<ScheduleView>)))]
pub(crate) async fn schedules(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
) -> Reply<Json<Vec<ScheduleView>>> {
    Ok(Json(engine.schedules(&caller, pool).await?.iter().map(ScheduleView::from).collect()))
}

/// Makes a schedule. Its runs have the caller's right to execute.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = ScheduleRequest, responses((status = 201, body = ScheduleView))
)]
pub(crate) async fn create_schedule(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<ScheduleRequest>,
) -> Reply<(StatusCode, Json<ScheduleView>)> {
    let settings = body.into_new(engine.present())?;
    let schedule = engine.create_schedule(&caller, pool, settings).await?;
    Ok((StatusCode::CREATED, Json(ScheduleView::from(&schedule))))
}

/// A schedule.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = ScheduleView)))]
pub(crate) async fn schedule(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ScheduleId)>,
) -> Reply<Json<ScheduleView>> {
    Ok(Json(ScheduleView::from(&engine.schedule(&caller, pool, id).await?)))
}

/// Changes a schedule; what is null stays. Its runs have the caller's right to execute from then on.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = ScheduleRequest, responses((status = 200, body = ScheduleView))
)]
pub(crate) async fn update_schedule(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ScheduleId)>,
    Body(body): Body<ScheduleRequest>,
) -> Reply<Json<ScheduleView>> {
    let now = engine.present();
    let schedule = engine.update_schedule(&caller, pool, id, |before| body.into_change(before, now)).await?;
    Ok(Json(ScheduleView::from(&schedule)))
}

/// Deletes a schedule with its history. An execution that it started goes on.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_schedule(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ScheduleId)>,
) -> Reply<StatusCode> {
    engine.delete_schedule(&caller, pool, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Switches a schedule on, from now on. Its runs have the caller's right to execute.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 200, body = ScheduleView)))]
pub(crate) async fn enable_schedule(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ScheduleId)>,
) -> Reply<Json<ScheduleView>> {
    let schedule = engine.set_schedule_activation(&caller, pool, id, Activation::Enabled).await?;
    Ok(Json(ScheduleView::from(&schedule)))
}

/// Switches a schedule off and ends the runs that wait. One that runs goes on.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 200, body = ScheduleView)))]
pub(crate) async fn disable_schedule(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ScheduleId)>,
) -> Reply<Json<ScheduleView>> {
    let schedule = engine.set_schedule_activation(&caller, pool, id, Activation::Disabled).await?;
    Ok(Json(ScheduleView::from(&schedule)))
}

/// Runs the jobs of a schedule now, enabled or not, with the caller's right to execute.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 202, body = ScheduleRunView)))]
pub(crate) async fn run_schedule(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ScheduleId)>,
) -> Reply<(StatusCode, Json<ScheduleRunView>)> {
    let run = engine.run_schedule(&caller, pool, id).await?;
    Ok((StatusCode::ACCEPTED, Json(ScheduleRunView::from(&run))))
}

/// Cancels the run of a schedule that is on, with its execution, and the runs that wait.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 204, description = "Asked for.")))]
pub(crate) async fn cancel_schedule(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ScheduleId)>,
) -> Reply<StatusCode> {
    engine.cancel_schedule(&caller, pool, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The next 20 firings of a schedule, as if it were enabled; none of one that follows another.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<PreviewView>)))]
pub(crate) async fn preview_schedule(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ScheduleId)>,
) -> Reply<Json<Vec<PreviewView>>> {
    let previews = engine.preview_schedule(&caller, pool, id).await?;
    Ok(Json(previews.iter().map(PreviewView::from).collect()))
}

/// The next 20 firings of a pattern that is not saved.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = PreviewRequest, responses((status = 200, body = Vec<PreviewView>))
)]
pub(crate) async fn preview_pattern(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(pool): Path<DataPoolId>,
    Body(body): Body<PreviewRequest>,
) -> Reply<Json<Vec<PreviewView>>> {
    let timetable = body.into_timetable(engine.present())?;
    let previews = engine.preview_timetable(&caller, pool, &timetable).await?;
    Ok(Json(previews.iter().map(PreviewView::from).collect()))
}

/// What became of the firings of a schedule, the newest first.
#[utoipa::path(get, path = "", tag = TAG, params(Page), responses((status = 200, body = ScheduleHistory)))]
pub(crate) async fn schedule_runs(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((pool, id)): Path<(DataPoolId, ScheduleId)>,
    Query(page): Query<Page>,
) -> Reply<Json<ScheduleHistory>> {
    let (runs, total) = engine.schedule_runs(&caller, pool, id, page.limit(), page.number()).await?;
    Ok(Json(ScheduleHistory {
        runs: runs.iter().map(ScheduleRunView::from).collect(),
        num_of_pages: page.pages(total),
    }))
}
