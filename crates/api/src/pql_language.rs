//! The calls by which clients have PQL looked at before they send it. Forebay has no language server; a query that is
//! wrong is refused with the place when it is sent.

use axum::extract::State;
use forebay_core::error::Error;
use forebay_engine::Engine;

use super::auth::Auth;
use super::problem::Reply;

const TAG: &str = "Data models";

fn refusal() -> Error {
    Error::NotSupported {
        what: "this server has no language server for PQL; send the query as a data export, which says what is wrong \
               with it and where"
            .to_owned(),
    }
}

/// Would tell what is wrong with PQL.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 501, description = "Forebay does not do this.")))]
pub(crate) async fn pql_diagnostics(State(_): State<Engine>, Auth(_): Auth) -> Reply<()> {
    Err(refusal().into())
}

/// Would tell how PQL is read.
#[utoipa::path(post, path = "", tag = TAG, responses((status = 501, description = "Forebay does not do this.")))]
pub(crate) async fn pql_parse_tree(State(_): State<Engine>, Auth(_): Auth) -> Reply<()> {
    Err(refusal().into())
}
