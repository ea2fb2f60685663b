//! Texts that nobody would write: whatever comes, there is an answer or an error that has its place in the text.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::model;
use crate::{PqlError, compile, parse};

/// What texts of the language are made of, and what has no place in it.
const PIECES: [&str; 66] = [
    "TABLE",
    "FILTER",
    "(",
    "(",
    ")",
    ")",
    ",",
    ";",
    ".",
    "\"Lines\"",
    "\"Orders\"",
    "\"Customers\"",
    "\"n\"",
    "\"id\"",
    "\"Lines\".\"n\"",
    "\"Lines\".\"amount\"",
    "\"Orders\".\"at\"",
    "\"Customers\".\"name\"",
    "\"Alone\".\"a\"",
    "'a'",
    "'%b_'",
    "'",
    "\"",
    "\\",
    "1",
    "0",
    "2.5",
    "1e3",
    "9223372036854775807",
    "NULL",
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "=",
    "<>",
    "<",
    ">=",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "IS",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "COUNT",
    "DISTINCT",
    "SUM(",
    "ROUND(",
    "UPPER(",
    "COALESCE(",
    "{d '2020-01-01'}",
    "{t",
    "}",
    "AS",
    "ORDER BY",
    "LIMIT",
    "--",
    "\u{0}ß\n",
];

/// The query that it was, if it was one.
fn tried(texts: &[String]) -> Result<String, PqlError> {
    let compiled = compile(&parse(texts)?, &model())?;
    Ok(compiled.sql(|table| format!("table{table}")))
}

fn check(texts: &[String]) -> bool {
    match tried(texts) {
        Ok(_) => true,
        Err(error) => {
            let text = error.position.text.map_or(0, |text| text - 1);
            let lines: Vec<&str> = texts[text].split('\n').collect();
            let line = lines.get(error.position.line - 1).copied();
            let within = line.is_some_and(|line| error.position.column <= line.chars().count() + 1);
            assert!(within, "{texts:?}: {error}");
            false
        }
    }
}

#[test]
fn texts_of_pieces_never_panic() {
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..30_000 {
        let length = random.random_range(1..40);
        let pieces: Vec<&str> = (0..length).filter_map(|_| PIECES.choose(&mut random).copied()).collect();
        check(&[pieces.join(" ")]);
        check(&[format!("TABLE({})", pieces.join(" "))]);
    }
}

#[test]
fn texts_of_any_characters_never_panic() {
    let mut random = StdRng::seed_from_u64(2);
    for _ in 0..20_000 {
        let length = random.random_range(0..60);
        let text: String = (0..length)
            .map(|_| match random.random_range(0..4) {
                0 => char::from_u32(random.random_range(0..0x11_0000)).unwrap_or('x'),
                _ => char::from(random.random_range(32..127_u8)),
            })
            .collect();
        check(&[text.clone(), format!("TABLE({text})")]);
    }
}

/// An expression that is right, of one of the types.
fn right(random: &mut StdRng, depth: usize) -> String {
    if depth == 0 {
        let leaves = [
            "\"Lines\".\"n\"",
            "\"Lines\".\"amount\"",
            "\"Orders\".\"id\"",
            "\"Customers\".\"vip\"",
            "3",
            "2.5",
        ];
        return leaves.choose(random).copied().unwrap_or("1").to_owned();
    }
    let mut inner = || right(random, depth - 1);
    let (one, other) = (inner(), inner());
    match random.random_range(0..8) {
        0 => format!("({one} + {other})"),
        1 => format!("{one} / {other}"),
        2 => format!("-({one})"),
        3 => format!("CASE WHEN {one} > {other} THEN {one} ELSE {other} END"),
        4 => format!("COALESCE({one}, NULL, {other})"),
        5 => format!("ROUND({one}, 2)"),
        6 => {
            format!("CASE WHEN NOT {one} IN ({other}, 1) OR {other} IS NULL THEN LEN(CONCAT({one}, 'x')) END")
        }
        _ => format!("MODULO({one}, {other})"),
    }
}

#[test]
fn right_queries_are_compiled_and_cut_ones_are_told() {
    let mut random = StdRng::seed_from_u64(3);
    for _ in 0..3_000 {
        let depth = random.random_range(0..5);
        let (one, other) = (right(&mut random, depth), right(&mut random, depth));
        let text = format!(
            "FILTER {one} >= {other}; TABLE({one} AS \"x\", SUM({other}) AS \"y\") ORDER BY \"y\" LIMIT 5;"
        );
        let one = std::slice::from_ref(&text);
        assert!(check(one), "{text}: {}", tried(one).unwrap_err());
        let cut = text.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
        let at = cut.choose(&mut random).copied().unwrap_or(0);
        check(&[text[..at].to_owned()]);
    }
}
