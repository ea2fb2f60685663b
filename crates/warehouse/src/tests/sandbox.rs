//! What SQL of a user cannot do.

use std::fs;

use super::Pool;
use crate::guard::{OF_FILES, UNCALLED, UNSEEN};
use crate::lexer::{Kind, tokens};

/// Statements that must fail wherever they are tried; `{dir}` is the pool's folder.
const FORBIDDEN: [&str; 121] = [
    // Files.
    "SELECT * FROM read_csv('{dir}/secret.csv')",
    "SELECT * FROM read_text('{dir}/secret.csv')",
    "SELECT * FROM read_blob('{dir}/secret.csv')",
    "SELECT * FROM read_json('{dir}/secret.csv')",
    "SELECT * FROM read_parquet('{dir}/secret.parquet')",
    "SELECT * FROM parquet_schema('{dir}/secret.parquet')",
    "SELECT * FROM sniff_csv('{dir}/secret.csv')",
    "SELECT * FROM glob('{dir}/*')",
    "SELECT * FROM '{dir}/secret.csv'",
    "SELECT * FROM \"{dir}/secret.csv\"",
    "DESCRIBE '{dir}/secret.csv'",
    "SUMMARIZE '{dir}/secret.csv'",
    "WITH x AS (COPY mine TO '{dir}/stolen.csv') SELECT * FROM x",
    "COPY mine TO '{dir}/stolen.csv'",
    "EXPORT DATABASE '{dir}/stolen'",
    // The pool's own files, which the engine must be at.
    "SELECT * FROM read_blob('{dir}/pool.duckdb')",
    "SELECT * FROM read_text('{dir}/temp/x.csv')",
    "SELECT * FROM read_duckdb('{dir}/pool.duckdb')",
    "SELECT * FROM '{dir}/pool.duckdb'",
    "SELECT * FROM \"{dir}/models/../pool.duckdb\"",
    "SELECT * FROM E'{dir}/pool\\x2educkdb'",
    "SELECT * FROM '{dir}/temp/x.csv'",
    "SELECT * FROM read_blob('{dir}/pool.duckdb.wal')",
    "SELECT * FROM main.read_blob('{dir}/pool.duckdb')",
    "SELECT * FROM system.main.read_blob('{dir}/pool.duckdb')",
    "SELECT * FROM \"read_blob\"('{dir}/pool.duckdb')",
    "SELECT * FROM READ_BLOB /* x */ ('{dir}/pool.duckdb')",
    // Wherever a query may stand.
    "SELECT (SELECT content FROM read_text('{dir}/secret.csv'))",
    "SELECT 1 WHERE EXISTS (FROM read_text('{dir}/secret.csv'))",
    "SELECT a FROM mine ORDER BY (SELECT count(*) FROM read_text('{dir}/secret.csv'))",
    "SELECT a FROM mine GROUP BY a HAVING (SELECT count(*) FROM read_text('{dir}/secret.csv')) > 0",
    "SELECT * FROM mine, LATERAL (FROM read_text('{dir}/secret.csv'))",
    "SELECT 1 UNION ALL SELECT count(*) FROM read_text('{dir}/secret.csv')",
    "WITH x AS (FROM read_text('{dir}/secret.csv')) FROM x",
    "SELECT * FROM mine LIMIT (SELECT count(*) FROM read_text('{dir}/secret.csv'))",
    "SELECT unnest([(SELECT content FROM read_text('{dir}/secret.csv'))])",
    "PIVOT (FROM read_text('{dir}/secret.csv')) ON filename USING count(*)",
    "EXPLAIN ANALYZE FROM read_text('{dir}/secret.csv')",
    "INSERT INTO mine SELECT size FROM read_text('{dir}/secret.csv')",
    "UPDATE mine SET a = (SELECT size FROM read_text('{dir}/secret.csv'))",
    "DELETE FROM mine USING read_text('{dir}/secret.csv')",
    "MERGE INTO mine USING (FROM read_text('{dir}/secret.csv')) AS s ON true WHEN MATCHED THEN DELETE",
    "CREATE TABLE stolen AS FROM read_text('{dir}/secret.csv')",
    "CREATE TABLE stolen(a INTEGER DEFAULT ((SELECT size FROM read_text('{dir}/secret.csv'))))",
    // What a later statement would do.
    "CREATE VIEW stolen AS FROM read_text('{dir}/secret.csv')",
    "CREATE MACRO stolen() AS TABLE FROM read_text('{dir}/secret.csv')",
    "CREATE MACRO stolen(path) AS (SELECT content FROM read_text(path))",
    "CREATE MACRO stolen() AS getenv('HOME')",
    "CREATE VIEW stolen AS FROM duckdb_settings()",
    "CREATE VIEW stolen AS FROM _forebay.claims",
    "CREATE TRIGGER stolen AFTER INSERT ON mine EXECUTE FUNCTION x()",
    "PREPARE stolen AS SELECT * FROM read_text('{dir}/secret.csv')",
    "DEALLOCATE p",
    // Other databases by name.
    "SELECT * FROM temp._forebay.claims",
    "CREATE TABLE system.main.mine(a INTEGER)",
    "SELECT * FROM other.main.t",
    "DETACH pool",
    "USE temp",
    "CREATE DATABASE other",
    "COPY FROM DATABASE pool TO memory",
    "IMPORT DATABASE '{dir}'",
    "COPY mine FROM '{dir}/secret.csv'",
    // What tells of the machine, its paths and its secrets.
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_secrets(redact = false)",
    "SELECT * FROM which_secret('x', 's3')",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM pg_catalog.pg_settings",
    "SELECT current_setting('temp_directory')",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT getenv('HOME')",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "CREATE SECRET s (TYPE http)",
    "DROP SECRET s",
    "SET SESSION threads = 1",
    "SET GLOBAL allowed_directories = ['/']",
    "SET LOCAL search_path = 'x'",
    "RESET threads",
    "PRAGMA threads = 1",
    "PRAGMA enable_profiling",
    "PRAGMA show_databases",
    "CALL enable_logging()",
    // Other databases, extensions, the network.
    "FORCE INSTALL httpfs FROM community",
    "UPDATE EXTENSIONS",
    "ATTACH 'https://localhost:1/x.duckdb' AS other",
    "SELECT * FROM 's3://x/y.parquet'",
    "SELECT * FROM 'https://localhost:1/x.parquet'",
    "ATTACH ':memory:' AS other",
    "ATTACH '{dir}/other.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SELECT * FROM read_csv('https://localhost:1/x.csv')",
    "CREATE SECRET s (TYPE s3)",
    // The session and the engine.
    "SET threads = 1",
    "SET memory_limit = '1TB'",
    "SET preserve_insertion_order = false",
    "SET enable_external_access = true",
    "SET VARIABLE a = 1",
    "RESET ALL",
    "USE _forebay",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "SELECT * FROM checkpoint()",
    "SELECT * FROM force_checkpoint()",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    // The transaction.
    "COMMIT",
    "/* x */ ROLLBACK -- y",
    "SELECT 1; COMMIT; SELECT 1",
    "SELECT 1 -- x\r; COMMIT; SELECT 1",
    "SELECT 1e'\\'; COMMIT; SELECT ''",
    // Forebay's own tables.
    "SELECT * FROM _forebay.checkpoints",
    "SELECT * FROM \"_Forebay\".\"checkpoints\"",
    "DELETE FROM '_forebay'.'checkpoints'",
    "SELECT * FROM query('SELECT * FROM _fore' || 'bay.checkpoints')",
    "SELECT * FROM query_table('_fore' || 'bay.checkpoints')",
    "DROP SCHEMA connection CASCADE",
    "CREATE TABLE _forebay.mine(a INTEGER)",
];

