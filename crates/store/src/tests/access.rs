//! Keys, grants and what they allow.

use super::*;

#[tokio::test]
async fn permissions_are_those_of_the_service_and_the_pool() {
    let (store, pool) = store_with_pool().await;
    let other = new_pool();
    store.create_data_pool(&other).await.unwrap();
    let user = new_user(Role::Member);
    let subject = Subject::User(user.id);
    let grant = |scope, permissions: &[Permission]| Grant {
        grantee: subject.into(),
        scope,
        permissions: permissions.iter().copied().collect(),
    };
    is_not_found(store.set_grant(&grant(Scope::Service, &[Permission::View])).await);
    store.create_user(&user).await.unwrap();
    is_not_found(store.set_grant(&grant(Scope::Pool(DataPoolId::random()), &[Permission::View])).await);

    let service = grant(Scope::Service, &[Permission::View]);
    let of_pool = grant(Scope::Pool(pool.id), &[Permission::Execute, Permission::View]);
    store.set_grant(&grant(Scope::Service, &[Permission::Manage])).await.unwrap();
    store.set_grant(&service).await.unwrap();
    store.set_grant(&of_pool).await.unwrap();
    let both = BTreeSet::from([Permission::View, Permission::Execute]);
    assert_eq!(store.permissions(subject, pool.id).await.unwrap(), both);
    assert_eq!(store.permissions(subject, other.id).await.unwrap(), BTreeSet::from([Permission::View]));
    assert!(store.permissions(Subject::User(UserId::random()), pool.id).await.unwrap().is_empty());
    assert_eq!(store.grants(None).await.unwrap(), [service.clone(), of_pool.clone()]);
    assert_eq!(store.grants(Some(Scope::Service)).await.unwrap(), vec![service.clone()]);
    assert_eq!(store.grants(Some(Scope::Pool(pool.id))).await.unwrap(), [of_pool]);

    store.set_grant(&grant(Scope::Pool(pool.id), &[])).await.unwrap();
    assert_eq!(store.grants(None).await.unwrap(), [service]);
    store.delete_user(user.id).await.unwrap();
    assert!(store.grants(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_permission_fits_the_schema() {
    let store = Store::temporary().await.unwrap();
    let application = Application { id: ApplicationId::random(), name: name("Loader"), created_at: at(1) };
    store.create_application(&application).await.unwrap();
    let grant = Grant {
        grantee: Grantee::Application(application.id),
        scope: Scope::Service,
        permissions: BTreeSet::from(Permission::ALL),
    };
    store.set_grant(&grant).await.unwrap();
    assert_eq!(store.grants(None).await.unwrap(), [grant]);
    assert_eq!(store.application(application.id).await.unwrap(), application);
    assert_eq!(store.applications().await.unwrap(), [application]);
}

#[tokio::test]
async fn a_key_names_its_caller() {
    let store = Store::temporary().await.unwrap();
    let admin = new_user(Role::Admin);
    let member = new_user(Role::Member);
    let application = Application { id: ApplicationId::random(), name: name("Loader"), created_at: at(1) };
    store.create_user(&admin).await.unwrap();
    store.create_user(&member).await.unwrap();
    store.create_application(&application).await.unwrap();
    assert_eq!(store.count_admins().await.unwrap(), 1);
    assert_eq!(store.users().await.unwrap().len(), 2);
    assert_eq!(store.user(admin.id).await.unwrap(), admin);
    let key =
        |owner| Key { id: KeyId::random(), owner, name: name("k"), created_at: at(1), last_used_at: None };
    let of_admin = key(Subject::User(admin.id));
    let of_application = key(Subject::Application(application.id));
    store.create_key(&of_admin, &[1; 32]).await.unwrap();
    store.create_key(&of_application, &[2; 32]).await.unwrap();
    is_conflict(store.create_key(&key(Subject::User(member.id)), &[1; 32]).await, "key");
    is_not_found(store.create_key(&key(Subject::User(UserId::random())), &[3; 32]).await);

    let now = at(1_000_000);
    let caller = store.caller_by_key(&[1; 32], KeyKind::User, now).await.unwrap().unwrap();
    assert_eq!((caller.subject, caller.role), (Subject::User(admin.id), Role::Admin));
    let caller = store.caller_by_key(&[2; 32], KeyKind::Application, now).await.unwrap().unwrap();
    assert_eq!((caller.subject, caller.role), (Subject::Application(application.id), Role::Member));
    assert!(store.caller_by_key(&[1; 32], KeyKind::Application, now).await.unwrap().is_none());
    assert!(store.caller_by_key(&[2; 32], KeyKind::User, now).await.unwrap().is_none());
    assert!(store.caller_by_key(&[9; 32], KeyKind::User, now).await.unwrap().is_none());

    for (later, used) in [(1_059_999, 1_000_000), (1_060_000, 1_060_000)] {
        store.caller_by_key(&[1; 32], KeyKind::User, at(later)).await.unwrap().unwrap();
        let keys = store.keys(Some(Subject::User(admin.id))).await.unwrap();
        assert_eq!(keys.iter().map(|key| key.last_used_at).collect::<Vec<_>>(), [Some(at(used))]);
    }
    assert_eq!(store.keys(None).await.unwrap().len(), 2);
    store.delete_key(of_admin.id).await.unwrap();
    is_not_found(store.delete_key(of_admin.id).await);
    store.delete_application(application.id).await.unwrap();
    assert!(store.keys(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn pools_are_listed_by_what_is_granted_in_them() {
    let (store, pool) = store_with_pool().await;
    let other = new_pool();
    store.create_data_pool(&other).await.unwrap();
    let (user, neighbour) = (new_user(Role::Member), new_user(Role::Member));
    store.create_user(&user).await.unwrap();
    store.create_user(&neighbour).await.unwrap();
    let permissions = BTreeSet::from([Permission::Edit, Permission::Manage]);
    let other_grant =
        Grant { grantee: Grantee::User(neighbour.id), scope: Scope::Pool(pool.id), permissions };
    store.set_grant(&other_grant).await.unwrap();
    let subject = Subject::User(user.id);
    let watching = [Permission::View, Permission::Execute];
    let seen = async || {
        let pools = store.data_pools_granted(subject, &watching).await.unwrap();
        pools.into_iter().map(|pool| pool.id).collect::<BTreeSet<_>>()
    };
    assert_eq!(seen().await, BTreeSet::new());
    let grant = |scope, permission| Grant {
        grantee: subject.into(),
        scope,
        permissions: BTreeSet::from([permission]),
    };
    store.set_grant(&grant(Scope::Pool(pool.id), Permission::Edit)).await.unwrap();
    assert_eq!(seen().await, BTreeSet::new());
    store.set_grant(&grant(Scope::Pool(pool.id), Permission::Execute)).await.unwrap();
    assert_eq!(seen().await, BTreeSet::from([pool.id]));
    store.set_grant(&grant(Scope::Service, Permission::View)).await.unwrap();
    assert_eq!(seen().await, BTreeSet::from([pool.id, other.id]));
    let stranger = Subject::Application(ApplicationId::random());
    assert!(store.data_pools_granted(stranger, &watching).await.unwrap().is_empty());
}
