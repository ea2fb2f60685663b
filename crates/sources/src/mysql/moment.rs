//! One moment for several connections, and how old a change may be that is not visible in it yet.

use forebay_core::source::SourceError;
use futures::future::{join_all, try_join_all};

use super::fault;
use super::link::Link;
use super::session::Session;

/// How long, in seconds, the brief lock may be waited for: those who write wait as long.
const LOCK_SECONDS: u32 = 3;

const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// A snapshot as it was opened.
pub(super) struct Opened {
    pub(super) sessions: Vec<Session>,
    pub(super) oldest: Option<Oldest>,
    /// What the user should know about how it was opened.
    pub(super) notes: Vec<String>,
}

/// The oldest change that may become visible after a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Oldest {
    /// When it may have begun, in UTC, to the second.
    pub(super) began: String,
    /// How long before the snapshot that was, at most; in seconds.
    pub(super) age: u64,
}

/// Transactions that may write, and statements that have no transaction yet, begun in UTC; a transaction's start is
/// in the zone of the server's machine, where an hour may come twice. A server that follows another one brings
/// changes of any age, so there it is not told. Nor is it without the right to see all of them (`PROCESS`).
const OLDEST: &str = "SELECT DATE_FORMAT(MIN(began) - INTERVAL 1 SECOND, '%Y-%m-%d %H:%i:%S') AS began, \
        (SELECT COUNT(*) FROM information_schema.PROCESSLIST \
            WHERE USER = 'system user' AND COMMAND <> 'Daemon') AS followers \
    FROM ( \
        SELECT IF(CONVERT_TZ(utc - INTERVAL 1 HOUR, '+00:00', 'SYSTEM') = trx_started, utc - INTERVAL 1 HOUR, utc) \
            AS began FROM ( \
            SELECT trx_started, CONVERT_TZ(trx_started, 'SYSTEM', '+00:00') AS utc \
            FROM information_schema.INNODB_TRX WHERE trx_is_read_only = 0) AS transactions \
        UNION ALL SELECT UTC_TIMESTAMP() - INTERVAL running.`TIME` SECOND \
            FROM information_schema.PROCESSLIST AS running \
            WHERE running.COMMAND IN ('Query', 'Execute') AND running.ID <> CONNECTION_ID() AND running.ID NOT IN ( \
                SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX WHERE trx_is_read_only = 1) \
        UNION ALL SELECT UTC_TIMESTAMP()) AS open_now";

/// Opens a snapshot that up to `connections` sessions share.
pub(super) async fn open(link: &Link, connections: usize) -> Result<Opened, SourceError> {
    let mut first = link.session().await?;
    let began = oldest(&mut first).await;
    let mut notes = Vec::new();
    let mut sessions = Vec::new();
    if connections > 1 {
        let more = join_all((1..connections).map(|_| link.session())).await;
        for session in more {
            match session {
                Ok(session) => sessions.push(session),
                Err(error) => tracing::debug!(%error, "a snapshot has fewer connections than it could"),
            }
        }
        if sessions.is_empty() {
            notes.push(
                "the server gave only one connection, so the tables are read one after the other".to_owned(),
            );
        }
    }
    if !sessions.is_empty() {
        match locked(&mut first).await? {
            None => {
                begin_all(&mut sessions).await?;
                first.run("opening a snapshot", BEGIN).await?;
                first.run("opening a snapshot", "UNLOCK TABLES").await?;
                sessions.push(first);
            }
            Some(note) => {
                notes.push(note);
                sessions.clear();
                begin_all(std::slice::from_mut(&mut first)).await?;
                sessions.push(first);
            }
        }
    } else {
        begin_all(std::slice::from_mut(&mut first)).await?;
        sessions.push(first);
    }
    let oldest = match (began, sessions.last_mut()) {
        (Some(began), Some(session)) => aged(session, began).await?,
        _ => None,
    };
    Ok(Opened { sessions, oldest, notes })
}

async fn begin_all(sessions: &mut [Session]) -> Result<(), SourceError> {
    try_join_all(sessions.iter_mut().map(|session| session.run("opening a snapshot", BEGIN))).await.map(drop)
}

/// Stops all commits for as long as the sessions need to begin; otherwise the note why it cannot be.
async fn locked(session: &mut Session) -> Result<Option<String>, SourceError> {
    const WAITED_TOO_LONG: u16 = 1205;
    const DENIED: [u16; 3] = [1044, 1045, 1227];
    let doing = "opening a snapshot";
    session.run(doing, &format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS}")).await?;
    let outcome = session.try_query("FLUSH TABLES WITH READ LOCK").await;
    let why = match outcome {
        Ok(_) => None,
        Err(failure) if failure.code() == Some(WAITED_TOO_LONG) => {
            Some(format!("a statement held a table for more than {LOCK_SECONDS} seconds"))
        }
        Err(failure) if failure.code().is_some_and(|code| DENIED.contains(&code)) => {
            Some("this user has no right to it (grant RELOAD)".to_owned())
        }
        Err(failure) => return Err(fault::query(doing, failure)),
    };
    session.run(doing, "SET SESSION lock_wait_timeout = 600").await?;
    Ok(why.map(|why| {
        format!(
            "the tables are read on one connection, one after the other, because several need a brief lock \
             (FLUSH TABLES WITH READ LOCK) to see the same moment: {why}"
        )
    }))
}

/// When the oldest change began that is not committed yet; looked at before the snapshot is taken, so that one that
/// ends in between counts.
async fn oldest(session: &mut Session) -> Option<String> {
    match session.query("looking for open transactions", OLDEST).await {
        Ok(answer) if answer.value(0, "followers") == Some("0") => answer.first().map(str::to_owned),
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(%error, "open transactions cannot be seen");
            None
        }
    }
}

async fn aged(session: &mut Session, began: String) -> Result<Option<Oldest>, SourceError> {
    let sql = format!("SELECT TIMESTAMPDIFF(SECOND, '{began}', UTC_TIMESTAMP()) + 1");
    let answer = session.query("opening a snapshot", &sql).await?;
    let age = answer.first().and_then(|age| age.parse().ok());
    Ok(age.map(|age| Oldest { began, age }))
}
