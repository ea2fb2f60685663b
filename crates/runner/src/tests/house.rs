//! What every test needs: a job's spec from its parts, and a run of it with everything faked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use async_trait::async_trait;
use forebay_core::Timestamp;
use forebay_core::connection::{ConnectionConfig, HashAlgorithm, Pseudonymisation, SqliteConfig};
use forebay_core::event::{Event, EventSink, Outcome};
use forebay_core::execution::{Claim, ExtractionMode, LogLevel, Receipt, Status};
use forebay_core::extraction::{ChangeDate, SourceTableName, TableExtraction};
use forebay_core::id::{DataConnectionId, DataJobId, DataPoolId, ExecutionId, TaskId};
use forebay_core::name::Identifier;
use forebay_core::parameter::{ParameterOrigin, ParameterType};
use forebay_core::pool::connection_schema;
use forebay_core::retry::RetryPolicy;
use forebay_core::secret::Secret;
use forebay_core::source::{PushedFiles, Source, SourceError};
use forebay_core::spec::{
    DataPushSpec, ExecutionSpec, ExtractionSpec, NamedSchema, ParameterSpec, TaskSpec, Work,
};
use forebay_core::stop::{Stop, StopHandle};
use forebay_core::warehouse::WarehouseTable;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::push::FakePush;
use super::source::FakeSource;
use super::warehouse::{FakeWarehouse, Table};

/// The longest a test waits for what must come.
const BOUND: Duration = Duration::from_secs(30);
/// 2023-11-14 22:13:20 UTC.
pub(super) const CHANGED_AT: i64 = 1_700_000_000_000;

pub(super) fn identifier(text: &str) -> Identifier {
    Identifier::parse("identifier", text).unwrap()
}

pub(super) fn identifiers(texts: &[&str]) -> Vec<Identifier> {
    texts.iter().map(|text| identifier(text)).collect()
}

/// Rows of orders: id, status, updated.
pub(super) fn orders(rows: &[(i64, &str, i64)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>());
    let status: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.1)).collect::<StringArray>());
    let updated: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Int64Array>());
    batch(&[("id", ids), ("status", status), ("updated", updated)])
}

