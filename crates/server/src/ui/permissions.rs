//! Options → Permissions: what each user, application and OAuth client may do in a pool, and what they may do in all.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use forebay_core::access::{Grant, Permission, Role, Scope, Subject};
use forebay_core::error::{Error, Result};
use forebay_core::id::{ApplicationId, DataPoolId, UserId};
use forebay_engine::Engine;
use serde::Deserialize;

use super::form::Filled;
use super::page::{self, At, Frame, Shown};
use super::session::SignedIn;

/// What a pool's permissions are called, in the order of their columns.
const COLUMNS: [(Permission, &str); 7] = [
    (Permission::UseAllDataModels, "Use all data models"),
    (Permission::View, "View"),
    (Permission::Edit, "Edit"),
    (Permission::Manage, "Manage"),
    (Permission::DataPush, "Data push"),
    (Permission::ContinuousDataPush, "Continuous data push"),
    (Permission::Execute, "Execute"),
];

#[derive(Template)]
#[template(path = "ui/permissions.html")]
struct PermissionsPage {
    frame: Frame,
    pool_id: DataPoolId,
    pool_name: String,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

/// What one subject may do.
struct Row {
    /// Its place, which ties its boxes to its form.
    number: usize,
    name: String,
    /// `user`, `application` or `OAuth client`.
    kind: &'static str,
    subject: String,
    is_admin: bool,
    cells: Vec<Cell>,
}

struct Cell {
    name: &'static str,
    label: &'static str,
    is_granted: bool,
    /// Granted for all pools: then it counts here whatever this pool says.
    is_granted_everywhere: bool,
}

/// The boxes that are ticked, by the names of the permissions, and whose they are.
#[derive(Deserialize)]
pub(super) struct GrantForm {
    subject: String,
    #[serde(flatten)]
    ticked: HashMap<String, String>,
}

/// A subject as a form sends it: its kind, a colon and its id.
fn subject(text: &str) -> Result<Subject> {
    match text.split_once(':') {
        Some(("user", id)) => Ok(Subject::User(id.parse::<UserId>()?)),
        Some(("application", id)) => Ok(Subject::Application(id.parse::<ApplicationId>()?)),
        _ => Err(Error::invalid("subject", "is nobody; load the page again")),
    }
}

pub(super) async fn permissions(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
) -> Shown {
    let caller = &signed_in.caller;
    let found = engine.data_pool(caller, pool).await?;
    let grants = engine.grants(caller, None).await?;
    let held = |subject: Subject, scope: Scope| -> BTreeSet<Permission> {
        let grant = grants.iter().find(|grant| grant.subject == subject && grant.scope == scope);
        grant.map(|grant| grant.permissions.clone()).unwrap_or_default()
    };
    let row = |name: String, kind, subject: Subject, is_admin| {
        let (here, everywhere) = (held(subject, Scope::Pool(pool)), held(subject, Scope::Service));
        let cell = |(permission, label): (Permission, &'static str)| Cell {
            name: permission.as_str(),
            label,
            is_granted: here.contains(&permission),
            is_granted_everywhere: is_admin || everywhere.contains(&permission),
        };
        let subject = match subject {
            Subject::User(id) => format!("user:{id}"),
            Subject::Application(id) => format!("application:{id}"),
        };
        Row { number: 0, name, kind, subject, is_admin, cells: COLUMNS.map(cell).into() }
    };
    let mut rows = Vec::new();
    for user in engine.users(caller).await? {
        let is_admin = user.role == Role::Admin;
        rows.push(row(user.name.to_string(), "user", Subject::User(user.id), is_admin));
    }
    // A client that acts by itself has an application of its own, with the same id.
    let clients: BTreeSet<String> =
        engine.oauth_clients(caller).await?.iter().map(|(client, _)| client.id.to_string()).collect();
    for application in engine.applications(caller).await? {
        let kind = if clients.contains(&application.id.to_string()) { "OAuth client" } else { "application" };
        rows.push(row(application.name.to_string(), kind, Subject::Application(application.id), false));
    }
    for (number, row) in rows.iter_mut().enumerate() {
        row.number = number;
    }
    let page = PermissionsPage {
        frame: Frame::of(&signed_in),
        pool_id: pool,
        pool_name: found.name.to_string(),
        columns: COLUMNS.map(|(_, label)| label).into(),
        rows,
    };
    Ok(page::shown(&page, axum::http::StatusCode::OK, &signed_in.browser))
}

pub(super) async fn set_permissions(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Filled(form): Filled<GrantForm>,
) -> Shown {
    let permissions = COLUMNS
        .iter()
        .map(|(permission, _)| *permission)
        .filter(|permission| form.ticked.contains_key(permission.as_str()));
    let grant = Grant {
        subject: subject(&form.subject)?,
        scope: Scope::Pool(pool),
        permissions: permissions.collect(),
    };
    engine.set_grant(&signed_in.caller, &grant).await?;
    Ok(Redirect::to(&format!("{}/{pool}/permissions", super::HOME)).into_response())
}
