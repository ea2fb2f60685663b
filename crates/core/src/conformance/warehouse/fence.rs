//! The fence: of two claims of one job, only the newer one shows anything. The older one may have gone
//! on unseen, in a worker that was paused, and its work may be done but for the commit.

use super::{Bench, Versions, batch, checkpoint, expect_stale};
use crate::execution::Claim;
use crate::id::DataJobId;
use crate::stop::Stop;
use crate::warehouse::{LoadSpec, Publication, WriteMode};

/// Two claims of one job, of which the older one has taken over.
async fn claims(bench: &Bench<'_>) -> (Claim, Claim) {
    let job = DataJobId::random();
    let (older, newer) = (Claim { job, number: 7 }, Claim { job, number: 9 });
    bench.warehouse.take_over(older).await.expect("a first claim takes its job over");
    (older, newer)
}

async fn taken_over(bench: &Bench<'_>, newer: Claim) {
    bench.warehouse.take_over(newer).await.expect("a newer claim takes over");
}

/// That of a bench which works under another claim.
fn under<'a>(bench: &Bench<'a>, claim: Claim) -> Bench<'a> {
    Bench { claim, ..*bench }
}

pub(super) async fn loads(bench: &Bench<'_>) {
    claims_only_grow(bench).await;
    a_claim_that_never_took_over_shows_nothing(bench).await;
    a_load_is_refused_once_a_newer_claim_has_taken_over(bench).await;
    claims_of_different_jobs_do_not_meet(bench).await;
}

async fn claims_only_grow(bench: &Bench<'_>) {
    let (older, newer) = claims(bench).await;
    bench.warehouse.take_over(older).await.expect("taking over twice is taking over once");
    taken_over(bench, newer).await;
    taken_over(bench, newer).await;
    expect_stale(bench.warehouse.take_over(older).await, "an older claim that takes over");
}

async fn a_claim_that_never_took_over_shows_nothing(bench: &Bench<'_>) {
    let name = "never_taken_over";
    let (_, newer) = claims(bench).await;
    let begun = bench.warehouse.begin_load(under(bench, newer).spec(name, WriteMode::Replace)).await;
    // The refusal may come at the beginning or at the end.
    if let Ok(load) = begun {
        let done = load.commit(0, &checkpoint("1"), &Stop::never()).await;
        assert!(done.is_err(), "a claim that never took over must not show rows");
    }
    bench.expect_missing(name).await;
}

async fn a_load_is_refused_once_a_newer_claim_has_taken_over(bench: &Bench<'_>) {
    let name = "fenced";
    let (older, newer) = claims(bench).await;
    let rows = [(Some(1), Some("a"), 1)];
    under(bench, older).load(name, WriteMode::Replace, &rows, &checkpoint("1")).await;
    for mode in [WriteMode::Replace, WriteMode::Append, super::merge("id", None)] {
        let (older, newer) = claims(bench).await;
        let mut load = under(bench, older).begin(name, mode.clone()).await;
        load.append(batch(&[(Some(1), None, 2)])).await.expect("rows are staged");
        taken_over(bench, newer).await;
        let done = load.commit(1, &checkpoint("2"), &Stop::never()).await;
        expect_stale(done, "a load whose claim is old");
        bench.expect_rows(name, &rows).await;
        assert_eq!(bench.checkpoint(name).await, Some(checkpoint("1")));
        let spec: LoadSpec = under(bench, older).spec(name, mode);
        expect_stale(bench.warehouse.begin_load(spec).await, "a load that begins under an old claim");
    }
    taken_over(bench, newer).await;
    let new = [(Some(2), Some("b"), 2)];
    under(bench, newer).load(name, WriteMode::Replace, &new, &checkpoint("2")).await;
    bench.expect_rows(name, &new).await;
}

async fn claims_of_different_jobs_do_not_meet(bench: &Bench<'_>) {
    let name = "of_two_jobs";
    let (first, _) = claims(bench).await;
    let (_, second) = claims(bench).await;
    taken_over(bench, second).await;
    let rows = [(Some(1), Some("a"), 1), (Some(2), Some("b"), 1)];
    under(bench, second).load(name, WriteMode::Append, &rows[..1], &checkpoint("1")).await;
    under(bench, first).load(name, WriteMode::Append, &rows[1..], &checkpoint("2")).await;
    bench.expect_rows(name, &rows).await;
}

pub(super) async fn statements(bench: &Bench<'_>) {
    let (older, newer) = claims(bench).await;
    let schemas = [bench.schema.clone()];
    let mut transaction = bench.warehouse.begin(&schemas, older).await.expect("a transaction begins");
    for sql in ["CREATE TABLE fenced AS SELECT 1 AS a", "DELETE FROM orders"] {
        transaction.execute(sql, &Stop::never()).await.expect("a statement is executed");
    }
    taken_over(bench, newer).await;
    expect_stale(transaction.commit().await, "a transaction whose claim is old");
    let listed = bench.warehouse.tables().await.expect("tables are listed");
    assert!(!listed.iter().any(|table| table.table == bench.table("fenced")), "nothing was kept");
    bench.expect_rows("orders", &[(Some(1), Some("a"), 1), (Some(2), Some("b"), 1)]).await;
    expect_stale(
        bench.warehouse.begin(&schemas, older).await,
        "a transaction that begins under an old claim",
    );
    let mut transaction = bench.warehouse.begin(&schemas, newer).await.expect("a transaction begins");
    transaction.execute("CREATE TABLE fenced AS SELECT 1 AS a", &Stop::never()).await.expect("a statement");
    transaction.commit().await.expect("the newer claim commits");
}

pub(super) async fn publishing(bench: &Bench<'_>, model: &Publication, versions: &dyn Versions) {
    let (older, newer) = claims(bench).await;
    let before = versions.current(model.model).await;
    taken_over(bench, newer).await;
    bench.load("heads", WriteMode::Append, &[(Some(77), None, 1)], &checkpoint("9")).await;
    let publish = |claim| {
        let model = Publication { claim, ..model.clone() };
        async move { bench.warehouse.publish(model, &Stop::never()).await }
    };
    expect_stale(publish(older).await, "a publication whose claim is old");
    assert_eq!(versions.current(model.model).await, before);
    publish(newer).await.expect("the newer claim publishes");
    assert_ne!(versions.current(model.model).await, before);
}
