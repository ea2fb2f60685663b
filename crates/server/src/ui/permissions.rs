//! Options → Permissions: what each user, application and OAuth client may do in a pool, and what they may do in all.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use forebay_core::access::{Caller, Grant, Permission, Role, Scope, Subject};
use forebay_core::error::{Error, Result};
use forebay_core::id::{ApplicationId, DataPoolId, UserId};
use forebay_engine::Engine;
use serde::Deserialize;

use super::form::Filled;
use super::page::{self, At, Frame, Shown};
use super::session::SignedIn;

/// What permissions are called, in the order of their columns. The last is about the server and not about a pool.
const COLUMNS: [(Permission, &str); 8] = [
    (Permission::UseAllDataModels, "Use all data models"),
    (Permission::View, "View"),
    (Permission::Edit, "Edit"),
    (Permission::Manage, "Manage"),
    (Permission::DataPush, "Data push"),
    (Permission::ContinuousDataPush, "Continuous data push"),
    (Permission::Execute, "Execute"),
    (Permission::Metrics, "Metrics"),
];

#[derive(Template)]
#[template(path = "ui/permissions.html")]
struct PermissionsPage {
    frame: Frame,
    pool_id: DataPoolId,
    pool_name: String,
    table: Table,
    base: String,
}

/// Who has which permission in a scope.
pub(super) struct Table {
    /// Where its forms are sent.
    pub(super) action: String,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// What one subject may do.
pub(super) struct Row {
    /// Its place, which ties its boxes to its form.
    pub(super) number: usize,
    pub(super) name: String,
    /// `user`, `application` or `OAuth client`.
    pub(super) kind: &'static str,
    pub(super) subject: String,
    pub(super) is_admin: bool,
    pub(super) cells: Vec<Cell>,
}

pub(super) struct Cell {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) is_granted: bool,
    /// It counts here whatever is ticked: an administrator may do everything, and what is granted for all pools is
    /// granted for each.
    pub(super) is_fixed: bool,
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

/// The columns of a scope.
fn columns(scope: Scope) -> impl Iterator<Item = (Permission, &'static str)> {
    let is_of = move |permission: Permission| match scope {
        Scope::Service => true,
        Scope::Pool(_) => permission != Permission::Metrics,
    };
    COLUMNS.into_iter().filter(move |(permission, _)| is_of(*permission))
}

impl Table {
    pub(super) async fn of(engine: &Engine, caller: &Caller, scope: Scope, action: String) -> Result<Self> {
        let grants = engine.grants(caller, None).await?;
        let held = |subject: Subject, scope: Scope| -> BTreeSet<Permission> {
            let grant = grants.iter().find(|grant| grant.subject == subject && grant.scope == scope);
            grant.map(|grant| grant.permissions.clone()).unwrap_or_default()
        };
        let row = |name: String, kind, subject: Subject, is_admin| {
            let here = held(subject, scope);
            let everywhere = match scope {
                Scope::Service => BTreeSet::new(),
                Scope::Pool(_) => held(subject, Scope::Service),
            };
            let cell = |(permission, label): (Permission, &'static str)| Cell {
                name: permission.as_str(),
                label,
                is_granted: here.contains(&permission),
                is_fixed: is_admin || everywhere.contains(&permission),
            };
            let subject = match subject {
                Subject::User(id) => format!("user:{id}"),
                Subject::Application(id) => format!("application:{id}"),
            };
            Row { number: 0, name, kind, subject, is_admin, cells: columns(scope).map(cell).collect() }
        };
        let mut rows = Vec::new();
        for user in engine.users(caller).await? {
            let is_admin = user.role == Role::Admin;
            rows.push(row(user.name.to_string(), "user", Subject::User(user.id), is_admin));
        }
        // A client that acts by itself has an application of its own, with the same id.
        let clients = client_ids(engine, caller).await?;
        for application in engine.applications(caller).await? {
            let is_client = clients.contains(&application.id.to_string());
            let kind = if is_client { "OAuth client" } else { "application" };
            rows.push(row(application.name.to_string(), kind, Subject::Application(application.id), false));
        }
        for (number, row) in rows.iter_mut().enumerate() {
            row.number = number;
        }
        Ok(Self { action, columns: columns(scope).map(|(_, label)| label).collect(), rows })
    }

    /// The kind and the id of somebody to show the API with.
    pub(super) fn example(&self) -> Option<(&str, &str)> {
        self.rows.iter().find(|row| !row.is_admin).and_then(|row| row.subject.split_once(':'))
    }
}

/// The ids of all OAuth clients, some of which are those of applications.
pub(super) async fn client_ids(engine: &Engine, caller: &Caller) -> Result<BTreeSet<String>> {
    Ok(engine.oauth_clients(caller).await?.iter().map(|(client, _)| client.id.to_string()).collect())
}

/// Grants what is ticked, and nothing else, in a scope.
pub(super) async fn grant(engine: &Engine, caller: &Caller, scope: Scope, form: &GrantForm) -> Result<()> {
    let permissions = columns(scope)
        .map(|(permission, _)| permission)
        .filter(|permission| form.ticked.contains_key(permission.as_str()));
    let grant = Grant { subject: subject(&form.subject)?, scope, permissions: permissions.collect() };
    engine.set_grant(caller, &grant).await
}

pub(super) async fn permissions(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
) -> Shown {
    let caller = &signed_in.caller;
    let found = engine.data_pool(caller, pool).await?;
    let page = PermissionsPage {
        frame: Frame::of(&signed_in),
        pool_id: pool,
        pool_name: found.name.to_string(),
        table: Table::of(&engine, caller, Scope::Pool(pool), place(pool)).await?,
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, axum::http::StatusCode::OK, &signed_in.browser))
}

pub(super) async fn set_permissions(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Filled(form): Filled<GrantForm>,
) -> Shown {
    grant(&engine, &signed_in.caller, Scope::Pool(pool), &form).await?;
    Ok(Redirect::to(&place(pool)).into_response())
}

fn place(pool: DataPoolId) -> String {
    format!("{}/{pool}/permissions", super::HOME)
}
