//! What members of a group may do by it, and how long.

use std::collections::BTreeSet;

use forebay_core::access::{Caller, Grant, Grantee, Permission, Role, Scope, Subject};
use forebay_core::error::Error;
use forebay_core::id::{GroupId, UserId};

use super::house::{House, is_conflict, is_invalid, is_not_found, name};
use super::oauth::{allowed, caller};
use crate::Origin;

fn user_of(caller: &Caller) -> UserId {
    let Subject::User(id) = caller.subject else { panic!("{caller:?} is no user") };
    id
}

impl House {
    /// A group with these members.
    async fn group(&self, text: &str, members: &[&Caller]) -> GroupId {
        let group = self.engine.create_group(&self.admin, name(text)).await.unwrap().id;
        for member in members {
            self.engine.add_group_member(&self.admin, group, user_of(member)).await.unwrap();
        }
        group
    }

    async fn grant(&self, grantee: Grantee, scope: Scope, permissions: &[Permission]) {
        let permissions = permissions.iter().copied().collect();
        let grant = Grant { grantee, scope, permissions };
        self.engine.set_grant(&self.admin, &grant).await.unwrap();
    }

    /// What a caller may do in the pool.
    async fn held(&self, caller: &Caller) -> BTreeSet<Permission> {
        self.engine.permissions_in(caller, self.pool).await.unwrap()
    }
}

#[tokio::test]
async fn a_grant_for_a_group_counts_for_its_members_as_long_as_it_all_is_there() {
    let house = House::new().await;
    let (engine, admin, of_pool) = (&house.engine, &house.admin, Scope::Pool(house.pool));
    let member = house.member(of_pool, &[]).await;
    let outsider = house.member(of_pool, &[]).await;
    let sales = house.group("Sales", &[&member]).await;
    is_not_found(engine.data_pool(&member, house.pool).await);
    let can = [Permission::View, Permission::Edit];
    let held = BTreeSet::from(can);

    house.grant(Grantee::Group(sales), of_pool, &can).await;
    assert_eq!(house.held(&member).await, held);
    engine.update_data_pool(&member, house.pool, Some(name("Renamed")), None).await.unwrap();
    assert_eq!(engine.data_pools(&member).await.unwrap().len(), 1);
    assert!(house.held(&outsider).await.is_empty());
    is_not_found(engine.data_pool(&outsider, house.pool).await);

    // It is gone with the grant, the membership, or the group.
    house.grant(Grantee::Group(sales), of_pool, &[]).await;
    is_not_found(engine.data_pool(&member, house.pool).await);
    house.grant(Grantee::Group(sales), of_pool, &can).await;
    engine.remove_group_member(admin, sales, user_of(&member)).await.unwrap();
    is_not_found(engine.data_pool(&member, house.pool).await);
    assert!(engine.data_pools(&member).await.unwrap().is_empty());
    engine.add_group_member(admin, sales, user_of(&member)).await.unwrap();
    assert_eq!(house.held(&member).await, held);
    engine.delete_group(admin, sales).await.unwrap();
    is_not_found(engine.data_pool(&member, house.pool).await);
    assert!(engine.grants(admin, None).await.unwrap().is_empty());
    // The name is free again, and a group of the same name is another one.
    let again = house.group("Sales", &[&member]).await;
    assert_ne!(again, sales);
    assert!(house.held(&member).await.is_empty());
}

