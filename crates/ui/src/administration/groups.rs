//! Groups: a new one, its name, who is in it, what its members may do by it, and an end.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::access::{Group, User};
use forebay_core::id::{DataPoolId, GroupId, UserId};
use forebay_core::name::Name;
use forebay_engine::{Engine, GroupGrant};
use serde::Deserialize;

use super::users::found;
use super::{DeletePage, Faults, TypedName};
use crate::form::{Filled, Nothing};
use crate::page::{self, At, Failed, Frame, Shown};
use crate::paging::{Around, Asked, page_of};
use crate::permissions;
use crate::session::SignedIn;
use crate::words::day;

const PLACE: &str = "/administration/groups";
/// The most users that are offered to be put into a group.
const OFFERED: usize = 50;

#[derive(Template)]
#[template(path = "administration/groups.html")]
struct GroupsPage {
    frame: Frame,
    list: Around,
    rows: Vec<Row>,
    name: String,
    faults: Faults,
    base: String,
}

struct Row {
    id: GroupId,
    name: String,
    members: u64,
    made: String,
}

#[derive(Template)]
#[template(path = "administration/group.html")]
struct GroupPage {
    frame: Frame,
    id: GroupId,
    name: String,
    made: String,
    list: Around,
    members: Vec<Person>,
    /// What users are searched by who are not in it.
    add: String,
    others: Vec<Person>,
    /// How many more of them there are than are shown.
    more: usize,
    grants: Vec<GrantRow>,
    /// The name that is to be.
    new_name: String,
    faults: Faults,
    base: String,
}

/// A user.
struct Person {
    id: UserId,
    name: String,
    email: String,
}

impl Person {
    fn of(user: &User) -> Self {
        Self { id: user.id, name: user.name.to_string(), email: user.email.clone().unwrap_or_default() }
    }
}

/// What the members may do in one pool, or in all.
struct GrantRow {
    pool: Option<(DataPoolId, String)>,
    permissions: String,
}

