use super::{compiled, refused, sql};
use crate::parse;

#[test]
fn statements_come_in_one_text_or_several_and_empty_ones_are_nothing() {
    let table = "TABLE(\"Alone\".\"a\" AS \"x\") NOLIMIT;";
    let filter = "FILTER \"Alone\".\"a\" > 1;";
    let one = parse(&[format!("{filter} ;{table}")]).unwrap();
    assert_eq!(one.filters.len(), 1);
    let several = parse(&[filter, "", ";", "FILTER FORCED \"Alone\".\"a\" < 5", table]).unwrap();
    assert_eq!(several.filters.len(), 2);
}

#[test]
fn words_are_read_in_any_case_and_comments_are_skipped() {
    let expected = sql("TABLE(\"Alone\".\"a\" AS \"x\") ORDER BY \"x\" DESC LIMIT 3 OFFSET 2;");
    let text = "-- what\n/* is\n asked */ table ( alone.A as x )\n order by x desc limit 3 offset 2 -- end";
    assert_eq!(sql(text), expected);
}

#[test]
fn columns_are_named_by_hand_or_after_what_they_are() {
    let names = |text: &str| {
        let columns = compiled(text).unwrap().columns;
        columns.into_iter().map(|column| column.name).collect::<Vec<_>>()
    };
    let text = "TABLE(\"Alone\".\"a\", ROUND( \"Alone\".\"a\" ) , 1 + 2 AS three, 'x' AS \"an \"\"x\"\"\")";
    assert_eq!(names(text), ["a", "ROUND( \"Alone\".\"a\" )", "three", "an \"x\""]);
    let twice = refused("TABLE(\"Alone\".\"a\" AS \"x\",\n  1 AS \"x\")");
    assert_eq!(twice, "line 2, column 3: the name \"x\" comes twice; give one of them another with AS");
}

#[test]
fn distinct_may_stand_in_three_places() {
    let expected = sql("TABLE(DISTINCT \"Alone\".\"a\")");
    assert!(expected.starts_with("SELECT DISTINCT "), "{expected}");
    assert_eq!(sql("DISTINCT TABLE(\"Alone\".\"a\")"), expected);
    assert_eq!(sql("TABLE DISTINCT (\"Alone\".\"a\")"), expected);
}

#[test]
fn what_binds_more_is_done_first() {
    let same = |one: &str, other: &str| {
        let of = |text: &str| sql(&format!("TABLE({text} AS x)"));
        assert_eq!(of(one), of(other));
    };
    same("1 + 2 * 3", "1 + (2 * 3)");
    same("1 - 2 - 3", "(1 - 2) - 3");
    same("-1 * 2", "(-1) * 2");
    same("'a' || 1 + 2", "'a' || (1 + 2)");
    let condition = |text: &str| format!("CASE WHEN {text} THEN 1 END");
    same(&condition("1 = 2 OR 3 = 4 AND 5 = 6"), &condition("1 = 2 OR (3 = 4 AND 5 = 6)"));
    same(&condition("NOT 1 = 2 AND 3 = 4"), &condition("(NOT (1 = 2)) AND (3 = 4)"));
    same(&condition("1 BETWEEN 0 AND 2 AND 3 = 4"), &condition("(1 BETWEEN 0 AND 2) AND 3 = 4"));
}

