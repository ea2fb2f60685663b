//! A data plane that does as it is told.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arrow_schema::Schema;
use async_trait::async_trait;
use forebay_core::check::Step;
use forebay_core::connection::ConnectionConfig;
use forebay_core::event::{Event, EventSink, Loss, Outcome};
use forebay_core::execution::Claim;
use forebay_core::explanation::{Asked, Explanation, TableExplanation};
use forebay_core::export::{ExportChunk, ExportRequest, Exported};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::{DataJobId, DataPoolId};
use forebay_core::name::Identifier;
use forebay_core::plane::{Damage, DataPlane, Workers};
use forebay_core::pool::global_schema;
use forebay_core::preview::{Findings, Preview};
use forebay_core::source::{SourceError, SourceErrorKind, SourceTable};
use forebay_core::spec::{ExecutionSpec, ScriptQuery};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    PoolTable, PoolTableKind, Query, Rows, WarehouseError, WarehouseErrorKind, WarehouseTable,
};
use tokio::sync::{Semaphore, watch};

/// How long it lets a run go on that was asked to stop; it ends none by force.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What a run of a job does, after it has told its events.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Succeed,
    Fail(&'static str),
    /// Goes on until the stop is asked for.
    UntilStopped,
    /// Goes on until the stop is asked for, and then until the gate opens.
    UntilStoppedAndGate,
    /// Goes on until the gate opens, whatever is asked for.
    UntilGate,
    Panic,
    /// Ends as if its worker had gone away.
    Lose(Loss),
    /// The same, once the gate opens.
    LoseAtGate(Loss),
}

pub(super) struct FakePlane {
    acts: Mutex<HashMap<DataJobId, (Vec<Event>, Act)>>,
    ran: Mutex<Vec<ExecutionSpec>>,
    claims: Mutex<Vec<Claim>>,
    begun: watch::Sender<usize>,
    stopped: watch::Sender<usize>,
    running: AtomicUsize,
    most_running: AtomicUsize,
    gate: Semaphore,
    removed: Mutex<Vec<DataPoolId>>,
    refuses_to_remove: AtomicBool,
    pub(super) damages: Mutex<Vec<Damage>>,
    /// The statements of transformations that were asked, in order.
    pub(super) scripts: Mutex<Vec<ScriptQuery>>,
    /// What sources offer.
    pub(super) offers: Mutex<Vec<SourceTable>>,
    /// The step that the next checks of sources fail at.
    pub(super) fails_at: Mutex<Option<Step>>,
    /// The specs that were explained, in order.
    pub(super) explained: Mutex<Vec<ExecutionSpec>>,
    /// Where copies of pools are made.
    copies: tempfile::TempDir,
}

impl Default for FakePlane {
    fn default() -> Self {
        Self {
            acts: Mutex::default(),
            ran: Mutex::default(),
            claims: Mutex::default(),
            begun: watch::channel(0).0,
            stopped: watch::channel(0).0,
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
            gate: Semaphore::new(0),
            removed: Mutex::default(),
            refuses_to_remove: AtomicBool::new(false),
            damages: Mutex::default(),
            scripts: Mutex::default(),
            offers: Mutex::default(),
            fails_at: Mutex::default(),
            explained: Mutex::default(),
            copies: tempfile::tempdir().unwrap(),
        }
    }
}

impl FakePlane {
    pub(super) fn act(&self, job: DataJobId, act: Act) {
        self.tell_and_act(job, Vec::new(), act);
    }

    pub(super) fn tell_and_act(&self, job: DataJobId, events: Vec<Event>, act: Act) {
        self.acts.lock().unwrap().insert(job, (events, act));
    }

    /// Where the engine's backups are.
    pub(super) fn backup_dir(&self) -> PathBuf {
        self.copies.path().join("backups")
    }

    /// Where what is pushed waits.
    pub(super) fn pools_dir(&self) -> PathBuf {
        self.copies.path().join("pools")
    }

