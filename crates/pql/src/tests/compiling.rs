use super::{compiled, refused, sql};
use crate::Kind;

#[test]
fn columns_of_several_tables_are_joined_to_the_n_side() {
    assert_eq!(
        sql("TABLE(\"Customers\".\"name\", \"Lines\".\"n\")"),
        "SELECT CAST(t2.\"name\" AS VARCHAR) AS \"name\", CAST(t0.\"n\" AS BIGINT) AS \"n\" FROM Lines AS t0 \
         LEFT JOIN Orders AS t1 ON t1.\"id\" = t0.\"order\" \
         LEFT JOIN Customers AS t2 ON t2.\"id\" = t1.\"customer\""
    );
    let tables = compiled("TABLE(\"Orders\".\"id\")").unwrap().tables();
    assert_eq!(tables.into_iter().collect::<Vec<_>>(), [1]);
    // Neither is the N side of the other, but the lines are of both.
    let text = sql("TABLE(\"Customers\".\"name\", \"Products\".\"id\")");
    assert!(text.contains(" FROM Lines AS t0 LEFT JOIN "), "{text}");
    let error = refused("TABLE(\"Lines\".\"n\",\n \"Alone\".\"a\")");
    assert!(error.starts_with("line 2, column 2: \"Lines\" and \"Alone\" have no common table"), "{error}");
}

#[test]
fn what_is_no_aggregate_groups() {
    assert_eq!(
        sql(
            "TABLE(\"Lines\".\"product\" AS p, SUM(\"Lines\".\"n\") AS s, 'x' AS c) ORDER BY s DESC, AVG(\"Lines\".\"n\")"
        ),
        "SELECT CAST(t0.\"product\" AS VARCHAR) AS \"p\", CAST(CAST(sum(t0.\"n\") AS BIGINT) AS BIGINT) AS \"s\", \
         CAST('x' AS VARCHAR) AS \"c\" FROM Lines AS t0 GROUP BY 1 \
         ORDER BY 2 DESC NULLS LAST, avg(CAST(t0.\"n\" AS DOUBLE)) ASC NULLS LAST"
    );
    let all = sql("TABLE(COUNT(DISTINCT \"Lines\".\"product\") AS c)");
    assert!(all.contains("count(DISTINCT t0.\"product\")") && !all.contains("GROUP BY"), "{all}");
    for (text, expected) in [
        (
            "TABLE(SUM(\"Lines\".\"n\") + \"Lines\".\"n\")",
            "line 1, column 26: a column and an aggregate cannot be",
        ),
        ("TABLE(SUM(AVG(\"Lines\".\"n\")))", "line 1, column 11: an aggregate takes no aggregates"),
        ("FILTER SUM(\"Lines\".\"n\") > 1; TABLE(1)", "line 1, column 8: a FILTER takes no aggregates"),
        ("TABLE(SUM(DISTINCT \"Lines\".\"n\"))", "line 1, column 7: only COUNT takes DISTINCT, not SUM"),
        (
            "TABLE(\"Lines\".\"n\") ORDER BY SUM(\"Lines\".\"n\")",
            "line 1, column 29: the order is that of an aggregate",
        ),
        (
            "TABLE(SUM(\"Lines\".\"n\")) ORDER BY \"Lines\".\"n\"",
            "line 1, column 34: with aggregates, the order can",
        ),
        ("TABLE(DISTINCT \"Lines\".\"n\") ORDER BY \"Lines\".\"amount\"", "line 1, column 38: with DISTINCT"),
        ("TABLE(\"Lines\".\"n\") ORDER BY 1", "line 1, column 29: a constant puts nothing into order"),
        ("TABLE(\"Lines\".\"n\") ORDER BY m", "line 1, column 29: the answer has no column \"m\""),
        (
            "TABLE(COUNT_TABLE(\"Orders\"), \"Lines\".\"n\")",
            "line 1, column 19: COUNT_TABLE counts the rows of \"Lines\"",
        ),
    ] {
        let found = refused(text);
        assert!(found.starts_with(expected), "{text}: {found}");
    }
    assert!(sql("TABLE(COUNT_TABLE(\"Orders\"), \"Customers\".\"name\")").contains("count(*)"));
}

