//! The store as its callers see it, in a temporary folder and in one that stays.

mod access;
mod audit;
mod backup;
mod claims;
mod contents;
mod executions;
mod exports;
mod groups;
mod history;
mod identities;
mod models;
mod oauth;
mod push;
mod queue;
mod retention;
mod schedules;
mod secrets;
mod settings;
mod setup;
mod upgrades;
mod writing;

use std::collections::BTreeSet;
use std::path::Path;

use forebay_core::access::{Application, Grant, Grantee, Group, Key, Permission, Role, Scope, Subject, User};
use forebay_core::connection::{
    ConnectionConfig, Credentials, DataConnection, HashAlgorithm, PostgresqlConfig, Pseudonymisation, SslMode,
};
use forebay_core::event::Event;
use forebay_core::execution::{
    Execution, ExtractionMode, LogLevel, Receipt, Status, StepExecution, TaskExecution,
};
use forebay_core::extraction::{ChangeDate, ColumnChoice, SourceTableName, TableExtraction};
use forebay_core::id::{
    ApplicationId, DataConnectionId, DataJobId, DataModelId, DataPoolId, ExecutionId, GroupId, KeyId,
    ModelTableId, ParameterId, TableExtractionId, TaskId, TaskTemplateId, UserId,
};
use forebay_core::job::{Activation, DataJob, ModelLoad, TableChoice, Task, TaskKind};
use forebay_core::model::{DataModel, ForeignKey, ModelTable};
use forebay_core::name::{Identifier, Name};
use forebay_core::parameter::{
    DynamicOperation, DynamicValue, Parameter, ParameterOrigin, ParameterType, Visibility,
};
use forebay_core::pool::DataPool;
use forebay_core::queue::{Limits, Queue};
use forebay_core::retry::RetryPolicy;
use forebay_core::secret::Secret;
use forebay_core::{Error, Result, Timestamp};

use crate::{Claimed, KeyKind, Requeue, Store, db, events};

const SPEC: &str = r#"{"password":"spec-hunter2"}"#;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn name(text: &str) -> Name {
    Name::parse("name", text).unwrap()
}

fn identifier(text: &str) -> Identifier {
    Identifier::parse("identifier", text).unwrap()
}

fn new_pool() -> DataPool {
    DataPool {
        id: DataPoolId::random(),
        name: name("Purchasing"),
        description: Some("orders".to_owned()),
        created_at: at(1),
        created_by: Subject::User(UserId::random()),
    }
}

fn new_connection(pool: DataPoolId, text: &str) -> DataConnection {
    DataConnection {
        id: DataConnectionId::random(),
        pool_id: pool,
        name: name(text),
        config: ConnectionConfig::Postgresql(PostgresqlConfig {
            host: "db.example.org".to_owned(),
            port: 5432,
            database: "erp".to_owned(),
            user: "reader".to_owned(),
            password: Secret::new("plain-hunter2"),
            ssl_mode: SslMode::VerifyFull,
        }),
        credentials: Credentials::Given,
        pseudonymisation: Pseudonymisation {
            algorithm: HashAlgorithm::Sha256,
            salt: Secret::new("salt-of-mine"),
        },
        created_at: at(2),
    }
}

fn new_job(pool: DataPoolId, connection: Option<DataConnectionId>) -> DataJob {
    DataJob {
        id: DataJobId::random(),
        pool_id: pool,
        connection_id: connection,
        name: name("Nightly load"),
        created_at: at(3),
    }
}

fn new_task(job: &DataJob, text: &str, position: i64, kind: TaskKind) -> Task {
    Task {
        id: TaskId::random(),
        template_id: TaskTemplateId::random(),
        pool_id: job.pool_id,
        job_id: job.id,
        name: name(text),
        description: None,
        activation: Activation::Enabled,
        position,
        kind,
        retry: RetryPolicy { attempts: 5, first_pause_seconds: 1, longest_pause_seconds: 9 },
        created_at: at(4),
    }
}

