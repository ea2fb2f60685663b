//! Data exports from their start to their end, and whose they are.

use std::collections::BTreeSet;
use std::time::Duration;

use forebay_core::access::{Caller, Permission, Scope};
use forebay_core::error::Error;
use forebay_core::export::{DataExport, ExportFormat, ExportState};
use forebay_core::id::{DataExportId, DataModelId};
use forebay_core::oauth::{Authority, OauthScope};
use forebay_core::settings::Setting;
use forebay_core::stop::Stop;
use tokio::io::AsyncReadExt;

use super::house::{House, is_conflict, is_invalid, is_not_found, model_table, name};
use crate::{Checks, NewDataExport, NewDataModel};

const MINUTE: i64 = 60_000;

fn new(query: &str, checks: Checks) -> NewDataExport {
    NewDataExport { queries: vec![query.to_owned()], format: ExportFormat::Csv, checks }
}

impl House {
    async fn model(&self) -> DataModelId {
        let new = NewDataModel::of(name("Sales"), vec![model_table("orders", None)], Vec::new());
        self.engine.create_data_model(&self.admin, self.pool, new).await.unwrap().model.id
    }

    async fn export(&self, model: DataModelId, query: &str) -> DataExport {
        self.engine.create_data_export(&self.admin, model, new(query, Checks::Later)).await.unwrap()
    }

