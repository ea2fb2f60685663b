//! The keys that sign access tokens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::id::SigningKeyId;
use forebay_engine::{Engine, SigningKey};
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
use crate::auth::Auth;
use crate::path::Path;
use crate::problem::Reply;

/// A key that signs access tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SigningKeyView {
    /// `kid`.
    #[schema(value_type = Uuid)]
    id: SigningKeyId,
    #[schema(value_type = i64)]
    created_at: Timestamp,
    /// It signs from then on, until a newer one does.
    #[schema(value_type = i64)]
    signs_from: Timestamp,
}

impl From<&SigningKey> for SigningKeyView {
    fn from(key: &SigningKey) -> Self {
        Self { id: key.id, created_at: key.created_at, signs_from: key.signs_from }
    }
}

/// The keys that access tokens are verified by, the newest first.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<SigningKeyView>)))]
pub(crate) async fn signing_keys(
    State(engine): State<Engine>,
    Auth(caller): Auth,
) -> Reply<Json<Vec<SigningKeyView>>> {
    Ok(Json(engine.signing_keys(&caller).await?.iter().map(SigningKeyView::from).collect()))
}

/// Makes the next key. It is published at once and signs from an hour on.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 201, body = SigningKeyView)))]
pub(crate) async fn rotate_signing_keys(
    State(engine): State<Engine>,
    Auth(caller): Auth,
) -> Reply<(StatusCode, Json<SigningKeyView>)> {
    let key = engine.rotate_signing_keys(&caller).await?;
    Ok((StatusCode::CREATED, Json(SigningKeyView::from(&key))))
}

/// Deletes a key that is known to others. What it has signed is refused from now on.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_signing_key(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<SigningKeyId>,
) -> Reply<StatusCode> {
    engine.delete_signing_key(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