pub(super) fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    let columns = columns.iter().map(|(name, column)| (*name, Arc::clone(column), true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// A table with nothing set.
pub(super) fn table(name: &str) -> TableExtraction {
    TableExtraction::new(SourceTableName { schema: None, name: identifier(name) })
}

/// A table whose changes are ordered by `updated`.
pub(super) fn with_cursor(name: &str) -> TableExtraction {
    let change_date = Some(ChangeDate { column: identifier("updated"), offset_seconds: 60 });
    TableExtraction { change_date, ..table(name) }
}

pub(super) fn constant(placeholder: &str, data_type: ParameterType, values: &[&str]) -> ParameterSpec {
    ParameterSpec {
        placeholder: placeholder.to_owned(),
        data_type,
        origin: ParameterOrigin::Constant,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

/// Takes events and lets tests wait for them.
#[derive(Default)]
pub(super) struct Events {
    list: Mutex<Vec<Event>>,
    count: watch::Sender<usize>,
}

#[async_trait]
impl EventSink for Events {
    async fn record(&self, event: Event) {
        let mut list = self.list.lock().unwrap();
        list.push(event);
        self.count.send_replace(list.len());
    }
}

impl Events {
    pub(super) fn all(&self) -> Vec<Event> {
        self.list.lock().unwrap().clone()
    }

    /// Resolves once there is an event like this.
    pub(super) async fn until(&self, wanted: impl Fn(&Event) -> bool) {
        let mut count = self.count.subscribe();
        let found = count.wait_for(|_| self.list.lock().unwrap().iter().any(&wanted));
        drop(tokio::time::timeout(BOUND, found).await.expect("the event comes").unwrap());
    }

    /// Texts of log lines with a code.
    pub(super) fn logged(&self, code: &str) -> Vec<String> {
        let of_code = |event| match event {
            Event::Log { code: found, text, .. } if found == code => Some(text),
            _ => None,
        };
        self.all().into_iter().filter_map(of_code).collect()
    }

    /// Codes of the warnings and errors, in order.
    pub(super) fn alarms(&self) -> Vec<String> {
        let loud = |event| match event {
            Event::Log { code, level: LogLevel::Warning | LogLevel::Error, .. } => Some(code),
            _ => None,
        };
        self.all().into_iter().filter_map(loud).collect()
    }

    /// How each task ended, with its message.
    pub(super) fn tasks(&self) -> Vec<(Status, String)> {
        let ended = |event| match event {
            Event::TaskFinished { status, message, .. } => Some((status, message.unwrap_or_default())),
            _ => None,
        };
        self.all().into_iter().filter_map(ended).collect()
    }

    /// Name, end and message of each step, by place.
    pub(super) fn steps(&self) -> Vec<(String, Status, String)> {
        let mut steps: Vec<(TaskId, u32, String, Status, String)> = Vec::new();
        for event in self.all() {
            match event {
                Event::StepStarted { task, step, name } => {
                    // A step that is begun again is as new.
                    steps.retain(|begun| begun.0 != task || begun.1 != step);
                    steps.push((task, step, name, Status::Running, String::new()));
                }
                Event::StepFinished { task, step, status, message, .. } => {
                    let begun = steps.iter_mut().find(|begun| begun.0 == task && begun.1 == step).unwrap();
                    (begun.3, begun.4) = (status, message.unwrap_or_default());
                }
                _ => {}
            }
        }
        steps.sort_by_key(|step| step.1);
        steps.into_iter().map(|(_, _, name, status, message)| (name, status, message)).collect()
    }

    /// The receipt of the only table that has one.
    pub(super) fn receipt(&self) -> Receipt {
        let of_step = |event| match event {
            Event::StepFinished { receipt, .. } => receipt,
            _ => None,
        };
        let receipts: Vec<Receipt> = self.all().into_iter().filter_map(of_step).collect();
        assert_eq!(receipts.len(), 1, "{receipts:?}");
        receipts.into_iter().next().unwrap()
    }
}

/// A pool with one connection, and everything around a run.
pub(super) struct House {
    pub(super) pool: DataPoolId,
    pub(super) connection: DataConnectionId,
    pub(super) source: FakeSource,
    pub(super) warehouse: FakeWarehouse,
    /// What a push of the house has sent.
    pub(super) pushed: FakePush,
    pub(super) parallel: usize,
    pub(super) algorithm: HashAlgorithm,
    /// Nothing is tried again unless a test says so.
    pub(super) retry: RetryPolicy,
}

/// A run that is over.
pub(super) struct Told {
    pub(super) outcome: Outcome,
    pub(super) events: Arc<Events>,
}

impl House {
    pub(super) fn new() -> Self {
        Self {
            pool: DataPoolId::random(),
            connection: DataConnectionId::random(),
            source: FakeSource::default(),
            warehouse: FakeWarehouse::default(),
            pushed: FakePush::default(),
            parallel: 1,
            algorithm: HashAlgorithm::Sha256,
            retry: RetryPolicy { attempts: 1, first_pause_seconds: 0, longest_pause_seconds: 0 },
        }
    }

    pub(super) fn target(&self, name: &str) -> WarehouseTable {
        WarehouseTable { schema: connection_schema(self.pool, self.connection), name: identifier(name) }
    }

    /// A table of the connection as it is now.
    pub(super) fn rows(&self, name: &str) -> Table {
        self.warehouse.table(&self.target(name)).unwrap_or_else(|| panic!("{name} is missing"))
    }

    pub(super) fn extraction(&self, tables: &[TableExtraction]) -> TaskSpec {
        self.task(
            "Extract",
            Work::Extraction(ExtractionSpec {
                connection_id: self.connection,
                config: ConnectionConfig::Sqlite(SqliteConfig { path: "source.db".into() }),
                pseudonymisation: Pseudonymisation { algorithm: self.algorithm, salt: Secret::new("salt") },
                tables: tables.to_vec(),
                parallel: self.parallel,
                done: Vec::new(),
            }),
        )
    }

    pub(super) fn transformation(&self, statement: &str) -> TaskSpec {
        self.task("Transform", Work::Transformation { statement: statement.to_owned() })
    }

    pub(super) fn task(&self, name: &str, work: Work) -> TaskSpec {
        TaskSpec {
            id: TaskId::random(),
            name: name.to_owned(),
            work,
            parameters: Vec::new(),
            retry: self.retry,
        }
    }

    pub(super) fn spec(&self, mode: ExtractionMode, tasks: Vec<TaskSpec>) -> ExecutionSpec {
        ExecutionSpec {
            execution_id: ExecutionId::random(),
            pool_id: self.pool,
            job_id: DataJobId::random(),
            connection_id: Some(self.connection),
            mode,
            changed_at: Timestamp::from_millis(CHANGED_AT),
            tasks,
            schemas: vec![NamedSchema { connection_id: self.connection, name: "ERP".to_owned() }],
        }
    }

    pub(super) async fn full(&self, tables: &[TableExtraction]) -> Told {
        self.run(ExtractionMode::Full, vec![self.extraction(tables)]).await
    }

    pub(super) async fn delta(&self, tables: &[TableExtraction]) -> Told {
        self.run(ExtractionMode::Delta, vec![self.extraction(tables)]).await
    }

    pub(super) async fn run(&self, mode: ExtractionMode, tasks: Vec<TaskSpec>) -> Told {
        self.run_and(mode, tasks, async |_: &Events, _: &StopHandle| {}).await
    }

    /// Runs tasks while something else happens beside.
    pub(super) async fn run_and(
        &self,
        mode: ExtractionMode,
        tasks: Vec<TaskSpec>,
        beside: impl AsyncFnOnce(&Events, &StopHandle),
    ) -> Told {
        self.run_spec_and(self.spec(mode, tasks), beside).await
    }

    pub(super) async fn run_spec(&self, spec: ExecutionSpec) -> Told {
        self.run_spec_and(spec, async |_: &Events, _: &StopHandle| {}).await
    }

    async fn run_spec_and(
        &self,
        spec: ExecutionSpec,
        beside: impl AsyncFnOnce(&Events, &StopHandle),
    ) -> Told {
        let (handle, stop) = Stop::new();
        let events = Arc::new(Events::default());
        let run = self.bounded(&spec, &events, &stop);
        let outcome = tokio::join!(run, beside(&events, &handle)).0;
        Told { outcome, events }
    }

    /// Runs a spec whose stop was asked for before it began.
    pub(super) async fn run_stopped(&self, spec: ExecutionSpec) -> Told {
        let (handle, stop) = Stop::new();
        handle.request();
        let events = Arc::new(Events::default());
        let outcome = self.bounded(&spec, &events, &stop).await;
        Told { outcome, events }
    }

    async fn bounded(&self, spec: &ExecutionSpec, events: &Events, stop: &Stop) -> Outcome {
        let source = self.source.clone();
        let open = move |_: &ConnectionConfig, _: usize| -> Result<Box<dyn Source>, SourceError> {
            Ok(Box::new(source.clone()))
        };
        let pushed = self.pushed.clone();
        let open_push = move |_: &DataPushSpec| -> Result<Box<dyn PushedFiles>, SourceError> {
            Ok(Box::new(pushed.clone()))
        };
        let open = (open, open_push);
        let claim = Claim { job: spec.job_id, number: 1 };
        // Boxed, since whoever runs jobs needs a future that can move between threads.
        let run: BoxFuture<'_, Outcome> =
            Box::pin(crate::run(spec, claim, &open, &self.warehouse, events, stop));
        tokio::time::timeout(BOUND, run).await.expect("the run ends")
    }
}
