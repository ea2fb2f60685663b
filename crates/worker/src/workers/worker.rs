//! One worker as the server sees it: who uses it, what it is told to do, and its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use forebay_core::id::DataPoolId;
use forebay_core::plane::WorkerStatus;
use tokio::sync::watch;
use tonic::transport::Channel;

use crate::child::Memory;
use crate::protocol::worker_client::WorkerClient;
use crate::workers::ending::End;

/// What a worker is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Run,
    /// Anything that is no execution: a query, a list of tables, a look at a source.
    Question,
}

/// What the keeper of a worker is to do. An order is never taken back, only made stricter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Keep,
    /// End it in good order.
    End,
    /// Kill it; why, as a sentence for the user.
    Kill(String),
}

pub(super) struct Worker {
    pub(super) pool: DataPoolId,
    pub(super) pid: u32,
    client: WorkerClient<Channel>,
    users: Mutex<Users>,
    orders: watch::Sender<Order>,
    end: watch::Sender<Option<End>>,
}

#[derive(Debug)]
struct Users {
    runs: usize,
    questions: usize,
    idle_since: Instant,
    /// Nobody may begin to use it: it ends, or has ended.
    closed: bool,
    memory: Memory,
}

/// The right to use a worker: it is not ended as idle meanwhile.
pub(super) struct Lease {
    worker: Arc<Worker>,
    purpose: Purpose,
}

impl Worker {
    pub(super) fn new(pool: DataPoolId, pid: u32, client: WorkerClient<Channel>) -> Self {
        let users = Users {
            runs: 0,
            questions: 0,
            idle_since: Instant::now(),
            closed: false,
            memory: Memory::default(),
        };
        Self {
            pool,
            pid,
            client,
            users: Mutex::new(users),
            orders: watch::channel(Order::Keep).0,
            end: watch::channel(None).0,
        }
    }

    /// `None` when it ends or has ended.
    pub(super) fn lease(self: &Arc<Self>, purpose: Purpose) -> Option<Lease> {
        let mut users = self.users();
        if users.closed {
            return None;
        }
        *users.of(purpose) += 1;
        drop(users);
        Some(Lease { worker: Arc::clone(self), purpose })
    }

    pub(super) fn client(&self) -> WorkerClient<Channel> {
        self.client.clone()
    }

    /// Asks for its end in good order.
    pub(super) fn end(&self) {
        self.users().closed = true;
        self.order(Order::End);
    }

    /// Asks for its death. The first reason stands.
    pub(super) fn kill(&self, why: impl Into<String>) {
        self.users().closed = true;
        self.order(Order::Kill(why.into()));
    }

    fn order(&self, new: Order) {
        self.orders.send_if_modified(|order| {
            let stricter = match (&*order, &new) {
                (Order::Keep, Order::End | Order::Kill(_)) | (Order::End, Order::Kill(_)) => true,
                (_, Order::Keep)
                | (Order::End | Order::Kill(_), Order::End)
                | (Order::Kill(_), Order::Kill(_)) => false,
            };
            if stricter {
                *order = new.clone();
            }
            stricter
        });
    }

    pub(super) fn orders(&self) -> watch::Receiver<Order> {
        self.orders.subscribe()
    }

    /// Closes it when nobody used it for that long; from then on nobody can.
    pub(super) fn close_if_idle(&self, patience: Duration) -> bool {
        let mut users = self.users();
        let idle = users.runs + users.questions == 0 && users.idle_since.elapsed() >= patience;
        users.closed |= idle;
        idle
    }

    /// How many use it: executions, and others.
    pub(super) fn used_by(&self) -> (usize, usize) {
        let users = self.users();
        (users.runs, users.questions)
    }

    pub(super) fn told_memory(&self, memory: Memory) {
        self.users().memory = memory;
    }

    pub(super) fn memory(&self) -> Memory {
        self.users().memory
    }

    /// Says that the process is no more.
    pub(super) fn has_ended(&self, end: End) {
        self.users().closed = true;
        self.end.send_replace(Some(end));
    }

    /// Resolves once the process is no more.
    pub(super) async fn ended(&self) -> End {
        let mut told = self.end.subscribe();
        loop {
            if let Some(end) = told.borrow_and_update().clone() {
                return end;
            }
            // It cannot fail: this worker holds the sender.
            drop(told.changed().await);
        }
    }

    /// `None` once it has ended.
    pub(super) fn status(&self) -> Option<WorkerStatus> {
        if self.end.borrow().is_some() {
            return None;
        }
        let users = self.users();
        Some(WorkerStatus {
            pool: self.pool,
            pid: self.pid,
            memory_bytes: users.memory.now,
            peak_bytes: users.memory.peak,
            running: users.runs,
        })
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Users {
    fn of(&mut self, purpose: Purpose) -> &mut usize {
        match purpose {
            Purpose::Run => &mut self.runs,
            Purpose::Question => &mut self.questions,
        }
    }
}

impl std::ops::Deref for Lease {
    type Target = Worker;

    fn deref(&self) -> &Worker {
        &self.worker
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut users = self.worker.users();
        *users.of(self.purpose) -= 1;
        users.idle_since = Instant::now();
    }
}
