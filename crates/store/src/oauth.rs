//! OAuth: clients, what users have allowed them, what waits for a user, and the keys that sign. Secrets and tokens
//! are here as hashes only.

mod clients;
mod consents;
mod requests;
mod signing;
mod tokens;

use std::collections::BTreeSet;

use forebay_core::Result;
use forebay_core::oauth::{ClientId, OauthScope};

use crate::db::{self, Row};

pub use self::consents::{Consent, RefreshToken, Refreshed};
pub use self::requests::{Code, DeviceRequest, DeviceState, Exchanged};
pub use self::signing::SigningKey;
pub use self::tokens::{TokenHolder, TokenMarks};

/// SHA-256 of a secret.
pub type Hash = [u8; 32];

fn client_id(row: &Row, column: &str) -> Result<ClientId> {
    db::id(row, column)
}

fn scopes(row: &Row) -> Result<BTreeSet<OauthScope>> {
    db::json(row, "scopes")
}