#[tokio::test]
async fn what_several_groups_and_own_grants_allow_counts_together() {
    let house = House::new().await;
    let of_pool = Scope::Pool(house.pool);
    let member = house.member(of_pool, &[Permission::View]).await;
    let [sales, finance] = [house.group("Sales", &[&member]).await, house.group("Finance", &[&member]).await];
    house.grant(Grantee::Group(sales), of_pool, &[Permission::Manage]).await;
    house.grant(Grantee::Group(finance), Scope::Service, &[Permission::Edit, Permission::Metrics]).await;
    let all = BTreeSet::from([Permission::View, Permission::Manage, Permission::Edit]);
    assert_eq!(house.held(&member).await, all);
    house.engine.may_read_figures(&member).await.unwrap();
    house.engine.create_data_pool(&member, name("Made by a group"), None).await.unwrap();
    let mut own = house.engine.own_groups(&member).await.unwrap();
    own.sort();
    assert_eq!(own, *BTreeSet::from([sales, finance]).iter().copied().collect::<Vec<_>>());

    // To leave one takes nothing of the others.
    house.engine.remove_group_member(&house.admin, finance, user_of(&member)).await.unwrap();
    assert_eq!(house.held(&member).await, BTreeSet::from([Permission::View, Permission::Manage]));
    assert!(house.engine.may_read_figures(&member).await.is_err());
    house.revoke(&member, of_pool).await;
    assert_eq!(house.held(&member).await, BTreeSet::from([Permission::Manage]));
}

#[tokio::test]
async fn a_token_of_a_member_has_the_rights_of_the_groups_within_its_scopes() {
    let house = House::new().await;
    let of_pool = Scope::Pool(house.pool);
    let member = house.member(of_pool, &[]).await;
    let sales = house.group("Sales", &[&member]).await;
    house.grant(Grantee::Group(sales), of_pool, &[Permission::View, Permission::Edit]).await;
    let (_, answer) = allowed(&house, &member, "integration.data-pools:read").await;
    let token = caller(&house, &answer).await.unwrap();
    house.engine.data_pool(&token, house.pool).await.unwrap();
    let renamed = house.engine.update_data_pool(&token, house.pool, Some(name("Renamed")), None).await;
    assert!(matches!(renamed, Err(Error::Forbidden(_))), "{renamed:?}");
    house.engine.remove_group_member(&house.admin, sales, user_of(&member)).await.unwrap();
    is_not_found(house.engine.data_pool(&token, house.pool).await);
}

#[tokio::test]
async fn no_group_administers_and_none_is_for_applications() {
    let house = House::new().await;
    let member = house.member(Scope::Service, &[]).await;
    let sales = house.group("Sales", &[&member]).await;
    let everything: Vec<Permission> = Permission::ALL.to_vec();
    house.grant(Grantee::Group(sales), Scope::Service, &everything).await;
    let refused = house.engine.groups(&member).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let program = house.engine.create_application(&house.admin, name("Program")).await.unwrap();
    let as_user: UserId = program.id.to_string().parse().unwrap();
    is_not_found(house.engine.add_group_member(&house.admin, sales, as_user).await);
    // An administrator in a group stays one without it.
    let admin = user_of(&house.admin);
    house.engine.add_group_member(&house.admin, sales, admin).await.unwrap();
    house.engine.delete_group(&house.admin, sales).await.unwrap();
    assert_eq!(house.engine.user(&house.admin, admin).await.unwrap().role, Role::Admin);
}

#[tokio::test]
async fn a_group_has_a_name_of_its_own_and_metrics_for_all_pools_alone() {
    let house = House::new().await;
    let (engine, admin) = (&house.engine, &house.admin);
    let sales = house.group("Sales", &[]).await;
    let finance = house.group("Finance", &[]).await;
    is_conflict(engine.create_group(admin, name("Sales")).await, "there already is a group named `Sales`");
    is_conflict(engine.rename_group(admin, finance, name("Sales")).await, "there already is a group");
    assert_eq!(engine.rename_group(admin, finance, name("Accounts")).await.unwrap().name, name("Accounts"));
    let names = engine.groups(admin).await.unwrap();
    let names: Vec<&str> = names.iter().map(|(group, _)| group.name.as_str()).collect();
    assert_eq!(names, ["Accounts", "Sales"]);
    let permissions = BTreeSet::from([Permission::Metrics]);
    let (grantee, scope) = (Grantee::Group(sales), Scope::Pool(house.pool));
    let refused = engine.set_grant(admin, &Grant { grantee, scope, permissions }).await;
    is_invalid(refused, "permissions", "METRICS is about the whole server");
    engine.delete_group(admin, sales).await.unwrap();
    let (scope, permissions) = (Scope::Service, BTreeSet::from([Permission::View]));
    is_not_found(engine.set_grant(admin, &Grant { grantee, scope, permissions }).await);
    is_not_found(engine.group_members(admin, sales).await);
}

