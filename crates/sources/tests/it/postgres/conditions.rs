//! Column choice, filters and date bounds.

use forebay_core::extraction::ColumnChoice;
use forebay_core::source::{DateBounds, ReadRequest, SourceErrorKind};

use super::{Place, name, whole};

fn only(columns: &[&str]) -> ReadRequest {
    ReadRequest {
        columns: ColumnChoice::Only(columns.iter().map(|column| name(column)).collect()),
        ..whole("t")
    }
}

fn filtered(filters: &[&str]) -> ReadRequest {
    ReadRequest { filters: filters.iter().map(|filter| (*filter).to_owned()).collect(), ..only(&["id"]) }
}

fn bounded(column: &str, from: Option<&str>, until: Option<&str>) -> ReadRequest {
    let date_bounds = Some(DateBounds {
        column: name(column),
        from: from.map(str::to_owned),
        until: until.map(str::to_owned),
    });
    ReadRequest { date_bounds, ..only(&["id"]) }
}

#[tokio::test]
async fn columns_are_chosen_in_the_order_asked() {
    let place = Place::new("conditions_columns").await;
    place
        .run("CREATE TABLE t (id int PRIMARY KEY, a text, \"B\" text); INSERT INTO t VALUES (1, 'x', 'y')")
        .await;
    let read = place.read(&only(&["B", "id"])).await;
    assert_eq!((read.columns().join(","), read.sorted().join(",")), ("B,id".to_owned(), "y|1".to_owned()));
    // The source's key, chosen or not.
    assert_eq!(place.read(&only(&["a"])).await.key, ["id"]);
    let error = place.try_read(&only(&["a", "nothing"])).await.expect_err("no such column");
    assert_eq!(error.kind, SourceErrorKind::Invalid);
    assert!(error.message.contains("\"nothing\""), "{error}");
}

#[tokio::test]
async fn filters_mean_what_they_mean_in_postgresql() {
    let place = Place::new("conditions_filters").await;
    place
        .run(
            "SET timezone = 'UTC'; CREATE TABLE t (id int, state text, tags text[], doc jsonb, at timestamptz, \"Odd Name\" text, n numeric); \
             INSERT INTO t VALUES (1, 'OPEN', '{a,b}', '{\"k\": {\"n\": 1}}', '2024-01-31 23:30Z', 'it''s', 1.5), \
                (2, 'done', '{}', '{\"k\": null}', '2024-02-01 00:30Z', E'a\\\\b\\n', -2), (3, NULL, NULL, NULL, NULL, NULL, NULL)",
        )
        .await;
    for filter in [
        "state = 'OPEN'",
        "state ILIKE 'o%' OR state IS NULL",
        "NOT state ~* '^o'",
        "state IS DISTINCT FROM 'OPEN'",
        "tags @> ARRAY['a']",
        "'a' = ANY (tags)",
        "tags[1] = 'a'",
        "doc -> 'k' ->> 'n' = '1'",
        "doc #>> '{k,n}' = '1'",
        "doc ? 'k'",
        "at >= '2024-01-31 23:00'::timestamp AT TIME ZONE 'UTC'",
        "at < timestamptz '2024-02-01 00:00Z' + interval '1 hour'",
        "date_trunc('month', at) = date '2024-02-01'",
        "extract(month FROM at) = 1",
        "\"Odd Name\" = 'it''s'",
        "\"Odd Name\" = E'a\\\\b\\n'",
        "\"Odd Name\" LIKE 'it_s'",
        "n BETWEEN -2 AND 1.5",
        "n = -2 AND -(-n) < 0",
        "n % 2 = 0",
        "n ^ 2 = 4",
        "(id, state) IN ((1, 'OPEN'), (2, 'x'))",
        "id IN (SELECT max(u.id) FROM t u WHERE u.id < 3)",
        "EXISTS (SELECT 1 FROM t u WHERE u.id = t.id + 1)",
        "CASE WHEN id = 1 THEN true ELSE false END",
        "coalesce(state, 'none') COLLATE \"C\" < 'a'",
        "cast(id AS text) || 'x' = '1x'",
        "state SIMILAR TO '(OPEN|x)'",
        "-- a comment\n id = 1 /* and /* another */ */",
        "$$OPEN$$ = state",
        "substring(state FROM 1 FOR 2) = 'OP'",
        "position('P' IN state) = 2",
        "trim(BOTH 'O' FROM state) = 'PEN'",
        "overlay(state PLACING 'x' FROM 1) = 'xPEN'",
        "at IS NOT NULL AND isfinite(at)",
        "id & 1 = 1 AND id # 1 = 0 AND ~id < 0",
    ] {
        let rows =
            place.sql.query(&format!("SELECT id::text FROM t WHERE ({filter}\n) ORDER BY id"), &[]).await;
        let expected: Vec<Option<String>> =
            rows.unwrap_or_else(|error| panic!("{filter}: {error:?}")).iter().map(|row| row.get(0)).collect();
        let read =
            place.try_read(&filtered(&[filter])).await.unwrap_or_else(|error| panic!("{filter}: {error}"));
        assert_eq!(read.column("id"), expected, "{filter}");
        assert!((1..3).contains(&expected.len()), "{filter} tells rows apart");
    }
    // All must hold, each for itself.
    assert_eq!(place.read(&filtered(&["id = 1 OR id = 2", "id = 2 OR id = 3"])).await.sorted(), ["2"]);
}

