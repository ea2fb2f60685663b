//! Whether a table of the pool holds exactly what its source holds: every row, every value, as text.

use crate::pool::Pool;
use crate::source::Source;

/// Compares a table of PostgreSQL, row by row in the order of a numeric key, with the pool's.
#[track_caller]
fn check(table: &str, expected: &[String], found: &[String]) {
    for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
        assert_eq!(found, expected, "row {place} of {table}");
    }
    assert_eq!(found.len(), expected.len(), "rows of {table}");
}

/// Fails unless the pool's table has the rows of the source's, no more and no fewer. `key` orders
/// them: numbers, which both sides order alike.
pub(crate) async fn same_rows(
    source: &Source,
    schema: &str,
    table: &str,
    key: &str,
    pool: &Pool,
    connection: &str,
) {
    let columns = format!(
        "SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = '\"{schema}\".\"{table}\"'::regclass \
         AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    );
    let columns = source.lines(&columns).await;
    let joined = |text: fn(&str) -> String| {
        let texts: Vec<String> = columns.iter().map(|column| text(&format!("\"{column}\""))).collect();
        texts.join(" || '|' || ")
    };
    // `concat` writes a value as PostgreSQL sends it; a cast would take the padding off char(n).
    let there = joined(|column| format!("CASE WHEN {column} IS NULL THEN '~' ELSE concat({column}) END"));
    let here = joined(|column| format!("coalesce(CAST({column} AS VARCHAR), '~')"));
    let expected = format!("SELECT {there} FROM \"{schema}\".\"{table}\" ORDER BY {key}");
    let expected = source.lines(&expected).await;
    let found = pool.lines(Some(connection), &format!("SELECT {here} FROM \"{table}\" ORDER BY {key}")).await;
    check(table, &expected, &found);
}
