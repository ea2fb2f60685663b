//! `forebay user` and `forebay application`: who may hold keys. Administrators only.

use std::process::ExitCode;

use clap::Subcommand;
use forebay_core::id::{ApplicationId, UserId};
use serde_json::json;

use super::client::Client;
use super::show::{plain, say, say_json, say_list};

const USERS: &str = "/forebay/api/v1/users";
const APPLICATIONS: &str = "/forebay/api/v1/applications";

#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// List the users.
    List,
    /// Make a user and print the id.
    Create {
        name: String,
        #[arg(long)]
        email: Option<String>,
        /// May do everything.
        #[arg(long)]
        admin: bool,
    },
    /// Print a link that signs a user in once, within a day, with a browser.
    Link { user: UserId },
    /// Untie a user from their account of the issuer of OpenID Connect.
    Untie { user: UserId },
    /// Delete a user with their keys and grants.
    Delete { user: UserId },
}

impl UserCommand {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => return say_list(&client.get(USERS).await?, &["id", "name", "role", "email"], json),
            Self::Create { name, email, admin } => {
                let role = if admin { "ADMIN" } else { "MEMBER" };
                let body = json!({"name": name, "email": email, "role": role});
                let user = client.post(USERS, &body).await?;
                if json { say_json(&user)? } else { say(&plain(&user["id"]))? }
            }
            Self::Link { user } => {
                let link = client.post(&format!("{USERS}/{user}/sign-in-link"), &json!({})).await?;
                if json { say_json(&link)? } else { say(&plain(&link["url"]))? }
            }
            Self::Untie { user } => {
                client.delete(&format!("{USERS}/{user}/identities")).await?;
                if json { say_json(&json!({"untied": user}))? } else { say("untied")? }
            }
            Self::Delete { user } => {
                client.delete(&format!("{USERS}/{user}")).await?;
                if json { say_json(&json!({"deleted": user}))? } else { say("deleted")? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Subcommand)]
pub(crate) enum ApplicationCommand {
    /// List the applications.
    List,
    /// Make an application and print its id.
    Create { name: String },
    /// Delete an application with its keys and grants.
    Delete { application: ApplicationId },
}

impl ApplicationCommand {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List => return say_list(&client.get(APPLICATIONS).await?, &["id", "name"], json),
            Self::Create { name } => {
                let application = client.post(APPLICATIONS, &json!({"name": name})).await?;
                if json { say_json(&application)? } else { say(&plain(&application["id"]))? }
            }
            Self::Delete { application } => {
                client.delete(&format!("{APPLICATIONS}/{application}")).await?;
                if json { say_json(&json!({"deleted": application}))? } else { say("deleted")? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
