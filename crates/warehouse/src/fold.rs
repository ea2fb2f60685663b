//! Folds the engine's log into the pool's file, after the commit that made it long.
//!
//! The engine would do it inside that commit, and whoever waits for the commit would wait for it too.

use std::sync::atomic::Ordering;

use forebay_core::stop::Stop;

use crate::error::failed;
use crate::instance::Instance;
use crate::recovery::LOG;
use crate::session::Session;

/// From how many bytes on a log is folded: what the engine would take by itself.
const LONG: u64 = 16 << 20;
/// From how many bytes on the engine does it inside a commit after all, where nobody could before: the log must be
/// read when the pool is opened after a crash.
pub(crate) const TOO_LONG: u64 = 8 * LONG;

/// Folds the log if it is long and nobody is at it, on a connection that nothing is open on any more. Nobody waits
/// for it. Where it fails, the log is as it was, and the next commit tries again.
pub(crate) fn fold_if_long(mut session: Session) {
    let Ok(instance) = session.instance() else { return };
    if !is_long(&instance) || instance.folding.swap(true, Ordering::AcqRel) {
        return;
    }
    tokio::spawn(async move {
        let memory = instance.memory.ask();
        let folded = session
            .run(&Stop::never(), |connection, _| connection.execute_batch("CHECKPOINT").map_err(failed))
            .await;
        drop(memory);
        instance.folding.store(false, Ordering::Release);
        if let Err(error) = folded {
            // Others write at the moment: that is no fault.
            tracing::debug!(error = &error as &dyn std::error::Error, "a pool's log stays long for now");
        }
    });
}

fn is_long(instance: &Instance) -> bool {
    std::fs::metadata(instance.dir().join(LOG)).is_ok_and(|log| log.len() >= LONG)
}
