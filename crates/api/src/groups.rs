//! Groups of users.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_core::Timestamp;
use forebay_core::access::Group;
use forebay_core::id::{GroupId, UserId};
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Auth;
use super::body::Body;
use super::path::Path;
use super::pools::name;
use super::problem::Reply;
use super::users::UserView;

const TAG: &str = "Access";

/// Users who are granted permissions together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupView {
    #[schema(value_type = Uuid)]
    id: GroupId,
    name: String,
    #[schema(value_type = i64)]
    created_at: Timestamp,
}

impl From<&Group> for GroupView {
    fn from(group: &Group) -> Self {
        Self { id: group.id, name: group.name.to_string(), created_at: group.created_at }
    }
}

/// A group in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedGroupView {
    #[serde(flatten)]
    group: GroupView,
    /// How many users are in it.
    member_count: u64,
}

/// What a group is called.
#[derive(Deserialize, ToSchema)]
pub(crate) struct GroupRequest {
    /// 1 to 100 characters; no other group has it.
    name: Option<String>,
}

/// The groups.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<ListedGroupView>)))]
pub(crate) async fn groups(
    State(engine): State<Engine>,
    Auth(caller): Auth,
) -> Reply<Json<Vec<ListedGroupView>>> {
    let groups = engine.groups(&caller).await?;
    let view =
        |(group, members): &(Group, u64)| ListedGroupView { group: group.into(), member_count: *members };
    Ok(Json(groups.iter().map(view).collect()))
}

/// Makes a group, which has no members and no permissions yet.
#[utoipa::path(
    post, path = "", tag = TAG, request_body = GroupRequest, responses((status = 201, body = GroupView))
)]
pub(crate) async fn create_group(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Body(body): Body<GroupRequest>,
) -> Reply<(StatusCode, Json<GroupView>)> {
    let group = engine.create_group(&caller, name(body.name.as_deref())?).await?;
    Ok((StatusCode::CREATED, Json(GroupView::from(&group))))
}

/// A group.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = GroupView)))]
pub(crate) async fn group(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<GroupId>,
) -> Reply<Json<GroupView>> {
    Ok(Json(GroupView::from(&engine.group(&caller, id).await?)))
}

/// Gives a group another name.
#[utoipa::path(
    put, path = "", tag = TAG, request_body = GroupRequest, responses((status = 200, body = GroupView))
)]
pub(crate) async fn rename_group(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<GroupId>,
    Body(body): Body<GroupRequest>,
) -> Reply<Json<GroupView>> {
    let group = engine.rename_group(&caller, id, name(body.name.as_deref())?).await?;
    Ok(Json(GroupView::from(&group)))
}

/// Deletes a group with its grants. Its members stay users, without what they were allowed by it.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn delete_group(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<GroupId>,
) -> Reply<StatusCode> {
    engine.delete_group(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The users who are in a group.
#[utoipa::path(get, path = "", tag = TAG, responses((status = 200, body = Vec<UserView>)))]
pub(crate) async fn group_members(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path(id): Path<GroupId>,
) -> Reply<Json<Vec<UserView>>> {
    Ok(Json(engine.group_members(&caller, id).await?.iter().map(UserView::from).collect()))
}

/// Puts a user into a group; one who is in it already stays there.
#[utoipa::path(
    put, path = "", tag = TAG, responses((status = 204, description = "The user is in the group."))
)]
pub(crate) async fn add_group_member(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((group, user)): Path<(GroupId, UserId)>,
) -> Reply<StatusCode> {
    engine.add_group_member(&caller, group, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a user out of a group.
#[utoipa::path(delete, path = "", tag = TAG, responses((status = 204)))]
pub(crate) async fn remove_group_member(
    State(engine): State<Engine>,
    Auth(caller): Auth,
    Path((group, user)): Path<(GroupId, UserId)>,
) -> Reply<StatusCode> {
    engine.remove_group_member(&caller, group, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
