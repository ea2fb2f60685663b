//! The queue under its limits: who is next, who waits and why.

use std::collections::HashMap;

use forebay_core::execution::{Execution, ExtractionMode, Priority, Status};
use forebay_core::id::{DataJobId, DataPoolId, ExecutionId};
use forebay_core::job::{DataJob, TaskKind};
use forebay_core::queue::Limits;
use forebay_core::spec::ExecutionSpec;

use super::house::{House, full, name, table};
use super::plane::Act;
use crate::StartExecution;

impl House {
    async fn pool(&self, text: &str) -> DataPoolId {
        self.engine.create_data_pool(&self.admin, name(text), None).await.unwrap().id
    }

    /// An empty job of another pool.
    async fn job_in(&self, pool: DataPoolId, text: &str) -> DataJobId {
        self.engine.create_data_job(&self.admin, pool, name(text), None).await.unwrap().id
    }

    async fn start_in(&self, pool: DataPoolId, job: DataJobId) -> ExecutionId {
        self.engine.start_execution(&self.admin, pool, job, full()).await.unwrap().id
    }

    /// Queues that many executions of new jobs without tasks. They are made by the store alone: what is tried with
    /// them is the queue.
    async fn queue_many(&self, count: usize) -> Vec<ExecutionId> {
        let mut queued = Vec::with_capacity(count);
        for place in 0..count {
            let job = DataJob {
                id: DataJobId::random(),
                pool_id: self.pool,
                connection_id: None,
                name: name(&format!("job {place}")),
                created_at: self.engine.now(),
            };
            self.store.create_data_job(&job).await.unwrap();
            let by = self.admin.subject;
            let execution = Execution::queued(self.pool, job.id, ExtractionMode::Full, by, self.engine.now());
            let spec = ExecutionSpec {
                execution_id: execution.id,
                pool_id: self.pool,
                job_id: job.id,
                connection_id: None,
                mode: ExtractionMode::Full,
                changed_at: execution.queued_at,
                tasks: Vec::new(),
                schemas: Vec::new(),
            };
            let spec = serde_json::to_string(&spec).unwrap();
            self.store.start_execution(&execution, &[], &spec, None).await.unwrap();
            queued.push(execution.id);
        }
        queued
    }

    /// The order in which executions ran.
    fn order(&self) -> Vec<ExecutionId> {
        self.plane.ran().into_iter().map(|spec| spec.execution_id).collect()
    }
}

#[tokio::test]
async fn ten_thousand_run_in_the_order_in_which_they_were_queued() {
    const COUNT: usize = 10_000;
    let house = House::with_limit(1).await;
    let job = house.empty_job("first").await;
    house.plane.act(job.id, Act::UntilGate);
    let dispatcher = house.dispatch();
    house.start(job.id).await;
    house.plane.begun(1).await;
    let queued = house.queue_many(COUNT).await;
    house.plane.open_gate(1);
    house.plane.begun(1 + COUNT).await;
    house.ended(*queued.last().unwrap()).await;
    assert_eq!(house.order()[1..], queued);
    assert_eq!(house.plane.most_running(), 1);
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_pool_with_a_thousand_in_the_queue_keeps_no_other_pool_waiting() {
    let house = House::with_limit(1).await;
    let greedy = house.empty_job("greedy").await;
    house.plane.act(greedy.id, Act::UntilGate);
    let dispatcher = house.dispatch();
    house.start(greedy.id).await;
    house.plane.begun(1).await;
    house.queue_many(1_000).await;
    let other = house.pool("Sales").await;
    let late = house.start_in(other, house.job_in(other, "late").await).await;
    let waits = house.waits_for(late, "ServerLimit").await;
    assert_eq!(waits, "1 execution runs on this server already");
    house.plane.open_gate(1);
    assert_eq!(house.ended(late).await.status, Status::Success);
    assert_eq!(house.order()[1], late);
    dispatcher.stop().await;
}

#[tokio::test]
async fn limits_of_pools_and_sources_hold_and_the_reason_is_told() {
    let house = House::with_limits(Limits { running: 9, per_pool: 2, per_source: 1 }).await;
    let reading = async |text: &str| {
        let job = house.empty_job(text).await;
        house.task(&job, "Extract", TaskKind::Extraction(vec![table("orders")])).await;
        house.plane.act(job.id, Act::UntilGate);
        job.id
    };
    let (first, second) = (reading("first").await, reading("second").await);
    let (third, fourth) = (house.job("third").await, house.job("fourth").await);
    house.plane.act(third.id, Act::UntilGate);
    let dispatcher = house.dispatch();
    house.start(first).await;
    house.plane.begun(1).await;
    let behind = house.start(second).await;
    assert_eq!(behind.source_host.as_deref(), Some("db.example.org:5432"));
    let waits = house.waits_for(behind.id, "SourceLimit").await;
    assert_eq!(waits, "1 execution reads the source db.example.org:5432 already");
    // Another one of the pool passes it.
    house.start(third.id).await;
    house.plane.begun(2).await;
    let last = house.start(fourth.id).await;
    let waits = house.waits_for(last.id, "PoolLimit").await;
    assert_eq!(waits, "2 executions of this pool run already; 1 of this pool is before it");
    house.plane.open_gate(3);
    for id in [behind.id, last.id] {
        assert_eq!(house.ended(id).await.status, Status::Success);
    }
    assert_eq!(house.engine.waits_for(&house.execution(last.id).await).await.unwrap(), None);
    dispatcher.stop().await;
}

#[tokio::test]
async fn what_matters_more_comes_first_and_what_waits_long_enough_too() {
    let house = House::with_limit(1).await;
    let mut ids = HashMap::new();
    let gate = house.job("gate").await;
    house.plane.act(gate.id, Act::UntilGate);
    let dispatcher = house.dispatch();
    house.start(gate.id).await;
    house.plane.begun(1).await;
    let mut start = async |text: &'static str, priority| {
        let job = house.job(text).await;
        let start = StartExecution { priority, ..full() };
        let execution = house.engine.start_execution(&house.admin, house.pool, job.id, start).await.unwrap();
        assert_eq!(execution.priority, priority);
        ids.insert(execution.id, text);
    };
    start("old and low", Priority::Low).await;
    house.clock.turn(30 * 60 * 1000);
    start("low", Priority::Low).await;
    start("normal", Priority::Normal).await;
    start("high", Priority::High).await;
    house.plane.open_gate(1);
    house.plane.begun(5).await;
    dispatcher.stop().await;
    let order: Vec<&str> = house.order()[1..].iter().map(|id| ids[id]).collect();
    assert_eq!(order, ["old and low", "high", "normal", "low"]);
}
