//! Those who read: connections that are handed out one at a time and come back. A reader never waits for the
//! writer.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use forebay_core::{Error, Result};

use super::{Connection, Location, error};

/// The most connections that are kept while nobody reads.
const KEPT: usize = 4;

/// Connections for reading. Cloning gives another handle on the same ones.
#[derive(Clone)]
pub(crate) struct Readers(Arc<Shared>);

struct Shared {
    location: Location,
    /// `None` once it is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

/// A connection to read from. It goes back when it is dropped.
pub(crate) struct Reader<'a> {
    connection: Option<Connection>,
    readers: &'a Readers,
}

impl Readers {
    pub(crate) fn new(location: Location) -> Self {
        Self(Arc::new(Shared { location, idle: Mutex::new(Some(Vec::new())) }))
    }

    /// A connection for some statements that read. They run where they are called: what is found by an index is
    /// there in less time than another thread takes to wake up.
    pub(crate) fn get(&self) -> Result<Reader<'_>> {
        let kept = {
            let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(idle) = idle.as_mut() else { return Err(closed()) };
            idle.pop()
        };
        let connection = match kept {
            Some(connection) => connection,
            None => self.0.location.connect().map_err(error)?,
        };
        Ok(Reader { connection: Some(connection), readers: self })
    }

    /// As [`Readers::get`], all statements as of one moment.
    pub(crate) fn snapshot(&self) -> Result<Reader<'_>> {
        let reader = self.get()?;
        reader.execute_batch("begin").map_err(error)?;
        Ok(reader)
    }

    /// Reads much, as of one moment, on a thread where that holds nobody up.
    pub(crate) async fn scan<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let readers = self.clone();
        let scanning = tokio::task::spawn_blocking(move || work(&*readers.snapshot()?));
        scanning.await.map_err(Error::internal)?
    }

    /// Closes what is not in use; the rest is closed when it comes back.
    pub(crate) fn close(&self) {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

pub(super) fn closed() -> Error {
    Error::Unavailable { what: "the metadata database is closed".to_owned() }
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is taken when the reader is dropped and not before")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if !connection.is_autocommit() && connection.execute_batch("rollback").is_err() {
            return;
        }
        let mut idle = self.readers.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(idle) = idle.as_mut()
            && idle.len() < KEPT
        {
            idle.push(connection);
        }
    }
}