    /// Where the engine keeps the files of exports.
    pub(super) fn exports_dir(&self) -> PathBuf {
        self.copies.path().join("exports")
    }

    /// Lets that many runs through the gate.
    pub(super) fn open_gate(&self, runs: usize) {
        self.gate.add_permits(runs);
    }

    /// The specs that were run, in order.
    pub(super) fn ran(&self) -> Vec<ExecutionSpec> {
        self.ran.lock().unwrap().clone()
    }

    /// The claims they were run under.
    pub(super) fn claims(&self) -> Vec<Claim> {
        self.claims.lock().unwrap().clone()
    }

    pub(super) fn most_running(&self) -> usize {
        self.most_running.load(Ordering::SeqCst)
    }

    /// Resolves once that many runs have told their events.
    pub(super) async fn begun(&self, runs: usize) {
        self.begun.subscribe().wait_for(|begun| *begun >= runs).await.unwrap();
    }

    /// Resolves once that many runs have seen their stop.
    pub(super) async fn stopped(&self, runs: usize) {
        self.stopped.subscribe().wait_for(|stopped| *stopped >= runs).await.unwrap();
    }

    pub(super) fn removed(&self) -> Vec<DataPoolId> {
        self.removed.lock().unwrap().clone()
    }

    pub(super) fn refuse_to_remove(&self, refuses: bool) {
        self.refuses_to_remove.store(refuses, Ordering::SeqCst);
    }

    async fn pass_gate(&self) -> Outcome {
        self.gate.acquire().await.unwrap().forget();
        Outcome::Succeeded
    }

    async fn stop(&self, stop: &Stop) -> Outcome {
        stop.requested().await;
        self.stopped.send_modify(|stopped| *stopped += 1);
        Outcome::Canceled
    }
}

/// Counts a run while it lives.
struct Running<'a>(&'a FakePlane);

