//! What a statement that was run answers with: a page of its rows, or what is wrong and where.

use axum::http::StatusCode;
use forebay_core::access::Caller;
use forebay_core::error::{Error, Result};
use forebay_core::job::{DataJob, Task};
use forebay_core::warehouse::Rows;
use forebay_engine::{Engine, QUERY_LIMIT};

use crate::words::{duration, number};
use forebay_api::{Problem, QueryAnswer};

/// The rows of a page.
const ROWS: usize = 100;
/// The pages that can be asked for: for each, the statement is run again up to its last row.
pub(super) const PAGES: usize = QUERY_LIMIT / ROWS;
/// So many rows are counted, though one page of them is shown.
const COUNTED: usize = 1000;
/// The most characters that are shown of a value.
const LONGEST: usize = 500;

/// A statement that was run.
pub(crate) struct Ran {
    pub(crate) sql: String,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    Rows(Answer),
    Wrong(Wrong),
}

/// What is wrong with a statement.
pub(crate) struct Wrong {
    pub(crate) text: String,
    /// The line of the task's text, when it is known and stands there.
    pub(crate) line: Option<u64>,
    status: StatusCode,
}

/// A page of rows.
pub(crate) struct Answer {
    /// Names and types.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Which rows these are, and how long it took.
    pub(crate) said: String,
    pub(crate) previous: Option<usize>,
    pub(crate) next: Option<usize>,
    /// Whether a value is not shown whole.
    pub(crate) is_cut: bool,
}

/// A value; `None` is NULL.
pub(crate) struct Cell(pub(crate) Option<String>);

impl Ran {
    /// Runs a statement as its task would, up to the last row of a page. What is wrong with it is a part of the
    /// answer.
    pub(crate) async fn of(
        engine: &Engine,
        caller: &Caller,
        (job, task): (&DataJob, Option<&Task>),
        sql: &str,
        is_in_place: bool,
        page: usize,
    ) -> Result<Self> {
        let begun = engine.present();
        let task = task.map(|task| task.id.to_string());
        let place = (job.id, task.as_deref());
        let limit = (page * ROWS).max(COUNTED);
        let asked = engine.query_statement(caller, job.pool_id, place, sql.to_owned(), limit).await;
        let took = duration(engine.present().as_millis() - begun.as_millis());
        let answered = asked.and_then(|rows| Answer::new(&rows, page, limit, &took));
        let outcome = match answered {
            Ok(answer) => Outcome::Rows(answer),
            Err(error) => Outcome::Wrong(Wrong::of(error, is_in_place)?),
        };
        Ok(Self { sql: sql.to_owned(), outcome })
    }

    /// A statement that did not become a file.
    pub(super) fn failed(sql: &str, error: Error) -> Result<Self> {
        Ok(Self { sql: sql.to_owned(), outcome: Outcome::Wrong(Wrong::of(error, false)?) })
    }

    pub(super) fn status(&self) -> StatusCode {
        match &self.outcome {
            Outcome::Rows(_) => StatusCode::OK,
            Outcome::Wrong(wrong) => wrong.status,
        }
    }
}

impl Wrong {
    /// # Errors
    /// What has nothing to do with the statement gets a page of its own.
    fn of(error: Error, is_in_place: bool) -> Result<Self> {
        if matches!(error, Error::NotFound { .. } | Error::Forbidden(_) | Error::Internal { .. }) {
            return Err(error);
        }
        let problem = Problem::from(error);
        let text = problem.detail();
        Ok(Self { line: line(&text).filter(|_| is_in_place), text, status: problem.status() })
    }
}

