//! Joins, groups and filters.

use super::Shop;

#[tokio::test]
async fn each_row_of_the_n_side_stays_one_and_finds_its_partners() {
    let shop = Shop::open().await;
    let query = "TABLE(\"Lines\".\"product\", \"Orders\".\"id\", \"Customers\".\"name\") ORDER BY \"Lines\".\"product\", \"Lines\".\"n\"";
    // A line of no order is there, and so is one whose order has no customer.
    shop.is_answered(
        query,
        &["\"apple\",10,\"Ada\"", "\"apple\",12,\"Bob\"", "\"fig\",,", "\"fig\",14,", "\"pear\",10,\"Ada\""],
    )
    .await;
    // The other way round, who has no order is not.
    shop.is_answered(
        "TABLE(DISTINCT \"Customers\".\"name\", \"Orders\".\"customer\") ORDER BY \"customer\"",
        &["\"Ada\",\"1\"", "\"Bob\",\"2\"", ",\"9\"", ","],
    )
    .await;
    let message = shop.refused("TABLE(\"Lines\".\"n\", \"Alone\".\"f\")").await;
    assert!(
        message.starts_with("line 1, column 20: \"Lines\" and \"Alone\" have no common table"),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_no_aggregate_groups_and_nothing_counts_nothing() {
    let shop = Shop::open().await;
    shop.is_answered(
        "TABLE(\"Lines\".\"product\", COUNT(\"Lines\".\"n\"), SUM(\"Lines\".\"n\"), AVG(\"Lines\".\"n\"), MIN(\"Lines\".\"n\"), \
         MAX(\"Lines\".\"n\"), MEDIAN(\"Lines\".\"n\"), COUNT_TABLE(\"Lines\")) ORDER BY \"product\"",
        &["\"apple\",2,8,4.0,3,5,4.0,2", "\"fig\",1,1,1.0,1,1,1.0,2", "\"pear\",1,4,4.0,4,4,4.0,1"],
    )
    .await;
    shop.is_answered(
        "TABLE(COUNT(DISTINCT \"Lines\".\"product\"), SUM(\"Orders\".\"amount\"), MIN(\"Customers\".\"name\"), \
         MAX(\"Orders\".\"day\"), MEDIAN(\"Orders\".\"day\"))",
        // Joined before it is added: the first order has two lines.
        &["3,9.25,\"Ada\",2024-02-29 00:00:00,2024-02-29 00:00:00"],
    )
    .await;
    shop.is_answered(
        "TABLE(SUM(\"Lines\".\"n\") / COUNT(\"Lines\".\"n\") AS mean, 'all' AS what)",
        &["3.25,\"all\""],
    )
    .await;
    shop.is_answered(
        "FILTER \"Lines\".\"n\" > 99; TABLE(SUM(\"Lines\".\"n\"), COUNT(\"Lines\".\"n\"))",
        &[",0"],
    )
    .await;
    shop.is_answered(
        "FILTER \"Lines\".\"n\" > 99; TABLE(\"Lines\".\"product\", COUNT(\"Lines\".\"n\"))",
        &[],
    )
    .await;
    shop.is_answered(
        "TABLE(YEAR(\"Orders\".\"day\") AS y, SUM(CASE WHEN \"Orders\".\"amount\" > 2 THEN 1 ELSE 0 END) AS s) \
         ORDER BY \"s\" DESC, \"y\" LIMIT 2",
        &["2024,1", ",1"],
    )
    .await;
}

#[tokio::test]
async fn filters_reach_related_tables_in_both_directions() {
    let shop = Shop::open().await;
    let orders = "TABLE(\"Orders\".\"id\") ORDER BY \"id\"";
    let check = async |filters: &str, expected: &[&str]| {
        shop.is_answered(&format!("{filters} {orders}"), expected).await;
    };
    check("", &["10", "11", "12", "13", "14"]).await;
    check("FILTER \"Orders\".\"amount\" > 2;", &["10", "13"]).await;
    // From the 1 side: whoever has no partner goes.
    check("FILTER \"Customers\".\"name\" <> 'Bob';", &["10", "11"]).await;
    // From the N side: one line is enough, and both conditions are for the same one.
    check("FILTER \"Lines\".\"product\" = 'apple';", &["10", "12"]).await;
    check("FILTER \"Lines\".\"product\" = 'apple'; FILTER \"Lines\".\"n\" = 4;", &[]).await;
    check("FILTER \"Lines\".\"product\" = 'pear'; FILTER \"Lines\".\"n\" = 4;", &["10"]).await;
    check("FILTER \"Lines\".\"n\" IS NULL;", &["14"]).await;
    // Of several tables, and of one that is related to nothing.
    check("FILTER \"Customers\".\"name\" = 'Ada' OR \"Lines\".\"product\" = 'fig';", &["10", "14"]).await;
    check("FILTER \"Customers\".\"name\" = 'Ada'; FILTER \"Lines\".\"n\" > 0;", &["10"]).await;
    check("FILTER \"Alone\".\"f\" > 99;", &["10", "11", "12", "13", "14"]).await;
    check("FILTER 1 = 2;", &[]).await;
    check("FILTER \"Orders\".\"amount\" = NULL;", &[]).await;
    // Two steps up, and two down.
    let customers = "TABLE(\"Customers\".\"name\") ORDER BY \"name\"";
    shop.is_answered(&format!("FILTER \"Lines\".\"n\" = 5; {customers}"), &["\"Bob\""]).await;
    shop.is_answered("FILTER \"Customers\".\"vip\" = 1; TABLE(SUM(\"Lines\".\"n\"))", &["7"]).await;
}

#[tokio::test]
async fn rows_are_put_into_order_and_cut() {
    let shop = Shop::open().await;
    let check = async |rest: &str, expected: &[&str]| {
        shop.is_answered(&format!("TABLE(\"Orders\".\"id\", \"Orders\".\"amount\" AS a) {rest}"), expected)
            .await;
    };
    // NULL comes last, whatever the direction.
    check("ORDER BY a", &["14,-3.0", "12,1.25", "10,5.5", "13,8.0", "11,"]).await;
    check("ORDER BY a DESC", &["13,8.0", "10,5.5", "12,1.25", "14,-3.0", "11,"]).await;
    check("ORDER BY -\"Orders\".\"id\" LIMIT 2", &["14,-3.0", "13,8.0"]).await;
    check("ORDER BY id LIMIT 2 OFFSET 3;", &["13,8.0", "14,-3.0"]).await;
    check("ORDER BY id OFFSET 4", &["14,-3.0"]).await;
    check("ORDER BY id LIMIT 0", &[]).await;
    check("ORDER BY \"Orders\".\"day\" DESC, id NOLIMIT", &["10,5.5", "12,1.25", "11,", "13,8.0", "14,-3.0"])
        .await;
}
