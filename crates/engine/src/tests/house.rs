//! What every test needs: an engine, somebody who may do everything, and a pool with a job.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Grant, Permission, Role, Scope, Subject};
use forebay_core::connection::{ConnectionConfig, Credentials, HashAlgorithm, PostgresqlConfig, SslMode};
use forebay_core::error::{Error, Result};
use forebay_core::execution::{Execution, ExtractionMode, Priority, Status};
use forebay_core::extraction::{SourceTableName, TableExtraction};
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId, ExecutionId, ModelTableId};
use forebay_core::job::{DataJob, Task, TaskKind};
use forebay_core::model::ModelTable;
use forebay_core::name::{Identifier, Name};
use forebay_core::oauth::Authority;
use forebay_core::queue::Limits;
use forebay_core::secret::Secret;
use forebay_core::stop::{Stop, StopHandle};
use forebay_store::{KeyKind, Store};
use tokio::task::JoinHandle;

use super::disk::TestDisk;
use super::plane::FakePlane;
use crate::{Clock, Engine, NewConnection, NewTask, OidcRules, Selection, Settings, StartExecution};

/// The longest a test waits for what must come.
const BOUND: Duration = Duration::from_secs(30);

/// A clock that the test turns.
pub(super) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    pub(super) fn turn(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::parse("name", text).unwrap()
}

pub(super) fn identifier(text: &str) -> Identifier {
    Identifier::parse("identifier", text).unwrap()
}

pub(super) fn postgres(password: &str) -> NewConnection {
    NewConnection {
        name: name("ERP"),
        config: ConnectionConfig::Postgresql(PostgresqlConfig {
            host: "db.example.org".to_owned(),
            port: 5432,
            database: "erp".to_owned(),
            user: "reader".to_owned(),
            password: Secret::new(password),
            ssl_mode: SslMode::VerifyFull,
        }),
        credentials: Credentials::Given,
        algorithm: HashAlgorithm::Sha256,
    }
}

pub(super) fn table(text: &str) -> TableExtraction {
    TableExtraction::new(SourceTableName { schema: None, name: identifier(text) })
}

pub(super) fn model_table(text: &str, connection: Option<DataConnectionId>) -> ModelTable {
    ModelTable {
        id: ModelTableId::random(),
        connection_id: connection,
        table: identifier(text),
        alias: None,
        primary_key: Vec::new(),
    }
}

pub(super) fn full() -> StartExecution {
    StartExecution {
        mode: ExtractionMode::Full,
        selection: Selection::default(),
        idempotency_key: None,
        priority: Priority::Normal,
    }
}

pub(super) fn is_not_found<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
}

pub(super) fn is_conflict<T: std::fmt::Debug>(result: Result<T>, part: &str) {
    assert!(matches!(&result, Err(Error::Conflict { reason }) if reason.contains(part)), "{result:?}");
}

pub(super) fn is_invalid<T: std::fmt::Debug>(result: Result<T>, of: &str, part: &str) {
    let good =
        matches!(&result, Err(Error::Invalid { field, reason }) if field == of && reason.contains(part));
    assert!(good, "{result:?}");
}

/// An engine over a store in memory, with a pool.
pub(super) struct House {
    pub(super) engine: Engine,
    pub(super) store: Store,
    pub(super) plane: Arc<FakePlane>,
    pub(super) clock: Arc<TestClock>,
    pub(super) disk: Arc<TestDisk>,
    pub(super) admin: Caller,
    pub(super) pool: DataPoolId,
    pub(super) connection: DataConnectionId,
    limits: Limits,
}

/// A dispatcher that runs.
pub(super) struct Dispatcher {
    stop: StopHandle,
    task: JoinHandle<()>,
}

impl Dispatcher {
    /// Asks the server to stop.
    pub(super) fn ask(&self) {
        self.stop.request();
    }

    pub(super) async fn ended(self) {
        tokio::time::timeout(BOUND, self.task).await.expect("the dispatcher ends").unwrap();
    }

