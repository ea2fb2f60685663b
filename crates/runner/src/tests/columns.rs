//! What happens to columns on their way.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray};
use arrow::datatypes::Int64Type;
use forebay_core::connection::HashAlgorithm;
use forebay_core::event::Outcome;
use forebay_core::execution::ExtractionMode;
use forebay_core::extraction::TableExtraction;

use super::house::{House, Told, batch, identifiers, orders, table, with_cursor};
use super::source::{Answer, Rows};

/// SHA-256 of `1`.
const SHA_256_OF_1: &str = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn reason(told: &Told) -> &str {
    let Outcome::Failed(reason) = &told.outcome else { panic!("{:?}", told.outcome) };
    reason
}

#[tokio::test]
async fn pseudonymised_values_are_hashed_and_null_stays_null() {
    let mut house = House::new();
    house.algorithm = HashAlgorithm::Sha256NoSalt;
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    house.source.rows("people", Rows::whole(batch(&[("id", numbers), ("name", texts(&[Some("a"), None]))])));
    let hashed = TableExtraction { pseudonymised: identifiers(&["ID"]), ..table("people") };
    let told = house.full(&[hashed]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.rows("people").shown(), [format!("{SHA_256_OF_1} a"), "- -".to_owned()]);
}

#[tokio::test]
async fn a_pseudonymised_key_merges_with_itself() {
    let house = House::new();
    let hashed = TableExtraction {
        pseudonymised: identifiers(&["id"]),
        manual_key: identifiers(&["id"]),
        ..with_cursor("orders")
    };
    for rows in [&[(1, "open", 10), (2, "open", 20)], &[(2, "paid", 30), (3, "open", 31)]] {
        house.source.rows("orders", Rows::whole(orders(rows)).cursor("updated", "31"));
        assert_eq!(house.delta(std::slice::from_ref(&hashed)).await.outcome, Outcome::Succeeded);
    }
    let shown = house.rows("orders").shown();
    let rest: Vec<&str> = shown.iter().map(|row| row.split_once(' ').unwrap().1).collect();
    assert_eq!(rest, ["open 10", "paid 30", "open 31"]);
}

#[tokio::test]
async fn the_value_of_a_pseudonymised_cursor_is_shown_to_nobody() {
    let house = House::new();
    let hashed = TableExtraction { pseudonymised: identifiers(&["updated"]), ..with_cursor("orders") };
    let rows = Rows::whole(orders(&[(1, "open", 4711)])).cursor("updated", "4711");
    house.source.rows("orders", rows.note("read up to 4711"));
    let first = house.full(std::slice::from_ref(&hashed)).await;
    house.source.rows("orders", Rows::whole(orders(&[(1, "open", 4711)])).cursor("updated", "4711"));
    let second = house.delta(std::slice::from_ref(&hashed)).await;
    house.source.answer("orders", Answer::Unchanged);
    let third = house.delta(&[hashed]).await;
    for told in [first, second, third] {
        assert_eq!(told.outcome, Outcome::Succeeded);
        let events = format!("{:?}", told.events.all());
        assert!(!events.contains("4711"), "{events}");
        assert!(events.contains("(pseudonymised)"), "{events}");
    }
    // The checkpoint itself must keep it, to go on from.
    assert_eq!(house.rows("orders").checkpoint.unwrap().cursor.unwrap().value, "4711");
}

#[tokio::test]
async fn long_texts_are_cut_and_counted_but_never_in_the_key() {
    let house = House::new();
    let columns = [
        ("id", texts(&[Some("long key 1"), Some("long key 2"), None])),
        ("name", texts(&[Some("Grüße!"), Some("Grüß"), None])),
    ];
    house.source.rows("people", Rows::whole(batch(&columns)).key(&["id"]));
    let short = TableExtraction { max_string_length: Some(4), ..table("people") };
    let told = house.full(&[short]).await;
    assert_eq!(told.outcome, Outcome::Succeeded);
    assert_eq!(house.rows("people").shown(), ["long key 1 Grüß", "long key 2 Grüß", "- -"]);
    let cut = told.events.logged("VALUES_CUT");
    assert_eq!(cut, ["people: texts longer than 4 characters were cut: 1 in name"]);
}

#[tokio::test]
async fn a_column_with_the_change_dates_name_is_refused() {
    let house = House::new();
    let columns = [("_celonis_change_date", texts(&[Some("x")]))];
    house.source.rows("people", Rows::whole(batch(&columns)));
    let told = house.full(&[table("people")]).await;
    assert!(reason(&told).contains("_celonis_change_date"), "{}", reason(&told));
    assert!(house.warehouse.loads().is_empty());
}

#[tokio::test]
async fn columns_that_differ_only_in_case_are_refused() {
    let house = House::new();
    let columns = [("name", texts(&[Some("x")])), ("Name", texts(&[Some("y")]))];
    house.source.rows("people", Rows::whole(batch(&columns)));
    let told = house.full(&[table("people")]).await;
    assert!(reason(&told).contains("name and Name differ only in case"), "{}", reason(&told));
}

#[tokio::test]
async fn settings_that_name_a_column_which_is_not_extracted_are_refused() {
    for (settings, part) in [
        (TableExtraction { manual_key: identifiers(&["number"]), ..table("orders") }, "the key names number"),
        (
            TableExtraction { pseudonymised: identifiers(&["id", "person"]), ..table("orders") },
            "person shall be pseudonymised",
        ),
    ] {
        let house = House::new();
        house.source.rows("orders", Rows::whole(orders(&[(1, "open", 1)])));
        let told = house.full(&[settings]).await;
        assert!(reason(&told).contains(part), "{}", reason(&told));
        assert!(house.warehouse.table(&house.target("orders")).is_none());
    }
}

#[tokio::test]
async fn a_column_whose_values_have_no_text_cannot_be_pseudonymised() {
    let house = House::new();
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1)])]));
    house.source.rows("orders", Rows::whole(batch(&[("items", lists)])));
    let hashed = TableExtraction { pseudonymised: identifiers(&["items"]), ..table("orders") };
    let told = house.full(&[hashed]).await;
    assert!(
        reason(&told).contains("orders.items") || reason(&told).contains("items: values"),
        "{}",
        reason(&told)
    );
    assert!(house.warehouse.loads().is_empty());
}

#[tokio::test]
async fn rows_unlike_the_announced_columns_fail_the_table() {
    let house = House::new();
    let good = orders(&[(1, "open", 1)]);
    for bad in [
        good.project(&[0, 1]).unwrap(),
        batch(&[("id", texts(&[Some("1")])), ("status", texts(&[None])), ("updated", texts(&[None]))]),
    ] {
        let mut rows = Rows::whole(good.clone());
        rows.batches.push(bad);
        house.source.rows("orders", rows);
        let told = house.run(ExtractionMode::Full, vec![house.extraction(&[table("orders")])]).await;
        assert!(reason(&told).contains("announced"), "{}", reason(&told));
        assert!(house.warehouse.table(&house.target("orders")).is_none());
    }
}
