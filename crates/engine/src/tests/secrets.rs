//! No secret is in what can be logged.

use forebay_core::access::Subject;
use forebay_core::job::TaskKind;
use forebay_store::KeyKind;

use super::house::{House, name, postgres, table};

#[tokio::test]
async fn secrets_are_in_no_debug_output() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.empty_job("a").await;
    house.task(&job, "Extract", TaskKind::Extraction(vec![table("orders")])).await;
    let started = house.start(job.id).await;
    let dispatcher = house.dispatch();
    house.ended(started.id).await;
    dispatcher.stop().await;
    let connections = engine.data_connections(admin, pool).await.unwrap();
    let salt = connections[0].pseudonymisation.salt.expose();
    let spec = house.plane.ran().pop().unwrap();
    let shown = format!("{:?} {connections:?} {spec:?} {started:?}", postgres("hunter2"));
    assert!(!shown.contains("hunter2") && !shown.contains(salt), "{shown}");
    // The spec does carry them to whoever runs it.
    let frozen = serde_json::to_string(&spec).unwrap();
    assert!(frozen.contains("hunter2") && frozen.contains(&serde_json::to_string(salt).unwrap()));
}

#[tokio::test]
async fn a_key_is_good_for_its_kind_of_caller_until_it_is_deleted() {
    let house = House::new().await;
    let (engine, admin) = (&house.engine, &house.admin);
    assert!(engine.first_start().await.unwrap().is_none());
    let application = engine.create_application(admin, name("Scheduler")).await.unwrap();
    let owner = Some(Subject::Application(application.id));
    let made = engine.create_key(admin, owner, name("k")).await.unwrap();
    let caller = engine.caller_by_key(made.secret.expose(), KeyKind::Application).await.unwrap();
    assert_eq!(caller.subject, Subject::Application(application.id));
    assert!(engine.caller_by_key(made.secret.expose(), KeyKind::User).await.is_err());
    assert!(engine.create_key(&caller, Some(admin.subject), name("x")).await.is_err());
    let own: Vec<_> = engine.keys(&caller).await.unwrap().into_iter().map(|key| key.id).collect();
    assert_eq!(own, [made.key.id]);
    let first = engine.keys(admin).await.unwrap().into_iter().find(|key| key.owner == admin.subject).unwrap();
    assert!(engine.delete_key(&caller, first.id).await.is_err());
    engine.delete_key(admin, made.key.id).await.unwrap();
    assert!(engine.caller_by_key(made.secret.expose(), KeyKind::Application).await.is_err());
}
