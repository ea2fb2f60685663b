//! Each use case, attempted by a caller.

use std::collections::BTreeSet;

use forebay_core::access::{Caller, Grant, Grantee, Permission, Role, Scope, Subject};
use forebay_core::audit::AuditFilter;
use forebay_core::error::{Error, Result};
use forebay_core::execution::{LogFilter, LogOrder};
use forebay_core::id::GroupId;
use forebay_core::job::{Activation, ModelLoad, TableChoice, TaskKind};
use forebay_core::push::{ChunkKind, PushSettings};

use super::super::contents;
use super::super::deletions::parameter;
use super::super::house::{full, model_table, name, postgres, table};
use super::super::push::{empty_push, upload};
use super::things::{Things, an_export, relation};
use crate::{
    HistoryQuestion, ModelReload, ModelSettings, ModelTableChange, NewConnection, NewDataModel, NewTask,
    ProcessChange, TaskMove,
};

impl Things {
    pub(super) async fn attempt(&self, use_case: &str, caller: &Caller) -> Result<()> {
        let (engine, pool, job) = (&self.house.engine, self.house.pool, self.job);
        let (script, extraction) = (self.transformation.as_str(), self.extraction.as_str());
        let load = || ModelLoad { data_model_id: self.model, tables: TableChoice::All };
        match use_case {
            "data_pool" => engine.data_pool(caller, pool).await.map(drop),
            "pool_size" => engine.pool_size(caller, pool).await.map(drop),
            "pool_owner" => engine.pool_owner(caller, pool).await.map(drop),
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
            "check_data_connection" => engine.check_data_connection(caller, pool, self.spare).await.map(drop),
            "test_data_connection" => engine.test_data_connection(caller, pool, self.spare).await.map(drop),
            "preview_table" => {
                engine.preview_table(caller, pool, self.spare, &table("n").table).await.map(drop)
            }
            "data_connection_uses" => engine.data_connection_uses(caller, pool, self.spare).await.map(drop),
            "row_estimates" => engine.row_estimates(caller, pool, job).await.map(drop),
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
            "table_loads" => engine.table_loads(caller, pool, &[]).await.map(drop),
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
            "explain_table_extraction" => {
                let admin = &self.house.admin;
                let task = engine.task(admin, pool, job, extraction).await.unwrap();
                let TaskKind::Extraction(tables) = task.kind else { panic!("the task changed its kind") };
                engine.explain_table_extraction(caller, pool, job, extraction, tables[0].id).await.map(drop)
            }
            "check_filter" => {
                let admin = &self.house.admin;
                let task = engine.task(admin, pool, job, extraction).await.unwrap();
                let TaskKind::Extraction(tables) = task.kind else { panic!("the task changed its kind") };
                engine.check_filter(caller, pool, job, extraction, tables[0].id, "n = 1").await.map(drop)
            }
            "create_model_load" => engine.create_model_load(caller, pool, job, load()).await.map(drop),
            "set_model_load" => {
                let admin = &self.house.admin;
                let task = engine.create_model_load(admin, pool, job, load()).await.unwrap().id.to_string();
                engine.set_model_load(caller, pool, job, &task, load()).await.map(drop)
            }
            "model_load_tasks" => engine.model_load_tasks(caller, pool).await.map(drop),
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
            "query_statement" => {
                let (task, sql) = ((job, Some(script)), "SELECT 1".to_owned());
                engine.query_statement(caller, pool, task, sql, 1).await.map(drop)
            }
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
            "newest_model_loads" => engine.newest_model_loads(caller, pool).await.map(drop),
            "name_mapping_page" => engine.name_mapping_page(caller, pool, model, 1, 0).await.map(drop),
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
                let grantee = Grantee::User(self.user);
                engine.set_grant(caller, &Grant { grantee, scope: Scope::Service, permissions }).await
            }
            "create_key of another" => {
                engine.create_key(caller, Some(Subject::User(self.user)), name("n")).await.map(drop)
            }
            "delete_key of another" => {
                let owner = Some(Subject::User(self.user));
                let key = engine.create_key(&self.house.admin, owner, name("n")).await.unwrap().key.id;
                engine.delete_key(caller, key).await
            }
            "audit_entries" => {
                engine.audit_entries(caller, &AuditFilter::default(), None, 10).await.map(drop)
            }
            "audit_operations" => engine.audit_operations(caller).await.map(drop),
            "holders" => engine.holders(caller, Scope::Pool(self.house.pool)).await.map(drop),
            other if other.contains("group") => self.attempt_on_a_group(other, caller).await,
            other => contents::attempt(&self.house, (self.job, self.spare), other, caller).await,
        }
    }

    async fn attempt_on_a_group(&self, use_case: &str, caller: &Caller) -> Result<()> {
        let (engine, admin, user) = (&self.house.engine, &self.house.admin, self.user);
        let group = engine.create_group(admin, name(&GroupId::random().to_string())).await.unwrap().id;
        engine.add_group_member(admin, group, user).await.unwrap();
        match use_case {
            "groups" => engine.groups(caller).await.map(drop),
            "group" => engine.group(caller, group).await.map(drop),
            "create_group" => engine.create_group(caller, name("n")).await.map(drop),
            "rename_group" => engine.rename_group(caller, group, name("n")).await.map(drop),
            "delete_group" => engine.delete_group(caller, group).await,
            "group_grants" => engine.group_grants(caller, group).await.map(drop),
            "group_members" => engine.group_members(caller, group).await.map(drop),
            "add_group_member" => engine.add_group_member(caller, group, user).await,
            "remove_group_member" => engine.remove_group_member(caller, group, user).await,
            other => panic!("no attempt is written for {other}"),
        }
    }
}
