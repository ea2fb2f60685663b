//! Who may do what: every use case as every kind of caller, in one table.

use std::collections::BTreeSet;

use forebay_core::access::{Caller, Grant, Permission, Role, Scope, Subject};
use forebay_core::error::{Error, Result};
use forebay_core::execution::{LogFilter, LogOrder, Status};
use forebay_core::export::ExportFormat;
use forebay_core::id::{
    ApplicationId, DataConnectionId, DataExportId, DataJobId, DataModelId, ExecutionId, ForeignKeyId,
    ModelTableId, ParameterId, ProcessConfigurationId, UserId,
};
use forebay_core::job::{Activation, ModelLoad, TableChoice, TaskKind};
use forebay_core::model::ForeignKey;
use forebay_core::push::{ChunkKind, PushSettings};

use super::deletions::parameter;
use super::house::{House, full, identifier, model_table, name, postgres, table};
use super::push::{empty_push, upload};
use crate::{
    Checks, HistoryQuestion, ModelReload, ModelSettings, ModelTableChange, NewConnection, NewDataExport,
    NewDataModel, NewTask, ProcessChange, TaskMove,
};

/// The callers, in the order of the letters below.
const CALLERS: [(&str, Reach, &[Permission]); 10] = [
    ("nobody", Reach::Pool, &[]),
    ("view", Reach::Pool, &[Permission::View]),
    ("edit", Reach::Pool, &[Permission::Edit]),
    ("manage", Reach::Pool, &[Permission::Manage]),
    ("view and manage", Reach::Pool, &[Permission::View, Permission::Manage]),
    ("execute", Reach::Pool, &[Permission::Execute]),
    ("data push", Reach::Pool, &[Permission::DataPush]),
    ("view of the service", Reach::Service, &[Permission::View]),
    ("edit of the service", Reach::Service, &[Permission::Edit]),
    ("administrator", Reach::Everything, &[]),
];

#[derive(Clone, Copy)]
enum Reach {
    Pool,
    Service,
    Everything,
}

/// For each caller: `o` may, `x` is forbidden, `-` does not learn that there is such a thing.
const WATCH: &str = "-oxxooxoxo";
const VIEW: &str = "-oxxoxxoxo";
const EDIT: &str = "-xoxxxxxoo";
const PUSH: &str = "-xoxxxoxoo";
const MANAGE: &str = "-xxooxxxxo";
const START: &str = "-xxxooxxxo";
/// Whoever may edit may cancel a reload, once they may see it.
const RELOAD: &str = "-xxxxxxxxo";
const CREATE_POOL: &str = "xxxxxxxxoo";
const ADMINISTER: &str = "xxxxxxxxxo";

