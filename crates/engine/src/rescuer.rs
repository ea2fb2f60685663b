//! Keeps the claims of what runs, and takes back those that nobody keeps: a server that went away, or one that no
//! longer comes to renew them. What is taken back is queued again; what the old run still says is not taken.

use std::time::Duration;

use forebay_core::Timestamp;
use forebay_core::error::Result;
use forebay_core::event::Loss;
use forebay_core::execution::{LogLevel, Status};
use forebay_store::{Held, Requeue};

use crate::Engine;
use crate::dispatch::log;
use crate::live::Standing;

/// How long a claim holds without a sign of life, in milliseconds.
const LEASE_MILLIS: i64 = 30_000;
/// How often claims are renewed.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// How often an execution may be interrupted.
const MOST_INTERRUPTIONS: u32 = 10;
/// How long an execution pauses after it has ended its worker, in milliseconds.
const AFTER_DEATH_MILLIS: i64 = 10_000;
/// The longest pause after an interruption, in milliseconds. There is none after the first.
const LONGEST_PAUSE_MILLIS: i64 = 15_000;

/// What becomes of an execution that has lost what ran it.
#[derive(Debug)]
pub(crate) enum Aftermath {
    Requeue(Requeue),
    Fail(String),
}

/// Until when a claim holds that is made or renewed now.
pub(crate) fn lease_from(now: Timestamp) -> Timestamp {
    later(now, LEASE_MILLIS)
}

impl Aftermath {
    /// An interruption is nobody's fault and burns no attempt, but it does not go on for ever. A death burns one,
    /// and there are two.
    pub(crate) fn of(held: &forebay_core::execution::Execution, loss: &Loss, now: Timestamp) -> Self {
        let (attempt, interruptions) = (held.attempt, held.interruptions);
        match loss {
            Loss::Interrupted { reason } if interruptions >= MOST_INTERRUPTIONS => Self::Fail(format!(
                "this execution was interrupted {} times, the last time because {reason}; every table is as it \
                 was before or completely loaded, and starting the job again goes on from there",
                interruptions + 1
            )),
            Loss::Interrupted { reason } => Self::Requeue(Requeue {
                because: format!(
                    "{reason}; the execution is queued again and goes on with what was interrupted"
                ),
                attempt,
                interruptions: interruptions + 1,
                not_before: pause(interruptions).map(|millis| later(now, millis)),
                at: now,
            }),
            Loss::Died { reason } if attempt > 1 => {
                Self::Fail(format!("this execution ended its worker twice: {reason}"))
            }
            Loss::Died { reason } => Self::Requeue(Requeue {
                because: format!(
                    "{reason}; the execution is tried once more, with no other execution of its pool beside it"
                ),
                attempt: attempt + 1,
                interruptions,
                not_before: Some(later(now, AFTER_DEATH_MILLIS)),
                at: now,
            }),
        }
    }
}

/// In milliseconds; `None` after the first interruption.
fn pause(interruptions_before: u32) -> Option<i64> {
    let doublings = interruptions_before.checked_sub(1)?;
    Some(1_000_i64.saturating_mul(1_i64.checked_shl(doublings).unwrap_or(i64::MAX)).min(LONGEST_PAUSE_MILLIS))
}

fn later(now: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(millis))
}

impl Engine {
    /// Takes back whatever a server before this one ran. The lock on the data folder proves that it is gone.
    pub(crate) async fn take_back_all(&self) -> Result<()> {
        for held in self.store().held_claims().await? {
            if !self.0.live.has(held.execution.id) {
                self.take_back(&held, "the server ended while this execution ran").await?;
            }
        }
        Ok(())
    }

    /// Renews the claims of what runs here, and takes back what nobody renews, again and again.
    pub(crate) async fn keep_leases(&self) {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if let Err(error) = self.look_at_leases().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the claims of executions cannot be renewed; it is tried again"
                );
            }
        }
    }

    pub(crate) async fn look_at_leases(&self) -> Result<()> {
        let claimed = self.0.live.claimed();
        if !claimed.is_empty() {
            let numbers: Vec<u64> = claimed.iter().map(|(claim, _)| claim.number).collect();
            let held = self.store().renew_leases(&numbers, lease_from(self.now())).await?;
            for (claim, entry) in claimed.iter().filter(|(claim, _)| !held.contains(&claim.number)) {
                // One that has ended meanwhile has lost nothing; one that is ending is waited for.
                let Standing::Running { .. } = *entry.standing().await else { continue };
                tracing::warn!(
                    execution.id = %entry.id(), claim = claim.number,
                    "an execution was taken away from its run, which is stopped"
                );
                entry.stop();
            }
        }
        let mut lapsed = self.store().lapsed_claims(self.now()).await?;
        // What was claimed since the renewal, by a claim that was long on its way to the disk, is renewed next time.
        lapsed.retain(|held| !self.0.live.has(held.execution.id));
        for held in &lapsed {
            self.take_back(held, "the server that ran this execution gave no sign of life for 30 seconds")
                .await?;
        }
        if !lapsed.is_empty() {
            self.store().count_lost_leases(lapsed.len() as u64).await?;
            self.0.wake.notify_one();
        }
        Ok(())
    }

    /// A cancel that comes in between ends it first, and that stands.
    async fn take_back(&self, held: &Held, reason: &str) -> Result<()> {
        let (id, claim, now) = (held.execution.id, held.claim, self.now());
        if let Some(name) = &held.execution.canceled_by {
            let message = format!("canceled by {name}");
            self.store().finish_claimed(id, claim, &[], Status::Cancel, Some(&message), now).await?;
        } else {
            let loss = Loss::Interrupted { reason: reason.to_owned() };
            match Aftermath::of(&held.execution, &loss, now) {
                Aftermath::Requeue(requeue) => {
                    self.store().requeue_execution(id, claim, &[], &requeue).await?;
                }
                Aftermath::Fail(message) => {
                    let line = log(LogLevel::Error, "EXECUTION_INTERRUPTED", &message);
                    let last = [(now, line)];
                    self.store().finish_claimed(id, claim, &last, Status::Fail, Some(&message), now).await?;
                }
            }
        }
        tracing::warn!(execution.id = %id, data_pool.id = %held.execution.pool_id, reason, "execution was interrupted");
        self.run_is_over(id);
        Ok(())
    }
}
