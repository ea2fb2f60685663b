//! The audit log. Entries are added and read and, when they are old, dropped; nothing changes one.

use forebay_core::audit::{AuditCaller, AuditEntry, AuditFilter, AuditPosition};
use forebay_core::{Result, Timestamp};

use crate::Store;
use crate::db::{self, Query, Row};

/// The most entries that go in one transaction.
const AT_A_TIME: u32 = 2_000;

/// A list, the newest first. What narrows most finds the entries by its index, and the rest is tested row by row (that
/// is what the `+` is for).
macro_rules! listed {
    ($narrowed:literal) => {
        concat!(
            "select * from audit_entries where at >= $1 and at <= $2 and not (at = $3 and seq >= $4)",
            $narrowed,
            " order by at desc, seq desc limit $8"
        )
    };
}

pub(crate) const ENTRIES: &str = listed!("");
pub(crate) const ENTRIES_OF_POOL: &str =
    listed!(" and pool_id = $5 and ($6 is null or +caller_id = $6) and ($7 is null or +operation = $7)");
pub(crate) const ENTRIES_OF_CALLER: &str = listed!(" and caller_id = $6 and ($7 is null or +operation = $7)");
pub(crate) const ENTRIES_OF_OPERATION: &str = listed!(" and operation = $7");

/// Each name is one step in the index, however many entries have it.
pub(crate) const OPERATIONS: &str = "
    with recursive named (operation) as (
        select min(operation) from audit_entries
        union all
        select (select min(operation) from audit_entries where audit_entries.operation > named.operation)
        from named where named.operation is not null
    )
    select operation from named where operation is not null";

impl Store {
    /// Adds an entry. It is on the disk when this returns.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn add_audit_entry(&self, entry: &AuditEntry) -> Result<()> {
        inserted(entry)?.execute_on(self.write()).await.map(drop).map_err(db::error)
    }

    /// Adds an entry with the next transaction, within a moment, and does not wait for that. When it fails, the log
    /// says so.
    ///
    /// # Errors
    /// Only `Internal`.
    pub fn add_audit_entry_soon(&self, entry: &AuditEntry) -> Result<()> {
        self.write().change_soon(inserted(entry)?);
        Ok(())
    }

    /// At most so many entries, the newest first, and where each stands; those behind a position when one is given.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn audit_entries(
        &self,
        filter: &AuditFilter,
        before: Option<AuditPosition>,
        limit: u32,
    ) -> Result<Vec<(AuditPosition, AuditEntry)>> {
        let sql = match filter {
            AuditFilter { pool: Some(_), .. } => ENTRIES_OF_POOL,
            AuditFilter { caller: Some(_), .. } => ENTRIES_OF_CALLER,
            AuditFilter { operation: Some(_), .. } => ENTRIES_OF_OPERATION,
            AuditFilter { pool: None, caller: None, operation: None, .. } => ENTRIES,
        };
        let from = filter.from.map_or(i64::MIN, Timestamp::as_millis);
        let last = filter.until.map_or(i64::MAX, |until| until.as_millis().saturating_sub(1));
        let behind = before.map_or(i64::MAX, |before| before.at.as_millis());
        let query = db::query(sql)
            .bind(from)
            .bind(last.min(behind))
            .bind(behind)
            .bind(before.map_or(i64::MAX, |before| before.seq))
            .bind(filter.pool.map(|pool| pool.to_string()))
            .bind(filter.caller.clone())
            .bind(filter.operation.clone())
            .bind(limit);
        self.scan(move |connection| {
            let rows = query.fetch_all(connection).map_err(db::error)?;
            rows.iter().map(|row| Ok((position(row)?, entry(row)?))).collect()
        })
        .await
    }

    /// The operations of which there are entries, by name.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn audit_operations(&self) -> Result<Vec<String>> {
        let rows = db::query(OPERATIONS).fetch_all(&*self.read()?).map_err(db::error)?;
        rows.iter().map(|row| db::get(row, "operation")).collect()
    }

    /// Drops some of the entries from before a moment, the oldest first, and says how many. 0: no more are due.
    ///
    /// # Errors
    /// Only `Internal`, `Unavailable` and `InsufficientStorage`.
    pub async fn drop_audit_entries_before(&self, moment: Timestamp) -> Result<u64> {
        let query = db::query(
            "delete from audit_entries where seq in (
                 select seq from audit_entries where at < $1 order by at limit $2
             )",
        )
        .bind(moment.as_millis())
        .bind(AT_A_TIME);
        let done = self.transact_much(move |transaction| query.execute(transaction).map_err(db::error));
        Ok(done.await?.rows_affected())
    }
}

