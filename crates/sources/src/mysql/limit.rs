//! How many connections read from one server at a time, over all jobs of this process.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use forebay_core::connection::MysqlConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limit of one data connection's settings.
pub(super) struct Limit {
    config: MysqlConfig,
    connections: usize,
    turns: Arc<Semaphore>,
}

static KNOWN: Mutex<Vec<Weak<Limit>>> = Mutex::new(Vec::new());

impl Limit {
    /// The one that all users of the same settings share.
    pub(super) fn of(config: &MysqlConfig, connections: usize) -> Arc<Self> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|limit| limit.strong_count() > 0);
        let same = |limit: &Arc<Self>| limit.config == *config && limit.connections == connections;
        if let Some(limit) = known.iter().filter_map(Weak::upgrade).find(same) {
            return limit;
        }
        let turns = Arc::new(Semaphore::new(connections));
        let limit = Arc::new(Self { config: config.clone(), connections, turns });
        known.push(Arc::downgrade(&limit));
        limit
    }

    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    /// Waits until one more connection may read; it may for as long as the permit is kept.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed, so there always is one.
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::connection::SslMode;
    use forebay_core::secret::Secret;
    use futures::FutureExt;

    use super::*;

    fn config(host: &str) -> MysqlConfig {
        MysqlConfig {
            host: host.to_owned(),
            port: 3306,
            database: "d".to_owned(),
            user: "u".to_owned(),
            password: Secret::default(),
            ssl_mode: SslMode::Disable,
        }
    }

    #[tokio::test]
    async fn jobs_share_the_connections_of_their_settings() {
        let one = Limit::of(&config("one"), 1);
        let first = one.turn().await;
        let again = Limit::of(&config("one"), 1);
        assert!(Arc::ptr_eq(&one, &again));
        assert!(Limit::of(&config("another"), 1).turn().await.is_some());
        let mut second = std::pin::pin!(again.turn());
        assert!(second.as_mut().now_or_never().is_none(), "there is one turn");
        drop(first);
        assert!(second.await.is_some());
    }
}
