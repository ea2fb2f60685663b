//! D3, D2, D1 and D1L: one table that changes between the runs; the same change for everybody.

use anyhow::Result;
use serde_json::json;

use super::{Bench, check, largest_mb, remove};
use crate::meter::Meter;
use crate::source::Source;
use crate::source::postgres::Postgres;

impl Bench {
    /// D3, D2 and D1 on as many orders as the scale has.
    pub(super) async fn delta(&mut self, postgres: &Postgres, cases: &[&'static str]) -> Result<()> {
        let table = "orders_d";
        postgres.need_delta(table, 1.0, false).await?;
        let rows = postgres.facts(table).await?.rows;
        let mut steps = Vec::new();
        for (case, changed, added) in [("D3", 0, 0), ("D2", rows / 10_000, 0), ("D1", rows / 100, rows / 100)]
        {
            if cases.contains(&case) {
                steps.push((case, changed, added));
            }
        }
        self.follow(postgres, table, "D0", &steps).await
    }

    /// D1L: the changes of D1 on ten times the orders. A kept table has the changes of earlier times, too: they are a
    /// few thousandths of it.
    pub(super) async fn delta_large(&mut self, postgres: &Postgres) -> Result<()> {
        let table = "orders_large";
        postgres.need_delta(table, 10.0, self.keep).await?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let change = (self.scale * 15_000.0) as u64;
        let ran = self.follow(postgres, table, "D0L", &[("D1L", change, change)]).await;
        if !self.keep {
            postgres.drop_table(table).await?;
        }
        ran
    }

    /// Loads the table, and then after each change of each step, `rounds` times a step.
    async fn follow(
        &mut self,
        postgres: &Postgres,
        table: &str,
        first: &'static str,
        steps: &[(&'static str, u64, u64)],
    ) -> Result<()> {
        let source = Source::Postgres(postgres);
        let server = self.server(table)?;
        let wanted =
            json!([{"tableName": table, "schemaName": source.schema(), "changeDateColumn": "updated_at"}]);
        let job = server.extraction("Delta", source, &wanted).await?;
        server.run(&job, "DELTA").await?;
        for peer in self.peers.of(first) {
            remove(&self.file(peer))?;
        }
        self.peers_run(first, 0, source, &[table]).await?;
        let mut change = 0;
        for (case, changed, added) in steps {
            for round in 0..self.rounds {
                if *changed > 0 {
                    change += 1;
                    postgres.change(table, change, *changed, *added).await?;
                }
                let meter = Meter::of_server(server.pid(), Some(source.pid()));
                let (ended, _) = server.run(&job, "DELTA").await?;
                let mut values = meter.end(ended);
                values.insert("file_mb", largest_mb(&server.data));
                let wrong = check(&server, &job, source, &[table]).await?;
                self.note(case, "forebay", round, values, wrong);
                self.peers_run(case, round, source, &[table]).await?;
            }
        }
        Ok(())
    }
}
