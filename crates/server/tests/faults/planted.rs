//! The checker is checked first: what is planted here must be found, each kind by its name, and what is in order
//! must not be.

use std::collections::BTreeMap;

use crate::journal::Entry;
use crate::oracle::{Finding, Leftovers, Rows, leftovers, one_of, rows, states};
use crate::rounds::Rounds;

const ROWS: u64 = 100;

fn generation(number: u64) -> Rows {
    rows((0..ROWS).map(|id| format!("{id}|{number}|{}", id * 31 + number)))
}

fn judged(found: &Rows) -> Vec<Finding> {
    let (old, new) = (generation(1), generation(2));
    let generations = [("old".to_owned(), &old), ("new".to_owned(), &new)];
    one_of(&generations, found).err().unwrap_or_default()
}

fn what_is_whole_is_accepted() {
    for number in [1, 2] {
        assert_eq!(judged(&generation(number)), []);
    }
}

fn loss_is_found() {
    let mut found = generation(2);
    found.remove("7|2|219").expect("a row of that name");
    assert_eq!(judged(&found), [Finding::Lost { rows: 1, such_as: "7|2|219".to_owned() }]);
    assert!(matches!(judged(&Rows::new())[..], [Finding::Lost { rows: ROWS, .. }]), "an empty table");
}

fn duplication_is_found() {
    let mut found = generation(2);
    *found.get_mut("7|2|219").expect("a row of that name") += 2;
    assert_eq!(judged(&found), [Finding::Doubled { rows: 2, such_as: "7|2|219".to_owned() }]);
}

fn mixing_is_found() {
    let mut found = generation(1);
    found.remove("7|1|218").expect("a row of that name");
    found.insert("7|2|219".to_owned(), 1);
    assert_eq!(judged(&found), [Finding::Mixed { generations: vec!["old".to_owned(), "new".to_owned()] }]);
}

fn a_changed_value_is_found() {
    let mut found = generation(2);
    found.remove("7|2|219").expect("a row of that name");
    found.insert("7|2|220".to_owned(), 1);
    let findings = judged(&found);
    assert!(findings.contains(&Finding::Foreign { rows: 1, such_as: "7|2|220".to_owned() }), "{findings:?}");
}

fn started(execution: &str) -> Entry {
    Entry::Started { execution: execution.to_owned() }
}

fn seen(execution: &str, status: &str) -> Entry {
    Entry::Seen { execution: execution.to_owned(), status: status.to_owned() }
}

fn now(states: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    states.iter().map(|(execution, status)| ((*execution).to_owned(), status.map(str::to_owned))).collect()
}

fn an_orderly_end_is_accepted() {
    let journal =
        [started("a"), seen("a", "QUEUED"), seen("a", "RUNNING"), seen("a", "QUEUED"), seen("a", "SUCCESS")];
    assert_eq!(states(&journal, &now(&[("a", Some("SUCCESS"))])), []);
}

fn a_forgotten_start_is_found() {
    let expected = [Finding::Forgotten { execution: "a".to_owned() }];
    assert_eq!(states(&[started("a")], &now(&[])), expected);
    assert_eq!(states(&[], &now(&[("a", None)])), expected);
}

fn an_execution_without_an_end_is_found() {
    let expected = Finding::Unfinished { execution: "a".to_owned(), status: "RUNNING".to_owned() };
    assert_eq!(states(&[started("a")], &now(&[("a", Some("RUNNING"))])), [expected]);
}

fn a_changed_end_is_found() {
    let changed = |to: &str| Finding::Changed {
        execution: "a".to_owned(),
        from: "CANCEL".to_owned(),
        to: to.to_owned(),
    };
    let journal = [started("a"), seen("a", "CANCEL")];
    assert_eq!(states(&journal, &now(&[("a", Some("SUCCESS"))])), [changed("SUCCESS")]);
    // Also when it changed back before the last look.
    let journal = [started("a"), seen("a", "CANCEL"), seen("a", "RUNNING"), seen("a", "CANCEL")];
    assert_eq!(states(&journal, &now(&[("a", Some("CANCEL"))])), [changed("RUNNING")]);
}

fn leftovers_are_found() {
    assert_eq!(leftovers(&Leftovers::default()), []);
    let one = || vec!["x".to_owned()];
    let planted = [
        (Leftovers { staging_tables: one(), ..Leftovers::default() }, "staging table x"),
        (Leftovers { unfinished_models: one(), ..Leftovers::default() }, "unfinished model version x"),
        (Leftovers { temporary_files: one(), ..Leftovers::default() }, "temporary file x"),
        (Leftovers { damaged_logs: one(), ..Leftovers::default() }, "damaged log x"),
        (Leftovers { processes: one(), ..Leftovers::default() }, "process x"),
        (Leftovers { source_sessions: one(), ..Leftovers::default() }, "session at the source x"),
    ];
    for (left, told) in planted {
        assert_eq!(leftovers(&left), [Finding::LeftOver(told.to_owned())]);
    }
}

const CHECKS: [fn(); 10] = [
    what_is_whole_is_accepted,
    loss_is_found,
    duplication_is_found,
    mixing_is_found,
    a_changed_value_is_found,
    an_orderly_end_is_accepted,
    a_forgotten_start_is_found,
    an_execution_without_an_end_is_found,
    a_changed_end_is_found,
    leftovers_are_found,
];

/// How many rounds there are.
pub(crate) const ROUNDS: usize = CHECKS.len();

pub(crate) async fn checker(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        if let Some(check) = CHECKS.get(round.number) {
            check();
        }
        round.held(std::time::Duration::ZERO);
    }
}
