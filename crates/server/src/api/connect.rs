//! The calls by which clients find out where they are and who they are.

use axum::Json;
use axum::extract::State;
use forebay_core::access::{Role, Subject};
use forebay_engine::Engine;
use serde_json::{Value, json};

use super::auth::Auth;

/// The team's name and domain: one server is one team.
const TEAM: &str = "forebay";

pub(crate) async fn health() -> Json<Value> {
    Json(json!({"status": "UP", "version": env!("CARGO_PKG_VERSION")}))
}

pub(crate) async fn user(State(_): State<Engine>, Auth(caller): Auth) -> Json<Value> {
    let id = match caller.subject {
        Subject::User(id) => id.to_string(),
        Subject::Application(id) => id.to_string(),
    };
    let admin = caller.role == Role::Admin;
    Json(json!({
        "id": id, "name": caller.name, "nameOrEmail": caller.name, "email": null,
        "teamName": TEAM, "teamId": TEAM, "teamDomain": TEAM, "current": true, "active": true,
        "admin": admin, "member": !admin, "apiToken": null, "token": null,
    }))
}

pub(crate) async fn permissions(State(_): State<Engine>, Auth(caller): Auth) -> Json<Value> {
    let permissions = match caller.role {
        Role::Admin => vec!["CREATE_DATA_POOL", "EDIT_ALL_POOLS", "MANAGE_ALL_POOLS"],
        Role::Member => Vec::new(),
    };
    Json(json!([{"serviceName": "event-collection", "permissions": permissions}]))
}

pub(crate) async fn team(State(_): State<Engine>, Auth(_): Auth) -> Json<Value> {
    Json(json!({"id": TEAM, "name": TEAM, "domain": TEAM, "active": true, "trackingEnabled": false}))
}
