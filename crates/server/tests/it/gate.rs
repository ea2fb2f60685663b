//! What makes an execution wait for the test, so that a test never waits for a while.

use tokio_postgres::Client;

use crate::source::Source;

/// A transformation that does not end by itself.
pub(crate) const ENDLESS: &str = "CREATE OR REPLACE TABLE endless AS \
     SELECT max(hash(a.range, b.range)) AS x FROM range(1000000) a, range(1000000) b";

/// A gate in a source: reads with [`Gate::FILTER`] wait while it is closed.
pub(crate) struct Gate {
    client: Client,
}

impl Gate {
    /// As the filter of a table: true, once the gate is open.
    pub(crate) const FILTER: &str = "pg_advisory_xact_lock_shared(42) IS NOT NULL";

    /// Closes the gate.
    pub(crate) async fn close(source: &Source) -> Self {
        let client = source.session().await;
        client.batch_execute("SELECT pg_advisory_lock(42)").await.unwrap();
        Self { client }
    }

    /// Lets every read go on.
    pub(crate) async fn open(self) {
        self.client.batch_execute("SELECT pg_advisory_unlock(42)").await.unwrap();
    }
}

/// Waits until the number of statements that wait at the gate is as wanted.
pub(crate) async fn waiting(source: &Source, wanted: impl Fn(u64) -> bool) {
    let sql = "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() \
               AND state = 'active' AND wait_event = 'advisory'";
    let begun = std::time::Instant::now();
    loop {
        let count = source.value(sql).await.parse().unwrap();
        if wanted(count) {
            return;
        }
        assert!(begun.elapsed().as_secs() < 30, "{count} statements wait at the gate");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
