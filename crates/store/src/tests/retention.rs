//! What is dropped, what is kept whatever its age, and what an execution may say.

use forebay_core::settings::Setting;

use super::*;

fn log(level: LogLevel, text: &str) -> Event {
    Event::Log { task: None, level, code: "TOLD".to_owned(), text: text.to_owned() }
}

/// An execution that was queued and ended at a moment, with one task and one message.
async fn ended(store: &Store, job: &DataJob, millis: i64, status: Status) -> ExecutionId {
    let execution = new_execution(job, millis);
    let tasks = [new_task_execution(0, Status::Queued)];
    let key = format!("key of {millis}");
    store.start_execution(&execution, &tasks, SPEC, Some(&key)).await.unwrap();
    tell(store, execution.id, &[(at(millis), log(LogLevel::Info, "done"))]).await.unwrap();
    store.finish_execution(execution.id, status, None, at(millis)).await.unwrap();
    execution.id
}

async fn left(store: &Store, job: &DataJob) -> Vec<i64> {
    let (executions, _) = store.executions(job.id, 10_000, 0).await.unwrap();
    executions.iter().rev().map(|execution| execution.queued_at.as_millis()).collect()
}

fn rows(store: &Store, table: &'static str) -> i64 {
    number(store, &format!("select count(*) from {table}"))
}

async fn texts(store: &Store, execution: ExecutionId) -> Vec<String> {
    let (mut messages, _) = store.log_messages(execution, None, &[], 100_000, 0).await.unwrap();
    messages.reverse();
    messages.into_iter().map(|message| message.text).collect()
}

#[tokio::test]
async fn old_executions_go_but_never_live_ones_the_newest_or_the_last_success() {
    let (store, job) = store_with_job().await;
    let other = new_job(job.pool_id, None);
    store.create_data_job(&other).await.unwrap();
    for (millis, status) in [
        (10, Status::Success),
        (20, Status::Success),
        (30, Status::Fail),
        (40, Status::Cancel),
        (50, Status::Fail),
    ] {
        ended(&store, &job, millis, status).await;
    }
    // Its newest is live, whatever its age.
    ended(&store, &other, 15, Status::Fail).await;
    store.start_execution(&new_execution(&other, 16), &[], SPEC, None).await.unwrap();
    assert_eq!(store.drop_executions_ended_before(at(10)).await.unwrap(), 0);
    assert_eq!(store.drop_executions_ended_before(at(100)).await.unwrap(), 4);
    assert_eq!(store.drop_executions_ended_before(at(100)).await.unwrap(), 0);
    assert_eq!(left(&store, &job).await, [20, 50]);
    assert_eq!(left(&store, &other).await, [16]);
    // What belonged to them is gone too, and their keys start something new.
    assert_eq!((rows(&store, "task_executions"), rows(&store, "log_messages")), (2, 2));
    assert!(store.execution_seen_with(job.id, "key of 30").await.unwrap().is_none());
    assert!(store.execution_seen_with(job.id, "key of 50").await.unwrap().is_some());
}

#[tokio::test]
async fn a_job_keeps_so_many_executions_and_its_last_success() {
    let (store, job) = store_with_job().await;
    let other = new_job(job.pool_id, None);
    store.create_data_job(&other).await.unwrap();
    ended(&store, &job, 1, Status::Success).await;
    for millis in 2..=700 {
        ended(&store, &job, millis, Status::Fail).await;
    }
    for millis in 1..=3 {
        ended(&store, &other, millis, Status::Success).await;
    }
    let mut dropped = 0;
    loop {
        let batch = store.drop_executions_beyond(3).await.unwrap();
        assert!(batch <= 500, "a batch is small");
        dropped += batch;
        if batch == 0 {
            break;
        }
    }
    assert_eq!(dropped, 696);
    assert_eq!(left(&store, &job).await, [1, 698, 699, 700]);
    assert_eq!(left(&store, &other).await, [1, 2, 3]);
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.succeeded, totals.failed), (4, 699), "totals only grow");
}

#[tokio::test]
async fn old_logs_go_before_their_executions_and_leave_a_word() {
    let (store, job) = store_with_job().await;
    let old = ended(&store, &job, 10, Status::Success).await;
    let young = ended(&store, &job, 20, Status::Success).await;
    let live = new_execution(&job, 5);
    store.start_execution(&live, &[], SPEC, None).await.unwrap();
    tell(&store, live.id, &[(at(5), log(LogLevel::Info, "at work"))]).await.unwrap();
    assert_eq!(store.drop_logs_of_executions_ended_before(at(15), "gone").await.unwrap(), 1);
    assert_eq!(store.drop_logs_of_executions_ended_before(at(15), "gone").await.unwrap(), 0);
    assert_eq!(texts(&store, old).await, ["gone"]);
    assert_eq!(texts(&store, young).await, ["done"]);
    assert_eq!(texts(&store, live.id).await, ["at work"]);
}

