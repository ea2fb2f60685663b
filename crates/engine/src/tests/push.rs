//! Data pushes: from the first file to the end, and what is left of them.

use std::path::PathBuf;

use forebay_core::Timestamp;
use forebay_core::access::{Caller, Permission, Scope};
use forebay_core::error::Error;
use forebay_core::execution::{ExtractionMode, Status};
use forebay_core::id::{DataJobId, PushJobId};
use forebay_core::push::{
    ChunkKind, ColumnKind, PushColumn, PushKind, PushSchema, PushSettings, PushStatus, StreamUpload, push_dir,
};
use forebay_core::queue::Limits;
use forebay_core::settings::Setting;
use forebay_core::spec::{DataPushSpec, Work};
use forebay_core::stop::Stop;

use super::house::{House, identifier, is_conflict, is_invalid, is_not_found};
use super::plane::Act;
use crate::{SeenPush, SeenUpload};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// A push that makes an empty table, so that it needs no file.
pub(super) fn empty_push(target: &str) -> PushSettings {
    let column = PushColumn {
        name: identifier("A"),
        kind: ColumnKind::Integer,
        length: None,
        decimals: None,
        is_key: None,
    };
    PushSettings {
        kind: PushKind::Replace,
        table_schema: Some(PushSchema { table_name: None, columns: vec![column] }),
        ..delta(target)
    }
}

fn delta(target: &str) -> PushSettings {
    PushSettings::new(identifier(target), PushKind::Delta)
}

pub(super) fn upload() -> StreamUpload {
    StreamUpload { file_name: "rows.parquet".to_owned(), client_id: None, order: None }
}

impl House {
    async fn push(&self, settings: PushSettings) -> PushJobId {
        self.engine.create_push_job(&self.admin, self.pool, settings).await.unwrap().push.id
    }

    async fn send(&self, push: PushJobId, kind: ChunkKind, bytes: &[u8]) {
        let mut chunk = self.engine.begin_push_chunk(&self.admin, self.pool, push, kind).await.unwrap();
        chunk.write(bytes).await.unwrap();
        chunk.finish().await.unwrap();
    }

    async fn execute(&self, push: PushJobId) {
        self.engine.execute_push_job(&self.admin, self.pool, push, None).await.unwrap();
    }

    async fn seen(&self, push: PushJobId) -> SeenPush {
        self.engine.push_job(&self.admin, self.pool, push).await.unwrap()
    }

    /// Waits until a push has ended.
    async fn push_ended(&self, push: PushJobId) -> SeenPush {
        let execution = self.store.latest_execution(push.into()).await.unwrap().unwrap();
        self.ended(execution.id).await;
        self.seen(push).await
    }

    async fn upload(&self, target: &str, bytes: &[u8]) -> SeenUpload {
        let begun = self.engine.begin_upload(&self.admin, self.pool, delta(target), upload()).await;
        let mut taken = begun.unwrap();
        taken.write(bytes).await.unwrap();
        taken.finish().await.unwrap()
    }

    fn files(&self, push: PushJobId) -> PathBuf {
        push_dir(&self.plane.pools_dir().join(self.pool.to_string()), push)
    }

    /// What the data plane was told to push, in order.
    fn pushed(&self) -> Vec<DataPushSpec> {
        let of_spec = |work: &Work| match work {
            Work::DataPush(push) => Some((**push).clone()),
            Work::Extraction(_) | Work::Transformation { .. } | Work::DataModelLoad(_) => None,
        };
        self.plane.ran().iter().flat_map(|spec| &spec.tasks).filter_map(|task| of_spec(&task.work)).collect()
    }
}

