//! What a statement answers with, as a file of CSV: comma, quotes doubled, lines ended as RFC 4180 has it. NULL is an empty
//! field and an empty text is `""`, except that a row of one NULL is `""` too, since readers pass over empty lines.

use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_core::warehouse::Rows;
use forebay_engine::Engine;

use super::answer::Ran;
use super::{Asked, StatementForm, shown};
use crate::form::Filled;
use crate::page::{At, Shown};
use crate::session::SignedIn;
use forebay_api::QueryAnswer;

/// The most rows of a file. It is made in memory, so a larger table is better exported by the API.
pub(super) const ROWS: usize = 100_000;

/// Runs what was run before, and sends all of its rows.
pub(crate) async fn statement_rows(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At(pool): At<DataPoolId>,
    Query(asked): Query<Asked>,
    Filled(form): Filled<StatementForm>,
) -> Shown {
    let caller = &signed_in.caller;
    let (job, task) = asked.found(&engine, caller, pool).await?;
    let form = form.tidy();
    let id = task.as_ref().map(|task| task.id.to_string());
    let made = async {
        let sql = form.ran.clone();
        let rows = engine.query_statement(caller, pool, (job.id, id.as_deref()), sql, ROWS).await?;
        // A hundred thousand rows take a while to write, which is not for a thread that answers others.
        let packed = tokio::task::spawn_blocking(move || written(&rows).map(|text| (text, name(&rows))));
        packed.await.map_err(Error::internal)?
    };
    match made.await {
        Ok((text, name)) => {
            let headers = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
                (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
                (header::CACHE_CONTROL, "no-store".to_owned()),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            ];
            Ok((headers, text).into_response())
        }
        Err(error) => {
            let ran = Ran::failed(&form.ran, error)?;
            shown(&engine, &signed_in, (job, task), form, Some(ran), None).await
        }
    }
}

/// A name that says when rows are missing.
fn name(rows: &Rows) -> String {
    if !rows.truncated {
        return "rows.csv".to_owned();
    }
    let count: usize = rows.batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
    format!("first-{count}-rows.csv")
}

fn written(rows: &Rows) -> Result<String> {
    let mut file = String::new();
    line(&mut file, rows.schema.fields().iter().map(|field| Some(field.name().clone())));
    for batch in &rows.batches {
        let batch = Rows { schema: rows.schema.clone(), batches: vec![batch.clone()], truncated: false };
        for row in QueryAnswer::new(&batch)?.into_texts() {
            line(&mut file, row.into_iter());
        }
    }
    Ok(file)
}

fn line(file: &mut String, cells: impl ExactSizeIterator<Item = Option<String>>) {
    let is_alone = cells.len() == 1;
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            file.push(',');
        }
        match cell {
            None if is_alone => file.push_str("\"\""),
            None => {}
            Some(text) if text.is_empty() || text.contains(['"', ',', '\n', '\r']) => {
                file.push('"');
                file.push_str(&text.replace('"', "\"\""));
                file.push('"');
            }
            Some(text) => file.push_str(&text),
        }
    }
    file.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

    use super::*;

    fn of(columns: Vec<(&str, ArrayRef)>) -> Rows {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        Rows { schema: batch.schema(), batches: vec![batch.slice(0, 1), batch.slice(1, 2)], truncated: true }
    }

    #[test]
    fn every_value_comes_back_as_it_was() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a \"b\",\nc"), Some(""), None]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(-1), None, Some(9_007_199_254_740_993)]));
        let rows = of(vec![("a,b", Arc::clone(&texts)), ("n", numbers)]);
        let expected = "\"a,b\",n\r\n\"a \"\"b\"\",\nc\",-1\r\n\"\",\r\n,9007199254740993\r\n";
        assert_eq!(written(&rows).unwrap(), expected);
        assert_eq!(written(&of(vec![("t", texts)])).unwrap(), "t\r\n\"a \"\"b\"\",\nc\"\r\n\"\"\r\n\"\"\r\n");
        assert_eq!(name(&rows), "first-3-rows.csv");
    }
}
