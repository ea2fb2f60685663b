//! Files that are made to hurt: what they cost is bounded, and nobody else notices.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow::array::{ArrayRef, StringArray};
use axum::body::Bytes;
use futures::{StreamExt, stream};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::{Push, batch, failure, form, parquet_of, push, rows};
use crate::client::Answer;
use crate::pool::Pool;
use crate::server::Server;

const MIB: usize = 1 << 20;

/// The most memory that the server's process has held, in bytes.
fn server_peak(server: &Server) -> usize {
    let data = server.data().to_string_lossy().into_owned();
    let of_server = |pid: &std::fs::DirEntry| {
        let line = std::fs::read(pid.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let words: Vec<&str> = line.split('\0').collect();
        words.first().is_some_and(|program| program.ends_with("forebay"))
            && words.get(1) == Some(&"serve")
            && words.contains(&data.as_str())
    };
    let process = std::fs::read_dir("/proc").unwrap().flatten().find(of_server).expect("the server runs");
    let status = std::fs::read_to_string(process.path().join("status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn broken_parquet_files_fail_their_push_alone() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let good = parquet_of(&rows(&[(1, "a"), (2, "b")]));
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle..].iter_mut().step_by(3).for_each(|byte| *byte ^= 0xff);
    let mut lying = good.clone();
    let length = lying.len() - 8;
    lying[length..length + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    for bytes in [&good[..good.len() / 2], &good[..12], b"PAR1PAR1", &flipped, &lying, &[0_u8; 4096]] {
        let push = Push::create(&pool, &json!({})).await;
        push.send("upserted", bytes).await;
        let log = failure(&push.run().await);
        assert!(log.contains("file 1 of 1"), "{log}");
        push.delete().await;
    }
    Push::done(&push(&pool, &json!({}), &[rows(&[(1, "a")])]).await);
}

#[tokio::test]
async fn a_gigabyte_of_zeros_is_taken_in_little_memory() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let fields = json!({"fileType": "CSV"});
    let zeros = Push::create(&pool, &fields).await;
    let (content_type, whole) = form(b"|");
    let middle = whole.iter().position(|byte| *byte == b'|').unwrap();
    let (head, tail) =
        (Bytes::copy_from_slice(&whole[..middle]), Bytes::copy_from_slice(&whole[middle + 1..]));
    let piece = Bytes::from(vec![0_u8; MIB]);
    let pieces = stream::iter((0..1024).map(move |_| piece.clone()));
    let body = stream::once(async { head }).chain(pieces).chain(stream::once(async { tail }));
    let body = reqwest::Body::wrap_stream(body.map(Ok::<_, std::io::Error>));
    let path = format!("{}/chunks/upserted", zeros.path);
    let request = server.admin().request(Method::POST, &path).header(CONTENT_TYPE, content_type).body(body);
    Answer::of(request).await.ok();
    let peak = server_peak(&server);
    assert!(peak < 300 * MIB, "the server held {} MiB", peak / MIB);
    let log = failure(&zeros.run().await);
    assert!(log.contains("the row is longer than 64 MiB"), "{log}");
    zeros.delete().await;
    Push::done(&push(&pool, &json!({}), &[rows(&[(1, "a")])]).await);
}

#[tokio::test]
async fn a_file_that_unfolds_ends_its_own_worker_at_most() {
    let server = Server::start_with(&["--memory-mib", "256", "--worker-memory-mib", "640"]);
    let (pool, other) = (Pool::create(&server.admin()).await, Pool::create(&server.admin()).await);
    // 600 MiB of one letter in some kilobytes.
    let huge = "x".repeat(600 * MIB);
    let texts: ArrayRef = Arc::new(StringArray::from(vec![huge.as_str()]));
    let rows_of_it = batch(vec![("A", texts)]);
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).unwrap());
    let properties = WriterProperties::builder().set_compression(zstd).set_dictionary_enabled(false);
    let properties = properties.set_statistics_enabled(::parquet::file::properties::EnabledStatistics::None);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows_of_it.schema(), Some(properties.build())).unwrap();
    writer.write(&rows_of_it).unwrap();
    writer.close().unwrap();
    drop((huge, rows_of_it));
    assert!(bytes.len() < MIB, "the bomb has {} bytes", bytes.len());
    let bomb = Push::create(&pool, &json!({})).await;
    bomb.send("upserted", &bytes).await;
    drop(bytes);
    bomb.execute().await;
    // Another pool goes on meanwhile.
    Push::done(&push(&other, &json!({}), &[rows(&[(1, "a")])]).await);
    let log = failure(&bomb.end().await);
    assert!(log.contains("memory"), "{log}");
    bomb.delete().await;
    Push::done(&push(&pool, &json!({}), &[rows(&[(1, "a")])]).await);
}
