//! Applications: programs with permissions and keys of their own. OAuth clients, which are applications too, have
//! their own page.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::{Application, Subject};
use forebay_core::error::Error;
use forebay_core::id::{ApplicationId, KeyId};
use forebay_core::name::Name;
use forebay_engine::{Engine, NewKey};
use serde::Deserialize;

use super::{DeletePage, Faults, Once, TypedName};
use crate::account::KeyRow;
use crate::form::{Filled, Nothing};
use crate::page::{self, At, Failed, Frame, Shown};
use crate::paging::{Around, Asked, page_of};
use crate::permissions::client_ids;
use crate::session::SignedIn;
use crate::words::day;

const PLACE: &str = "/administration/applications";

#[derive(Template)]
#[template(path = "administration/applications.html")]
struct ApplicationsPage {
    frame: Frame,
    list: Around,
    rows: Vec<Row>,
    name: String,
    once: Option<Once>,
    faults: Faults,
    base: String,
}

struct Row {
    id: ApplicationId,
    name: String,
    made: String,
    keys: Vec<KeyRow>,
    /// What a fault of its form for a new key is found by.
    place: String,
}

#[derive(Deserialize)]
pub(super) struct NameForm {
    name: Option<String>,
}

pub(super) async fn applications(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Shown {
    View { asked, ..View::default() }.shown(&engine, &signed_in).await
}

/// Makes an application with its first key.
pub(super) async fn create_application(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<NameForm>,
) -> Shown {
    let name = form.name.unwrap_or_default();
    let made = async {
        let application = engine.create_application(&signed_in.caller, Name::parse("name", &name)?).await?;
        let owner = Some(Subject::Application(application.id));
        let key = engine.create_key(&signed_in.caller, owner, Name::parse("name", "First key")?).await?;
        Ok::<_, Error>((application, key))
    };
    match made.await {
        Ok((application, key)) => View::with_key(&application, &key).shown(&engine, &signed_in).await,
        Err(error) => {
            let faults = Faults::of(error, "create", &["name"])?;
            View { name, faults, ..View::default() }.shown(&engine, &signed_in).await
        }
    }
}

/// Makes a further key.
pub(super) async fn create_key(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<ApplicationId>,
    Filled(form): Filled<NameForm>,
) -> Shown {
    let application = engine.application(&signed_in.caller, id).await?;
    let made = async {
        let name = Name::parse("name", form.name.as_deref().unwrap_or_default())?;
        engine.create_key(&signed_in.caller, Some(Subject::Application(id)), name).await
    };
    match made.await {
        Ok(key) => View::with_key(&application, &key).shown(&engine, &signed_in).await,
        Err(error) => {
            let faults = Faults::of(error, &key_place(id), &[])?;
            // Its row has the form.
            let asked = Asked::of(Some(&id.to_string()), None);
            View { asked, faults, ..View::default() }.shown(&engine, &signed_in).await
        }
    }
}

pub(super) async fn delete_key(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((_, key)): At<(ApplicationId, KeyId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    engine.delete_key(&signed_in.caller, key).await?;
    Ok(Redirect::to(PLACE).into_response())
}

pub(super) async fn delete_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<ApplicationId>,
) -> Shown {
    let application = engine.application(&signed_in.caller, id).await?;
    Ok(asked_to_delete(&signed_in, &application, Faults::default()))
}

pub(super) async fn delete_application(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<ApplicationId>,
    Filled(form): Filled<TypedName>,
) -> Shown {
    let application = engine.application(&signed_in.caller, id).await?;
    let deleted = async {
        form.is(&application.name, "application")?;
        engine.delete_application(&signed_in.caller, id).await
    };
    match deleted.await {
        Ok(()) => Ok(Redirect::to(PLACE).into_response()),
        Err(error) => Ok(asked_to_delete(&signed_in, &application, Faults::of(error, "delete", &["name"])?)),
    }
}

fn asked_to_delete(signed_in: &SignedIn, application: &Application, faults: Faults) -> Response {
    let page = DeletePage {
        frame: Frame::of(signed_in),
        what: format!("the application {}", application.name.as_str()),
        told: "Its keys are refused from now on, and its permissions go with it.",
        action: format!("{PLACE}/{}/delete", application.id),
        back: PLACE.to_owned(),
        typed: Some("application"),
        path: format!("/applications/{}", application.id),
        command: format!("application delete {}", application.id),
        base: signed_in.browser.visit.base.clone(),
        faults,
    };
    page.shown(signed_in)
}

/// Names the form for a new key of an application.
fn key_place(id: ApplicationId) -> String {
    format!("key-{id}")
}

/// What the page shows beside the applications.
#[derive(Default)]
struct View {
    asked: Asked,
    name: String,
    once: Option<Once>,
    faults: Faults,
}

impl View {
    fn with_key(application: &Application, key: &NewKey) -> Self {
        let told = format!(
            "A key of {}. Programs send it as “Authorization: AppKey …”. It is shown this once: copy it now.",
            application.name.as_str()
        );
        Self { once: Some(Once { told, text: key.secret.expose().to_owned() }), ..Self::default() }
    }

    async fn shown(self, engine: &Engine, signed_in: &SignedIn) -> Result<Response, Failed> {
        let caller = &signed_in.caller;
        let clients = client_ids(engine, caller).await?;
        let keys = engine.keys(caller).await?;
        let row = |application: &Application| {
            let of_it = keys.iter().filter(|key| key.owner == Subject::Application(application.id));
            Row {
                id: application.id,
                name: application.name.to_string(),
                made: day(application.created_at),
                keys: of_it.map(KeyRow::of).collect(),
                place: key_place(application.id),
            }
        };
        let Self { asked, name, once, faults } = self;
        let mut programs = engine.applications(caller).await?;
        programs.retain(|one| {
            let id = one.id.to_string();
            !clients.contains(&id) && asked.finds(&[one.name.as_str()], &id)
        });
        let (programs, list) = page_of(programs, &asked, PLACE);
        let status = faults.status;
        let page = ApplicationsPage {
            frame: Frame::of(signed_in),
            list,
            rows: programs.iter().map(row).collect(),
            name,
            once,
            faults,
            base: signed_in.browser.visit.base.clone(),
        };
        Ok(page::shown(&page, status, &signed_in.browser))
    }
}
