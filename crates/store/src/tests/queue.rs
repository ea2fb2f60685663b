//! What waits and what runs, with few executions and with very many.

use forebay_core::execution::Priority;
use forebay_core::queue::Waiting;

use super::*;
use crate::queue::{ALL_THAT_WAIT, FIRST_OF_EACH_GROUP, NEXT_OF_ITS_GROUP};

async fn start(store: &Store, pool: DataPoolId, change: impl Fn(&mut Execution)) -> ExecutionId {
    let job = new_job(pool, None);
    store.create_data_job(&job).await.unwrap();
    let mut execution = new_execution(&job, 10);
    change(&mut execution);
    store.start_execution(&execution, &[], SPEC, None).await.unwrap();
    execution.id
}

fn ids(queue: &Queue) -> BTreeSet<ExecutionId> {
    queue.waiting.iter().map(|waiting| waiting.id).collect()
}

#[tokio::test]
async fn the_first_of_each_group_is_in_front_and_nothing_that_pauses() {
    let (store, pool) = store_with_pool().await;
    let other = new_pool();
    store.create_data_pool(&other).await.unwrap();
    let plain = start(&store, pool.id, |_| {}).await;
    let behind = start(&store, pool.id, |_| {}).await;
    let high = start(&store, pool.id, |execution| execution.priority = Priority::High).await;
    let reads = start(&store, pool.id, |execution| execution.source_host = Some("db:1".to_owned())).await;
    let foreign = start(&store, other.id, |_| {}).await;
    let suspect = start(&store, pool.id, |_| {}).await;
    let claim = store.claim_executions(&[suspect], at(20), at(50)).await.unwrap().pop().unwrap().claim;
    let back = Requeue { attempt: 2, not_before: Some(at(100)), ..requeue(21) };
    store.requeue_execution(suspect, claim, &[], &back).await.unwrap();

    let front = front_of_queue(&store, at(99)).await.unwrap();
    assert_eq!(ids(&front), BTreeSet::from([plain, high, reads, foreign]));
    assert_eq!(front.turns, std::collections::HashMap::from([(pool.id, claim.number)]));
    let front = front_of_queue(&store, at(100)).await.unwrap();
    assert_eq!(ids(&front), BTreeSet::from([plain, high, reads, foreign, suspect]));
    let found = |id| front.waiting.iter().find(|waiting: &&Waiting| waiting.id == id).unwrap();
    assert_eq!((found(high).priority, found(plain).runs_alone), (Priority::High, false));
    assert_eq!((found(reads).source_host.as_deref(), found(suspect).runs_alone), (Some("db:1"), true));
    let whole = store.whole_queue().await.unwrap();
    assert_eq!(ids(&whole), BTreeSet::from([plain, behind, high, reads, foreign, suspect]));

    store.claim_executions(&[reads], at(101), at(131)).await.unwrap().pop().unwrap();
    let front = front_of_queue(&store, at(102)).await.unwrap();
    assert_eq!(front.running.len(), 1);
    assert_eq!((front.running[0].pool, front.running[0].source_host.as_deref()), (pool.id, Some("db:1")));
}

/// A metadata file of a server that has done much and has much to do.
async fn full(dir: &tempfile::TempDir) -> (Store, DataPool) {
    let store = Store::open(dir.path()).await.unwrap();
    let pool = new_pool();
    store.create_data_pool(&pool).await.unwrap();
    for sql in [
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000)
         insert into data_jobs (id, pool_id, name, created_at)
         select printf('00000000-0000-4000-8000-%012d', i), (select id from data_pools), 'job', 1 from n",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
         insert into executions (id, pool_id, job_id, mode, status, started_by_type, started_by_id, queued_at,
             started_at, finished_at)
         select printf('10000000-0000-4000-8000-%012d', i), (select id from data_pools),
             printf('00000000-0000-4000-8000-%012d', i % 10000 + 1), 'FULL', 'SUCCESS', 'USER',
             '00000000-0000-4000-8000-000000000000', i, i, i
         from n",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000)
         insert into executions (id, pool_id, job_id, mode, status, started_by_type, started_by_id, queued_at,
             sealed_spec)
         select printf('20000000-0000-4000-8000-%012d', i), (select id from data_pools),
             printf('00000000-0000-4000-8000-%012d', i), 'FULL', 'QUEUED', 'USER',
             '00000000-0000-4000-8000-000000000000', i, x'00'
         from n",
        "analyze",
    ] {
        crate::db::query(sql).execute_on(store.write()).await.unwrap();
    }
    (store, pool)
}

