//! What the tests stand on: a server's side with workers that are this program again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use forebay_core::Timestamp;
use forebay_core::event::{Event, EventSink, Outcome};
use forebay_core::execution::{Claim, ExtractionMode};
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId, ExecutionId};
use forebay_core::plane::{DataPlane, WorkerStatus};
use forebay_core::spec::{ExecutionSpec, NamedSchema};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Query, Rows, WarehouseError};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Launch, Patience, WorkerPlane};

/// The most that anything may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct House {
    pub(super) plane: Arc<WorkerPlane>,
    pub(super) dir: TempDir,
}

impl House {
    pub(super) fn new() -> Self {
        Self::with(Patience::default())
    }

    pub(super) fn with(patience: Patience) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plane = Arc::new(WorkerPlane::new(launch(dir.path()), patience));
        Self { plane, dir }
    }

    pub(super) async fn query(&self, pool: DataPoolId, sql: &str) -> Result<Rows, WarehouseError> {
        self.plane.query(pool, query(sql), &Stop::never()).await
    }

    /// The text that a query gives.
    pub(super) async fn ask(&self, pool: DataPoolId, sql: &str) -> String {
        let rows = self.query(pool, sql).await.unwrap();
        rows.schema.field(0).name().clone()
    }

    /// Runs an act to its end, in a task.
    pub(super) fn run(&self, pool: DataPoolId, act: &str, stop: Stop) -> tokio::task::JoinHandle<Outcome> {
        let (plane, spec) = (Arc::clone(&self.plane), spec(pool, act));
        let claim = Claim { job: spec.job_id, number: 7 };
        tokio::spawn(async move { plane.run(&spec, claim, &Heard::default(), &stop).await })
    }

    pub(super) fn worker(&self, pool: DataPoolId) -> Option<WorkerStatus> {
        self.plane.workers().live.into_iter().find(|worker| worker.pool == pool)
    }

    /// Waits until something holds.
    pub(super) async fn until(&self, told: &str, holds: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < PATIENCE, "{told}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until a pool's worker runs that many executions, as the worker says itself.
    pub(super) async fn runs(&self, pool: DataPoolId, count: usize) {
        let told = format!("{count} executions run");
        self.until(&told, async || self.ask(pool, "running").await == count.to_string()).await;
    }

    pub(super) fn signal(&self, pool: DataPoolId, signal: Signal) -> u32 {
        let pid = self.worker(pool).unwrap().pid;
        kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
        pid
    }
}

pub(super) fn launch(dir: &Path) -> Launch {
    Launch {
        program: PathBuf::from("/proc/self/exe"),
        arguments: Arc::new(|pool, dir| {
            // To the test program these are filters; to `child`, what it needs to know.
            let test = ["--exact", "tests::child::this_program_is_a_worker_when_it_is_started_as_one"];
            let mut arguments: Vec<_> = test.into_iter().map(Into::into).collect();
            arguments.extend(["--nocapture".into(), "worker".into(), pool.to_string().into(), dir.into()]);
            arguments
        }),
        pools_dir: dir.join("pools"),
        notes_dir: dir.join("workers"),
        damages: Arc::new(|_| Ok(Vec::new())),
        memory_bytes: Some(512 * 1024 * 1024),
    }
}

pub(super) fn query(sql: &str) -> Query {
    Query { sql: sql.to_owned(), schemas: Vec::new(), limit: 100 }
}

/// A job that does this one thing.
pub(super) fn spec(pool: DataPoolId, act: &str) -> ExecutionSpec {
    ExecutionSpec {
        execution_id: ExecutionId::random(),
        pool_id: pool,
        job_id: DataJobId::random(),
        connection_id: None,
        mode: ExtractionMode::Full,
        changed_at: Timestamp::from_millis(0),
        tasks: Vec::new(),
        schemas: vec![NamedSchema { connection_id: DataConnectionId::random(), name: act.to_owned() }],
    }
}

/// Whether a process is there, be it only to be waited for.
pub(super) fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// A sink that keeps what it hears.
#[derive(Default)]
pub(super) struct Heard(pub(super) Mutex<Vec<Event>>);

#[async_trait]
impl EventSink for Heard {
    async fn record(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}
