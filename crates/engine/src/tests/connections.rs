//! What a data connection shows: how far a test of it comes, where it is used, and what an extraction would ask for.

use forebay_core::check::{Step, StepState};
use forebay_core::connection::{ConnectionConfig, Credentials};
use forebay_core::execution::ExtractionMode;
use forebay_core::extraction::{ChangeDate, ColumnChoice, SourceTableName, TableExtraction};
use forebay_core::id::TableExtractionId;
use forebay_core::job::TaskKind;
use forebay_core::parameter::{DynamicOperation, DynamicValue, ParameterOrigin};
use forebay_core::source::SourceTable;
use forebay_core::spec::Work;

use super::deletions::parameter;
use super::house::{House, identifier, is_not_found, model_table, name, postgres, table};
use crate::{NewConnection, NewDataModel, PREVIEW_ROWS};

#[tokio::test]
async fn a_test_says_how_far_it_came() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let (check, tables) = engine.test_data_connection(admin, pool, house.connection).await.unwrap();
    assert!(check.is_passed() && check.steps.iter().all(|(_, state)| *state == StepState::Ok), "{check:?}");
    assert_eq!(check.steps.last(), Some(&(Step::Tables, StepState::Ok)));
    assert!(tables.is_empty());

    *house.plane.fails_at.lock().unwrap() = Some(Step::Tls);
    let check = engine.check_data_connection(admin, pool, house.connection).await.unwrap();
    assert_eq!((check.failed_step(), check.failure.as_deref()), (Some(Step::Tls), Some("TLS: as told")));
    let (check, _) = engine.test_data_connection(admin, pool, house.connection).await.unwrap();
    assert_eq!(check.failed_step(), Some(Step::Tls));
    assert_eq!(check.steps.last(), Some(&(Step::Tables, StepState::NotReached)));

    // Without a password nothing is sent anywhere, so nothing before the login is known either.
    let without = NewConnection { credentials: Credentials::Missing, ..postgres("") };
    engine.update_data_connection(admin, pool, house.connection, without).await.unwrap();
    let check = engine.check_data_connection(admin, pool, house.connection).await.unwrap();
    assert_eq!(check.failed_step(), Some(Step::Login));
    assert!(check.failure.unwrap().contains("`ERP` has no password"));
    assert!(check.steps.iter().all(|(_, state)| *state != StepState::Ok));
}

#[tokio::test]
async fn a_table_is_looked_at_through_its_connection() {
    let house = House::new().await;
    let wanted = SourceTableName { schema: Some(identifier("public")), name: identifier("orders") };
    let offered = SourceTable { table: wanted.clone(), columns: Vec::new(), key: Vec::new(), rows: None };
    house.plane.offers.lock().unwrap().push(offered);
    let seen = house.engine.preview_table(&house.admin, house.pool, house.connection, &wanted).await.unwrap();
    assert_eq!(seen.findings.notes, [format!("{PREVIEW_ROWS} rows of public.orders")]);
    let (other, _) = house.other_pool().await;
    is_not_found(house.engine.preview_table(&house.admin, other, house.connection, &wanted).await);
}

