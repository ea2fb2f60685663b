//! Who holds which permissions, with the names of all, and where they come from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use forebay_core::access::{Caller, Grant, Grantee, Group, Permission, Role, Scope};
use forebay_core::error::Result;
use forebay_core::id::{DataPoolId, GroupId, UserId};
use forebay_core::name::Name;
use forebay_core::oauth::Action;

use crate::Engine;

/// A grant with the names of whom and what it is about.
#[derive(Clone, Debug)]
pub struct HeldGrant {
    pub grant: Grant,
    pub grantee_name: Name,
    pub role: Role,
    /// The groups of a user, by name; none for applications and groups.
    pub groups: Vec<Name>,
    /// `None` for all pools.
    pub pool_name: Option<Name>,
}

/// Where a permission comes from that somebody has in a scope without a grant of their own there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Their own grant for all pools.
    AllPools,
    /// A grant of a group that they are in.
    Group(Name),
    /// Such a group's grant for all pools.
    GroupInAllPools(Name),
}

/// Somebody who can be granted permissions, and what they hold in a scope.
#[derive(Clone, Debug)]
pub struct Holder {
    pub grantee: Grantee,
    pub name: Name,
    pub email: Option<String>,
    pub role: Role,
    /// By a grant of their own in this scope.
    pub own: BTreeSet<Permission>,
    /// What counts in the scope as well, and where it comes from.
    pub inherited: BTreeMap<Permission, Vec<Origin>>,
}

impl Engine {
    /// Every grant there is.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn held_grants(&self, caller: &Caller) -> Result<Vec<HeldGrant>> {
        Self::administrator_for(caller, Action::ReadPermissions)?;
        let groups = names(&self.store().groups().await?);
        let members = self.groups_by_member().await?;
        let mut grantees: HashMap<Grantee, (Name, Role)> = HashMap::new();
        for user in self.store().users().await? {
            grantees.insert(Grantee::User(user.id), (user.name, user.role));
        }
        for application in self.store().applications().await? {
            grantees.insert(Grantee::Application(application.id), (application.name, Role::Member));
        }
        for (id, name) in &groups {
            grantees.insert(Grantee::Group(*id), (name.clone(), Role::Member));
        }
        let pools = self.store().data_pools().await?;
        let pools: HashMap<DataPoolId, Name> = pools.into_iter().map(|pool| (pool.id, pool.name)).collect();
        let mut held = Vec::new();
        for grant in self.store().grants(None).await? {
            // One that goes away meanwhile takes its grants along.
            let Some((grantee_name, role)) = grantees.get(&grant.grantee).cloned() else { continue };
            let pool_name = match grant.scope {
                Scope::Service => None,
                Scope::Pool(pool) => match pools.get(&pool) {
                    Some(name) => Some(name.clone()),
                    None => continue,
                },
            };
            let of_user = match grant.grantee {
                Grantee::User(user) => members.get(&user).map(Vec::as_slice).unwrap_or_default(),
                Grantee::Application(_) | Grantee::Group(_) => &[],
            };
            let mut groups: Vec<Name> = of_user.iter().filter_map(|id| groups.get(id).cloned()).collect();
            groups.sort();
            held.push(HeldGrant { grant, grantee_name, role, groups, pool_name });
        }
        Ok(held)
    }

    /// Everybody who can be granted permissions in a scope, and what they hold there: groups, users, and then
    /// applications, each by name.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` for the pool.
    pub async fn holders(&self, caller: &Caller, scope: Scope) -> Result<Vec<Holder>> {
        Self::administrator(caller)?;
        if let Scope::Pool(pool) = scope {
            self.store().data_pool(pool).await?;
        }
        let here = by_grantee(self.store().grants(Some(scope)).await?);
        let everywhere = match scope {
            Scope::Service => HashMap::new(),
            Scope::Pool(_) => by_grantee(self.store().grants(Some(Scope::Service)).await?),
        };
        let groups = self.store().groups().await?;
        let names = names(&groups);
        let members = self.groups_by_member().await?;
        let holder = |grantee: Grantee, name: Name, email: Option<String>, role: Role| {
            let of = |held: &HashMap<Grantee, BTreeSet<Permission>>, grantee: Grantee| {
                held.get(&grantee).cloned().unwrap_or_default()
            };
            let mut inherited: BTreeMap<Permission, Vec<Origin>> = BTreeMap::new();
            let mut add = |permissions: BTreeSet<Permission>, origin: Origin| {
                for permission in permissions {
                    inherited.entry(permission).or_default().push(origin.clone());
                }
            };
            add(of(&everywhere, grantee), Origin::AllPools);
            if let Grantee::User(user) = grantee {
                for group in members.get(&user).into_iter().flatten() {
                    let Some(name) = names.get(group) else { continue };
                    add(of(&here, Grantee::Group(*group)), Origin::Group(name.clone()));
                    add(of(&everywhere, Grantee::Group(*group)), Origin::GroupInAllPools(name.clone()));
                }
            }
            if let Scope::Pool(_) = scope {
                // It is about no pool.
                inherited.remove(&Permission::Metrics);
            }
            for origins in inherited.values_mut() {
                origins.sort();
            }
            Holder { grantee, name, email, role, own: of(&here, grantee), inherited }
        };
        let mut holders = Vec::new();
        for (group, _) in groups {
            holders.push(holder(Grantee::Group(group.id), group.name, None, Role::Member));
        }
        for user in self.store().users().await? {
            holders.push(holder(Grantee::User(user.id), user.name, user.email, user.role));
        }
        for application in self.store().applications().await? {
            holders.push(holder(Grantee::Application(application.id), application.name, None, Role::Member));
        }
        Ok(holders)
    }

    async fn groups_by_member(&self) -> Result<HashMap<UserId, Vec<GroupId>>> {
        let mut groups: HashMap<UserId, Vec<GroupId>> = HashMap::new();
        for (user, group) in self.store().memberships().await? {
            groups.entry(user).or_default().push(group);
        }
        Ok(groups)
    }
}

/// The names of groups, without the numbers of their members.
fn names(groups: &[(Group, u64)]) -> HashMap<GroupId, Name> {
    groups.iter().map(|(group, _)| (group.id, group.name.clone())).collect()
}

/// The grants of one scope: one for each grantee.
fn by_grantee(grants: Vec<Grant>) -> HashMap<Grantee, BTreeSet<Permission>> {
    grants.into_iter().map(|grant| (grant.grantee, grant.permissions)).collect()
}
