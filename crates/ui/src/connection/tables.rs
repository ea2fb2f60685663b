//! The tables that a system offers, and a look at the first rows of one.

use askama::Template;
use axum::extract::{Query, State};
use forebay_core::access::Permission;
use forebay_core::error::{Error, Result};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::{DataConnectionId, DataPoolId};
use forebay_core::name::Identifier;
use forebay_core::pool::DataPool;
use forebay_core::preview::{Findings, Preview};
use forebay_engine::{Engine, OfferedTable};
use serde::Deserialize;

use super::place;
use crate::page::{self, At, Frame, Shown};
use crate::paging::{Around, Asked, page_of};
use crate::session::SignedIn;
use crate::words::{listed, number};
use forebay_api::{Problem, QueryAnswer};

#[derive(Template)]
#[template(path = "connection-tables.html")]
struct TablesPage {
    frame: Frame,
    pool: DataPool,
    id: DataConnectionId,
    name: String,
    /// Whether they may look at rows.
    may_look: bool,
    list: Around,
    label: &'static str,
    offered: Vec<TableRow>,
    /// Why the source lists none.
    refusal: Option<String>,
    look: Option<Look>,
    /// The table of the lines for the API.
    example: String,
    base: String,
    fault: Option<String>,
}

/// A table that is offered.
struct TableRow {
    name: String,
    /// Where it is looked at.
    address: String,
    is_shown: bool,
    /// What the source's statistics say; empty when they say nothing.
    rows: String,
}

/// A look at a table.
struct Look {
    table: String,
    /// How many rows were looked at.
    said: String,
    key: String,
    columns: Vec<ColumnRow>,
    names: Vec<String>,
    /// `None` is NULL.
    rows: Vec<Vec<Option<String>>>,
    /// What is not shown whole.
    cut: String,
    notes: Vec<String>,
}

struct ColumnRow {
    name: String,
    type_name: String,
    nulls: String,
    distinct: String,
}

/// Which tables are searched, and which one is looked at.
#[derive(Deserialize)]
pub(crate) struct Question {
    q: Option<String>,
    page: Option<String>,
    schema: Option<String>,
    table: Option<String>,
}

impl Question {
    fn table(&self) -> Result<Option<SourceTableName>> {
        let Some(table) = self.table.as_deref().filter(|table| !table.is_empty()) else { return Ok(None) };
        let schema = self.schema.as_deref().filter(|schema| !schema.is_empty());
        Ok(Some(SourceTableName {
            schema: schema.map(|schema| Identifier::parse("schema", schema)).transpose()?,
            name: Identifier::parse("table", table)?,
        }))
    }
}

pub(crate) async fn tables(
    State(engine): State<Engine>,
    signed_in: SignedIn,
    At((pool, id)): At<(DataPoolId, DataConnectionId)>,
    Query(question): Query<Question>,
) -> Shown {
    let caller = &signed_in.caller;
    let connection = engine.data_connection(caller, pool, id).await?;
    let asked = Asked::of(question.q.as_deref(), question.page.as_deref());
    let (mut found, refusal) = match engine.search_tables(caller, pool, id, asked.text()).await {
        Ok(found) => (found, None),
        Err(Error::Refused { message }) => (Vec::new(), Some(message)),
        Err(error) => return Err(error.into()),
    };
    found.sort_by(|one, other| one.table.cmp(&other.table));
    let wanted = question.table();
    let looked = match &wanted {
        Ok(Some(table)) => {
            let looked = engine.preview_table(caller, pool, id, table).await;
            looked.and_then(|preview| Look::new(table, preview)).map(Some)
        }
        Ok(None) => Ok(None),
        Err(_) => Err(Error::invalid("table", "is no name of a table")),
    };
    let (look, fault) = match looked {
        Ok(look) => (look, None),
        Err(fault) => (None, Some(Problem::from(fault))),
    };
    let shown = wanted.ok().flatten();
    let here = format!("{}/tables", place(pool, id));
    let (offered, list) = page_of(found, &asked, &here);
    let first = offered.first().map(|first| &first.table);
    let example = shown.as_ref().or(first).map_or_else(|| "table=ORDERS".to_owned(), query);
    let page = TablesPage {
        frame: Frame::of(&signed_in),
        pool: engine.data_pool(caller, pool).await?,
        id,
        name: connection.name.to_string(),
        may_look: engine.held_permissions(caller, pool).await?.contains(&Permission::Edit),
        offered: offered
            .iter()
            .map(|OfferedTable { table, rows }| TableRow {
                name: table.to_string(),
                address: address(&asked, &here, table),
                is_shown: shown.as_ref() == Some(table),
                rows: rows.map(rows_about).unwrap_or_default(),
            })
            .collect(),
        list,
        label: "Name; % stands for any text",
        refusal,
        look,
        example,
        base: signed_in.browser.visit.base.clone(),
        fault: fault.as_ref().map(Problem::detail),
    };
    Ok(page::shown(&page, page::status_for(fault.as_ref()), &signed_in.browser))
}

/// The rows of a table, by the statistics of its source.
fn rows_about(rows: u64) -> String {
    format!("about {} {}", number(rows), if rows == 1 { "row" } else { "rows" })
}

/// A table, as an address names it.
fn query(table: &SourceTableName) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(schema) = &table.schema {
        query.append_pair("schema", schema.as_str());
    }
    query.append_pair("table", table.name.as_str()).finish()
}