#[tokio::test]
async fn a_connection_knows_what_uses_it() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let uses = async |connection| engine.data_connection_uses(admin, pool, connection).await.unwrap();
    let empty = uses(house.connection).await;
    assert!(empty.jobs.is_empty() && empty.models.is_empty() && empty.parameters.is_empty());

    let own = house.job("Own").await;
    house.task(&own, "Extract", TaskKind::Extraction(vec![table("orders")])).await;
    let global = engine.create_data_job(admin, pool, name("Global"), None).await.unwrap();
    let naming = TaskKind::Transformation(Some("SELECT 1 FROM <%=DATASOURCE:ERP%>.orders".to_owned()));
    house.task(&global, "Names it", naming).await;
    house.task(&global, "Does not", TaskKind::Transformation(Some("SELECT 1".to_owned()))).await;
    let tables = vec![model_table("orders", Some(house.connection))];
    engine.create_data_model(admin, pool, NewDataModel::of(name("Model"), tables, vec![])).await.unwrap();
    let mut dynamic = parameter(pool, None, "newest");
    dynamic.origin = ParameterOrigin::Dynamic(DynamicValue {
        connection_id: Some(house.connection),
        table: identifier("orders"),
        column: identifier("changed"),
        operation: DynamicOperation::FindMax,
    });
    engine.create_parameter(admin, dynamic).await.unwrap();

    let found = uses(house.connection).await;
    let mut jobs: Vec<_> = found
        .jobs
        .iter()
        .map(|used| {
            let tasks: Vec<String> = used.tasks.iter().map(|task| task.name.to_string()).collect();
            (used.job.name.to_string(), used.is_own, tasks.join(", "))
        })
        .collect();
    jobs.sort();
    assert_eq!(
        jobs,
        [
            ("Global".to_owned(), false, "Names it".to_owned()),
            ("Own".to_owned(), true, "Transform, Extract".to_owned())
        ]
    );
    assert_eq!((found.models.len(), found.parameters.len()), (1, 1));
    let spare = NewConnection { name: name("Spare"), ..postgres("x") };
    let spare = engine.create_data_connection(admin, pool, spare).await.unwrap();
    let unused = uses(spare.id).await;
    assert!(unused.jobs.is_empty() && unused.models.is_empty() && unused.parameters.is_empty());
}

#[tokio::test]
async fn a_table_is_explained_by_itself_with_its_parameters() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.empty_job("Load").await;
    let tables = vec![table("orders"), table("items")];
    let task = house.task(&job, "Extract", TaskKind::Extraction(tables.clone())).await;
    engine.create_parameter(admin, parameter(pool, None, "since")).await.unwrap();
    let id = task.id.to_string();
    engine.explain_table_extraction(admin, pool, job.id, &id, tables[1].id).await.unwrap();
    let spec = house.plane.explained.lock().unwrap().pop().unwrap();
    assert_eq!((spec.mode, spec.job_id, spec.tasks.len()), (ExtractionMode::Full, job.id, 1));
    assert_eq!(spec.tasks[0].parameters[0].placeholder, "since");
    let Work::Extraction(work) = &spec.tasks[0].work else { panic!("{spec:?}") };
    assert_eq!(work.tables, tables[1..]);
    let ConnectionConfig::Postgresql(config) = &work.config else { panic!("another system") };
    assert_eq!(config.password.expose(), "hunter2");

    let unknown = TableExtractionId::random();
    is_not_found(engine.explain_table_extraction(admin, pool, job.id, &id, unknown).await);
    let script = house.task(&job, "Transform", TaskKind::Transformation(None)).await.id.to_string();
    is_not_found(engine.explain_table_extraction(admin, pool, job.id, &script, tables[1].id).await);
    // Nothing was executed.
    assert!(house.plane.ran().is_empty());
}

#[tokio::test]
async fn a_filter_is_looked_at_alone_and_not_saved() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let job = house.empty_job("Load").await;
    let bare = TableExtraction { pseudonymised: vec![identifier("owner")], ..table("orders") };
    let change_date = Some(ChangeDate { column: identifier("changed"), offset_seconds: 0 });
    let columns = ColumnChoice::Only(vec![identifier("id")]);
    let text = |text: &str| Some(text.to_owned());
    let (filter, delta_filter) = (text("old = 1"), text("old = 2"));
    let saved = TableExtraction { columns, filter, delta_filter, change_date, ..bare.clone() };
    let task = house.task(&job, "Extract", TaskKind::Extraction(vec![saved.clone()])).await;
    let id = task.id.to_string();
    let fault = engine.check_filter(admin, pool, job.id, &id, saved.id, "new = 1").await.unwrap();
    assert_eq!(fault, None);
    let spec = house.plane.explained.lock().unwrap().pop().unwrap();
    let Work::Extraction(work) = &spec.tasks[0].work else { panic!("{spec:?}") };
    assert_eq!(work.tables, [TableExtraction { filter: text("new = 1"), ..bare }]);
    let kept = engine.task(admin, pool, job.id, &id).await.unwrap();
    assert_eq!(kept.kind, TaskKind::Extraction(vec![saved]));
    let unknown = TableExtractionId::random();
    is_not_found(engine.check_filter(admin, pool, job.id, &id, unknown, "new = 1").await);
}
