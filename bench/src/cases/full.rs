//! F1, F2, F3 and F1L: whole tables into a new pool or file, in turn with the peers.

use anyhow::Result;

use super::{Bench, check, largest_mb, named};
use crate::meter::Meter;
use crate::source::Source;
use crate::source::postgres::Postgres;

impl Bench {
    /// F1 and F2.
    pub(super) async fn full_of_postgres(
        &mut self,
        case: &'static str,
        postgres: &Postgres,
        tables: &[&str],
    ) -> Result<()> {
        for table in tables {
            postgres.need(table, 1.0).await?;
        }
        self.full(case, Source::Postgres(postgres), tables, self.rounds).await
    }

    /// F1L: as F1 at five times the scale, once, for the memory.
    pub(super) async fn full_large(&mut self, postgres: &Postgres) -> Result<()> {
        let table = "lineitem_large";
        postgres.need(table, 5.0).await?;
        let ran = self.full("F1L", Source::Postgres(postgres), &[table], 1).await;
        if !self.keep {
            postgres.drop_table(table).await?;
        }
        ran
    }

    pub(super) async fn full(
        &mut self,
        case: &'static str,
        source: Source<'_>,
        tables: &[&str],
        rounds: u32,
    ) -> Result<()> {
        let server = self.server(case)?;
        let wanted = named(tables, source.schema());
        for round in 0..rounds {
            let job = server.extraction(&format!("{case} {round}"), source, &wanted).await?;
            let meter = Meter::of_server(server.pid(), Some(source.pid()));
            let (ended, _) = server.run(&job, "FULL").await?;
            let mut values = meter.end(ended);
            values.insert("file_mb", largest_mb(&server.data));
            let wrong = check(&server, &job, source, tables).await?;
            self.note(case, "forebay", round, values, wrong);
            server.forget(&job).await?;
            self.peers_run(case, round, source, tables).await?;
        }
        Ok(())
    }
}
