//! Data exports: how they end, and when they are forgotten.

use forebay_core::export::{DataExport, ExportChunk, ExportFormat, ExportState};
use forebay_core::id::DataExportId;

use super::models::store_with_model;
use super::*;

fn new_export(model: &DataModel) -> DataExport {
    DataExport {
        id: DataExportId::random(),
        pool_id: model.pool_id,
        model_id: model.id,
        owner: Subject::User(UserId::random()),
        format: ExportFormat::Excel,
        state: ExportState::Running,
        created_at: at(5),
    }
}

#[tokio::test]
async fn an_export_ends_once_and_comes_back_as_it_is() {
    let (store, model) = store_with_model().await;
    let mut export = new_export(&model);
    store.create_data_export(&export).await.unwrap();
    assert_eq!(store.data_export(model.id, export.id).await.unwrap(), export);
    assert_eq!(store.running_data_exports().await.unwrap(), [export.id]);
    assert_eq!(store.data_pool_of_model(model.id).await.unwrap(), model.pool_id);
    is_not_found(store.data_pool_of_model(DataModelId::random()).await);
    is_not_found(store.data_export(DataModelId::random(), export.id).await);
    is_not_found(store.data_export(model.id, DataExportId::random()).await);
    let chunks = vec![ExportChunk { rows: 3, bytes: 70 }];
    assert!(store.finish_data_export(export.id, Ok(&chunks), at(6)).await.unwrap());
    assert!(!store.finish_data_export(export.id, Err("late"), at(7)).await.unwrap());
    export.state = ExportState::Done { chunks };
    assert_eq!(store.data_export(model.id, export.id).await.unwrap(), export);
    assert!(store.running_data_exports().await.unwrap().is_empty());
    let failed = new_export(&model);
    store.create_data_export(&failed).await.unwrap();
    assert!(store.finish_data_export(failed.id, Err("why"), at(6)).await.unwrap());
    let found = store.data_export(model.id, failed.id).await.unwrap();
    assert_eq!(found.state, ExportState::Failed { message: "why".to_owned() });
}

#[tokio::test]
async fn exports_expire_are_forgotten_and_go_with_their_model() {
    let (store, model) = store_with_model().await;
    let mut exports = Vec::new();
    for (end, failed) in [(10, false), (20, false), (10, true), (30, true)] {
        let export = new_export(&model);
        store.create_data_export(&export).await.unwrap();
        let chunks = [ExportChunk { rows: 0, bytes: 1 }];
        let outcome = if failed { Err("why") } else { Ok(&chunks[..]) };
        store.finish_data_export(export.id, outcome, at(end)).await.unwrap();
        exports.push(export.id);
    }
    let running = new_export(&model);
    store.create_data_export(&running).await.unwrap();
    let kept = store.expire_data_exports(at(15), at(15)).await.unwrap();
    assert_eq!(BTreeSet::from_iter(kept), BTreeSet::from([exports[1], running.id]));
    // The first one expired and the third one failed before.
    is_not_found(store.data_export(model.id, exports[0]).await);
    is_not_found(store.data_export(model.id, exports[2]).await);
    assert!(store.data_export(model.id, exports[3]).await.is_ok());
    store.expire_data_exports(at(25), at(15)).await.unwrap();
    assert_eq!(store.data_export(model.id, exports[1]).await.unwrap().state, ExportState::Expired);
    store.delete_data_model(model.pool_id, model.id).await.unwrap();
    is_not_found(store.data_export(model.id, running.id).await);
    assert!(!store.finish_data_export(running.id, Err("late"), at(40)).await.unwrap());
    is_not_found(store.create_data_export(&new_export(&model)).await);
}
