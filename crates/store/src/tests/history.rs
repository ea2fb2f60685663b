//! Executions by day, and what one stands beside.

use forebay_core::execution::{LogFilter, LogOrder};
use forebay_core::history::{CountedRuns, Day, HistoryFilter, LearnedStep};

use super::*;
use crate::comparison::{EXECUTION_BEFORE, LEARNED_STEPS};
use crate::history::{
    EXECUTIONS_IN_HISTORY, EXECUTIONS_IN_HISTORY_OF_POOL, EXECUTIONS_OF_JOB_IN_HISTORY, LATEST_SUCCESSES,
    RUNS_BY_DAY, RUNS_BY_DAY_OF_POOL,
};
use crate::last_loads::LAST_STEPS;

const DAY: i64 = 86_400_000;

fn filter(pools: &[DataPoolId], from: i64, to: i64) -> HistoryFilter {
    let (from, to) = (Day::from_number(from), Day::from_number(to));
    HistoryFilter { pools: pools.to_vec(), from, to, status: None, mode: None }
}

/// An execution that was begun when it was queued and ended so much later.
async fn ended(store: &Store, execution: &Execution, tasks: &[TaskExecution], status: Status, took: i64) {
    let now = execution.queued_at.as_millis();
    store.start_execution(execution, tasks, SPEC, None).await.unwrap();
    claim_next(store, now).await.unwrap();
    store.finish_execution(execution.id, status, None, at(now + took)).await.unwrap();
}

