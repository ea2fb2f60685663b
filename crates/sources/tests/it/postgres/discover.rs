//! What the source says there is.

use forebay_core::source::SourceTable;

use super::Place;

fn described(table: &SourceTable) -> String {
    let columns: Vec<String> =
        table.columns.iter().map(|column| format!("{} {}", column.name, column.type_name)).collect();
    let key: Vec<&str> = table.key.iter().map(forebay_core::name::Identifier::as_str).collect();
    let rows = table.rows.map_or_else(|| "?".to_owned(), |rows| rows.to_string());
    format!("{} ({}) key ({}) rows {rows}", table.table, columns.join(", "), key.join(", "))
}

#[tokio::test]
async fn tables_are_listed_with_columns_keys_and_estimates() {
    let place = Place::new("discover").await;
    assert_eq!(place.source.discover().await.expect("no tables"), []);
    place
        .run(
            "CREATE SCHEMA \"Sales\"; CREATE DOMAIN cents AS numeric(12, 2); \
             CREATE TABLE \"Sales\".\"Order Items\" (\"Order\" bigint, item smallint, price cents, gone int, \
                note varchar(20), tags text[], PRIMARY KEY (item, \"Order\")); \
             ALTER TABLE \"Sales\".\"Order Items\" DROP COLUMN gone; \
             INSERT INTO \"Sales\".\"Order Items\" SELECT i, 1, 1, 'x', NULL FROM generate_series(1, 1234) i; \
             CREATE TABLE covering (a int, b int, c int, PRIMARY KEY (b) INCLUDE (c)); \
             CREATE TABLE never (id int); \
             CREATE TABLE empty (id int UNIQUE NOT NULL); \
             CREATE VIEW seen AS SELECT b, c FROM covering; \
             CREATE MATERIALIZED VIEW kept AS SELECT generate_series(1, 7) AS n; \
             CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); \
             CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10); \
             CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (100); \
             INSERT INTO parts SELECT generate_series(0, 49); \
             CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent); \
             INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1), (1); \
             CREATE TABLE nothing (); CREATE SEQUENCE numbers; CREATE TYPE pair AS (a int); CREATE TEMP TABLE mine (id int); \
             ANALYZE \"Sales\".\"Order Items\", empty, kept, parts_1, parts_2, parent, child",
        )
        .await;
    let tables = place.source.discover().await.expect("tables");
    let found: Vec<String> = tables.iter().map(described).collect();
    assert_eq!(
        found,
        [
            "Sales.Order Items (Order bigint, item smallint, price cents, note character varying(20), tags text[]) \
             key (item, Order) rows 1234",
            "public.child (id integer) key () rows 2",
            "public.covering (a integer, b integer, c integer) key (b) rows ?",
            "public.empty (id integer) key () rows 0",
            "public.kept (n integer) key () rows 7",
            "public.never (id integer) key () rows ?",
            "public.parent (id integer) key () rows 3",
            "public.parts (id integer) key (id) rows 50",
            "public.seen (b integer, c integer) key () rows ?",
        ]
    );
    // What is listed can be read, and has the same columns and key then.
    for table in &tables {
        let mut request = super::whole("t");
        request.table = table.table.clone();
        let read = place.read(&request).await;
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let key: Vec<&str> = table.key.iter().map(forebay_core::name::Identifier::as_str).collect();
        assert_eq!((read.columns(), read.key.iter().map(String::as_str).collect::<Vec<_>>()), (columns, key));
    }
}

#[tokio::test]
async fn a_list_is_of_now_and_leaves_nothing_open() {
    let place = Place::new("discover_again").await;
    let names = async || -> Vec<String> {
        let tables = place.source.discover().await.expect("a list of tables");
        tables.iter().map(|table| table.table.name.to_string()).collect()
    };
    place.run("CREATE TABLE first (id int)").await;
    assert_eq!(names().await, ["first"]);
    place.run("CREATE TABLE second (id int)").await;
    assert_eq!(names().await, ["first", "second"]);
    place.run("DROP TABLE first").await;
    assert_eq!(names().await, ["second"]);
    // The connection that is kept for the next time ends its transaction on its own.
    let open = "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'forebay' AND xact_start IS NOT NULL";
    for _ in 0..6000 {
        if place.say(open).await == "0" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("a transaction stays open");
}
