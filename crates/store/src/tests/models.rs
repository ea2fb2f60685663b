//! Data models: changes of one, their loads and their name mappings.

use forebay_core::model::Calendar;
use forebay_core::model::load::{
    KEY_WARNING, LoadKind, LoadStatus, LoadedTable, ModelLoadRecord, PlannedLoad,
};
use forebay_core::model::name_mapping::{CountedMappings, MappingKind, NAME_MAPPING_LIMIT, NameMapping};

use super::*;
use crate::db::migrate;

fn new_model(pool: DataPoolId) -> DataModel {
    DataModel {
        id: DataModelId::random(),
        pool_id: pool,
        name: name("Model"),
        description: None,
        tables: Vec::new(),
        foreign_keys: Vec::new(),
        processes: Vec::new(),
        calendar: Calendar::default(),
        created_at: at(7),
        created_by: Some(Subject::User(UserId::random())),
        changed_at: at(7),
    }
}

pub(super) async fn store_with_model() -> (Store, DataModel) {
    let (store, pool) = store_with_pool().await;
    let model = new_model(pool.id);
    store.create_data_model(&model).await.unwrap();
    assert_eq!(store.data_model(pool.id, model.id).await.unwrap(), model);
    (store, model)
}

fn load_task(position: i64) -> TaskExecution {
    TaskExecution { kind: "DATA_MODEL_LOAD".to_owned(), ..new_task_execution(position, Status::Queued) }
}

fn planned(task: &TaskExecution, model: &DataModel) -> PlannedLoad {
    let tables = vec![LoadedTable { id: ModelTableId::random(), name: "orders".to_owned() }];
    PlannedLoad { task_id: task.task_id, model_id: model.id, kind: LoadKind::Complete, tables }
}

fn warning(task: TaskId, text: &str) -> Event {
    let (level, code) = (LogLevel::Warning, KEY_WARNING.to_owned());
    Event::Log { task: Some(task), level, code, text: text.to_owned() }
}

/// Queues an execution of a job with one task that loads a model.
async fn queued(store: &Store, model: &DataModel, job: DataJobId, millis: i64) -> (Execution, TaskExecution) {
    let by = Subject::User(UserId::random());
    let execution = Execution::queued(model.pool_id, job, ExtractionMode::Full, by, at(millis));
    let task = load_task(0);
    let tasks = std::slice::from_ref(&task);
    let loads = [planned(&task, model)];
    let execution = store.start_execution_with_loads(&execution, tasks, &loads, SPEC, None).await.unwrap();
    (execution, task)
}

/// Execution, status, message and warnings of each load, in their order.
fn told(loads: &[ModelLoadRecord]) -> Vec<(ExecutionId, LoadStatus, usize)> {
    loads.iter().map(|load| (load.execution_id, load.status, load.warnings.len())).collect()
}

#[tokio::test]
async fn of_two_changes_of_a_model_at_once_neither_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let pool = new_pool();
    store.create_data_pool(&pool).await.unwrap();
    let model = new_model(pool.id);
    store.create_data_model(&model).await.unwrap();
    let mut changes = tokio::task::JoinSet::new();
    for letter in 'a'..='h' {
        let (store, pool, id) = (store.clone(), pool.id, model.id);
        changes.spawn(async move {
            let change = |model: &mut DataModel| {
                model.description.get_or_insert_default().push(letter);
                Ok(())
            };
            store.change_data_model(pool, id, at(9), change).await.unwrap();
        });
    }
    changes.join_all().await;
    let changed = store.data_model(pool.id, model.id).await.unwrap();
    assert_eq!(changed.description.unwrap().chars().collect::<BTreeSet<_>>(), ('a'..='h').collect());
    assert_eq!(changed.changed_at, at(9));
    let refused = |_: &mut DataModel| Err(Error::invalid("name", "is refused"));
    assert!(store.change_data_model(pool.id, model.id, at(10), refused).await.is_err());
    assert_eq!(store.data_model(pool.id, model.id).await.unwrap().changed_at, at(9));
    is_not_found(store.change_data_model(DataPoolId::random(), model.id, at(10), |_| Ok(())).await);
}

