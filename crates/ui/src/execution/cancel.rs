//! The end of an execution that was asked for and has not come yet: when it comes by force.

use forebay_core::Timestamp;
use forebay_core::execution::Execution;
use forebay_engine::CancelUnderWay;

use crate::words::clock;

pub(super) struct CancelNotice {
    pub(super) text: String,
    /// Milliseconds from now until it is forced.
    pub(super) left: i64,
}

impl CancelNotice {
    /// `None` when nobody asked for the end, or it has come.
    pub(super) fn of(
        execution: &Execution,
        under_way: Option<CancelUnderWay>,
        now: Timestamp,
    ) -> Option<Self> {
        let CancelUnderWay { asked_at, forced_at } = under_way.filter(|_| !execution.status.is_finished())?;
        let by = execution.canceled_by.as_ref().map(|name| format!(" by {name}")).unwrap_or_default();
        let text = format!(
            "To cancel was asked for at {}{by}. What does not stop by itself is ended by force at {}.",
            clock(asked_at),
            clock(forced_at)
        );
        Some(Self { text, left: (forced_at.as_millis() - now.as_millis()).max(0) })
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::access::Subject;
    use forebay_core::execution::{ExtractionMode, Status};
    use forebay_core::id::{DataJobId, DataPoolId, UserId};

    use super::*;

    #[test]
    fn a_cancel_under_way_says_when_it_is_forced_and_how_long_that_is() {
        let at = Timestamp::from_millis;
        let (pool, job, user) = (DataPoolId::random(), DataJobId::random(), UserId::random());
        let queued = Execution::queued(pool, job, ExtractionMode::Full, Subject::User(user), at(0));
        let running =
            Execution { status: Status::Running, canceled_by: Some("Ada".to_owned()), ..queued.clone() };
        let under_way = Some(CancelUnderWay { asked_at: at(1_000), forced_at: at(6_000) });
        let notice = CancelNotice::of(&running, under_way, at(2_500)).unwrap();
        assert_eq!(
            notice.text,
            "To cancel was asked for at 00:00:01 UTC by Ada. What does not stop by itself is ended by force at \
             00:00:06 UTC."
        );
        assert_eq!(notice.left, 3_500);
        let unknown = Execution { canceled_by: None, ..running.clone() };
        let notice = CancelNotice::of(&unknown, under_way, at(9_000)).unwrap();
        assert!(notice.text.contains("at 00:00:01 UTC. What"), "{}", notice.text);
        assert_eq!(notice.left, 0);
        let ended = Execution { status: Status::Cancel, ..running.clone() };
        assert!(CancelNotice::of(&ended, under_way, at(9_000)).is_none());
        assert!(CancelNotice::of(&running, None, at(9_000)).is_none());
    }
}