const TABLE: [(&str, &str); 114] = [
    ("data_pool", WATCH),
    ("create_data_pool", CREATE_POOL),
    ("update_data_pool", EDIT),
    ("delete_data_pool", MANAGE),
    ("data_connections", VIEW),
    ("data_connection", VIEW),
    ("create_data_connection", EDIT),
    ("update_data_connection", EDIT),
    ("delete_data_connection", EDIT),
    ("check_data_connection", EDIT),
    ("search_tables", VIEW),
    ("data_jobs", WATCH),
    ("data_job", WATCH),
    ("find_data_job", WATCH),
    ("create_data_job", EDIT),
    ("update_data_job", EDIT),
    ("delete_data_job", EDIT),
    ("tasks", VIEW),
    ("task", VIEW),
    ("create_task", EDIT),
    ("update_task", EDIT),
    ("set_task_activation", EDIT),
    ("set_statement", EDIT),
    ("delete_task", EDIT),
    ("move_task", EDIT),
    ("duplicate_task", EDIT),
    ("last_loads", VIEW),
    ("parameters_for_task", VIEW),
    ("put_table_extractions", EDIT),
    ("delete_table_extraction", EDIT),
    ("create_model_load", EDIT),
    ("data_models", VIEW),
    ("data_model", VIEW),
    ("create_data_model", EDIT),
    ("update_data_model", EDIT),
    ("delete_data_model", EDIT),
    ("model_tables", VIEW),
    ("model_table", VIEW),
    ("create_model_tables", EDIT),
    ("update_model_table", EDIT),
    ("delete_model_table", EDIT),
    ("model_table_columns", VIEW),
    ("foreign_keys", VIEW),
    ("foreign_key", VIEW),
    ("create_foreign_key", EDIT),
    ("update_foreign_key", EDIT),
    ("delete_foreign_key", EDIT),
    ("process_configurations", VIEW),
    ("process_configuration_of", VIEW),
    ("put_process_configuration", EDIT),
    ("change_process_configuration", EDIT),
    ("delete_process_configuration", EDIT),
    ("reload_data_model", EDIT),
    ("cancel_execution of a reload", RELOAD),
    ("model_load_history", VIEW),
    ("last_model_load", VIEW),
    ("name_mappings", VIEW),
    ("model_to_map", EDIT),
    ("add_name_mappings", EDIT),
    ("delete_name_mappings", EDIT),
    ("create_data_export", VIEW),
    ("data_export", VIEW),
    ("export_file", VIEW),
    ("parameters", VIEW),
    ("parameter", VIEW),
    ("create_parameter", EDIT),
    ("update_parameter", EDIT),
    ("delete_parameter", EDIT),
    ("start_execution", START),
    ("cancel_execution", START),
    ("cancel_data_job", START),
    ("execution", WATCH),
    ("executions", WATCH),
    ("log_messages", WATCH),
    ("find_log_messages", WATCH),
    ("past_of_execution", WATCH),
    ("failed_parts", START),
    ("history", WATCH),
    ("tables", VIEW),
    ("table", VIEW),
    ("query", VIEW),
    ("create_push_job", PUSH),
    ("create_push_job with SQL", EDIT),
    ("push_jobs", PUSH),
    ("push_job", PUSH),
    ("begin_push_chunk", PUSH),
    ("push_chunks", PUSH),
    ("execute_push_job", PUSH),
    ("delete_push_job", PUSH),
    ("begin_upload", EDIT),
    ("uploads", EDIT),
    ("data_pool_page", "oooooooooo"),
    ("data_job_overviews", WATCH),
    ("pool_contents", VIEW),
    ("import_contents of a new pool", CREATE_POOL),
    ("import_contents", EDIT),
    ("copy_data_pool", CREATE_POOL),
    ("copy_data_job", RELOAD),
    ("find_data_connection", VIEW),
    ("may_see_replications", VIEW),
    ("replicate", EDIT),
    ("held_grants", ADMINISTER),
    ("users", ADMINISTER),
    ("user", ADMINISTER),
    ("create_user", ADMINISTER),
    ("delete_user", ADMINISTER),
    ("applications", ADMINISTER),
    ("application", ADMINISTER),
    ("create_application", ADMINISTER),
    ("delete_application", ADMINISTER),
    ("grants", ADMINISTER),
    ("set_grant", ADMINISTER),
    ("create_key of another", ADMINISTER),
    ("delete_key of another", "---------o"),
];

fn an_export() -> NewDataExport {
    NewDataExport { queries: vec!["TABLE(1)".to_owned()], format: ExportFormat::Csv, checks: Checks::Later }
}

/// A relation of a table with itself.
fn relation(table: ModelTableId) -> ForeignKey {
    let columns = vec![(identifier("id"), identifier("parent"))];
    ForeignKey { id: ForeignKeyId::random(), source: table, target: table, columns }
}

/// One of everything, to try a use case on.
struct Things {
    house: House,
    spare: DataConnectionId,
    job: DataJobId,
    transformation: String,
    extraction: String,
    execution: ExecutionId,
    model: DataModelId,
    model_table: ModelTableId,
    foreign_key: ForeignKeyId,
    process: ProcessConfigurationId,
    parameter: ParameterId,
    user: UserId,
    application: ApplicationId,
}