#[tokio::test]
async fn forbidden_statements_fail_in_transformations_and_queries() {
    let pool = Pool::new();
    let dir = pool.dir.path().to_str().unwrap().to_owned();
    fs::write(pool.dir.path().join("secret.csv"), "a\nsecret\n").unwrap();
    pool.execute(&["CREATE TABLE mine AS SELECT 1 AS a"]).await.unwrap();
    for sql in FORBIDDEN {
        let sql = sql.replace("{dir}", &dir);
        assert!(pool.query(&sql).await.is_err(), "a query may {sql}");
        let done = pool.execute(&["DELETE FROM mine", &sql]).await;
        assert!(done.is_err(), "a transformation may {sql}");
        assert_eq!(pool.text("SELECT count(*) FROM mine").await, ["1"], "after {sql}");
    }
    assert!(!pool.dir.path().join("stolen.csv").exists());
    assert!(!pool.dir.path().join("stolen").exists());
}

/// The setting is read back at every opening; here is that the engine would refuse to change it, too.
#[tokio::test]
async fn not_even_our_own_sql_can_open_the_engine_again() {
    let pool = Pool::new();
    for sql in [
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET enable_external_access",
        "SET allowed_directories = ['/']",
        "SET allowed_paths = ['/etc/hostname']",
        "SET temp_directory = '/'",
        "SET max_temp_directory_size = '1TB'",
        "SET allow_unsigned_extensions = true",
        "SET allow_persistent_secrets = true",
        "INSTALL httpfs",
        "LOAD '/x.duckdb_extension'",
        "ATTACH '/x.duckdb'",
        "COPY (SELECT 1) TO '/x.csv'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM 'https://localhost:1/x.csv'",
    ] {
        let mut session = pool.warehouse.test_session().await;
        let work = move |connection: &duckdb::Connection, _: &crate::session::Halt| {
            connection.execute_batch(sql).map_err(crate::error::failed)
        };
        let done = session.run(&forebay_core::stop::Stop::never(), work).await;
        assert!(done.is_err(), "the engine lets us {sql}");
    }
}

