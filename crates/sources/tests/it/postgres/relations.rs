//! Relations of every sort, and names of every sort.

use forebay_core::extraction::{ColumnChoice, SourceTableName};
use forebay_core::source::{Extent, SourceErrorKind};

use super::{Place, appended, name, ordered, since, whole};

#[tokio::test]
async fn relations_of_every_sort_are_read() {
    let place = Place::new("relations_sorts").await;
    place
        .run(
            "CREATE TABLE plain (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, \
                twice int GENERATED ALWAYS AS (id * 2) STORED, gone int, kept text); \
             ALTER TABLE plain DROP COLUMN gone; \
             INSERT INTO plain (id, kept) VALUES (1, 'a'), (2, NULL); \
             CREATE UNLOGGED TABLE unlogged AS TABLE plain; \
             CREATE VIEW seen AS SELECT id, kept, row_number() OVER (ORDER BY id) AS place FROM plain; \
             CREATE MATERIALIZED VIEW kept AS TABLE plain; \
             CREATE TABLE parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day); \
             CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01'); \
             CREATE TABLE parts_2 PARTITION OF parts DEFAULT PARTITION BY HASH (id); \
             CREATE TABLE parts_2_0 PARTITION OF parts_2 FOR VALUES WITH (MODULUS 1, REMAINDER 0); \
             INSERT INTO parts VALUES (1, '2024-01-05'), (1, '2030-01-01'); \
             CREATE TABLE parent (id int PRIMARY KEY, kept text); \
             CREATE TABLE child (more int) INHERITS (parent); \
             INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (1, 'c', 7), (1, 'd', 8)",
        )
        .await;
    for (table, columns, key, rows) in [
        ("plain", "id,n,twice,kept", "id", &["1|1|2|a", "2|2|4|NULL"][..]),
        ("unlogged", "id,n,twice,kept", "", &["1|1|2|a", "2|2|4|NULL"]),
        ("seen", "id,kept,place", "", &["1|a|1", "2|NULL|2"]),
        ("kept", "id,n,twice,kept", "", &["1|1|2|a", "2|2|4|NULL"]),
        ("parts", "id,day", "id,day", &["1|19727", "1|21915"]),
        ("parts_1", "id,day", "id,day", &["1|19727"]),
        // The children's rows too, whose ids the parent's key does not bind.
        ("parent", "id,kept", "", &["1|c", "1|d", "1|p"]),
        ("child", "id,kept,more", "", &["1|c|7", "1|d|8"]),
    ] {
        let read = place.read(&whole(table)).await;
        assert_eq!(
            (read.columns().join(","), read.key.join(",")),
            (columns.to_owned(), key.to_owned()),
            "{table}"
        );
        assert_eq!(read.sorted(), rows, "{table}");
    }
    let error = place.try_read(&whole("nothing")).await.expect_err("no such table");
    assert_eq!(error.kind, SourceErrorKind::Invalid);
    assert!(error.message.contains("\"nothing\""), "{error}");
}

#[tokio::test]
async fn foreign_tables_are_read_and_go_on_by_their_cursor() {
    let place = Place::quiet("relations_foreign").await;
    let password = place.database.password.replace('\'', "''");
    place
        .run(&format!(
            "CREATE EXTENSION postgres_fdw; \
             CREATE TABLE t (id int, changed timestamptz); INSERT INTO t VALUES (1, '2024-01-01Z'); \
             CREATE SERVER self FOREIGN DATA WRAPPER postgres_fdw \
                OPTIONS (host '127.0.0.1', port '{}', dbname 'relations_foreign'); \
             CREATE USER MAPPING FOR CURRENT_USER SERVER self OPTIONS (user 'forebay', password '{password}'); \
             CREATE FOREIGN TABLE far (id int, changed timestamptz) SERVER self OPTIONS (table_name 't'); \
             CREATE TABLE half (id int, changed timestamptz) PARTITION BY LIST (id); \
             CREATE FOREIGN TABLE half_far PARTITION OF half FOR VALUES IN (1) SERVER self OPTIONS (table_name 't'); \
             CREATE TABLE half_near PARTITION OF half DEFAULT; INSERT INTO half VALUES (2, '2024-01-01Z')",
            place.database.port
        ))
        .await;
    for (table, count) in [("far", 1), ("half", 2)] {
        let request = ordered(table, "changed");
        let full = place.read(&request).await;
        assert_eq!(full.rows.num_rows(), count, "{table}");
        place.run("UPDATE t SET changed = changed + interval '1 s'").await;
        // Nothing here tells that the other server's table changed.
        let delta = place.read(&since(&request, &full.checkpoint)).await;
        assert!(delta.column("id").contains(&Some("1".to_owned())), "{table}");
        assert!(
            delta.notes[0].contains("another server") && delta.notes[0].contains("offset"),
            "{:?}",
            delta.notes
        );
    }
}

