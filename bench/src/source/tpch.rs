//! TPC-H tables: their columns, and their rows as CSV in chunks.

use std::fmt::{Display, Write};

use tpchgen::csv::{CustomerCsv, LineItemCsv, OrderCsv};
use tpchgen::generators::{CustomerGenerator, LineItemGenerator, OrderGenerator};

/// Bytes of a chunk, about.
const CHUNK: usize = 1 << 20;

/// Tables are named after the TPC-H table whose rows they have, with more behind it: `orders_large`.
fn origin(table: &str) -> &str {
    table.split_once('_').map_or(table, |(origin, _)| origin)
}

/// The definitions of a table's columns.
pub(crate) fn columns(table: &str) -> &'static str {
    match origin(table) {
        "lineitem" => {
            "l_orderkey bigint NOT NULL, l_partkey integer NOT NULL, l_suppkey integer NOT NULL,
             l_linenumber integer NOT NULL, l_quantity decimal(15,2) NOT NULL, l_extendedprice decimal(15,2) NOT NULL,
             l_discount decimal(15,2) NOT NULL, l_tax decimal(15,2) NOT NULL, l_returnflag char(1) NOT NULL,
             l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL,
             l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
             l_comment varchar(44) NOT NULL"
        }
        "customer" => {
            "c_custkey integer NOT NULL, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL,
             c_nationkey integer NOT NULL, c_phone char(15) NOT NULL, c_acctbal decimal(15,2) NOT NULL,
             c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL"
        }
        _ => {
            "o_orderkey bigint NOT NULL, o_custkey integer NOT NULL, o_orderstatus char(1) NOT NULL,
             o_totalprice decimal(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL,
             o_clerk char(15) NOT NULL, o_shippriority integer NOT NULL, o_comment varchar(79) NOT NULL"
        }
    }
}

/// The primary key of a table.
pub(crate) fn key(table: &str) -> &'static str {
    match origin(table) {
        "lineitem" => "l_orderkey, l_linenumber",
        "customer" => "c_custkey",
        _ => "o_orderkey",
    }
}

/// The column whose sum is compared.
pub(crate) fn amount(table: &str) -> &'static str {
    match origin(table) {
        "lineitem" => "l_extendedprice",
        "customer" => "c_acctbal",
        _ => "o_totalprice",
    }
}

/// The rows of a table, as chunks of whole lines.
pub(crate) fn chunks(table: &str, scale: f64) -> Box<dyn Iterator<Item = String> + Send> {
    match origin(table) {
        "lineitem" => Box::new(Chunks(LineItemGenerator::new(scale, 1, 1).into_iter().map(LineItemCsv::new))),
        "customer" => Box::new(Chunks(CustomerGenerator::new(scale, 1, 1).into_iter().map(CustomerCsv::new))),
        _ => Box::new(Chunks(OrderGenerator::new(scale, 1, 1).into_iter().map(OrderCsv::new))),
    }
}

struct Chunks<I>(I);

impl<I: Iterator<Item: Display>> Iterator for Chunks<I> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut chunk = String::with_capacity(CHUNK + 1024);
        for row in &mut self.0 {
            writeln!(chunk, "{row}").expect("a text takes everything");
            if chunk.len() >= CHUNK {
                break;
            }
        }
        (!chunk.is_empty()).then_some(chunk)
    }
}
