//! A filter of a table, looked at by its source while it is written. Nothing is saved.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_engine::Engine;
use serde::{Deserialize, Serialize};

use super::Asked;
use crate::form::Filled;
use crate::page::{At, Shown};
use crate::session::SignedIn;

#[derive(Deserialize)]
pub(crate) struct FilterForm {
    condition: String,
}

/// What is to be said at the field.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    verdict: Verdict,
    text: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Verdict {
    Right,
    Wrong,
    /// The source could not be asked.
    Unknown,
}

impl Finding {
    /// # Errors
    /// What has nothing to do with the source gets a page of its own.
    fn of(checked: Result<Option<String>>) -> Result<Self> {
        let (verdict, text) = match checked {
            Ok(None) => (Verdict::Right, "Looks right: the source would take it.".to_owned()),
            Ok(Some(reason)) => (Verdict::Wrong, reason),
            // The last is said of the connection: of a file that has gone, or settings that the server does not allow.
            Err(
                error @ (Error::Refused { .. }
                | Error::Unavailable { .. }
                | Error::Conflict { .. }
                | Error::Invalid { .. }),
            ) => (Verdict::Unknown, format!("Not checked: {error}")),
            Err(error) => return Err(error),
        };
        Ok(Self { verdict, text })
    }
}

/// Says whether the source would take a condition as a filter of the table.
pub(crate) async fn check_filter(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<FilterForm>,
) -> Shown {
    let (job, table) = (asked.job_id.parse()?, asked.table_id.parse()?);
    let (caller, condition) = (&signed_in.caller, &form.condition);
    let checked = engine.check_filter(caller, pool, job, &asked.task_id, table, condition).await;
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, Json(Finding::of(checked)?)).into_response())
}

#[cfg(test)]
mod tests {
    use forebay_core::error::Kind;

    use super::*;

    #[test]
    fn a_source_that_is_away_says_nothing_of_a_filter() {
        let check = |checked, verdict, text: &str| {
            assert_eq!(Finding::of(checked).unwrap(), Finding { verdict, text: text.to_owned() });
        };
        check(Ok(None), Verdict::Right, "Looks right: the source would take it.");
        check(Ok(Some("no such column: x".to_owned())), Verdict::Wrong, "no such column: x");
        let away = Error::Refused { message: "the source is away".to_owned() };
        check(Err(away), Verdict::Unknown, "Not checked: the source is away");
        assert!(Finding::of(Err(Error::not_found(Kind::TableExtraction, "x"))).is_err());
    }
}
