//! The one who writes. SQLite has one writer at a time, and what makes a write slow is that the disk confirms it;
//! so changes that come at the same time share one transaction of SQLite and are confirmed together.
//!
//! Each change has a savepoint of its own: one that fails is undone alone. It may have seen what others of the
//! same transaction wrote, so no answer is given, not even a refusal, before all of it is on the disk; when the
//! disk does not take it, all of them are told so.
//!
//! A change that nobody waits for goes along with the next transaction. It has one of its own when none comes within
//! a moment, so that it costs no confirmation as long as others write.

use std::sync::{self, Arc, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use forebay_core::{Error, Result};
use tokio::sync::{Mutex, oneshot};

use super::readers::closed;
use super::{Connection, Failure, Location, Query, error, no_room};

/// How long a change that nobody waits for may wait for others.
const SOON: Duration = Duration::from_millis(250);

pub(crate) struct Writer {
    turn: Arc<Mutex<Turn>>,
    soon: Soon,
    /// Says that something is to be confirmed. Dropped, it ends the thread that confirms.
    due: mpsc::Sender<Due>,
}

/// Changes that nobody waits for. There are never more of them than come while one transaction is confirmed.
type Soon = Arc<sync::Mutex<Vec<Query>>>;

/// When something is to be confirmed.
enum Due {
    Now,
    Soon,
}

/// What only one may use at a time. Who comes first has it first.
struct Turn {
    location: Location,
    /// `None` once it is closed.
    connection: Option<Connection>,
    /// Those whose changes are made and not confirmed. Only then is a transaction open.
    waiting: Vec<oneshot::Sender<Confirmed>>,
    soon: Soon,
}

/// What became of a transaction.
#[derive(Clone, Debug)]
enum Confirmed {
    Yes,
    NoRoom,
    No(Arc<str>),
}

impl Writer {
    /// Writes through this connection; `location` is where another one is made should it break.
    pub(crate) fn new(connection: Connection, location: Location) -> Result<Self> {
        let soon = Soon::default();
        let turn =
            Turn { location, connection: Some(connection), waiting: Vec::new(), soon: Arc::clone(&soon) };
        let turn = Arc::new(Mutex::new(turn));
        let (due, dues) = mpsc::channel();
        let confirming = Arc::clone(&turn);
        thread::Builder::new()
            .name("metadata".to_owned())
            .spawn(move || confirm_all(&dues, &confirming))
            .map_err(Error::internal)?;
        Ok(Self { turn, soon, due })
    }

    /// Makes a change, all of it or, when it gives an error, nothing. It is on the disk when this returns.
    ///
    /// `work` runs where this is called, and holds up every other change: it is for statements that find their
    /// rows by an index. What takes long goes through [`Writer::transact_much`].
    pub(crate) async fn transact<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E>
    where
        E: From<Error>,
    {
        let (done, confirmed) = {
            let mut turn = self.turn.lock().await;
            turn.change(work, &self.due)?
        };
        confirm(done, confirmed).await
    }

    /// As [`Writer::transact`], on a thread where it holds nobody up but those who want to write.
    pub(crate) async fn transact_much<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        let due = self.due.clone();
        let changing = tokio::task::spawn_blocking(move || turn.change(work, &due));
        let (done, confirmed) = changing.await.map_err(Error::internal)??;
        confirm(done, confirmed).await
    }

    /// Makes a change with the next transaction and waits for nothing. When it fails, the log says so; a kill within
    /// a moment loses it.
    pub(crate) fn change_soon(&self, change: Query) {
        let is_first = {
            let mut soon = self.soon.lock().unwrap_or_else(PoisonError::into_inner);
            soon.push(change);
            soon.len() == 1
        };
        if is_first && self.due.send(Due::Soon).is_err() {
            tracing::error!("the thread that confirms the metadata is gone: a change is lost");
        }
    }

    /// Waits for what is under way, and closes the connection.
    pub(crate) async fn close(&self) {
        let mut turn = self.turn.lock().await;
        turn.commit();
        turn.connection = None;
    }
}

/// Gives the answer of a change when the transaction it was part of is confirmed.
async fn confirm<T, E: From<Error>>(
    done: std::result::Result<T, E>,
    confirmed: Option<oneshot::Receiver<Confirmed>>,
) -> std::result::Result<T, E> {
    let Some(confirmed) = confirmed else { return done };
    match confirmed.await {
        Ok(Confirmed::Yes) => done,
        Ok(Confirmed::NoRoom) => Err(no_room().into()),
        Ok(Confirmed::No(why)) => Err(Error::internal(why.to_string()).into()),
        Err(gone) => Err(Error::internal(gone).into()),
    }
}

/// Commits what waits, whenever something does. Those who came before this one's turn are in it.
fn confirm_all(dues: &mpsc::Receiver<Due>, turn: &Mutex<Turn>) {
    while let Ok(due) = dues.recv() {
        if let Due::Soon = due {
            let until = Instant::now() + SOON;
            while let Ok(Due::Soon) = dues.recv_timeout(until.saturating_duration_since(Instant::now())) {}
        }
        turn.blocking_lock().commit();
    }
    // The last handle is gone, and nobody waits for an answer any more.
    turn.blocking_lock().commit();
}

