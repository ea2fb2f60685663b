//! Contents of pools that are given out, taken in and copied; and what sources offer.

use forebay_core::access::{Caller, Permission, Scope};
use forebay_core::connection::{ConnectionConfig, Credentials};
use forebay_core::contents::{JobContents, PoolContents};
use forebay_core::error::{Error, Result};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::{DataConnectionId, DataJobId};
use forebay_core::job::TaskKind;
use forebay_core::parameter::Parameter;
use forebay_core::source::SourceTable;

use super::deletions::parameter;
use super::house::{House, identifier, is_conflict, is_invalid, name, postgres, table};
use crate::{Given, Import, ImportTarget, Imported, JobDestination, NewConnection};

/// A use case of this file, for the table of permissions.
pub(super) async fn attempt(
    house: &House,
    (job, spare): (DataJobId, DataConnectionId),
    use_case: &str,
    caller: &Caller,
) -> Result<()> {
    let (engine, pool) = (&house.engine, house.pool);
    match use_case {
        "data_pool_page" => engine.data_pool_page(caller, 10, 0).await.map(drop),
        "data_job_overviews" => engine.data_job_overviews(caller, pool).await.map(drop),
        "pool_contents" => engine.pool_contents(caller, pool).await.map(drop),
        "import_contents of a new pool" => {
            let target = ImportTarget::New { name: name("n"), description: None };
            engine.import_contents(caller, vec![import(target, PoolContents::default())]).await.map(drop)
        }
        "import_contents" => {
            let target = ImportTarget::Existing("targetPoolId".to_owned(), pool);
            engine.import_contents(caller, vec![import(target, PoolContents::default())]).await.map(drop)
        }
        "copy_data_pool" => engine.copy_data_pool(caller, pool, None).await.map(drop),
        "copy_data_job" => {
            let to = JobDestination { pool, connection: Some(spare) };
            engine.copy_data_job(caller, pool, job, to).await.map(drop)
        }
        "find_data_connection" => engine.find_data_connection(caller, spare).await.map(drop),
        "may_see_replications" => engine.may_see_replications(caller, pool, Some(spare)).await,
        "replicate" => match engine.replicate(caller, Permission::Edit, pool).await {
            Err(Error::NotSupported { .. }) => Ok(()),
            other => other,
        },
        "held_grants" => engine.held_grants(caller).await.map(drop),
        other => panic!("no attempt is written for {other}"),
    }
}

fn import(target: ImportTarget, contents: PoolContents) -> Import {
    Import { path: String::new(), target, given: Given::default(), contents }
}

/// A pool with a job that extracts and transforms, and parameters of the pool and of a task.
async fn filled() -> (House, PoolContents) {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let shared = engine.create_parameter(admin, parameter(pool, None, "shared")).await.unwrap();
    let job = house.empty_job("Load").await;
    house.task(&job, "Extract", TaskKind::Extraction(vec![table("a"), table("b")])).await;
    let script = house.task(&job, "Transform", TaskKind::Transformation(Some("SELECT 1".to_owned()))).await;
    let linked = Parameter { pool_parameter_id: Some(shared.id), ..parameter(pool, Some(script.id), "own") };
    engine.create_parameter(admin, linked).await.unwrap();
    let (_, contents) = engine.pool_contents(admin, pool).await.unwrap();
    (house, contents)
}

async fn taken_in(house: &House, contents: PoolContents) -> Result<Imported> {
    let target = ImportTarget::New { name: name("Copy"), description: None };
    let imported = house.engine.import_contents(&house.admin, vec![import(target, contents)]).await?;
    Ok(imported.into_iter().next().unwrap())
}

#[tokio::test]
async fn what_is_taken_in_has_ids_of_its_own_and_refers_to_these() {
    let (house, contents) = filled().await;
    let imported = taken_in(&house, contents.clone()).await.unwrap();
    let (_, new) = house.engine.pool_contents(&house.admin, imported.pool.id).await.unwrap();
    let connection = new.connections[0].id;
    assert_ne!(connection, contents.connections[0].id);
    let JobContents { job, tasks } = &new.jobs[0];
    assert_eq!((job.pool_id, job.connection_id), (imported.pool.id, Some(connection)));
    let places: Vec<i64> = tasks.iter().map(|found| found.task.position).collect();
    assert_eq!(places, [0, 1]);
    assert_eq!(tasks[1].parameters[0].pool_parameter_id, Some(new.parameters[0].id));
    let (TaskKind::Extraction(old), TaskKind::Extraction(tables)) =
        (&contents.jobs[0].tasks[0].task.kind, &tasks[0].task.kind)
    else {
        panic!("the first task extracts");
    };
    assert!(old.iter().all(|old| tables.iter().all(|new| new.id != old.id)));
    // Pseudonyms of an import are those of nobody else.
    let salt = |contents: &PoolContents| contents.connections[0].pseudonymisation.salt.clone();
    assert_ne!(salt(&new), salt(&contents));
}

