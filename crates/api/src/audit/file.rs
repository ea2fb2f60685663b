//! The audit log as a file of CSV, read a part at a time: it may be large.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use forebay_core::access::Caller;
use forebay_core::audit::{AuditEntry, AuditFilter, AuditPosition};
use forebay_core::error::{Error, Result};
use forebay_engine::{AuditPage, Engine};

/// The entries that are read at a time.
const AT_A_TIME: u32 = 1_000;

const COLUMNS: [&str; 15] = [
    "at",
    "caller_type",
    "caller_id",
    "caller_name",
    "client_id",
    "operation",
    "method",
    "route",
    "pool_id",
    "ids",
    "result",
    "status",
    "error_code",
    "remote_address",
    "request_id",
];

/// A log on its way to a file.
struct File {
    engine: Engine,
    caller: Caller,
    filter: AuditFilter,
    /// What comes next; `None` after the last entry.
    next: Option<Next>,
}

/// What of a file comes next.
enum Next {
    /// The names of the columns, and entries that have been read.
    First(AuditPage),
    Behind(AuditPosition),
}

/// All entries that are meant, as an answer.
///
/// # Errors
/// `Forbidden`, before anything is sent.
pub async fn csv_file(engine: Engine, caller: Caller, filter: AuditFilter) -> Result<Response> {
    let first = engine.audit_entries(&caller, &filter, None, AT_A_TIME).await?;
    let file = File { engine, caller, filter, next: Some(Next::First(first)) };
    let body = Body::from_stream(futures::stream::try_unfold(file, File::next));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, body).into_response())
}

impl File {
    async fn next(mut self) -> Result<Option<(Vec<u8>, Self)>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let page = match self.next.take() {
            None => return Ok(None),
            Some(Next::First(page)) => {
                writer.write_record(COLUMNS).map_err(Error::internal)?;
                page
            }
            Some(Next::Behind(place)) => {
                self.engine.audit_entries(&self.caller, &self.filter, Some(place), AT_A_TIME).await?
            }
        };
        for entry in &page.entries {
            writer.write_record(cells(entry)?).map_err(Error::internal)?;
        }
        self.next = page.before.map(Next::Behind);
        Ok(Some((writer.into_inner().map_err(|error| Error::internal(error.to_string()))?, self)))
    }
}

fn cells(entry: &AuditEntry) -> Result<[String; 15]> {
    let caller = entry.caller.as_ref();
    let at = match jiff::Timestamp::from_millisecond(entry.at.as_millis()) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => entry.at.as_millis().to_string(),
    };
    Ok([
        at,
        caller.map(|caller| caller.kind.as_str().to_owned()).unwrap_or_default(),
        caller.map(|caller| caller.id.clone()).unwrap_or_default(),
        harmless(caller.and_then(|caller| caller.name.as_deref()).unwrap_or_default()),
        entry.client.clone().unwrap_or_default(),
        entry.operation.clone(),
        entry.method.clone(),
        entry.route.clone(),
        entry.pool.map(|pool| pool.to_string()).unwrap_or_default(),
        serde_json::to_string(&entry.ids).map_err(Error::internal)?,
        entry.result.as_str().to_owned(),
        entry.status.map(|status| status.to_string()).unwrap_or_default(),
        entry.error.clone().unwrap_or_default(),
        entry.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        entry.request_id.clone().unwrap_or_default(),
    ])
}

/// A name that no program for sheets takes for a formula.
fn harmless(name: &str) -> String {
    match name.starts_with(['=', '+', '-', '@']) {
        true => format!("'{name}"),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_formula() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(harmless("Ada"), "Ada");
    }
}