/// The line that a message speaks of: first of all the one that the engine quotes.
fn line(message: &str) -> Option<u64> {
    let (_, rest) = message.split_once("\nLINE ").or_else(|| message.split_once("line "))?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

impl Answer {
    fn new(rows: &Rows, page: usize, limit: usize, took: &str) -> Result<Self> {
        let count: usize = rows.batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
        let first = (page - 1) * ROWS;
        let answer = QueryAnswer::new(&window(rows, first))?;
        let columns =
            answer.columns.iter().map(|column| (column.name.clone(), column.kind.clone())).collect();
        let mut is_cut = false;
        let mut cell = |whole: Option<String>| {
            let shown = whole.as_deref().map(shortened);
            is_cut |= shown != whole;
            Cell(shown)
        };
        let shown: Vec<Vec<Cell>> =
            answer.into_texts().into_iter().map(|row| row.into_iter().map(&mut cell).collect()).collect();
        let has_next = count > page * ROWS || (rows.truncated && count == limit && limit == page * ROWS);
        Ok(Self {
            columns,
            said: said(first, shown.len(), count, rows.truncated.then_some(limit), took),
            rows: shown,
            previous: (page > 1).then(|| page - 1),
            next: (has_next && page < PAGES).then(|| page + 1),
            is_cut,
        })
    }
}

/// Which rows are shown of how many. `limit` is there when there were more rows than came.
fn said(first: usize, shown: usize, count: usize, limit: Option<usize>, took: &str) -> String {
    let text = |rows: usize| number(rows as u64);
    let total = match limit {
        None => text(count),
        Some(limit) if count >= limit => format!("more than {}", text(count)),
        Some(_) => format!(
            "more than {}, after which the answer was too large to be held; ask for fewer columns or rows",
            text(count)
        ),
    };
    match shown {
        0 if count == 0 && limit.is_none() => format!("No rows, in {took}"),
        0 => format!("No rows on this page, of {total}, in {took}"),
        _ => format!("Rows {} to {}, in {took}, of {total}", text(first + 1), text(first + shown)),
    }
}

/// The rows of the page that begins with this one.
fn window(rows: &Rows, first: usize) -> Rows {
    let (mut skip, mut left) = (first, ROWS);
    let mut batches = Vec::new();
    for batch in &rows.batches {
        let taken = batch.num_rows().saturating_sub(skip).min(left);
        if taken > 0 {
            batches.push(batch.slice(skip, taken));
        }
        skip = skip.saturating_sub(batch.num_rows());
        left -= taken;
    }
    Rows { schema: rows.schema.clone(), batches, truncated: rows.truncated }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};

    use super::*;

    /// Numbers from 0 on, in batches of 30.
    fn numbers(count: i32, truncated: bool) -> Rows {
        let array =
            |from: i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values(from..count.min(from + 30))) };
        let batch = |from| RecordBatch::try_from_iter([("n", array(from))]).unwrap();
        let batches: Vec<RecordBatch> = (0..count.max(1)).step_by(30).map(batch).collect();
        Rows { schema: batches[0].schema(), batches, truncated }
    }

    #[test]
    fn a_page_shows_its_rows_and_says_of_how_many() {
        let check = |count, truncated, page: usize, first: Option<&str>, said: &str, turns: (bool, bool)| {
            let limit = (page * ROWS).max(COUNTED);
            let answer = Answer::new(&numbers(count, truncated), page, limit, "1 s").unwrap();
            let found = answer.rows.first().and_then(|row| row[0].0.as_deref());
            assert_eq!(
                (found, answer.said.replace('\u{202f}', " ").as_str()),
                (first, said),
                "{count} {page}"
            );
            assert_eq!((answer.previous.is_some(), answer.next.is_some()), turns, "{count} {page}");
        };
        check(0, false, 1, None, "No rows, in 1 s", (false, false));
        check(7, false, 1, Some("0"), "Rows 1 to 7, in 1 s, of 7", (false, false));
        check(250, false, 1, Some("0"), "Rows 1 to 100, in 1 s, of 250", (false, true));
        check(250, false, 3, Some("200"), "Rows 201 to 250, in 1 s, of 250", (true, false));
        check(250, false, 4, None, "No rows on this page, of 250, in 1 s", (true, false));
        check(1000, true, 10, Some("900"), "Rows 901 to 1 000, in 1 s, of more than 1 000", (true, true));
        check(1000, false, 10, Some("900"), "Rows 901 to 1 000, in 1 s, of 1 000", (true, false));
        let large = "Rows 1 to 60, in 1 s, of more than 60, after which the answer was too large to be held; ask for fewer columns or rows";
        check(60, true, 1, Some("0"), large, (false, false));
    }

    #[test]
    fn long_values_are_cut_and_null_is_no_text() {
        let long = "ä".repeat(LONGEST + 1);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![None, Some(""), Some(long.as_str())]));
        let batch = RecordBatch::try_from_iter([("t", texts)]).unwrap();
        let rows = Rows { schema: batch.schema(), batches: vec![batch], truncated: false };
        let answer = Answer::new(&rows, 1, COUNTED, "1 s").unwrap();
        let shown: Vec<Option<&str>> = answer.rows.iter().map(|row| row[0].0.as_deref()).collect();
        assert_eq!(shown, [None, Some(""), Some(format!("{}…", "ä".repeat(LONGEST)).as_str())]);
        assert!(answer.is_cut);
        assert_eq!(answer.columns, [("t".to_owned(), "VARCHAR".to_owned())]);
    }

    #[test]
    fn the_line_is_found_in_every_kind_of_message() {
        let check = |message, expected| assert_eq!(line(message), expected, "{message}");
        check("Parser Error: in line 1\n\nLINE 12: SELEC\n         ^", Some(12));
        check("line 3, column 8: `<%=x%>` is no parameter of this task", Some(3));
        check("the script cannot be read from line 2, column 1 on: no end", Some(2));
        check("these are 2 statements, which begin on the lines 1, 3; give one", None);
        check("Catalog Error: no line", None);
    }
}
