//! SQL that does more than it may, and conditions that are more than one.

use serde_json::json;

use super::Expected::Says;
use super::{Bad, worlds};
use crate::pool::Pool;
use crate::server::Server;
use crate::source::Source;

#[tokio::test]
async fn sql_that_does_more_than_read_the_pool_is_refused() {
    let server = Server::start();
    let (world, other) = worlds(&server).await;
    let admin = server.admin();
    std::fs::write(server.files().join("secret.csv"), "a\nsecret\n").unwrap();
    let file = server.files().join("secret.csv");
    let file = file.display();
    let mut bad = Bad::new(&admin, &world, &other).await;
    let query = world.pool.own("/query");
    for sql in [
        "".to_owned(),
        ";".to_owned(),
        "-- nothing".to_owned(),
        "SELEC 1".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "SELECT 1; DROP TABLE made".to_owned(),
        "DROP TABLE made".to_owned(),
        "CREATE TABLE more AS SELECT 1 AS a".to_owned(),
        "INSERT INTO made VALUES (2)".to_owned(),
        "UPDATE made SET a = 2".to_owned(),
        "DELETE FROM made".to_owned(),
        "WITH x AS (SELECT 1) DELETE FROM made".to_owned(),
        "EXPLAIN ANALYZE DELETE FROM made".to_owned(),
        "SELECT * FROM nothing".to_owned(),
        "SELECT 'a\u{0}b".to_owned(),
        format!("SELECT * FROM read_csv('{file}')"),
        format!("SELECT * FROM read_text('{file}')"),
        format!("SELECT * FROM '{file}'"),
        format!("FROM glob('{}/*')", server.files().display()),
        format!("ATTACH '{file}' AS other"),
        format!("COPY made TO '{file}'"),
        format!("EXPORT DATABASE '{file}'"),
        "INSTALL httpfs".to_owned(),
        "LOAD json".to_owned(),
        "SET threads = 1".to_owned(),
        "RESET threads".to_owned(),
        "PRAGMA database_list".to_owned(),
        "CALL pragma_version()".to_owned(),
        "CHECKPOINT".to_owned(),
        "USE main".to_owned(),
        "BEGIN".to_owned(),
        "SELECT * FROM _forebay.checkpoints".to_owned(),
        "SELECT * FROM \"_FOREBAY\".\"checkpoints\"".to_owned(),
        format!("SELECT * FROM \"{}\".made", other.pool.id),
        format!("SELECT {}1", "(".repeat(100)),
        format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
    ] {
        let answer = admin.post(&query, &json!({"sql": sql})).await;
        bad.check(&answer, &json!(sql.chars().take(80).collect::<String>()), Says("")).await;
    }
    bad.told();
    // The same through a transformation: the task fails, and nothing of it is kept.
    for sql in [
        format!("CREATE TABLE stolen AS SELECT * FROM read_csv('{file}')"),
        format!("CREATE TABLE stolen AS SELECT 1 AS a; COPY stolen TO '{file}.out'"),
        "CREATE TABLE stolen AS SELECT 1 AS a; SET memory_limit = '1GB'".to_owned(),
        "CREATE TABLE stolen AS SELECT 1 AS a; COMMIT".to_owned(),
        "CREATE TABLE stolen AS SELECT 1 AS a; ATTACH ':memory:' AS aside".to_owned(),
        "CREATE TABLE stolen AS SELECT 1 AS a; DROP TABLE _forebay.checkpoints".to_owned(),
    ] {
        world.job.set_statement(&world.transformation, &sql).await;
        let run = world.job.run("FULL").await.ended("FAIL");
        assert!(run.0["message"].as_str().unwrap().contains("statement "), "{sql}: {:#}", run.0);
        let tables = admin.get(&world.pool.path("/tables")).await;
        assert!(!tables.text().contains("stolen"), "{sql}: {tables}");
    }
    assert!(!server.files().join("secret.csv.out").exists());
}

#[tokio::test]
async fn a_filter_is_one_condition_and_an_identifier_is_never_sql() {
    let server = Server::start();
    let source = Source::new().await;
    source
        .execute(
            "CREATE TABLE victims (id integer PRIMARY KEY); INSERT INTO victims VALUES (1), (2);
             CREATE TABLE \"odd \"\"name; DROP TABLE victims; --\" (id integer PRIMARY KEY, \"a\"\"b'c\" text);
             INSERT INTO \"odd \"\"name; DROP TABLE victims; --\" VALUES (1, 'x');",
        )
        .await;
    let admin = server.admin();
    let pool = Pool::create(&admin).await;
    let connection = pool.connection("Source", "POSTGRESQL", &source.configuration()).await;
    for filter in [
        "1=1; DROP TABLE victims",
        "1=1) TO STDOUT; DROP TABLE victims; --",
        "id = 1 UNION SELECT 1",
        "id = 1 ORDER BY id",
        "id = 'unterminated",
        "id = 1 -- ) OR true /*",
    ] {
        for field in ["filterDefinition", "deltaFilterDefinition"] {
            let job = pool.job(Some(&connection)).await;
            // In one word, so that the target table is new each time and the DELTA filter is used.
            let table = json!([{"tableName": "victims", field: filter}]);
            let task = job.path("/tasks/");
            let task = admin.post(&task, &json!({"taskType": "EXTRACTION", "name": "x"})).await.ok();
            let tables = job.path(&format!("/extractions/{}/tables/", task["id"].as_str().unwrap()));
            let saved = admin.post(&tables, &table).await;
            let harmless = filter.starts_with("id = 1 --");
            if saved.status == 400 {
                assert_eq!(saved.json()["errors"][0]["attribute"], field, "{saved}");
                assert!(!harmless, "{saved}");
                continue;
            }
            saved.ok();
            let mut run = job.run("FULL").await;
            if field == "deltaFilterDefinition" {
                // Or the table would be unchanged, and the filter not looked at.
                source.execute("UPDATE victims SET id = id").await;
                run = job.run("DELTA").await;
            }
            if harmless {
                run.succeeded();
            } else {
                let run = run.ended("FAIL");
                let message = run.step("victims")["message"].as_str().unwrap().to_owned();
                assert!(message.contains("filter"), "{filter}: {message}");
            }
            assert_eq!(source.value("SELECT count(*)::text FROM victims").await, "2", "{filter}");
        }
    }
    let job = pool.job(Some(&connection)).await;
    let odd = "odd \"name; DROP TABLE victims; --";
    job.extraction(&json!([{"tableName": odd}, {"tableName": "victims\"; DROP TABLE victims; --"}])).await;
    let run = job.run("FULL").await.ended("FAIL");
    assert_eq!(run.step(odd)["status"], "SUCCESS");
    assert_eq!(source.value("SELECT count(*)::text FROM victims").await, "2");
    let sql = "SELECT \"a\"\"b'c\" FROM \"odd \"\"name; DROP TABLE victims; --\"";
    assert_eq!(pool.value(Some(&connection), sql).await, "x");
}