#[tokio::test]
async fn loads_are_told_live_ones_first_and_then_the_newest() {
    let (store, model) = store_with_model().await;
    assert!(store.model_loads(model.id, 10).await.unwrap().is_empty());
    let (first, task) = queued(&store, &model, model.id.into(), 10).await;
    let seen = store.model_loads(model.id, 10).await.unwrap();
    assert_eq!(told(&seen), [(first.id, LoadStatus::Running, 0)]);
    assert_eq!((seen[0].started_at, seen[0].tables[0].name.as_str()), (at(10), "orders"));
    // A second one is refused while it is live, and nothing of it is kept.
    let by = Subject::User(UserId::random());
    let second = Execution::queued(model.pool_id, model.id.into(), ExtractionMode::Full, by, at(11));
    let other = load_task(0);
    let loads = [planned(&other, &model)];
    let result = store.start_execution_with_loads(&second, &[other], &loads, SPEC, None).await;
    assert!(matches!(result, Err(Error::ExecutionIsLive { execution, .. }) if execution == first.id));
    assert!(matches!(
        store.delete_data_model(model.pool_id, model.id).await,
        Err(Error::ExecutionIsLive { .. })
    ));
    let events = [
        (at(12), Event::TaskStarted { task: task.task_id }),
        (at(13), warning(task.task_id, "of a run that was interrupted")),
        (at(14), Event::TaskStarted { task: task.task_id }),
        (at(15), warning(task.task_id, "orders: 2 rows have no customer")),
        (
            at(16),
            Event::TaskFinished {
                task: task.task_id,
                status: Status::Success,
                message: Some("1 table".to_owned()),
            },
        ),
    ];
    tell(&store, first.id, &events).await.unwrap();
    store.finish_execution(first.id, Status::Success, None, at(17)).await.unwrap();
    let seen = store.model_loads(model.id, 10).await.unwrap();
    assert_eq!(told(&seen), [(first.id, LoadStatus::Warning, 1)]);
    assert_eq!(seen[0].message.as_deref(), Some("orders: 2 rows have no customer"));
    assert_eq!(store.loaded_models(model.pool_id).await.unwrap(), [model.id]);

    // The load of a data job counts from when it begins, and a reload from when it is asked for.
    let job = new_job(model.pool_id, None);
    store.create_data_job(&job).await.unwrap();
    let (of_job, of_job_task) = queued(&store, &model, job.id, 20).await;
    let (reload, _) = queued(&store, &model, model.id.into(), 21).await;
    let statuses = async || told(&store.model_loads(model.id, 10).await.unwrap());
    let old = (first.id, LoadStatus::Warning, 1);
    assert_eq!(statuses().await, [(reload.id, LoadStatus::Running, 0), old]);
    tell(&store, of_job.id, &[(at(22), Event::TaskStarted { task: of_job_task.task_id })]).await.unwrap();
    store.finish_execution(reload.id, Status::Fail, Some("no room"), at(23)).await.unwrap();
    let failed = (reload.id, LoadStatus::Error, 0);
    assert_eq!(statuses().await, [(of_job.id, LoadStatus::Running, 0), failed, old]);
    let last = store.last_published_load(model.id).await.unwrap().unwrap();
    assert_eq!(last.execution_id, first.id);
    store.finish_execution(of_job.id, Status::Cancel, None, at(24)).await.unwrap();
    assert_eq!(statuses().await[0], (of_job.id, LoadStatus::Canceled, 0));

    // Of all models of a pool, the first of each.
    let other = new_model(model.pool_id);
    store.create_data_model(&other).await.unwrap();
    let (of_other, _) = queued(&store, &other, other.id.into(), 30).await;
    let mut newest = told(&store.newest_model_loads(model.pool_id).await.unwrap());
    newest.sort_by_key(|load| load.0 != of_job.id);
    assert_eq!(newest, [(of_job.id, LoadStatus::Canceled, 0), (of_other.id, LoadStatus::Running, 0)]);
    assert!(store.newest_model_loads(DataPoolId::random()).await.unwrap().is_empty());
    store.finish_execution(of_other.id, Status::Cancel, None, at(31)).await.unwrap();
    store.delete_data_model(model.pool_id, other.id).await.unwrap();

    // Reloads go with the model, and what is dropped of executions goes with them.
    store.delete_data_model(model.pool_id, model.id).await.unwrap();
    assert_eq!(number(&store, "select count(*) from model_loads"), 1);
    store.delete_data_job(model.pool_id, job.id).await.unwrap();
    assert_eq!(number(&store, "select count(*) from model_loads"), 0);
}

#[tokio::test]
async fn a_flood_of_warnings_is_bounded() {
    let (store, model) = store_with_model().await;
    let (execution, task) = queued(&store, &model, model.id.into(), 10).await;
    let events: Vec<_> = (0..500).map(|n| (at(11), warning(task.task_id, &format!("warning {n}")))).collect();
    tell(&store, execution.id, &events).await.unwrap();
    assert_eq!(store.model_loads(model.id, 1).await.unwrap()[0].warnings.len(), 100);
}

