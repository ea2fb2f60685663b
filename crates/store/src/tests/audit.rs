//! The audit log: what is read back, what is looked up, in which order lists come, and what a stop leaves.

use std::collections::BTreeMap;

use forebay_core::audit::{AuditCaller, AuditEntry, AuditFilter, AuditPosition, AuditResult};

use super::*;
use crate::audit::{ENTRIES, ENTRIES_OF_CALLER, ENTRIES_OF_OPERATION, ENTRIES_OF_POOL, OPERATIONS};

fn entry(millis: i64, operation: &str) -> AuditEntry {
    AuditEntry {
        at: at(millis),
        caller: None,
        client: None,
        operation: operation.to_owned(),
        method: "POST".to_owned(),
        route: "/pools".to_owned(),
        pool: None,
        ids: BTreeMap::new(),
        result: AuditResult::Done,
        status: Some(200),
        error: None,
        is_last_of_hour: false,
        peer: None,
        request_id: None,
    }
}

fn of(subject: Subject, entry: AuditEntry) -> AuditEntry {
    AuditEntry { caller: Some(subject.into()), ..entry }
}

fn about(name: &str, id: &str, entry: AuditEntry) -> AuditEntry {
    AuditEntry { ids: BTreeMap::from([(name.to_owned(), id.to_owned())]), ..entry }
}

async fn listed(store: &Store, filter: &AuditFilter, limit: u32) -> Vec<AuditEntry> {
    let found = store.audit_entries(filter, None, limit).await.unwrap();
    found.into_iter().map(|(_, entry)| entry).collect()
}

async fn all(store: &Store) -> Vec<AuditEntry> {
    listed(store, &AuditFilter::default(), 10_000).await
}

#[tokio::test]
async fn an_entry_is_read_back_as_it_was_written() {
    let store = Store::temporary().await.unwrap();
    let application = Subject::Application(ApplicationId::random());
    let full = AuditEntry {
        caller: Some(AuditCaller { name: Some("Ada".to_owned()), ..application.into() }),
        client: Some("content-cli".to_owned()),
        pool: Some(DataPoolId::random()),
        result: AuditResult::Refused,
        status: Some(403),
        error: Some("ADMIN_ACCESS_ERROR".to_owned()),
        is_last_of_hour: true,
        peer: Some("2001:db8::1".parse().unwrap()),
        request_id: Some("42".to_owned()),
        ..about("poolId", "1", entry(5, "create_data_job"))
    };
    let unknown = AuditEntry { result: AuditResult::Unknown, status: None, ..entry(6, "create_data_pool") };
    for one in [&full, &unknown] {
        store.add_audit_entry(one).await.unwrap();
    }
    assert_eq!(all(&store).await, [unknown, full]);
    assert_eq!(store.audit_operations().await.unwrap(), ["create_data_job", "create_data_pool"]);
}

#[tokio::test]
async fn what_an_address_does_not_say_is_looked_up() {
    let (store, job) = store_with_job().await;
    let user =
        User { id: UserId::random(), name: name("Ada"), email: None, role: Role::Member, created_at: at(1) };
    store.create_user(&user).await.unwrap();
    let execution = new_execution(&job, 10);
    store.start_execution(&execution, &[], SPEC, None).await.unwrap();
    let pool = job.pool_id.to_string();
    let execution = execution.id.to_string();
    for one in [
        of(Subject::User(user.id), entry(1, "sign_in")),
        about("executionId", &execution, entry(2, "cancel_execution")),
        about("id", &pool, entry(3, "create_data_pool")),
        about("id", &execution, entry(4, "something_else")),
    ] {
        store.add_audit_entry(&one).await.unwrap();
    }
    store.delete_user(user.id).await.unwrap();
    let found = all(&store).await;
    let pools: Vec<_> = found.iter().map(|entry| entry.pool).collect();
    assert_eq!(pools, [None, Some(job.pool_id), Some(job.pool_id), None]);
    // The name stays when the user is gone.
    let caller = found[3].caller.as_ref().unwrap();
    assert_eq!((caller.id.as_str(), caller.name.as_deref()), (user.id.to_string().as_str(), Some("Ada")));
    let filter = AuditFilter { pool: Some(job.pool_id), ..AuditFilter::default() };
    assert_eq!(listed(&store, &filter, 10).await.len(), 2);
}

#[tokio::test]
async fn a_list_goes_on_behind_a_position_also_within_one_moment() {
    let store = Store::temporary().await.unwrap();
    for millis in [10, 20, 20, 20, 30] {
        store.add_audit_entry(&entry(millis, "x")).await.unwrap();
    }
    let mut before: Option<AuditPosition> = None;
    let mut seen = Vec::new();
    loop {
        let found = store.audit_entries(&AuditFilter::default(), before, 2).await.unwrap();
        let Some((last, _)) = found.last() else { break };
        before = Some(*last);
        seen.extend(found.iter().map(|(position, _)| (position.at.as_millis(), position.seq)));
    }
    assert_eq!(seen, [(30, 5), (20, 4), (20, 3), (20, 2), (10, 1)]);
}