#[test]
fn filters_are_conditions_on_the_rows_or_on_their_partners() {
    // On the table itself, with what is joined for it.
    assert_eq!(
        sql(
            "FILTER \"Orders\".\"id\" > 1; FILTER \"Customers\".\"vip\" = 1 OR \"Orders\".\"id\" = 7; TABLE(\"Orders\".\"id\")"
        ),
        "SELECT CAST(CAST(t1.\"id\" AS BIGINT) AS BIGINT) AS \"id\" FROM Orders AS t1 \
         LEFT JOIN Customers AS t2 ON t2.\"id\" = t1.\"customer\" \
         WHERE (CAST(t1.\"id\" AS BIGINT) > CAST(1 AS BIGINT)) AND \
         ((CAST(t2.\"vip\" AS BIGINT) = CAST(1 AS BIGINT)) OR (CAST(t1.\"id\" AS BIGINT) = CAST(7 AS BIGINT)))"
    );
    // Two on one other table are for the same row of it; the way leads over the lines.
    assert_eq!(
        sql(
            "FILTER \"Products\".\"id\" = 'a'; FILTER \"Lines\".\"n\" > 0; FILTER \"Lines\".\"n\" < 5; TABLE(\"Orders\".\"at\")"
        ),
        "SELECT CAST(t1.\"at\" AS TIMESTAMP) AS \"at\" FROM Orders AS t1 WHERE EXISTS (SELECT 1 FROM Lines AS f1_0 \
         WHERE t1.\"id\" = f1_0.\"order\" AND (f1_0.\"n\" > CAST(0 AS BIGINT)) AND (f1_0.\"n\" < CAST(5 AS BIGINT)) \
         AND EXISTS (SELECT 1 FROM Products AS f2_3 WHERE f2_3.\"id\" = f1_0.\"product\" AND (f2_3.\"id\" = 'a')))"
    );
    // One that is related to nothing that is asked for has no effect, and must be right all the same.
    let alone = "FILTER \"Alone\".\"a\" > 1; TABLE(\"Orders\".\"at\")";
    assert!(!sql(alone).contains("WHERE"), "{}", sql(alone));
    assert!(refused("FILTER \"Alone\".\"b\" > 1; TABLE(\"Orders\".\"at\")").contains("no column \"b\""));
    assert!(refused("FILTER \"Alone\".\"b\" > 1; TABLE(1)").contains("no column \"b\""));
    assert!(
        sql("FILTER 1 = 2; TABLE(\"Orders\".\"at\")")
            .ends_with("WHERE (CAST(1 AS BIGINT) = CAST(2 AS BIGINT))")
    );
}

#[test]
fn the_types_of_the_answer_are_the_four_of_the_language() {
    let text = "TABLE(\"Orders\".\"day\" AS a, \"Lines\".\"amount\" AS b, \"Customers\".\"vip\" AS c, NULL AS d, 1 / 2 AS e, 7 % 2 AS f)";
    let kinds: Vec<Kind> = compiled(text).unwrap().columns.into_iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Kind::Date, Kind::Float, Kind::Int, Kind::String, Kind::Float, Kind::Int]);
    let error = refused("TABLE(\"Customers\".\"photo\")");
    assert!(
        error.contains("the column \"photo\" is of the type BLOB, which PQL has no values for"),
        "{error}"
    );
}

#[test]
fn names_are_found_in_any_case_and_others_are_listed() {
    assert_eq!(sql("TABLE(\"lines\".\"N\" AS n)"), sql("TABLE(\"Lines\".\"n\" AS n)"));
    let error = refused("TABLE(\"Line\".\"n\")");
    let expected =
        "line 1, column 7: the data model has no table \"Line\"; it has \"Lines\", \"Orders\", \"Customers\"";
    assert!(error.starts_with(expected), "{error}");
    let error = refused("TABLE(\"Orders\".\"days\")");
    assert!(error.ends_with("it has \"id\", \"customer\", \"day\", \"at\""), "{error}");
}

