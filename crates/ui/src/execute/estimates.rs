//! How many rows the tables of a job have, as its source says. It is asked once the page is there, by the script: a source
//! may take long, or not answer at all.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use forebay_core::error::{Error, Result};
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_engine::{Engine, RowEstimate};
use serde::Serialize;

use super::Asked;
use super::ticks::table_field;
use crate::page::{At, Shown};
use crate::session::SignedIn;
use crate::words::number;

/// What the page shows.
#[derive(Serialize)]
struct Estimates {
    /// Numbers as they are written, by the fields of their tables.
    rows: BTreeMap<String, String>,
    /// Where they come from, or why there are none.
    said: String,
}

/// Where a job's source is asked.
pub(super) fn place(pool: DataPoolId, job: DataJobId) -> String {
    format!("{}/{pool}/data-configuration/data-jobs/estimates?jobId={job}", crate::HOME)
}

pub(crate) async fn estimates(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
) -> Shown {
    let found = engine.row_estimates(&signed_in.caller, pool, asked.job_id.parse()?).await;
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, Json(told(found)?)).into_response())
}

/// # Errors
/// Those that are no answer of the source.
fn told(found: Result<Vec<RowEstimate>>) -> Result<Estimates> {
    let (found, said) = match found {
        Ok(found) if found.is_empty() => (found, "The source has no statistics on these tables.".to_owned()),
        Ok(found) => {
            (found, "The rows at the source are those of its statistics; none was counted.".to_owned())
        }
        Err(Error::Refused { message }) => {
            (Vec::new(), format!("The source does not say how many rows there are: {message}."))
        }
        Err(error) => return Err(error),
    };
    let row = |estimate: &RowEstimate| (table_field(estimate.task, estimate.table), number(estimate.rows));
    Ok(Estimates { rows: found.iter().map(row).collect(), said })
}

#[cfg(test)]
mod tests {
    use forebay_core::id::{TableExtractionId, TaskId};

    use super::*;

    #[test]
    fn a_source_that_does_not_answer_says_so_in_one_line() {
        let (task, table) = (TaskId::random(), TableExtractionId::random());
        let known = told(Ok(vec![RowEstimate { task, table, rows: 6_001_215 }])).unwrap();
        assert_eq!(known.rows[&table_field(task, table)], number(6_001_215));
        assert!(known.said.contains("none was counted"), "{}", known.said);
        let nothing = told(Ok(Vec::new())).unwrap();
        assert!(nothing.rows.is_empty() && nothing.said.contains("no statistics"), "{}", nothing.said);
        let refused = told(Err(Error::Refused { message: "Connect: nobody is there".to_owned() })).unwrap();
        assert!(refused.rows.is_empty());
        assert_eq!(
            refused.said,
            "The source does not say how many rows there are: Connect: nobody is there."
        );
        assert!(told(Err(Error::internal("of ours"))).is_err());
    }
}