/// Opens a transaction.
fn begin(connection: &Connection) -> Result<()> {
    if !connection.is_autocommit() {
        // The author of a change has panicked.
        connection.execute_batch("rollback").map_err(error)?;
    }
    connection.prepare_cached("begin immediate").and_then(|mut begin| begin.raw_execute()).map_err(error)?;
    Ok(())
}

/// Undoes a change unless it is told to keep it, also when its author panics.
struct Savepoint<'a> {
    connection: &'a Connection,
    open: bool,
}

impl<'a> Savepoint<'a> {
    fn begin(connection: &'a Connection) -> std::result::Result<Self, Failure> {
        connection.prepare_cached("savepoint change")?.raw_execute()?;
        Ok(Self { connection, open: true })
    }

    fn keep(mut self) -> std::result::Result<(), Failure> {
        self.connection.prepare_cached("release change")?.raw_execute()?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        // After some errors SQLite has undone the whole transaction by itself.
        if self.open && !self.connection.is_autocommit() {
            let undone = self.connection.execute_batch("rollback to change; release change");
            if let Err(error) = undone {
                tracing::error!(%error, "a change of the metadata cannot be undone alone; all of its transaction is");
                drop(self.connection.execute_batch("rollback"));
            }
        }
    }
}

type Changed<T, E> = (std::result::Result<T, E>, Option<oneshot::Receiver<Confirmed>>);

impl Turn {
    /// Makes a change in the transaction that is open, or in a new one. The second part of the answer tells when
    /// that is confirmed; without one, nothing is to be confirmed.
    fn change<T, E: From<Error>>(
        &mut self,
        work: impl FnOnce(&Connection) -> std::result::Result<T, E>,
        due: &mpsc::Sender<Due>,
    ) -> std::result::Result<Changed<T, E>, E> {
        let first = self.waiting.is_empty();
        let connection = self.connection.as_ref().ok_or_else(closed)?;
        if first {
            begin(connection)?;
        }
        let savepoint = Savepoint::begin(connection).map_err(error)?;
        let mut done = work(connection);
        match &done {
            Ok(_) => {
                if let Err(failure) = savepoint.keep() {
                    done = Err(error(failure).into());
                }
            }
            Err(_) => drop(savepoint),
        }
        if connection.is_autocommit() {
            // The disk is full, or fails: SQLite has undone all of it.
            self.tell(&Confirmed::NoRoom);
            return Ok((done.and_then(|_| Err(no_room().into())), None));
        }
        if first && done.is_err() {
            // Nothing was changed, and nobody else's change was seen.
            self.roll_back();
            return Ok((done, None));
        }
        let (sender, confirmed) = oneshot::channel();
        self.waiting.push(sender);
        if first && due.send(Due::Now).is_err() {
            // The thread that confirms is gone: it must have panicked.
            self.commit();
        }
        Ok((done, Some(confirmed)))
    }

    /// Commits what waits, with what nobody waits for, and tells those who wait.
    fn commit(&mut self) {
        let soon = std::mem::take(&mut *self.soon.lock().unwrap_or_else(PoisonError::into_inner));
        if self.waiting.is_empty() && soon.is_empty() {
            return;
        }
        let Some(connection) = &self.connection else { return };
        let lost = soon.len();
        if let Err(error) = self.make(connection, soon) {
            tracing::error!(error = &error as &dyn std::error::Error, lost, "the metadata cannot be written");
            if connection.is_autocommit() {
                self.tell(&Confirmed::NoRoom);
                return;
            }
        }
        let committed = connection.prepare_cached("commit").and_then(|mut commit| commit.raw_execute());
        let confirmed = match committed.map_err(error) {
            Ok(_) => Confirmed::Yes,
            Err(refused) => {
                self.roll_back();
                match refused {
                    Error::InsufficientStorage { .. } => Confirmed::NoRoom,
                    other => {
                        tracing::error!(
                            error = &other as &dyn std::error::Error,
                            "the metadata cannot be written"
                        );
                        Confirmed::No("the metadata could not be written".into())
                    }
                }
            }
        };
        self.tell(&confirmed);
    }

    /// Makes the changes that nobody waits for, each for itself, in the transaction that is open or in a new one.
    ///
    /// # Errors
    /// There is none to make them in, or there is none any more: the disk is full, or fails.
    fn make(&self, connection: &Connection, changes: Vec<Query>) -> Result<()> {
        if self.waiting.is_empty() {
            begin(connection)?;
        }
        for change in changes {
            let made = Savepoint::begin(connection).and_then(|savepoint| {
                change.execute(connection)?;
                savepoint.keep()
            });
            match made.map_err(error) {
                Err(refused) if connection.is_autocommit() => return Err(refused),
                Err(refused) => {
                    let refused = &refused as &dyn std::error::Error;
                    tracing::error!(error = refused, "a change of the metadata was refused");
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn tell(&mut self, confirmed: &Confirmed) {
        for waiting in self.waiting.drain(..) {
            // Who went away meanwhile does not want to know.
            drop(waiting.send(confirmed.clone()));
        }
    }

    /// Ends a transaction of which nothing is kept. A connection that does not even take that is made anew.
    fn roll_back(&mut self) {
        let Some(connection) = &self.connection else { return };
        if connection.is_autocommit() || connection.execute_batch("rollback").is_ok() {
            return;
        }
        match self.location.connect() {
            Ok(connection) => self.connection = Some(connection),
            Err(failure) => tracing::error!(?failure, "the metadata database cannot be opened again"),
        }
    }
}
