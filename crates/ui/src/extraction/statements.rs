//! What the source would be asked for now, as it would be sent.

use forebay_core::explanation::{Asked, Explanation, TableExplanation};

/// What is asked for in one mode.
pub(super) struct Statement {
    pub(super) mode: &'static str,
    /// What there is to know before it is read.
    pub(super) said: String,
    /// The statement; empty where there is none.
    pub(super) sql: String,
    /// What goes beside the statement.
    pub(super) values: Vec<String>,
    pub(super) files: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// FULL and DELTA.
pub(super) fn statements(explanation: TableExplanation) -> Vec<Statement> {
    let TableExplanation { full, delta } = explanation;
    vec![Statement::new("FULL", full), Statement::new("DELTA", delta)]
}

impl Statement {
    fn new(mode: &'static str, explanation: Explanation) -> Self {
        let Explanation { asked, notes } = explanation;
        let nothing =
            Self { mode, said: String::new(), sql: String::new(), values: vec![], files: vec![], notes };
        match asked {
            Asked::Nothing => Self {
                said: "Nothing is read: the table is as it was at the checkpoint.".to_owned(),
                ..nothing
            },
            Asked::Refused(reason) => Self { said: format!("It cannot be asked for: {reason}"), ..nothing },
            Asked::Statement { sql, values, in_ranges } => {
                let ranges = if in_ranges {
                    "A big table is read in ranges by several connections: each sends this with one condition more."
                } else {
                    ""
                };
                Self { said: ranges.to_owned(), sql, values, ..nothing }
            }
            Asked::Files { files, conditions } => {
                let of_them = match conditions.is_empty() {
                    true => "all of their rows are taken".to_owned(),
                    false => format!("of their rows those are taken in which {}", conditions.join(" and ")),
                };
                Self { said: format!("No SQL: these files are read whole, and {of_them}."), files, ..nothing }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(asked: Asked) -> Statement {
        Statement::new("FULL", Explanation { asked, notes: Vec::new() })
    }

    #[test]
    fn what_is_no_statement_is_told_in_words() {
        let sql = |in_ranges| Asked::Statement { sql: "SELECT 1".to_owned(), values: Vec::new(), in_ranges };
        let told = statement(sql(true));
        assert!(told.sql == "SELECT 1" && told.said.contains("in ranges"), "{}", told.said);
        assert_eq!(statement(sql(false)).said, "");
        let files = |conditions: &[&str]| Asked::Files {
            files: vec!["a.csv".to_owned()],
            conditions: conditions.iter().map(|condition| (*condition).to_owned()).collect(),
        };
        assert!(statement(files(&[])).said.ends_with("all of their rows are taken."));
        let told = statement(files(&["d from 2024-01-01", "d until 2024-02-01"]));
        assert!(told.said.ends_with("in which d from 2024-01-01 and d until 2024-02-01."), "{}", told.said);
        assert!(statement(Asked::Nothing).sql.is_empty());
        assert!(statement(Asked::Refused("no".to_owned())).said.ends_with(": no"));
    }
}