fn new_parameter(pool: DataPoolId, task: Option<TaskId>, placeholder: &str) -> Parameter {
    Parameter {
        id: ParameterId::random(),
        pool_id: pool,
        task_id: task,
        name: name("Start"),
        placeholder: placeholder.to_owned(),
        description: None,
        visibility: Visibility::Public,
        data_type: ParameterType::ListString,
        origin: ParameterOrigin::Constant,
        values: vec!["a".to_owned(), "b".to_owned()],
        default_values: Vec::new(),
        pool_parameter_id: None,
    }
}

fn new_execution(job: &DataJob, queued_at: i64) -> Execution {
    let by = Subject::User(UserId::random());
    Execution::queued(job.pool_id, job.id, ExtractionMode::Delta, by, at(queued_at))
}

async fn front_of_queue(store: &Store, now: Timestamp) -> Result<Queue> {
    crate::queue::front(&*store.read()?, now)
}

/// Claims the execution that is next, whatever its pool.
async fn claim_next(store: &Store, now: i64) -> Option<Claimed> {
    let limits = Limits { running: 9, per_pool: 9, per_source: 9 };
    let id = front_of_queue(store, at(now)).await.unwrap().next(limits, false, at(now))?;
    store.claim_executions(&[id], at(now), at(now + 30)).await.unwrap().pop()
}

fn requeue(now: i64) -> Requeue {
    Requeue { because: "why".to_owned(), attempt: 1, interruptions: 1, not_before: None, at: at(now) }
}

fn new_task_execution(position: i64, status: Status) -> TaskExecution {
    TaskExecution {
        task_id: TaskId::random(),
        name: format!("Task {position}"),
        kind: "EXTRACTION".to_owned(),
        position,
        status,
        message: None,
        started_at: None,
        finished_at: None,
        steps: Vec::new(),
    }
}

fn new_user(role: Role) -> User {
    User {
        id: UserId::random(),
        name: name("Ada"),
        email: Some("ada@example.org".to_owned()),
        role,
        created_at: at(5),
    }
}

async fn store_with_pool() -> (Store, DataPool) {
    let store = Store::temporary().await.unwrap();
    let pool = new_pool();
    store.create_data_pool(&pool).await.unwrap();
    (store, pool)
}

async fn store_with_job() -> (Store, DataJob) {
    let (store, pool) = store_with_pool().await;
    let job = new_job(pool.id, None);
    store.create_data_job(&job).await.unwrap();
    (store, job)
}

async fn positions(store: &Store, job: DataJobId) -> Vec<(String, i64)> {
    let tasks = store.tasks(job).await.unwrap();
    tasks.into_iter().map(|task| (task.name.to_string(), task.position)).collect()
}

fn order(names: &[&str]) -> Vec<(String, i64)> {
    names.iter().zip(0..).map(|(name, position)| ((*name).to_owned(), position)).collect()
}

/// Writes news of an execution, whatever its state.
async fn tell(store: &Store, execution: ExecutionId, events: &[(Timestamp, Event)]) -> Result<(), Error> {
    store.transact(|transaction| events::write(transaction, execution, events)).await
}

/// What SQLite does for a statement, line by line.
fn plan(store: &Store, sql: &str) -> Vec<String> {
    let reader = store.read().unwrap();
    let mut statement = reader.prepare(&format!("explain query plan {sql}")).unwrap();
    let lines = statement.query_map([], |row| row.get("detail")).unwrap();
    lines.collect::<Result<_, _>>().unwrap()
}

/// The one number that a statement gives.
fn number(store: &Store, sql: &str) -> i64 {
    store.read().unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn is_conflict<T: std::fmt::Debug>(result: Result<T, Error>, part: &str) {
    match result {
        Err(Error::Conflict { reason }) => assert!(reason.contains(part), "{reason}"),
        other => panic!("no conflict: {other:?}"),
    }
}

fn is_not_found<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
}

fn is_unavailable(result: Result<Store, Error>, part: &str) {
    match result {
        Err(Error::Unavailable { what }) => assert!(what.contains(part), "{what}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("the store opened"),
    }
}
