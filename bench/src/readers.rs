//! Clients that ask how executions stand, each on one connection that it keeps open, one question after the other.
//!
//! They speak plain HTTP/1.1 on their sockets and share one thread: on a machine with few cores a client library would
//! take more of it than the server, and that would be measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::forebay::{Forebay, Job};

/// One question, and the id that must be in its answer.
#[derive(Clone)]
pub(crate) struct Read {
    path: String,
    id: String,
}

impl Read {
    /// How an execution stands, asked as `docs/api.md` says.
    pub(crate) fn of_execution(id: &str) -> Self {
        Self { path: format!("/forebay/api/v1/executions/{id}"), id: id.to_owned() }
    }

    /// How the jobs of a pool stand, asked by the call of the wire contract.
    pub(crate) fn of_jobs(job: &Job) -> Self {
        Self { path: format!("/integration/api/pools/{}/logs/status", job.pool), id: job.id.clone() }
    }

    /// All pools.
    pub(crate) fn of_pools(job: &Job) -> Self {
        Self { path: "/integration/api/pools".to_owned(), id: job.pool.clone() }
    }

    /// The jobs of a pool.
    pub(crate) fn of_pool_jobs(job: &Job) -> Self {
        Self { path: format!("/integration/api/pools/{}/jobs", job.pool), id: job.id.clone() }
    }

    /// The executions of a job.
    pub(crate) fn of_job_executions(job: &Job) -> Self {
        let Job { pool, id, .. } = job;
        Self { path: format!("/integration/api/pools/{pool}/logs/{id}/executions"), id: id.clone() }
    }
}

/// Asks for `time`, on so many connections. Gives how long each answer took.
///
/// # Errors
///
/// When an answer is not a good one, or is about another execution.
pub(crate) async fn run(
    server: &Forebay,
    reads: &Arc<Vec<Read>>,
    connections: usize,
    time: Duration,
) -> Result<Vec<Duration>> {
    let address = server.base.strip_prefix("http://").context("the server's address")?.to_owned();
    let (reads, head) =
        (Arc::clone(reads), format!("Host: {address}\r\nAuthorization: Bearer {}", server.key));
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let until = Instant::now() + time;
            let clients = (0..connections).map(|first| client(&address, &head, &reads, first, until));
            Ok(try_join_all(clients).await?.concat())
        })
    };
    let (sender, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || drop(sender.send(run())));
    ended.await.context("the thread of the readers")?
}

async fn client(
    address: &str,
    head: &str,
    reads: &[Read],
    first: usize,
    until: Instant,
) -> Result<Vec<Duration>> {
    /// A prime, so that a client comes by all executions in an order that is not that of their ages.
    const STRIDE: usize = 7_919;
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut answer, mut at) = (Vec::new(), Vec::new(), first * STRIDE * 31);
    while Instant::now() < until {
        let read = &reads[at % reads.len()];
        at += STRIDE;
        let begun = Instant::now();
        let request = format!("GET {} HTTP/1.1\r\n{head}\r\n\r\n", read.path);
        stream.write_all(request.as_bytes()).await?;
        let body = receive(&mut stream, &mut answer).await?;
        times.push(begun.elapsed());
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "{} gave {}", read.path, shown(&answer));
        let is_right = answer[body..].windows(read.id.len()).any(|part| part == read.id.as_bytes());
        ensure!(is_right, "{} gave {}", read.path, shown(&answer));
    }
    Ok(times)
}

/// Receives one answer whole, and says where its body begins.
async fn receive(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<usize> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            bail!("the server closed a connection after {}", shown(answer));
        }
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&answer[..end])?.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.with_context(|| format!("no length in {head}"))?.trim().parse()?;
        if answer.len() >= end + 4 + length {
            return Ok(end + 4);
        }
    }
}

fn shown(answer: &[u8]) -> String {
    String::from_utf8_lossy(&answer[..answer.len().min(500)]).into_owned()
}
