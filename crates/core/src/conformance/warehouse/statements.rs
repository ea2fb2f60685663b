//! What every warehouse must do with SQL.

use arrow_array::{Array, Int64Array};

use super::{Bench, BySql, checkpoint, expect_error, identifier};
use crate::name::Identifier;
use crate::stop::Stop;
use crate::warehouse::{
    PoolTableKind, Query, Rows, Warehouse, WarehouseError, WarehouseErrorKind, WriteMode,
};

/// Runs all checks of transactions and queries, on tables of the schema that are missing at first.
///
/// # Panics
/// When the warehouse does not do what it must, saying what.
pub async fn statements(warehouse: &dyn Warehouse, schema: &Identifier) {
    let look = BySql(warehouse);
    let bench = Bench::new(warehouse, &look, schema).await;
    let rows = [(Some(1), Some("a"), 1), (Some(2), Some("b"), 1)];
    bench.load("orders", WriteMode::Replace, &rows, &checkpoint("1")).await;
    all_statements_take_effect_together(&bench).await;
    a_failed_statement_undoes_the_ones_before_it(&bench).await;
    a_dropped_transaction_did_nothing(&bench).await;
    a_statement_cannot_end_its_transaction(&bench).await;
    a_query_is_cut_at_its_limit_and_says_so(&bench).await;
    a_query_changes_nothing(&bench).await;
    a_query_is_one_statement(&bench).await;
    names_are_looked_up_in_the_schemas_in_order(&bench).await;
    a_stop_ends_a_statement(&bench).await;
    tables_and_views_are_listed_with_their_columns(&bench).await;
    super::fence::statements(&bench).await;
}

async fn execute(bench: &Bench<'_>, statements: &[&str]) -> Result<Vec<u64>, WarehouseError> {
    let mut transaction = bench.warehouse.begin(std::slice::from_ref(bench.schema), bench.claim).await?;
    let mut rows = Vec::new();
    for sql in statements {
        rows.push(transaction.execute(sql, &Stop::never()).await?);
    }
    transaction.commit().await?;
    Ok(rows)
}

async fn query(bench: &Bench<'_>, sql: &str, limit: usize) -> Result<Rows, WarehouseError> {
    let query = Query { sql: sql.to_owned(), schemas: vec![bench.schema.clone()], limit };
    bench.warehouse.query(query, &Stop::never()).await
}

fn integers(rows: &Rows) -> Vec<i64> {
    let mut found = Vec::new();
    for batch in &rows.batches {
        let column = batch.column(0).as_any().downcast_ref::<Int64Array>().expect("a 64-bit integer");
        found.extend((0..column.len()).map(|row| column.value(row)));
    }
    found
}

async fn count(bench: &Bench<'_>, table: &str) -> i64 {
    let rows = query(bench, &format!("SELECT count(*) FROM {table}"), 1).await.expect("rows can be counted");
    integers(&rows)[0]
}

async fn all_statements_take_effect_together(bench: &Bench<'_>) {
    let rows = execute(
        bench,
        &[
            "CREATE TABLE copied AS SELECT * FROM orders",
            "INSERT INTO copied SELECT * FROM orders",
            "UPDATE copied SET version = 2 WHERE id = 1",
            "DELETE FROM copied WHERE id = 2",
            "SELECT id FROM copied",
        ],
    )
    .await
    .expect("statements are executed");
    assert_eq!(rows[1..], [2, 2, 2, 2], "rows inserted, updated, deleted and selected");
    assert_eq!(count(bench, "copied").await, 2);
}

async fn a_failed_statement_undoes_the_ones_before_it(bench: &Bench<'_>) {
    for broken in ["SELECT * FROM nowhere", "SELEC 1", "SELECT CAST('x' AS INTEGER)", ""] {
        let done = execute(bench, &["CREATE TABLE undone(a INTEGER)", "DELETE FROM orders", broken]).await;
        let error = expect_error(done, broken);
        assert_eq!(error.kind, WarehouseErrorKind::Invalid, "{broken}: {error}");
        assert_eq!(count(bench, "orders").await, 2, "after {broken:?}");
        expect_error(query(bench, "SELECT * FROM undone", 1).await, "a table that was undone");
    }
    // Whoever does not look at errors keeps nothing either.
    let mut transaction = bench
        .warehouse
        .begin(std::slice::from_ref(bench.schema), bench.claim)
        .await
        .expect("a transaction begins");
    transaction.execute("DELETE FROM orders", &Stop::never()).await.expect("rows are deleted");
    expect_error(transaction.execute("SELECT * FROM nowhere", &Stop::never()).await, "a missing table");
    expect_error(transaction.commit().await, "a commit after a failed statement");
    assert_eq!(count(bench, "orders").await, 2);
}

async fn a_dropped_transaction_did_nothing(bench: &Bench<'_>) {
    let mut transaction = bench
        .warehouse
        .begin(std::slice::from_ref(bench.schema), bench.claim)
        .await
        .expect("a transaction begins");
    transaction.execute("DELETE FROM orders", &Stop::never()).await.expect("rows are deleted");
    assert_eq!(count(bench, "orders").await, 2, "nobody else sees what is not committed");
    drop(transaction);
    assert_eq!(count(bench, "orders").await, 2);
}

