//! What it costs to turn rows as PostgreSQL sends them into Arrow:
//! `cargo bench --workspace --profile dev --bench decode`; another profile compiles the engine again.
//!
//! One batch of a table like TPC-H's `lineitem`, and one of each kind of column alone.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use forebay_sources::bench::CopyStream;

/// PostgreSQL's numbers of types.
const INT4: (u32, i32) = (23, -1);
const INT8: (u32, i32) = (20, -1);
const TEXT: (u32, i32) = (25, -1);
const DATE: (u32, i32) = (1082, -1);
const TIMESTAMP: (u32, i32) = (1114, -1);
/// `numeric(15, 2)`.
const NUMERIC: (u32, i32) = (1700, (15 << 16 | 2) + 4);

/// A value of a type in PostgreSQL's binary form, another one for each row.
fn value((type_oid, _): (u32, i32), row: usize) -> Vec<u8> {
    let number = row as u64 * 7_919 % 100_003;
    match type_oid {
        23 | 1082 => (number as u32).to_be_bytes().to_vec(),
        20 | 1114 => (number * 1_000_003).to_be_bytes().to_vec(),
        1700 => {
            // Two digits of 10,000 before the point, and one behind it: numbers of up to 99,999,999.99.
            let mut bytes = Vec::new();
            for half in [3_u16, 1, 0, 2, (number / 10) as u16, (number % 10_000) as u16, 4_200] {
                bytes.extend(half.to_be_bytes());
            }
            bytes
        }
        _ => format!("carefully final deposits {number}").into_bytes(),
    }
}

/// A stream of binary COPY: its head, the rows and its end.
fn stream(types: &[(u32, i32)], rows: usize) -> Vec<u8> {
    let mut stream = b"PGCOPY\n\xff\r\n\0".to_vec();
    stream.extend([0; 8]);
    for row in 0..rows {
        stream.extend((types.len() as u16).to_be_bytes());
        for (column, kind) in types.iter().enumerate() {
            let value = value(*kind, row + column);
            stream.extend((value.len() as u32).to_be_bytes());
            stream.extend(value);
        }
    }
    stream.extend([255, 255]);
    stream
}

fn decode(criterion: &mut Criterion) {
    // Run as a test, it shows that it works.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let rows = if measured { 30_720 } else { 2_000 };
    let lineitem = [&[INT4; 4][..], &[NUMERIC; 4], &[TEXT; 2], &[DATE; 3], &[TEXT; 3]].concat();
    let tables: [(&str, &[(u32, i32)]); 7] = [
        ("lineitem", &lineitem),
        ("int4", &[INT4]),
        ("int8", &[INT8]),
        ("numeric", &[NUMERIC]),
        ("text", &[TEXT]),
        ("date", &[DATE]),
        ("timestamp", &[TIMESTAMP]),
    ];
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(rows as u64));
    for (name, types) in tables {
        let stream = stream(types, rows);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || CopyStream::of(types),
                |mut decoder| {
                    let batch = decoder.decode(black_box(&stream)).expect("a good stream");
                    assert_eq!(batch.num_rows(), rows);
                    batch
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
