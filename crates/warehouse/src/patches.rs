//! Which jobs have patched which tables, kept in the pool's file: a patch is done once, whoever goes on with a
//! job that was interrupted between its commit and the news of it.

use duckdb::{Connection, params};
use forebay_core::execution::Claim;
use forebay_core::id::DataJobId;
use forebay_core::warehouse::{LoadReport, WarehouseError, WarehouseTable};

use crate::error::failed;
use crate::names::{OWN_SCHEMA, folded};

/// So many claims later nobody goes on with a job that was interrupted: it is forgotten, and its claim with it.
/// Otherwise a pool that is sent a file each minute would remember every one for ever.
const FORGOTTEN_AFTER: u64 = 100_000;

/// What a job did to a table; `None` when it has not patched it.
pub(crate) fn read(
    connection: &Connection,
    job: DataJobId,
    table: &WarehouseTable,
) -> Result<Option<LoadReport>, WarehouseError> {
    let sql = format!(
        "SELECT staged, inserted, updated, deleted, before, after FROM {OWN_SCHEMA}.patches \
         WHERE job = ? AND schema_name = ? AND table_name = ?"
    );
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let rows =
        statement.query_map(params![job.to_string(), folded(&table.schema), folded(&table.name)], |row| {
            Ok(LoadReport {
                rows_staged: row.get(0)?,
                rows_inserted: row.get(1)?,
                rows_updated: row.get(2)?,
                rows_deleted: row.get(3)?,
                rows_before: row.get(4)?,
                rows_after: row.get(5)?,
                changes: Vec::new(),
            })
        });
    rows.and_then(|mut rows| rows.next().transpose()).map_err(failed)
}

/// Remembers what a job did to a table, in the transaction that shows it.
pub(crate) fn write(
    connection: &Connection,
    claim: Claim,
    table: &WarehouseTable,
    report: &LoadReport,
) -> Result<(), WarehouseError> {
    let old = claim.number.saturating_sub(FORGOTTEN_AFTER);
    let forget = format!("job IN (SELECT job FROM {OWN_SCHEMA}.patches WHERE number < {old})");
    for sql in [
        format!("DELETE FROM {OWN_SCHEMA}.claims WHERE number < {old} AND {forget}"),
        format!("DELETE FROM {OWN_SCHEMA}.patches WHERE number < {old}"),
    ] {
        connection.execute(&sql, []).map_err(failed)?;
    }
    let write = format!("INSERT OR REPLACE INTO {OWN_SCHEMA}.patches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    connection
        .execute(
            &write,
            params![
                claim.job.to_string(),
                folded(&table.schema),
                folded(&table.name),
                claim.number,
                report.rows_staged,
                report.rows_inserted,
                report.rows_updated,
                report.rows_deleted,
                report.rows_before,
                report.rows_after,
            ],
        )
        .map(drop)
        .map_err(failed)
}