#[tokio::test]
async fn a_filter_is_one_expression_and_nothing_else() {
    let place = Place::new("conditions_injection").await;
    place.run("CREATE TABLE t (id int, c text); INSERT INTO t VALUES (1, 'x'); CREATE TABLE u (id int); CREATE SEQUENCE s").await;
    for filter in [
        "1=1; drop table u",
        "1=1) or (1=1",
        "1=1) TO STDOUT; DROP TABLE u; --",
        "1=1 --'\n) OR (1=1",
        "1=1 /* ' */ ; DROP TABLE u /* ' */",
        "id = 1 UNION SELECT 1",
        "id = 1 GROUP BY id",
        "",
        "c = 'x",
        "c = $q$x",
        "id = 1 LIMIT 1",
        "SELECT 1",
        // Written anew, the text would end before its second half.
        "c = '\\'' or true --'",
    ] {
        let error = place.try_read(&filtered(&[filter])).await.expect_err(filter);
        assert_eq!(error.kind, SourceErrorKind::Invalid, "{filter}: {error}");
        assert!(error.message.contains("table t"), "{filter}: {error}");
    }
    // Expressions, but with nothing to find or do: nothing is written by a reader.
    for filter in [
        "nothing = 1",
        "c = 1",
        "sum(id) > 0",
        "1 / (id - 1) > 0",
        "id = (SELECT nextval('s'))",
        "c = 'a\u{0}b'",
    ] {
        let error = place.try_read(&filtered(&[filter])).await.expect_err(filter);
        assert_eq!(error.kind, SourceErrorKind::Invalid, "{filter}: {error}");
        assert!(error.message.contains("table t"), "{filter}: {error}");
    }
    let mut delta = super::since(&filtered(&[]), &place.read(&filtered(&[])).await.checkpoint);
    delta.delta.as_mut().expect("a delta").filter = Some("id = nothing".to_owned());
    for (request, field) in
        [(filtered(&["id = 1", "id = nothing"]), "the filter of"), (delta, "the delta filter of")]
    {
        let error = place.try_read(&request).await.expect_err("an unknown column");
        assert!(error.message.contains(field) && error.message.contains("nothing"), "{error}");
    }
    // What looks like an end is a text, a comment is no way out, and a backslash escapes nothing.
    for filter in
        ["c <> '); DROP TABLE u; --'", "id = 1 -- OR true", "c <> 'a\\' AND c <> 'b\\c'", "c <> E'\\''"]
    {
        assert_eq!(place.read(&filtered(&[filter])).await.sorted(), ["1"], "{filter}");
    }
    assert_eq!(place.say("SELECT count(*)::text FROM u").await, "0", "the other table is there");
}

#[tokio::test]
async fn date_bounds_are_inclusive_and_of_the_columns_type() {
    let place = Place::new("conditions_bounds").await;
    place
        .run(
            "CREATE TABLE t (id int, day date, at timestamp, zoned timestamptz, code char(4), n numeric); \
             INSERT INTO t SELECT i, date '2024-01-01' + i, timestamp '2024-01-01' + i * interval '1 day', \
                timestamptz '2024-01-01Z' + i * interval '1 day', 'c' || i, i FROM generate_series(1, 5) i",
        )
        .await;
    for (column, from, until, expected) in [
        ("day", Some("2024-01-03"), Some("2024-01-04"), &["2", "3"][..]),
        ("day", None, Some("2024-01-02"), &["1"]),
        ("day", Some("2024-01-06"), None, &["5"]),
        ("day", Some("-infinity"), Some("infinity"), &["1", "2", "3", "4", "5"]),
        ("at", Some("2024-01-03 00:00:00"), Some("2024-01-03 23:59:59.999999"), &["2"]),
        ("zoned", Some("2024-01-03 01:00+01"), Some("2024-01-03T00:00:00Z"), &["2"]),
        // Without a zone, UTC is meant, whatever the server's zone is.
        ("zoned", Some("2024-01-03"), Some("2024-01-03"), &["2"]),
        ("code", Some("c4"), None, &["4", "5"]),
        ("n", Some("1.5"), Some("2"), &["2"]),
    ] {
        assert_eq!(
            place.read(&bounded(column, from, until)).await.sorted(),
            expected,
            "{column} {from:?} {until:?}"
        );
    }
    for bound in ["31.12.2023", "2024-02-30", "' OR true --", "2024-01-01'); DROP TABLE t; --", "2024\u{0}"] {
        let error = place.try_read(&bounded("day", Some(bound), None)).await.expect_err(bound);
        assert_eq!(error.kind, SourceErrorKind::Invalid, "{bound}: {error}");
        assert!(error.message.contains("table t"), "{bound}: {error}");
    }
    let error =
        place.try_read(&bounded("nothing", Some("2024-01-01"), None)).await.expect_err("no such column");
    assert!(error.message.contains("\"nothing\""), "{error}");
}
