//! What a plane answers in a worker is what the server's side answers.

use std::error::Error;
use std::time::Duration;

use forebay_core::connection::{ConnectionConfig, PostgresqlConfig, SslMode};
use forebay_core::export::{ExportChunk, ExportFiles, ExportFormat, ExportRequest};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::{DataConnectionId, DataExportId, DataModelId, DataPoolId};
use forebay_core::name::Identifier;
use forebay_core::parameter::{ParameterOrigin, ParameterType};
use forebay_core::plane::DataPlane;
use forebay_core::pool::global_schema;
use forebay_core::secret::Secret;
use forebay_core::source::SourceErrorKind;
use forebay_core::spec::{NamedSchema, ParameterSpec, ScriptQuery};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{PoolTableKind, Query, WarehouseErrorKind};

use crate::tests::child::{KINDS, SOURCE_KINDS, STEPS, explanation, looked_at, rows};
use crate::tests::house::{House, query, spec};

fn config(database: &str) -> ConnectionConfig {
    ConnectionConfig::Postgresql(PostgresqlConfig {
        host: "localhost".to_owned(),
        port: 5432,
        database: database.to_owned(),
        user: "user".to_owned(),
        password: Secret::new("secret"),
        ssl_mode: SslMode::Disable,
    })
}

#[tokio::test]
async fn rows_come_as_they_were_sent() {
    let (house, pool) = (House::new(), DataPoolId::random());
    for (batches, count) in [(0, 0), (1, 0), (3, 10), (2, 200_000)] {
        let answer = house.query(pool, &format!("rows {batches} {count}")).await.unwrap();
        let sent = rows(batches, count);
        assert_eq!(answer.schema, sent.schema);
        assert_eq!(answer.batches, sent.batches, "{batches} batches of {count} rows");
        assert!(answer.truncated);
    }
    let asked = Query {
        sql: "schemas".to_owned(),
        schemas: vec![Identifier::parse("schema", "a").unwrap(), global_schema(pool)],
        limit: 42,
    };
    let answer = house.plane.query(pool, asked, &Stop::never()).await.unwrap();
    let told = answer.schema.field(0).name();
    assert!(told.contains("\"a\"") && told.contains(&pool.to_string()) && told.ends_with(" 42"), "{told}");
    assert_eq!(house.plane.workers().started, 1, "one worker answered all of it");
}

#[tokio::test]
async fn a_statement_of_a_transformation_comes_as_it_was_asked() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let connection = DataConnectionId::random();
    let asked = ScriptQuery {
        sql: "SELECT '<%=since%>'".to_owned(),
        pool_id: pool,
        connection_id: Some(connection),
        parameters: vec![ParameterSpec {
            placeholder: "since".to_owned(),
            data_type: ParameterType::Date,
            origin: ParameterOrigin::Constant,
            values: vec!["2024-01-01".to_owned()],
        }],
        schemas: vec![NamedSchema { connection_id: connection, name: "ERP".to_owned() }],
        limit: 42,
    };
    let answer = house.plane.query_script(pool, asked.clone(), &Stop::never()).await.unwrap();
    assert_eq!(*answer.schema.field(0).name(), format!("{asked:?}"));
}

#[tokio::test]
async fn errors_keep_their_kind_their_message_and_their_causes() {
    let (house, pool) = (House::new(), DataPoolId::random());
    for (number, kind) in KINDS.into_iter().enumerate() {
        let error = house.query(pool, &format!("fail {number}")).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, "as told"));
        let cause = error.source().unwrap();
        assert_eq!(cause.to_string(), std::io::Error::other(std::fmt::Error).to_string());
    }
    for (number, kind) in SOURCE_KINDS.into_iter().enumerate() {
        let error = house.plane.check(pool, &config(&number.to_string())).await.unwrap_err();
        assert_eq!((error.kind, error.step), (kind, Some(STEPS[number])));
        assert_eq!(error.message, format!("{}: as told", STEPS[number]));
    }
    house.plane.check(pool, &config("good")).await.unwrap();
}

#[tokio::test]
async fn lists_of_tables_come_as_they_were_sent() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let tables = house.plane.tables(pool).await.unwrap();
    let kinds: Vec<_> = tables.iter().map(|table| (table.table.name.as_str(), table.kind)).collect();
    assert_eq!(kinds, [("orders", PoolTableKind::Table), ("open orders", PoolTableKind::View)]);
    assert_eq!(tables[0].table.schema, global_schema(pool));
    assert_eq!(tables[0].columns[0].type_name, "BIGINT");
    assert_eq!((tables[0].rows_at_most, tables[1].rows_at_most), (Some(7), None));
    let tables = house.plane.discover(pool, &config("good")).await.unwrap();
    let seen: Vec<_> = tables.iter().map(|table| (table.table.to_string(), table.rows)).collect();
    assert_eq!(seen, [("public.orders".to_owned(), Some(3)), ("orders".to_owned(), None)]);
    assert_eq!(tables[1].key[0].as_str(), "id");
    let copy = house.plane.backup(pool).await.unwrap();
    assert_eq!(copy, house.dir.path().join("pools").join(pool.to_string()).join("copy"));
}

#[tokio::test]
async fn a_call_that_panics_leaves_the_worker_and_its_other_calls_alone() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let (stop, stopped) = Stop::new();
    let run = house.run(pool, "wait", stopped);
    house.runs(pool, 1).await;
    let error = house.query(pool, "panic").await.unwrap_err();
    assert_eq!(error.kind, WarehouseErrorKind::Internal);
    assert_eq!(house.ask(pool, "running").await, "1");
    stop.request();
    assert_eq!(run.await.unwrap(), forebay_core::event::Outcome::Canceled);
    assert_eq!(house.plane.workers().started, 1);
}