#[test]
fn backslashes_escape_quotes_and_themselves() {
    let text = |constant: &str| sql(&format!("TABLE({constant} AS x)"));
    assert_eq!(text(r"'it\'s'"), "SELECT CAST('it''s' AS VARCHAR) AS \"x\"");
    assert_eq!(text(r"'a\\b\c'"), r#"SELECT CAST('a\b\c' AS VARCHAR) AS "x""#);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, expected) in [
        ("", "line 1, column 1: there is no TABLE ( … ) in the query; say which columns are asked for"),
        ("FILTER 1 = 1;\n", "line 2, column 1: there is no TABLE"),
        ("SELECT 1", "line 1, column 1: FILTER or TABLE is expected, and there is `SELECT`"),
        ("TABLE(1); TABLE(2)", "line 1, column 11: there is a second TABLE"),
        ("TABLE()", "line 1, column 7: a value is expected, and there is `)`"),
        ("TABLE(1", "line 1, column 8: `)` is expected, and the text ends"),
        ("TABLE('a", "line 1, column 7: the text does not end"),
        ("TABLE(\"a", "line 1, column 7: the name does not end"),
        ("TABLE(\"\".a)", "line 1, column 7: the name is empty"),
        ("TABLE(/* a", "line 1, column 7: the comment does not end"),
        ("TABLE(1 ? 2)", "line 1, column 9: `?` means nothing here"),
        ("TABLE(9223372036854775808)", "line 1, column 7: 9223372036854775808 is larger than"),
        ("TABLE(1e999)", "line 1, column 7: 1e999 is larger than the largest FLOAT"),
        ("TABLE(1e)", "line 1, column 7: 1e is no number"),
        ("TABLE({d '2023-02-30'})", "line 1, column 10: '2023-02-30' is no date; write it as yyyy-MM-dd"),
        ("TABLE({x 1})", "line 1, column 8: d or t is expected, and there is `x`"),
        ("TABLE(\"Alone\".)", "line 1, column 15: the name of a column is expected"),
        ("TABLE(CASE 1 END)", "line 1, column 7: CASE needs WHEN"),
        ("TABLE(1) LIMIT x", "line 1, column 16: a whole number is expected"),
        ("TABLE(1) LIMIT 1 NOLIMIT", "line 1, column 18: LIMIT, NOLIMIT and OFFSET come once"),
        ("TABLE(1) LIMIT -1", "line 1, column 16: a whole number is expected, and there is `-`"),
        ("TABLE(1) FILTER 1 = 1", "line 1, column 10: `;` is expected, and there is `FILTER`"),
        ("TABLE(CASE WHEN 'a' LIKE 1 THEN 1 END)", "line 1, column 26: a pattern in quotes is expected"),
        ("TABLE(CASE WHEN 1 IN () THEN 1 END)", "line 1, column 23: a value is expected"),
    ] {
        let found = refused(text);
        assert!(found.starts_with(expected), "{text}: {found}");
    }
    let error = parse(&["FILTER 1 = 1;", "TABLE(\n1 +)"]).unwrap_err().to_string();
    assert!(error.starts_with("query 2, line 2, column 4: a value is expected"), "{error}");
}

#[test]
fn columns_of_an_error_are_counted_in_characters() {
    let found = refused("TABLE('äöü' AS x, 'ß' ! 1)");
    assert!(found.starts_with("line 1, column 23: "), "{found}");
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = |levels: usize| format!("TABLE({}1{})", "(".repeat(levels), ")".repeat(levels));
    assert!(parse(&[deep(90)]).is_ok());
    sql(&format!("TABLE({}'a'{})", "CONCAT('b', ".repeat(95), ")".repeat(95)));
    sql(&format!("TABLE({}1)", "1 + ".repeat(95)));
    for levels in [100, 20_000] {
        let error = parse(&[deep(levels)]).unwrap_err().to_string();
        assert!(error.contains("nested more than 100 deep"), "{error}");
    }
    for chain in ["1 + ", "- ", "NOT ", "UPPER(", "CASE WHEN 1 = 1 THEN "] {
        let error = parse(&[format!("TABLE({}1)", chain.repeat(5_000))]).map(drop).unwrap_err().to_string();
        assert!(
            error.contains("nested more than 100 deep") || error.contains("is expected"),
            "{chain}: {error}"
        );
    }
    let error = parse(&[format!("TABLE('{}')", "x".repeat(1024 * 1024))]).unwrap_err().to_string();
    assert!(error.contains("longer than 1048576 bytes"), "{error}");
    let error = parse(&[format!("TABLE({}1)", "1,".repeat(30_000))]).unwrap_err().to_string();
    assert!(error.contains("more than 50000 words"), "{error}");
}

#[test]
fn many_terms_and_values_are_no_depth() {
    let terms = vec!["\"Alone\".\"a\" = 1"; 3_000].join(" OR ");
    assert!(sql(&format!("FILTER {terms}; TABLE(\"Alone\".\"a\")")).matches(" OR ").count() == 2_999);
    let values: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
    sql(&format!("FILTER \"Lines\".\"n\" IN ({}); TABLE(\"Lines\".\"n\")", values.join(",")));
}
