//! The secrets of an OAuth client. Two can be good at a time, so that one is changed without a gap.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use forebay_core::id::OauthSecretId;
use forebay_core::oauth::{ClientId, ClientSecret};
use forebay_engine::Engine;

use super::{ClientView, place};
use crate::administration::{DeletePage, Faults, Once};
use crate::form::{Filled, Nothing};
use crate::page::{At, Frame, Shown};
use crate::session::SignedIn;
use crate::words::moment;

/// A secret, without its text.
pub(super) struct SecretRow {
    pub(super) id: OauthSecretId,
    pub(super) made: String,
    pub(super) used: String,
}

impl SecretRow {
    pub(super) fn of(secret: &ClientSecret) -> Self {
        Self {
            id: secret.id,
            made: moment(secret.created_at),
            used: secret.last_used_at.map_or_else(|| "never".to_owned(), moment),
        }
    }
}

/// Makes a second secret.
pub(in crate::administration) async fn create_client_secret(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<ClientId>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    let (client, _) = engine.oauth_client(&signed_in.caller, &id).await?;
    let mut view = ClientView::of(&client);
    match engine.create_client_secret(&signed_in.caller, &id).await {
        Ok(made) => {
            let told =
                "The new secret. It is shown this once: copy it now, and give it to the program.".to_owned();
            view.once = Some(Once { told, text: made.secret.expose().to_owned() });
        }
        Err(error) => view.faults = Faults::of(error, "secrets", &[])?,
    }
    view.shown(&engine, &signed_in, &id).await
}

pub(in crate::administration) async fn delete_secret_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((id, secret)): At<(ClientId, OauthSecretId)>,
) -> Shown {
    let (client, _) = engine.oauth_client(&signed_in.caller, &id).await?;
    let page = DeletePage {
        frame: Frame::of(&signed_in),
        what: format!("a secret of {}", client.name.as_str()),
        told: "It is refused from now on, and so are the tokens that it was exchanged for. The page of the client \
               says when each secret was used last.",
        action: format!("{}/secrets/{secret}/delete", place(&id)),
        back: place(&id),
        typed: None,
        path: format!("/oauth/clients/{id}/secrets/{secret}"),
        command: format!("oauth-client delete-secret {id} {secret}"),
        base: signed_in.browser.visit.base.clone(),
        faults: Faults::default(),
    };
    Ok(page.shown(&signed_in))
}

pub(in crate::administration) async fn delete_client_secret(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((id, secret)): At<(ClientId, OauthSecretId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    engine.delete_client_secret(&signed_in.caller, &id, secret).await?;
    Ok(Redirect::to(&place(&id)).into_response())
}