impl Things {
    async fn new() -> Self {
        let house = House::new().await;
        let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
        let new = NewConnection { name: name("CRM"), ..postgres("x") };
        let spare = engine.create_data_connection(admin, pool, new).await.unwrap().id;
        let job = house.empty_job("a").await;
        let transformation =
            house.task(&job, "Transform", TaskKind::Transformation(None)).await.id.to_string();
        let extraction =
            house.task(&job, "Extract", TaskKind::Extraction(vec![table("t")])).await.id.to_string();
        let execution = house.start(job.id).await.id;
        house.store.finish_execution(execution, Status::Success, None, engine.now()).await.unwrap();
        let tables = vec![model_table("orders", None)];
        let of_tables = relation(tables[0].id);
        let model = engine
            .create_data_model(admin, pool, NewDataModel::of(name("Sales"), tables, vec![of_tables]))
            .await
            .unwrap()
            .model;
        let said = ProcessChange { activity_table: Some(model.tables[0].id), ..ProcessChange::default() };
        let process = engine.put_process_configuration(admin, pool, model.id, said).await.unwrap().id;
        let parameter = engine.create_parameter(admin, parameter(pool, None, "x")).await.unwrap().id;
        let user = engine.create_user(admin, name("Other"), None, Role::Member).await.unwrap().id;
        let application = engine.create_application(admin, name("Program")).await.unwrap().id;
        let job = job.id;
        Self {
            house,
            spare,
            job,
            transformation,
            extraction,
            execution,
            model: model.id,
            model_table: model.tables[0].id,
            foreign_key: model.foreign_keys[0].id,
            process,
            parameter,
            user,
            application,
        }
    }

    async fn caller(&self, reach: Reach, permissions: &[Permission]) -> Caller {
        match reach {
            Reach::Pool => self.house.member(Scope::Pool(self.house.pool), permissions).await,
            Reach::Service => self.house.member(Scope::Service, permissions).await,
            Reach::Everything => self.house.admin.clone(),
        }
    }

    /// An export of the caller, or of the administrator when the caller may not make one.
    async fn exported(&self, caller: &Caller) -> DataExportId {
        let (engine, admin) = (&self.house.engine, &self.house.admin);
        let (export, of) = match engine.create_data_export(caller, self.model, an_export()).await {
            Ok(export) => (export, caller),
            Err(_) => (engine.create_data_export(admin, self.model, an_export()).await.unwrap(), admin),
        };
        self.house.exported(of, self.model, export.id).await;
        export.id
    }

