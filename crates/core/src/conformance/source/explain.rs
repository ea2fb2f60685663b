//! Checks of what is told before anything is read.

use super::{SourceFixture, identifier, read, row, since, whole};
use crate::explanation::Asked;
use crate::source::{ReadRequest, Repeats, Snapshot, SourceErrorKind};

async fn asked(snapshot: &dyn Snapshot, request: &ReadRequest) -> Asked {
    match snapshot.explain(request).await {
        Ok(explanation) => explanation.asked,
        Err(error) => panic!("{request:?} is explained: {error}"),
    }
}

/// What a read asks for is told without reading: the statement or the files, and in a delta what restricts them.
pub async fn what_is_asked_for_is_told(fixture: &dyn SourceFixture) {
    fixture.create("told", &[row(1, "a", 1), row(2, "b", 2)]).await;
    let request = since(fixture, "told", None, Repeats::Harmless);
    let checkpoint = read(fixture, &request).await.checkpoint;
    fixture.insert("told", &[row(3, "c", 3)]).await;
    let snapshot = match fixture.source().snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => panic!("a snapshot is opened: {error}"),
    };
    let full = asked(&*snapshot, &request).await;
    match &full {
        Asked::Statement { sql, .. } => {
            assert!(["told", "id", "name", "changed"].iter().all(|part| sql.contains(part)), "{sql}");
        }
        Asked::Files { files, .. } => {
            assert!(files.iter().any(|file| file.contains("told")), "{files:?}");
        }
        Asked::Nothing | Asked::Refused(_) => panic!("a full read asks for rows, and not {full:?}"),
    }
    let delta = asked(&*snapshot, &since(fixture, "told", Some(&checkpoint), Repeats::Harmless)).await;
    assert_ne!(full, delta, "a delta is restricted");
    assert!(!matches!(delta, Asked::Nothing | Asked::Refused(_)), "{delta:?}");
    // It is told again, and the snapshot is as it was.
    assert_eq!(asked(&*snapshot, &request).await, full);
    let unknown = snapshot.explain(&whole(fixture, "no_such_table")).await;
    let error = unknown.expect_err("a table that is not there is not explained");
    assert!(error.kind == SourceErrorKind::Invalid && error.message.contains("no_such_table"), "{error}");
    let mut wrong = whole(fixture, "told");
    wrong.cursor = Some(identifier("no_such_column"));
    assert!(snapshot.explain(&wrong).await.is_err(), "a column that is not there is said");
    let mut ids = read(fixture, &request).await.ids();
    ids.sort();
    assert_eq!(ids, [1, 2, 3]);
}
