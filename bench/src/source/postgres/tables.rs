//! The tables of the PostgreSQL source, each made when a case first asks for it, and the changes of the DELTA cases.

use std::io::Cursor;
use std::pin::pin;

use anyhow::{Context, Result, ensure};
use futures::SinkExt;

use super::Postgres;
use crate::source::{Facts, tpch};

/// A table has this comment once it is whole.
const MADE: &str = "made by the benchmark";

impl Postgres {
    /// Makes the table with the rows of TPC-H at `times` the scale, unless it is there, and reads it once, so that no
    /// run is the first to.
    ///
    /// # Errors
    ///
    /// When PostgreSQL refuses.
    pub(crate) async fn need(&self, table: &str, times: f64) -> Result<()> {
        if !self.is_made(table).await? {
            self.fill(table, self.scale * times).await?;
            self.finish(table).await?;
        }
        self.facts(table).await?;
        Ok(())
    }

    async fn is_made(&self, table: &str) -> Result<bool> {
        let sql = "SELECT obj_description(to_regclass($1), 'pg_class') IS NOT DISTINCT FROM $2";
        Ok(self.client.query_one(sql, &[&table, &MADE]).await?.get(0))
    }

    /// Rows and primary key, in one transaction.
    async fn fill(&self, table: &str, scale: f64) -> Result<()> {
        eprintln!("making {table} at scale {scale} in PostgreSQL");
        let columns = tpch::columns(table);
        self.client
            .batch_execute(&format!("BEGIN; DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({columns})"))
            .await?;
        let copy = format!("COPY {table} FROM STDIN (FORMAT csv)");
        let mut sink = pin!(self.client.copy_in::<_, Cursor<Vec<u8>>>(&copy).await?);
        for chunk in tpch::chunks(table, scale) {
            sink.send(Cursor::new(chunk.into_bytes())).await?;
        }
        sink.as_mut().finish().await?;
        let key = tpch::key(table);
        self.client.batch_execute(&format!("ALTER TABLE {table} ADD PRIMARY KEY ({key}); COMMIT")).await?;
        Ok(())
    }

    async fn finish(&self, table: &str) -> Result<()> {
        let comment = format!("COMMENT ON TABLE {table} IS '{MADE}'");
        self.settle(&[&format!("VACUUM ANALYZE {table}"), &comment, "CHECKPOINT"]).await
    }

    /// Runs statements one by one: a vacuum must not share a transaction.
    async fn settle(&self, statements: &[&str]) -> Result<()> {
        for statement in statements {
            self.client.batch_execute(statement).await.with_context(|| (*statement).to_owned())?;
        }
        Ok(())
    }

    /// What a table holds now.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub(crate) async fn facts(&self, table: &str) -> Result<Facts> {
        let sql = format!("SELECT count(*), coalesce(sum({}), 0)::text FROM {table}", tpch::amount(table));
        let row = self.client.query_one(&sql, &[]).await?;
        Ok(Facts { rows: u64::try_from(row.get::<_, i64>(0))?, sum: row.get(1) })
    }

    /// Removes a table.
    ///
    /// # Errors
    ///
    /// When PostgreSQL refuses.
    pub(crate) async fn drop_table(&self, table: &str) -> Result<()> {
        self.settle(&[&format!("DROP TABLE IF EXISTS {table}"), "CHECKPOINT"]).await
    }

    /// Makes a table of orders with an indexed change date in 2024, at `times` the scale. One that is kept from
    /// before is taken with the changes it has seen when `kept` allows that; else it is made anew.
    ///
    /// # Errors
    ///
    /// When PostgreSQL refuses.
    pub(crate) async fn need_delta(&self, table: &str, times: f64, kept: bool) -> Result<()> {
        if kept && self.is_made(table).await? {
            self.settle(&[&format!("VACUUM ANALYZE {table}"), "CHECKPOINT"]).await?;
            self.facts(table).await?;
            return Ok(());
        }
        let rows = format!("{table}_rows");
        self.fill(&rows, self.scale * times).await?;
        let key = tpch::key(table);
        self.client
            .batch_execute(&format!(
                "BEGIN; DROP TABLE IF EXISTS {table};
                 CREATE TABLE {table} (LIKE {rows}, updated_at timestamptz NOT NULL);
                 INSERT INTO {table} SELECT *, timestamptz '2024-01-01' + o_orderkey * interval '0.1 s' FROM {rows};
                 ALTER TABLE {table} ADD PRIMARY KEY ({key});
                 CREATE INDEX ON {table} (updated_at);
                 DROP TABLE {rows};
                 COMMIT"
            ))
            .await?;
        self.finish(table).await?;
        self.facts(table).await?;
        Ok(())
    }

    /// Changes and adds so many orders, all later than every row before.
    ///
    /// # Errors
    ///
    /// When PostgreSQL refuses, or another number of rows changed.
    pub(crate) async fn change(&self, table: &str, step: u32, changed: u64, added: u64) -> Result<()> {
        let base = format!("SELECT (greatest('2027-01-01', max(updated_at)) + '1 day')::text FROM {table}");
        let base: String = self.client.query_one(&base, &[]).await?.get(0);
        let base = format!("timestamptz '{base}'");
        let update = format!(
            "UPDATE {table} d SET o_totalprice = o_totalprice + 1, o_comment = 'changed in step {step}',
                 updated_at = {base} + x.n * interval '1 microsecond'
             FROM (SELECT o_orderkey, row_number() OVER () AS n FROM
                   (SELECT o_orderkey FROM {table} ORDER BY hashint8(o_orderkey + {step}) LIMIT {changed}) q) x
             WHERE d.o_orderkey = x.o_orderkey"
        );
        let insert = format!(
            "INSERT INTO {table} SELECT (SELECT max(o_orderkey) FROM {table}) + row_number() OVER (), o_custkey,
                 o_orderstatus, o_totalprice, o_orderdate, o_orderpriority, o_clerk, o_shippriority,
                 'added in step {step}', {base} + interval '1 s' + row_number() OVER () * interval '1 microsecond'
             FROM (SELECT * FROM {table} ORDER BY o_orderkey LIMIT {added}) q"
        );
        let rows = self.client.execute(&update, &[]).await? + self.client.execute(&insert, &[]).await?;
        ensure!(rows == changed + added, "{rows} rows of {table} changed instead of {}", changed + added);
        self.settle(&[&format!("ANALYZE {table}"), "CHECKPOINT"]).await
    }

    /// Makes many small tables in the schema `many`: `t1` … with 100 rows each.
    ///
    /// # Errors
    ///
    /// When PostgreSQL refuses.
    pub(crate) async fn make_many(&self, count: usize) -> Result<()> {
        self.client.batch_execute("DROP SCHEMA IF EXISTS many CASCADE; CREATE SCHEMA many").await?;
        // Several transactions: one would need a lock for each table at once.
        for first in (1..=count).step_by(500) {
            let last = count.min(first + 499);
            self.client
                .batch_execute(&format!(
                    "DO $$ BEGIN FOR i IN {first}..{last} LOOP
                         EXECUTE format('CREATE TABLE many.t%s (id integer PRIMARY KEY, name varchar(40) NOT NULL,
                             amount decimal(15,2) NOT NULL, at timestamp NOT NULL)', i);
                         EXECUTE format('INSERT INTO many.t%s SELECT n, ''row '' || n, n + 0.25,
                             timestamp ''2026-01-01'' + n * interval ''1 s'' FROM generate_series(1, 100) n', i);
                     END LOOP; END $$"
                ))
                .await?;
        }
        self.settle(&["ANALYZE", "CHECKPOINT"]).await
    }
}
