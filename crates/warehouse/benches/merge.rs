//! What a merge by key costs, by the size of the table and of the change:
//! `cargo bench --workspace --profile dev --bench merge`; another profile compiles the engine again.
//!
//! Each merge is a load as an execution makes it, commit included. The changed keys lie all over the
//! table, which keeps its number of rows.

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use forebay_core::Timestamp;
use forebay_core::execution::Claim;
use forebay_core::id::DataJobId;
use forebay_core::name::Identifier;
use forebay_core::source::Checkpoint;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Key, LoadReport, LoadSpec, Warehouse, WarehouseTable, WriteMode};
use forebay_warehouse::{DuckDb, Limits};
use tokio::runtime::Runtime;

/// Rows of a batch as a source sends them.
const BATCH: i64 = 65_536;

fn name(text: &str) -> Identifier {
    Identifier::parse("name", text).expect("a name that is right")
}

/// A pool with one table, in a folder of its own.
struct Pool {
    runtime: Runtime,
    warehouse: Arc<DuckDb>,
    claim: Claim,
    _dir: tempfile::TempDir,
}

impl Pool {
    fn new() -> Self {
        const MIB: u64 = 1 << 20;
        let dir = tempfile::tempdir().expect("a folder");
        let limits = Limits { threads: 2, memory_bytes: 512 * MIB, temp_bytes: 4096 * MIB };
        let warehouse = DuckDb::open(dir.path(), &name("global"), limits).expect("a new pool");
        let job: DataJobId = "11111111-1111-4111-8111-111111111111".parse().expect("an id");
        let claim = Claim { job, number: 1 };
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(warehouse.take_over(claim)).expect("a claim");
        Self { runtime, warehouse, claim, _dir: dir }
    }

    fn load(&self, mode: WriteMode, batches: impl IntoIterator<Item = RecordBatch>) -> LoadReport {
        let spec = LoadSpec {
            claim: self.claim,
            table: WarehouseTable { schema: name("connection"), name: name("orders") },
            columns: columns(),
            mode,
            changed_at: Timestamp::from_millis(0),
        };
        let load = async {
            let mut load = self.warehouse.begin_load(spec).await?;
            let mut rows = 0;
            for batch in batches {
                rows += batch.num_rows() as u64;
                load.append(batch).await?;
            }
            let checkpoint = Checkpoint { cursor: None, position: String::new() };
            load.commit(rows, &checkpoint, &Stop::never()).await
        };
        self.runtime.block_on(load).expect("a load")
    }
}

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("amount", DataType::Decimal128(15, 2), true),
        Field::new("day", DataType::Date32, true),
        Field::new("comment", DataType::Utf8, true),
    ]))
}

fn batch(ids: impl Iterator<Item = i64> + Clone, what: &str) -> RecordBatch {
    let amounts = Decimal128Array::from_iter_values(ids.clone().map(|id| i128::from(id) * 7 % 50_000_000));
    let days = Date32Array::from_iter_values(ids.clone().map(|id| (id % 2400) as i32));
    let comments =
        StringArray::from_iter_values(ids.clone().map(|id| format!("{what} {}", id * 31 % 1_000_003)));
    RecordBatch::try_new(
        columns(),
        vec![
            Arc::new(Int64Array::from_iter_values(ids)),
            Arc::new(amounts.with_precision_and_scale(15, 2).expect("a decimal's size")),
            Arc::new(days),
            Arc::new(comments),
        ],
    )
    .expect("columns of one length")
}

fn merge(criterion: &mut Criterion) {
    // Run as a test, it shows that it works.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let sizes: &[i64] = if measured { &[1_500_000, 15_000_000] } else { &[15_000] };
    let mut group = criterion.benchmark_group("merge");
    group.sample_size(10);
    for &rows in sizes {
        let pool = Pool::new();
        let starts = (0..rows).step_by(BATCH as usize);
        pool.load(WriteMode::Replace, starts.map(|start| batch(start..rows.min(start + BATCH), "loaded")));
        for changed in [150, 30_000.min(rows / 2)] {
            let mut first = 0;
            let key = Key::new(vec![name("id")]).expect("a key");
            group.bench_function(BenchmarkId::new(format!("{changed} of"), rows), |bencher| {
                bencher.iter_batched(
                    || {
                        first += 1;
                        let step = rows / changed;
                        batch((0..changed).map(move |place| (place * step + first) % rows), "changed")
                    },
                    |batch| {
                        let mode = WriteMode::Merge { key: key.clone(), order: None };
                        let report = pool.load(mode, [batch]);
                        assert_eq!(report.rows_updated, changed as u64);
                        black_box(report)
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, merge);
criterion_main!(benches);