#[tokio::test]
async fn executions_are_counted_by_job_day_and_state() {
    let (store, job) = store_with_job().await;
    let other = new_job(job.pool_id, None);
    store.create_data_job(&other).await.unwrap();
    let foreign_pool = DataPool { name: name("Sales"), ..new_pool() };
    store.create_data_pool(&foreign_pool).await.unwrap();
    let foreign = new_job(foreign_pool.id, None);
    store.create_data_job(&foreign).await.unwrap();
    let hidden = new_job(job.pool_id, None);
    store.create_data_job(&hidden).await.unwrap();
    let first = new_execution(&job, 3 * DAY);
    let second = Execution { mode: ExtractionMode::Full, ..new_execution(&job, 4 * DAY - 1) };
    let third = new_execution(&job, 4 * DAY);
    let of_other = new_execution(&other, 4 * DAY + 5);
    let of_foreign = new_execution(&foreign, 4 * DAY + 6);
    let of_hidden = new_execution(&hidden, 4 * DAY + 7);
    for (execution, status) in [
        (&first, Status::Success),
        (&second, Status::Fail),
        (&third, Status::Success),
        (&of_other, Status::Cancel),
        (&of_foreign, Status::Success),
        (&of_hidden, Status::Success),
    ] {
        ended(&store, execution, &[], status, 1).await;
    }
    let make = "update data_jobs set purpose = 'DATA_MODEL' where id = $1";
    db::query(make).bind(hidden.id.to_string()).execute_on(store.write()).await.unwrap();

    let counted = async |filter: &HistoryFilter| {
        let mut runs = store.runs_by_day(filter).await.unwrap();
        runs.sort_by_key(|runs| (runs.day, runs.job != job.id, runs.status.as_str()));
        runs
    };
    let runs =
        |job: &DataJob, day, status| CountedRuns { job: job.id, day: Day::from_number(day), status, runs: 1 };
    let of_pool = filter(&[job.pool_id], 3, 4);
    let of_both = filter(&[job.pool_id, foreign_pool.id], 3, 4);
    let all = [
        runs(&job, 3, Status::Fail),
        runs(&job, 3, Status::Success),
        runs(&job, 4, Status::Success),
        runs(&other, 4, Status::Cancel),
    ];
    assert_eq!(counted(&of_pool).await, all);
    assert_eq!(counted(&filter(&[job.pool_id], 3, 3)).await, all[..2]);
    assert_eq!(counted(&HistoryFilter { status: Some(Status::Fail), ..of_pool.clone() }).await, all[..1]);
    let full = HistoryFilter { mode: Some(ExtractionMode::Full), ..of_pool.clone() };
    assert_eq!(counted(&full).await, all[..1]);
    assert_eq!(counted(&filter(&[], 3, 4)).await, []);
    assert_eq!(counted(&of_both).await.len(), 5);
    let failed_of_both = HistoryFilter { status: Some(Status::Fail), ..of_both.clone() };
    assert_eq!(counted(&failed_of_both).await, all[..1]);

    let listed = async |filter: &HistoryFilter, job, page| {
        let found = store.executions_in_history(filter, job, 2, page).await.unwrap();
        found.into_iter().map(|execution| execution.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(&of_pool, None, 0).await, [of_other.id, third.id]);
    assert_eq!(listed(&of_pool, None, 1).await, [second.id, first.id]);
    assert_eq!(listed(&of_both, None, 0).await, [of_foreign.id, of_other.id]);
    assert_eq!(listed(&of_both, None, 2).await, [first.id]);
    assert_eq!(listed(&filter(&[], 3, 4), None, 0).await, []);
    assert_eq!(listed(&of_pool, Some(job.id), 0).await, [third.id, second.id]);
    assert_eq!(listed(&of_pool, Some(foreign.id), 0).await, []);
    assert_eq!(listed(&of_pool, Some(hidden.id), 0).await, []);
    assert_eq!(listed(&full, None, 0).await, [second.id]);
    let mut found = store.data_jobs_by_ids(&[job.id, other.id, hidden.id]).await.unwrap();
    found.sort_by_key(|found| found.id != job.id);
    assert_eq!(found, [job, other]);
}

fn step(text: &str, rows: u64, took: i64, status: Status) -> StepExecution {
    StepExecution {
        position: 0,
        name: text.to_owned(),
        status,
        message: None,
        rows,
        receipt: None,
        started_at: Some(at(1)),
        finished_at: Some(at(1 + took)),
    }
}

#[tokio::test]
async fn an_execution_is_compared_with_the_one_before_it_of_its_mode() {
    let (store, job) = store_with_job().await;
    let base = new_task_execution(0, Status::Queued);
    let with = |steps: &[StepExecution]| {
        let mut task = base.clone();
        task.steps = steps.to_vec();
        for (position, step) in task.steps.iter_mut().enumerate() {
            step.position = u32::try_from(position).unwrap();
        }
        [task]
    };
    let first = new_execution(&job, 10);
    let done = [step("orders", 500, 7, Status::Success), step("items", 9, 3, Status::Success)];
    ended(&store, &first, &with(&done), Status::Success, 5).await;
    let second = new_execution(&job, 20);
    let broken = [step("orders", 600, 8, Status::Success), step("items", 1, 1, Status::Fail)];
    ended(&store, &second, &with(&broken), Status::Fail, 5).await;
    let full = Execution { mode: ExtractionMode::Full, ..new_execution(&job, 30) };
    ended(&store, &full, &with(&[step("orders", 9_999, 9, Status::Success)]), Status::Success, 5).await;
    let never_begun = new_execution(&job, 40);
    store.start_execution(&never_begun, &[], SPEC, None).await.unwrap();
    store.finish_execution(never_begun.id, Status::Cancel, None, at(41)).await.unwrap();
    let last = new_execution(&job, 50);
    store.start_execution(&last, &with(&[]), SPEC, None).await.unwrap();

    assert_eq!(store.execution_before(last.id).await.unwrap().unwrap().id, second.id);
    assert_eq!(store.execution_before(second.id).await.unwrap().unwrap().id, first.id);
    assert_eq!(store.execution_before(first.id).await.unwrap(), None);
    let learned =
        |text: &str, rows, millis| LearnedStep { task: base.task_id, name: text.to_owned(), rows, millis };
    let mut told = store.learned_steps(last.id).await.unwrap();
    told.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(told, [learned("items", 9, 3), learned("orders", 600, 8)]);
    assert_eq!(store.learned_steps(first.id).await.unwrap(), []);

    let days = filter(&[], 0, 0);
    let trend = store.latest_successes(&[job.id], &days, 5).await.unwrap();
    let rows: Vec<_> = trend.iter().map(|(execution, rows)| (execution.id, *rows)).collect();
    assert_eq!(rows, [(first.id, 509), (full.id, 9_999)]);
    let newest = store.latest_successes(&[job.id], &days, 1).await.unwrap();
    assert_eq!(newest[0].0.id, full.id);
}

#[tokio::test]
async fn a_log_is_searched_and_read_from_both_ends() {
    let (store, job) = store_with_job().await;
    let execution = new_execution(&job, 10);
    let task = new_task_execution(0, Status::Queued);
    store.start_execution(&execution, std::slice::from_ref(&task), SPEC, None).await.unwrap();
    let line = |millis, level, text: &str| {
        let of = (millis % 2 == 0).then_some(task.task_id);
        (at(millis), Event::Log { task: of, level, code: "c".to_owned(), text: text.to_owned() })
    };
    let lines = [
        line(11, LogLevel::Info, "Begins with ORDERS"),
        line(12, LogLevel::Warning, "100% of orders_1"),
        line(13, LogLevel::Error, "ends"),
    ];
    tell(&store, execution.id, &lines).await.unwrap();
    let texts = async |filter: LogFilter, order, limit, page| {
        let (found, total) =
            store.find_log_messages(execution.id, &filter, order, limit, page).await.unwrap();
        (found.into_iter().map(|message| message.at.as_millis()).collect::<Vec<_>>(), total)
    };
    let all = LogFilter::default();
    assert_eq!(texts(all.clone(), LogOrder::OldestFirst, 2, 0).await, (vec![11, 12], 3));
    assert_eq!(texts(all.clone(), LogOrder::NewestFirst, 2, 1).await, (vec![11], 3));
    let with = |text: &str| LogFilter { text: Some(text.to_owned()), ..LogFilter::default() };
    assert_eq!(texts(with("orders"), LogOrder::NewestFirst, 9, 0).await, (vec![12, 11], 2));
    assert_eq!(texts(with("0% OF ORDERS_"), LogOrder::NewestFirst, 9, 0).await, (vec![12], 1));
    assert_eq!(texts(with("%"), LogOrder::NewestFirst, 9, 0).await, (vec![12], 1));
    let of_task = LogFilter { task: Some(task.task_id), ..with("orders") };
    assert_eq!(texts(of_task, LogOrder::NewestFirst, 9, 0).await, (vec![12], 1));
    let errors = LogFilter { levels: vec![LogLevel::Error], ..LogFilter::default() };
    assert_eq!(texts(errors, LogOrder::NewestFirst, 9, 0).await, (vec![13], 1));

    let (found, _) = store.find_log_messages(execution.id, &all, LogOrder::OldestFirst, 9, 0).await.unwrap();
    assert_eq!(store.newer_log_messages(execution.id, found[0].id).await.unwrap(), Some(2));
    assert_eq!(store.newer_log_messages(execution.id, found[2].id).await.unwrap(), Some(0));
    assert_eq!(store.newer_log_messages(ExecutionId::random(), found[0].id).await.unwrap(), None);
}

#[tokio::test]
async fn what_the_history_looks_for_is_found_by_an_index() {
    let (store, _) = store_with_job().await;
    for (sql, index) in [
        (RUNS_BY_DAY, "executions USING INDEX executions_by_time (queued_at>? AND queued_at<?)"),
        (EXECUTIONS_IN_HISTORY, "executions USING INDEX executions_by_time (queued_at>? AND queued_at<?)"),
        (
            RUNS_BY_DAY_OF_POOL,
            "executions USING INDEX executions_of_pool (pool_id=? AND queued_at>? AND queued_at<?)",
        ),
        (
            EXECUTIONS_IN_HISTORY_OF_POOL,
            "executions USING INDEX executions_of_pool (pool_id=? AND queued_at>? AND queued_at<?)",
        ),
        (EXECUTIONS_OF_JOB_IN_HISTORY, "executions USING INDEX executions_of_job (job_id=? AND queued_at>?"),
        (LATEST_SUCCESSES, "executions USING INDEX executions_succeeded (job_id=? AND queued_at>?"),
        (EXECUTION_BEFORE, "executions USING INDEX executions_of_job (job_id=? AND"),
        (LEARNED_STEPS, "executions USING INDEX executions_of_job (job_id=? AND"),
        (LEARNED_STEPS, "SEARCH step USING PRIMARY KEY (execution_id=?)"),
        (LAST_STEPS, "executions USING COVERING INDEX executions_of_job (job_id=?)"),
        (LAST_STEPS, "SEARCH step USING PRIMARY KEY (execution_id=?)"),
    ] {
        let mut asked = sql.to_owned();
        for (place, value) in ["'[]'", "1", "2", "null", "null", "50", "0", "'x'"].iter().enumerate().rev() {
            asked = asked.replace(&format!("${}", place + 1), value);
        }
        let plan = plan(&store, &asked).join("\n");
        assert!(plan.contains(index) && !plan.contains("SCAN executions"), "{sql}\n{plan}");
        if sql.contains("limit $6") {
            assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        }
    }
}
