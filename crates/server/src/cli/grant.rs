//! `forebay grant`: what users, groups and applications may do, in one pool or in all.

use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use forebay_core::access::Permission;
use forebay_core::id::{ApplicationId, DataPoolId, GroupId, UserId};
use serde_json::{Value, json};

use super::client::Client;
use super::show::{plain, say, say_json};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the grants of a pool; without a pool, all grants.
    List {
        #[arg(long)]
        pool: Option<DataPoolId>,
    },
    /// Replace what somebody may do; without a permission, take the grant away.
    #[command(group(ArgGroup::new("whom").args(["user", "application", "group"]).required(true)))]
    Set {
        #[command(flatten)]
        subject: Subject,
        /// A group: all its members.
        #[arg(long)]
        group: Option<GroupId>,
        /// The pool; without one, every pool, now and later.
        #[arg(long)]
        pool: Option<DataPoolId>,
        /// May come several times.
        #[arg(long = "permission", ignore_case = true)]
        permissions: Vec<PermissionName>,
    },
}

/// A user or an application, or neither.
#[derive(Args)]
#[group(multiple = false)]
pub(crate) struct Subject {
    #[arg(long)]
    user: Option<UserId>,
    #[arg(long)]
    application: Option<ApplicationId>,
}

impl Subject {
    /// As the API writes it.
    pub(super) fn to_json(&self) -> Value {
        match (self.user, self.application) {
            (Some(user), _) => json!({"type": "USER", "id": user}),
            (None, Some(application)) => json!({"type": "APPLICATION", "id": application}),
            (None, None) => Value::Null,
        }
    }
}

/// A permission by its name on the wire.
#[derive(Clone, Copy)]
pub(crate) struct PermissionName(Permission);

impl ValueEnum for PermissionName {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [PermissionName; Permission::ALL.len()] = {
            let mut all = [PermissionName(Permission::View); Permission::ALL.len()];
            let mut place = 0;
            while place < all.len() {
                all[place] = PermissionName(Permission::ALL[place]);
                place += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.as_str()))
    }
}

fn path(pool: Option<DataPoolId>) -> String {
    match pool {
        Some(pool) => format!("/forebay/api/v1/pools/{pool}/grants"),
        None => "/forebay/api/v1/grants".to_owned(),
    }
}

fn line(grant: &Value) -> String {
    let scope = match &grant["poolId"] {
        Value::Null => "all pools".to_owned(),
        pool => format!("pool {}", plain(pool)),
    };
    let permissions: Vec<String> = grant["permissions"].as_array().into_iter().flatten().map(plain).collect();
    let subject = &grant["subject"];
    format!("{} {}, {scope}: {}", plain(&subject["type"]), plain(&subject["id"]), permissions.join(" "))
}

impl Command {
    pub(super) async fn run(self, client: &Client, json: bool) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { pool } => {
                let grants = client.get(&path(pool)).await?;
                if json {
                    say_json(&grants)?;
                } else {
                    for grant in grants.as_array().into_iter().flatten() {
                        say(&line(grant))?;
                    }
                }
            }
            Self::Set { subject, group, pool, permissions } => {
                let subject = match group {
                    Some(group) => json!({"type": "GROUP", "id": group}),
                    None => subject.to_json(),
                };
                let permissions: Vec<&str> = permissions.iter().map(|name| name.0.as_str()).collect();
                let body = json!({"subject": subject, "permissions": permissions});
                let grant = client.put(&path(pool), &body).await?;
                if json { say_json(&grant)? } else { say(&line(&grant))? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
