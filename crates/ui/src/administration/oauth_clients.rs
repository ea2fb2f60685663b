//! OAuth clients: what they may ask for, their secrets, and the end of their tokens.

mod form;
pub(super) mod secrets;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::oauth::{ClientId, ClientKind, ClientSecret, OauthClient};
use forebay_engine::Engine;

use self::form::{ClientForm, Offered};
use self::secrets::SecretRow;
use super::{DeletePage, Faults, Once, TypedName, signing_keys};
use crate::form::{Filled, Nothing};
use crate::page::{self, At, Failed, Frame, Shown};
use crate::session::SignedIn;
use crate::words::day;

pub(super) const PLACE: &str = "/administration/oauth-clients";

#[derive(Template)]
#[template(path = "administration/oauth-clients.html")]
struct ClientsPage {
    frame: Frame,
    rows: Vec<Row>,
    fields: ClientForm,
    scopes: Vec<Offered>,
    signing_keys: Vec<signing_keys::Row>,
    faults: Faults,
    base: String,
}

struct Row {
    id: ClientId,
    name: String,
    has_secret: bool,
    secrets: usize,
    scopes: String,
    made: String,
}

#[derive(Template)]
#[template(path = "administration/oauth-client.html")]
struct ClientPage {
    frame: Frame,
    id: ClientId,
    name: String,
    made: String,
    has_secret: bool,
    secrets: Vec<SecretRow>,
    fields: ClientForm,
    scopes: Vec<Offered>,
    once: Option<Once>,
    faults: Faults,
    base: String,
}

pub(super) async fn oauth_clients(State(engine): State<Engine>, signed_in: SignedIn) -> Shown {
    View::default().shown(&engine, &signed_in).await
}

pub(super) async fn create_oauth_client(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<ClientForm>,
) -> Shown {
    let made = async { engine.create_oauth_client(&signed_in.caller, form.new_client()?).await };
    match made.await {
        Ok((client, Some(made))) => {
            let told = "What the client calls itself by, and its secret. The secret is shown this once: copy it now.";
            let text = format!("client_id: {}\nclient_secret: {}", client.id, made.secret.expose());
            let once = Some(Once { told: told.to_owned(), text });
            ClientView { once, ..ClientView::of(&client) }.shown(&engine, &signed_in, &client.id).await
        }
        Ok((client, None)) => Ok(Redirect::to(&place(&client.id)).into_response()),
        Err(error) => {
            let faults = Faults::of(error, "create", &ClientForm::FIELDS)?;
            View { fields: form, faults }.shown(&engine, &signed_in).await
        }
    }
}

pub(super) async fn oauth_client(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<ClientId>,
) -> Shown {
    let (client, _) = engine.oauth_client(&signed_in.caller, &id).await?;
    ClientView::of(&client).shown(&engine, &signed_in, &id).await
}

pub(super) async fn update_oauth_client(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<ClientId>,
    Filled(form): Filled<ClientForm>,
) -> Shown {
    let changed = async { engine.update_oauth_client(&signed_in.caller, &id, form.change()?).await };
    match changed.await {
        Ok(_) => Ok(Redirect::to(&place(&id)).into_response()),
        Err(error) => {
            let faults = Faults::of(error, "change", &ClientForm::FIELDS)?;
            ClientView { fields: form, once: None, faults }.shown(&engine, &signed_in, &id).await
        }
    }
}

pub(super) async fn end_tokens_of_client(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<ClientId>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    engine.end_tokens_of_client(&signed_in.caller, &id).await?;
    Ok(Redirect::to(&place(&id)).into_response())
}

pub(super) async fn delete_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<ClientId>,
) -> Shown {
    let (client, _) = engine.oauth_client(&signed_in.caller, &id).await?;
    Ok(asked_to_delete(&signed_in, &client, Faults::default()))
}

pub(super) async fn delete_oauth_client(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<ClientId>,
    Filled(form): Filled<TypedName>,
) -> Shown {
    let (client, _) = engine.oauth_client(&signed_in.caller, &id).await?;
    let deleted = async {
        form.is(&client.name, "OAuth client")?;
        engine.delete_oauth_client(&signed_in.caller, &id).await
    };
    match deleted.await {
        Ok(()) => Ok(Redirect::to(PLACE).into_response()),
        Err(error) => Ok(asked_to_delete(&signed_in, &client, Faults::of(error, "delete", &["name"])?)),
    }
}

fn asked_to_delete(signed_in: &SignedIn, client: &OauthClient, faults: Faults) -> Response {
    let page = DeletePage {
        frame: Frame::of(signed_in),
        what: format!("the OAuth client {}", client.name.as_str()),
        told: "Its secrets and permissions go with it, and its tokens are refused from now on.",
        action: format!("{}/delete", place(&client.id)),
        back: place(&client.id),
        typed: Some("OAuth client"),
        path: format!("/oauth/clients/{}", client.id),
        command: format!("oauth-client delete {}", client.id),
        base: signed_in.browser.visit.base.clone(),
        faults,
    };
    page.shown(signed_in)
}

fn place(id: &ClientId) -> String {
    format!("{PLACE}/{id}")
}

const fn has_secret(client: &OauthClient) -> bool {
    match client.kind {
        ClientKind::Confidential(_) => true,
        ClientKind::Public => false,
    }
}

/// What the page of all clients shows beside them.
#[derive(Default)]
pub(super) struct View {
    pub(super) fields: ClientForm,
    pub(super) faults: Faults,
}

impl View {
    pub(super) async fn shown(self, engine: &Engine, signed_in: &SignedIn) -> Result<Response, Failed> {
        let row = |(client, secrets): &(OauthClient, Vec<ClientSecret>)| Row {
            id: client.id.clone(),
            name: client.name.to_string(),
            has_secret: has_secret(client),
            secrets: secrets.len(),
            scopes: client.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "),
            made: day(client.created_at),
        };
        let Self { fields, faults } = self;
        let status = faults.status;
        let keys = engine.signing_keys(&signed_in.caller).await?;
        let page = ClientsPage {
            frame: Frame::of(signed_in),
            rows: engine.oauth_clients(&signed_in.caller).await?.iter().map(row).collect(),
            scopes: fields.offered(),
            fields,
            signing_keys: signing_keys::rows(&keys, engine.present()),
            faults,
            base: signed_in.browser.visit.base.clone(),
        };
        Ok(page::shown(&page, status, &signed_in.browser))
    }
}

/// What the page of one client shows beside what is kept of it.
struct ClientView {
    fields: ClientForm,
    once: Option<Once>,
    faults: Faults,
}

impl ClientView {
    fn of(client: &OauthClient) -> Self {
        Self { fields: ClientForm::of(client), once: None, faults: Faults::default() }
    }

    async fn shown(self, engine: &Engine, signed_in: &SignedIn, id: &ClientId) -> Result<Response, Failed> {
        let (client, secrets) = engine.oauth_client(&signed_in.caller, id).await?;
        let Self { fields, once, faults } = self;
        let status = faults.status;
        let page = ClientPage {
            frame: Frame::of(signed_in),
            name: client.name.to_string(),
            made: day(client.created_at),
            has_secret: has_secret(&client),
            secrets: secrets.iter().map(SecretRow::of).collect(),
            scopes: fields.offered(),
            fields,
            once,
            faults,
            base: signed_in.browser.visit.base.clone(),
            id: client.id,
        };
        Ok(page::shown(&page, status, &signed_in.browser))
    }
}
