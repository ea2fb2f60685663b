//! What of the history is asked for, as it stands in the address.

use forebay_core::error::{Error, Result};
use forebay_core::execution::{ExtractionMode, Status};
use forebay_core::history::Day;
use forebay_core::id::DataPoolId;
use forebay_engine::HistoryQuestion;
use serde::Deserialize;

/// The executions on one page.
pub(super) const EXECUTIONS: u32 = 50;
/// The jobs on one page of the grid.
pub(super) const JOBS: usize = 20;

/// The states that can be asked for, as they are written in addresses and on the page.
pub(super) const STATES: [(&str, &str); 6] = [
    ("FAIL", "failed"),
    ("SUCCESS", "succeeded"),
    ("RUNNING", "running"),
    ("QUEUED", "waiting"),
    ("CANCEL", "cancelled"),
    ("SKIPPED", "skipped"),
];

pub(super) const MODES: [(&str, &str); 2] = [("FULL", "FULL"), ("DELTA", "DELTA")];

/// The fields of the form and the pages, as they came.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    job_id: Option<String>,
    state: Option<String>,
    mode: Option<String>,
    from: Option<String>,
    to: Option<String>,
    page: Option<String>,
    jobs: Option<String>,
}

fn text(field: Option<&String>) -> &str {
    field.map(|text| text.trim()).unwrap_or_default()
}

impl Asked {
    pub(super) fn job(&self) -> &str {
        text(self.job_id.as_ref())
    }

    pub(super) fn state(&self) -> &str {
        text(self.state.as_ref())
    }

    pub(super) fn mode(&self) -> &str {
        text(self.mode.as_ref())
    }

    pub(super) fn from(&self) -> &str {
        text(self.from.as_ref())
    }

    pub(super) fn to(&self) -> &str {
        text(self.to.as_ref())
    }

    /// The page of the executions, from 0; what is no number is the first one.
    pub(super) fn page(&self) -> u32 {
        text(self.page.as_ref()).parse().unwrap_or_default()
    }

    /// The page of the grid, from 0.
    pub(super) fn jobs_page(&self) -> u32 {
        text(self.jobs.as_ref()).parse().unwrap_or_default()
    }

    /// An address with what is asked for here, apart from these changes.
    pub(super) fn address(&self, place: &str, changes: &[(&str, Option<String>)]) -> String {
        let (page, jobs) = (self.page().to_string(), self.jobs_page().to_string());
        let fields = [
            ("jobId", self.job()),
            ("state", self.state()),
            ("mode", self.mode()),
            ("from", self.from()),
            ("to", self.to()),
            ("page", if page == "0" { "" } else { &page }),
            ("jobs", if jobs == "0" { "" } else { &jobs }),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            let value = match changes.iter().find(|(changed, _)| *changed == name) {
                Some((_, change)) => change.as_deref().unwrap_or_default(),
                None => value,
            };
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("{place}?{}", query.finish())
    }

    /// The same for the engine.
    ///
    /// # Errors
    /// `Invalid` for what cannot be read.
    pub(super) fn question(&self, pool: Option<DataPoolId>) -> Result<HistoryQuestion> {
        let job = match self.job() {
            "" => None,
            text => Some(text.parse().map_err(|_| Error::invalid("jobId", format!("`{text}` is no id")))?),
        };
        let status = match self.state() {
            "" => None,
            text => match Status::ALL.into_iter().find(|status| status.as_str() == text) {
                Some(status) => Some(status),
                None => return Err(Error::invalid("state", format!("`{text}` is no state"))),
            },
        };
        let mode = match self.mode() {
            "" => None,
            "FULL" => Some(ExtractionMode::Full),
            "DELTA" => Some(ExtractionMode::Delta),
            _ => return Err(Error::invalid("mode", "must be FULL or DELTA")),
        };
        let day = |field, text: &str| match text {
            "" => Ok(None),
            text => Day::parse(field, text).map(Some),
        };
        Ok(HistoryQuestion {
            pool,
            job,
            status,
            mode,
            from: day("from", self.from())?,
            to: day("to", self.to())?,
            executions: (EXECUTIONS, self.page()),
            jobs: (JOBS, self.jobs_page() as usize),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(state: &str, from: &str) -> Asked {
        Asked {
            state: Some(state.to_owned()),
            from: Some(from.to_owned()),
            page: Some("3".to_owned()),
            ..Asked::default()
        }
    }

    #[test]
    fn an_address_keeps_what_is_asked_for() {
        let asked = asked("FAIL", "2026-11-30");
        assert_eq!(asked.address("/history", &[]), "/history?state=FAIL&from=2026-11-30&page=3");
        let changed = [("page", None), ("to", Some("a&b".to_owned()))];
        assert_eq!(asked.address("/history", &changed), "/history?state=FAIL&from=2026-11-30&to=a%26b");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let question = asked("FAIL", " 2026-11-30 ").question(None).unwrap();
        assert_eq!((question.status, question.executions), (Some(Status::Fail), (EXECUTIONS, 3)));
        assert_eq!(question.from, Some(Day::parse("from", "2026-11-30").unwrap()));
        let check = |asked: &Asked, expected: &str| {
            assert_eq!(asked.question(None).unwrap_err().to_string(), expected);
        };
        check(&asked("BROKEN", ""), "state: `BROKEN` is no state");
        check(&asked("", "yesterday"), "from: `yesterday` is no day; write it as 2026-11-30");
        check(&Asked { mode: Some("SOME".to_owned()), ..Asked::default() }, "mode: must be FULL or DELTA");
        check(&Asked { job_id: Some("None".to_owned()), ..Asked::default() }, "jobId: `None` is no id");
    }
}
