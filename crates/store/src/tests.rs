//! The store as its callers see it, in memory and in a folder.

use std::collections::BTreeSet;
use std::path::Path;

use forebay_core::access::{Application, Grant, Key, Permission, Role, Scope, Subject, User};
use forebay_core::connection::{
    ConnectionConfig, DataConnection, HashAlgorithm, PostgresqlConfig, Pseudonymisation, SslMode,
};
use forebay_core::event::Event;
use forebay_core::execution::{
    Execution, ExtractionMode, LogLevel, Receipt, Status, StepExecution, TaskExecution,
};
use forebay_core::extraction::{ChangeDate, ColumnChoice, SourceTableName, TableExtraction};
use forebay_core::id::{
    ApplicationId, DataConnectionId, DataJobId, DataModelId, DataPoolId, ExecutionId, KeyId, ModelTableId,
    ParameterId, TableExtractionId, TaskId, TaskTemplateId, UserId,
};
use forebay_core::job::{Activation, DataJob, ModelLoad, TableChoice, Task, TaskKind};
use forebay_core::model::{DataModel, ForeignKey, ModelTable};
use forebay_core::name::{Identifier, Name};
use forebay_core::parameter::{
    DynamicOperation, DynamicValue, Parameter, ParameterOrigin, ParameterType, Visibility,
};
use forebay_core::pool::DataPool;
use forebay_core::secret::Secret;
use forebay_core::{Error, Timestamp};

use crate::{KeyKind, Store};

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
    Execution {
        id: ExecutionId::random(),
        pool_id: job.pool_id,
        job_id: job.id,
        mode: ExtractionMode::Delta,
        status: Status::Queued,
        message: None,
        started_by: Subject::User(UserId::random()),
        queued_at: at(queued_at),
        started_at: None,
        finished_at: None,
    }
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
    let store = Store::in_memory().await.unwrap();
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

#[tokio::test]
async fn pools_and_connections_come_back_as_they_were() {
    let (store, mut pool) = store_with_pool().await;
    assert_eq!(store.data_pool(pool.id).await.unwrap(), pool);
    pool.name = name("Sales");
    pool.description = None;
    store.update_data_pool(&pool).await.unwrap();
    assert_eq!(store.data_pools().await.unwrap(), [pool.clone()]);
    is_conflict(store.create_data_pool(&pool).await, "data pool");
    is_not_found(store.update_data_pool(&new_pool()).await);
    is_not_found(store.delete_data_pool(DataPoolId::random()).await);

    let mut connection = new_connection(pool.id, "ERP");
    store.create_data_connection(&connection).await.unwrap();
    assert_eq!(store.data_connection(pool.id, connection.id).await.unwrap(), connection);
    is_not_found(store.data_connection(DataPoolId::random(), connection.id).await);
    is_conflict(store.create_data_connection(&new_connection(pool.id, "ERP")).await, "`ERP`");
    is_not_found(store.create_data_connection(&new_connection(DataPoolId::random(), "ERP")).await);
    connection.pseudonymisation.salt = Secret::new("another");
    store.update_data_connection(&connection).await.unwrap();
    assert_eq!(store.data_connections(pool.id).await.unwrap(), [connection]);
}

#[tokio::test]
async fn a_connection_that_a_job_uses_stays() {
    let (store, pool) = store_with_pool().await;
    let connection = new_connection(pool.id, "ERP");
    store.create_data_connection(&connection).await.unwrap();
    let mut job = new_job(pool.id, Some(connection.id));
    store.create_data_job(&job).await.unwrap();
    is_conflict(store.delete_data_connection(pool.id, connection.id).await, "`Nightly load`");
    job.connection_id = None;
    store.update_data_job(&job).await.unwrap();
    store.delete_data_connection(pool.id, connection.id).await.unwrap();
    is_not_found(store.delete_data_connection(pool.id, connection.id).await);
    is_not_found(store.create_data_job(&new_job(pool.id, Some(connection.id))).await);
    is_not_found(store.create_data_job(&new_job(DataPoolId::random(), None)).await);
    job.connection_id = Some(connection.id);
    is_not_found(store.update_data_job(&job).await);
}

