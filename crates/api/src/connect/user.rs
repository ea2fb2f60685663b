//! The caller, as `UserTransport`.

use forebay_core::access::{Caller, Role, Subject};
use forebay_core::id::GroupId;
use serde::Serialize;
use utoipa::ToSchema;

use super::TEAM;

/// A user or an application. What Forebay does not have is null.
#[derive(Serialize, ToSchema, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserTransport {
    id: String,
    email: Option<String>,
    name: String,
    name_or_email: String,
    name_and_email: String,
    team_name: &'static str,
    team_id: &'static str,
    team_domain: &'static str,
    /// Whether this is the caller.
    current: bool,
    active: bool,
    admin: bool,
    member: bool,
    analyst: bool,
    cloud_admin: bool,
    /// Never shown.
    api_token: Option<String>,
    /// Never shown.
    token: Option<String>,
    account_created: bool,
    language: Option<String>,
    avatar_url: Option<String>,
    enable_notifications: bool,
    notifications_time: Option<String>,
    time_zone: Option<String>,
    role: Option<i32>,
    effective_role: Option<i32>,
    contentstore_admin: bool,
    backend_access: bool,
    last_log_in_date: Option<i64>,
    is_first_log_in: bool,
    is_celonis_user: bool,
    full_template_access: bool,
    group_ids: Vec<String>,
    migrated_to_idp: bool,
}

impl UserTransport {
    pub(crate) fn of(caller: &Caller, groups: &[GroupId]) -> Self {
        let id = match caller.subject {
            Subject::User(id) => id.to_string(),
            Subject::Application(id) => id.to_string(),
        };
        Self {
            id,
            name: caller.name.to_string(),
            name_or_email: caller.name.to_string(),
            name_and_email: caller.name.to_string(),
            team_name: TEAM,
            team_id: TEAM,
            team_domain: TEAM,
            current: true,
            active: true,
            account_created: true,
            admin: caller.role == Role::Admin,
            member: caller.role == Role::Member,
            group_ids: groups.iter().map(GroupId::to_string).collect(),
            ..Self::default()
        }
    }
}