/// What stands in the catalogue since an earlier transformation is looked at when it is made, and nothing
/// that was made can do more later.
#[tokio::test]
async fn views_and_macros_of_earlier_transformations_reach_no_further() {
    let pool = Pool::new();
    pool.execute(&[
        "CREATE TABLE mine AS SELECT 1 AS a",
        "CREATE MACRO of_text(text) AS TABLE SELECT text AS a",
        "CREATE VIEW seen AS SELECT * FROM mine",
    ])
    .await
    .unwrap();
    let dir = pool.dir.path().to_str().unwrap();
    // A text that a macro is given stays a text.
    let given = pool.text(&format!("SELECT a FROM of_text('{dir}/secret.csv')")).await;
    assert_eq!(given, [format!("{dir}/secret.csv")]);
    for sql in [
        "CREATE OR REPLACE VIEW mine2 AS SELECT * FROM query('SELECT 1')",
        "CREATE MACRO run(text) AS TABLE FROM query(text)",
        "CREATE MACRO run(text) AS TABLE FROM query_table(text)",
        "CREATE MACRO read_blob(path) AS TABLE FROM main.read_blob(path)",
    ] {
        assert!(pool.execute(&[sql]).await.is_err(), "a transformation may {sql}");
    }
}

/// A scalar function that a new version brings and that sounds like files or the machine must be looked at.
#[tokio::test]
async fn no_scalar_function_of_the_engine_reaches_files() {
    let pool = Pool::new();
    let names = pool
        .own(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type <> 'table' \
             AND regexp_matches(function_name, 'file|path|read|write|dir|env|load|open|http|url|secret|setting') \
             ORDER BY 1",
        )
        .await;
    const HARMLESS: [&str; 11] = [
        "in_search_path",
        "json_extract_path",
        "json_extract_path_text",
        "parse_dirname",
        "parse_dirpath",
        "parse_filename",
        "parse_path",
        "path_join",
        "pg_conf_load_time",
        "url_decode",
        "url_encode",
    ];
    let unknown: Vec<_> = names
        .into_iter()
        .filter(|name| ![&HARMLESS[..], &UNSEEN, &UNCALLED].iter().any(|list| list.contains(&name.as_str())))
        .collect();
    assert_eq!(unknown, [""; 0], "look at these before users may call them");
}