#[test]
fn types_that_do_not_fit_are_told_with_a_remedy() {
    for (text, expected) in [
        ("CASE WHEN \"Orders\".\"day\" > '2020-01-01' THEN 1 END", "write a date as {d 'yyyy-MM-dd'}"),
        ("CASE WHEN \"Lines\".\"product\" = 1 THEN 1 END", "TO_INT, TO_FLOAT and TO_STRING convert them"),
        (
            "CASE WHEN 1 = 1 THEN 1 ELSE 'a' END",
            "the values of a CASE must be of one type, and this is STRING",
        ),
        ("COALESCE(\"Orders\".\"day\", 1)", "the arguments of COALESCE must be of one type"),
        ("1 + 'a'", "line 1, column 11: + takes numbers, and this is of the type STRING"),
        ("-\"Orders\".\"day\"", "- takes numbers, and this is of the type DATE"),
        ("UPPER(1)", "line 1, column 7: UPPER takes STRING, and it was given INT"),
        ("UPPER()", "UPPER takes STRING, and it was given nothing"),
        ("ROUND('a')", "ROUND takes INT or FLOAT or a number, INT, and it was given STRING"),
        ("YEAR('2020')", "YEAR takes DATE, and it was given STRING"),
        ("'a' || \"Orders\".\"day\"", "a DATE is no text; make one of it with TO_STRING"),
        ("TO_STRING(\"Orders\".\"day\")", "TO_STRING takes INT or FLOAT, and it was given DATE"),
        ("TO_STRING(\"Orders\".\"day\", '%Y')", "FORMAT ( '…' ) is expected"),
        ("TO_DATE('x', FORMAT('%y'))", "the fields of FORMAT are %Y"),
        ("TO_DATE('x', FORMAT('%'))", "the fields of FORMAT are %Y"),
        (
            "DATEDIFF(yy, \"Orders\".\"day\", \"Orders\".\"day\")",
            "DATEDIFF counts in one of the units ms, ss, mi, hh, dd",
        ),
        ("1 = 1", "a condition is no value; write CASE WHEN"),
        ("CASE WHEN 1 THEN 1 END", "a value is no condition; compare it with something"),
        (
            "VARIANT(\"Lines\".\"product\")",
            "line 1, column 7: there is no function VARIANT; docs/pql.md lists those",
        ),
        ("PU_SUM(\"Orders\", \"Lines\".\"n\")", "line 1, column 7: there is no function PU_SUM"),
        ("x", "`x` is no value; write a column as \"Table\".\"Column\""),
        ("CONCAT('a')", "CONCAT takes 2 arguments or more"),
        ("DIV(1)", "DIV takes 2 arguments"),
    ] {
        let found = refused(&format!("TABLE({text})"));
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn nothing_of_a_text_becomes_sql() {
    let hostile = r#"x'); DROP TABLE t; --"#;
    let text = sql(&format!("TABLE('{}' AS \"a\"\"b; SELECT 1\")", hostile.replace('\'', "\\'")));
    assert_eq!(text, "SELECT CAST('x''); DROP TABLE t; --' AS VARCHAR) AS \"a\"\"b; SELECT 1\"");
    assert!(sql("TABLE(\"Products\".\"say \"\"hi\"\"\")").contains("t3.\"say \"\"hi\"\"\""));
    // What stands in an argument is no place for another one.
    let text = sql("TABLE(REPLACE('{1}', '{2}', '{0}') AS x)");
    assert_eq!(text, "SELECT CAST(replace('{1}', '{2}', '{0}') AS VARCHAR) AS \"x\"");
    assert!(sql("TABLE(CASE WHEN 'a' LIKE 'b\\'%\\\\' THEN 1 END)").contains(r"LIKE 'b''%\\' ESCAPE '\'"));
}
