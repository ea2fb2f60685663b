//! T1000: many tables of 100 rows in one extraction.

use anyhow::Result;
use serde_json::{Value, json};

use super::Bench;
use crate::meter::Meter;
use crate::source::Source;
use crate::source::postgres::Postgres;

impl Bench {
    pub(super) async fn many(&mut self, postgres: &Postgres) -> Result<()> {
        let count: u32 = if self.is_small() { 20 } else { 1000 };
        postgres.make_many(count as usize).await?;
        let source = Source::Postgres(postgres);
        let server = self.server("many")?;
        let names = (1..=count).map(|number| format!("t{number}"));
        let wanted: Value = names.map(|name| json!({"tableName": name, "schemaName": "many"})).collect();
        for round in 0..self.rounds {
            let job = server.extraction(&format!("Many {round}"), source, &wanted).await?;
            let meter = Meter::of_server(server.pid(), Some(source.pid()));
            let (ended, state) = server.run(&job, "FULL").await?;
            let mut values = meter.end(ended);
            values.insert("table_ms", values["wall_s"] * 1000.0 / f64::from(count));
            let steps = state["tasks"][0]["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
            let whole = steps.iter().filter(|step| step["receipt"]["rowsAfter"] == 100).count();
            let mut wrong = Vec::new();
            if whole != count as usize {
                wrong.push(format!("{whole} of {count} tables have 100 rows"));
            }
            self.note("T1000", "forebay", round, values, wrong);
            server.forget(&job).await?;
        }
        Ok(())
    }
}