#[tokio::test]
async fn partitions_that_join_later_bring_their_old_rows() {
    let place = Place::quiet("relations_partitions").await;
    place
        .run(
            "CREATE TABLE t (id int, changed date) PARTITION BY LIST (id); \
             CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1); INSERT INTO t VALUES (1, '2024-01-01'); \
             CREATE TABLE t_2 (LIKE t); INSERT INTO t_2 VALUES (2, '2020-01-01'); \
             CREATE TABLE t_3 (LIKE t) PARTITION BY LIST (id); \
             CREATE TABLE t_3_3 PARTITION OF t_3 FOR VALUES IN (3); INSERT INTO t_3 VALUES (3, '2020-01-01')",
        )
        .await;
    let request = ordered("t", "changed");
    let full = place.read(&request).await;
    assert_eq!(full.rows.num_rows(), 1);
    place
        .run("ALTER TABLE t ATTACH PARTITION t_2 FOR VALUES IN (2); ALTER TABLE t ATTACH PARTITION t_3 FOR VALUES IN (3)")
        .await;
    for request in [since(&request, &full.checkpoint), appended(&request, &full.checkpoint)] {
        let delta = place.read(&request).await;
        assert_eq!(
            (delta.extent, delta.sorted()),
            (Extent::Changes, vec!["2|18262".to_owned(), "3|18262".to_owned()])
        );
        let delta = place.read(&appended(&ordered("t", "changed"), &delta.checkpoint)).await;
        assert_eq!(delta.rows.num_rows(), 0);
    }
    // Joining while another transaction is open is told from what the first read showed.
    let blocker = place.database.client().await;
    super::run(&blocker, "BEGIN; CREATE TABLE elsewhere ()").await;
    place.run("CREATE TABLE t_4 (LIKE t); INSERT INTO t_4 VALUES (4, NULL); ALTER TABLE t ATTACH PARTITION t_4 DEFAULT").await;
    let full = place.read(&request).await;
    assert_eq!(place.read(&appended(&request, &full.checkpoint)).await.rows.num_rows(), 0);
}

#[tokio::test]
async fn names_of_every_sort_are_quoted() {
    let place = Place::quiet("relations_names").await;
    place
        .run(
            "CREATE SCHEMA \"Sch\"\"ema; DROP\"; \
             CREATE TABLE \"Sch\"\"ema; DROP\".\"select\"\"; --\" \
                (\"Order\" int PRIMARY KEY, \"user\" text, \"a b\"\"c'd\" text, \"ü%1$s\\\" int); \
             INSERT INTO \"Sch\"\"ema; DROP\".\"select\"\"; --\" VALUES (1, 'u', 'x', 7); \
             CREATE TABLE \"T\" (a int); CREATE TABLE t (b int)",
        )
        .await;
    let table = SourceTableName { schema: Some(name("Sch\"ema; DROP")), name: name("select\"; --") };
    let mut request = ordered("t", "user");
    request.table = table;
    let read = place.read(&request).await;
    assert_eq!(read.columns(), ["Order", "user", "a b\"c'd", "ü%1$s\\"]);
    assert_eq!((read.key.join(","), read.sorted()), ("Order".to_owned(), vec!["1|u|x|7".to_owned()]));
    let mut delta = since(&request, &read.checkpoint);
    place.run("INSERT INTO \"Sch\"\"ema; DROP\".\"select\"\"; --\" VALUES (2, 'a', NULL, NULL)").await;
    assert_eq!(place.read(&delta).await.sorted(), ["2|a|NULL|NULL"]);
    delta.columns = ColumnChoice::Only(vec![name("a b\"c'd"), name("Order")]);
    assert_eq!(place.read(&delta).await.columns(), ["a b\"c'd", "Order"]);
    // Names differ by case, and the search path finds what has no schema.
    assert_eq!(place.read(&whole("T")).await.columns(), ["a"]);
    assert_eq!(place.read(&whole("public.t")).await.columns(), ["b"]);
    assert_eq!(place.read(&whole("t")).await.columns(), ["b"]);
    assert!(place.try_read(&whole("select\"; --")).await.is_err(), "not on the search path");
}

