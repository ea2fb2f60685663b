//! The keys that sign access tokens. They stand on the page of the OAuth clients, who get what they sign.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use forebay_core::Timestamp;
use forebay_core::id::SigningKeyId;
use forebay_engine::{Engine, SigningKey};

use super::oauth_clients::{PLACE, View};
use super::{DeletePage, Faults};
use crate::form::{Filled, Nothing};
use crate::page::{At, Frame, Shown};
use crate::session::SignedIn;
use crate::words::{day, moment};

/// What a fault of the form for the next key is found by.
const FORM: &str = "rotate";

pub(super) struct Row {
    pub(super) id: SigningKeyId,
    pub(super) made: String,
    pub(super) signs_from: String,
    /// `signs`, `next` or `signed before`.
    pub(super) state: &'static str,
}

/// The keys as they are shown; they come the newest first.
pub(super) fn rows(keys: &[SigningKey], now: Timestamp) -> Vec<Row> {
    let signing = keys.iter().position(|key| key.signs_from <= now);
    let row = |(place, key): (usize, &SigningKey)| Row {
        id: key.id,
        made: day(key.created_at),
        signs_from: moment(key.signs_from),
        state: match signing {
            Some(signing) if place == signing => "signs",
            Some(signing) if place > signing => "signed before",
            _ => "next",
        },
    };
    keys.iter().enumerate().map(row).collect()
}

/// Makes the next key.
pub(super) async fn rotate_signing_keys(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    match engine.rotate_signing_keys(&signed_in.caller).await {
        Ok(_) => Ok(Redirect::to(PLACE).into_response()),
        Err(error) => {
            let faults = Faults::of(error, FORM, &[])?;
            View { faults, ..View::default() }.shown(&engine, &signed_in).await
        }
    }
}

pub(super) async fn delete_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<SigningKeyId>,
) -> Shown {
    // Nobody but administrators is asked.
    engine.signing_keys(&signed_in.caller).await?;
    let page = DeletePage {
        frame: Frame::of(&signed_in),
        what: format!("the signing key {id}"),
        told: "Do this when others know the key. All tokens that it has signed are refused from now on; programs \
               ask for new ones. If it is the key that signs, another one does at once.",
        action: format!("/administration/signing-keys/{id}/delete"),
        back: PLACE.to_owned(),
        typed: None,
        path: format!("/oauth/signing-keys/{id}"),
        command: format!("signing-key delete {id}"),
        base: signed_in.browser.visit.base.clone(),
        faults: Faults::default(),
    };
    Ok(page.shown(&signed_in))
}

pub(super) async fn delete_signing_key(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<SigningKeyId>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    engine.delete_signing_key(&signed_in.caller, id).await?;
    Ok(Redirect::to(PLACE).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_key_whose_time_has_come_signs() {
        let key = |signs_from| SigningKey {
            id: SigningKeyId::random(),
            public_key: Vec::new(),
            created_at: Timestamp::from_millis(0),
            signs_from: Timestamp::from_millis(signs_from),
        };
        let keys = [key(300), key(200), key(100)];
        let states = |now| {
            let rows = rows(&keys, Timestamp::from_millis(now));
            rows.iter().map(|row| row.state).collect::<Vec<_>>()
        };
        assert_eq!(states(250), ["next", "signs", "signed before"]);
        assert_eq!(states(300), ["signs", "signed before", "signed before"]);
        assert_eq!(states(50), ["next", "next", "next"]);
    }
}
