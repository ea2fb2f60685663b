//! Groups, their members, and what these may do by them.

use super::*;
use crate::access::{HELD_IN_POOL, HELD_ON_SERVICE};
use crate::pools::GRANTED;

fn new_group(text: &str) -> Group {
    Group { id: GroupId::random(), name: name(text), created_at: at(1) }
}

/// A group with one member.
async fn group_of_one(store: &Store) -> (Group, User) {
    let (group, user) = (new_group("Sales"), new_user(Role::Member));
    store.create_group(&group).await.unwrap();
    store.create_user(&user).await.unwrap();
    store.add_group_member(group.id, user.id).await.unwrap();
    (group, user)
}

#[tokio::test]
async fn groups_are_kept_renamed_and_deleted() {
    let store = Store::temporary().await.unwrap();
    let (sales, finance) = (new_group("Sales"), new_group("Finance"));
    store.create_group(&sales).await.unwrap();
    store.create_group(&finance).await.unwrap();
    is_conflict(store.create_group(&new_group("Sales")).await, "there already is a group named `Sales`");
    is_conflict(store.rename_group(sales.id, &finance.name).await, "named `Finance`");
    store.rename_group(sales.id, &name("Accounts")).await.unwrap();
    let renamed = Group { name: name("Accounts"), ..sales.clone() };
    assert_eq!(store.group(sales.id).await.unwrap(), renamed);
    assert_eq!(store.groups().await.unwrap(), [(renamed, 0), (finance.clone(), 0)]);
    store.delete_group(sales.id).await.unwrap();
    is_not_found(store.delete_group(sales.id).await);
    is_not_found(store.group(sales.id).await);
    is_not_found(store.rename_group(sales.id, &name("Sales")).await);
    assert_eq!(store.groups().await.unwrap(), [(finance, 0)]);
}

#[tokio::test]
async fn users_come_into_a_group_once_and_leave_it() {
    let store = Store::temporary().await.unwrap();
    let (group, user) = group_of_one(&store).await;
    store.add_group_member(group.id, user.id).await.unwrap();
    assert_eq!(store.groups().await.unwrap(), [(group.clone(), 1)]);
    assert_eq!(store.group_members(group.id).await.unwrap(), vec![user.clone()]);
    assert_eq!(store.memberships().await.unwrap(), [(user.id, group.id)]);
    assert_eq!(store.groups_of(user.id).await.unwrap(), [group.id]);
    let (nobody, nowhere) = (UserId::random(), GroupId::random());
    let missing = |result: Result<()>| result.unwrap_err().to_string();
    assert_eq!(
        missing(store.add_group_member(group.id, nobody).await),
        format!("user `{nobody}` was not found")
    );
    let refused = missing(store.add_group_member(nowhere, user.id).await);
    assert_eq!(refused, format!("group `{nowhere}` was not found"));
    store.remove_group_member(group.id, user.id).await.unwrap();
    is_not_found(store.remove_group_member(group.id, user.id).await);
    assert!(store.group_members(group.id).await.unwrap().is_empty());
    // Who is deleted leaves, and a group that is deleted takes no user along.
    store.add_group_member(group.id, user.id).await.unwrap();
    store.delete_user(user.id).await.unwrap();
    assert!(store.memberships().await.unwrap().is_empty());
    let other = new_user(Role::Member);
    store.create_user(&other).await.unwrap();
    store.add_group_member(group.id, other.id).await.unwrap();
    store.delete_group(group.id).await.unwrap();
    assert_eq!(store.users().await.unwrap(), [other]);
}

