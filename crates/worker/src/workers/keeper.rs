//! Watches one worker to its end: signs of life, idleness, orders, and the end itself. It waits for
//! every child, so that none is left as a zombie.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Fuse, FusedFuture};
use tokio::process::Child;
use tokio::time::MissedTickBehavior;
use tonic::{Response, Status};

use crate::child::Memory;
use crate::protocol::{EndRequest, HeartbeatReply, HeartbeatRequest};
use crate::workers::Shared;
use crate::workers::ending::{Death, End};
use crate::workers::stderr::LastWords;
use crate::workers::worker::{Order, Worker};

pub(super) struct Keeper {
    pub(super) worker: Arc<Worker>,
    pub(super) child: Child,
    pub(super) words: Option<LastWords>,
    /// Where the process is noted.
    pub(super) noted: PathBuf,
    pub(super) shared: Arc<Shared>,
}

type Heartbeat = Fuse<BoxFuture<'static, Result<Response<HeartbeatReply>, Status>>>;

/// What happened to a worker.
enum Event {
    Ended(Option<ExitStatus>),
    Ordered(Order),
    Silent,
    Idle,
}

impl Keeper {
    pub(super) async fn keep(mut self) {
        let event = self.watch().await;
        let end = match event {
            Event::Ended(status) => self.died(status).await,
            Event::Idle | Event::Ordered(Order::Keep | Order::End) => self.end_in_good_order().await,
            Event::Ordered(Order::Kill(why)) => self.kill(why).await,
            Event::Silent => {
                let silence = self.shared.patience.silence;
                self.kill(format!("the pool's worker had not answered for {silence:?}, so it was ended"))
                    .await
            }
        };
        let (pool, pid) = (self.worker.pool, self.worker.pid);
        match &end {
            End::Asked => tracing::info!(data_pool.id = %pool, worker.pid = pid, "worker ended"),
            End::Died(reason) | End::Interrupted(reason) => {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                tracing::error!(data_pool.id = %pool, worker.pid = pid, reason, "worker lost");
            }
        }
        // A note that stays names a process that is no worker any more.
        drop(std::fs::remove_file(&self.noted));
        self.worker.has_ended(end);
    }

    async fn watch(&mut self) -> Event {
        let patience = self.shared.patience;
        let period = patience.period();
        let mut orders = self.worker.orders();
        let mut ticks = tokio::time::interval(period);
        // Signs of life that are missing are counted, not timed: a server that was itself stopped for a
        // while counts one.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heartbeat: Heartbeat = Fuse::terminated();
        let mut unanswered = 0;
        loop {
            let order = async {
                orders.wait_for(|order| *order != Order::Keep).await.map_or(Order::End, |order| order.clone())
            };
            tokio::select! {
                biased;
                status = self.child.wait() => return Event::Ended(status.ok()),
                order = order => return Event::Ordered(order),
                answer = &mut heartbeat => {
                    // A connection that broke is found by the ticks when the process goes on without it.
                    if let Ok(answer) = answer {
                        let answer = answer.into_inner();
                        self.worker.told_memory(Memory { now: answer.memory_bytes, peak: answer.peak_bytes });
                        unanswered = 0;
                    }
                }
                _ = ticks.tick() => {
                    if self.worker.close_if_idle(patience.idle) {
                        return Event::Idle;
                    }
                    if period * unanswered >= patience.silence {
                        return Event::Silent;
                    }
                    unanswered += 1;
                    if heartbeat.is_terminated() {
                        let mut client = self.worker.client();
                        heartbeat = async move { client.heartbeat(HeartbeatRequest {}).await }.boxed().fuse();
                    }
                }
            }
        }
    }

    /// Asks the worker to close its file and to end; kills it when it does not.
    async fn end_in_good_order(&mut self) -> End {
        let mut client = self.worker.client();
        let mut orders = self.worker.orders();
        let ended = tokio::select! {
            ended = async {
                // An answer that does not come is one with a process that ends, or does not.
                drop(client.end(EndRequest {}).await);
                self.child.wait().await
            } => ended.is_ok(),
            _ = orders.wait_for(|order| matches!(order, Order::Kill(_))) => false,
            () = tokio::time::sleep(self.shared.patience.change.min(Duration::from_secs(10))) => false,
        };
        if !ended {
            tracing::warn!(data_pool.id = %self.worker.pool, worker.pid = self.worker.pid, "a worker does not end when it is asked to, and is killed");
            drop(self.child.kill().await);
        }
        End::Asked
    }

    async fn kill(&mut self, why: String) -> End {
        // SIGKILL, which a stopped process cannot hold off either, and the wait for the end. An error
        // says that it has ended already.
        drop(self.child.kill().await);
        End::Interrupted(why)
    }

    async fn died(&mut self, status: Option<ExitStatus>) -> End {
        let no_memory = match self.words.take() {
            Some(words) => words.no_memory().await,
            None => false,
        };
        let (memory, limit) = (self.worker.memory(), self.shared.launch.memory_bytes);
        let reason = Death { status, memory, limit, no_memory }.reason();
        // Whoever uses it keeps the right to until this end is told, so these are all who could have
        // caused it.
        match self.worker.used_by() {
            (1.., 1..) => End::Interrupted(format!("{reason}; a query ran in it at the same time")),
            _ => End::Died(reason),
        }
    }
}
