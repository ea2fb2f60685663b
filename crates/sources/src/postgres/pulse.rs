//! Finds out whether a connection on which nothing comes is still there.
//!
//! TCP's own probes see a machine that is gone. They do not see a proxy or a firewall in between that takes
//! everything and hands nothing on. So after a while of silence the server is asked, over a second
//! connection, what the first one does. One that works is waited for, however long it takes. One that has
//! nothing to do, that is gone, or that waits for us to take what it sends while we wait for it is broken,
//! and so is one whose server does not answer; two looks in a row must say so.

use std::pin::pin;
use std::time::Duration;

use forebay_core::source::{SourceError, SourceErrorKind};
use futures::FutureExt;
use tokio::time::timeout;
use tokio_postgres::SimpleQueryMessage;

use super::link::Link;
use super::session::Session;

/// How long the second connection may take for its question.
const PATIENCE: Duration = Duration::from_secs(10);

/// When a silent connection is looked at. In all a broken one is found within two minutes: the first look
/// comes a minute after the last byte at most, and a look at a server that does not answer takes 20 seconds.
#[derive(Clone, Copy)]
struct Rhythm {
    first: Duration,
    after_doubt: Duration,
    at_work: Duration,
}

const RHYTHM: Rhythm = Rhythm {
    first: Duration::from_secs(20),
    after_doubt: Duration::from_secs(10),
    at_work: Duration::from_secs(45),
};

/// What a look says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    AtWork,
    /// The server answers and does not say.
    Unknown,
    Broken(String),
}

/// A connection to look after.
pub(super) struct Pulse {
    link: Link,
    backend: Backend,
}

/// The process at the server that serves a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backend {
    pub(super) process: String,
    /// When the server started: two servers may share an address.
    pub(super) server: String,
}

impl Pulse {
    pub(super) fn of(link: &Link, session: &Session) -> Self {
        Self { link: link.clone(), backend: session.backend().clone() }
    }

    /// Waits for work on the connection as long as the server is at it; `doing` completes "broke while …".
    pub(super) async fn watch<T>(
        &self,
        doing: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, SourceError> {
        watch(RHYTHM, doing, work, || self.look()).await
    }

    async fn look(&self) -> Seen {
        let mut session = match self.link.session().await {
            Ok(session) => session,
            // A server that says no is there.
            Err(error) if answered(&error) => return Seen::Unknown,
            Err(error) => return Seen::Broken(error.message),
        };
        let asked = format!(
            "SELECT pg_catalog.pg_postmaster_start_time(), \
             CASE WHEN state = 'active' AND wait_event IS DISTINCT FROM 'ClientWrite' THEN 'at work' \
                  WHEN state = 'active' OR state LIKE 'idle%' OR pid IS NULL THEN 'silent' END \
             FROM (SELECT 1) AS always LEFT JOIN pg_catalog.pg_stat_activity ON pid = {}",
            self.backend.process
        );
        let Ok(Ok(said)) = timeout(PATIENCE, session.client().simple_query(&asked)).await else {
            return Seen::Broken("the server does not answer".to_owned());
        };
        session.rest();
        let row = said.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0)?, row.get(1))),
            _ => None,
        });
        match row {
            Some((server, Some("at work"))) if server == self.backend.server => Seen::AtWork,
            Some((server, Some("silent"))) if server == self.backend.server => {
                Seen::Broken("the server has sent everything, and nothing arrives".to_owned())
            }
            _ => Seen::Unknown,
        }
    }
}

/// Whether the server itself gave the error.
fn answered(error: &SourceError) -> bool {
    let cause = error.source.as_ref().and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    cause.is_some_and(|cause| cause.as_db_error().is_some())
}

async fn watch<T, Look: Future<Output = Seen>>(
    rhythm: Rhythm,
    doing: &str,
    work: impl Future<Output = T>,
    look: impl Fn() -> Look,
) -> Result<T, SourceError> {
    let mut work = pin!(work);
    // Mostly it is there already, and then no timer is set.
    if let Some(done) = work.as_mut().now_or_never() {
        return Ok(done);
    }
    let mut silence = rhythm.first;
    let mut doubted = false;
    loop {
        if let Ok(done) = timeout(silence, work.as_mut()).await {
            return Ok(done);
        }
        let seen = tokio::select! {
            done = work.as_mut() => return Ok(done),
            seen = look() => seen,
        };
        (silence, doubted) = match seen {
            Seen::AtWork | Seen::Unknown => (rhythm.at_work, false),
            Seen::Broken(why) if doubted => {
                let text = format!("The connection to PostgreSQL broke while {doing} ({why})");
                return Err(SourceError::new(SourceErrorKind::Unreachable, text));
            }
            Seen::Broken(_) => (rhythm.after_doubt, true),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const QUICK: Rhythm = Rhythm {
        first: Duration::from_millis(2),
        after_doubt: Duration::from_millis(1),
        at_work: Duration::from_millis(1),
    };

    fn broken() -> Seen {
        Seen::Broken("no answer".to_owned())
    }

    /// Looks that say these things, and then end the work.
    async fn watched(looks: Vec<Seen>) -> Result<u8, SourceError> {
        let (end, ended) = tokio::sync::oneshot::channel();
        let (looks, end) = (Mutex::new(looks.into_iter()), Mutex::new(Some(end)));
        let look = || async {
            let next = looks.lock().unwrap().next();
            match next {
                Some(seen) => seen,
                None => {
                    drop(end.lock().unwrap().take());
                    std::future::pending().await
                }
            }
        };
        watch(QUICK, "reading table t", async { ended.await.map_or(7, |()| 8) }, look).await
    }

    #[tokio::test]
    async fn what_is_at_work_is_waited_for() {
        let looks = vec![Seen::AtWork, Seen::Unknown, broken(), Seen::AtWork, broken(), Seen::AtWork];
        assert_eq!(watched(looks).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn two_looks_that_find_nothing_end_it() {
        let error = watched(vec![Seen::AtWork, broken(), broken()]).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Unreachable);
        assert!(error.message.contains("broke while reading table t (no answer)"), "{error}");
    }
}
