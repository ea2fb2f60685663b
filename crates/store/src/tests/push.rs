//! Data pushes, and the lanes in which they run.

use forebay_core::id::{PushChunkId, PushJobId};
use forebay_core::push::{ChunkKind, PushChunk, PushJob, PushKind, PushSettings};

use super::*;

const LIMITS: Limits = Limits { running: 10, per_pool: 10, per_source: 10 };

fn new_push(pool: &DataPool, created_at: i64) -> PushJob {
    let settings = PushSettings::new(identifier(&"T".repeat(255)), PushKind::Delta);
    PushJob {
        id: PushJobId::random(),
        pool_id: pool.id,
        settings,
        upload: None,
        created_at: at(created_at),
        modified_at: at(created_at),
        submitted_at: None,
    }
}

fn new_chunk(push: &PushJob, bytes: u64) -> PushChunk {
    PushChunk {
        id: PushChunkId::random(),
        push_id: push.id,
        kind: ChunkKind::Upsert,
        bytes,
        checksum: "ab".repeat(32),
        created_at: at(5),
    }
}

fn execution_of(push: &PushJob, lane: Option<&str>, queued_at: i64) -> Execution {
    let job = DataJob {
        id: push.id.into(),
        pool_id: push.pool_id,
        connection_id: None,
        name: name("Push"),
        created_at: push.created_at,
    };
    Execution { lane: lane.map(str::to_owned), ..new_execution(&job, queued_at) }
}

async fn pushed(store: &Store, pool: &DataPool, created_at: i64) -> PushJob {
    let push = new_push(pool, created_at);
    store.create_push_job(&push, "lane").await.unwrap();
    push
}

#[tokio::test]
async fn a_push_is_kept_with_its_files_in_the_order_in_which_they_came() {
    let store = Store::temporary().await.unwrap();
    let pool = new_pool();
    store.create_data_pool(&pool).await.unwrap();
    let push = pushed(&store, &pool, 1).await;
    assert_eq!(store.push_job(pool.id, push.id).await.unwrap(), push);
    // The job that executes it is no data job.
    assert!(store.data_jobs(pool.id).await.unwrap().is_empty());
    let chunks = [new_chunk(&push, 7), new_chunk(&push, 8), new_chunk(&push, 9)];
    for chunk in &chunks {
        store.add_push_chunk(pool.id, chunk).await.unwrap();
    }
    assert_eq!(store.push_chunks(push.id).await.unwrap(), chunks);
    store.submit_push_job(pool.id, push.id, at(6)).await.unwrap();
    let refused = store.add_push_chunk(pool.id, &new_chunk(&push, 1)).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    // Nothing executes it, so it can be taken back.
    store.withdraw_push_job(push.id).await.unwrap();
    store.add_push_chunk(pool.id, &new_chunk(&push, 1)).await.unwrap();
    store.submit_push_job(pool.id, push.id, at(7)).await.unwrap();
    store.start_execution(&execution_of(&push, None, 8), &[], "{}", None).await.unwrap();
    store.withdraw_push_job(push.id).await.unwrap();
    let refused = store.add_push_chunk(pool.id, &new_chunk(&push, 1)).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
}

#[tokio::test]
async fn of_one_lane_one_execution_begins_at_a_time_in_the_order_of_the_queue() {
    let store = Store::temporary().await.unwrap();
    let (pool, other) = (new_pool(), new_pool());
    for pool in [&pool, &other] {
        store.create_data_pool(pool).await.unwrap();
    }
    let mut started = Vec::new();
    for (pool, lane) in [(&pool, "a"), (&pool, "a"), (&pool, "b"), (&pool, "a"), (&other, "a")] {
        let execution = execution_of(&pushed(&store, pool, 1).await, Some(lane), 2);
        started.push(store.start_execution(&execution, &[], "{}", None).await.unwrap().id);
    }
    let next = async || {
        let mut next = store.next_in_queue(LIMITS, 10, at(9)).await.unwrap();
        next.sort();
        next
    };
    let sorted = |places: &[usize]| {
        let mut ids: Vec<_> = places.iter().map(|place| started[*place]).collect();
        ids.sort();
        ids
    };
    assert_eq!(next().await, sorted(&[0, 2, 4]));
    let claimed = store.claim_executions(&[started[0]], at(9), at(99)).await.unwrap();
    assert_eq!(next().await, sorted(&[2, 4]), "what runs holds its lane");
    // One that waits in the middle ends: the one behind it still waits for the first.
    store.finish_execution(started[1], Status::Cancel, None, at(10)).await.unwrap();
    assert_eq!(next().await, sorted(&[2, 4]));
    // One that goes back into the queue is before the others of its lane still.
    let later = Requeue { not_before: Some(at(50)), ..requeue(11) };
    assert!(store.requeue_execution(started[0], claimed[0].claim, &[], &later).await.unwrap());
    assert_eq!(next().await, sorted(&[2, 4]));
    store.finish_execution(started[0], Status::Fail, None, at(12)).await.unwrap();
    assert_eq!(next().await, sorted(&[2, 3, 4]));
}

#[tokio::test]
async fn what_is_old_is_dropped_but_not_what_is_live_or_ended_a_moment_ago() {
    let store = Store::temporary().await.unwrap();
    let pool = new_pool();
    store.create_data_pool(&pool).await.unwrap();
    let old = pushed(&store, &pool, 1).await;
    let (live, ended) = (pushed(&store, &pool, 1).await, pushed(&store, &pool, 1).await);
    let young = pushed(&store, &pool, 100).await;
    store.start_execution(&execution_of(&live, None, 2), &[], "{}", None).await.unwrap();
    let done = store.start_execution(&execution_of(&ended, None, 2), &[], "{}", None).await.unwrap();
    store.finish_execution(done.id, Status::Success, None, at(60)).await.unwrap();
    assert!(store.needs_push_files(live.id).await.unwrap());
    assert!(!store.needs_push_files(ended.id).await.unwrap());
    assert_eq!(store.drop_push_jobs_before(at(50)).await.unwrap(), [(pool.id, old.id)]);
    assert!(!store.needs_push_files(old.id).await.unwrap());
    assert_eq!(store.drop_push_jobs_before(at(61)).await.unwrap(), [(pool.id, ended.id)]);
    // One that is deleted while it is live goes when that has ended.
    let still = store.delete_push_job(pool.id, live.id).await.unwrap().unwrap();
    assert!(matches!(store.push_job(pool.id, live.id).await, Err(Error::NotFound { .. })));
    assert!(store.drop_push_jobs_before(at(0)).await.unwrap().is_empty());
    store.finish_execution(still.id, Status::Cancel, None, at(70)).await.unwrap();
    assert_eq!(store.drop_push_jobs_before(at(0)).await.unwrap(), [(pool.id, live.id)]);
    assert_eq!(store.delete_push_job(pool.id, young.id).await.unwrap(), None);
    assert!(store.push_jobs(pool.id).await.unwrap().is_empty());
}
