//! The audit log: who asked for what, when, and what came of it; what of it is shown, page by page, and all of that as
//! a file.

mod asked;

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use forebay_core::access::Caller;
use forebay_core::audit::{AuditCallerKind, AuditEntry, AuditResult};
use forebay_core::error::{Error, Result};
use forebay_core::id::DataPoolId;
use forebay_engine::{AuditPage, Engine};

use self::asked::Asked;
use crate::page::{self, Frame, Shown};
use crate::session::SignedIn;
use crate::words::{Badge, moment};
use crate::{HOME, execution, job};
use forebay_api::Problem;
use forebay_api::csv_file;

const PLACE: &str = "/administration/audit";
/// The entries on one page.
const ENTRIES: u32 = 100;
/// The most pools, and the most callers, that can be chosen from.
const CHOICES: usize = 500;

#[derive(Template)]
#[template(path = "administration/audit.html")]
struct LogPage {
    frame: Frame,
    asked: Asked,
    /// Ids and names.
    callers: Vec<(String, String)>,
    pools: Vec<(String, String)>,
    operations: Vec<String>,
    rows: Vec<Row>,
    /// The address of the older entries, and of the newest ones where these are not.
    older: Option<String>,
    newest: Option<String>,
    file: String,
    /// The same filters for the API and for the command line.
    query: String,
    options: String,
    base: String,
    /// The field that is wrong, and why.
    fault: Option<(String, String)>,
}

struct Row {
    at: String,
    caller: Option<CallerCell>,
    client: Option<String>,
    operation: String,
    request: String,
    things: Vec<Thing>,
    badge: Badge,
    /// The status and the kind of the error.
    answer: String,
    is_last_of_hour: bool,
    peer: String,
    request_id: String,
}

struct CallerCell {
    name: String,
    kind: &'static str,
    /// The entries of this one.
    place: String,
}

/// Something that an entry is about.
struct Thing {
    label: String,
    text: String,
    place: Option<String>,
}

impl LogPage {
    /// What stands at a field.
    fn fault_of(&self, field: &str) -> Option<&str> {
        self.fault.as_ref().filter(|(of, _)| of == field).map(|(_, text)| text.as_str())
    }
}

impl Row {
    fn of(entry: AuditEntry, pools: &BTreeMap<DataPoolId, String>) -> Self {
        let things = things(&entry, pools);
        let badge = |text, look| Badge { text, look };
        let caller = entry.caller.map(|caller| CallerCell {
            place: Asked { caller: caller.id.clone(), ..Asked::default() }.address(PLACE, None),
            name: caller.name.unwrap_or(caller.id),
            kind: match caller.kind {
                AuditCallerKind::User => "user",
                AuditCallerKind::Application => "application",
            },
        });
        let status = entry.status.map(|status| status.to_string());
        Self {
            at: moment(entry.at),
            caller,
            client: entry.client,
            operation: entry.operation,
            request: format!("{} {}", entry.method, entry.route),
            things,
            badge: match entry.result {
                AuditResult::Done => badge("done", "good"),
                AuditResult::Refused => badge("refused", "bad"),
                AuditResult::Unknown => badge("not known", ""),
            },
            answer: status.into_iter().chain(entry.error).collect::<Vec<_>>().join(" "),
            is_last_of_hour: entry.is_last_of_hour,
            peer: entry.peer.map(|peer| peer.to_string()).unwrap_or_default(),
            request_id: entry.request_id.unwrap_or_default(),
        }
    }
}

/// What an entry is about, with links to what has a page and is in a pool that is there.
fn things(entry: &AuditEntry, pools: &BTreeMap<DataPoolId, String>) -> Vec<Thing> {
    let pool = entry.pool.and_then(|pool| Some((pool, pools.get(&pool)?)));
    let mut things = Vec::new();
    if let Some(id) = entry.pool {
        let (text, place) = match pool {
            Some((_, name)) => (name.clone(), Some(format!("{HOME}/{id}"))),
            None => (id.to_string(), None),
        };
        things.push(Thing { label: "pool".to_owned(), text, place });
    }
    for (name, id) in entry.ids.iter().filter(|(name, _)| *name != "poolId") {
        let label = match name.as_str() {
            "id" => "made".to_owned(),
            name => words(name.strip_suffix("Id").unwrap_or(name)),
        };
        let place = pool.and_then(|(pool, _)| match name.as_str() {
            "jobId" => Some(job::place(pool, id.parse().ok()?)),
            "executionId" => Some(execution::place(pool, id.parse().ok()?)),
            "dataModelId" => Some(format!("{HOME}/{pool}/data-models/{id}")),
            "connectionId" => Some(format!("{HOME}/{pool}/data-connections/{id}")),
            "scheduleId" => Some(format!("{HOME}/{pool}/schedules/{id}")),
            _ => None,
        });
        things.push(Thing { label, text: id.clone(), place });
    }
    things
}

