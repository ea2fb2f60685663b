//! Blocking work on one connection, off the async threads, with an end: the statement that runs is
//! interrupted when the stop is asked for, and when whoever waits for it goes away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use duckdb::{Connection, InterruptHandle};
use forebay_core::stop::Stop;
use forebay_core::warehouse::WarehouseError;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::{canceled, internal, stops_engine};
use crate::instance::{Instance, Lease};

/// How long an interrupt is given before it is sent again: between two statements it goes nowhere.
const AGAIN: Duration = Duration::from_millis(20);

/// One connection and what is open on it. Dropping it rolls back.
pub(crate) struct Session {
    /// `None` while work runs, and after work that panicked or whose waiter went away.
    lease: Option<Lease>,
}

/// Seen by blocking work between its statements, and the only way to interrupt one. A commit is
/// never interrupted: the engine may say "interrupted" of one that it made.
#[derive(Clone, Default)]
pub(crate) struct Halt(Arc<Mutex<Asked>>);

#[derive(Default)]
struct Asked {
    stop: bool,
    /// While this is set, no interrupt is sent.
    shielded: bool,
}

impl Halt {
    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// `Canceled` once the stop was asked for.
    pub(crate) fn check(&self) -> Result<(), WarehouseError> {
        if self.lock().stop { Err(canceled()) } else { Ok(()) }
    }

    /// Asks for the stop, and interrupts what runs.
    fn ask(&self, interrupt: &InterruptHandle) {
        let mut asked = self.lock();
        asked.stop = true;
        if !asked.shielded {
            interrupt.interrupt();
        }
    }

    /// Does what must not be interrupted, unless the stop was asked for before.
    ///
    /// # Errors
    /// `Canceled` when the stop came first; the work was not begun then.
    pub(crate) fn unless_asked<T>(
        &self,
        work: impl FnOnce() -> Result<T, WarehouseError>,
    ) -> Result<T, WarehouseError> {
        {
            let mut asked = self.lock();
            if asked.stop {
                return Err(canceled());
            }
            asked.shielded = true;
        }
        let done = work();
        self.lock().shielded = false;
        done
    }

    /// Does what must be done whether the stop was asked for or not.
    pub(crate) fn in_any_case<T>(&self, work: impl FnOnce() -> T) -> T {
        self.lock().shielded = true;
        let done = work();
        self.lock().shielded = false;
        done
    }
}

impl Session {
    pub(crate) fn new(lease: Lease) -> Self {
        Self { lease: Some(lease) }
    }

    /// The engine that this is a connection of.
    ///
    /// # Errors
    /// `Internal` when earlier work did not end as it should.
    pub(crate) fn instance(&self) -> Result<Arc<Instance>, WarehouseError> {
        let lease = self.lease.as_ref().ok_or_else(|| internal("the work on the warehouse has ended"))?;
        Ok(Arc::clone(&lease.instance))
    }

    /// Runs work and waits for its end, also after a stop: its transaction is over, or as the work
    /// left it, when this returns.
    ///
    /// # Errors
    /// The work's, and `Internal` when earlier work did not end as it should.
    pub(crate) async fn run<T, F>(&mut self, stop: &Stop, work: F) -> Result<T, WarehouseError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Halt) -> Result<T, WarehouseError> + Send + 'static,
    {
        let lease = self.lease.take().ok_or_else(|| internal("the work on the warehouse has ended"))?;
        let halt = Halt::default();
        // Asked for before: short work would be done before it is seen from outside.
        halt.lock().stop = stop.is_requested();
        let seen = halt.clone();
        let interrupt = lease.connection.interrupt_handle();
        let task = tokio::task::spawn_blocking(move || {
            let done = seen.check().and_then(|()| work(&lease.connection, &seen));
            if let Err(error) = &done
                && stops_engine(error)
            {
                tracing::error!(error = error as &dyn std::error::Error, "the engine of a pool has stopped");
                lease.instance.stop();
            }
            let done = done.map_err(|error| lease.instance.explain(error));
            (done, lease)
        });
        let mut running = Running { task: Some(task), halt, interrupt };
        let (done, lease) = running.end(stop).await?;
        self.lease = Some(lease);
        done
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        // Rolling back may take a moment, and frees what was staged.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(lease))),
            Err(_) => drop(lease),
        }
    }
}

type Task<T> = JoinHandle<(Result<T, WarehouseError>, Lease)>;

/// Work that runs; ended when this is dropped.
struct Running<T: Send + 'static> {
    task: Option<Task<T>>,
    halt: Halt,
    interrupt: Arc<InterruptHandle>,
}

impl<T: Send + 'static> Running<T> {
    async fn end(&mut self, stop: &Stop) -> Result<(Result<T, WarehouseError>, Lease), WarehouseError> {
        let task = self.task.as_mut().ok_or_else(|| internal("work is waited for once"))?;
        let joined = tokio::select! {
            joined = &mut *task => joined,
            () = stop.requested() => {
                interrupted(task, &self.halt, &self.interrupt).await
            }
        };
        self.task = None;
        joined.map_err(|error| internal("work in the warehouse ended in a panic").caused_by(error))
    }
}

/// Interrupts until the work has ended.
async fn interrupted<T>(
    task: &mut Task<T>,
    halt: &Halt,
    interrupt: &InterruptHandle,
) -> Result<(Result<T, WarehouseError>, Lease), tokio::task::JoinError> {
    loop {
        halt.ask(interrupt);
        tokio::select! {
            joined = &mut *task => return joined,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

impl<T: Send + 'static> Drop for Running<T> {
    fn drop(&mut self) {
        let Some(mut task) = self.task.take() else { return };
        let (halt, interrupt) = (self.halt.clone(), Arc::clone(&self.interrupt));
        halt.ask(&interrupt);
        if let Ok(runtime) = Handle::try_current() {
            // The connection is closed, and what is open on it rolled back, by the work's own thread.
            drop(runtime.spawn(async move { drop(interrupted(&mut task, &halt, &interrupt).await) }));
        }
    }
}