#[tokio::test]
async fn a_job_takes_no_connection_of_another_pool() {
    let (store, pool) = store_with_pool().await;
    let other = new_pool();
    store.create_data_pool(&other).await.unwrap();
    let connection = new_connection(other.id, "ERP");
    store.create_data_connection(&connection).await.unwrap();
    is_not_found(store.create_data_job(&new_job(pool.id, Some(connection.id))).await);
}

#[tokio::test]
async fn tasks_keep_their_order_without_gaps() {
    let (store, job) = store_with_job().await;
    let make = |text: &str, position| new_task(&job, text, position, TaskKind::Transformation(None));
    let mut a = store.create_task(&make("a", -1)).await.unwrap();
    let b = store.create_task(&make("b", 99)).await.unwrap();
    let c = store.create_task(&make("c", 0)).await.unwrap();
    assert_eq!((a.position, b.position, c.position), (0, 1, 0));
    store.create_task(&make("d", 2)).await.unwrap();
    assert_eq!(positions(&store, job.id).await, order(&["c", "a", "d", "b"]));
    a.position = 3;
    store.update_task(&a).await.unwrap();
    assert_eq!(positions(&store, job.id).await, order(&["c", "d", "b", "a"]));
    a.position = 0;
    store.update_task(&a).await.unwrap();
    assert_eq!(positions(&store, job.id).await, order(&["a", "c", "d", "b"]));
    a.position = -1;
    store.update_task(&a).await.unwrap();
    assert_eq!(positions(&store, job.id).await, order(&["c", "d", "b", "a"]));
    store.delete_task(job.pool_id, job.id, c.id).await.unwrap();
    assert_eq!(positions(&store, job.id).await, order(&["d", "b", "a"]));
    is_not_found(store.delete_task(job.pool_id, job.id, c.id).await);
    is_not_found(store.update_task(&c).await);
}

#[tokio::test]
async fn tasks_of_every_kind_come_back_as_they_were() {
    let (store, job) = store_with_job().await;
    let table = TableExtraction {
        id: TableExtractionId::random(),
        table: SourceTableName { schema: Some(identifier("dbo")), name: identifier("orders") },
        target: Some(identifier("ORDERS")),
        columns: ColumnChoice::Only(vec![identifier("id"), identifier("sum")]),
        manual_key: vec![identifier("id")],
        pseudonymised: vec![identifier("who")],
        filter: Some("id > 1".to_owned()),
        delta_filter: None,
        creation_date: None,
        change_date: Some(ChangeDate { column: identifier("changed"), offset_seconds: 60 }),
        max_string_length: Some(80),
        activation: Activation::Disabled,
    };
    let load = ModelLoad {
        data_model_id: DataModelId::random(),
        tables: TableChoice::Only(vec![ModelTableId::random()]),
    };
    for (position, kind) in [
        TaskKind::Extraction(vec![table]),
        TaskKind::Transformation(None),
        TaskKind::Transformation(Some("select 'ä'".to_owned())),
        TaskKind::DataModelLoad(load),
    ]
    .into_iter()
    .enumerate()
    {
        let mut task = new_task(&job, "t", i64::try_from(position).unwrap(), kind);
        store.create_task(&task).await.unwrap();
        assert_eq!(store.task(job.pool_id, job.id, task.id).await.unwrap(), task);
        task.description = Some("about".to_owned());
        task.activation = Activation::Disabled;
        store.update_task(&task).await.unwrap();
        for id in [task.id.to_string(), task.template_id.to_string()] {
            let found = store.task_by_template_or_instance(job.pool_id, job.id, &id).await.unwrap();
            assert_eq!(found, task);
        }
    }
    is_not_found(store.task_by_template_or_instance(job.pool_id, job.id, "None").await);
    is_not_found(store.task(DataPoolId::random(), job.id, store.tasks(job.id).await.unwrap()[0].id).await);
    let mut stray = new_task(&job, "t", -1, TaskKind::Transformation(None));
    stray.job_id = DataJobId::random();
    is_not_found(store.create_task(&stray).await);
}

