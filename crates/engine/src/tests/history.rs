//! The history of pools, and what an execution stands beside.

use forebay_core::access::{Permission, Scope};
use forebay_core::error::Error;
use forebay_core::execution::{LogFilter, LogOrder, Status};
use forebay_core::history::Day;
use forebay_core::id::{DataJobId, ExecutionId, LogMessageId};
use forebay_core::job::DataJob;

use super::house::{House, full, is_invalid, is_not_found, name};
use crate::{History, HistoryQuestion, ModelReload, NewDataModel};

const DAY: i64 = 86_400_000;

fn question() -> HistoryQuestion {
    HistoryQuestion { executions: (50, 0), jobs: (20, 0), ..HistoryQuestion::default() }
}

/// An execution that is queued and ended now, without ever being run.
async fn ended(house: &House, job: &DataJob, status: Status) -> ExecutionId {
    let started = house.engine.start_execution(&house.admin, job.pool_id, job.id, full()).await.unwrap();
    house.store.finish_execution(started.id, status, None, house.engine.now()).await.unwrap();
    started.id
}

fn jobs(history: &History) -> Vec<DataJobId> {
    history.jobs.iter().map(|found| found.job.id).collect()
}

#[tokio::test]
async fn everybody_sees_what_was_executed_where_they_may_watch() {
    let house = House::new().await;
    let (other_pool, _) = house.other_pool().await;
    let (one, two) = (house.job("b").await, house.job("A").await);
    let foreign = house.engine.create_data_job(&house.admin, other_pool, name("c"), None).await.unwrap();
    for (job, status) in [(&one, Status::Success), (&two, Status::Fail), (&foreign, Status::Success)] {
        ended(&house, job, status).await;
    }
    house.clock.turn(DAY);
    let last = ended(&house, &one, Status::Cancel).await;

    let engine = &house.engine;
    let all = engine.history(&house.admin, &question()).await.unwrap();
    assert_eq!(jobs(&all), [two.id, one.id, foreign.id]);
    assert_eq!((all.execution_count, all.job_count, all.executions[0].id), (4, 3, last));
    assert_eq!((all.from.until(all.to), all.to), (29, Day::from_number(1)));
    let days: Vec<_> =
        all.jobs[1].days.iter().map(|(day, runs)| (*day, runs.worst(), runs.count())).collect();
    let expected =
        [(Day::from_number(0), Some(Status::Success), 1), (Day::from_number(1), Some(Status::Cancel), 1)];
    assert_eq!(days, expected);

    let member = house.member(Scope::Pool(house.pool), &[Permission::View]).await;
    let theirs = engine.history(&member, &question()).await.unwrap();
    assert_eq!((jobs(&theirs), theirs.execution_count), (vec![two.id, one.id], 3));
    assert_eq!(theirs.pools.keys().copied().collect::<Vec<_>>(), [house.pool]);
    is_not_found(engine.history(&member, &HistoryQuestion { pool: Some(other_pool), ..question() }).await);
    is_not_found(engine.history(&member, &HistoryQuestion { job: Some(foreign.id), ..question() }).await);
    let elsewhere = HistoryQuestion { pool: Some(house.pool), job: Some(foreign.id), ..question() };
    is_not_found(engine.history(&house.admin, &elsewhere).await);
    let editor = house.member(Scope::Pool(house.pool), &[Permission::Edit]).await;
    let refused = engine.history(&editor, &HistoryQuestion { pool: Some(house.pool), ..question() }).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let nothing = engine.history(&editor, &question()).await.unwrap();
    assert_eq!((nothing.execution_count, nothing.executions.len(), nothing.job_count), (0, 0, 0));
}

#[tokio::test]
async fn a_part_of_the_history_is_told_page_by_page() {
    let house = House::new().await;
    let (one, two) = (house.job("a").await, house.job("b").await);
    for job in [&one, &two, &one] {
        ended(&house, job, Status::Success).await;
    }
    let failed = ended(&house, &one, Status::Fail).await;
    let asked = async |asked: HistoryQuestion| house.engine.history(&house.admin, &asked).await.unwrap();
    let of_job = asked(HistoryQuestion { job: Some(one.id), executions: (2, 1), ..question() }).await;
    assert_eq!((jobs(&of_job), of_job.execution_count, of_job.executions.len()), (vec![one.id], 3, 1));
    // The others can still be chosen.
    assert_eq!(of_job.choices.len(), 2);
    let of_state = asked(HistoryQuestion { status: Some(Status::Fail), ..question() }).await;
    assert_eq!((of_state.execution_count, of_state.executions[0].id), (1, failed));
    let second = asked(HistoryQuestion { jobs: (1, 1), ..question() }).await;
    assert_eq!((jobs(&second), second.job_count), (vec![two.id], 2));
    let beyond = asked(HistoryQuestion { jobs: (20, 9), executions: (50, 9), ..question() }).await;
    assert_eq!((beyond.jobs.len(), beyond.executions.len(), beyond.execution_count), (0, 0, 4));
    let before = asked(HistoryQuestion { to: Some(Day::from_number(-1)), ..question() }).await;
    assert_eq!((before.execution_count, before.from), (0, Day::from_number(-30)));

    let days = |from, to| HistoryQuestion {
        from: Some(Day::from_number(from)),
        to: Some(Day::from_number(to)),
        ..question()
    };
    is_invalid(house.engine.history(&house.admin, &days(2, 1)).await, "from", "is after the last day");
    is_invalid(house.engine.history(&house.admin, &days(-92, 0)).await, "from", "more than 92 days");
    asked(days(-91, 0)).await;
}

#[tokio::test]
async fn reloads_are_not_in_the_history() {
    let house = House::new().await;
    let model = NewDataModel::of(name("Sales"), Vec::new(), Vec::new());
    let model = house.engine.create_data_model(&house.admin, house.pool, model).await.unwrap().model.id;
    house.engine.reload_data_model(&house.admin, house.pool, model, ModelReload::Complete).await.unwrap();
    let history = house.engine.history(&house.admin, &question()).await.unwrap();
    assert_eq!((history.execution_count, history.executions.len(), history.job_count), (0, 0, 0));
}

#[tokio::test]
async fn only_who_may_watch_learns_what_was_before_or_searches_the_log() {
    let house = House::new().await;
    let job = house.job("a").await;
    let dispatcher = house.dispatch();
    let first = house.start(job.id).await.id;
    house.ended(first).await;
    let second = house.start(job.id).await.id;
    house.ended(second).await;
    dispatcher.stop().await;
    let past = house.engine.past_of_execution(&house.admin, second).await.unwrap();
    let (before, tasks) = past.before.as_ref().unwrap();
    assert_eq!((before.id, tasks.len()), (first, 1));
    assert!(past.learned(tasks[0].task_id, "none").is_none());
    assert!(house.engine.past_of_execution(&house.admin, first).await.unwrap().before.is_none());
    let stranger = house.member(Scope::Pool(house.pool), &[]).await;
    is_not_found(house.engine.past_of_execution(&stranger, second).await);
    let all = LogFilter::default();
    is_not_found(house.engine.find_log_messages(&stranger, second, &all, LogOrder::OldestFirst, 9, 0).await);
    let message = LogMessageId::random();
    is_not_found(house.engine.newer_log_messages(&stranger, second, message).await);
    assert_eq!(house.engine.newer_log_messages(&house.admin, second, message).await.unwrap(), None);
}
