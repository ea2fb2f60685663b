//! The worker's side of these tests: a pool that does as the text of a query or the first schema
//! of a spec says.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use async_trait::async_trait;
use forebay_core::check::Step;
use forebay_core::connection::ConnectionConfig;
use forebay_core::event::{Event, EventSink, Outcome};
use forebay_core::execution::{Claim, LogLevel};
use forebay_core::explanation::{Asked, Explanation, TableExplanation};
use forebay_core::export::{ExportChunk, ExportRequest, Exported};
use forebay_core::extraction::SourceTableName;
use forebay_core::id::DataPoolId;
use forebay_core::name::Identifier;
use forebay_core::plane::PoolPlane;
use forebay_core::preview::{ColumnFindings, Findings, Preview};
use forebay_core::source::{SourceColumn, SourceError, SourceErrorKind, SourceTable};
use forebay_core::spec::{ExecutionSpec, ScriptQuery};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    PoolColumn, PoolTable, PoolTableKind, Query, Rows, WarehouseError, WarehouseErrorKind, WarehouseTable,
};

use crate::child;
use crate::confine::{Bounds, confine};
use crate::serve::{About, Ended, serve};
use crate::tests::confinement::reach;

/// Not a test by itself: the worker of the other tests.
#[test]
fn this_program_is_a_worker_when_it_is_started_as_one() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "worker").skip(1);
    let (Some(pool), Some(dir)) = (arguments.next(), arguments.next()) else { return };
    let dir = PathBuf::from(dir);
    // Only this thread and those it starts.
    let confinement = confine(&Bounds { write: vec![dir.clone()], open_files: 256, ..Bounds::default() });
    std::fs::write(dir.join("confinement"), confinement.to_string()).unwrap();
    let connection = child::inherited_connection().unwrap();
    let tether = child::Tether::new(&connection).unwrap();
    connection.set_nonblocking(true).unwrap();
    let pool: DataPoolId = pool.parse().unwrap();
    let about = About { pool, version: "test".to_owned(), confinement: confinement.to_string() };
    let plane =
        Arc::new(Told { pool, dir: dir.clone(), told: AtomicUsize::new(0), running: AtomicUsize::new(0) });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        serve(tokio::net::UnixStream::from_std(connection).unwrap(), plane, about, tether).await.unwrap()
    });
    if ended == Ended::Asked {
        std::fs::write(dir.join("closed"), "").unwrap();
    }
    runtime.shutdown_background();
}

struct Told {
    pool: DataPoolId,
    dir: PathBuf,
    /// Events so far.
    told: AtomicUsize,
    running: AtomicUsize,
}

/// Leaves a file when it is dropped.
struct Dropped(PathBuf);

impl Drop for Dropped {
    fn drop(&mut self) {
        std::fs::write(&self.0, "").unwrap();
    }
}

fn identifier(text: &str) -> Identifier {
    Identifier::parse("name", text).unwrap()
}

/// An answer whose one column is called so.
fn named(text: &str) -> Rows {
    let schema = Schema::new(vec![Field::new(text, DataType::Int64, true)]);
    Rows { schema: schema.into(), batches: Vec::new(), truncated: false }
}

/// Batches of numbers and of texts from a dictionary.
pub(super) fn rows(batches: i64, rows: i64) -> Rows {
    let texts = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
    let fields = vec![Field::new("number", DataType::Int64, false), Field::new("text", texts, true)];
    let schema = Arc::new(Schema::new(fields).with_metadata([("made".to_owned(), "here".to_owned())]));
    let batch = |batch: i64| {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(batch * rows..(batch + 1) * rows));
        let mut texts = StringDictionaryBuilder::<Int32Type>::new();
        for row in 0..rows {
            texts.append_option((row % 3 != 0).then(|| format!("text {batch} {}", row % 7)));
        }
        RecordBatch::try_new(Arc::clone(&schema), vec![numbers, Arc::new(texts.finish())]).unwrap()
    };
    Rows { batches: (0..batches).map(batch).collect(), schema: Arc::clone(&schema), truncated: true }
}

