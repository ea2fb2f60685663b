//! What users have allowed OAuth clients.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::id::{ConsentId, UserId};
use forebay_core::oauth::ClientId;
use forebay_engine::{Consent, Engine};
use serde::Serialize;
use utoipa::ToSchema;

use super::TAG;
use crate::auth::Auth;
use crate::path::Path;
use crate::problem::Reply;
use crate::words::OauthScopeName;

/// What a user has allowed an OAuth client.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConsentView {
    #[schema(value_type = Uuid)]
    id: ConsentId,
    #[schema(value_type = String)]
    client_id: ClientId,
    #[schema(value_type = Uuid)]
    user_id: UserId,
    scopes: Vec<OauthScopeName>,
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

impl From<&Consent> for ConsentView {
    fn from(consent: &Consent) -> Self {
        Self {
            id: consent.id,
            client_id: consent.client_id.clone(),
            user_id: consent.user_id,
            scopes: consent.scopes.iter().copied().map(OauthScopeName::from).collect(),
            created_at: consent.created_at,
        }
    }
}

/// What the caller has allowed OAuth clients; for an administrator, what everybody has.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<ConsentView>)))]
pub(crate) async fn consents(
    State(engine): State<Engine>,
    Auth(caller): Auth,
) -> Reply<Json<Vec<ConsentView>>> {
    Ok(Json(engine.consents(&caller).await?.iter().map(ConsentView::from).collect()))
}

/// Takes back what was allowed. Its tokens are refused from now on.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn end_consent(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<ConsentId>,
) -> Reply<StatusCode> {
    engine.end_consent(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