/// Adds an entry. What its address does not say is looked up: the pool of an execution, of a data model, or the pool
/// itself that was just made, and the name of whom somebody failed to sign in as.
fn inserted(entry: &AuditEntry) -> Result<Query> {
    let id = |name: &str| entry.ids.get(name).cloned();
    let caller = entry.caller.as_ref();
    Ok(db::query(
        "insert into audit_entries (
             at, caller_type, caller_id, caller_name, client_id, operation, method, route, pool_id, ids, result,
             status, error, is_last_of_hour, peer, request_id
         ) values (
             $1, $2, $3,
             coalesce($4, (select name from users where $2 = 'USER' and id = $3),
                 (select name from applications where $2 = 'APPLICATION' and id = $3)),
             $5, $6, $7, $8,
             coalesce($9, (select pool_id from executions where id = $10),
                 (select pool_id from data_models where id = $11), (select id from data_pools where id = $12)),
             $13, $14, $15, $16, $17, $18, $19
         )",
    )
    .bind(entry.at.as_millis())
    .bind(caller.map(|caller| caller.kind.as_str()))
    .bind(caller.map(|caller| caller.id.clone()))
    .bind(caller.and_then(|caller| caller.name.clone()))
    .bind(entry.client.clone())
    .bind(entry.operation.as_str())
    .bind(entry.method.as_str())
    .bind(entry.route.as_str())
    .bind(entry.pool.map(|pool| pool.to_string()))
    .bind(id("executionId"))
    .bind(id("dataModelId"))
    .bind(id("id"))
    .bind(db::to_json(&entry.ids)?)
    .bind(entry.result.as_str())
    .bind(entry.status.map(u32::from))
    .bind(entry.error.clone())
    .bind(entry.is_last_of_hour)
    .bind(entry.peer.map(|peer| peer.to_string()))
    .bind(entry.request_id.clone()))
}

fn position(row: &Row) -> Result<AuditPosition> {
    Ok(AuditPosition { at: db::time(row, "at")?, seq: db::get(row, "seq")? })
}

fn entry(row: &Row) -> Result<AuditEntry> {
    let caller = match db::get::<Option<String>>(row, "caller_id")? {
        Some(id) => {
            Some(AuditCaller { kind: db::word(row, "caller_type")?, id, name: db::get(row, "caller_name")? })
        }
        None => None,
    };
    let status = db::get::<Option<i64>>(row, "status")?.map(u16::try_from).transpose();
    let peer = db::get::<Option<&str>>(row, "peer")?.map(str::parse).transpose();
    Ok(AuditEntry {
        at: db::time(row, "at")?,
        caller,
        client: db::get(row, "client_id")?,
        operation: db::get(row, "operation")?,
        method: db::get(row, "method")?,
        route: db::get(row, "route")?,
        pool: db::optional_id(row, "pool_id")?,
        ids: db::json(row, "ids")?,
        result: db::word(row, "result")?,
        status: status.map_err(forebay_core::Error::internal)?,
        error: db::get(row, "error")?,
        is_last_of_hour: db::get::<i64>(row, "is_last_of_hour")? == 1,
        peer: peer.map_err(forebay_core::Error::internal)?,
        request_id: db::get(row, "request_id")?,
    })
}