impl GrantRow {
    fn of(grant: &GroupGrant) -> Self {
        Self {
            pool: grant.pool.as_ref().map(|pool| (pool.id, pool.name.to_string())),
            permissions: permissions::listed(&grant.permissions),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct NameForm {
    name: Option<String>,
}

/// What the page of a group is asked for beside its members: users to be put into it.
#[derive(Default, Deserialize)]
pub(super) struct Offered {
    add: Option<String>,
}

/// The address of a group's page.
pub(crate) fn place(id: GroupId) -> String {
    format!("{PLACE}/{id}")
}

pub(super) async fn groups(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Shown {
    list_shown(&engine, &signed_in, &asked, String::new(), Faults::default()).await
}

pub(super) async fn create_group(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Filled(form): Filled<NameForm>,
) -> Shown {
    let name = form.name.unwrap_or_default();
    let made = async { engine.create_group(&signed_in.caller, Name::parse("name", &name)?).await };
    match made.await {
        Ok(group) => Ok(Redirect::to(&place(group.id)).into_response()),
        Err(error) => {
            let faults = Faults::of(error, "create", &["name"])?;
            list_shown(&engine, &signed_in, &Asked::default(), name, faults).await
        }
    }
}

async fn list_shown(
    engine: &Engine,
    signed_in: &SignedIn,
    asked: &Asked,
    name: String,
    faults: Faults,
) -> Result<Response, Failed> {
    let mut groups = engine.groups(&signed_in.caller).await?;
    groups.retain(|(group, _)| asked.finds(&[group.name.as_str()], &group.id.to_string()));
    let (groups, list) = page_of(groups, asked, PLACE);
    let row = |(group, members): &(Group, u64)| Row {
        id: group.id,
        name: group.name.to_string(),
        members: *members,
        made: day(group.created_at),
    };
    let status = faults.status;
    let page = GroupsPage {
        frame: Frame::of(signed_in),
        list,
        rows: groups.iter().map(row).collect(),
        name,
        faults,
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, status, &signed_in.browser))
}

pub(super) async fn group(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<GroupId>,
    Query(asked): Query<Asked>,
    Query(offered): Query<Offered>,
) -> Shown {
    let group = engine.group(&signed_in.caller, id).await?;
    let new_name = group.name.to_string();
    shown(&engine, &signed_in, &group, (&asked, &offered), new_name, Faults::default()).await
}

pub(super) async fn rename_group(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<GroupId>,
    Filled(form): Filled<NameForm>,
) -> Shown {
    let group = engine.group(&signed_in.caller, id).await?;
    let name = form.name.unwrap_or_default();
    let renamed = async { engine.rename_group(&signed_in.caller, id, Name::parse("name", &name)?).await };
    match renamed.await {
        Ok(_) => Ok(Redirect::to(&place(id)).into_response()),
        Err(error) => {
            let faults = Faults::of(error, "rename", &["name"])?;
            let asked = (&Asked::default(), &Offered::default());
            shown(&engine, &signed_in, &group, asked, name, faults).await
        }
    }
}

pub(super) async fn add_group_member(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((group, user)): At<(GroupId, UserId)>,
    Filled(offered): Filled<Offered>,
) -> Shown {
    engine.add_group_member(&signed_in.caller, group, user).await?;
    // Back to the others who were found.
    let query = offered.add.filter(|add| !add.trim().is_empty()).map(|add| {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("add", add.trim()).finish();
        format!("?{query}")
    });
    Ok(Redirect::to(&format!("{}{}#add", place(group), query.unwrap_or_default())).into_response())
}

pub(super) async fn remove_group_member(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((group, user)): At<(GroupId, UserId)>,
    Filled(Nothing {}): Filled<Nothing>,
) -> Shown {
    engine.remove_group_member(&signed_in.caller, group, user).await?;
    Ok(Redirect::to(&place(group)).into_response())
}

pub(super) async fn delete_page(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<GroupId>,
) -> Shown {
    let group = engine.group(&signed_in.caller, id).await?;
    Ok(asked_to_delete(&signed_in, &group, Faults::default()))
}

pub(super) async fn delete_group(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(id): At<GroupId>,
    Filled(form): Filled<TypedName>,
) -> Shown {
    let group = engine.group(&signed_in.caller, id).await?;
    let deleted = async {
        form.is(&group.name, "group")?;
        engine.delete_group(&signed_in.caller, id).await
    };
    match deleted.await {
        Ok(()) => Ok(Redirect::to(PLACE).into_response()),
        Err(error) => Ok(asked_to_delete(&signed_in, &group, Faults::of(error, "delete", &["name"])?)),
    }
}

fn asked_to_delete(signed_in: &SignedIn, group: &Group, faults: Faults) -> Response {
    let page = DeletePage {
        frame: Frame::of(signed_in),
        what: format!("the group {}", group.name.as_str()),
        told: "What is granted to it goes with it, at once for all its members. The members stay users.",
        action: format!("{}/delete", place(group.id)),
        back: place(group.id),
        typed: Some("group"),
        path: format!("/groups/{}", group.id),
        command: format!("group delete {}", group.id),
        base: signed_in.browser.visit.base.clone(),
        faults,
    };
    page.shown(signed_in)
}

async fn shown(
    engine: &Engine,
    signed_in: &SignedIn,
    group: &Group,
    (asked, offered): (&Asked, &Offered),
    new_name: String,
    faults: Faults,
) -> Result<Response, Failed> {
    let caller = &signed_in.caller;
    let members = engine.group_members(caller, group.id).await?;
    let inside: BTreeSet<UserId> = members.iter().map(|user| user.id).collect();
    let mut others = engine.users(caller).await?;
    others.retain(|user| !inside.contains(&user.id));
    let wanted = Asked::of(offered.add.as_deref(), None);
    let others = found(others, &wanted);
    let (members, list) = page_of(found(members, asked), asked, &place(group.id));
    let status = faults.status;
    let page = GroupPage {
        frame: Frame::of(signed_in),
        id: group.id,
        name: group.name.to_string(),
        made: day(group.created_at),
        list,
        members: members.iter().map(Person::of).collect(),
        add: wanted.text().to_owned(),
        more: others.len().saturating_sub(OFFERED),
        others: others.iter().take(OFFERED).map(Person::of).collect(),
        grants: engine.group_grants(caller, group.id).await?.iter().map(GrantRow::of).collect(),
        new_name,
        faults,
        base: signed_in.browser.visit.base.clone(),
    };
    Ok(page::shown(&page, status, &signed_in.browser))
}