/// `dataModel` as people write it.
fn words(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

pub(super) async fn audit(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Shown {
    let caller = &signed_in.caller;
    let found = async {
        let (filter, before) = asked.question()?;
        engine.audit_entries(caller, &filter, before, ENTRIES).await
    };
    let (AuditPage { entries, before }, fault) = match found.await {
        Ok(page) => (page, None),
        Err(Error::Invalid { field, reason }) => {
            (AuditPage { entries: Vec::new(), before: None }, Some((field, reason)))
        }
        Err(error) => return Err(error.into()),
    };
    let pools: BTreeMap<DataPoolId, String> =
        engine.data_pools(caller).await?.into_iter().map(|pool| (pool.id, pool.name.to_string())).collect();
    let pool_choices = pools.iter().map(|(id, name)| (id.to_string(), name.clone())).collect();
    let status = match &fault {
        None => StatusCode::OK,
        Some((field, reason)) => Problem::from(Error::invalid(field, reason)).status(),
    };
    let before = before.map(|before| before.to_string());
    let page = LogPage {
        frame: Frame::of(&signed_in),
        callers: with_asked(callers(&engine, caller).await?, &asked.caller),
        pools: with_asked(pool_choices, &asked.pool),
        operations: engine.audit_operations(caller).await?,
        rows: entries.into_iter().map(|entry| Row::of(entry, &pools)).collect(),
        older: before.map(|before| asked.address(PLACE, Some(&before))),
        newest: (!asked.before.is_empty()).then(|| asked.address(PLACE, None)),
        file: asked.address(&format!("{PLACE}/csv"), None),
        query: asked.api_query(),
        options: asked.options(),
        base: signed_in.browser.visit.base.clone(),
        asked,
        fault,
    };
    Ok(page::shown(&page, status, &signed_in.browser))
}

/// The users and applications that there are.
async fn callers(engine: &Engine, caller: &Caller) -> Result<Vec<(String, String)>> {
    let users = engine.users(caller).await?;
    let applications = engine.applications(caller).await?;
    let users = users.into_iter().map(|user| (user.id.to_string(), user.name.to_string()));
    let applications =
        applications.into_iter().map(|one| (one.id.to_string(), format!("{} (application)", one.name)));
    Ok(users.chain(applications).collect())
}

/// The choices by name, not too many, and what is asked for although it is none.
fn with_asked(mut choices: Vec<(String, String)>, asked: &str) -> Vec<(String, String)> {
    choices.sort_by(|one, other| one.1.cmp(&other.1));
    let asked = (!asked.is_empty()).then(|| {
        let found = choices.iter().find(|(id, _)| id == asked).cloned();
        found.unwrap_or_else(|| (asked.to_owned(), asked.to_owned()))
    });
    choices.truncate(CHOICES);
    if let Some(asked) = asked
        && !choices.contains(&asked)
    {
        choices.push(asked);
    }
    choices
}

/// The entries that are asked for as a file.
pub(super) async fn audit_csv(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Shown {
    let (filter, _) = asked.question()?;
    Ok(csv_file(engine, signed_in.caller, filter).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ids_are_written_for_people() {
        assert_eq!(words("dataModel"), "data model");
        assert_eq!(words("job"), "job");
    }

    #[test]
    fn what_is_asked_for_can_be_chosen() {
        let one = |text: &str| (text.to_owned(), format!("The {text}"));
        assert_eq!(with_asked(vec![one("b"), one("a")], ""), [one("a"), one("b")]);
        assert_eq!(with_asked(vec![one("a")], "a"), [one("a")]);
        let gone = ("gone".to_owned(), "gone".to_owned());
        assert_eq!(with_asked(vec![one("a")], "gone"), [one("a"), gone]);
    }
}