#[tokio::test]
async fn name_mappings_are_replaced_by_what_they_name_and_go_with_the_model() {
    let (store, model) = store_with_model().await;
    let mapping = |kind, identifier: &str, translation: &str| NameMapping {
        kind,
        identifier: identifier.to_owned(),
        language: "EN".to_owned(),
        translation: translation.to_owned(),
        description: None,
    };
    let (pool, id) = (model.pool_id, model.id);
    let first = mapping(MappingKind::Table, "EKKO", "Orders");
    let second = mapping(MappingKind::Column, "EKKO", "a column of this name");
    store.add_name_mappings(pool, id, vec![first.clone(), second.clone()]).await.unwrap();
    assert_eq!(store.name_mappings(id).await.unwrap(), [first.clone(), second.clone()]);
    let german = NameMapping { language: "DE".to_owned(), ..first.clone() };
    let renamed = NameMapping { translation: "Purchases".to_owned(), ..first };
    store.add_name_mappings(pool, id, vec![german.clone(), renamed.clone()]).await.unwrap();
    assert_eq!(store.name_mappings(id).await.unwrap(), [renamed.clone(), second.clone(), german.clone()]);
    let counted =
        |kind, language: &str, mappings| CountedMappings { kind, language: language.to_owned(), mappings };
    let (counts, page) = store.name_mapping_page(id, 2, 1).await.unwrap();
    assert_eq!(page, std::slice::from_ref(&german));
    let (column, table) = (MappingKind::Column, MappingKind::Table);
    assert_eq!(counts, [counted(column, "EN", 1), counted(table, "DE", 1), counted(table, "EN", 1)]);
    // All or none.
    let many = (0..NAME_MAPPING_LIMIT).map(|n| mapping(MappingKind::General, &n.to_string(), "x")).collect();
    let result = store.add_name_mappings(pool, id, many).await;
    assert!(matches!(result, Err(Error::Invalid { field, .. }) if field == "file"));
    assert_eq!(store.name_mappings(id).await.unwrap(), [renamed, second, german]);
    is_not_found(store.add_name_mappings(DataPoolId::random(), id, Vec::new()).await);
    is_not_found(store.delete_name_mappings(DataPoolId::random(), id).await);
    store.delete_name_mappings(pool, id).await.unwrap();
    assert!(store.name_mappings(id).await.unwrap().is_empty());
    store.add_name_mappings(pool, id, vec![mapping(MappingKind::Table, "EKKO", "Orders")]).await.unwrap();
    store.delete_data_model(pool, id).await.unwrap();
    assert_eq!(number(&store, "select count(*) from name_mappings"), 0);
}

#[tokio::test]
async fn models_and_loads_of_an_earlier_version_are_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret.key"), [7; 32]).unwrap();
    let old = rusqlite::Connection::open(dir.path().join("metadata.db")).unwrap();
    migrate::run_to(&old, 7).unwrap();
    let (pool, model, table) = (DataPoolId::random(), DataModelId::random(), ModelTableId::random());
    let (job, task, execution) = (DataJobId::random(), TaskId::random(), ExecutionId::random());
    let by = UserId::random();
    old.execute_batch(&format!(
        r#"insert into data_pools (id, name, created_at, created_by_type, created_by_id)
           values ('{pool}', 'P', 1, 'USER', '{by}');
           insert into data_models (id, pool_id, name, model_tables, foreign_keys, created_at)
           values ('{model}', '{pool}', 'M',
               '[{{"id":"{table}","connection_id":null,"table":"t","alias":null,"primary_key":[]}}]',
               '[{{"source":"{table}","target":"{table}","columns":[["a","b"]]}},
                 {{"source":"{table}","target":"{table}","columns":[["c","d"]]}}]', 7);
           insert into data_jobs (id, pool_id, name, created_at) values ('{job}', '{pool}', 'J', 2);
           insert into tasks (id, template_id, pool_id, job_id, name, activation, position, kind, content, created_at)
           values ('{task}', '{task}', '{pool}', '{job}', 'T', 'ENABLED', 0, 'DATA_MODEL_LOAD',
               '{{"data_model_id":"{model}","tables":{{"ONLY":["{table}"]}}}}', 3);
           insert into executions
               (id, pool_id, job_id, mode, status, started_by_type, started_by_id, queued_at, started_at, finished_at)
           values ('{execution}', '{pool}', '{job}', 'FULL', 'SUCCESS', 'USER', '{by}', 4, 5, 9);
           insert into task_executions
               (execution_id, task_id, name, kind, position, status, started_at, finished_at)
           values ('{execution}', '{task}', 'T', 'DATA_MODEL_LOAD', 0, 'SUCCESS', 6, 8);
           insert into log_messages (id, execution_id, task_id, at, level, code, text)
           values ('{execution}', '{execution}', '{task}', 7, 'WARNING', 'MODEL_KEY_WARNING', 'a broken key');"#
    ))
    .unwrap();
    drop(old);
    let store = Store::open(dir.path()).await.unwrap();
    let kept = store.data_model(pool, model).await.unwrap();
    assert_eq!((kept.tables[0].id, kept.changed_at, kept.created_by), (table, at(7), None));
    let keys = kept.foreign_keys.clone();
    assert!(keys[0].id != keys[1].id && keys[1].columns[0].1 == identifier("d"), "{keys:?}");
    assert_eq!(store.data_model(pool, model).await.unwrap().foreign_keys, keys, "the ids stay");
    let loads = store.model_loads(model, 10).await.unwrap();
    assert_eq!(told(&loads), [(execution, LoadStatus::Warning, 1)]);
    assert_eq!((loads[0].kind, loads[0].started_at), (LoadKind::Partial, at(6)));
    // Its reloads are executions from here on.
    queued(&store, &kept, model.into(), 10).await;
    store.close().await;
}