#[tokio::test]
async fn a_flood_of_messages_is_cut_off_and_one_message_says_how_much_was_dropped() {
    let (store, job) = store_with_job().await;
    store.change_settings(&[(Setting::LogMessagesPerExecution, Some(100))]).await.unwrap();
    let execution = new_execution(&job, 10);
    let task = new_task_execution(0, Status::Queued);
    store.start_execution(&execution, std::slice::from_ref(&task), SPEC, None).await.unwrap();
    let flood: Vec<_> = (0..256).map(|number| (at(20), log(LogLevel::Info, &number.to_string()))).collect();
    for _ in 0..10 {
        tell(&store, execution.id, &flood).await.unwrap();
    }
    tell(&store, execution.id, &[(at(30), log(LogLevel::Error, "what failed"))]).await.unwrap();
    let kept = texts(&store, execution.id).await;
    assert_eq!(kept.len(), 92);
    let marker = "… 2470 more messages were dropped: an execution keeps 100 (logMessagesPerExecution)";
    assert_eq!(kept.iter().filter(|text| text.starts_with('…')).collect::<Vec<_>>(), [marker]);
    assert!(kept.contains(&"what failed".to_owned()), "errors have a place of their own");
    assert_eq!(store.totals().await.unwrap().logs_dropped, 2470);

    // A higher budget counts from then on, and events other than messages are never dropped.
    store.change_settings(&[(Setting::LogMessagesPerExecution, Some(200))]).await.unwrap();
    let more =
        [(at(40), log(LogLevel::Info, "heard again")), (at(41), Event::TaskStarted { task: task.task_id })];
    tell(&store, execution.id, &more).await.unwrap();
    assert!(texts(&store, execution.id).await.contains(&"heard again".to_owned()));
    assert_eq!(store.task_executions(execution.id).await.unwrap()[0].status, Status::Running);
}

#[tokio::test]
async fn a_long_message_is_cut_wherever_it_is_told() {
    let (store, job) = store_with_job().await;
    store.change_settings(&[(Setting::LogMessageBytes, Some(300))]).await.unwrap();
    let execution = new_execution(&job, 10);
    let task = new_task_execution(0, Status::Queued);
    store.start_execution(&execution, std::slice::from_ref(&task), SPEC, None).await.unwrap();
    let long = "ä".repeat(500_000);
    let failed =
        Event::TaskFinished { task: task.task_id, status: Status::Fail, message: Some(long.clone()) };
    tell(&store, execution.id, &[(at(20), log(LogLevel::Error, &long)), (at(21), failed)]).await.unwrap();
    let text = &texts(&store, execution.id).await[0];
    assert!(text.len() <= 300 && text.ends_with("… (cut: the whole text has 1000000 bytes)"), "{text}");
    let told = store.task_executions(execution.id).await.unwrap()[0].message.clone().unwrap();
    assert_eq!(&told, text);
}

#[tokio::test]
async fn a_file_shrinks_when_what_is_in_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let pool = new_pool();
    store.create_data_pool(&pool).await.unwrap();
    let job = new_job(pool.id, None);
    store.create_data_job(&job).await.unwrap();
    let execution = new_execution(&job, 10);
    store.start_execution(&execution, &[], SPEC, None).await.unwrap();
    let long = "x".repeat(8_000);
    let told: Vec<_> = (0..1_000).map(|_| (at(20), log(LogLevel::Info, &long))).collect();
    tell(&store, execution.id, &told).await.unwrap();
    store.finish_execution(execution.id, Status::Success, None, at(30)).await.unwrap();
    let pages = || number(&store, "pragma page_count");
    let before = pages();
    while store.drop_logs_of_executions_ended_before(at(100), "gone").await.unwrap() > 0 {}
    while store.give_back_space().await.unwrap() > 0 {}
    let after = pages();
    assert!(before > 1_000 && after < before / 5, "{before} pages became {after}");
}

#[tokio::test]
async fn what_retention_looks_for_is_found_by_an_index() {
    let (store, _) = store_with_job().await;
    for (sql, index) in [
        (
            "select seq from executions where finished_at < 1 order by finished_at limit 1",
            "executions_by_end",
        ),
        (
            "select seq from executions where job_id = 'x' and status = 'SUCCESS'
             order by queued_at desc, seq desc limit 1",
            "executions_succeeded",
        ),
        (
            "select id from executions where finished_at < 1 and finished_at is not null and logs_kept > 0
             order by finished_at limit 1",
            "executions_with_logs",
        ),
        ("select count(*) from executions where status in ('QUEUED', 'RUNNING')", "executions_"),
    ] {
        let plan = plan(&store, sql).join("\n");
        assert!(plan.contains(index) && !plan.contains("USE TEMP B-TREE"), "{sql}\n{plan}");
    }
}
