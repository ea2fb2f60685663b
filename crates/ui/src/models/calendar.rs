//! The calendars of a data model: a table of the pool that says which days are working days, and lines that say when
//! people work. Forebay keeps them for programs that reckon with them.

mod fields;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataModelId, DataPoolId};
use forebay_core::model::Calendar;
use forebay_core::model::calendar::CalendarKind;
use forebay_core::pool::DataPool;
use forebay_engine::Engine;

use self::fields::{CalendarForm, Fields, MOST, settings};
use crate::form::Filled;
use crate::page::{At, Failed, Frame, Shown};
use crate::session::SignedIn;
use forebay_api::Problem;

/// The days of a week, as the API and as people call them.
const DAYS: [(&str, &str); 7] = [
    ("MONDAY", "Monday"),
    ("TUESDAY", "Tuesday"),
    ("WEDNESDAY", "Wednesday"),
    ("THURSDAY", "Thursday"),
    ("FRIDAY", "Friday"),
    ("SATURDAY", "Saturday"),
    ("SUNDAY", "Sunday"),
];

/// Which of a model's calendars counts, in words.
const KINDS: [(&str, &str); 3] =
    [("NONE", "no calendar"), ("FACTORY", "the table of the pool"), ("CUSTOM", "the lines below")];

#[derive(Template)]
#[template(path = "model-calendar.html")]
struct CalendarPage {
    frame: Frame,
    pool: DataPool,
    model_id: DataModelId,
    model_name: String,
    may_edit: bool,
    connections: Vec<(String, String)>,
    kinds: &'static [(&'static str, &'static str)],
    days: &'static [(&'static str, &'static str)],
    fields: Fields,
    /// How many lines there are when these are too many for fields.
    kept: Option<usize>,
    base: String,
    fault: Option<String>,
}

/// The calendar that counts, for the page of the model.
pub(super) fn in_words(calendar: &Calendar) -> String {
    match (calendar.kind, &calendar.factory) {
        (CalendarKind::None, _) => "No calendar counts.".to_owned(),
        (CalendarKind::Factory, Some(factory)) => {
            format!("The table {} says which days are working days.", factory.table)
        }
        (CalendarKind::Factory, None) => {
            "A table says which days are working days; it is not named yet.".to_owned()
        }
        (CalendarKind::Custom, _) if calendar.custom.len() == 1 => {
            "Its own calendar of 1 line says when people work.".to_owned()
        }
        (CalendarKind::Custom, _) => {
            format!("Its own calendar of {} lines says when people work.", calendar.custom.len())
        }
    }
}

pub(crate) async fn calendar_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
) -> Shown {
    let seen = engine.data_model(&signed_in.caller, pool, model).await?;
    shown(&engine, &signed_in, (pool, model), Fields::of(&seen.model.calendar), None).await
}

pub(crate) async fn set_calendar(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, model)): At<(DataPoolId, DataModelId)>,
    Filled(form): Filled<CalendarForm>,
) -> Shown {
    let fields = form.fields();
    let set =
        async { engine.update_data_model(&signed_in.caller, pool, model, None, settings(&fields)?).await };
    match set.await {
        Ok(_) => Ok(Redirect::to(&super::place(pool, model)).into_response()),
        Err(fault @ Error::Invalid { .. }) => {
            shown(&engine, &signed_in, (pool, model), fields, Some(fault.into())).await
        }
        Err(fault) => Err(fault.into()),
    }
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    (pool, model): (DataPoolId, DataModelId),
    fields: Fields,
    fault: Option<Problem>,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let seen = engine.data_model(caller, pool, model).await?;
    let lines = seen.model.calendar.custom.len();
    let kept = (lines > MOST).then_some(lines);
    let connections = engine.data_connections(caller, pool).await?;
    let page = CalendarPage {
        frame: Frame::of(signed_in),
        pool: engine.data_pool(caller, pool).await?,
        model_id: model,
        model_name: seen.model.name.to_string(),
        may_edit: seen.may_edit,
        connections: connections
            .iter()
            .map(|connection| (connection.id.to_string(), connection.name.to_string()))
            .collect(),
        kinds: &KINDS,
        days: &DAYS,
        fields: if kept.is_some() || !seen.may_edit { fields } else { fields.with_empty_lines() },
        kept,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(super::below(&page, fault.as_ref(), signed_in))
}