#[tokio::test]
async fn a_push_is_new_takes_files_and_is_executed_once() {
    let house = House::new().await;
    let push = house.push(delta("T")).await;
    assert_eq!(house.seen(push).await.status, PushStatus::New);
    house.send(push, ChunkKind::Upsert, b"first").await;
    house.send(push, ChunkKind::Delete, b"second").await;
    let chunks = house.engine.push_chunks(&house.admin, house.pool, push).await.unwrap();
    let told: Vec<_> = chunks.iter().map(|chunk| (chunk.kind, chunk.bytes)).collect();
    assert_eq!(told, [(ChunkKind::Upsert, 5), (ChunkKind::Delete, 6)]);
    // Of "first".
    let digest = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e";
    assert_eq!(chunks[0].checksum, digest);
    let file = house.files(push).join(chunks[0].id.to_string());
    assert_eq!(std::fs::read(file).unwrap(), b"first");

    let order = Some(identifier("version"));
    house.engine.execute_push_job(&house.admin, house.pool, push, order.clone()).await.unwrap();
    assert_eq!(house.seen(push).await.status, PushStatus::Queued);
    let again = house.engine.execute_push_job(&house.admin, house.pool, push, None).await;
    is_conflict(again, "is queued already");
    let late = house.engine.begin_push_chunk(&house.admin, house.pool, push, ChunkKind::Upsert).await;
    is_conflict(late.map(drop), "takes no more files");

    let dispatcher = house.dispatch();
    let seen = house.push_ended(push).await;
    assert_eq!(seen.status, PushStatus::Done);
    let pushed = house.pushed();
    assert_eq!((pushed[0].push_id, &pushed[0].order, pushed[0].text_length), (push, &order, 80));
    let ids: Vec<_> = pushed[0].chunks.iter().map(|chunk| chunk.id).collect();
    assert_eq!(ids, [chunks[0].id, chunks[1].id]);
    let again = house.engine.execute_push_job(&house.admin, house.pool, push, None).await;
    is_conflict(again, "was executed already");
    dispatcher.stop().await;
    assert!(!house.files(push).exists(), "the files go when they are loaded");
    assert_eq!(house.engine.push_chunks(&house.admin, house.pool, push).await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_many_who_execute_at_a_time_one_does() {
    let house = House::new().await;
    let push = house.push(empty_push("T")).await;
    let tries = (0..8).map(|_| house.engine.execute_push_job(&house.admin, house.pool, push, None));
    let done = futures::future::join_all(tries).await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
    for one in done.into_iter().filter(Result::is_err) {
        is_conflict(one, "");
    }
}

#[tokio::test]
async fn a_push_without_files_is_refused_and_takes_them_afterwards() {
    let house = House::new().await;
    let push = house.push(delta("T")).await;
    let done = house.engine.execute_push_job(&house.admin, house.pool, push, None).await;
    is_conflict(done, "has no files");
    house.send(push, ChunkKind::Upsert, b"rows").await;
    house.execute(push).await;
}

#[tokio::test]
async fn q06_a_push_that_fails_or_is_cancelled_is_in_error_and_says_why() {
    let house = House::new().await;
    let (bad, canceled) = (house.push(empty_push("A")).await, house.push(empty_push("B")).await);
    house.plane.act(bad.into(), Act::Fail("column a: `x` is no number"));
    house.plane.act(canceled.into(), Act::UntilStopped);
    let dispatcher = house.dispatch();
    house.execute(bad).await;
    let seen = house.push_ended(bad).await;
    assert_eq!((seen.status, seen.logs), (PushStatus::Error, vec!["column a: `x` is no number".to_owned()]));
    house.execute(canceled).await;
    house.plane.begun(2).await;
    assert_eq!(house.seen(canceled).await.status, PushStatus::Running);
    let execution = house.store.latest_execution(canceled.into()).await.unwrap().unwrap();
    house.engine.cancel_execution(&house.admin, execution.id).await.unwrap();
    let seen = house.push_ended(canceled).await;
    assert_eq!(seen.status, PushStatus::Error);
    assert!(seen.logs.iter().any(|line| line.starts_with("canceled by ")), "{:?}", seen.logs);
    dispatcher.stop().await;
}

#[tokio::test]
async fn q24_a_push_that_runs_is_deleted_by_cancelling_it() {
    let house = House::new().await;
    let push = house.push(empty_push("T")).await;
    house.plane.act(push.into(), Act::UntilStoppedAndGate);
    let dispatcher = house.dispatch();
    house.execute(push).await;
    house.plane.begun(1).await;
    house.engine.delete_push_job(&house.admin, house.pool, push).await.unwrap();
    is_not_found(house.engine.push_job(&house.admin, house.pool, push).await);
    assert!(house.engine.push_jobs(&house.admin, house.pool).await.unwrap().is_empty());
    house.plane.open_gate(1);
    dispatcher.stop().await;
    let stop = Stop::never();
    house.engine.tidy_up(&stop).await.unwrap();
    assert_eq!(house.store.latest_execution(push.into()).await.unwrap(), None);
}

#[tokio::test]
async fn one_that_waits_is_deleted_at_once() {
    let house = House::new().await;
    let push = house.push(delta("T")).await;
    house.send(push, ChunkKind::Upsert, b"rows").await;
    house.execute(push).await;
    house.engine.delete_push_job(&house.admin, house.pool, push).await.unwrap();
    assert_eq!(house.store.latest_execution(push.into()).await.unwrap(), None);
    assert!(!house.files(push).exists());
    is_not_found(house.engine.delete_push_job(&house.admin, house.pool, push).await);
}

#[tokio::test]
async fn pushes_to_one_table_run_one_after_the_other_and_others_beside_them() {
    let limits = Limits { running: 8, per_pool: 8, per_source: 8 };
    let house = House::with_limits(limits).await;
    let mut pushes = Vec::new();
    for target in ["T", "t", "Other", "T"] {
        let push = house.push(empty_push(target)).await;
        house.plane.act(push.into(), Act::UntilGate);
        house.execute(push).await;
        pushes.push(push);
    }
    let second = house.store.latest_execution(pushes[1].into()).await.unwrap().unwrap();
    let dispatcher = house.dispatch();
    house.plane.begun(2).await;
    let ran = || house.pushed().iter().map(|push| push.push_id).collect::<Vec<_>>();
    let mut first = ran();
    first.sort();
    let mut expected = [pushes[0], pushes[2]];
    expected.sort();
    assert_eq!(first, expected, "the first of each table");
    assert!(house.waits_for(second.id, "Lane").await.contains("the same table"));
    house.plane.open_gate(2);
    house.plane.begun(3).await;
    house.plane.open_gate(2);
    house.push_ended(pushes[3]).await;
    dispatcher.stop().await;
    assert_eq!(ran()[2..], [pushes[1], pushes[3]], "then one after the other");
}

#[tokio::test]
async fn a_lane_is_free_when_what_holds_it_fails_or_is_cancelled_while_it_waits() {
    let house = House::new().await;
    let mut pushes = Vec::new();
    for _ in 0..3 {
        let push = house.push(empty_push("T")).await;
        house.execute(push).await;
        pushes.push(push);
    }
    house.engine.delete_push_job(&house.admin, house.pool, pushes[0]).await.unwrap();
    house.plane.act(pushes[1].into(), Act::Fail("no"));
    let dispatcher = house.dispatch();
    assert_eq!(house.push_ended(pushes[2]).await.status, PushStatus::Done);
    assert_eq!(house.push_ended(pushes[1]).await.status, PushStatus::Error);
    dispatcher.stop().await;
}

#[tokio::test]
async fn sql_after_the_rows_is_a_task_of_its_own_for_whoever_may_edit() {
    let house = House::new().await;
    let query = Some("DELETE FROM T".to_owned());
    let settings = PushSettings {
        post_execution_query: query,
        changed_at: Some(Timestamp::from_millis(42)),
        connection_id: Some(house.connection),
        ..empty_push("T")
    };
    let push = house.push(settings).await;
    let pusher = house.member(Scope::Pool(house.pool), &[Permission::DataPush]).await;
    let refused = house.engine.execute_push_job(&pusher, house.pool, push, None).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let dispatcher = house.dispatch();
    house.execute(push).await;
    house.push_ended(push).await;
    dispatcher.stop().await;
    let spec = house.plane.ran().pop().unwrap();
    assert_eq!((spec.mode, spec.changed_at.as_millis()), (ExtractionMode::Full, 42));
    assert_eq!(spec.connection_id, Some(house.connection));
    let Work::Transformation { statement } = &spec.tasks[1].work else { panic!("{:?}", spec.tasks) };
    assert_eq!(statement, "DELETE FROM T");
}

#[tokio::test]
async fn what_a_push_names_must_be_there() {
    let house = House::new().await;
    let create = async |settings| house.engine.create_push_job(&house.admin, house.pool, settings).await;
    let (other_pool, other) = house.other_pool().await;
    is_not_found(create(PushSettings { connection_id: Some(other), ..delta("T") }).await);
    let schema = Some(format!("{other_pool}_{other}"));
    is_invalid(
        create(PushSettings { target_schema: schema, ..delta("T") }).await,
        "targetSchema",
        "no schema",
    );
    let schema = Some(format!("{}_{}", house.pool, house.connection));
    let made = create(PushSettings { target_schema: schema, ..delta("T") }).await.unwrap();
    assert_eq!(made.push.settings.connection_id, Some(house.connection));
    let keys = vec![identifier("a"), identifier("a")];
    is_invalid(create(PushSettings { keys, ..delta("T") }).await, "keys", "twice");
}

#[tokio::test]
async fn no_more_pushes_are_executed_than_the_settings_let_through() {
    let house = House::new().await;
    let unlimited = house.push(empty_push("T")).await;
    let left = house.engine.execute_push_job(&house.admin, house.pool, unlimited, None).await.unwrap();
    assert_eq!(left, None);
    let limits = [(Setting::DataPushesPerSecond, Some(1)), (Setting::DataPushesPerHour, Some(250))];
    house.engine.change_settings(&house.admin, &limits).await.unwrap();
    house.clock.turn(1_000);
    let (one, two) = (house.push(empty_push("T")).await, house.push(empty_push("T")).await);
    let left = house.engine.execute_push_job(&house.admin, house.pool, one, None).await.unwrap().unwrap();
    assert_eq!((left.limit, left.remaining), (1, 0));
    let refused = house.engine.execute_push_job(&house.admin, house.pool, two, None).await;
    assert!(matches!(&refused, Err(Error::TooMany { limit, .. }) if limit.limit == 1), "{refused:?}");
    assert_eq!(house.seen(two).await.status, PushStatus::New);
    house.clock.turn(1_000);
    house.execute(two).await;
}

#[tokio::test]
async fn what_nobody_needs_any_more_is_dropped_with_its_files() {
    let house = House::new().await;
    let (old, young) = (house.push(delta("T")).await, house.push(delta("T")).await);
    house.send(old, ChunkKind::Upsert, b"rows").await;
    house.clock.turn(5 * DAY);
    house.send(young, ChunkKind::Upsert, b"rows").await;
    house.clock.turn(3 * DAY);
    let orphan = house.files(PushJobId::random());
    std::fs::create_dir_all(&orphan).unwrap();
    let tidied = house.engine.tidy_up(&Stop::never()).await.unwrap();
    assert_eq!(tidied.pushes, 1);
    is_not_found(house.engine.push_job(&house.admin, house.pool, old).await);
    assert!(!house.files(old).exists() && !orphan.exists());
    assert!(house.files(young).exists());
    assert_eq!(house.seen(young).await.status, PushStatus::New);
}

#[tokio::test]
async fn a_file_that_does_not_come_to_its_end_leaves_nothing() {
    let house = House::new().await;
    let push = house.push(delta("T")).await;
    let mut chunk =
        house.engine.begin_push_chunk(&house.admin, house.pool, push, ChunkKind::Upsert).await.unwrap();
    chunk.write(b"half").await.unwrap();
    drop(chunk);
    let empty =
        house.engine.begin_push_chunk(&house.admin, house.pool, push, ChunkKind::Upsert).await.unwrap();
    is_invalid(empty.finish().await, "file", "is empty");
    assert!(house.engine.push_chunks(&house.admin, house.pool, push).await.unwrap().is_empty());
    assert_eq!(std::fs::read_dir(house.files(push)).unwrap().count(), 0);
}

#[tokio::test]
async fn a_stream_s_files_are_executed_in_the_order_in_which_they_came() {
    let house = House::new().await;
    let mut sent = Vec::new();
    for number in 0..5_u8 {
        let seen = house.upload("T", &[number]).await;
        assert_eq!(seen.bucket, house.upload_bucket());
        sent.push(seen.push.id);
    }
    let dispatcher = house.dispatch();
    house.push_ended(sent[4]).await;
    dispatcher.stop().await;
    assert_eq!(house.pushed().iter().map(|push| push.push_id).collect::<Vec<_>>(), sent);
    // They are told to the stream's client alone, the newest first.
    assert!(house.engine.push_jobs(&house.admin, house.pool).await.unwrap().is_empty());
    let table = Some((None, identifier("t")));
    let uploads = house.engine.uploads(&house.admin, house.pool, table).await.unwrap();
    assert_eq!(uploads.len(), 5);
    assert!(uploads.iter().all(|seen| seen.status == PushStatus::Done));
    let other = Some((None, identifier("Other")));
    assert!(house.engine.uploads(&house.admin, house.pool, other).await.unwrap().is_empty());
}

impl House {
    /// The bucket of the table T.
    fn upload_bucket(&self) -> String {
        use sha2::{Digest, Sha256};
        let lane = format!("{}.t", self.pool);
        let text = hex::encode(Sha256::digest(lane.as_bytes()));
        format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..32])
    }
}