#[tokio::test]
async fn a_copy_keeps_credentials_and_salt_and_an_import_does_not_work_without_them() {
    let (house, contents) = filled().await;
    let copy = house.engine.copy_data_pool(&house.admin, house.pool, None).await.unwrap();
    let (_, copied) = house.engine.pool_contents(&house.admin, copy.id).await.unwrap();
    assert_eq!(copied.connections[0].config, contents.connections[0].config);
    assert_eq!(copied.connections[0].pseudonymisation, contents.connections[0].pseudonymisation);

    let mut without = contents;
    for connection in &mut without.connections {
        (connection.config, connection.credentials) = connection.config.clone().without_credentials();
    }
    let imported = taken_in(&house, without).await.unwrap();
    assert_eq!(imported.unusable.len(), 1);
    let (_, new) = house.engine.pool_contents(&house.admin, imported.pool.id).await.unwrap();
    let (engine, admin, connection) = (&house.engine, &house.admin, new.connections[0].id);
    assert_eq!(new.connections[0].credentials, Credentials::Missing);
    let refused = |result: Result<()>| {
        let Err(Error::Refused { message }) = result else { panic!("{result:?}") };
        assert!(message.contains("`ERP` has no password"), "{message}");
    };
    let pool = imported.pool.id;
    let check = engine.check_data_connection(admin, pool, connection).await.unwrap();
    assert!(check.failure.unwrap().contains("`ERP` has no password"));
    refused(engine.search_tables(admin, pool, connection, "").await.map(drop));
    refused(engine.start_execution(admin, pool, new.jobs[0].job.id, super::house::full()).await.map(drop));
    assert!(engine.executions(admin, pool, new.jobs[0].job.id, 1, 0).await.unwrap().0.is_empty());
    let given = NewConnection { credentials: Credentials::Given, ..postgres("new") };
    engine.update_data_connection(admin, pool, connection, given).await.unwrap();
    engine.start_execution(admin, pool, new.jobs[0].job.id, super::house::full()).await.unwrap();
}