#[tokio::test]
async fn holders_show_what_comes_from_where() {
    let house = House::new().await;
    let of_pool = Scope::Pool(house.pool);
    let member = house.member(of_pool, &[Permission::View]).await;
    house.grant(member.subject.into(), Scope::Service, &[Permission::Execute, Permission::Metrics]).await;
    let [sales, finance] = [house.group("Sales", &[&member]).await, house.group("Finance", &[&member]).await];
    house.grant(Grantee::Group(sales), of_pool, &[Permission::View, Permission::Edit]).await;
    house.grant(Grantee::Group(finance), of_pool, &[Permission::Edit]).await;
    house.grant(Grantee::Group(finance), Scope::Service, &[Permission::Manage]).await;

    let holders = house.engine.holders(&house.admin, of_pool).await.unwrap();
    let names: Vec<&str> = holders.iter().map(|holder| holder.name.as_str()).collect();
    assert_eq!(names[..2], ["Finance", "Sales"], "groups come first: {names:?}");
    let of = |grantee: Grantee| holders.iter().find(|holder| holder.grantee == grantee).unwrap();
    let found = of(member.subject.into());
    assert_eq!(found.own, BTreeSet::from([Permission::View]));
    let (sales_name, finance_name) = (name("Sales"), name("Finance"));
    let inherited: Vec<_> =
        found.inherited.iter().map(|(permission, from)| (*permission, from.clone())).collect();
    assert_eq!(
        inherited,
        [
            (Permission::View, vec![Origin::Group(sales_name.clone())]),
            (Permission::Edit, vec![Origin::Group(finance_name.clone()), Origin::Group(sales_name)]),
            (Permission::Manage, vec![Origin::GroupInAllPools(finance_name)]),
            (Permission::Execute, vec![Origin::AllPools]),
        ]
    );
    let group = of(Grantee::Group(finance));
    assert_eq!(group.own, BTreeSet::from([Permission::Edit]));
    assert_eq!(group.inherited.get(&Permission::Manage), Some(&vec![Origin::AllPools]));

    let holders = house.engine.holders(&house.admin, Scope::Service).await.unwrap();
    let found = holders.iter().find(|holder| holder.grantee == member.subject.into()).unwrap();
    assert_eq!(found.own, BTreeSet::from([Permission::Execute, Permission::Metrics]));
    assert_eq!(found.inherited.keys().copied().collect::<Vec<_>>(), [Permission::Manage]);

    let grants = house.engine.group_grants(&house.admin, finance).await.unwrap();
    let grants: Vec<_> =
        grants.iter().map(|grant| (grant.pool.as_ref().map(|pool| pool.id), &grant.permissions)).collect();
    let (manage, edit) = (BTreeSet::from([Permission::Manage]), BTreeSet::from([Permission::Edit]));
    assert_eq!(grants, [(None, &manage), (Some(house.pool), &edit)]);

    let held = house.engine.held_grants(&house.admin).await.unwrap();
    let own = held.iter().find(|held| held.grant.grantee == member.subject.into()).unwrap();
    assert_eq!(own.groups, [name("Finance"), name("Sales")]);
    let of_group = held.iter().find(|held| held.grant.grantee == Grantee::Group(sales)).unwrap();
    assert_eq!((of_group.grantee_name.as_str(), of_group.groups.len()), ("Sales", 0));
}
