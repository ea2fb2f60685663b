//! Who holds which permissions, with the names of all.

use std::collections::HashMap;

use forebay_core::access::{Caller, Grant, Role, Scope, Subject};
use forebay_core::error::Result;
use forebay_core::id::DataPoolId;
use forebay_core::name::Name;
use forebay_core::oauth::Action;

use crate::Engine;

/// A grant with the names of whom and what it is about.
#[derive(Clone, Debug)]
pub struct HeldGrant {
    pub grant: Grant,
    pub subject_name: Name,
    pub role: Role,
    /// `None` for all pools.
    pub pool_name: Option<Name>,
}

impl Engine {
    /// Every grant there is.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn held_grants(&self, caller: &Caller) -> Result<Vec<HeldGrant>> {
        Self::administrator_for(caller, Action::ReadPermissions)?;
        let mut subjects: HashMap<Subject, (Name, Role)> = HashMap::new();
        for user in self.store().users().await? {
            subjects.insert(Subject::User(user.id), (user.name, user.role));
        }
        for application in self.store().applications().await? {
            subjects.insert(Subject::Application(application.id), (application.name, Role::Member));
        }
        let pools = self.store().data_pools().await?;
        let pools: HashMap<DataPoolId, Name> = pools.into_iter().map(|pool| (pool.id, pool.name)).collect();
        let mut held = Vec::new();
        for grant in self.store().grants(None).await? {
            // One that goes away meanwhile takes its grants along.
            let Some((subject_name, role)) = subjects.get(&grant.subject).cloned() else { continue };
            let pool_name = match grant.scope {
                Scope::Service => None,
                Scope::Pool(pool) => match pools.get(&pool) {
                    Some(name) => Some(name.clone()),
                    None => continue,
                },
            };
            held.push(HeldGrant { grant, subject_name, role, pool_name });
        }
        Ok(held)
    }
}
