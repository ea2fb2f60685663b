//! How many rows the tables of a job have, by the statistics of its source.

use forebay_core::access::{Caller, Permission, Scope};
use forebay_core::connection::Credentials;
use forebay_core::error::Error;
use forebay_core::extraction::{SourceTableName, TableExtraction};
use forebay_core::job::TaskKind;
use forebay_core::source::SourceTable;

use super::house::{House, identifier, name, postgres, table};
use crate::{NewConnection, RowEstimate};

fn offered(schema: &str, text: &str, rows: Option<u64>) -> SourceTable {
    let table = SourceTableName { schema: Some(identifier(schema)), name: identifier(text) };
    SourceTable { table, columns: Vec::new(), key: Vec::new(), rows }
}

#[tokio::test]
async fn each_table_of_a_job_gets_what_the_source_thinks_of_it() {
    let house = House::new().await;
    let job = house.empty_job("Load").await;
    *house.plane.offers.lock().unwrap() = vec![
        offered("public", "orders", Some(6_000)),
        offered("public", "twice", Some(1)),
        offered("archive", "twice", Some(2)),
        offered("public", "never_analyzed", None),
    ];
    let schema = Some(identifier("archive"));
    let of_archive = SourceTableName { schema, name: identifier("twice") };
    let exact = TableExtraction { table: of_archive, ..table("twice") };
    let tables =
        vec![table("orders"), table("twice"), exact, table("never_analyzed"), table("not_at_the_source")];
    let task = house.task(&job, "Extract", TaskKind::Extraction(tables.clone())).await.id;
    house.task(&job, "Transform", TaskKind::Transformation(None)).await;
    let found = house.engine.row_estimates(&house.admin, house.pool, job.id).await.unwrap();
    // A name that two schemas have leaves open which one is meant.
    let of = |table: &TableExtraction, rows| RowEstimate { task, table: table.id, rows };
    assert_eq!(found, [of(&tables[0], 6_000), of(&tables[2], 2)]);
    // What was said is used again.
    house.plane.offers.lock().unwrap().clear();
    assert_eq!(house.engine.row_estimates(&house.admin, house.pool, job.id).await.unwrap(), found);
    house.clock.turn(10_000);
    assert_eq!(house.engine.row_estimates(&house.admin, house.pool, job.id).await.unwrap(), []);
}

#[tokio::test]
async fn nothing_is_asked_for_a_job_that_extracts_nothing_and_a_refusal_is_told() {
    let house = House::new().await;
    let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
    let without = NewConnection { credentials: Credentials::Missing, ..postgres("") };
    engine.update_data_connection(admin, pool, house.connection, without).await.unwrap();
    let idle = house.empty_job("Idle").await;
    house.task(&idle, "Transform", TaskKind::Transformation(None)).await;
    assert_eq!(engine.row_estimates(admin, pool, idle.id).await.unwrap(), []);
    let global = engine.create_data_job(admin, pool, name("Global"), None).await.unwrap();
    assert_eq!(engine.row_estimates(admin, pool, global.id).await.unwrap(), []);

    let job = house.empty_job("Load").await;
    house.task(&job, "Extract", TaskKind::Extraction(vec![table("orders")])).await;
    let refusal = async |caller: &Caller| match engine.row_estimates(caller, pool, job.id).await {
        Err(Error::Refused { message }) => message,
        other => panic!("no refusal: {other:?}"),
    };
    assert!(refusal(admin).await.contains("has no password"));
    let viewer = house.member(Scope::Pool(pool), &[Permission::View]).await;
    assert!(!refusal(&viewer).await.contains("has no password"));
}
