//! The queue of executions, how they go and how they end.

use super::*;

#[tokio::test]
async fn a_second_live_execution_is_refused() {
    let (store, job) = store_with_job().await;
    let first = new_execution(&job, 10);
    assert_eq!(store.start_execution(&first, &[], SPEC, None).await.unwrap(), first);
    let refused = |state: &'static str| {
        let (store, job, first) = (store.clone(), job.clone(), first.id);
        async move {
            match store.start_execution(&new_execution(&job, 11), &[], SPEC, None).await {
                Err(Error::ExecutionIsLive { execution, state: told }) => {
                    assert_eq!((execution, told), (first, state))
                }
                other => panic!("{other:?}"),
            }
        }
    };
    refused("queued").await;
    claim_next(&store, 12).await.unwrap();
    refused("running").await;
    assert_eq!(store.live_execution(job.id).await.unwrap().unwrap().id, first.id);
    assert!(store.finish_execution(first.id, Status::Success, None, at(13)).await.unwrap());
    assert!(store.live_execution(job.id).await.unwrap().is_none());
    let second = new_execution(&job, 14);
    store.start_execution(&second, &[], SPEC, None).await.unwrap();

    let (page, total) = store.executions(job.id, 1, 1).await.unwrap();
    assert_eq!((page[0].id, total), (first.id, 2));
    let (all, _) = store.executions(job.id, 10, 0).await.unwrap();
    assert_eq!(all.iter().map(|execution| execution.id).collect::<Vec<_>>(), [second.id, first.id]);
    assert_eq!(store.latest_execution(job.id).await.unwrap().unwrap().id, second.id);
    assert_eq!(store.latest_executions(job.pool_id).await.unwrap(), [second]);
    let mut stray = new_execution(&job, 15);
    stray.job_id = DataJobId::random();
    is_not_found(store.start_execution(&stray, &[], SPEC, None).await);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_execution_it_was_seen_with() {
    let (store, job) = store_with_job().await;
    let first = new_execution(&job, 10);
    store.start_execution(&first, &[new_task_execution(0, Status::Queued)], SPEC, Some("k")).await.unwrap();
    let again = store.start_execution(&new_execution(&job, 11), &[], SPEC, Some("k")).await.unwrap();
    assert_eq!(again.id, first.id);
    store.finish_execution(first.id, Status::Cancel, None, at(12)).await.unwrap();
    let again = store.start_execution(&new_execution(&job, 13), &[], SPEC, Some("k")).await.unwrap();
    assert_eq!((again.id, again.status), (first.id, Status::Cancel));
    let other_job = new_job(job.pool_id, None);
    store.create_data_job(&other_job).await.unwrap();
    let other = new_execution(&other_job, 14);
    assert_eq!(store.start_execution(&other, &[], SPEC, Some("k")).await.unwrap().id, other.id);
}

#[tokio::test]
async fn the_first_end_of_an_execution_stands() {
    for (end, running, queued) in [
        (Status::Fail, Status::Fail, Status::Skipped),
        (Status::Cancel, Status::Cancel, Status::Cancel),
        (Status::Success, Status::Success, Status::Skipped),
    ] {
        let (store, job) = store_with_job().await;
        let execution = new_execution(&job, 10);
        let tasks: Vec<_> = (0..3).map(|position| new_task_execution(position, Status::Queued)).collect();
        store.start_execution(&execution, &tasks, SPEC, None).await.unwrap();
        claim_next(&store, 11).await.unwrap();
        let [done, begun, _] = [tasks[0].task_id, tasks[1].task_id, tasks[2].task_id];
        let events = [
            (at(12), Event::TaskStarted { task: done }),
            (at(13), Event::TaskFinished { task: done, status: Status::Success, message: None }),
            (at(14), Event::TaskStarted { task: begun }),
            (at(15), Event::StepStarted { task: begun, step: 0, name: "orders".to_owned() }),
        ];
        tell(&store, execution.id, &events).await.unwrap();
        assert!(store.finish_execution(execution.id, end, Some("why"), at(20)).await.unwrap());
        assert!(!store.finish_execution(execution.id, Status::Cancel, Some("late"), at(21)).await.unwrap());
        let ended = store.execution(execution.id).await.unwrap();
        assert_eq!(
            (ended.status, ended.message.as_deref(), ended.finished_at),
            (end, Some("why"), Some(at(20)))
        );

        let late = [
            (at(22), Event::TaskFinished { task: begun, status: Status::Success, message: None }),
            (
                at(23),
                Event::Log {
                    task: None,
                    level: LogLevel::Info,
                    code: "late".to_owned(),
                    text: "x".to_owned(),
                },
            ),
        ];
        tell(&store, execution.id, &late).await.unwrap();
        let told = store.task_executions(execution.id).await.unwrap();
        assert_eq!(
            told.iter().map(|task| task.status).collect::<Vec<_>>(),
            [Status::Success, running, queued]
        );
        assert_eq!((told[1].steps[0].status, told[1].steps[0].finished_at), (running, Some(at(20))));
        assert_eq!(told[0].finished_at, Some(at(13)));
        assert_eq!(store.log_messages(execution.id, None, &[], 10, 0).await.unwrap().1, 1);
        assert!(claim_next(&store, 24).await.is_none());
        assert!(store.claim_executions(&[execution.id], at(24), at(54)).await.unwrap().is_empty());
    }
    let (store, job) = store_with_job().await;
    let execution = new_execution(&job, 10);
    store.start_execution(&execution, &[], SPEC, None).await.unwrap();
    let result = store.finish_execution(execution.id, Status::Running, None, at(11)).await;
    assert!(matches!(result, Err(Error::Internal { .. })), "{result:?}");
}