    /// Waits until an export has ended.
    pub(super) async fn exported(
        &self,
        caller: &Caller,
        model: DataModelId,
        id: DataExportId,
    ) -> ExportState {
        let waiting = async {
            loop {
                let export = self.engine.data_export(caller, model, id).await.unwrap();
                if export.state != ExportState::Running {
                    return export.state;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the export ends")
    }

    async fn read(
        &self,
        model: DataModelId,
        id: DataExportId,
        chunk: Option<usize>,
    ) -> Result<String, Error> {
        let mut file = self.engine.export_file(&self.admin, model, id, chunk).await?;
        let mut text = String::new();
        file.file.read_to_string(&mut text).await.unwrap();
        assert_eq!(file.bytes, text.len() as u64);
        Ok(text)
    }

    async fn tidy(&self) {
        let (_handle, stop) = Stop::new();
        self.engine.tidy_up(&stop).await.unwrap();
    }
}

#[tokio::test]
async fn files_are_given_once_they_are_written_and_by_number() {
    let house = House::new().await;
    let model = house.model().await;
    let export = house.export(model, "wait two").await;
    house.plane.begun(1).await;
    is_conflict(house.read(model, export.id, Some(0)).await, "not done yet");
    house.plane.open_gate(1);
    let state = house.exported(&house.admin, model, export.id).await;
    assert!(matches!(state, ExportState::Done { chunks } if chunks.len() == 2));
    assert_eq!(house.read(model, export.id, Some(0)).await.unwrap(), "wait");
    assert_eq!(house.read(model, export.id, Some(1)).await.unwrap(), "two");
    is_not_found(house.read(model, export.id, Some(2)).await);
    is_conflict(house.read(model, export.id, None).await, "has 2 chunks");
    let one = house.export(model, "one").await;
    house.exported(&house.admin, model, one.id).await;
    assert_eq!(house.read(model, one.id, None).await.unwrap(), "one");
    // By the id of another model it is not found.
    let other = house.model().await;
    is_not_found(house.read(other, one.id, None).await);
}

#[tokio::test]
async fn wrong_queries_are_told_first_or_by_the_export() {
    let house = House::new().await;
    let model = house.model().await;
    let export = house.export(model, "fail line 1, column 2: no").await;
    let state = house.exported(&house.admin, model, export.id).await;
    assert_eq!(state, ExportState::Failed { message: "line 1, column 2: no".to_owned() });
    is_conflict(house.read(model, export.id, Some(0)).await, "line 1, column 2: no");
    let create = async |query: &str| {
        house.engine.create_data_export(&house.admin, model, new(query, Checks::First)).await
    };
    is_invalid(create("fail line 1, column 2: no").await, "queries", "line 1, column 2: no");
    is_invalid(create(" ").await, "queries", "needs a TABLE");
    assert!(create("good").await.is_ok());
}

#[tokio::test]
async fn an_export_is_its_owners_and_needs_the_right_to_the_models_rows() {
    let house = House::new().await;
    let model = house.model().await;
    let of_pool = Scope::Pool(house.pool);
    let owner = house.member(of_pool, &[Permission::UseAllDataModels]).await;
    let other = house.member(of_pool, &[Permission::View]).await;
    let engine = &house.engine;
    let export = engine.create_data_export(&owner, model, new("x", Checks::Later)).await.unwrap();
    house.exported(&owner, model, export.id).await;
    engine.export_file(&owner, model, export.id, Some(0)).await.unwrap();
    is_not_found(engine.data_export(&other, model, export.id).await);
    is_not_found(engine.export_file(&other, model, export.id, Some(0)).await);
    house.exported(&house.admin, model, export.id).await;
    // What was right when it began need not be any more.
    house.revoke(&owner, of_pool).await;
    let Err(Error::NotFound { kind, key }) = engine.export_file(&owner, model, export.id, Some(0)).await
    else {
        panic!("the file of a model that may not be seen is given");
    };
    assert_eq!((kind.to_string(), key), ("data model".to_owned(), model.to_string()));
}

#[tokio::test]
async fn a_scope_that_shows_models_shows_none_of_their_rows() {
    let house = House::new().await;
    let model = house.model().await;
    for (scope, may) in [
        (OauthScope::DataPools, true),
        (OauthScope::DataPoolsQuery, true),
        (OauthScope::DataModelsRead, false),
        (OauthScope::DataPoolsRead, false),
    ] {
        let caller = Caller { authority: Authority::Scoped(BTreeSet::from([scope])), ..house.admin.clone() };
        let made = house.engine.create_data_export(&caller, model, new("x", Checks::Later)).await;
        match made {
            Ok(_) => assert!(may, "{scope}"),
            Err(Error::Forbidden(_)) => assert!(!may, "{scope}"),
            Err(other) => panic!("{scope}: {other}"),
        }
    }
}

#[tokio::test]
async fn so_many_run_as_are_set_and_a_pool_cannot_fill_the_queue() {
    let house = House::new().await;
    let model = house.model().await;
    let change = [(Setting::ExportsAtATime, Some(1))];
    house.engine.change_settings(&house.admin, &change).await.unwrap();
    let mut exports = Vec::new();
    for number in 0..20 {
        exports.push(house.export(model, &format!("wait {number}")).await.id);
    }
    let refused = house.engine.create_data_export(&house.admin, model, new("x", Checks::Later)).await;
    assert!(
        matches!(&refused, Err(Error::Unavailable { what }) if what.contains("20 data exports")),
        "{refused:?}"
    );
    for (number, export) in exports.iter().enumerate() {
        house.plane.begun(number + 1).await;
        tokio::task::yield_now().await;
        let later = house.engine.data_export(&house.admin, model, exports[19]).await.unwrap();
        assert!(number == 19 || later.state == ExportState::Running);
        house.plane.open_gate(1);
        house.exported(&house.admin, model, *export).await;
        assert_eq!(house.read(model, *export, Some(1)).await.unwrap(), number.to_string());
    }
    house.export(model, "x").await;
}

#[tokio::test]
async fn what_ran_when_the_server_ended_is_told_to_be_lost() {
    let house = House::new().await;
    let model = house.model().await;
    let (read, tidied) = (house.export(model, "wait").await.id, house.export(model, "wait").await.id);
    house.plane.begun(2).await;
    let house = house.restarted();
    let state = house.exported(&house.admin, model, read).await;
    assert!(
        matches!(&state, ExportState::Failed { message } if message.contains("start it again")),
        "{state:?}"
    );
    house.tidy().await;
    let found = house.store.data_export(model, tidied).await.unwrap();
    assert!(matches!(found.state, ExportState::Failed { .. }), "{found:?}");
}

#[tokio::test]
async fn files_go_when_they_were_kept_long_enough_and_those_that_nobody_knows() {
    let house = House::new().await;
    let model = house.model().await;
    let export = house.export(model, "x").await.id;
    house.exported(&house.admin, model, export).await;
    let folder = |id: DataExportId| house.plane.exports_dir().join(id.to_string());
    let (stranger, foreign) = (DataExportId::random(), house.plane.exports_dir().join("notes"));
    std::fs::create_dir(folder(stranger)).unwrap();
    std::fs::create_dir(&foreign).unwrap();
    let running = house.export(model, "wait").await.id;
    house.plane.begun(1).await;
    std::fs::create_dir_all(folder(running)).unwrap();
    house.clock.turn(59 * MINUTE);
    house.tidy().await;
    assert!(folder(export).exists() && foreign.exists() && !folder(stranger).exists());
    house.clock.turn(2 * MINUTE);
    house.tidy().await;
    assert!(!folder(export).exists() && folder(running).exists());
    let state = house.exported(&house.admin, model, export).await;
    assert_eq!(state, ExportState::Expired);
    is_conflict(house.read(model, export, Some(0)).await, "were removed; start it again");
    house.clock.turn(24 * 60 * MINUTE);
    house.tidy().await;
    is_not_found(house.engine.data_export(&house.admin, model, export).await);
    // With its model an export goes, too.
    house.engine.delete_data_model(&house.admin, house.pool, model).await.unwrap();
    house.plane.open_gate(1);
    let gone = async {
        while folder(running).exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("the files of a deleted export go");
}
