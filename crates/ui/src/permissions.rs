//! Options → Permissions: what each group, user, application and OAuth client may do in a pool, and where it comes
//! from: a grant of their own, a group, or all pools.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use forebay_core::access::{Caller, Grant, Grantee, Permission, Role, Scope};
use forebay_core::error::{Error, Result};
use forebay_core::id::{ApplicationId, DataPoolId, GroupId, UserId};
use forebay_engine::{Engine, Holder, Origin};
use serde::Deserialize;

use super::form::Filled;
use super::page::{self, At, Frame, Shown};
use super::paging::{Around, Asked, page_of};
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
#[template(path = "permissions.html")]
struct PermissionsPage {
    frame: Frame,
    pool_id: DataPoolId,
    pool_name: String,
    table: Table,
    list: Around,
    base: String,
}

/// Who has which permission in a scope.
pub(super) struct Table {
    /// Where its forms are sent.
    pub(super) action: String,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// What somebody may do.
pub(super) struct Row {
    /// Its place, which ties its boxes to its form.
    pub(super) number: usize,
    pub(super) name: String,
    /// `group`, `user`, `application` or `OAuth client`.
    pub(super) kind: &'static str,
    /// Its kind in the API, a colon and its id.
    pub(super) subject: String,
    /// Of a group: its own page.
    pub(super) place: Option<String>,
    pub(super) is_admin: bool,
    pub(super) cells: Vec<Cell>,
}

pub(super) struct Cell {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) is_held: bool,
    /// It counts whatever is ticked: an administrator may do everything, and what comes from a group or from all pools
    /// ends there and not here. A grant of their own beside that can be taken away.
    pub(super) is_fixed: bool,
    /// Where it comes from, beside a grant of their own; may be empty.
    pub(super) origins: String,
}

/// The boxes that are ticked, by the names of the permissions, and whose they are.
#[derive(Deserialize)]
pub(super) struct GrantForm {
    subject: String,
    /// What the list was asked for.
    q: Option<String>,
    page: Option<String>,
    #[serde(flatten)]
    ticked: HashMap<String, String>,
}

impl GrantForm {
    /// The list from which it was sent.
    pub(super) fn back_to(&self, place: &str) -> String {
        Asked::of(self.q.as_deref(), self.page.as_deref()).address(place)
    }
}

/// Whom a form means: a kind, a colon and an id.
fn grantee(text: &str) -> Result<Grantee> {
    match text.split_once(':') {
        Some(("user", id)) => Ok(Grantee::User(id.parse::<UserId>()?)),
        Some(("group", id)) => Ok(Grantee::Group(id.parse::<GroupId>()?)),
        Some(("application", id)) => Ok(Grantee::Application(id.parse::<ApplicationId>()?)),
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

impl Row {
    fn of(number: usize, holder: &Holder, scope: Scope, clients: &BTreeSet<String>) -> Self {
        let is_admin = holder.role == Role::Admin;
        let cell = |(permission, label): (Permission, &'static str)| {
            let is_own = holder.own.contains(&permission);
            let origins = holder.inherited.get(&permission).map(Vec::as_slice).unwrap_or_default();
            let is_inherited = is_admin || !origins.is_empty();
            Cell {
                name: permission.as_str(),
                label,
                is_held: is_own || is_inherited,
                is_fixed: is_admin || (is_inherited && !is_own),
                origins: if is_admin { String::new() } else { written(origins) },
            }
        };
        let (subject, kind) = match holder.grantee {
            Grantee::User(id) => (format!("user:{id}"), "user"),
            Grantee::Group(id) => (format!("group:{id}"), "group"),
            // A client that acts by itself has an application of its own, with the same id.
            Grantee::Application(id) if clients.contains(&id.to_string()) => {
                (format!("application:{id}"), "OAuth client")
            }
            Grantee::Application(id) => (format!("application:{id}"), "application"),
        };
        let place = match holder.grantee {
            Grantee::Group(id) => Some(super::administration::group_place(id)),
            Grantee::User(_) | Grantee::Application(_) => None,
        };
        let cells = columns(scope).map(cell).collect();
        Self { number, name: holder.name.to_string(), kind, subject, place, is_admin, cells }
    }
}

/// What permissions are called, one after the other.
pub(super) fn listed(permissions: &BTreeSet<Permission>) -> String {
    let held = COLUMNS.iter().filter(|(permission, _)| permissions.contains(permission));
    held.map(|(_, label)| *label).collect::<Vec<_>>().join(", ")
}

/// Where a permission comes from: `Sales, all pools`.
fn written(origins: &[Origin]) -> String {
    let origin = |origin: &Origin| match origin {
        Origin::AllPools => "all pools".to_owned(),
        Origin::Group(name) => name.to_string(),
        Origin::GroupInAllPools(name) => format!("{name} in all pools"),
    };
    origins.iter().map(origin).collect::<Vec<_>>().join(", ")
}

impl Table {
    /// A page of everybody whom the list is asked for.
    pub(super) async fn of(
        engine: &Engine,
        caller: &Caller,
        scope: Scope,
        asked: &Asked,
        action: &str,
    ) -> Result<(Self, Around)> {
        let mut holders = engine.holders(caller, scope).await?;
        holders.retain(|holder| {
            let id = match holder.grantee {
                Grantee::User(id) => id.to_string(),
                Grantee::Group(id) => id.to_string(),
                Grantee::Application(id) => id.to_string(),
            };
            asked.finds(&[holder.name.as_str(), holder.email.as_deref().unwrap_or_default()], &id)
        });
        let clients = client_ids(engine, caller).await?;
        let (holders, list) = page_of(holders, asked, action);
        let rows = holders.iter().enumerate();
        let rows = rows.map(|(number, holder)| Row::of(number, holder, scope, &clients)).collect();
        let columns = columns(scope).map(|(_, label)| label).collect();
        Ok((Self { action: action.to_owned(), columns, rows }, list))
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
    let grant = Grant { grantee: grantee(&form.subject)?, scope, permissions: permissions.collect() };
    engine.set_grant(caller, &grant).await
}

pub(super) async fn permissions(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let caller = &signed_in.caller;
    let found = engine.data_pool(caller, pool).await?;
    let (table, list) = Table::of(&engine, caller, Scope::Pool(pool), &asked, &place(pool)).await?;
    let page = PermissionsPage {
        frame: Frame::of(&signed_in),
        pool_id: pool,
        pool_name: found.name.to_string(),
        table,
        list,
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
    Ok(Redirect::to(&form.back_to(&place(pool))).into_response())
}

fn place(pool: DataPoolId) -> String {
    format!("{}/{pool}/permissions", super::HOME)
}
