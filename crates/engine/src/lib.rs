//! What Forebay decides: who may do what, the rules of each use case, and the queue of executions.
//!
//! [`Engine`] is the one thing that the API and the command line call. It never opens a source or
//! a warehouse itself: it is handed a [`DataPlane`] that does.

mod access;
mod audit;
mod backup;
mod changes;
mod comparison;
mod connections;
mod contents;
mod data;
mod discovered;
mod disk;
mod dispatch;
mod executions;
mod explanations;
mod exports;
mod failed_parts;
mod groups;
mod health;
mod history;
mod janitor;
mod jobs;
mod keys;
mod last_loads;
mod live;
mod metrics;
mod model_loads;
mod models;
mod name_mappings;
mod oauth;
mod oidc;
mod overviews;
mod parameters;
mod permissions;
mod pools;
mod push;
mod queue;
mod replications;
mod rescuer;
mod run;
mod scheduler;
mod schedules;
mod sessions;
mod settings;
mod spec;
mod task_order;
mod tasks;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use forebay_core::Timestamp;
use forebay_core::plane::DataPlane;
use forebay_store::Store;
use tokio::sync::Notify;

pub use audit::{AuditPage, Recording, Trail};
pub use backup::{Backup, BackupName, BackupState, Restored, restore};
pub use changes::{Changed, Following};
pub use comparison::Past;
pub use connections::{ConnectionUses, JobUse, NewConnection, PREVIEW_ROWS};
pub use contents::{Given, Import, ImportTarget, Imported, JobDestination};
pub use data::QUERY_LIMIT;
pub use discovered::{OfferedTable, RowEstimate};
pub use disk::{Disk, DiskState, PoolSize, Space};
pub use executions::{CancelUnderWay, Selection, StartExecution, TaskSelection};
pub use exports::{Checks, ExportFile, NewDataExport};
pub use failed_parts::FailedParts;
pub use groups::GroupGrant;
pub use health::Check;
pub use history::{History, HistoryQuestion, JobHistory};
pub use keys::{FirstKey, NewKey};
pub use last_loads::LastLoad;
pub use metrics::Figures;
pub use model_loads::{LoadHistory, ModelReload};
pub use models::{ModelSettings, ModelTableChange, NewDataModel, ProcessChange, SeenModel};
pub use oauth::{
    Asked, AskedByDevice, AuthorizationRequest, ClientProof, DeviceAnswer, NewClient, NewClientSecret,
    OauthClientChange, OauthError, PublicKey, Refusal, TokenAnswer, TokenGrant, Visit,
};
pub use oidc::{Attempt, Identity, IssuerKeys, OidcError, OidcRules};
pub use overviews::{JobOverview, PoolOverview};
pub use permissions::{HeldGrant, Holder, Origin};
pub use push::{ChunkUpload, SeenPush, SeenUpload, Upload};
pub use schedules::Preview;
pub use sessions::{NewSession, SignInError};
pub use task_order::TaskMove;
pub use tasks::NewTask;

pub use forebay_store::{Consent, KeyKind, SigningKey};

/// Tells the time. Tests turn their own.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// What the engine needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// SQLite databases and files of connections must lie below one of these folders.
    pub file_roots: Vec<PathBuf>,
    /// Where backups are made.
    pub backup_dir: PathBuf,
    /// Where the files of data exports are kept.
    pub exports_dir: PathBuf,
    /// Has a folder for each pool, which its worker can reach: what is pushed waits below it.
    pub pools_dir: PathBuf,
    /// The most executions that run at a time.
    pub running_limit: usize,
    /// The most executions of one pool that run at a time.
    pub pool_limit: usize,
    /// The most executions of all pools that read one source host at a time.
    pub source_limit: usize,
    /// How long executions may go on by themselves once the server was asked to stop.
    pub drain: Duration,
    /// The most tables of one extraction that are read at a time.
    pub tables_at_a_time: usize,
    /// How people sign in by an issuer of OpenID Connect, if they may.
    pub oidc: Option<OidcRules>,
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

pub(crate) struct Inner {
    store: Store,
    plane: Arc<dyn DataPlane>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    /// Something may be due in the queue. Only makes the dispatcher early.
    wake: Notify,
    live: live::Live,
    queue: queue::SeenQueue,
    changes: changes::Changes,
    backups: backup::Backups,
    disk: disk::DiskWatch,
    dispatching: health::Dispatching,
    scheduling: scheduler::Scheduling,
    /// Something may be older than the settings keep. Only makes the janitor early.
    tidy: Notify,
    oauth: oauth::State,
    oidc: oidc::State,
    exports: exports::Turns,
    discovered: discovered::Discovered,
    submissions: push::Submissions,
    audit: audit::Gate,
}

impl Engine {
    #[must_use]
    pub fn new(
        store: Store,
        plane: Arc<dyn DataPlane>,
        clock: Arc<dyn Clock>,
        disk: Arc<dyn Disk>,
        settings: Settings,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            plane,
            clock,
            settings,
            wake: Notify::new(),
            live: live::Live::default(),
            queue: queue::SeenQueue::default(),
            changes: changes::Changes::default(),
            backups: backup::Backups::default(),
            disk: disk::DiskWatch::new(disk),
            dispatching: health::Dispatching::default(),
            scheduling: scheduler::Scheduling::default(),
            tidy: Notify::new(),
            oauth: oauth::State::default(),
            oidc: oidc::State::default(),
            exports: exports::Turns::default(),
            discovered: discovered::Discovered::default(),
            submissions: push::Submissions::default(),
            audit: audit::Gate::default(),
        }))
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}