#[tokio::test]
async fn a_long_queue_and_a_long_past_are_found_through_indexes() {
    let dir = tempfile::tempdir().unwrap();
    let (store, pool) = full(&dir).await;
    let first = |place: u64| format!("20000000-0000-4000-8000-{place:012}").parse::<ExecutionId>().unwrap();
    let front = front_of_queue(&store, at(20_000)).await.unwrap();
    assert_eq!(ids(&front), BTreeSet::from([first(1)]));
    // One of an own pool is in front too, however many wait elsewhere.
    let other = new_pool();
    store.create_data_pool(&other).await.unwrap();
    let late = start(&store, other.id, |_| {}).await;
    for place in 1..=20 {
        assert_eq!(claim_next_of(&store, pool.id, 20_000).await, first(place));
    }
    let front = front_of_queue(&store, at(20_000)).await.unwrap();
    assert_eq!(ids(&front), BTreeSet::from([first(21), late]));
    assert_eq!(store.whole_queue().await.unwrap().waiting.len(), 10_000 - 20 + 1);
    assert_eq!(store.held_claims().await.unwrap().len(), 20);

    let running = "select * from executions where status = 'RUNNING' order by claim";
    let lapsed = "select * from executions where status = 'RUNNING' and lease_until < 1 order by claim";
    let renewed = "update executions set lease_until = 1
         where status = 'RUNNING' and claim in (select value from json_each('[1]')) returning claim";
    for sql in [FIRST_OF_EACH_GROUP, NEXT_OF_ITS_GROUP, ALL_THAT_WAIT, running, lapsed, renewed] {
        let sql = sql.replace("$1", "20000").replace("$2", &format!("'{}'", first(21)));
        let plan = plan(&store, &sql);
        assert!(
            plan.iter().all(|line| !line.starts_with("SCAN executions") || line.contains("USING")),
            "{sql}: {plan:#?}"
        );
        assert!(plan.iter().all(|line| !line.contains("TEMP B-TREE FOR GROUP BY")), "{sql}: {plan:#?}");
    }
}

async fn claim_next_of(store: &Store, pool: DataPoolId, now: i64) -> ExecutionId {
    let front = front_of_queue(store, at(now)).await.unwrap();
    let next = front.waiting.iter().find(|waiting| waiting.pool == pool).unwrap().id;
    store.claim_executions(&[next], at(now), at(now + 30)).await.unwrap().pop().unwrap().execution.id
}

#[tokio::test]
async fn several_at_a_time_are_those_that_come_one_by_one() {
    let (store, pool) = store_with_pool().await;
    let other = new_pool();
    store.create_data_pool(&other).await.unwrap();
    for place in 0..24 {
        let of = if place % 5 == 4 { other.id } else { pool.id };
        start(&store, of, |execution| {
            execution.priority = if place % 3 == 0 { Priority::High } else { Priority::Normal };
            execution.source_host = (place % 4 == 1).then(|| "db:1".to_owned());
        })
        .await;
    }
    let limits = Limits { running: 20, per_pool: 11, per_source: 3 };
    let together = store.next_in_queue(limits, 20, at(30)).await.unwrap();
    assert_eq!(store.next_in_queue(limits, 2, at(30)).await.unwrap(), together[..2]);
    let mut alone = Vec::new();
    while let [id] = store.next_in_queue(limits, 1, at(30)).await.unwrap()[..] {
        assert_eq!(store.claim_executions(&[id], at(30), at(60)).await.unwrap().len(), 1);
        alone.push(id);
    }
    assert_eq!(together, alone);
    assert!(alone.len() > 10, "{alone:?}");
}