    async fn attempt(&self, use_case: &str, caller: &Caller) -> Result<()> {
        let (engine, pool, job) = (&self.house.engine, self.house.pool, self.job);
        let (script, extraction) = (self.transformation.as_str(), self.extraction.as_str());
        let load = || ModelLoad { data_model_id: self.model, tables: TableChoice::All };
        match use_case {
            "data_pool" => engine.data_pool(caller, pool).await.map(drop),
            "create_data_pool" => engine.create_data_pool(caller, name("n"), None).await.map(drop),
            "update_data_pool" => {
                engine.update_data_pool(caller, pool, Some(name("n")), None).await.map(drop)
            }
            "delete_data_pool" => engine.delete_data_pool(caller, pool).await,
            "data_connections" => engine.data_connections(caller, pool).await.map(drop),
            "data_connection" => engine.data_connection(caller, pool, self.spare).await.map(drop),
            "create_data_connection" => {
                let new = NewConnection { name: name("n"), ..postgres("x") };
                engine.create_data_connection(caller, pool, new).await.map(drop)
            }
            "update_data_connection" => {
                let new = NewConnection { name: name("n"), ..postgres("x") };
                engine.update_data_connection(caller, pool, self.spare, new).await.map(drop)
            }
            "delete_data_connection" => engine.delete_data_connection(caller, pool, self.spare).await,
            "check_data_connection" => engine.check_data_connection(caller, pool, self.spare).await,
            "search_tables" => engine.search_tables(caller, pool, self.spare, "").await.map(drop),
            "data_jobs" => engine.data_jobs(caller, pool).await.map(drop),
            "data_job" => engine.data_job(caller, pool, job).await.map(drop),
            "find_data_job" => engine.find_data_job(caller, job).await.map(drop),
            "create_data_job" => engine.create_data_job(caller, pool, name("n"), None).await.map(drop),
            "update_data_job" => engine.update_data_job(caller, pool, job, Some(name("n"))).await.map(drop),
            "delete_data_job" => engine.delete_data_job(caller, pool, job).await,
            "tasks" => engine.tasks(caller, pool, job).await.map(drop),
            "task" => engine.task(caller, pool, job, script).await.map(drop),
            "create_task" => {
                let kind = TaskKind::Transformation(None);
                let new = NewTask { name: name("n"), description: None, kind, position: None };
                engine.create_task(caller, pool, job, new).await.map(drop)
            }
            "update_task" => {
                engine.update_task(caller, pool, job, script, Some(name("n")), None).await.map(drop)
            }
            "set_task_activation" => {
                engine.set_task_activation(caller, pool, job, script, Activation::Disabled).await.map(drop)
            }
            "set_statement" => engine.set_statement(caller, pool, job, script, String::new()).await.map(drop),
            "delete_task" => engine.delete_task(caller, pool, job, script).await,
            "move_task" => engine.move_task(caller, pool, job, script, TaskMove::Up).await.map(drop),
            "duplicate_task" => engine.duplicate_task(caller, pool, job, script).await.map(drop),
            "last_loads" => engine.last_loads(caller, pool, job).await.map(drop),
            "parameters_for_task" => engine.parameters_for_task(caller, pool, job, script).await.map(drop),
            "put_table_extractions" => {
                engine.put_table_extractions(caller, pool, job, extraction, &[table("n")]).await.map(drop)
            }
            "delete_table_extraction" => {
                let admin = &self.house.admin;
                let task = engine.task(admin, pool, job, extraction).await.unwrap();
                let TaskKind::Extraction(tables) = task.kind else { panic!("the task changed its kind") };
                engine.delete_table_extraction(caller, pool, job, extraction, tables[0].id).await
            }
            "create_model_load" => engine.create_model_load(caller, pool, job, load()).await.map(drop),
            "data_models" => engine.data_models(caller, pool).await.map(drop),
            "data_model" => engine.data_model(caller, pool, self.model).await.map(drop),
            "update_data_model" => {
                let settings = ModelSettings::default();
                engine.update_data_model(caller, pool, self.model, Some(name("n")), settings).await.map(drop)
            }
            "create_data_model" => engine
                .create_data_model(caller, pool, NewDataModel::of(name("n"), vec![], vec![]))
                .await
                .map(drop),
            "delete_data_model" => engine.delete_data_model(caller, pool, self.model).await,
            "create_data_export" => {
                engine.create_data_export(caller, self.model, an_export()).await.map(drop)
            }
            "data_export" => {
                let export = self.exported(caller).await;
                engine.data_export(caller, self.model, export).await.map(drop)
            }
            "export_file" => {
                let export = self.exported(caller).await;
                engine.export_file(caller, self.model, export, Some(0)).await.map(drop)
            }
            "parameters" => engine.parameters(caller, pool, None).await.map(drop),
            "parameter" => engine.parameter(caller, pool, None, self.parameter).await.map(drop),
            "create_parameter" => engine.create_parameter(caller, parameter(pool, None, "n")).await.map(drop),
            "update_parameter" => {
                let changed =
                    forebay_core::parameter::Parameter { id: self.parameter, ..parameter(pool, None, "n") };
                engine.update_parameter(caller, changed).await.map(drop)
            }
            "delete_parameter" => engine.delete_parameter(caller, pool, None, self.parameter).await,
            "start_execution" => engine.start_execution(caller, pool, job, full()).await.map(drop),
            "cancel_execution" => engine.cancel_execution(caller, self.execution).await.map(drop),
            "cancel_data_job" => engine.cancel_data_job(caller, pool, job).await.map(drop),
            "execution" => engine.execution(caller, self.execution).await.map(drop),
            "executions" => engine.executions(caller, pool, job, 1, 0).await.map(drop),
            "log_messages" => engine.log_messages(caller, self.execution, None, &[], 1, 0).await.map(drop),
            "find_log_messages" => {
                let (filter, order) = (LogFilter::default(), LogOrder::NewestFirst);
                engine.find_log_messages(caller, self.execution, &filter, order, 1, 0).await.map(drop)
            }
            "past_of_execution" => engine.past_of_execution(caller, self.execution).await.map(drop),
            "failed_parts" => match engine.failed_parts(caller, self.execution).await {
                // It succeeded, which only those learn here who might execute it again.
                Err(Error::Conflict { .. }) => Ok(()),
                other => other.map(drop),
            },
            "history" => {
                let asked = HistoryQuestion { pool: Some(pool), ..HistoryQuestion::default() };
                engine.history(caller, &asked).await.map(drop)
            }
            "tables" => engine.tables(caller, pool).await.map(drop),
            "table" => engine.table(caller, pool, None, "orders").await.map(drop),
            "query" => engine.query(caller, pool, None, "SELECT 1".to_owned(), 1).await.map(drop),
            other => self.attempt_on_a_model(other, caller).await,
        }
    }

