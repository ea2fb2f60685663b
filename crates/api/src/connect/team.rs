//! The team, as `TeamTransport`. One server is one team, without limits of its own.

use serde::Serialize;
use utoipa::ToSchema;

use super::TEAM;

/// The team. What Forebay does not have is null or false.
#[derive(Serialize, ToSchema, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TeamTransport {
    id: &'static str,
    name: &'static str,
    domain: &'static str,
    active: bool,
    tracking_enabled: bool,
    visible: bool,
    privacy_type: &'static str,
    allowed_domain: Option<String>,
    open_signup_enabled: bool,
    open_signup_code: Option<String>,
    open_signup_default_group_id: Option<String>,
    active_until: Option<i64>,
    accessible_from_ip: bool,
    member_limit: Option<i32>,
    analyst_limit: Option<i32>,
    action_engine_user_limit: Option<i32>,
    ml_workbenches_limit: Option<i32>,
    table_rows_limit: Option<i64>,
    data_consumption_limit_in_gigabytes: Option<i64>,
    data_pool_versions_limit: Option<i32>,
    current_data_consumption_in_bytes: Option<i64>,
    data_push_job_submission_limit_per_sec: Option<i32>,
    data_push_job_submission_limit_per_hour: Option<i32>,
    data_consumptions_last_updated_at: Option<i64>,
    data_consumption_stage: Option<String>,
    data_transfer_hybrid_to_cloud_enabled: bool,
    terms_of_use_url: Option<String>,
    terms_and_conditions_enabled: bool,
    enforce_two_factor_authentication_enabled: bool,
    lms_url: Option<String>,
    permissions_management_mode: &'static str,
    request_date: Option<i64>,
    unlimited_action_engine_users: bool,
    unlimited_data_pool_versions_limit: bool,
    unlimited_data_push_job_submissions: bool,
    unlimited_members: bool,
    unlimited_analysts: bool,
    unlimited_ml_workbenches: bool,
    unlimited_table_rows: bool,
    unlimited_data_consumption: bool,
}

impl TeamTransport {
    pub(super) fn new() -> Self {
        Self {
            id: TEAM,
            name: TEAM,
            domain: TEAM,
            active: true,
            visible: true,
            privacy_type: "PRIVATE",
            permissions_management_mode: "RESTRICTED_TO_ADMINS",
            unlimited_action_engine_users: true,
            unlimited_data_pool_versions_limit: true,
            unlimited_data_push_job_submissions: true,
            unlimited_members: true,
            unlimited_analysts: true,
            unlimited_ml_workbenches: true,
            unlimited_table_rows: true,
            unlimited_data_consumption: true,
            ..Self::default()
        }
    }
}