#[tokio::test]
async fn filters_narrow_together() {
    let store = Store::temporary().await.unwrap();
    let (ada, grace) = (Subject::User(UserId::random()), Subject::User(UserId::random()));
    let pool = DataPoolId::random();
    for (millis, subject, operation, pool) in [
        (10, ada, "one", Some(pool)),
        (20, ada, "two", None),
        (30, grace, "one", Some(pool)),
        (40, grace, "two", Some(pool)),
    ] {
        store.add_audit_entry(&AuditEntry { pool, ..of(subject, entry(millis, operation)) }).await.unwrap();
    }
    let check = async |filter: AuditFilter, expected: &[i64]| {
        let found: Vec<_> =
            listed(&store, &filter, 10).await.into_iter().map(|entry| entry.at.as_millis()).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    let none = AuditFilter::default;
    let caller = |subject: Subject| Some(AuditCaller::from(subject).id);
    let operation = |text: &str| Some(text.to_owned());
    check(none(), &[40, 30, 20, 10]).await;
    check(AuditFilter { caller: caller(ada), ..none() }, &[20, 10]).await;
    check(AuditFilter { operation: operation("one"), ..none() }, &[30, 10]).await;
    check(AuditFilter { pool: Some(pool), ..none() }, &[40, 30, 10]).await;
    check(AuditFilter { pool: Some(pool), caller: caller(grace), ..none() }, &[40, 30]).await;
    check(AuditFilter { caller: caller(ada), operation: operation("two"), ..none() }, &[20]).await;
    check(AuditFilter { pool: Some(pool), operation: operation("two"), ..none() }, &[40]).await;
    check(AuditFilter { from: Some(at(20)), until: Some(at(40)), ..none() }, &[30, 20]).await;
}

#[tokio::test]
async fn what_nobody_waits_for_is_there_with_the_next_change_and_after_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    store.add_audit_entry_soon(&entry(1, "first")).unwrap();
    store.create_data_pool(&new_pool()).await.unwrap();
    assert_eq!(all(&store).await.len(), 1, "it was in the transaction of the pool");
    // One that is refused alone keeps nobody else's change out.
    let broken = AuditEntry { status: None, ..entry(2, "broken") };
    store.add_audit_entry_soon(&broken).unwrap();
    store.add_audit_entry_soon(&entry(3, "second")).unwrap();
    store.create_data_pool(&new_pool()).await.unwrap();
    assert_eq!(all(&store).await.len(), 2);
    assert_eq!(store.data_pools().await.unwrap().len(), 2);
    store.add_audit_entry_soon(&entry(4, "last")).unwrap();
    store.close().await;
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(all(&store).await[0].operation, "last");
}

#[tokio::test]
async fn what_nobody_waits_for_is_there_although_nobody_else_writes() {
    let store = Store::temporary().await.unwrap();
    store.add_audit_entry_soon(&entry(1, "alone")).unwrap();
    for _ in 0..3_000 {
        if all(&store).await.len() == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the entry is not written");
}

#[tokio::test]
async fn old_entries_go_and_newer_ones_stay() {
    let store = Store::temporary().await.unwrap();
    for millis in [10, 20, 30] {
        store.add_audit_entry(&entry(millis, "x")).await.unwrap();
    }
    assert_eq!(store.drop_audit_entries_before(at(30)).await.unwrap(), 2);
    assert_eq!(store.drop_audit_entries_before(at(30)).await.unwrap(), 0);
    assert_eq!(all(&store).await.len(), 1);
}

#[tokio::test]
async fn every_list_is_read_from_an_index_in_its_order() {
    let store = Store::temporary().await.unwrap();
    for (sql, index) in [
        (ENTRIES, "USING INDEX audit_by_time (at>? AND at<?)"),
        (ENTRIES_OF_POOL, "USING INDEX audit_by_pool (pool_id=? AND at>? AND at<?)"),
        (ENTRIES_OF_CALLER, "USING INDEX audit_by_caller (caller_id=? AND at>? AND at<?)"),
        (ENTRIES_OF_OPERATION, "USING INDEX audit_by_operation (operation=? AND at>? AND at<?)"),
        (OPERATIONS, "USING COVERING INDEX audit_by_operation (operation>?)"),
    ] {
        let mut asked = sql.to_owned();
        for (place, value) in ["1", "2", "3", "4", "'p'", "'c'", "'o'", "50"].iter().enumerate().rev() {
            asked = asked.replace(&format!("${}", place + 1), value);
        }
        let plan = plan(&store, &asked).join("\n");
        assert!(plan.contains(index), "{sql}\n{plan}");
        assert!(!plan.contains("SCAN audit_entries") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}
