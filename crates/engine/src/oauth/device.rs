//! The device flow (RFC 8628): a program without a browser shows a code, and a user types it into one.

use std::collections::BTreeSet;

use forebay_core::Timestamp;
use forebay_core::name::Name;
use forebay_core::oauth::{ClientKind, OauthClient, OauthScope};
use forebay_core::secret::Secret;
use forebay_store::{DeviceRequest, DeviceState, Exchanged};
use rand::seq::IndexedRandom;

use super::throttle::Tried;
use super::token::{TokenAnswer, random_secret, scopes_for};
use super::{ClientProof, OauthError, OauthResult, Visit};
use crate::Engine;
use crate::audit::Recording;
use crate::keys::hash;

/// How long a device waits for its user, in seconds.
const LIFETIME_SECONDS: u32 = 600;
/// The pause between two questions of a device, and by how much it grows when it is not kept, in seconds.
const PAUSE_SECONDS: u32 = 5;
/// What networks may make of a pause that was kept, in milliseconds.
const TOLERANCE: i64 = 500;
/// Letters that are no vowels, so that they make no words, and are not taken for each other.
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";

/// What a device gets to show and to wait with.
#[derive(Clone, Debug)]
pub struct DeviceAnswer {
    pub device_code: Secret,
    pub user_code: String,
    pub expires_in_seconds: u32,
    pub interval_seconds: u32,
}

/// What a user is asked to allow.
#[derive(Clone, Debug)]
pub struct AskedByDevice {
    pub client: Name,
    pub scopes: BTreeSet<OauthScope>,
    pub user_code: String,
}

impl Engine {
    /// Gives a device a code to show.
    ///
    /// # Errors
    /// Those of RFC 8628.
    pub async fn begin_device_login(
        &self,
        proof: &ClientProof,
        scope: Option<&str>,
        visit: &Visit,
    ) -> Result<DeviceAnswer, OauthError> {
        let (client, _) = self.prove(proof, visit).await?;
        match client.kind {
            ClientKind::Public => {}
            ClientKind::Confidential(_) => {
                return Err(OauthError::UnauthorizedClient("only a client without a secret may be a device"));
            }
        }
        let scopes = scopes_for(scope, &client.scopes)?;
        let device_code = random_secret();
        let request = DeviceRequest {
            user_code: new_user_code(),
            client_id: client.id,
            scopes,
            state: DeviceState::Pending,
            interval_seconds: PAUSE_SECONDS,
            asked_at: None,
            expires_at: Timestamp::from_millis(self.now().as_millis() + i64::from(LIFETIME_SECONDS) * 1000),
        };
        self.store().add_device_request(&hash(device_code.expose()), &request).await?;
        Ok(DeviceAnswer {
            device_code,
            user_code: request.user_code,
            expires_in_seconds: LIFETIME_SECONDS,
            interval_seconds: PAUSE_SECONDS,
        })
    }

    /// What the device asks for that shows this code; `None` when none does, or not any more.
    ///
    /// # Errors
    /// `Throttled` for whoever tries many codes.
    pub async fn asked_by_device(
        &self,
        typed: &str,
        visit: &Visit,
    ) -> Result<Option<AskedByDevice>, OauthError> {
        let (throttle, now) = (&self.0.oauth.throttle, self.now());
        throttle.check(visit.peer, &Tried::UserCode, now)?;
        let found = self.store().pending_device_request(&as_shown(typed), now).await?;
        let Some(request) = found else {
            throttle.wrong(visit.peer, Tried::UserCode, now);
            return Ok(None);
        };
        let client = self.store().oauth_client(&request.client_id).await?;
        let DeviceRequest { scopes, user_code, .. } = request;
        Ok(Some(AskedByDevice { client: client.name, scopes, user_code }))
    }

    /// Writes down what a user has decided, who signs in with a key.
    ///
    /// # Errors
    /// `NotSignedIn`, `Throttled`; `ExpiredToken` when the device does not wait any more.
    pub async fn decide_device_login(
        &self,
        typed: &str,
        key: &Secret,
        is_allowed: bool,
        visit: &Visit,
    ) -> Result<(), OauthError> {
        let user = self.sign_in(key, visit).await?;
        let Some(asked) = self.asked_by_device(typed, visit).await? else {
            return Err(OauthError::ExpiredToken);
        };
        let allowed_by = is_allowed.then_some(user);
        match self.store().decide_device_request(&asked.user_code, allowed_by, self.now()).await? {
            Exchanged::Now => {
                tracing::info!(client = %asked.client, user.id = %user, is_allowed, "a user decided on a device");
                Ok(())
            }
            Exchanged::Before => Err(OauthError::ExpiredToken),
        }
    }

    /// Answers a device that asks whether its user has decided.
    pub(super) async fn device_answered(
        &self,
        client: &OauthClient,
        code: &Secret,
        visit: &Visit,
    ) -> OauthResult<TokenAnswer> {
        const REFUSED: &str = "the device code is not known, was used already, or is another client's";
        let (hash, now) = (hash(code.expose()), self.now());
        let request = self.store().ask_for_device_request(&hash, now).await?;
        let request = request.filter(|request| request.client_id == client.id);
        let request = request.ok_or(OauthError::InvalidGrant(REFUSED))?;
        if request.expires_at <= now {
            return Err(OauthError::ExpiredToken);
        }
        let pause = i64::from(request.interval_seconds) * 1000 - TOLERANCE;
        if request.asked_at.is_some_and(|last| now.as_millis() - last.as_millis() < pause) {
            self.store().slow_device_down(&hash, PAUSE_SECONDS).await?;
            visit.trail.is_recorded(Recording::None);
            return Err(OauthError::SlowDown);
        }
        let user = match request.state {
            DeviceState::Pending => {
                // A device asks every few seconds.
                visit.trail.is_recorded(Recording::None);
                return Err(OauthError::AuthorizationPending);
            }
            DeviceState::Denied => return Err(OauthError::AccessDenied),
            DeviceState::Allowed(user) => user,
        };
        let consent = self.new_consent(client, user, request.scopes);
        let (new, kept) = self.new_refresh_token();
        match self.store().exchange_device_request(&hash, &consent, kept).await? {
            Exchanged::Now => self.answer_consent(client, &consent, new, visit).await,
            Exchanged::Before => Err(OauthError::InvalidGrant(REFUSED)),
        }
    }
}

/// As `WDJB-MJHT`.
fn new_user_code() -> String {
    let mut letters = rand::rng();
    let mut code = String::new();
    for place in 0..8 {
        if place == 4 {
            code.push('-');
        }
        code.push(char::from(*LETTERS.choose(&mut letters).expect("there are letters")));
    }
    code
}

/// A code as it was shown, whatever the user made of its case and of what stands between the letters.
fn as_shown(typed: &str) -> String {
    let mut code = String::new();
    for letter in typed.chars().filter(char::is_ascii_alphanumeric).take(9) {
        if code.len() == 4 {
            code.push('-');
        }
        code.push(letter.to_ascii_uppercase());
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_code_is_read_however_it_is_written() {
        for typed in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "WDJB\u{2013}MJHT"] {
            assert_eq!(as_shown(typed), "WDJB-MJHT", "{typed}");
        }
        assert_ne!(as_shown("WDJB-MJHTX"), "WDJB-MJHT");
        let code = new_user_code();
        assert_eq!(as_shown(&code), code);
        assert_eq!(code.len(), 9);
    }
}
