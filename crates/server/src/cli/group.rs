//! `forebay group`: users who are granted permissions together. Administrators only.

use std::process::ExitCode;

use clap::Subcommand;
use forebay_core::id::{GroupId, UserId};
use serde_json::json;

use super::client::Client;
use super::show::{plain, say, say_json, say_list};

const GROUPS: &str = "/forebay/api/v1/groups";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the groups.
    List,
    /// Make a group and print its id.
    Create { name: String },
    /// Give a group another name.
    Rename { group: GroupId, name: String },
    /// Delete a group with its grants; its members stay users.
    Delete { group: GroupId },
    /// List the users who are in a group.
    Members { group: GroupId },
    /// Put users into a group.
    Add {
        group: GroupId,
        #[arg(required = true)]
        users: Vec<UserId>,
    },
    /// Take users out of a group.
    Remove {
        group: GroupId,
        #[arg(required = true)]
        users: Vec<UserId>,
    },
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => return say_list(&client.get(GROUPS).await?, &["id", "name", "memberCount"], json),
            Self::Members { group } => {
                let members = client.get(&format!("{GROUPS}/{group}/members")).await?;
                return say_list(&members, &["id", "name", "role", "email"], json);
            }
            Self::Create { name } => {
                let group = client.post(GROUPS, &json!({"name": name})).await?;
                if json { say_json(&group)? } else { say(&plain(&group["id"]))? }
            }
            Self::Rename { group, name } => {
                let group = client.put(&format!("{GROUPS}/{group}"), &json!({"name": name})).await?;
                if json { say_json(&group)? } else { say(&plain(&group["name"]))? }
            }
            Self::Delete { group } => {
                client.delete(&format!("{GROUPS}/{group}")).await?;
                if json { say_json(&json!({"deleted": group}))? } else { say("deleted")? }
            }
            Self::Add { group, users } => {
                for user in &users {
                    client.put(&format!("{GROUPS}/{group}/members/{user}"), &json!({})).await?;
                }
                if json { say_json(&json!({"added": users}))? } else { say("added")? }
            }
            Self::Remove { group, users } => {
                for user in &users {
                    client.delete(&format!("{GROUPS}/{group}/members/{user}")).await?;
                }
                if json { say_json(&json!({"removed": users}))? } else { say("removed")? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