    async fn attempt_on_a_model(&self, use_case: &str, caller: &Caller) -> Result<()> {
        let (engine, pool, model, table) =
            (&self.house.engine, self.house.pool, self.model, self.model_table);
        match use_case {
            "model_tables" => engine.model_tables(caller, pool, model).await.map(drop),
            "model_table" => engine.model_table(caller, pool, model, table).await.map(drop),
            "create_model_tables" => {
                engine.create_model_tables(caller, pool, model, &[model_table("n", None)]).await
            }
            "update_model_table" => {
                let change = ModelTableChange::default();
                engine.update_model_table(caller, pool, model, table, change).await.map(drop)
            }
            "delete_model_table" => engine.delete_model_table(caller, pool, model, table).await,
            "model_table_columns" => engine.model_table_columns(caller, pool, model, table).await.map(drop),
            "foreign_keys" => engine.foreign_keys(caller, pool, model).await.map(drop),
            "foreign_key" => engine.foreign_key(caller, pool, model, self.foreign_key).await.map(drop),
            "create_foreign_key" => engine.create_foreign_key(caller, pool, model, &relation(table)).await,
            "update_foreign_key" => {
                engine.update_foreign_key(caller, pool, model, self.foreign_key, |_| ()).await.map(drop)
            }
            "delete_foreign_key" => engine.delete_foreign_key(caller, pool, model, self.foreign_key).await,
            "process_configurations" => engine.process_configurations(caller, pool, model).await.map(drop),
            "process_configuration_of" => {
                engine.process_configuration_of(caller, pool, model, table).await.map(drop)
            }
            "put_process_configuration" => {
                let said = ProcessChange { activity_table: Some(table), ..ProcessChange::default() };
                engine.put_process_configuration(caller, pool, model, said).await.map(drop)
            }
            "change_process_configuration" => {
                engine.change_process_configuration(caller, pool, model, table, |_| ()).await.map(drop)
            }
            "delete_process_configuration" => {
                engine.delete_process_configuration(caller, pool, model, self.process).await
            }
            "reload_data_model" => {
                engine.reload_data_model(caller, pool, model, ModelReload::Complete).await.map(drop)
            }
            "cancel_execution of a reload" => {
                let admin = &self.house.admin;
                let load = engine.reload_data_model(admin, pool, model, ModelReload::Complete).await.unwrap();
                engine.cancel_execution(caller, load.execution_id).await.map(drop)
            }
            "model_load_history" => engine.model_load_history(caller, pool, model).await.map(drop),
            "last_model_load" => engine.last_model_load(caller, pool, model).await.map(drop),
            "name_mappings" => engine.name_mappings(caller, pool, model).await.map(drop),
            "model_to_map" => engine.model_to_map(caller, pool, model).await.map(drop),
            "add_name_mappings" => engine.add_name_mappings(caller, pool, model, Vec::new()).await,
            "delete_name_mappings" => engine.delete_name_mappings(caller, pool, model).await,
            other if other.contains("push") || other.contains("upload") => {
                self.attempt_to_push(other, caller).await
            }
            other => self.attempt_to_administer(other, caller).await,
        }
    }

    async fn attempt_to_push(&self, use_case: &str, caller: &Caller) -> Result<()> {
        let (house, engine, pool) = (&self.house, &self.house.engine, self.house.pool);
        let push = engine.create_push_job(&house.admin, pool, empty_push("T")).await.unwrap().push.id;
        match use_case {
            "create_push_job" => engine.create_push_job(caller, pool, empty_push("T")).await.map(drop),
            "create_push_job with SQL" => {
                let query = Some("SELECT 1".to_owned());
                let settings = PushSettings { post_execution_query: query, ..empty_push("T") };
                engine.create_push_job(caller, pool, settings).await.map(drop)
            }
            "push_jobs" => engine.push_jobs(caller, pool).await.map(drop),
            "push_job" => engine.push_job(caller, pool, push).await.map(drop),
            "begin_push_chunk" => {
                engine.begin_push_chunk(caller, pool, push, ChunkKind::Upsert).await.map(drop)
            }
            "push_chunks" => engine.push_chunks(caller, pool, push).await.map(drop),
            "execute_push_job" => engine.execute_push_job(caller, pool, push, None).await.map(drop),
            "delete_push_job" => engine.delete_push_job(caller, pool, push).await,
            "begin_upload" => engine.begin_upload(caller, pool, empty_push("T"), upload()).await.map(drop),
            "uploads" => engine.uploads(caller, pool, None).await.map(drop),
            other => panic!("no attempt is written for {other}"),
        }
    }

