//! TPC-H data in PostgreSQL: the eight tables at a tenth of the benchmark's unit, about 866,000
//! rows. Orders and their items have a change date besides.

use std::fmt::{Display, Write};
use std::io::Cursor;
use std::pin::pin;

use futures::SinkExt;
use serde_json::{Value, json};
use tokio_postgres::Client;
use tpchgen::csv::{
    CustomerCsv, LineItemCsv, NationCsv, OrderCsv, PartCsv, PartSuppCsv, RegionCsv, SupplierCsv,
};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

const SCALE: f64 = 0.1;

/// Each table, and its key as the rows are ordered by.
pub(crate) const TABLES: [(&str, &str); 8] = [
    ("region", "r_regionkey"),
    ("nation", "n_nationkey"),
    ("supplier", "s_suppkey"),
    ("customer", "c_custkey"),
    ("part", "p_partkey"),
    ("partsupp", "ps_partkey, ps_suppkey"),
    ("orders", "o_orderkey"),
    ("lineitem", "l_orderkey, l_linenumber"),
];

const SCHEMA: &str = "
CREATE SCHEMA tpch;
SET search_path = tpch;
CREATE TABLE region (r_regionkey bigint PRIMARY KEY, r_name char(25) NOT NULL, r_comment varchar(152));
CREATE TABLE nation (n_nationkey bigint PRIMARY KEY, n_name char(25) NOT NULL, n_regionkey bigint NOT NULL,
    n_comment varchar(152));
CREATE TABLE supplier (s_suppkey bigint PRIMARY KEY, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL,
    s_nationkey bigint NOT NULL, s_phone char(15) NOT NULL, s_acctbal numeric(15,2) NOT NULL,
    s_comment varchar(101) NOT NULL);
CREATE TABLE customer (c_custkey bigint PRIMARY KEY, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL,
    c_nationkey bigint NOT NULL, c_phone char(15) NOT NULL, c_acctbal numeric(15,2) NOT NULL,
    c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL);
CREATE TABLE part (p_partkey bigint PRIMARY KEY, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL,
    p_brand char(10) NOT NULL, p_type varchar(25) NOT NULL, p_size integer NOT NULL, p_container char(10) NOT NULL,
    p_retailprice numeric(15,2) NOT NULL, p_comment varchar(23) NOT NULL);
CREATE TABLE partsupp (ps_partkey bigint NOT NULL, ps_suppkey bigint NOT NULL, ps_availqty integer NOT NULL,
    ps_supplycost numeric(15,2) NOT NULL, ps_comment varchar(199) NOT NULL, PRIMARY KEY (ps_partkey, ps_suppkey));
CREATE TABLE orders (o_orderkey bigint PRIMARY KEY, o_custkey bigint NOT NULL, o_orderstatus char(1) NOT NULL,
    o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL,
    o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL, o_comment varchar(79) NOT NULL,
    updated_at timestamp NOT NULL);
CREATE TABLE lineitem (l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL,
    l_linenumber integer NOT NULL, l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL,
    l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL,
    l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,
    l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL,
    updated_at timestamp NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber));
";

/// The change date of an order's rows: in January 2026, later for a higher key.
struct ChangedAt(i64);

impl Display for ChangedAt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0;
        let (day, hour) = (seconds / 86_400 + 1, seconds / 3600 % 24);
        write!(formatter, "2026-01-{day:02} {hour:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60)
    }
}