#[tokio::test]
async fn a_reference_to_nothing_is_named_and_keeps_everything_out() {
    type Change = fn(&mut PoolContents);
    let (house, contents) = filled().await;
    let wrong = |change: Change| {
        let mut contents = contents.clone();
        change(&mut contents);
        contents
    };
    let cases: [(Change, &str); 5] = [
        (|contents| contents.connections.clear(), "dataJobs[0].dataSourceId"),
        (|contents| contents.parameters.clear(), "dataJobs[0].tasks[1].variables[0].settings.poolVariableId"),
        (|contents| contents.jobs[0].job.connection_id = None, "dataJobs[0].tasks[0].taskType"),
        (|contents| contents.jobs.push(contents.jobs[0].clone()), "dataJobs[1].id"),
        (
            |contents| contents.jobs[0].tasks[0].task.retry.attempts = 0,
            "dataJobs[0].tasks[0].retryPolicy.attempts",
        ),
    ];
    for (change, field) in cases {
        is_invalid(taken_in(&house, wrong(change)).await, field, "");
    }
    assert_eq!(house.engine.data_pools(&house.admin).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_several_pools_that_take_contents_in_either_all_do_or_none() {
    let (house, contents) = filled().await;
    let (other, _) = house.other_pool().await;
    let mut wrong = contents.clone();
    wrong.jobs[0].job.connection_id = None;
    let into = |contents: PoolContents, pool| {
        import(ImportTarget::Existing("targetPoolId".to_owned(), pool), contents)
    };
    let imports = vec![into(contents.clone(), other), into(wrong, house.pool)];
    is_invalid(
        house.engine.import_contents(&house.admin, imports).await,
        "dataJobs[0].tasks[0].taskType",
        "",
    );
    let (_, kept) = house.engine.pool_contents(&house.admin, other).await.unwrap();
    assert!(kept.jobs.is_empty(), "{:?}", kept.jobs);
    let twice = vec![into(contents.clone(), other), into(contents, other)];
    is_invalid(house.engine.import_contents(&house.admin, twice).await, "targetPoolId", "twice");
}

#[tokio::test]
async fn a_job_is_copied_to_another_pool_only_when_that_has_what_it_needs() {
    let (house, contents) = filled().await;
    let (other, connection) = house.other_pool().await;
    let job = contents.jobs[0].job.id;
    let to = JobDestination { pool: other, connection: Some(connection) };
    let copy = || house.engine.copy_data_job(&house.admin, house.pool, job, to);
    is_conflict(copy().await, "the parameter `own` of the task `Transform`");
    let shared = house.engine.create_parameter(&house.admin, parameter(other, None, "shared")).await.unwrap();
    let made = copy().await.unwrap();
    assert_eq!((made.pool_id, made.connection_id), (other, Some(connection)));
    let (_, there) = house.engine.pool_contents(&house.admin, other).await.unwrap();
    assert_eq!(there.jobs[0].tasks[1].parameters[0].pool_parameter_id, Some(shared.id));
    let global = JobDestination { pool: other, connection: None };
    let result = house.engine.copy_data_job(&house.admin, house.pool, job, global).await;
    is_invalid(result, "destinationDataSourceId", "extracts");
}

#[tokio::test]
async fn a_source_is_asked_again_after_some_seconds_or_when_its_connection_is_another_one() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let offer = |names: &[&str]| {
        let table = |text: &&str| SourceTable {
            table: SourceTableName { schema: None, name: identifier(text) },
            columns: Vec::new(),
            key: Vec::new(),
            rows: None,
        };
        *house.plane.offers.lock().unwrap() = names.iter().map(table).collect();
    };
    let found = async |like: &str| {
        let tables = engine.search_tables(admin, pool, house.connection, like).await.unwrap();
        tables.into_iter().map(|offered| offered.table.name.to_string()).collect::<Vec<_>>()
    };
    offer(&["orders", "Customers"]);
    assert_eq!(found("%ord%").await, ["orders"]);
    offer(&["others"]);
    assert_eq!(found("").await, ["orders", "Customers"]);
    house.clock.turn(9_999);
    assert_eq!(found("c").await, ["Customers"]);
    house.clock.turn(1);
    assert_eq!(found("").await, ["others"]);
    offer(&["third"]);
    engine.update_data_connection(admin, pool, house.connection, postgres("another")).await.unwrap();
    assert_eq!(found("").await, ["third"]);
    // Many connections are not kept for ever.
    house.clock.turn(1);
    for number in 0..100 {
        let new = NewConnection { name: name(&format!("C{number}")), ..postgres("x") };
        let made = engine.create_data_connection(admin, pool, new).await.unwrap();
        engine.search_tables(admin, pool, made.id, "").await.unwrap();
    }
    offer(&["fourth"]);
    assert_eq!(found("").await, ["fourth"], "the oldest answer has made room");
}

#[tokio::test]
async fn who_may_not_edit_a_connection_is_not_told_why_it_does_not_answer() {
    let house = House::new().await;
    let viewer = house.member(Scope::Pool(house.pool), &[Permission::View]).await;
    let editor = house.member(Scope::Pool(house.pool), &[Permission::View, Permission::Edit]).await;
    let (engine, pool) = (&house.engine, house.pool);
    let connection = engine.data_connection(&house.admin, pool, house.connection).await.unwrap();
    let (config, credentials) = connection.config.without_credentials();
    assert!(matches!(config, ConnectionConfig::Postgresql(_)));
    let new = NewConnection { credentials, ..postgres("") };
    engine.update_data_connection(&house.admin, pool, house.connection, new).await.unwrap();
    let told = async |caller: &Caller| {
        let result = engine.search_tables(caller, pool, house.connection, "").await;
        let Err(Error::Refused { message }) = result else { panic!("{result:?}") };
        message
    };
    assert!(told(&editor).await.contains("has no password"));
    assert!(!told(&viewer).await.contains("has no password"));
}

#[tokio::test]
async fn namesakes_keep_their_order_and_their_ids_however_often_they_are_taken_in() {
    let (from, to) = (House::new().await, House::new().await);
    for statement in ["SELECT 0", "SELECT 1", "SELECT 2"] {
        let job = from.empty_job("Load").await;
        from.task(&job, "Transform", TaskKind::Transformation(Some(statement.to_owned()))).await;
    }
    let (_, contents) = from.engine.pool_contents(&from.admin, from.pool).await.unwrap();
    // One of the name was made in the same moment: the clock of these tests stands still.
    to.job("Load").await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let target = ImportTarget::Existing("targetPoolId".to_owned(), to.pool);
        to.engine.import_contents(&to.admin, vec![import(target, contents.clone())]).await.unwrap();
        let (_, there) = to.engine.pool_contents(&to.admin, to.pool).await.unwrap();
        let statement = |found: &JobContents| match &found.tasks[0].task.kind {
            TaskKind::Transformation(statement) => statement.clone().unwrap_or_default(),
            other => panic!("{other:?}"),
        };
        seen.push(there.jobs.iter().map(|found| (found.job.id, statement(found))).collect::<Vec<_>>());
    }
    let statements: Vec<&str> = seen[0].iter().map(|(_, statement)| statement.as_str()).collect();
    assert_eq!(statements, ["SELECT 0", "SELECT 1", "SELECT 2"]);
    assert!(seen.iter().all(|next| *next == seen[0]), "{seen:?}");
}
