//! Executions in a worker: their news, their stop and their waiting.

use async_trait::async_trait;
use forebay_core::event::{Event, EventSink, Loss, Outcome};
use forebay_core::execution::Claim;
use forebay_core::id::DataPoolId;
use forebay_core::plane::DataPlane;
use forebay_core::stop::Stop;
use tokio::sync::Semaphore;

use crate::Patience;
use crate::tests::house::{Heard, House, spec};

#[tokio::test]
async fn events_come_in_order_and_the_outcome_comes_last() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let heard = Heard::default();
    let spec = spec(pool, "tell 500 2000");
    let claim = Claim { job: spec.job_id, number: 12 };
    let outcome = house.plane.run(&spec, claim, &heard, &Stop::never()).await;
    assert_eq!(outcome, Outcome::Failed("claim 12".to_owned()));
    let codes: Vec<String> = heard
        .0
        .into_inner()
        .unwrap()
        .into_iter()
        .map(|event| match event {
            Event::Log { code, .. } => code,
            other => panic!("{other:?} was not told"),
        })
        .collect();
    assert_eq!(codes, (0..500).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// A sink that takes an event for each permit.
struct Full(Semaphore);

#[async_trait]
impl EventSink for Full {
    async fn record(&self, _: Event) {
        self.0.acquire().await.unwrap().forget();
    }
}

#[tokio::test]
async fn a_full_sink_makes_the_run_wait_and_holds_up_nothing_else() {
    const EVENTS: usize = 2000;
    const BYTES: usize = 64 * 1024;
    let (house, pool) = (House::new(), DataPoolId::random());
    let (sink, spec) = (Full(Semaphore::new(1)), spec(pool, &format!("tell {EVENTS} {BYTES}")));
    let claim = Claim { job: spec.job_id, number: 1 };
    let never = Stop::never();
    let run = house.plane.run(&spec, claim, &sink, &never);
    let look = async {
        house
            .until("the run fills what lies between", async || {
                house.ask(pool, "told").await.parse::<usize>().unwrap() > 8
            })
            .await;
        // Other calls of the same connection go on, with more rows than fit into one window.
        assert!(!house.query(pool, "rows 2 200000").await.unwrap().batches.is_empty());
        let told: usize = house.ask(pool, "told").await.parse().unwrap();
        assert!(told < EVENTS / 4, "{told} events were told to a sink that took one");
        sink.0.add_permits(EVENTS);
    };
    let (outcome, ()) = tokio::join!(run, look);
    assert_eq!(outcome, Outcome::Failed("claim 1".to_owned()));
}

#[tokio::test]
async fn a_run_that_is_asked_to_stop_ends_canceled() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let (stop, stopped) = Stop::new();
    let run = house.run(pool, "wait", stopped);
    house.runs(pool, 1).await;
    stop.request();
    assert_eq!(run.await.unwrap(), Outcome::Canceled);
    house.runs(pool, 0).await;
    assert_eq!(house.plane.workers().lost, 0);
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_any_more_is_stopped() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let run = house.run(pool, "wait", Stop::never());
    house.runs(pool, 1).await;
    run.abort();
    house.runs(pool, 0).await;
}

#[tokio::test]
async fn a_run_that_does_not_listen_is_canceled_with_its_worker_and_its_neighbour_is_interrupted() {
    let patience = Patience { stop: std::time::Duration::from_millis(200), ..Patience::default() };
    let (house, pool) = (House::with(patience), DataPoolId::random());
    assert_eq!(house.plane.patience(), patience.stop);
    let (stop, stopped) = Stop::new();
    let deaf = house.run(pool, "deaf", stopped);
    let neighbour = house.run(pool, "wait", Stop::never());
    house.runs(pool, 2).await;
    stop.request();
    assert_eq!(deaf.await.unwrap(), Outcome::Canceled);
    let outcome = neighbour.await.unwrap();
    let Outcome::Lost(Loss::Interrupted { reason }) = &outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("asked to stop"), "{reason}");
    // The pool goes on with another worker.
    house.runs(pool, 0).await;
    assert_eq!((house.plane.workers().started, house.plane.workers().lost), (2, 1));
}

#[tokio::test]
async fn a_run_that_panics_fails_and_its_worker_lives() {
    let (house, pool) = (House::new(), DataPoolId::random());
    let outcome = house.run(pool, "panic", Stop::never()).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Failed(message) if message.contains("internal error")),
        "{outcome:?}"
    );
    house.ask(pool, "told").await;
    assert_eq!(house.plane.workers().started, 1);
}
