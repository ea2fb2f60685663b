//! One of everything, to try the use cases on, and the callers that try them.

use forebay_core::access::{Caller, Permission, Role, Scope};
use forebay_core::execution::Status;
use forebay_core::export::ExportFormat;
use forebay_core::id::{
    ApplicationId, DataConnectionId, DataExportId, DataJobId, DataModelId, ExecutionId, ForeignKeyId,
    ModelTableId, ParameterId, ProcessConfigurationId, UserId,
};
use forebay_core::job::TaskKind;
use forebay_core::model::ForeignKey;

use super::super::deletions::parameter;
use super::super::house::{House, identifier, model_table, name, postgres, table};
use crate::{Checks, NewConnection, NewDataExport, NewDataModel, ProcessChange};

/// What a caller's permissions are for.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    Pool,
    Service,
    Everything,
}

/// One of everything, to try a use case on.
pub(super) struct Things {
    pub(super) house: House,
    pub(super) spare: DataConnectionId,
    pub(super) job: DataJobId,
    pub(super) transformation: String,
    pub(super) extraction: String,
    pub(super) execution: ExecutionId,
    pub(super) model: DataModelId,
    pub(super) model_table: ModelTableId,
    pub(super) foreign_key: ForeignKeyId,
    pub(super) process: ProcessConfigurationId,
    pub(super) parameter: ParameterId,
    pub(super) user: UserId,
    pub(super) application: ApplicationId,
}

impl Things {
    pub(super) async fn new() -> Self {
        let house = House::new().await;
        let (engine, admin, pool) = (&house.engine, &house.admin, house.pool);
        let new = NewConnection { name: name("CRM"), ..postgres("x") };
        let spare = engine.create_data_connection(admin, pool, new).await.unwrap().id;
        let job = house.empty_job("a").await;
        let transformation =
            house.task(&job, "Transform", TaskKind::Transformation(None)).await.id.to_string();
        let extraction =
            house.task(&job, "Extract", TaskKind::Extraction(vec![table("t")])).await.id.to_string();
        let execution = house.start(job.id).await.id;
        house.store.finish_execution(execution, Status::Success, None, engine.now()).await.unwrap();
        let tables = vec![model_table("orders", None)];
        let of_tables = relation(tables[0].id);
        let model = engine
            .create_data_model(admin, pool, NewDataModel::of(name("Sales"), tables, vec![of_tables]))
            .await
            .unwrap()
            .model;
        let said = ProcessChange { activity_table: Some(model.tables[0].id), ..ProcessChange::default() };
        let process = engine.put_process_configuration(admin, pool, model.id, said).await.unwrap().id;
        let parameter = engine.create_parameter(admin, parameter(pool, None, "x")).await.unwrap().id;
        let user = engine.create_user(admin, name("Other"), None, Role::Member).await.unwrap().id;
        let application = engine.create_application(admin, name("Program")).await.unwrap().id;
        let job = job.id;
        Self {
            house,
            spare,
            job,
            transformation,
            extraction,
            execution,
            model: model.id,
            model_table: model.tables[0].id,
            foreign_key: model.foreign_keys[0].id,
            process,
            parameter,
            user,
            application,
        }
    }

    pub(super) async fn caller(&self, reach: Reach, permissions: &[Permission]) -> Caller {
        match reach {
            Reach::Pool => self.house.member(Scope::Pool(self.house.pool), permissions).await,
            Reach::Service => self.house.member(Scope::Service, permissions).await,
            Reach::Everything => self.house.admin.clone(),
        }
    }

    /// An export of the caller, or of the administrator when the caller may not make one.
    pub(super) async fn exported(&self, caller: &Caller) -> DataExportId {
        let (engine, admin) = (&self.house.engine, &self.house.admin);
        let (export, of) = match engine.create_data_export(caller, self.model, an_export()).await {
            Ok(export) => (export, caller),
            Err(_) => (engine.create_data_export(admin, self.model, an_export()).await.unwrap(), admin),
        };
        self.house.exported(of, self.model, export.id).await;
        export.id
    }
}

pub(super) fn an_export() -> NewDataExport {
    NewDataExport { queries: vec!["TABLE(1)".to_owned()], format: ExportFormat::Csv, checks: Checks::Later }
}

/// A relation of a table with itself.
pub(super) fn relation(table: ModelTableId) -> ForeignKey {
    let columns = vec![(identifier("id"), identifier("parent"))];
    ForeignKey { id: ForeignKeyId::random(), source: table, target: table, columns }
}