pub(super) const KINDS: [WarehouseErrorKind; 7] = [
    WarehouseErrorKind::Invalid,
    WarehouseErrorKind::Drift,
    WarehouseErrorKind::Conflict,
    WarehouseErrorKind::Canceled,
    WarehouseErrorKind::Unavailable,
    WarehouseErrorKind::Internal,
    WarehouseErrorKind::Stale,
];

/// The steps at which the kinds below fail.
pub(super) const STEPS: [Step; 4] = [Step::Connect, Step::Login, Step::Database, Step::Tables];

pub(super) const SOURCE_KINDS: [SourceErrorKind; 4] =
    [SourceErrorKind::Unreachable, SourceErrorKind::Denied, SourceErrorKind::Invalid, SourceErrorKind::Value];

#[async_trait]
impl PoolPlane for Told {
    async fn run(&self, spec: &ExecutionSpec, claim: Claim, events: &dyn EventSink, stop: &Stop) -> Outcome {
        self.running.fetch_add(1, Ordering::SeqCst);
        let outcome = self.act(spec, claim, events, stop).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    async fn query(&self, query: Query, _: &Stop) -> Result<Rows, WarehouseError> {
        let mut words = query.sql.split(' ');
        match words.next().unwrap() {
            "rows" => {
                let mut number = || words.next().unwrap().parse().unwrap();
                Ok(rows(number(), number()))
            }
            "fail" => {
                let kind = KINDS[words.next().unwrap().parse::<usize>().unwrap()];
                let cause = std::io::Error::other(std::fmt::Error);
                Err(WarehouseError::new(kind, "as told").caused_by(cause))
            }
            "schemas" => Ok(named(&format!("{:?} {}", query.schemas, query.limit))),
            "wait" => {
                let _dropped = Dropped(self.dir.join("dropped"));
                std::fs::write(self.dir.join("waiting"), "").unwrap();
                std::future::pending().await
            }
            "panic" => panic!("as told"),
            "abort" => std::process::abort(),
            "told" => Ok(named(&self.told.load(Ordering::SeqCst).to_string())),
            "running" => Ok(named(&self.running.load(Ordering::SeqCst).to_string())),
            "reach" => Ok(named(&reach(&PathBuf::from(words.next().unwrap())))),
            "environment" => {
                let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
                Ok(named(&format!(" {} ", names.join(" "))))
            }
            other => panic!("{other} is nothing to do"),
        }
    }

    async fn query_script(&self, query: ScriptQuery, _: &Stop) -> Result<Rows, WarehouseError> {
        Ok(named(&format!("{query:?}")))
    }

    /// Does as the first query says; what it was asked is the name of the folder.
    async fn export(&self, request: ExportRequest, _: &Stop) -> Result<Option<Exported>, WarehouseError> {
        match request.queries[0].as_str() {
            "wait" => {
                let _dropped = Dropped(self.dir.join("dropped"));
                std::fs::write(self.dir.join("waiting"), "").unwrap();
                std::future::pending().await
            }
            "fail" => Err(WarehouseError::new(WarehouseErrorKind::Invalid, "as told")),
            _ => Ok(request.files.map(|_| Exported {
                folder: PathBuf::from(format!("{request:?}")),
                chunks: vec![ExportChunk { rows: 3, bytes: 70 }, ExportChunk { rows: 0, bytes: 60 }],
            })),
        }
    }

    async fn tables(&self) -> Result<Vec<PoolTable>, WarehouseError> {
        let column = PoolColumn { name: identifier("id"), type_name: "BIGINT".to_owned() };
        let table = |name, kind, rows_at_most| PoolTable {
            table: WarehouseTable { schema: identifier(&self.pool.to_string()), name: identifier(name) },
            kind,
            columns: vec![column.clone()],
            rows_at_most,
        };
        Ok(vec![
            table("orders", PoolTableKind::Table, Some(7)),
            table("open orders", PoolTableKind::View, None),
        ])
    }

    async fn backup(&self) -> Result<PathBuf, WarehouseError> {
        Ok(self.dir.join("copy"))
    }

    /// The name of the database says what is wrong with it.
    async fn check(&self, config: &ConnectionConfig) -> Result<(), SourceError> {
        let ConnectionConfig::Postgresql(config) = config else { unreachable!("not asked") };
        assert_eq!(config.password.expose(), "secret");
        match config.database.parse::<usize>() {
            Ok(kind) => Err(SourceError::at(STEPS[kind], SOURCE_KINDS[kind], "as told")),
            Err(_) => Ok(()),
        }
    }

    async fn discover(&self, _: &ConnectionConfig) -> Result<Vec<SourceTable>, SourceError> {
        let column = SourceColumn { name: identifier("id"), type_name: "integer".to_owned() };
        let table = |schema: Option<&str>, rows| SourceTable {
            table: SourceTableName { schema: schema.map(identifier), name: identifier("orders") },
            columns: vec![column.clone()],
            key: vec![identifier("id")],
            rows,
        };
        Ok(vec![table(Some("public"), Some(3)), table(None, None)])
    }

    /// A look at a table of that name: `wait` never ends, and `missing` is not there.
    async fn preview(
        &self,
        _: &ConnectionConfig,
        table: &SourceTableName,
        most: usize,
    ) -> Result<Preview, SourceError> {
        match table.name.as_str() {
            "wait" => {
                let _dropped = Dropped(self.dir.join("dropped"));
                std::fs::write(self.dir.join("waiting"), "").unwrap();
                std::future::pending().await
            }
            "missing" => Err(SourceError::new(SourceErrorKind::Invalid, format!("{table} is not there"))),
            _ => Ok(looked_at(table, most)),
        }
    }

    async fn explain(&self, spec: &ExecutionSpec) -> Result<TableExplanation, SourceError> {
        match spec.schemas[0].name.as_str() {
            "fail" => Err(SourceError::new(SourceErrorKind::Denied, "as told")),
            _ => Ok(explanation()),
        }
    }
}

/// What a look at a table finds.
pub(super) fn looked_at(table: &SourceTableName, most: usize) -> Preview {
    let column =
        ColumnFindings { name: identifier("number"), type_name: "bigint".to_owned(), nulls: 1, distinct: 2 };
    let findings = Findings {
        rows: most,
        columns: vec![column],
        key: vec![identifier("number")],
        candidates: vec![vec![identifier("number"), identifier("text")]],
        cut: 3,
        notes: vec![table.to_string()],
    };
    Preview { findings, rows: rows(1, 40) }
}

/// What an extraction would ask for.
pub(super) fn explanation() -> TableExplanation {
    let full =
        Asked::Statement { sql: "SELECT ?".to_owned(), values: vec!["'ü'".to_owned()], in_ranges: true };
    TableExplanation {
        full: Explanation { asked: full, notes: vec!["a note".to_owned()] },
        delta: Explanation { asked: Asked::Refused("as told".to_owned()), notes: Vec::new() },
    }
}

impl Told {
    async fn act(&self, spec: &ExecutionSpec, claim: Claim, events: &dyn EventSink, stop: &Stop) -> Outcome {
        let mut words = spec.schemas[0].name.split(' ');
        match words.next().unwrap() {
            "tell" => {
                let (events_wanted, bytes): (usize, usize) =
                    (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap());
                for number in 0..events_wanted {
                    let code = number.to_string();
                    let text = "x".repeat(bytes);
                    events.record(Event::Log { task: None, level: LogLevel::Info, code, text }).await;
                    self.told.fetch_add(1, Ordering::SeqCst);
                }
                Outcome::Failed(format!("claim {}", claim.number))
            }
            "wait" => {
                stop.requested().await;
                Outcome::Canceled
            }
            "deaf" => std::future::pending().await,
            "panic" => panic!("as told"),
            "abort" => std::process::abort(),
            "memory" => {
                // As the allocator does when the system gives it nothing.
                eprintln!("memory allocation of 64 bytes failed");
                std::process::abort()
            }
            "exit" => std::process::exit(3),
            other => panic!("{other} is nothing to do"),
        }
    }
}
