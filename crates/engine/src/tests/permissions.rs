//! Who may do what: every use case as every kind of caller, in one table.

mod attempts;
mod things;

use std::collections::BTreeSet;

use forebay_core::access::{Caller, Permission, Scope};
use forebay_core::error::Error;

use self::things::{Reach, Things};
use super::house::{House, name};

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

const TABLE: [(&str, &str); 140] = [
    ("data_pool", WATCH),
    ("pool_size", WATCH),
    ("pool_owner", WATCH),
    ("create_data_pool", CREATE_POOL),
    ("update_data_pool", EDIT),
    ("delete_data_pool", MANAGE),
    ("data_connections", VIEW),
    ("data_connection", VIEW),
    ("create_data_connection", EDIT),
    ("update_data_connection", EDIT),
    ("delete_data_connection", EDIT),
    ("check_data_connection", EDIT),
    ("test_data_connection", EDIT),
    ("preview_table", EDIT),
    ("data_connection_uses", VIEW),
    ("search_tables", VIEW),
    ("row_estimates", VIEW),
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
    ("table_loads", VIEW),
    ("parameters_for_task", VIEW),
    ("put_table_extractions", EDIT),
    ("delete_table_extraction", EDIT),
    ("explain_table_extraction", EDIT),
    ("check_filter", EDIT),
    ("create_model_load", EDIT),
    ("set_model_load", EDIT),
    ("model_load_tasks", VIEW),
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
    ("newest_model_loads", VIEW),
    ("name_mappings", VIEW),
    ("name_mapping_page", VIEW),
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
    ("query_statement", VIEW),
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
    ("holders", ADMINISTER),
    ("groups", ADMINISTER),
    ("group", ADMINISTER),
    ("create_group", ADMINISTER),
    ("rename_group", ADMINISTER),
    ("delete_group", ADMINISTER),
    ("group_grants", ADMINISTER),
    ("group_members", ADMINISTER),
    ("add_group_member", ADMINISTER),
    ("remove_group_member", ADMINISTER),
    ("create_key of another", ADMINISTER),
    ("audit_entries", ADMINISTER),
    ("audit_operations", ADMINISTER),
    ("delete_key of another", "---------o"),
];
#[tokio::test]
async fn every_use_case_is_open_to_whom_the_table_says() {
    let mut things = Things::new().await;
    for (use_case, expected) in TABLE {
        let mut found = String::new();
        for (_, reach, permissions) in CALLERS {
            let caller = things.caller(reach, permissions).await;
            found.push(match things.attempt(use_case, &caller).await {
                Ok(()) => 'o',
                Err(Error::Forbidden(_)) => 'x',
                Err(Error::NotFound { .. }) => '-',
                Err(other) => panic!("{use_case}: {other}"),
            });
            // Anew where something may have become of them: some use cases delete, one needs a load that it begins.
            if found.ends_with('o') || use_case == "cancel_execution of a reload" {
                things = Things::new().await;
            }
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
async fn a_pool_tells_who_made_it_until_they_are_deleted() {
    let house = House::new().await;
    let maker = house.member(Scope::Service, &[Permission::Edit]).await;
    let pool = house.engine.create_data_pool(&maker, name("Made"), None).await.unwrap().id;
    let viewer = house.member(Scope::Pool(pool), &[Permission::View]).await;
    assert_eq!(house.engine.pool_owner(&viewer, pool).await.unwrap(), Some(maker.name.clone()));
    house.delete(&maker).await;
    assert_eq!(house.engine.pool_owner(&viewer, pool).await.unwrap(), None);
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
