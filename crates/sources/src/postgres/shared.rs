//! What all work on one database shares, whichever jobs it belongs to: how many connections may read at a
//! time, and connections that wait to be used again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use forebay_core::connection::PostgresqlConfig;
use tokio::sync::{Semaphore, watch};

use super::session::Session;

/// How long a connection waits to be used again. A DELTA that comes every minute finds one.
const KEPT: Duration = Duration::from_secs(90);

/// What the users of one database share.
pub(super) struct Shared {
    config: PostgresqlConfig,
    connections: usize,
    /// One permit for each connection that reads.
    pub(super) reading: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    /// How many statements are being ended.
    pub(super) ending: watch::Sender<usize>,
}

struct Idle {
    session: Session,
    since: Instant,
}

static KNOWN: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());
/// Keeps those alive that have idle connections.
static HELD: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The one of a database, user and password: another password must be tried.
    pub(super) fn of(config: PostgresqlConfig, connections: usize) -> Arc<Self> {
        let mut known = lock(&KNOWN);
        known.retain(|shared| shared.strong_count() > 0);
        let same = |shared: &Arc<Self>| shared.config == config && shared.connections == connections;
        if let Some(shared) = known.iter().filter_map(Weak::upgrade).find(same) {
            return shared;
        }
        let shared = Arc::new(Self {
            config,
            connections,
            reading: Arc::new(Semaphore::new(connections.max(1))),
            idle: Mutex::default(),
            ending: watch::Sender::new(0),
        });
        known.push(Arc::downgrade(&shared));
        shared
    }

    pub(super) fn config(&self) -> &PostgresqlConfig {
        &self.config
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.max(1)
    }

    /// A connection that waited, if one is still there. The one that waited least is the first.
    pub(super) fn idle(&self) -> Option<Session> {
        let mut idle = lock(&self.idle);
        while let Some(mut last) = idle.pop() {
            if last.session.is_open() && last.since.elapsed() < KEPT {
                last.session.resting = false;
                return Some(last.session);
            }
        }
        None
    }

    /// Keeps a connection on which nothing is open for whoever needs one next.
    pub(super) fn keep(self: &Arc<Self>, session: Session) {
        lock(&self.idle).push(Idle { session, since: Instant::now() });
        let mut held = lock(&HELD);
        if !held.iter().any(|held| Arc::ptr_eq(held, self)) {
            held.push(Arc::clone(self));
        }
        let shared = Arc::downgrade(self);
        drop(held);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            if let Some(shared) = shared.upgrade() {
                shared.let_go();
            }
        });
    }

    /// Closes the connections that waited long enough.
    fn let_go(self: &Arc<Self>) {
        let mut idle = lock(&self.idle);
        let old = idle.extract_if(.., |idle| idle.since.elapsed() >= KEPT || !idle.session.is_open());
        let old: Vec<Idle> = old.collect();
        if idle.is_empty() {
            lock(&HELD).retain(|held| !Arc::ptr_eq(held, self));
        }
        drop(idle);
        drop(old);
    }
}
