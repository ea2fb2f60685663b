//! What groups, users, applications and OAuth clients may do in all pools, now and later, and with the server.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use forebay_core::access::Scope;
use forebay_engine::Engine;

use crate::form::Filled;
use crate::page::{self, Frame, Shown};
use crate::paging::{Around, Asked};
use crate::permissions::{GrantForm, Table, grant};
use crate::session::SignedIn;

const PLACE: &str = "/administration/permissions";

#[derive(Template)]
#[template(path = "administration/permissions.html")]
struct PermissionsPage {
    frame: Frame,
    table: Table,
    list: Around,
    base: String,
}

pub(super) async fn permissions(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Shown {
    let (table, list) = Table::of(&engine, &signed_in.caller, Scope::Service, &asked, PLACE).await?;
    let page = PermissionsPage {
        frame: Frame::of(&signed_in),
        table,
        list,
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, StatusCode::OK, &signed_in.browser))
}

pub(super) async fn set_permissions(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<GrantForm>,
) -> Shown {
    grant(&engine, &signed_in.caller, Scope::Service, &form).await?;
    Ok(Redirect::to(&form.back_to(PLACE)).into_response())
}