#[tokio::test]
async fn a_placeholder_is_unique_in_its_scope() {
    let (store, job) = store_with_job().await;
    let pool = job.pool_id;
    let task = new_task(&job, "t", -1, TaskKind::Transformation(None));
    store.create_task(&task).await.unwrap();
    let mut of_pool = new_parameter(pool, None, "start");
    let mut of_task = new_parameter(pool, Some(task.id), "start");
    of_task.pool_parameter_id = Some(of_pool.id);
    is_not_found(store.create_parameter(&of_task).await);
    store.create_parameter(&of_pool).await.unwrap();
    store.create_parameter(&of_task).await.unwrap();
    is_conflict(store.create_parameter(&new_parameter(pool, None, "start")).await, "`start`");
    is_conflict(store.create_parameter(&new_parameter(pool, Some(task.id), "start")).await, "`start`");
    is_not_found(store.create_parameter(&new_parameter(pool, Some(TaskId::random()), "x")).await);

    of_pool.origin = ParameterOrigin::Dynamic(DynamicValue {
        operation: DynamicOperation::FindMax,
        connection_id: None,
        table: identifier("orders"),
        column: identifier("changed"),
    });
    store.update_parameter(&of_pool).await.unwrap();
    assert_eq!(store.parameters(pool, None).await.unwrap(), [of_pool.clone()]);
    assert_eq!(store.parameters(pool, Some(task.id)).await.unwrap(), [of_task.clone()]);
    assert_eq!(store.parameter(pool, of_task.id).await.unwrap(), of_task);

    is_conflict(store.delete_parameter(pool, of_pool.id).await, "task `t`");
    store.delete_task(pool, job.id, task.id).await.unwrap();
    is_not_found(store.parameter(pool, of_task.id).await);
    store.delete_parameter(pool, of_pool.id).await.unwrap();
    is_not_found(store.delete_parameter(pool, of_pool.id).await);
}

#[tokio::test]
async fn models_come_back_as_they_were() {
    let (store, pool) = store_with_pool().await;
    let table = ModelTable {
        id: ModelTableId::random(),
        connection_id: None,
        table: identifier("orders"),
        alias: Some(identifier("Orders")),
        primary_key: vec![identifier("id")],
    };
    let mut model = DataModel {
        id: DataModelId::random(),
        pool_id: pool.id,
        name: name("Model"),
        tables: Vec::new(),
        foreign_keys: Vec::new(),
        created_at: at(7),
    };
    store.create_data_model(&model).await.unwrap();
    model.foreign_keys.push(ForeignKey {
        source: table.id,
        target: table.id,
        columns: vec![(identifier("id"), identifier("parent"))],
    });
    model.tables.push(table);
    store.update_data_model(&model).await.unwrap();
    assert_eq!(store.data_model(pool.id, model.id).await.unwrap(), model);
    assert_eq!(store.data_models(pool.id).await.unwrap(), [model.clone()]);
    store.delete_data_model(pool.id, model.id).await.unwrap();
    is_not_found(store.data_model(pool.id, model.id).await);
}