    pub(super) async fn stop(self) {
        self.ask();
        self.ended().await;
    }

    /// Ends it as a SIGKILL would: nothing is tidied up.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

impl House {
    pub(super) async fn new() -> Self {
        Self::with_limit(4).await
    }

    pub(super) async fn with_limit(running: usize) -> Self {
        Self::with_limits(Limits { running, per_pool: running, per_source: running }).await
    }

    pub(super) async fn with_limits(limits: Limits) -> Self {
        Self::with_store(Store::temporary().await.unwrap(), limits).await
    }

    /// A house whose metadata lies in a folder.
    pub(super) async fn in_folder(dir: &Path) -> Self {
        let store = Store::open(dir).await.unwrap();
        Self::with_store(store, Limits { running: 4, per_pool: 4, per_source: 4 }).await
    }

    async fn with_store(store: Store, limits: Limits) -> Self {
        let plane = Arc::new(FakePlane::default());
        let clock = Arc::new(TestClock(AtomicI64::new(1_000)));
        let disk = Arc::new(TestDisk::default());
        let engine = engine(&store, &plane, &clock, &disk, limits, None);
        let first = engine.first_start().await.unwrap().unwrap();
        let admin = engine.caller_by_key(first.secret.expose(), KeyKind::User).await.unwrap();
        let pool = engine.create_data_pool(&admin, name("Purchasing"), None).await.unwrap().id;
        let connection = engine.create_data_connection(&admin, pool, postgres("hunter2")).await.unwrap().id;
        Self { engine, store, plane, clock, disk, admin, pool, connection, limits }
    }

    /// The same data with an engine that has just been started.
    pub(super) fn restarted(&self) -> Self {
        let engine = engine(&self.store, &self.plane, &self.clock, &self.disk, self.limits, None);
        let disk = Arc::clone(&self.disk);
        let (store, plane, clock) = (self.store.clone(), Arc::clone(&self.plane), Arc::clone(&self.clock));
        let (pool, connection, limits) = (self.pool, self.connection, self.limits);
        let admin = self.admin.clone();
        Self { engine, store, plane, clock, disk, admin, pool, connection, limits }
    }

    /// An engine on the same data that lets people sign in by an issuer.
    pub(super) fn with_oidc(&self, rules: OidcRules) -> Engine {
        engine(&self.store, &self.plane, &self.clock, &self.disk, self.limits, Some(rules))
    }

    pub(super) fn dispatch(&self) -> Dispatcher {
        let (stop, stopped) = Stop::new();
        let engine = self.engine.clone();
        Dispatcher { stop, task: tokio::spawn(async move { engine.dispatch(stopped).await }) }
    }

    /// A job of the connection without tasks.
    pub(super) async fn empty_job(&self, text: &str) -> DataJob {
        self.engine.create_data_job(&self.admin, self.pool, name(text), Some(self.connection)).await.unwrap()
    }

    /// A job with one transformation.
    pub(super) async fn job(&self, text: &str) -> DataJob {
        let job = self.empty_job(text).await;
        self.task(&job, "Transform", TaskKind::Transformation(Some("SELECT 1".to_owned()))).await;
        job
    }

    pub(super) async fn task(&self, job: &DataJob, text: &str, kind: TaskKind) -> Task {
        let new = NewTask { name: name(text), description: None, kind, position: None };
        self.engine.create_task(&self.admin, self.pool, job.id, new).await.unwrap()
    }

    pub(super) async fn start(&self, job: DataJobId) -> Execution {
        self.engine.start_execution(&self.admin, self.pool, job, full()).await.unwrap()
    }

    pub(super) async fn execution(&self, id: ExecutionId) -> Execution {
        self.engine.execution(&self.admin, id).await.unwrap().0
    }

    /// How each task of an execution stands.
    pub(super) async fn tasks(&self, id: ExecutionId) -> Vec<Status> {
        let (_, tasks) = self.engine.execution(&self.admin, id).await.unwrap();
        tasks.into_iter().map(|task| task.status).collect()
    }