#[tokio::test]
async fn a_table_without_rows_has_its_columns_and_one_without_columns_is_refused() {
    let place = Place::quiet("relations_empty").await;
    place
        .run(
            "CREATE TABLE none (id int, c text); CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES",
        )
        .await;
    let read = place.read(&ordered("none", "id")).await;
    assert_eq!(
        (read.columns().join(","), read.rows.num_rows(), &read.checkpoint.cursor),
        ("id,c".to_owned(), 0, &None)
    );
    place.run("INSERT INTO none VALUES (1, 'x')").await;
    assert_eq!(place.read(&since(&ordered("none", "id"), &read.checkpoint)).await.sorted(), ["1|x"]);
    let error = place.try_read(&whole("nothing")).await.expect_err("no columns");
    assert!(error.message.contains("nothing has no columns"), "{error}");
}

#[tokio::test]
async fn a_user_reads_what_it_may() {
    let place = Place::new("relations_rights").await;
    place
        .run(
            "CREATE ROLE relations_rights LOGIN PASSWORD 'x'; \
             CREATE TABLE t (id int PRIMARY KEY, open text, secret text, changed timestamptz); \
             INSERT INTO t VALUES (1, 'o', 's', '2024-01-01Z'); \
             GRANT SELECT (id, open, changed) ON t TO relations_rights; \
             CREATE TABLE shut (id int); \
             CREATE TABLE policed (id int, owner text); GRANT SELECT ON policed TO relations_rights; \
             INSERT INTO policed VALUES (1, 'relations_rights'), (2, 'other'); \
             ALTER TABLE policed ENABLE ROW LEVEL SECURITY; \
             CREATE POLICY own ON policed USING (owner = current_user); \
             CREATE SCHEMA walled; CREATE TABLE walled.t (id int); GRANT SELECT ON walled.t TO relations_rights",
        )
        .await;
    let source = super::source(&place.database.as_user("relations_rights", "x"));
    let snapshot = source.snapshot().await.expect("a snapshot");
    let request = ordered("t", "changed");
    let read = super::read(&*snapshot, &request).await.expect("the columns that may be read");
    assert_eq!((read.columns().join(","), read.sorted().len()), ("id,open,changed".to_owned(), 1));
    assert!(read.notes[0].contains("\"secret\""), "{:?}", read.notes);
    // The transaction of a row is not among them.
    let delta = super::read(&*snapshot, &since(&request, &read.checkpoint)).await.expect("a delta");
    assert!(delta.notes[0].contains("only some of its columns"), "{:?}", delta.notes);
    let mut asked = whole("t");
    asked.columns = ColumnChoice::Only(vec![name("secret")]);
    for (request, part) in [(asked, "secret"), (ordered("t", "secret"), "secret"), (whole("shut"), "shut")] {
        let error = super::read(&*snapshot, &request).await.expect_err("no right");
        assert_eq!(error.kind, SourceErrorKind::Denied, "{error}");
        assert!(error.message.contains(part), "{error}");
    }
    let error = super::read(&*snapshot, &whole("walled.t")).await.expect_err("no right on the schema");
    assert_eq!(error.kind, SourceErrorKind::Denied, "{error}");
    let policed = super::read(&*snapshot, &whole("policed")).await.expect("the rows that may be seen");
    assert_eq!(policed.sorted(), ["1|relations_rights"]);
    let discovered = source.discover().await.expect("tables");
    let names: Vec<String> = discovered.iter().map(|table| table.table.to_string()).collect();
    assert_eq!(names, ["public.policed", "public.t"]);
    let columns: Vec<&str> = discovered[1].columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["id", "open", "changed"]);
}