/// Makes the tables in the schema `tpch` and fills them.
pub(crate) async fn create(client: &Client) {
    client.batch_execute(SCHEMA).await.unwrap();
    copy(client, "region", RegionGenerator::new(SCALE, 1, 1).iter().map(RegionCsv::new)).await;
    copy(client, "nation", NationGenerator::new(SCALE, 1, 1).iter().map(NationCsv::new)).await;
    copy(client, "supplier", SupplierGenerator::new(SCALE, 1, 1).iter().map(SupplierCsv::new)).await;
    copy(client, "customer", CustomerGenerator::new(SCALE, 1, 1).iter().map(CustomerCsv::new)).await;
    copy(client, "part", PartGenerator::new(SCALE, 1, 1).iter().map(PartCsv::new)).await;
    copy(client, "partsupp", PartSuppGenerator::new(SCALE, 1, 1).iter().map(PartSuppCsv::new)).await;
    let orders = OrderGenerator::new(SCALE, 1, 1);
    let orders = orders.iter().map(|row| {
        let changed_at = ChangedAt(row.o_orderkey);
        format!("{},{changed_at}", OrderCsv::new(row))
    });
    copy(client, "orders", orders).await;
    let items = LineItemGenerator::new(SCALE, 1, 1);
    let items = items.iter().map(|row| {
        let changed_at = ChangedAt(row.l_orderkey);
        format!("{},{changed_at}", LineItemCsv::new(row))
    });
    copy(client, "lineitem", items).await;
    client.batch_execute("ANALYZE").await.unwrap();
}

async fn copy(client: &Client, table: &str, rows: impl Iterator<Item = impl Display>) {
    let copy = format!("COPY tpch.{table} FROM STDIN (FORMAT csv)");
    let mut sink = pin!(client.copy_in::<_, Cursor<Vec<u8>>>(&copy).await.unwrap());
    let mut chunk = String::new();
    for row in rows {
        writeln!(chunk, "{row}").unwrap();
        if chunk.len() > 1 << 20 {
            sink.send(Cursor::new(std::mem::take(&mut chunk).into_bytes())).await.unwrap();
        }
    }
    sink.send(Cursor::new(chunk.into_bytes())).await.unwrap();
    sink.as_mut().finish().await.unwrap();
}

/// What changed at the source.
pub(crate) struct Changes {
    pub(crate) updated: u64,
    pub(crate) inserted: u64,
}

/// Changes some orders and adds new ones, with their items, all later than every row before.
/// Gives the numbers for `orders`.
pub(crate) async fn change(client: &Client) -> Changes {
    client
        .batch_execute(
            "BEGIN;
             UPDATE tpch.lineitem SET l_linestatus = 'F', l_shipdate = l_shipdate + 1,
                 updated_at = timestamp '2026-02-01' + l_orderkey * interval '1 second' WHERE l_orderkey % 100 = 1;
             INSERT INTO tpch.lineitem SELECT l_orderkey + 1000000, l_partkey, l_suppkey, l_linenumber, l_quantity,
                 l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus, l_shipdate, l_commitdate,
                 l_receiptdate, l_shipinstruct, l_shipmode, 'new', updated_at + interval '1 month'
                 FROM tpch.lineitem WHERE l_orderkey % 200 = 2;",
        )
        .await
        .unwrap();
    let update = "UPDATE tpch.orders SET o_orderstatus = 'F', o_totalprice = o_totalprice + 0.01, \
                  updated_at = timestamp '2026-02-01' + o_orderkey * interval '1 second' WHERE o_orderkey % 100 = 1";
    let updated = client.execute(update, &[]).await.unwrap();
    let insert = "INSERT INTO tpch.orders SELECT o_orderkey + 1000000, o_custkey, o_orderstatus, o_totalprice, \
                  o_orderdate, o_orderpriority, o_clerk, o_shippriority, 'new', updated_at + interval '1 month' \
                  FROM tpch.orders WHERE o_orderkey % 200 = 2";
    let inserted = client.execute(insert, &[]).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    Changes { updated, inserted }
}

/// The settings of an extraction of all tables.
pub(crate) fn extraction() -> Value {
    let table = |(name, _): &(&str, &str)| {
        let change_date = ["orders", "lineitem"].contains(name).then_some("updated_at");
        json!({"tableName": name, "schemaName": "tpch", "changeDateColumn": change_date})
    };
    TABLES.iter().map(table).collect()
}