#[tokio::test]
async fn events_tell_tasks_steps_and_logs() {
    let (store, job) = store_with_job().await;
    let execution = new_execution(&job, 10);
    let mut planned = new_task_execution(0, Status::Queued);
    planned.steps.push(StepExecution {
        position: 1,
        name: "items".to_owned(),
        status: Status::Queued,
        message: None,
        rows: 0,
        receipt: None,
        started_at: None,
        finished_at: None,
    });
    let disabled = new_task_execution(1, Status::Skipped);
    let tasks = [planned.clone(), disabled];
    store.start_execution(&execution, &tasks, SPEC, None).await.unwrap();
    assert_eq!(store.task_executions(execution.id).await.unwrap(), tasks);
    claim_next(&store, 11).await.unwrap();

    let task = planned.task_id;
    let log = |level, text: &str| Event::Log {
        task: Some(task),
        level,
        code: "rows".to_owned(),
        text: text.to_owned(),
    };
    let receipt = Receipt { rows_read: 70, rows_inserted: 60, seconds: 1.25, ..Receipt::default() };
    let finished = Event::StepFinished {
        task,
        step: 0,
        status: Status::Success,
        message: Some("good".to_owned()),
        receipt: Some(receipt.clone()),
    };
    let events = [
        (at(12), Event::TaskStarted { task }),
        (at(13), Event::StepStarted { task, step: 0, name: "orders".to_owned() }),
        (at(14), log(LogLevel::Info, "first")),
        (at(14), log(LogLevel::Warning, "second")),
        (at(15), finished),
        (at(16), Event::StepStarted { task, step: 1, name: "items".to_owned() }),
        (at(17), Event::StepProgress { task, step: 1, rows: 7 }),
        (at(18), Event::StepStarted { task: TaskId::random(), step: 0, name: "nobody's".to_owned() }),
        (
            at(19),
            Event::Log {
                task: None,
                level: LogLevel::Error,
                code: "end".to_owned(),
                text: "third".to_owned(),
            },
        ),
    ];
    tell(&store, execution.id, &events).await.unwrap();
    let told = store.task_executions(execution.id).await.unwrap();
    assert_eq!((told[0].status, told[0].started_at), (Status::Running, Some(at(12))));
    let [orders, items] = told[0].steps.as_slice() else { panic!("{told:?}") };
    assert_eq!((orders.status, orders.rows, orders.receipt.as_ref()), (Status::Success, 70, Some(&receipt)));
    assert_eq!((orders.started_at, orders.finished_at), (Some(at(13)), Some(at(15))));
    assert_eq!((items.status, items.rows, items.started_at), (Status::Running, 7, Some(at(16))));

    let texts = |task, levels: &'static [LogLevel], limit, page| {
        let (store, id) = (store.clone(), execution.id);
        async move {
            let (messages, total) = store.log_messages(id, task, levels, limit, page).await.unwrap();
            (messages.into_iter().map(|message| message.text).collect::<Vec<_>>(), total)
        }
    };
    let expect =
        |texts: &[&str], total: u64| (texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), total);
    assert_eq!(texts(None, &[], 10, 0).await, expect(&["third", "second", "first"], 3));
    assert_eq!(texts(None, &[], 2, 1).await, expect(&["first"], 3));
    assert_eq!(texts(Some(task), &[], 10, 0).await, expect(&["second", "first"], 2));
    let loud = &[LogLevel::Error, LogLevel::Warning];
    assert_eq!(texts(None, loud, 10, 0).await, expect(&["third", "second"], 2));
    assert_eq!(texts(Some(task), loud, 10, 0).await, expect(&["second"], 1));

    is_not_found(tell(&store, ExecutionId::random(), &events).await);
    is_not_found(store.execution(ExecutionId::random()).await);
}

#[tokio::test]
async fn of_many_starts_and_claims_at_once_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let pool = new_pool();
    let job = new_job(pool.id, None);
    store.create_data_pool(&pool).await.unwrap();
    store.create_data_job(&job).await.unwrap();
    let mut starts = tokio::task::JoinSet::new();
    for queued_at in 0..8 {
        let (store, execution) = (store.clone(), new_execution(&job, queued_at));
        starts.spawn(async move { store.start_execution(&execution, &[], SPEC, None).await.is_ok() });
    }
    assert_eq!(starts.join_all().await.into_iter().filter(|started| *started).count(), 1);
    let mut claims = tokio::task::JoinSet::new();
    for now in 0..8 {
        let store = store.clone();
        claims.spawn(async move { claim_next(&store, now).await.is_some() });
    }
    assert_eq!(claims.join_all().await.into_iter().filter(|claimed| *claimed).count(), 1);
}

#[tokio::test]
async fn a_job_with_a_live_execution_stays() {
    let (store, job) = store_with_job().await;
    let execution = new_execution(&job, 10);
    store.start_execution(&execution, &[], SPEC, None).await.unwrap();
    let result = store.delete_data_job(job.pool_id, job.id).await;
    assert!(matches!(result, Err(Error::ExecutionIsLive { execution: live, .. }) if live == execution.id));
    is_not_found(store.delete_data_job(DataPoolId::random(), job.id).await);
    store.finish_execution(execution.id, Status::Cancel, None, at(11)).await.unwrap();
    assert_eq!(store.find_data_job(job.id).await.unwrap(), job);
    store.delete_data_job(job.pool_id, job.id).await.unwrap();
    is_not_found(store.find_data_job(job.id).await);
}