/// Where a table is looked at, with the list as it is.
fn address(asked: &Asked, here: &str, table: &SourceTableName) -> String {
    let list = asked.address(here);
    let sign = if list.contains('?') { '&' } else { '?' };
    format!("{list}{sign}{}", query(table))
}

impl Look {
    fn new(table: &SourceTableName, preview: Preview) -> Result<Self> {
        let Preview { findings, rows } = preview;
        let answer = QueryAnswer::new(&rows)?.into_texts();
        let shown = answer.len();
        Ok(Self {
            table: table.to_string(),
            said: said(findings.rows, rows.truncated),
            key: key(&findings),
            names: findings.columns.iter().map(|column| column.name.to_string()).collect(),
            columns: findings
                .columns
                .iter()
                .map(|column| ColumnRow {
                    name: column.name.to_string(),
                    type_name: column.type_name.clone(),
                    nulls: share(column.nulls, findings.rows),
                    distinct: number(column.distinct as u64),
                })
                .collect(),
            rows: answer,
            cut: cut(findings.cut, shown, findings.rows),
            notes: findings.notes,
        })
    }
}

fn said(rows: usize, has_more: bool) -> String {
    match (rows, has_more) {
        (0, _) => "The table has no rows.".to_owned(),
        (1, false) => "The table has one row.".to_owned(),
        (_, false) => format!("The table has {rows} rows; all were looked at."),
        (_, true) => format!(
            "The first {rows} rows were looked at, in the order in which the source gives them. What is counted is \
             counted among them; the table has more."
        ),
    }
}

/// By which columns rows can be told apart, and how surely.
fn key(findings: &Findings) -> String {
    if !findings.key.is_empty() {
        return format!("The source has a primary key: {}.", listed(&findings.key));
    }
    let none = "The source has no primary key.";
    if findings.candidates.is_empty() {
        return match findings.rows {
            0 | 1 => format!("{none} There are too few rows to guess one."),
            rows => format!(
                "{none} Among the {rows} rows looked at, no column and no pair of columns is without NULL and without \
                 a value twice."
            ),
        };
    }
    let names: Vec<String> =
        findings.candidates.iter().map(|candidate| listed(candidate).replace(", ", " with ")).collect();
    format!(
        "{none} Without NULL and without a value twice among the {} rows looked at: {}. Whether that holds for all rows \
         is not known.",
        findings.rows,
        names.join("; ")
    )
}

/// `12 of 100 (12 %)`; less than one percent is told as such.
fn share(part: usize, rows: usize) -> String {
    match part {
        0 => "none".to_owned(),
        _ => match part * 100 / rows.max(1) {
            0 => format!("{part} of {rows} (under 1 %)"),
            percent => format!("{part} of {rows} ({percent} %)"),
        },
    }
}

fn cut(values: usize, shown: usize, rows: usize) -> String {
    let mut told = Vec::new();
    if values > 0 {
        told.push(format!("{} long values are shown cut.", number(values as u64)));
    }
    if shown < rows {
        told.push(format!("{shown} of the rows are shown, since they are large."));
    }
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use forebay_core::preview::ColumnFindings;

    use super::*;

    fn identifier(text: &str) -> Identifier {
        Identifier::parse("name", text).unwrap()
    }

    fn findings(rows: usize, key: &[&str], candidates: &[&[&str]]) -> Findings {
        let names = |names: &[&str]| names.iter().map(|name| identifier(name)).collect::<Vec<_>>();
        let column =
            ColumnFindings { name: identifier("a"), type_name: "text".to_owned(), nulls: 0, distinct: 1 };
        Findings {
            rows,
            columns: vec![column],
            key: names(key),
            candidates: candidates.iter().map(|candidate| names(candidate)).collect(),
            cut: 0,
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_key_is_told_as_surely_as_it_is_known() {
        let check = |findings: &Findings, part: &str| {
            let told = key(findings);
            assert!(told.contains(part), "{told}");
        };
        check(&findings(100, &["a", "b"], &[]), "has a primary key: a, b.");
        check(
            &findings(100, &[], &[&["a"], &["b", "c"]]),
            "among the 100 rows looked at: a; b with c. Whether",
        );
        check(&findings(100, &[], &[]), "no column and no pair of columns");
        check(&findings(1, &[], &[]), "too few rows");
    }

    #[test]
    fn what_was_counted_says_among_how_many_rows() {
        assert_eq!(share(0, 100), "none");
        assert_eq!(share(12, 100), "12 of 100 (12 %)");
        assert_eq!(share(1, 101), "1 of 101 (under 1 %)");
        assert!(said(100, true).contains("The first 100 rows") && said(100, true).contains("has more"));
        assert!(said(3, false).contains("all were looked at"));
        assert_eq!(cut(0, 5, 5), "");
        assert_eq!(
            cut(2, 3, 5),
            "2 long values are shown cut. 3 of the rows are shown, since they are large."
        );
    }

    #[test]
    fn a_table_keeps_the_list_around_it() {
        let table = SourceTableName { schema: Some(identifier("a b")), name: identifier("c&d") };
        assert_eq!(address(&Asked::default(), "/tables", &table), "/tables?schema=a+b&table=c%26d");
        let asked = Asked::of(Some("c"), Some("2"));
        assert_eq!(address(&asked, "/tables", &table), "/tables?q=c&page=2&schema=a+b&table=c%26d");
    }
}