    /// Codes and texts of an execution's log, the oldest first.
    pub(super) async fn log(&self, id: ExecutionId) -> Vec<(String, String)> {
        let (mut lines, _) = self.engine.log_messages(&self.admin, id, None, &[], 1_000, 0).await.unwrap();
        lines.reverse();
        lines.into_iter().map(|line| (line.code, line.text)).collect()
    }

    /// Waits until an execution has ended.
    pub(super) async fn ended(&self, id: ExecutionId) -> Execution {
        self.until(id, |execution| execution.status.is_finished()).await
    }

    pub(super) async fn until(&self, id: ExecutionId, wanted: impl Fn(&Execution) -> bool) -> Execution {
        let mut changes = self.engine.changes();
        let waiting = async {
            loop {
                let execution = self.execution(id).await;
                if wanted(&execution) {
                    return execution;
                }
                // A gap in the news is no harm: the state is read again.
                drop(changes.recv().await);
            }
        };
        tokio::time::timeout(BOUND, waiting).await.expect("the execution gets there")
    }

    /// A member with what is granted in a scope.
    pub(super) async fn member(&self, scope: Scope, permissions: &[Permission]) -> Caller {
        let user = self.engine.create_user(&self.admin, name("Member"), None, Role::Member).await.unwrap();
        let subject = Subject::User(user.id);
        let permissions: BTreeSet<Permission> = permissions.iter().copied().collect();
        if !permissions.is_empty() {
            let grant = Grant { grantee: subject.into(), scope, permissions };
            self.engine.set_grant(&self.admin, &grant).await.unwrap();
        }
        let (name, role, authority) = (user.name, user.role, Authority::Whole);
        Caller { subject, name, role, authority, client: None }
    }

    /// Takes away what a member may do in a scope.
    pub(super) async fn revoke(&self, member: &Caller, scope: Scope) {
        let grant = Grant { grantee: member.subject.into(), scope, permissions: BTreeSet::new() };
        self.engine.set_grant(&self.admin, &grant).await.unwrap();
    }

    pub(super) async fn delete(&self, member: &Caller) {
        let Subject::User(id) = member.subject else { panic!("{member:?} is no user") };
        self.engine.delete_user(&self.admin, id).await.unwrap();
    }

    /// Waits until an execution waits for this, and gives the text.
    pub(super) async fn waits_for(&self, id: ExecutionId, reason: &str) -> String {
        let waiting = async {
            loop {
                let waits = self.engine.waits_for(&self.execution(id).await).await.unwrap();
                if let Some(waits) = waits.filter(|waits| format!("{:?}", waits.reason) == reason) {
                    return waits.text;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(BOUND, waiting).await.expect("the execution waits for that")
    }

    /// Another pool with a connection, to take ids from.
    pub(super) async fn other_pool(&self) -> (DataPoolId, DataConnectionId) {
        let pool = self.engine.create_data_pool(&self.admin, name("Sales"), None).await.unwrap().id;
        let made = self.engine.create_data_connection(&self.admin, pool, postgres("x")).await.unwrap();
        (pool, made.id)
    }
}

fn engine(
    store: &Store,
    plane: &Arc<FakePlane>,
    clock: &Arc<TestClock>,
    disk: &Arc<TestDisk>,
    limits: Limits,
    oidc: Option<OidcRules>,
) -> Engine {
    let settings = Settings {
        file_roots: Vec::new(),
        backup_dir: plane.backup_dir(),
        exports_dir: plane.exports_dir(),
        pools_dir: plane.pools_dir(),
        running_limit: limits.running,
        pool_limit: limits.per_pool,
        source_limit: limits.per_source,
        drain: Duration::ZERO,
        tables_at_a_time: 3,
        oidc,
    };
    let (plane, clock, disk) = (Arc::clone(plane), Arc::clone(clock), Arc::clone(disk));
    Engine::new(store.clone(), plane, clock, disk, settings)
}
