//! Which statements are let through, and which are not.

use super::*;

#[test]
fn a_transformation_may_work_on_tables_and_nothing_else() {
    for sql in [
        "SELECT 1",
        "(SELECT 1)",
        "select 1;",
        "-- x\nSELECT ';' /* ; */",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "CREATE OR REPLACE TABLE t AS SELECT 1",
        "CREATE TEMP TABLE t(a INT)",
        "CREATE UNIQUE INDEX i ON t(a)",
        "DROP VIEW IF EXISTS v",
        "ALTER TABLE t ADD COLUMN b INT",
        "UPDATE t SET a = 1",
        "UPDATE extensions SET a = 1",
        "DELETE FROM t",
        "COMMENT ON COLUMN t.a IS 'x'",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN (FORMAT json) INSERT INTO t SELECT 1",
        "SHOW TABLES",
        "SELECT query FROM t",
        "SELECT checkpoint FROM t",
    ] {
        assert!(check_statement(sql).is_ok(), "{sql}: {:?}", check_statement(sql));
    }
    for sql in [
        "",
        "-- x",
        ";",
        "SELECT 1; COMMIT",
        "SELECT 1 -- x\r; COMMIT",
        "SELECT E'\\''; COMMIT; SELECT ''",
        "SELECT 1e'\\'; COMMIT --'; SELECT '' --'",
        "COMMIT",
        "/* x */ COMMIT",
        "BEGIN",
        "ROLLBACK",
        "END",
        "ABORT",
        "START TRANSACTION",
        "COPY t TO 'x'",
        "EXPORT DATABASE 'x'",
        "IMPORT DATABASE 'x'",
        "ATTACH ':memory:'",
        "DETACH x",
        "USE x",
        "SET VARIABLE a = 1",
        "SET threads = 1",
        "RESET threads",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "CHECKPOINT",
        "FORCE CHECKPOINT",
        "VACUUM",
        "LOAD x",
        "INSTALL x",
        "UPDATE EXTENSIONS",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "DEALLOCATE p",
        "CONNECT 'x'",
        "CREATE SCHEMA s",
        "CREATE SECRET s (TYPE s3)",
        "CREATE TRIGGER t AFTER INSERT ON t INSERT INTO t SELECT 1",
        "DROP SCHEMA s",
        "ALTER DATABASE d",
        "EXPLAIN ANALYZE COPY t TO 'x'",
        "EXPLAIN (ANALYZE) COMMIT",
        "ＣＯＭＭＩＴ",
        "ЅELECT 1",
        "\"SELECT\" 1",
        "SELECT * FROM _forebay.checkpoints",
        "SELECT * FROM _forebay_rows(1::UBIGINT)",
        "SELECT * FROM \"_FOREBAY\".checkpoints",
        "INSERT INTO '_forebay'.checkpoints SELECT 1",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_settings",
        "SELECT current_setting('temp_directory')",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM \"query\" ('SELECT 1')",
        "SHOW temp_directory",
        "SELECT * FROM (SHOW temp_directory)",
    ] {
        let refused = check_statement(sql);
        assert!(refused.is_err(), "{sql}");
    }
}

#[test]
fn a_query_only_reads() {
    assert!(check_query("WITH a AS (SELECT 1) SELECT * FROM a;").is_ok());
    assert!(check_query("EXPLAIN SELECT 1").is_ok());
    for sql in ["INSERT INTO t SELECT 1", "EXPLAIN ANALYZE INSERT INTO t SELECT 1", "CREATE TABLE t(a INT)"] {
        assert!(check_query(sql).is_err(), "{sql}");
    }
}

#[test]
fn brackets_are_nested_a_hundred_deep_at_most() {
    let nested = |depth| format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(check_query(&nested(100)).is_ok());
    assert!(check_query(&nested(101)).is_err());
    assert!(check_query(&format!("SELECT {}", "[]".repeat(1000))).is_ok());
}

#[test]
fn it_is_told_whether_rows_are_read_or_changed() {
    let check = |sql, expected| assert_eq!(check_statement(sql).unwrap(), expected, "{sql}");
    check("SELECT 1", Effect::Reads);
    check("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", Effect::Reads);
    check("WITH a AS (SELECT 1) DELETE FROM t", Effect::Changes);
    check("INSERT INTO t SELECT 1", Effect::Changes);
}
