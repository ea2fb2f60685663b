//! What a user sets up: pools, connections, jobs, tasks, parameters and models.

use forebay_core::id::{ForeignKeyId, ProcessConfigurationId};
use forebay_core::model::calendar::{CalendarDay, CalendarEntry};
use forebay_core::model::process::ProcessColumns;
use forebay_core::model::{Calendar, ProcessConfiguration};

use super::*;

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
        task.retry.attempts = 2;
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
        description: None,
        tables: Vec::new(),
        foreign_keys: Vec::new(),
        processes: Vec::new(),
        calendar: Calendar::default(),
        created_at: at(7),
        created_by: None,
        changed_at: at(7),
    };
    store.create_data_model(&model).await.unwrap();
    model.foreign_keys.push(ForeignKey {
        id: ForeignKeyId::random(),
        source: table.id,
        target: table.id,
        columns: vec![(identifier("id"), identifier("parent"))],
    });
    model.processes.push(ProcessConfiguration {
        id: ProcessConfigurationId::random(),
        activity_table: table.id,
        case_table: None,
        is_default: true,
        columns: ProcessColumns { case_id: Some(identifier("id")), ..ProcessColumns::default() },
        uses_parallel_process: None,
    });
    model.calendar.custom.push(CalendarEntry { day: Some(CalendarDay::Friday), ..CalendarEntry::default() });
    model.description = Some("about".to_owned());
    model.changed_at = at(8);
    model.tables.push(table);
    store.update_data_model(&model).await.unwrap();
    assert_eq!(store.data_model(pool.id, model.id).await.unwrap(), model);
    assert_eq!(store.data_models(pool.id).await.unwrap(), [model.clone()]);
    store.delete_data_model(pool.id, model.id).await.unwrap();
    is_not_found(store.data_model(pool.id, model.id).await);
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
    let grant = Grant { grantee: Grantee::User(user.id), scope: Scope::Pool(pool.id), permissions };
    store.set_grant(&grant).await.unwrap();
    let execution = new_execution(&job, 10);
    store.start_execution(&execution, &[new_task_execution(0, Status::Queued)], SPEC, None).await.unwrap();
    let log = Event::Log { task: None, level: LogLevel::Debug, code: "c".to_owned(), text: "t".to_owned() };
    tell(&store, execution.id, &[(at(11), log)]).await.unwrap();

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