#[tokio::test]
async fn permissions_are_those_of_the_service_and_the_pool() {
    let (store, pool) = store_with_pool().await;
    let other = new_pool();
    store.create_data_pool(&other).await.unwrap();
    let user = new_user(Role::Member);
    let subject = Subject::User(user.id);
    let grant = |scope, permissions: &[Permission]| Grant {
        subject,
        scope,
        permissions: permissions.iter().copied().collect(),
    };
    is_not_found(store.set_grant(&grant(Scope::Service, &[Permission::View])).await);
    store.create_user(&user).await.unwrap();
    is_not_found(store.set_grant(&grant(Scope::Pool(DataPoolId::random()), &[Permission::View])).await);

    let service = grant(Scope::Service, &[Permission::View]);
    let of_pool = grant(Scope::Pool(pool.id), &[Permission::Execute, Permission::View]);
    store.set_grant(&grant(Scope::Service, &[Permission::Manage])).await.unwrap();
    store.set_grant(&service).await.unwrap();
    store.set_grant(&of_pool).await.unwrap();
    let both = BTreeSet::from([Permission::View, Permission::Execute]);
    assert_eq!(store.permissions(subject, pool.id).await.unwrap(), both);
    assert_eq!(store.permissions(subject, other.id).await.unwrap(), BTreeSet::from([Permission::View]));
    assert!(store.permissions(Subject::User(UserId::random()), pool.id).await.unwrap().is_empty());
    assert_eq!(store.grants(None).await.unwrap(), [service.clone(), of_pool.clone()]);
    assert_eq!(store.grants(Some(Scope::Service)).await.unwrap(), vec![service.clone()]);
    assert_eq!(store.grants(Some(Scope::Pool(pool.id))).await.unwrap(), [of_pool]);

    store.set_grant(&grant(Scope::Pool(pool.id), &[])).await.unwrap();
    assert_eq!(store.grants(None).await.unwrap(), [service]);
    store.delete_user(user.id).await.unwrap();
    assert!(store.grants(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_permission_fits_the_schema() {
    let store = Store::in_memory().await.unwrap();
    let application = Application { id: ApplicationId::random(), name: name("Loader"), created_at: at(1) };
    store.create_application(&application).await.unwrap();
    let grant = Grant {
        subject: Subject::Application(application.id),
        scope: Scope::Service,
        permissions: BTreeSet::from(Permission::ALL),
    };
    store.set_grant(&grant).await.unwrap();
    assert_eq!(store.grants(None).await.unwrap(), [grant]);
    assert_eq!(store.application(application.id).await.unwrap(), application);
    assert_eq!(store.applications().await.unwrap(), [application]);
}

#[tokio::test]
async fn a_key_names_its_caller() {
    let store = Store::in_memory().await.unwrap();
    let admin = new_user(Role::Admin);
    let member = new_user(Role::Member);
    let application = Application { id: ApplicationId::random(), name: name("Loader"), created_at: at(1) };
    store.create_user(&admin).await.unwrap();
    store.create_user(&member).await.unwrap();
    store.create_application(&application).await.unwrap();
    assert_eq!(store.count_admins().await.unwrap(), 1);
    assert_eq!(store.users().await.unwrap().len(), 2);
    assert_eq!(store.user(admin.id).await.unwrap(), admin);
    let key =
        |owner| Key { id: KeyId::random(), owner, name: name("k"), created_at: at(1), last_used_at: None };
    let of_admin = key(Subject::User(admin.id));
    let of_application = key(Subject::Application(application.id));
    store.create_key(&of_admin, &[1; 32]).await.unwrap();
    store.create_key(&of_application, &[2; 32]).await.unwrap();
    is_conflict(store.create_key(&key(Subject::User(member.id)), &[1; 32]).await, "key");
    is_not_found(store.create_key(&key(Subject::User(UserId::random())), &[3; 32]).await);

    let now = at(1_000_000);
    let caller = store.caller_by_key(&[1; 32], KeyKind::User, now).await.unwrap().unwrap();
    assert_eq!((caller.subject, caller.role), (Subject::User(admin.id), Role::Admin));
    let caller = store.caller_by_key(&[2; 32], KeyKind::Application, now).await.unwrap().unwrap();
    assert_eq!((caller.subject, caller.role), (Subject::Application(application.id), Role::Member));
    assert!(store.caller_by_key(&[1; 32], KeyKind::Application, now).await.unwrap().is_none());
    assert!(store.caller_by_key(&[2; 32], KeyKind::User, now).await.unwrap().is_none());
    assert!(store.caller_by_key(&[9; 32], KeyKind::User, now).await.unwrap().is_none());

    for (later, used) in [(1_059_999, 1_000_000), (1_060_000, 1_060_000)] {
        store.caller_by_key(&[1; 32], KeyKind::User, at(later)).await.unwrap().unwrap();
        let keys = store.keys(Some(Subject::User(admin.id))).await.unwrap();
        assert_eq!(keys.iter().map(|key| key.last_used_at).collect::<Vec<_>>(), [Some(at(used))]);
    }
    assert_eq!(store.keys(None).await.unwrap().len(), 2);
    store.delete_key(of_admin.id).await.unwrap();
    is_not_found(store.delete_key(of_admin.id).await);
    store.delete_application(application.id).await.unwrap();
    assert!(store.keys(None).await.unwrap().is_empty());
}

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
    store.claim_execution(at(12), 1).await.unwrap().unwrap();
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
async fn the_oldest_is_claimed_first_within_the_limit() {
    let (store, pool) = store_with_pool().await;
    let mut executions = Vec::new();
    for queued_at in [30, 10, 20, 20] {
        let job = new_job(pool.id, None);
        store.create_data_job(&job).await.unwrap();
        let execution = new_execution(&job, queued_at);
        store.start_execution(&execution, &[], SPEC, None).await.unwrap();
        executions.push(execution.id);
    }
    assert!(store.claim_execution(at(40), 0).await.unwrap().is_none());
    let (claimed, spec) = store.claim_execution(at(40), 2).await.unwrap().unwrap();
    assert_eq!(
        (claimed.id, claimed.status, claimed.started_at),
        (executions[1], Status::Running, Some(at(40)))
    );
    assert_eq!(spec, SPEC);
    assert_eq!(store.claim_execution(at(41), 2).await.unwrap().unwrap().0.id, executions[2]);
    assert!(store.claim_execution(at(42), 2).await.unwrap().is_none());
    let running: Vec<_> =
        store.interrupted_executions().await.unwrap().iter().map(|execution| execution.id).collect();
    assert_eq!(running, [executions[1], executions[2]]);
    store.finish_execution(executions[1], Status::Fail, None, at(43)).await.unwrap();
    assert_eq!(store.claim_execution(at(44), 2).await.unwrap().unwrap().0.id, executions[3]);
    assert!(store.requeue_execution(executions[2]).await.unwrap());
    assert!(!store.requeue_execution(executions[2]).await.unwrap());
    assert_eq!(store.claim_execution(at(45), 2).await.unwrap().unwrap().0.id, executions[2]);
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
        store.claim_execution(at(11), 1).await.unwrap().unwrap();
        let [done, begun, _] = [tasks[0].task_id, tasks[1].task_id, tasks[2].task_id];
        let events = [
            (at(12), Event::TaskStarted { task: done }),
            (at(13), Event::TaskFinished { task: done, status: Status::Success, message: None }),
            (at(14), Event::TaskStarted { task: begun }),
            (at(15), Event::StepStarted { task: begun, step: 0, name: "orders".to_owned() }),
        ];
        store.apply_events(execution.id, &events).await.unwrap();
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
        store.apply_events(execution.id, &late).await.unwrap();
        let told = store.task_executions(execution.id).await.unwrap();
        assert_eq!(
            told.iter().map(|task| task.status).collect::<Vec<_>>(),
            [Status::Success, running, queued]
        );
        assert_eq!((told[1].steps[0].status, told[1].steps[0].finished_at), (running, Some(at(20))));
        assert_eq!(told[0].finished_at, Some(at(13)));
        assert_eq!(store.log_messages(execution.id, None, &[], 10, 0).await.unwrap().1, 1);
        assert!(store.claim_execution(at(24), 9).await.unwrap().is_none());
        assert!(!store.requeue_execution(execution.id).await.unwrap());
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
    store.claim_execution(at(11), 1).await.unwrap().unwrap();

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
    store.apply_events(execution.id, &events).await.unwrap();
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

    assert!(store.requeue_execution(execution.id).await.unwrap());
    let told = store.task_executions(execution.id).await.unwrap();
    assert_eq!(told.iter().map(|task| task.status).collect::<Vec<_>>(), [Status::Queued, Status::Skipped]);
    assert!(told[0].steps.iter().all(|step| step.status == Status::Queued && step.rows == 0));
    is_not_found(store.apply_events(ExecutionId::random(), &events).await);
    is_not_found(store.execution(ExecutionId::random()).await);
}

#[tokio::test]
async fn a_deleted_pool_takes_everything_along() {
    let (store, pool) = store_with_pool().await;
    let connection = new_connection(pool.id, "ERP");
    store.create_data_connection(&connection).await.unwrap();
    let job = new_job(pool.id, Some(connection.id));
    store.create_data_job(&job).await.unwrap();
    let task = new_task(&job, "t", -1, TaskKind::Transformation(None));
    store.create_task(&task).await.unwrap();
    let of_pool = new_parameter(pool.id, None, "a");
    let mut of_task = new_parameter(pool.id, Some(task.id), "b");
    of_task.pool_parameter_id = Some(of_pool.id);
    store.create_parameter(&of_pool).await.unwrap();
    store.create_parameter(&of_task).await.unwrap();
    let user = new_user(Role::Member);
    store.create_user(&user).await.unwrap();
    let permissions = BTreeSet::from([Permission::View]);
    let grant = Grant { subject: Subject::User(user.id), scope: Scope::Pool(pool.id), permissions };
    store.set_grant(&grant).await.unwrap();
    let execution = new_execution(&job, 10);
    store.start_execution(&execution, &[new_task_execution(0, Status::Queued)], SPEC, None).await.unwrap();
    let log = Event::Log { task: None, level: LogLevel::Debug, code: "c".to_owned(), text: "t".to_owned() };
    store.apply_events(execution.id, &[(at(11), log)]).await.unwrap();

    is_conflict(store.delete_data_pool(pool.id).await, "is still queued");
    store.finish_execution(execution.id, Status::Cancel, None, at(12)).await.unwrap();
    assert!(store.removed_data_pools().await.unwrap().is_empty());
    store.delete_data_pool(pool.id).await.unwrap();
    assert_eq!(store.removed_data_pools().await.unwrap(), [pool.id]);
    store.forget_removed_data_pool(pool.id).await.unwrap();
    assert!(store.removed_data_pools().await.unwrap().is_empty());
    is_not_found(store.delete_data_pool(pool.id).await);
    assert!(store.data_connections(pool.id).await.unwrap().is_empty());
    assert!(store.data_jobs(pool.id).await.unwrap().is_empty());
    assert!(store.tasks(job.id).await.unwrap().is_empty());
    assert!(store.parameters(pool.id, None).await.unwrap().is_empty());
    assert!(store.grants(None).await.unwrap().is_empty());
    assert!(store.task_executions(execution.id).await.unwrap().is_empty());
    assert_eq!(store.log_messages(execution.id, None, &[], 10, 0).await.unwrap().1, 0);
    is_not_found(store.execution(execution.id).await);
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
        claims.spawn(async move { store.claim_execution(at(now), 8).await.unwrap().is_some() });
    }
    assert_eq!(claims.join_all().await.into_iter().filter(|claimed| *claimed).count(), 1);
}

#[tokio::test]
async fn secrets_are_not_in_the_files_as_plain_text() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let pool = new_pool();
    let connection = new_connection(pool.id, "ERP");
    let job = new_job(pool.id, None);
    store.create_data_pool(&pool).await.unwrap();
    store.create_data_connection(&connection).await.unwrap();
    store.create_data_job(&job).await.unwrap();
    store.start_execution(&new_execution(&job, 10), &[], SPEC, None).await.unwrap();
    let check = |dir: &Path| {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("Purchasing"), "the files are those of the database");
        for secret in ["plain-hunter2", "salt-of-mine", "spec-hunter2", "db.example.org"] {
            assert!(!holds(secret), "{secret}");
        }
    };
    check(dir.path());
    store.close().await;
    check(dir.path());
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.data_connection(pool.id, connection.id).await.unwrap(), connection);
    assert_eq!(store.claim_execution(at(11), 1).await.unwrap().unwrap().1, SPEC);
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path()).await.unwrap().close().await;
    let key = dir.path().join("secret.key");
    let bytes = std::fs::read(&key).unwrap();
    assert_eq!(bytes.len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::write(&key, [7; 32]).unwrap();
    is_unavailable(Store::open(dir.path()).await, "not the one");
    std::fs::write(&key, [7; 31]).unwrap();
    is_unavailable(Store::open(dir.path()).await, "32 bytes");
    std::fs::remove_file(&key).unwrap();
    is_unavailable(Store::open(dir.path()).await, "missing");
    std::fs::write(&key, bytes).unwrap();
    Store::open(dir.path()).await.unwrap();
    is_unavailable(Store::open(&dir.path().join("nowhere")).await, "cannot be");
}

