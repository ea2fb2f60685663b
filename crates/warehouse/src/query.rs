//! Read-only queries: one reading statement, in a transaction that is always rolled back.

use duckdb::Connection;
use forebay_core::warehouse::{Query, Rows, WarehouseError};

use crate::error::failed;
use crate::sql::{check_query, search_path};

pub(crate) fn run(connection: &Connection, query: &Query) -> Result<Rows, WarehouseError> {
    check_query(&query.sql)?;
    connection.execute_batch(&search_path(&query.schemas)).map_err(failed)?;
    connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(failed)?;
    let read = read(connection, query);
    // The rows are read; what a failed rollback would leave ends with the connection.
    drop(connection.execute_batch("ROLLBACK"));
    read
}

fn read(connection: &Connection, query: &Query) -> Result<Rows, WarehouseError> {
    let mut statement = connection.prepare(&query.sql).map_err(failed)?;
    let stream = statement.stream_arrow([]).map_err(failed)?;
    let schema = stream.get_schema();
    let mut batches = Vec::new();
    let mut left = query.limit;
    let mut truncated = false;
    for batch in stream {
        let batch = batch.map_err(failed)?;
        if batch.num_rows() > left {
            truncated = true;
            if left > 0 {
                batches.push(batch.slice(0, left));
            }
            break;
        }
        left -= batch.num_rows();
        batches.push(batch);
    }
    Ok(Rows { schema, batches, truncated })
}