    async fn attempt_to_administer(&self, use_case: &str, caller: &Caller) -> Result<()> {
        let engine = &self.house.engine;
        match use_case {
            "users" => engine.users(caller).await.map(drop),
            "user" => engine.user(caller, self.user).await.map(drop),
            "create_user" => engine.create_user(caller, name("n"), None, Role::Member).await.map(drop),
            "delete_user" => engine.delete_user(caller, self.user).await,
            "applications" => engine.applications(caller).await.map(drop),
            "application" => engine.application(caller, self.application).await.map(drop),
            "create_application" => engine.create_application(caller, name("n")).await.map(drop),
            "delete_application" => engine.delete_application(caller, self.application).await,
            "grants" => engine.grants(caller, None).await.map(drop),
            "set_grant" => {
                let permissions = BTreeSet::from([Permission::View]);
                let subject = Subject::User(self.user);
                engine.set_grant(caller, &Grant { subject, scope: Scope::Service, permissions }).await
            }
            "create_key of another" => {
                engine.create_key(caller, Some(Subject::User(self.user)), name("n")).await.map(drop)
            }
            "delete_key of another" => {
                let owner = Some(Subject::User(self.user));
                let key = engine.create_key(&self.house.admin, owner, name("n")).await.unwrap().key.id;
                engine.delete_key(caller, key).await
            }
            other => super::contents::attempt(&self.house, (self.job, self.spare), other, caller).await,
        }
    }
}

#[tokio::test]
async fn every_use_case_is_open_to_whom_the_table_says() {
    for (use_case, expected) in TABLE {
        let mut found = String::new();
        for (_, reach, permissions) in CALLERS {
            // Anew for each: some use cases delete.
            let things = Things::new().await;
            let caller = things.caller(reach, permissions).await;
            found.push(match things.attempt(use_case, &caller).await {
                Ok(()) => 'o',
                Err(Error::Forbidden(_)) => 'x',
                Err(Error::NotFound { .. }) => '-',
                Err(other) => panic!("{use_case}: {other}"),
            });
        }
        assert_eq!(found, expected, "{use_case}, as {:?}", CALLERS.map(|caller| caller.0));
    }
}

#[tokio::test]
async fn pools_are_listed_to_those_who_may_see_them() {
    let house = House::new().await;
    let (other, _) = house.other_pool().await;
    let seen = async |caller: &Caller| {
        let pools = house.engine.data_pools(caller).await.unwrap();
        pools.into_iter().map(|pool| pool.id).collect::<BTreeSet<_>>()
    };
    let of_pool = Scope::Pool(house.pool);
    for (scope, permissions, expected) in [
        (of_pool, vec![], BTreeSet::new()),
        (of_pool, vec![Permission::Edit, Permission::Manage], BTreeSet::new()),
        (of_pool, vec![Permission::View], BTreeSet::from([house.pool])),
        (of_pool, vec![Permission::Execute], BTreeSet::from([house.pool])),
        (Scope::Service, vec![Permission::View], BTreeSet::from([house.pool, other])),
    ] {
        let caller = house.member(scope, &permissions).await;
        assert_eq!(seen(&caller).await, expected, "{permissions:?}");
    }
    assert_eq!(seen(&house.admin).await, BTreeSet::from([house.pool, other]));
}

#[tokio::test]
async fn a_member_sees_no_execution_of_a_pool_that_is_not_theirs() {
    let house = House::new().await;
    let job = house.job("a").await;
    let started = house.start(job.id).await;
    let stranger = house.member(Scope::Pool(house.pool), &[]).await;
    let result = house.engine.execution(&stranger, started.id).await;
    // The error names the execution that was asked for, and nothing about the pool.
    let Err(Error::NotFound { kind, key }) = result else { panic!("{result:?}") };
    assert_eq!((kind, key), (forebay_core::error::Kind::Execution, started.id.to_string()));
}