#[tokio::test]
async fn a_query_that_is_dropped_or_stopped_ends_in_the_worker_too() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let dir = house.dir.path().join("pools").join(pool.to_string());
    let (waiting, dropped) = (dir.join("waiting"), dir.join("dropped"));
    let (stop, stopped) = Stop::new();
    for way in ["dropped", "stopped"] {
        let asked = house.plane.query(pool, query("wait"), &stopped);
        tokio::pin!(asked);
        let begun = house.until("the query runs", async || waiting.exists());
        tokio::select! {
            answer = &mut asked => panic!("{answer:?} to a query that waits"),
            () = begun => {}
        }
        if way == "stopped" {
            stop.request();
            assert_eq!(asked.await.unwrap_err().kind, WarehouseErrorKind::Canceled);
        } else {
            // Dropped at the end of this round at the latest; here is where it matters.
            let _ = tokio::time::timeout(Duration::from_millis(1), asked.as_mut()).await;
            asked.set(house.plane.query(pool, query("told"), &stopped));
        }
        house.until(&format!("the query is {way} in the worker"), async || dropped.exists()).await;
        std::fs::remove_file(&dropped).unwrap();
        std::fs::remove_file(&waiting).unwrap();
    }
}

fn export(query: &str, files: Option<ExportFiles>) -> ExportRequest {
    let queries = vec![query.to_owned(), "TABLE(1)".to_owned()];
    ExportRequest { id: DataExportId::random(), model: DataModelId::random(), queries, files }
}

#[tokio::test]
async fn exports_come_as_they_were_asked_for() {
    let (house, pool) = (House::new(), DataPoolId::random());
    for format in [ExportFormat::Parquet, ExportFormat::Excel, ExportFormat::Csv] {
        let request = export("FILTER 1 = 1", Some(ExportFiles { format, most_bytes: 1 << 40 }));
        let exported = house.plane.export(pool, request.clone(), &Stop::never()).await.unwrap().unwrap();
        assert_eq!(exported.folder.to_str().unwrap(), format!("{request:?}"));
        let chunks = [ExportChunk { rows: 3, bytes: 70 }, ExportChunk { rows: 0, bytes: 60 }];
        assert_eq!(exported.chunks, chunks);
    }
    let checked = house.plane.export(pool, export("x", None), &Stop::never()).await;
    assert_eq!(checked.unwrap(), None);
    let error = house.plane.export(pool, export("fail", None), &Stop::never()).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (WarehouseErrorKind::Invalid, "as told"));
}

#[tokio::test]
async fn an_export_that_is_stopped_ends_in_the_worker_too() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let dir = house.dir.path().join("pools").join(pool.to_string());
    let (stop, stopped) = Stop::new();
    let asked = house.plane.export(pool, export("wait", None), &stopped);
    tokio::pin!(asked);
    tokio::select! {
        answer = &mut asked => panic!("{answer:?} to an export that waits"),
        () = house.until("the export runs", async || dir.join("waiting").exists()) => {}
    }
    stop.request();
    assert_eq!(asked.await.unwrap_err().kind, WarehouseErrorKind::Canceled);
    house.until("the export ends in the worker", async || dir.join("dropped").exists()).await;
}

fn source_table(schema: Option<&str>, name: &str) -> SourceTableName {
    let identifier = |text: &str| Identifier::parse("name", text).unwrap();
    SourceTableName { schema: schema.map(identifier), name: identifier(name) }
}

#[tokio::test]
async fn a_look_at_a_table_comes_as_it_was_made() {
    let (house, pool) = (House::new(), DataPoolId::random());
    for table in [source_table(Some("public"), "orders"), source_table(None, "orders")] {
        let seen = house.plane.preview(pool, &config("good"), &table, 40).await.unwrap();
        let made = looked_at(&table, 40);
        assert_eq!(seen.findings, made.findings);
        assert_eq!((&seen.rows.schema, &seen.rows.batches), (&made.rows.schema, &made.rows.batches));
        assert!(seen.rows.truncated);
    }
    let missing = source_table(Some("public"), "missing");
    let error = house.plane.preview(pool, &config("good"), &missing, 40).await.unwrap_err();
    assert_eq!((error.kind, error.step), (SourceErrorKind::Invalid, None));
    assert_eq!(error.message, "public.missing is not there");
}

#[tokio::test]
async fn a_look_at_a_table_that_is_dropped_ends_in_the_worker_too() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let dir = house.dir.path().join("pools").join(pool.to_string());
    let (settings, table) = (config("good"), source_table(None, "wait"));
    let mut looking = Box::pin(house.plane.preview(pool, &settings, &table, 40));
    tokio::select! {
        seen = &mut looking => panic!("{seen:?} to a look that waits"),
        () = house.until("the look runs", async || dir.join("waiting").exists()) => {}
    }
    drop(looking);
    house.until("the look ends in the worker", async || dir.join("dropped").exists()).await;
}

#[tokio::test]
async fn an_explanation_comes_as_it_was_made() {
    let (house, pool) = (House::new(), DataPoolId::random());
    assert_eq!(house.plane.explain(&spec(pool, "tell")).await.unwrap(), explanation());
    let error = house.plane.explain(&spec(pool, "fail")).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (SourceErrorKind::Denied, "as told"));
}
