//! Every function and operator, with what it gives.

use super::Shop;

/// Expressions, and what they are in CSV: texts in quotes, nothing for NULL.
const VALUES: &[(&str, &str)] = &[
    // Constants.
    ("1", "1"),
    ("-9223372036854775807", "-9223372036854775807"),
    ("2.50", "2.5"),
    ("1e3", "1000.0"),
    (r"'it\'s a \\ and \n'", r#""it's a \ and \n""#),
    ("''", "\"\""),
    ("NULL", ""),
    ("{d '2024-02-29'}", "2024-02-29 00:00:00"),
    ("{d '2024-02-29 12:34:56'}", "2024-02-29 12:34:56"),
    ("{t 0}", "1970-01-01 00:00:00"),
    ("{t -1}", "1969-12-31 23:59:59.999"),
    ("{d '1399-12-31'}", ""),
    // Calculations. INT stays INT but for a quotient, which is FLOAT, and NULL when divided by 0.
    ("7 + 3 * 2", "13"),
    ("7 - 3 - 2", "2"),
    ("7 * 2.5", "17.5"),
    ("10 / 4", "2.5"),
    ("10 / 10", "1.0"),
    ("1 / 0", ""),
    ("1.5 / 0.0", ""),
    ("DIV(10, 4)", "2.5"),
    ("10 / NULL", ""),
    ("5 % 3", "2"),
    ("-5 % 3", "-2"),
    ("5 % -3", "2"),
    ("MODULO(5.5, 2)", "1.5"),
    ("5 % 0", ""),
    ("-(2 + 3)", "-5"),
    ("1 + NULL", ""),
    ("2147483647 + 1", "2147483648"),
    // Numbers.
    ("ABS(-3)", "3"),
    ("ABS(-3.5)", "3.5"),
    ("CEIL(0.1)", "1"),
    ("CEIL(-1.1)", "-1"),
    ("CEIL(4)", "4"),
    ("FLOOR(1.9)", "1"),
    ("FLOOR(-1.1)", "-2"),
    ("FLOOR(4)", "4"),
    ("ROUND(1.5)", "2"),
    ("ROUND(-1.5)", "-2"),
    ("ROUND(4)", "4"),
    ("ROUND(1.115, 2)", "1.12"),
    ("ROUND(-1.115, 2)", "-1.12"),
    ("ROUND(1234, -2)", "1200.0"),
    ("SQRT(9)", "3.0"),
    ("SQRT(-1)", ""),
    ("POWER(2, 10)", "1024.0"),
    ("POWER(-1, 0.5)", ""),
    ("ROUND(NULL)", ""),
    // Texts.
    ("UPPER('äb')", "\"ÄB\""),
    ("LOWER('ÄB')", "\"äb\""),
    ("REVERSE('abc')", "\"cba\""),
    ("LEN('äöü')", "3"),
    ("LEFT('äöüo', 2)", "\"äö\""),
    ("LEFT('abc', 0)", "\"\""),
    ("LEFT('abc', -1)", "\"\""),
    ("RIGHT('äöüo', 2)", "\"üo\""),
    ("RIGHT('abc', 9)", "\"abc\""),
    ("RIGHT('abc', -1)", "\"\""),
    ("LEFT('abc', NULL)", ""),
    ("SUBSTRING('äöüo', 0, 1)", "\"ä\""),
    ("SUBSTRING('äöüo', 3, 2)", "\"o\""),
    ("SUBSTRING('äöüo', 9, 2)", "\"\""),
    ("SUBSTRING('abc', -1, 2)", "\"a\""),
    ("SUBSTRING('abc', -2, 2)", "\"\""),
    ("SUBSTRING('abc', 0, 0)", "\"\""),
    ("SUBSTRING(NULL, 0, 1)", ""),
    ("TRIM('  a ')", "\"a\""),
    ("LTRIM('  a ')", "\"a \""),
    ("RTRIM('  a ')", "\"  a\""),
    ("TRIM('xxaxx', 'x')", "\"a\""),
    ("LTRIM('xxax', 'x')", "\"ax\""),
    ("RTRIM('xaxx', 'x')", "\"xa\""),
    ("REPLACE('banana', 'an', 'o')", "\"booa\""),
    ("STRING_SPLIT('a-b-c', '-', 0)", "\"a\""),
    ("STRING_SPLIT('a-b-c', '-', 2)", "\"c\""),
    ("STRING_SPLIT('a-b-c', '-', 3)", ""),
    ("STRING_SPLIT('a-b-c', '-', -1)", ""),
    ("CONCAT('a', 1, 2.5)", "\"a12.5\""),
    ("'a' || NULL || 'b'", ""),
    ("'1' || 2 + 3", "\"15\""),
    // Types.
    ("TO_STRING(-200)", "\"-200\""),
    ("TO_STRING(2.5)", "\"2.5\""),
    ("TO_STRING({t 0}, FORMAT('%Y-%m-%d %H:%M:%S 100%%'))", "\"1970-01-01 00:00:00 100%\""),
    ("TO_INT(' 42 ')", "42"),
    ("TO_INT('-7')", "-7"),
    ("TO_INT('4.2')", ""),
    ("TO_INT('x')", ""),
    ("TO_INT('99999999999999999999')", ""),
    ("TO_FLOAT('4.2e1')", "42.0"),
    ("TO_FLOAT('nan')", ""),
    ("TO_FLOAT(3)", "3.0"),
    ("TO_DATE('29.02.2024 01', FORMAT('%d.%m.%Y %H'))", "2024-02-29 01:00:00"),
    ("TO_DATE('29.02.2023', FORMAT('%d.%m.%Y'))", ""),
    // Parts of dates.
    ("YEAR({d '2024-02-29 12:34:56'})", "2024"),
    ("QUARTER({d '2024-04-01'})", "2"),
    ("MONTH({d '2024-02-29 12:34:56'})", "2"),
    ("CALENDAR_WEEK({d '2021-01-03'})", "53"),
    ("DAY({d '2024-02-29 12:34:56'})", "29"),
    ("HOURS({d '2024-02-29 12:34:56'})", "12"),
    ("MINUTES({d '2024-02-29 12:34:56'})", "34"),
    ("SECONDS({d '2024-02-29 12:34:56'})", "56"),
    ("MILLIS({t 1789})", "789"),
    ("YEAR(NULL)", ""),
    ("ROUND_YEAR({d '2024-05-29 12:34:56'})", "2024-01-01 00:00:00"),
    ("ROUND_QUARTER({d '2024-05-29 12:34:56'})", "2024-04-01 00:00:00"),
    ("ROUND_MONTH({d '2024-05-29 12:34:56'})", "2024-05-01 00:00:00"),
    ("ROUND_WEEK({d '2024-02-29 12:34:56'})", "2024-02-26 00:00:00"),
    ("ROUND_DAY({d '2024-05-29 12:34:56'})", "2024-05-29 00:00:00"),
    ("ROUND_HOUR({d '2024-05-29 12:34:56'})", "2024-05-29 12:00:00"),
    ("ROUND_MINUTE({d '2024-05-29 12:34:56'})", "2024-05-29 12:34:00"),
    ("ROUND_SECOND({t 1789})", "1970-01-01 00:00:01"),
    // Time that goes by.
    ("ADD_YEARS({d '2024-02-29'}, 1)", "2025-02-28 00:00:00"),
    ("ADD_MONTHS({d '2024-01-31'}, 1)", "2024-02-29 00:00:00"),
    ("ADD_DAYS({d '2024-02-28'}, 2)", "2024-03-01 00:00:00"),
    ("ADD_HOURS({d '2018-01-01'}, -1)", "2017-12-31 23:00:00"),
    ("ADD_MINUTES({t 0}, 61)", "1970-01-01 01:01:00"),
    ("ADD_SECONDS({t 0}, 61)", "1970-01-01 00:01:01"),
    ("ADD_MILLIS({t 0}, 1500)", "1970-01-01 00:00:01.500"),
    ("DAYS_BETWEEN({d '2024-02-28'}, {d '2024-03-01 12:00:00'})", "2.5"),
    ("HOURS_BETWEEN({t 0}, {t 5400000})", "1.5"),
    ("MINUTES_BETWEEN({t 90000}, {t 0})", "-1.5"),
    ("SECONDS_BETWEEN({t 0}, {t 1500})", "1.5"),
    ("MILLIS_BETWEEN({t 0}, {t 1500})", "1500.0"),
    ("DATEDIFF(ms, {t 0}, {t 2})", "2.0"),
    ("DATEDIFF(ss, {t 0}, {t 1500})", "1.5"),
    ("DATEDIFF(mi, {t 0}, {t 90000})", "1.5"),
    ("DATEDIFF(hh, {t 0}, {t 5400000})", "1.5"),
    ("DATEDIFF(dd, {d '2024-02-28'}, {d '2024-03-01'})", "2.0"),
    ("DATEDIFF(dd, NULL, {t 0})", ""),
    // Choices.
    ("COALESCE(NULL, 2, 3)", "2"),
    ("COALESCE(NULL, 2.5, 3)", "2.5"),
    ("COALESCE(NULL)", ""),
    ("ISNULL(NULL)", "1"),
    ("ISNULL('')", "0"),
    ("CASE WHEN 1 = 2 THEN 'a' WHEN 2 = 2 THEN 'b' ELSE 'c' END", "\"b\""),
    ("CASE WHEN 1 = 2 THEN 1 END", ""),
    ("CASE WHEN 1 = 1 THEN 1 ELSE 2.5 END", "1.0"),
];

/// Conditions, and what they are.
const CONDITIONS: &[(&str, Option<bool>)] = &[
    ("1 < 2", Some(true)),
    ("2 <= 1", Some(false)),
    ("2 > 1.5", Some(true)),
    ("1 >= 1", Some(true)),
    ("1 <> 1", Some(false)),
    ("1 != 2", Some(true)),
    ("'a' < 'b'", Some(true)),
    // Texts are compared letter by letter: upper case is not lower case, and comes first.
    ("'a' = 'A'", Some(false)),
    ("'Z' < 'a'", Some(true)),
    ("{d '2024-01-01'} > {t 0}", Some(true)),
    ("1 = NULL", None),
    ("NULL = NULL", None),
    ("NOT 1 = NULL", None),
    ("1 = 1 AND 1 = NULL", None),
    ("1 = 2 AND 1 = NULL", Some(false)),
    ("1 = 1 OR 1 = NULL", Some(true)),
    ("NOT 1 = 2", Some(true)),
    ("NULL IS NULL", Some(true)),
    ("1 IS NOT NULL", Some(true)),
    ("2 IN (1, 2.0)", Some(true)),
    ("3 IN (1, 2)", Some(false)),
    ("3 NOT IN (1, 2)", Some(true)),
    ("3 IN (1, NULL)", None),
    ("3 NOT IN (1, NULL)", None),
    ("NULL IN (1)", None),
    ("2 BETWEEN 2 AND 3", Some(true)),
    ("4 NOT BETWEEN 2 AND 3", Some(true)),
    ("NULL BETWEEN 1 AND 2", None),
    // Without a wildcard the pattern may stand anywhere, in any case; with one neither.
    ("'abcde' LIKE 'BCD'", Some(true)),
    ("'aBcDE' LIKE 'e'", Some(true)),
    ("'abcde' LIKE 'a%'", Some(true)),
    ("'abcde' LIKE 'A%'", Some(false)),
    ("'abcde' LIKE 'a_c_e'", Some(true)),
    ("'abcde' LIKE 'a_'", Some(false)),
    ("'abcde' NOT LIKE 'x%'", Some(true)),
    (r"'100%' LIKE '1__\%'", Some(true)),
    (r"'1000' LIKE '1__\%'", Some(false)),
    (r"'50% of' LIKE '0\%'", Some(true)),
    (r"'a\\b' LIKE 'a\\\\%'", Some(true)),
    (r"'a%' LIKE '%\\'", Some(false)),
    ("NULL LIKE 'a'", None),
];

#[tokio::test]
async fn every_function_gives_what_is_documented() {
    let shop = Shop::open().await;
    let mut faults = Vec::new();
    for (expression, expected) in VALUES {
        match shop.answer(&format!("TABLE({expression} AS x)")).await {
            Ok(lines) if lines == [*expected] => {}
            Ok(lines) => faults.push(format!("{expression} gives {lines:?}, not {expected}")),
            Err(error) => faults.push(format!("{expression}: {error}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn conditions_are_true_false_or_unknown() {
    let shop = Shop::open().await;
    let mut faults = Vec::new();
    for (condition, expected) in CONDITIONS {
        let query = format!(
            "TABLE(CASE WHEN {condition} THEN 1 END AS yes, CASE WHEN NOT ({condition}) THEN 1 END AS no)"
        );
        let expected = match expected {
            Some(true) => "1,",
            Some(false) => ",1",
            None => ",",
        };
        match shop.answer(&query).await {
            Ok(lines) if lines == [expected] => {}
            Ok(lines) => faults.push(format!("{condition} gives {lines:?}, not {expected}")),
            Err(error) => faults.push(format!("{condition}: {error}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn what_goes_beyond_its_type_fails_with_a_message() {
    let shop = Shop::open().await;
    for expression in ["9223372036854775807 + 1", "-(-9223372036854775807 - 1)", "ROUND(1e300)"] {
        let message = shop.refused(&format!("TABLE({expression} AS x)")).await;
        assert!(
            message.contains("out of range") || message.contains("Overflow") || message.contains("overflow"),
            "{message}"
        );
        assert!(!message.contains("SELECT") && !message.contains('\n'), "{message}");
    }
}

#[tokio::test]
async fn columns_of_all_types_are_of_the_four_of_the_language() {
    let shop = Shop::open().await;
    shop.is_answered(
        "TABLE(\"Customers\".\"vip\", \"Customers\".\"name\") ORDER BY \"Customers\".\"id\"",
        &["1,\"Ada\"", "0,\"Bob\"", ",", "1,\"Dan\""],
    )
    .await;
    shop.is_answered("TABLE(\"Orders\".\"day\", \"Orders\".\"at\", \"Orders\".\"amount\") ORDER BY \"Orders\".\"id\" LIMIT 2", &[
        "2024-02-29 00:00:00,2024-02-29 12:34:56.789,5.5",
        "2023-12-31 00:00:00,2023-12-31 23:59:59,",
    ])
    .await;
    // Not a number is no value, as a number that is missing.
    shop.is_answered("TABLE(\"Alone\".\"f\", \"Alone\".\"a \"\"b\"\"\") ORDER BY \"Alone\".\"f\" DESC, \"Alone\".\"a \"\"b\"\"\"", &[
        "1.5,\"x\"", ",\"it's\"", ",",
    ])
    .await;
}