#[tokio::test]
async fn a_stream_needs_its_own_permission_and_a_file_that_breaks_off_is_forgotten() {
    let house = House::new().await;
    let of_pool = Scope::Pool(house.pool);
    let streamer = house.member(of_pool, &[Permission::ContinuousDataPush]).await;
    let begin =
        async |caller: &Caller| house.engine.begin_upload(caller, house.pool, delta("T"), upload()).await;
    let taken = begin(&streamer).await.unwrap();
    let is_forbidden = house.engine.create_push_job(&streamer, house.pool, delta("T")).await;
    assert!(matches!(is_forbidden, Err(Error::Forbidden(_))), "{is_forbidden:?}");
    taken.give_up().await;
    assert!(house.engine.uploads(&streamer, house.pool, None).await.unwrap().is_empty());
    // One without a byte is refused, and not there afterwards.
    is_invalid(begin(&streamer).await.unwrap().finish().await, "file", "is empty");
    assert!(house.engine.uploads(&streamer, house.pool, None).await.unwrap().is_empty());
    // What was started goes on only as long as its starter may push.
    let mut taken = begin(&streamer).await.unwrap();
    taken.write(b"rows").await.unwrap();
    let push: DataJobId = taken.finish().await.unwrap().push.id.into();
    house.revoke(&streamer, of_pool).await;
    let dispatcher = house.dispatch();
    let execution = house.store.latest_execution(push).await.unwrap().unwrap();
    let ended = house.ended(execution.id).await;
    assert_eq!(ended.status, Status::Fail);
    dispatcher.stop().await;
}