#[tokio::test]
async fn own_tables_are_not_reached_by_names_with_escapes() {
    let pool = Pool::new();
    for sql in [
        "DELETE FROM E'\\x5fforebay'.checkpoints",
        "DELETE FROM E'\\137forebay'.checkpoints",
        "DELETE FROM U&\"\\005fforebay\".checkpoints",
        "INSERT INTO E'\\x5fforebay.checkpoints' SELECT 'a', 'b', 'c'",
        "SELECT * FROM E'\\x5fforebay.checkpoints'",
    ] {
        assert!(pool.execute(&[sql]).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn ordinary_work_is_allowed() {
    let pool = Pool::new();
    pool.execute(&[
        "CREATE OR REPLACE TABLE t AS SELECT range AS a, 'x;y' AS b FROM range(10)",
        "CREATE TEMP TABLE steps AS SELECT a FROM t WHERE a > 5",
        "CREATE VIEW v AS SELECT a FROM t JOIN steps USING (a)",
        "CREATE MACRO double(x) AS x * 2",
        "CREATE SEQUENCE numbers",
        "CREATE TYPE mood AS ENUM ('good', 'bad')",
        "CREATE INDEX i ON t(a)",
        "ALTER TABLE t ADD COLUMN c INTEGER DEFAULT 1",
        "INSERT INTO t BY NAME SELECT double(a) AS a, 'z' AS b FROM t",
        "MERGE INTO t USING (SELECT 1::BIGINT AS a) AS s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 'merged'",
        "WITH x AS (SELECT 1 AS a) UPDATE t SET b = 'one' FROM x WHERE t.a = x.a",
        "TRUNCATE steps",
        "CREATE TABLE p AS PIVOT t ON b USING count(*) GROUP BY a",
        "COMMENT ON TABLE t IS 'of the tests'",
        "ANALYZE t",
        "DESCRIBE t",
        "SHOW TABLES",
        "EXPLAIN ANALYZE SELECT * FROM t",
        "DROP VIEW v",
    ])
    .await
    .unwrap();
    for sql in [
        "SHOW TABLES",
        "SHOW ALL TABLES",
        "DESCRIBE t",
        "SUMMARIZE t",
        "EXPLAIN SELECT * FROM t",
        "EXPLAIN ANALYZE SELECT * FROM t",
        "FROM t",
        "TABLE t",
        "VALUES (1)",
        "(SELECT 1)",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM duckdb_tables()",
        "PIVOT t ON b IN ('z') USING count(*) GROUP BY a",
        "UNPIVOT (SELECT 1 AS x, 2 AS y) ON x, y",
    ] {
        assert!(pool.query(sql).await.is_ok(), "{sql}: {:?}", pool.query(sql).await.err());
    }
}

/// Whatever an engine knows of itself that can be asked for without arguments must not tell where
/// the pool lies. A function that a new version of the engine brings is tried too.
#[tokio::test]
async fn no_function_or_view_of_the_system_shows_the_servers_folders() {
    let pool = Pool::new();
    pool.execute(&["CREATE TABLE t AS SELECT 1 AS a"]).await.unwrap();
    let functions = pool
        .own("SELECT DISTINCT function_name || '()' FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro') ORDER BY 1")
        .await;
    let views = pool
        .own("SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE internal ORDER BY 1")
        .await;
    assert!(functions.len() > 50 && views.len() > 30, "{} functions, {} views", functions.len(), views.len());
    let dir = pool.dir.path().to_str().unwrap();
    let mut answered = 0;
    for name in functions.iter().chain(&views) {
        // As text, whatever types there are.
        let sql = format!("SELECT t::VARCHAR FROM {name} AS t LIMIT 100000");
        // Functions that need arguments fail, and so do the forbidden ones.
        let Ok(rows) = pool.query(&sql).await else { continue };
        answered += 1;
        let shown: Vec<String> = rows.batches.iter().flat_map(super::lines).collect();
        assert!(!shown.iter().any(|line| line.contains(dir)), "{sql} shows {dir}");
    }
    assert!(answered > 40, "only {answered} answered");
    for setting in pool.own("SELECT name FROM duckdb_settings()").await {
        for sql in [
            format!("SELECT current_setting('{setting}')"),
            format!("SHOW {setting}"),
            format!("FROM (SHOW \"{setting}\")"),
        ] {
            assert!(pool.query(&sql).await.is_err(), "{sql}");
        }
    }
    for variable in ["HOME", "PATH"] {
        assert!(pool.query(&format!("SELECT getenv('{variable}')")).await.is_err());
    }
}

/// A table function that a new version of the engine brings must be looked at, and then stand here or
/// among those that the guard refuses.
#[tokio::test]
async fn every_table_function_of_the_engine_is_known() {
    const HARMLESS: [&str; 46] = [
        "duckdb_approx_database_count",
        "duckdb_available_metrics",
        "duckdb_columns",
        "duckdb_connection_count",
        "duckdb_constraints",
        "duckdb_coordinate_systems",
        "duckdb_dependencies",
        "duckdb_dialects",
        "duckdb_eviction_queues",
        "duckdb_external_resource_types",
        "duckdb_external_resources",
        "duckdb_functions",
        "duckdb_grammar_extensions",
        "duckdb_indexes",
        "duckdb_keywords",
        "duckdb_memory",
        "duckdb_optimizers",
        "duckdb_prepared_statements",
        "duckdb_schemas",
        "duckdb_secret_type_parameters",
        "duckdb_secret_types",
        "duckdb_sequences",
        "duckdb_tables",
        "duckdb_triggers",
        "duckdb_types",
        "duckdb_variables",
        "duckdb_views",
        "generate_series",
        "json_each",
        "json_tree",
        "pragma_collations",
        "pragma_database_size",
        "pragma_metadata_info",
        "pragma_platform",
        "pragma_show",
        "pragma_storage_info",
        "pragma_table_info",
        "pragma_user_agent",
        "pragma_version",
        "range",
        "repeat",
        "repeat_row",
        "summary",
        "test_all_types",
        "test_vector_types",
        "unnest",
    ];
    let pool = Pool::new();
    let names = pool
        .own("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table' ORDER BY 1")
        .await;
    let known = |name: &String| {
        let name = name.as_str();
        OF_FILES.contains(&name)
            || HARMLESS.contains(&name)
            || UNSEEN.contains(&name)
            || UNCALLED.contains(&name)
            // Ours: the guard refuses whatever has the name of Forebay's own schema in it.
            || name == "_forebay_rows"
    };
    let unknown: Vec<_> = names.into_iter().filter(|name| !known(name)).collect();
    assert_eq!(unknown, [""; 0], "look at these before users may call them");
}

/// The lexer must find as many statements as the engine does, however a text is twisted.
#[tokio::test]
async fn the_engine_and_the_guard_count_the_same_statements() {
    let pool = Pool::new();
    let pieces = [
        "SELECT 1", ";", "'", "''", "\"", "`", "a", "E'", "e'\\'", "\\", "$$", "$a$", "$", "--", "\n", "\r",
        "/*", "*/", " ", "1e", "1", "x", "\u{a0}", "é", "+", ".", "::", "_", "N'", "(", ")", "\u{200b}",
        "\u{0b}",
    ];
    // A plain generator with a fixed seed: the same texts at every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut texts = Vec::new();
    for _ in 0..20_000 {
        let mut text = "SELECT 1 AS ".to_owned();
        for _ in 0..=random(9) {
            text.push_str(pieces[random(pieces.len())]);
        }
        texts.push(text);
    }
    let mut session = pool.warehouse.test_session().await;
    let counts: Vec<Option<i64>> = session
        .run(&forebay_core::stop::Stop::never(), {
            let texts = texts.clone();
            move |connection, _| {
                let sql = "SELECT CASE WHEN j->>'error' = 'false' THEN json_array_length(j->'statements')::BIGINT END \
                           FROM (SELECT json_serialize_sql(?::VARCHAR) AS j)";
                let mut statement = connection.prepare(sql).unwrap();
                let count = |text: &String| statement.query_row([text], |row| row.get(0)).unwrap();
                Ok(texts.iter().map(count).collect())
            }
        })
        .await
        .unwrap();
    let mut understood = 0;
    for (text, expected) in texts.iter().zip(counts) {
        let Some(expected) = expected else { continue };
        let tokens = match tokens(text) {
            Ok(tokens) => tokens,
            // Refusing is always safe.
            Err(_) if text.contains(['\u{a0}', '\u{200b}']) => continue,
            Err(error) => panic!("{text:?}: {error}"),
        };
        understood += 1;
        let statements =
            tokens.split(|token| token.kind == Kind::End).filter(|tokens| !tokens.is_empty()).count();
        assert_eq!(statements as i64, expected, "{text:?}");
    }
    assert!(understood > 300, "the engine understood {understood} texts");
}