#[tokio::test]
async fn a_sealed_value_opens_only_in_its_own_row() {
    let (store, pool) = store_with_pool().await;
    let connections = [new_connection(pool.id, "a"), new_connection(pool.id, "b")];
    for connection in &connections {
        store.create_data_connection(connection).await.unwrap();
    }
    crate::db::query(
        "update data_connections
         set sealed_config = (select sealed_config from data_connections where name = 'b') where name = 'a'",
    )
    .execute(store.write())
    .await
    .unwrap();
    let result = store.data_connection(pool.id, connections[0].id).await;
    assert!(matches!(result, Err(Error::Internal { .. })), "{result:?}");
}

#[tokio::test]
async fn an_execution_whose_spec_does_not_open_fails_and_lets_the_next_run() {
    let (store, job) = store_with_job().await;
    let other_job = new_job(job.pool_id, None);
    store.create_data_job(&other_job).await.unwrap();
    let (broken, good) = (new_execution(&job, 10), new_execution(&other_job, 11));
    store.start_execution(&broken, &[], SPEC, None).await.unwrap();
    store.start_execution(&good, &[], SPEC, None).await.unwrap();
    crate::db::query("update executions set sealed_spec = x'00' where id = $1")
        .bind(broken.id.to_string())
        .execute(store.write())
        .await
        .unwrap();
    assert_eq!(store.claim_execution(at(12), 1).await.unwrap().unwrap().0.id, good.id);
    assert_eq!(store.execution(broken.id).await.unwrap().status, Status::Fail);
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

#[tokio::test]
async fn an_execution_put_back_goes_on_with_the_task_that_was_interrupted() {
    let (store, job) = store_with_job().await;
    let execution = new_execution(&job, 10);
    let tasks: Vec<_> = (0..4).map(|position| new_task_execution(position, Status::Queued)).collect();
    let [done, skipped, interrupted, later] =
        [tasks[0].task_id, tasks[1].task_id, tasks[2].task_id, tasks[3].task_id];
    store.start_execution(&execution, &tasks, SPEC, None).await.unwrap();
    store.claim_execution(at(11), 1).await.unwrap().unwrap();
    let finished = |task, status| Event::TaskFinished { task, status, message: Some("m".to_owned()) };
    let step = |task, status| Event::StepFinished { task, step: 0, status, message: None, receipt: None };
    let begun = |task| Event::StepStarted { task, step: 0, name: "s".to_owned() };
    let events = [
        Event::TaskStarted { task: done },
        begun(done),
        step(done, Status::Success),
        finished(done, Status::Success),
        Event::TaskStarted { task: skipped },
        finished(skipped, Status::Skipped),
        Event::TaskStarted { task: interrupted },
        begun(interrupted),
        step(interrupted, Status::Success),
        finished(interrupted, Status::Cancel),
        finished(later, Status::Cancel),
    ];
    let events: Vec<_> = events.into_iter().map(|event| (at(12), event)).collect();
    store.apply_events(execution.id, &events).await.unwrap();
    assert!(store.requeue_execution(execution.id).await.unwrap());
    let told = store.task_executions(execution.id).await.unwrap();
    let ends: Vec<Status> = told.iter().map(|task| task.status).collect();
    assert_eq!(ends, [Status::Success, Status::Skipped, Status::Queued, Status::Queued]);
    assert_eq!((told[0].steps[0].status, told[2].steps[0].status), (Status::Success, Status::Queued));
    assert_eq!((told[0].started_at, told[2].started_at), (Some(at(12)), None));
}

#[tokio::test]
async fn pools_are_listed_by_what_is_granted_in_them() {
    let (store, pool) = store_with_pool().await;
    let other = new_pool();
    store.create_data_pool(&other).await.unwrap();
    let (user, neighbour) = (new_user(Role::Member), new_user(Role::Member));
    store.create_user(&user).await.unwrap();
    store.create_user(&neighbour).await.unwrap();
    let permissions = BTreeSet::from([Permission::Edit, Permission::Manage]);
    let other_grant =
        Grant { subject: Subject::User(neighbour.id), scope: Scope::Pool(pool.id), permissions };
    store.set_grant(&other_grant).await.unwrap();
    let subject = Subject::User(user.id);
    let watching = [Permission::View, Permission::Execute];
    let seen = async || {
        let pools = store.data_pools_granted(subject, &watching).await.unwrap();
        pools.into_iter().map(|pool| pool.id).collect::<BTreeSet<_>>()
    };
    assert_eq!(seen().await, BTreeSet::new());
    let grant = |scope, permission| Grant { subject, scope, permissions: BTreeSet::from([permission]) };
    store.set_grant(&grant(Scope::Pool(pool.id), Permission::Edit)).await.unwrap();
    assert_eq!(seen().await, BTreeSet::new());
    store.set_grant(&grant(Scope::Pool(pool.id), Permission::Execute)).await.unwrap();
    assert_eq!(seen().await, BTreeSet::from([pool.id]));
    store.set_grant(&grant(Scope::Service, Permission::View)).await.unwrap();
    assert_eq!(seen().await, BTreeSet::from([pool.id, other.id]));
    let stranger = Subject::Application(ApplicationId::random());
    assert!(store.data_pools_granted(stranger, &watching).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_two_changes_of_a_task_at_once_neither_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let pool = new_pool();
    let job = new_job(pool.id, None);
    store.create_data_pool(&pool).await.unwrap();
    store.create_data_job(&job).await.unwrap();
    let task = new_task(&job, "t", -1, TaskKind::Transformation(Some(String::new())));
    store.create_task(&task).await.unwrap();
    let mut changes = tokio::task::JoinSet::new();
    for letter in 'a'..='h' {
        let (store, job, id) = (store.clone(), job.clone(), task.id);
        changes.spawn(async move {
            let change = |task: &mut Task| {
                if let TaskKind::Transformation(Some(script)) = &mut task.kind {
                    script.push(letter);
                }
                Ok(())
            };
            store.change_task(job.pool_id, job.id, id, change).await.unwrap();
        });
    }
    changes.join_all().await;
    let TaskKind::Transformation(Some(script)) = store.task(pool.id, job.id, task.id).await.unwrap().kind
    else {
        panic!("the task changed its kind")
    };
    assert_eq!(script.chars().collect::<BTreeSet<_>>(), ('a'..='h').collect());
    let refused = |_: &mut Task| Err(Error::invalid("name", "is refused"));
    assert!(store.change_task(pool.id, job.id, task.id, refused).await.is_err());
    is_not_found(store.change_task(pool.id, job.id, TaskId::random(), |_| Ok(())).await);
}