#[tokio::test]
async fn a_grant_for_a_group_is_held_by_its_members() {
    let (store, pool) = store_with_pool().await;
    let other = new_pool();
    store.create_data_pool(&other).await.unwrap();
    let (group, user) = group_of_one(&store).await;
    let outsider = new_user(Role::Member);
    store.create_user(&outsider).await.unwrap();
    let member = Subject::User(user.id);
    let grant = |scope, permissions: &[Permission]| Grant {
        grantee: Grantee::Group(group.id),
        scope,
        permissions: permissions.iter().copied().collect(),
    };
    let of_nobody =
        Grant { grantee: Grantee::Group(GroupId::random()), ..grant(Scope::Service, &[Permission::View]) };
    is_not_found(store.set_grant(&of_nobody).await);
    let of_pool = grant(Scope::Pool(pool.id), &[Permission::Execute]);
    let service = grant(Scope::Service, &[Permission::View, Permission::Metrics]);
    store.set_grant(&of_pool).await.unwrap();
    store.set_grant(&service).await.unwrap();
    assert_eq!(store.grants(None).await.unwrap(), [service.clone(), of_pool.clone()]);
    assert_eq!(store.grants(Some(Scope::Pool(pool.id))).await.unwrap(), [of_pool]);
    let held = async |subject, pool: &DataPool| store.permissions(subject, pool.id).await.unwrap();
    let everywhere = BTreeSet::from([Permission::View, Permission::Metrics]);
    assert_eq!(held(member, &pool).await, &everywhere | &BTreeSet::from([Permission::Execute]));
    assert_eq!(held(member, &other).await, everywhere);
    assert!(held(Subject::User(outsider.id), &pool).await.is_empty());
    assert!(store.is_granted_on_service(member, Permission::Metrics).await.unwrap());
    assert!(!store.is_granted_on_service(Subject::User(outsider.id), Permission::Metrics).await.unwrap());
    assert_eq!(store.data_pools_granted(member, &[Permission::View]).await.unwrap().len(), 2);
    assert_eq!(store.data_pools_granted(member, &[Permission::Execute]).await.unwrap(), vec![pool.clone()]);

    // A grant of their own beside it is another one.
    let own = Grant { grantee: member.into(), ..grant(Scope::Pool(pool.id), &[Permission::Edit]) };
    store.set_grant(&own).await.unwrap();
    store.set_grant(&grant(Scope::Pool(pool.id), &[])).await.unwrap();
    assert_eq!(store.grants(Some(Scope::Pool(pool.id))).await.unwrap(), vec![own.clone()]);
    assert_eq!(held(member, &pool).await, &everywhere | &BTreeSet::from([Permission::Edit]));
    store.remove_group_member(group.id, user.id).await.unwrap();
    assert_eq!(held(member, &pool).await, BTreeSet::from([Permission::Edit]));
    store.add_group_member(group.id, user.id).await.unwrap();
    assert_eq!(held(member, &other).await, everywhere);
    store.delete_group(group.id).await.unwrap();
    assert_eq!(store.grants(None).await.unwrap(), [own]);
    assert!(held(member, &other).await.is_empty());
}

#[tokio::test]
async fn an_id_that_a_user_and_an_application_share_is_two() {
    let (store, pool) = store_with_pool().await;
    let (group, user) = group_of_one(&store).await;
    let id: ApplicationId = user.id.to_string().parse().unwrap();
    store.create_application(&Application { id, name: name("Loader"), created_at: at(1) }).await.unwrap();
    for grantee in [Grantee::Group(group.id), Grantee::User(user.id)] {
        let permissions = BTreeSet::from([Permission::View]);
        store.set_grant(&Grant { grantee, scope: Scope::Service, permissions }).await.unwrap();
    }
    assert!(store.permissions(Subject::Application(id), pool.id).await.unwrap().is_empty());
    assert_eq!(store.permissions(Subject::User(user.id), pool.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn permissions_are_found_without_the_grants_of_others() {
    let store = Store::temporary().await.unwrap();
    for sql in [HELD_IN_POOL, HELD_ON_SERVICE, GRANTED] {
        let reader = store.read().unwrap();
        let mut statement = reader.prepare(&format!("explain query plan {sql}")).unwrap();
        let lines = statement.query_map([None::<&str>; 3], |row| row.get::<_, String>("detail")).unwrap();
        let plan: Vec<String> = lines.collect::<Result<_, _>>().unwrap();
        let reads = |table: &str| plan.iter().filter(|line| line.contains(table)).collect::<Vec<_>>();
        assert!(plan.iter().all(|line| !line.starts_with("SCAN grants")), "{sql}: {plan:#?}");
        assert!(plan.iter().all(|line| !line.starts_with("SCAN group_members")), "{sql}: {plan:#?}");
        // One of each kind of grant, and every one of them by whose it is.
        for index in [
            "grants_of_users (user_id=?",
            "grants_of_applications (application_id=?",
            "grants_of_groups (group_id=?",
        ] {
            assert_eq!(reads(index).len(), 1, "{sql}: {plan:#?}");
        }
        if sql != GRANTED {
            assert_eq!(reads("<expr>=?").len(), 3, "the scope narrows too, {sql}: {plan:#?}");
        }
    }
}

#[tokio::test]
async fn grants_outlive_the_upgrade_that_brings_groups() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret.key"), [7; 32]).unwrap();
    let (user, application) = (UserId::random(), ApplicationId::random());
    let old = rusqlite::Connection::open(dir.path().join("metadata.db")).unwrap();
    db::migrate::run_to(&old, 14).unwrap();
    old.execute_batch(&format!(
        "insert into users (id, name, role, created_at) values ('{user}', 'Ada', 'MEMBER', 1);
         insert into applications (id, name, created_at) values ('{application}', 'Loader', 1);
         insert into grants (user_id, permission) values ('{user}', 'VIEW'), ('{user}', 'EDIT');
         insert into grants (application_id, permission) values ('{application}', 'METRICS');"
    ))
    .unwrap();
    drop(old);
    let store = Store::open(dir.path()).await.unwrap();
    let grant = |grantee, permissions: &[Permission]| Grant {
        grantee,
        scope: Scope::Service,
        permissions: permissions.iter().copied().collect(),
    };
    let grants = store.grants(None).await.unwrap();
    assert_eq!(grants.len(), 2, "{grants:?}");
    assert!(grants.contains(&grant(Grantee::User(user), &[Permission::View, Permission::Edit])));
    assert!(grants.contains(&grant(Grantee::Application(application), &[Permission::Metrics])));
    store.close().await;
}