impl<'a> Running<'a> {
    fn new(plane: &'a FakePlane) -> Self {
        let running = plane.running.fetch_add(1, Ordering::SeqCst) + 1;
        plane.most_running.fetch_max(running, Ordering::SeqCst);
        Self(plane)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl DataPlane for FakePlane {
    async fn run(&self, spec: &ExecutionSpec, claim: Claim, events: &dyn EventSink, stop: &Stop) -> Outcome {
        let _running = Running::new(self);
        self.claims.lock().unwrap().push(claim);
        self.ran.lock().unwrap().push(spec.clone());
        let act = self.acts.lock().unwrap().get(&spec.job_id).cloned();
        let (told, act) = act.unwrap_or((Vec::new(), Act::Succeed));
        for event in told {
            events.record(event).await;
        }
        self.begun.send_modify(|begun| *begun += 1);
        match act {
            Act::Succeed => Outcome::Succeeded,
            Act::Fail(why) => Outcome::Failed(why.to_owned()),
            Act::UntilStopped => self.stop(stop).await,
            Act::UntilStoppedAndGate => {
                let outcome = self.stop(stop).await;
                self.pass_gate().await;
                outcome
            }
            Act::UntilGate => self.pass_gate().await,
            Act::Panic => panic!("as told"),
            Act::Lose(loss) => Outcome::Lost(loss),
            Act::LoseAtGate(loss) => {
                self.pass_gate().await;
                Outcome::Lost(loss)
            }
        }
    }

    async fn query(&self, _: DataPoolId, _: Query, _: &Stop) -> Result<Rows, WarehouseError> {
        Ok(Rows { schema: Schema::empty().into(), batches: Vec::new(), truncated: false })
    }

    async fn query_script(
        &self,
        _: DataPoolId,
        query: ScriptQuery,
        _: &Stop,
    ) -> Result<Rows, WarehouseError> {
        self.scripts.lock().unwrap().push(query);
        Ok(Rows { schema: Schema::empty().into(), batches: Vec::new(), truncated: false })
    }

    /// Does as the first query says: fails, waits for the gate, or writes a file for each word.
    async fn export(
        &self,
        _: DataPoolId,
        request: ExportRequest,
        _: &Stop,
    ) -> Result<Option<Exported>, WarehouseError> {
        let told = request.queries[0].as_str();
        if let Some(message) = told.strip_prefix("fail ") {
            return Err(WarehouseError::new(WarehouseErrorKind::Invalid, message));
        }
        let Some(files) = request.files else { return Ok(None) };
        if told.starts_with("wait") {
            self.begun.send_modify(|begun| *begun += 1);
            self.gate.acquire().await.unwrap().forget();
        }
        let folder = self.copies.path().join(format!("export {}", request.id));
        std::fs::create_dir(&folder).unwrap();
        let mut chunks = Vec::new();
        for (number, word) in told.split(' ').enumerate() {
            std::fs::write(folder.join(files.format.file_name(number)), word).unwrap();
            chunks.push(ExportChunk { rows: 1, bytes: word.len() as u64 });
        }
        Ok(Some(Exported { folder, chunks }))
    }

    async fn tables(&self, pool: DataPoolId) -> Result<Vec<PoolTable>, WarehouseError> {
        let name = Identifier::parse("name", "orders").unwrap();
        let table = WarehouseTable { schema: global_schema(pool), name };
        Ok(vec![PoolTable { table, kind: PoolTableKind::Table, columns: Vec::new(), rows_at_most: None }])
    }

    async fn remove(&self, pool: DataPoolId) -> Result<(), WarehouseError> {
        if self.refuses_to_remove.load(Ordering::SeqCst) {
            return Err(WarehouseError::new(WarehouseErrorKind::Internal, "as told"));
        }
        self.removed.lock().unwrap().push(pool);
        Ok(())
    }

    async fn backup(&self, pool: DataPoolId) -> Result<PathBuf, WarehouseError> {
        let copy = self.copies.path().join(pool.to_string());
        std::fs::create_dir(&copy).unwrap();
        std::fs::write(copy.join("pool.duckdb"), pool.to_string()).unwrap();
        Ok(copy)
    }

    async fn check(&self, _: DataPoolId, _: &ConnectionConfig) -> Result<(), SourceError> {
        match *self.fails_at.lock().unwrap() {
            Some(step) => Err(SourceError::at(step, SourceErrorKind::Denied, "as told")),
            None => Ok(()),
        }
    }

    /// A look at no rows, with the table's name in its notes.
    async fn preview(
        &self,
        _: DataPoolId,
        _: &ConnectionConfig,
        table: &SourceTableName,
        rows: usize,
    ) -> Result<Preview, SourceError> {
        let findings = Findings {
            rows: 0,
            columns: Vec::new(),
            key: Vec::new(),
            candidates: Vec::new(),
            cut: 0,
            notes: vec![format!("{rows} rows of {table}")],
        };
        let rows = Rows { schema: Schema::empty().into(), batches: Vec::new(), truncated: false };
        Ok(Preview { findings, rows })
    }

    async fn explain(&self, spec: &ExecutionSpec) -> Result<TableExplanation, SourceError> {
        self.explained.lock().unwrap().push(spec.clone());
        let nothing = || Explanation { asked: Asked::Nothing, notes: Vec::new() };
        Ok(TableExplanation { full: nothing(), delta: nothing() })
    }

    async fn discover(&self, _: DataPoolId, _: &ConnectionConfig) -> Result<Vec<SourceTable>, SourceError> {
        Ok(self.offers.lock().unwrap().clone())
    }

    async fn damages(&self, _: DataPoolId) -> Result<Vec<Damage>, WarehouseError> {
        Ok(self.damages.lock().unwrap().clone())
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn workers(&self) -> Workers {
        Workers::default()
    }
}