async fn a_statement_cannot_end_its_transaction(bench: &Bench<'_>) {
    for sql in ["COMMIT", "ROLLBACK", "BEGIN", "SELECT 1; COMMIT; SELECT 1", "/* */ COMMIT -- x"] {
        let done = execute(bench, &["DELETE FROM orders", sql]).await;
        let error = expect_error(done, sql);
        assert_eq!(error.kind, WarehouseErrorKind::Invalid, "{sql}: {error}");
        assert_eq!(count(bench, "orders").await, 2, "after {sql:?}");
    }
}

async fn a_query_is_cut_at_its_limit_and_says_so(bench: &Bench<'_>) {
    for (limit, expected, truncated) in
        [(1, vec![1], true), (2, vec![1, 2], false), (3, vec![1, 2], false), (0, vec![], true)]
    {
        let rows = query(bench, "SELECT id FROM orders ORDER BY id", limit).await.expect("a query");
        assert_eq!(integers(&rows), expected, "with limit {limit}");
        assert_eq!(rows.truncated, truncated, "with limit {limit}");
        assert_eq!(rows.schema.field(0).name(), "id");
    }
    let rows = query(bench, "SELECT id FROM orders WHERE false", 5).await.expect("a query");
    assert_eq!((integers(&rows), rows.truncated), (Vec::new(), false));
    assert_eq!(rows.schema.fields().len(), 1, "an empty answer has its columns");
}

async fn a_query_changes_nothing(bench: &Bench<'_>) {
    for sql in [
        "DELETE FROM orders",
        "CREATE TABLE made(a INTEGER)",
        "DROP TABLE orders",
        "INSERT INTO orders SELECT * FROM orders",
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone",
        "EXPLAIN ANALYZE DELETE FROM orders",
    ] {
        expect_error(query(bench, sql, 10).await, sql);
        assert_eq!(count(bench, "orders").await, 2, "after {sql:?}");
    }
}

async fn a_query_is_one_statement(bench: &Bench<'_>) {
    for sql in
        ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE orders", "SELECT 1 -- x\r; COMMIT; DROP TABLE orders"]
    {
        expect_error(query(bench, sql, 10).await, sql);
    }
    assert_eq!(count(bench, "orders").await, 2);
    assert!(query(bench, "SELECT ';' AS a -- ;", 10).await.is_ok());
    assert!(query(bench, "SELECT 1 AS a;", 10).await.is_ok());
}

async fn names_are_looked_up_in_the_schemas_in_order(bench: &Bench<'_>) {
    let other = identifier("conformance_other");
    let schemas = [other.clone(), bench.schema.clone()];
    let mut transaction = bench.warehouse.begin(&schemas, bench.claim).await.expect("a transaction begins");
    for sql in ["CREATE TABLE other_only AS SELECT 7 AS a", "SELECT * FROM orders"] {
        transaction.execute(sql, &Stop::never()).await.expect("names are found");
    }
    transaction.commit().await.expect("a commit");
    let listed = bench.warehouse.tables().await.expect("tables are listed");
    let made = listed.iter().find(|table| table.table.name.as_str() == "other_only");
    assert_eq!(made.map(|table| &table.table.schema), Some(&other), "a new table lies in the first schema");
    // A schema that is not there yet is no error for a query.
    let schemas = vec![identifier("conformance_nowhere"), other];
    let asked = Query { sql: "SELECT a FROM other_only".to_owned(), schemas, limit: 1 };
    assert!(bench.warehouse.query(asked, &Stop::never()).await.is_ok());
}

async fn a_stop_ends_a_statement(bench: &Bench<'_>) {
    let endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 8";
    let (handle, stop) = Stop::new();
    let asked = Query { sql: endless.to_owned(), schemas: vec![bench.schema.clone()], limit: 1 };
    let (done, ()) = futures::join!(bench.warehouse.query(asked, &stop), async { handle.request() });
    assert_eq!(expect_error(done, "a stopped query").kind, WarehouseErrorKind::Canceled);
    let (handle, stop) = Stop::new();
    let mut transaction = bench
        .warehouse
        .begin(std::slice::from_ref(bench.schema), bench.claim)
        .await
        .expect("a transaction begins");
    transaction.execute("DELETE FROM orders", &Stop::never()).await.expect("rows are deleted");
    let (done, ()) = futures::join!(transaction.execute(endless, &stop), async { handle.request() });
    assert_eq!(expect_error(done, "a stopped statement").kind, WarehouseErrorKind::Canceled);
    expect_error(transaction.commit().await, "a commit after a stopped statement");
    assert_eq!(count(bench, "orders").await, 2);
}

async fn tables_and_views_are_listed_with_their_columns(bench: &Bench<'_>) {
    execute(bench, &["CREATE VIEW recent AS SELECT id FROM orders"]).await.expect("a view is made");
    let listed = bench.warehouse.tables().await.expect("tables are listed");
    let find = |name: &str| {
        let found = listed.iter().find(|table| table.table == bench.table(name));
        found.unwrap_or_else(|| panic!("{name} is not listed"))
    };
    let columns = |name: &str| -> Vec<String> {
        find(name).columns.iter().map(|column| column.name.to_string()).collect()
    };
    assert_eq!(find("orders").kind, PoolTableKind::Table);
    assert_eq!(columns("orders"), ["id", "name", "version", crate::warehouse::CHANGE_DATE_COLUMN]);
    assert_eq!(find("recent").kind, PoolTableKind::View);
    assert_eq!(columns("recent"), ["id"]);
    // It has two; what transactions put in and did not keep may count too.
    let at_most = find("orders").rows_at_most;
    assert!(at_most.is_none_or(|rows| rows >= 2), "{at_most:?}");
    assert_eq!(find("recent").rows_at_most, None);
}
