//! Claims: who may still say something of an execution, and what goes back into the queue.

use super::*;

fn log(text: &str) -> Event {
    Event::Log { task: None, level: LogLevel::Info, code: "A".to_owned(), text: text.to_owned() }
}

async fn logs(store: &Store, id: ExecutionId) -> Vec<String> {
    let (lines, _) = store.log_messages(id, None, &[], 100, 0).await.unwrap();
    lines.into_iter().rev().map(|line| line.text).collect()
}

async fn queued(store: &Store, job: &DataJob, tasks: &[TaskExecution]) -> ExecutionId {
    let execution = new_execution(job, 10);
    store.start_execution(&execution, tasks, SPEC, None).await.unwrap();
    execution.id
}

#[tokio::test]
async fn claims_grow_over_all_executions() {
    let (store, job) = store_with_job().await;
    let other = new_job(job.pool_id, None);
    store.create_data_job(&other).await.unwrap();
    let (first, second) = (queued(&store, &job, &[]).await, queued(&store, &other, &[]).await);
    let mut numbers = Vec::new();
    for round in 0..3 {
        for (id, job) in [(first, job.id), (second, other.id)] {
            let claimed = store.claim_executions(&[id], at(20 + round), at(50)).await.unwrap().pop().unwrap();
            assert_eq!((claimed.execution.id, claimed.claim.job), (id, job));
            assert_eq!(claimed.execution.started_at, Some(at(20 + round)));
            assert_eq!(claimed.spec.as_deref(), Some(SPEC));
            numbers.push(claimed.claim.number);
            assert!(
                store.claim_executions(&[id], at(21), at(50)).await.unwrap().is_empty(),
                "claimed already"
            );
            assert!(store.requeue_execution(id, claimed.claim, &[], &requeue(22)).await.unwrap());
        }
    }
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[tokio::test]
async fn what_an_older_claim_says_is_not_taken() {
    let (store, job) = store_with_job().await;
    let task = new_task_execution(0, Status::Queued);
    let id = queued(&store, &job, std::slice::from_ref(&task)).await;
    let old = claim_next(&store, 11).await.unwrap().claim;
    assert!(store.record_events(id, old, &[(at(12), log("in time"))]).await.unwrap());
    assert!(store.requeue_execution(id, old, &[], &requeue(13)).await.unwrap());
    let new = claim_next(&store, 14).await.unwrap().claim;
    let told = [(at(15), log("late")), (at(15), Event::TaskStarted { task: task.task_id })];
    assert!(!store.record_events(id, old, &told).await.unwrap());
    assert!(!store.finish_claimed(id, old, &[], Status::Success, None, at(16)).await.unwrap());
    assert!(!store.requeue_execution(id, old, &[], &requeue(17)).await.unwrap());
    assert!(store.renew_leases(&[old.number], at(99)).await.unwrap().is_empty());
    assert_eq!(store.execution(id).await.unwrap().status, Status::Running);
    assert_eq!(store.task_executions(id).await.unwrap(), [task]);
    assert_eq!(logs(&store, id).await, ["in time", "why"]);

    assert!(store.finish_claimed(id, new, &[], Status::Success, None, at(18)).await.unwrap());
    // Exactly one end, and the first one stands, under the newest claim too.
    assert!(!store.finish_claimed(id, new, &[], Status::Fail, Some("late"), at(19)).await.unwrap());
    assert!(!store.finish_execution(id, Status::Cancel, None, at(19)).await.unwrap());
    assert!(!store.requeue_execution(id, new, &[], &requeue(19)).await.unwrap());
    assert!(!store.record_events(id, new, &[(at(19), log("late"))]).await.unwrap());
    assert_eq!(store.execution(id).await.unwrap().status, Status::Success);
    assert_eq!(logs(&store, id).await, ["in time", "why"]);
}

#[tokio::test]
async fn a_lease_is_renewed_or_runs_out() {
    let (store, job) = store_with_job().await;
    let other = new_job(job.pool_id, None);
    store.create_data_job(&other).await.unwrap();
    let (kept, left) = (queued(&store, &job, &[]).await, queued(&store, &other, &[]).await);
    let kept_claim = store.claim_executions(&[kept], at(20), at(50)).await.unwrap().pop().unwrap().claim;
    let left_claim = store.claim_executions(&[left], at(20), at(50)).await.unwrap().pop().unwrap().claim;
    let held: Vec<_> = store.held_claims().await.unwrap().iter().map(|held| held.claim).collect();
    assert_eq!(held, [kept_claim, left_claim]);
    assert!(store.lapsed_claims(at(50)).await.unwrap().is_empty());
    let numbers = [kept_claim.number, 4_711];
    assert_eq!(store.renew_leases(&numbers, at(80)).await.unwrap(), [kept_claim.number]);
    let lapsed = store.lapsed_claims(at(51)).await.unwrap();
    assert_eq!(
        lapsed.iter().map(|held| (held.execution.id, held.claim)).collect::<Vec<_>>(),
        [(left, left_claim)]
    );
    store.count_lost_leases(1).await.unwrap();
    store.count_lost_leases(2).await.unwrap();
    assert_eq!(store.lost_leases().await.unwrap(), 3);
}

#[tokio::test]
async fn what_goes_back_says_why_and_how_often() {
    let (store, job) = store_with_job().await;
    let id = queued(&store, &job, &[]).await;
    let claim = claim_next(&store, 11).await.unwrap().claim;
    store.note_cancel(id, "Ada").await.unwrap();
    store.note_cancel(id, "Grace").await.unwrap();
    let back = Requeue {
        because: "the worker died".to_owned(),
        attempt: 2,
        interruptions: 3,
        not_before: Some(at(100)),
        at: at(12),
    };
    assert!(store.requeue_execution(id, claim, &[], &back).await.unwrap());
    let execution = store.execution(id).await.unwrap();
    assert_eq!((execution.status, execution.started_at), (Status::Queued, None));
    assert_eq!((execution.attempt, execution.interruptions), (2, 3));
    assert_eq!(execution.requeued_because.as_deref(), Some("the worker died"));
    assert_eq!(execution.canceled_by.as_deref(), Some("Ada"));
    assert!(execution.is_suspect());
    assert_eq!(logs(&store, id).await, ["the worker died"]);
    assert!(claim_next(&store, 99).await.is_none(), "it pauses");
    assert_eq!(claim_next(&store, 100).await.unwrap().execution.not_before, None);
}

/// What the run of the test below said before it was interrupted.
fn told(tasks: &[TaskExecution]) -> Vec<(Timestamp, Event)> {
    let [done, skipped, interrupted, later] = [0, 1, 2, 3].map(|place: usize| tasks[place].task_id);
    let finished = |task, status| Event::TaskFinished { task, status, message: Some("m".to_owned()) };
    let begun = |task, step| Event::StepStarted { task, step, name: format!("s{step}") };
    let ended = |task, step, status| Event::StepFinished { task, step, status, message: None, receipt: None };
    let events = [
        Event::TaskStarted { task: done },
        begun(done, 0),
        ended(done, 0, Status::Success),
        finished(done, Status::Success),
        finished(skipped, Status::Skipped),
        Event::TaskStarted { task: interrupted },
        begun(interrupted, 0),
        ended(interrupted, 0, Status::Success),
        begun(interrupted, 1),
        begun(interrupted, 2),
        ended(interrupted, 2, Status::Skipped),
        begun(interrupted, 3),
        ended(interrupted, 3, Status::Fail),
        finished(interrupted, Status::Fail),
        // As after a failed task: it must not stay out when that one is done again.
        finished(later, Status::Skipped),
    ];
    events.into_iter().map(|event| (at(12), event)).collect()
}

#[tokio::test]
async fn what_goes_back_goes_on_with_what_was_interrupted() {
    for (kind, kept) in [("EXTRACTION", true), ("TRANSFORMATION", false)] {
        let (store, job) = store_with_job().await;
        let tasks: Vec<_> = (0..4)
            .map(|position| TaskExecution {
                kind: kind.to_owned(),
                ..new_task_execution(position, Status::Queued)
            })
            .collect();
        let id = queued(&store, &job, &tasks).await;
        let claim = claim_next(&store, 11).await.unwrap().claim;
        assert!(store.record_events(id, claim, &told(&tasks)).await.unwrap());
        assert!(store.requeue_execution(id, claim, &[], &requeue(13)).await.unwrap());
        let told = store.task_executions(id).await.unwrap();
        let ends: Vec<Status> = told.iter().map(|task| task.status).collect();
        assert_eq!(ends, [Status::Success, Status::Skipped, Status::Queued, Status::Queued], "{kind}");
        assert_eq!((told[0].started_at, told[2].started_at), (Some(at(12)), None));
        assert_eq!(told[0].steps[0].status, Status::Success);
        let steps: Vec<Status> = told[2].steps.iter().map(|step| step.status).collect();
        // A loaded table stays loaded; statements of a transformation are undone together.
        let expected = match kept {
            true => [Status::Success, Status::Queued, Status::Skipped, Status::Queued],
            false => [Status::Queued; 4],
        };
        assert_eq!(steps, expected, "{kind}");
    }
}

#[tokio::test]
async fn a_spec_that_does_not_open_is_claimed_without_one() {
    let (store, job) = store_with_job().await;
    let id = queued(&store, &job, &[]).await;
    crate::db::query("update executions set sealed_spec = x'00' where id = $1")
        .bind(id.to_string())
        .execute_on(store.write())
        .await
        .unwrap();
    let claimed = claim_next(&store, 12).await.unwrap();
    assert_eq!((claimed.execution.id, claimed.spec), (id, None));
}

#[tokio::test]
async fn what_an_earlier_version_left_running_can_be_taken_back() {
    let (store, job) = store_with_job().await;
    let id = queued(&store, &job, &[]).await;
    claim_next(&store, 12).await.unwrap();
    crate::db::query("update executions set claim = null, lease_until = null")
        .execute_on(store.write())
        .await
        .unwrap();
    let held = store.held_claims().await.unwrap();
    assert!(store.requeue_execution(id, held[0].claim, &[], &requeue(13)).await.unwrap());
    assert!(claim_next(&store, 14).await.unwrap().claim.number > 0);
}

#[tokio::test]
async fn a_claim_of_many_takes_those_that_are_queued() {
    let (store, job) = store_with_job().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let other = new_job(job.pool_id, None);
        store.create_data_job(&other).await.unwrap();
        ids.push(queued(&store, &other, &[]).await);
    }
    let gone = store.held_execution(ids[1]).await.unwrap();
    assert!(store.finish_seen(&gone, Status::Cancel, None, at(11)).await.unwrap());
    let claimed = store.claim_executions(&ids, at(12), at(42)).await.unwrap();
    let found: Vec<_> = claimed.iter().map(|claimed| claimed.execution.id).collect();
    assert_eq!(found, [ids[0], ids[2]]);
    assert!(claimed[0].claim.number < claimed[1].claim.number);
    assert!(claimed.iter().all(|claimed| claimed.spec.as_deref() == Some(SPEC)));
    assert!(store.claim_executions(&ids, at(13), at(43)).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_seen_is_ended_only_as_it_was_seen() {
    let (store, job) = store_with_job().await;
    let id = queued(&store, &job, &[]).await;
    let waiting = store.held_execution(id).await.unwrap();
    let first = claim_next(&store, 11).await.unwrap().claim;
    // Claimed since: it runs somewhere, and that run must be stopped.
    assert!(!store.finish_seen(&waiting, Status::Cancel, None, at(12)).await.unwrap());
    let running = store.held_execution(id).await.unwrap();
    assert_eq!((running.execution.status, running.claim), (Status::Running, first));
    assert!(store.requeue_execution(id, first, &[], &requeue(13)).await.unwrap());
    assert!(!store.finish_seen(&running, Status::Cancel, None, at(14)).await.unwrap(), "queued again");
    claim_next(&store, 15).await.unwrap();
    assert!(!store.finish_seen(&running, Status::Cancel, None, at(16)).await.unwrap(), "claimed anew");
    let running = store.held_execution(id).await.unwrap();
    assert!(store.finish_seen(&running, Status::Cancel, Some("why"), at(17)).await.unwrap());
    let ended = store.held_execution(id).await.unwrap();
    assert_eq!(ended.execution.message.as_deref(), Some("why"));
    assert!(!store.finish_seen(&ended, Status::Fail, None, at(18)).await.unwrap(), "the first end stands");
}

#[tokio::test]
async fn the_last_news_come_with_the_end_or_not_at_all() {
    let (store, job) = store_with_job().await;
    let id = queued(&store, &job, &[]).await;
    let old = claim_next(&store, 11).await.unwrap().claim;
    assert!(store.requeue_execution(id, old, &[(at(12), log("back"))], &requeue(12)).await.unwrap());
    let new = claim_next(&store, 13).await.unwrap().claim;
    for lines in [1, 50] {
        let late: Vec<_> = (0..lines).map(|_| (at(14), log("late"))).collect();
        assert!(!store.finish_claimed(id, old, &late, Status::Fail, None, at(14)).await.unwrap());
        assert!(!store.requeue_execution(id, old, &late, &requeue(14)).await.unwrap());
    }
    // A status that is no end: nothing of it is kept.
    let last = [(at(15), log("last"))];
    assert!(store.finish_claimed(id, new, &last, Status::Running, None, at(15)).await.is_err());
    assert_eq!(logs(&store, id).await, ["back", "why"]);
    assert!(store.finish_claimed(id, new, &last, Status::Success, None, at(16)).await.unwrap());
    assert_eq!(logs(&store, id).await, ["back", "why", "last"]);
    assert_eq!(store.execution(id).await.unwrap().status, Status::Success);
}
