//! A source whose rows are known: every value follows from a row's key and the generation that wrote it, so what
//! the source holds after every change is known here without asking it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::oracle::Rows;
use crate::source::Source;

/// Mixed into the hash of every row.
const KEY: u64 = 2_654_435_761;
const STEP: u64 = 40_503;
const LIMIT: u64 = 1 << 32;
/// The texts are this many times as long, so that a table has some size.
const REPEATED: usize = 6;

/// A table `things` in PostgreSQL.
pub(crate) struct Generated {
    pub(crate) source: Source,
    /// The generation of each key.
    rows: BTreeMap<u64, u64>,
    generation: u64,
}

/// The change date of a generation, as the receipts tell it.
pub(crate) fn changed_at(generation: u64) -> String {
    let (minute, hour, day) = (generation % 60, generation / 60 % 24, 1 + generation / 1440);
    format!("2026-01-{day:02} {hour:02}:{minute:02}:00")
}

fn payload(id: u64, generation: u64) -> String {
    format!("{:08x}", (id * KEY + generation * STEP) % LIMIT).repeat(REPEATED)
}

/// The same in SQL.
fn payload_sql(id: &str, generation: u64) -> String {
    format!(
        "repeat(lpad(to_hex(({id}::bigint * {KEY} + {generation} * {STEP}) % {LIMIT}), 8, '0'), {REPEATED})"
    )
}

impl Generated {
    pub(crate) async fn new(rows: u64) -> Self {
        Self::on(Source::new().await, rows).await
    }

    /// In a database that is there.
    pub(crate) async fn on(source: Source, rows: u64) -> Self {
        source
            .execute(&format!(
                "CREATE TABLE things (id bigint PRIMARY KEY, generation integer NOT NULL, payload text NOT NULL,
                     changed_at timestamp NOT NULL);
                 INSERT INTO things SELECT n, 0, {}, '{}' FROM generate_series(1, {rows}) n;",
                payload_sql("n", 0),
                changed_at(0)
            ))
            .await;
        Self { source, rows: (1..=rows).map(|id| (id, 0)).collect(), generation: 0 }
    }

    /// The same database, reached anew.
    pub(crate) fn reach(&mut self, source: Source) {
        self.source = source;
    }

    /// The table in an extraction.
    pub(crate) fn table(&self) -> Value {
        json!({"tableName": "things", "changeDateColumn": "changed_at"})
    }

    /// The columns of a row as one text, in the SQL of either side.
    pub(crate) const LINE: &str = "concat_ws('|', id, generation, payload)";

    /// What the source holds now.
    pub(crate) fn expected(&self) -> Rows {
        let line =
            |(id, generation): (&u64, &u64)| (format!("{id}|{generation}|{}", payload(*id, *generation)), 1);
        self.rows.iter().map(line).collect()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// A name of what is there now, for findings.
    pub(crate) fn told(&self) -> String {
        format!("generation {}", self.generation)
    }

    /// Every row gets a new generation.
    pub(crate) async fn change_all(&mut self) {
        self.generation += 1;
        let (generation, date) = (self.generation, changed_at(self.generation));
        let payload = payload_sql("id", generation);
        self.source
            .execute(&format!(
                "UPDATE things SET generation = {generation}, payload = {payload}, changed_at = '{date}'"
            ))
            .await;
        for row in self.rows.values_mut() {
            *row = generation;
        }
    }

    /// Half of the rows get a new generation, and some are new.
    pub(crate) async fn change_some(&mut self) {
        self.generation += 1;
        let (generation, date) = (self.generation, changed_at(self.generation));
        let odd = generation % 2;
        let first = 1_000_000 + generation * 1000;
        let last = first + 199;
        let (payload, new) = (payload_sql("id", generation), payload_sql("n", generation));
        self.source
            .execute(&format!(
                "BEGIN;
                 UPDATE things SET generation = {generation}, payload = {payload}, changed_at = '{date}'
                     WHERE id % 2 = {odd};
                 INSERT INTO things SELECT n, {generation}, {new}, '{date}' FROM generate_series({first}, {last}) n;
                 COMMIT"
            ))
            .await;
        for (id, row) in &mut self.rows {
            if id % 2 == odd {
                *row = generation;
            }
        }
        self.rows.extend((first..=last).map(|id| (id, generation)));
    }
}
