//! Starts a worker: a child of this process whose standard input is its connection.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;
use std::process::Stdio;
use std::sync::Arc;

use forebay_core::id::DataPoolId;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tonic::Status;
use tonic::transport::Channel;

use crate::protocol::worker_client::WorkerClient;
use crate::protocol::{HelloReply, HelloRequest, PROTOCOL};
use crate::workers::ending::Death;
use crate::workers::keeper::Keeper;
use crate::workers::leftovers::note;
use crate::workers::stderr::LastWords;
use crate::workers::worker::Worker;
use crate::workers::{Launch, Shared, dial};

/// What a worker inherits of the server's environment: nothing else, so that no secret and no path of
/// the server is there to be read.
const ENVIRONMENT: [&str; 9] = [
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "NO_COLOR",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TZ",
];

/// How the names begin that stage faults in tests.
const FAULTS: &str = "FOREBAY_FAULT";

/// Why a worker could not be started. The text is for the user.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("the pool's worker cannot be started: {0}")]
    Process(#[source] io::Error),
    #[error("the pool's worker ended while it was started: {0}")]
    Ended(String),
    #[error("the pool's worker did not answer when it was started")]
    Silent,
    #[error("the pool's worker cannot be spoken to")]
    Connection(#[from] tonic::transport::Error),
    #[error("the pool's worker answers with an error")]
    Answer(#[source] Box<Status>),
    #[error("the pool's worker is of version {0}, which this server does not understand")]
    Version(String),
}

/// Starts the worker of a pool and hands it to a keeper.
pub(super) async fn start(shared: &Arc<Shared>, pool: DataPoolId) -> Result<Arc<Worker>, StartError> {
    let (mut child, connection) = spawn(&shared.launch, pool).map_err(StartError::Process)?;
    let pid = child.id().unwrap_or_default();
    let words = child.stderr.take().map(LastWords::of);
    let noted = note(&shared.launch.notes_dir, pool);
    let told = std::fs::create_dir_all(&shared.launch.notes_dir)
        .and_then(|()| std::fs::write(&noted, pid.to_string()));
    if let Err(error) = told {
        // Only a server that is killed misses it.
        tracing::warn!(data_pool.id = %pool, error = &error as &dyn std::error::Error, "a worker cannot be noted");
    }
    let greeted = tokio::select! {
        greeted = greet(connection) => greeted,
        () = tokio::time::sleep(shared.patience.change) => Err(StartError::Silent),
    };
    let (client, hello) = match greeted {
        Ok(greeted) => greeted,
        Err(error) => {
            let ended = tokio::time::timeout(std::time::Duration::from_secs(1), child.wait()).await;
            // It has ended by itself already, or it is ended now; either way it is waited for.
            drop(child.kill().await);
            drop(std::fs::remove_file(&noted));
            let Ok(Ok(status)) = ended else { return Err(error) };
            let no_memory = match words {
                Some(words) => words.no_memory().await,
                None => false,
            };
            let (memory, limit) = (Default::default(), shared.launch.memory_bytes);
            return Err(StartError::Ended(Death { status: Some(status), memory, limit, no_memory }.reason()));
        }
    };
    tracing::info!(
        data_pool.id = %pool,
        worker.pid = pid,
        confinement = if hello.confinement.is_empty() { "none" } else { &hello.confinement },
        "worker started"
    );
    let worker = Arc::new(Worker::new(pool, pid, client));
    let keeper = Keeper { worker: Arc::clone(&worker), child, words, noted, shared: Arc::clone(shared) };
    // It ends with the worker, for whose end everyone waits who stops it.
    tokio::spawn(keeper.keep());
    Ok(worker)
}

fn spawn(launch: &Launch, pool: DataPoolId) -> io::Result<(Child, UnixStream)> {
    let dir = launch.pools_dir.join(pool.to_string());
    std::fs::create_dir_all(&dir)?;
    let (ours, theirs) = Pair::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(&launch.program);
    command.arg0("forebay").args((launch.arguments)(pool, &dir));
    command.env_clear();
    let passed = |name: &str| ENVIRONMENT.contains(&name) || name.starts_with(FAULTS);
    command.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(passed)));
    command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // An interrupt of the terminal is the server's alone: it ends its workers in good order.
        .process_group(0)
        .kill_on_drop(true);
    Ok((command.spawn()?, UnixStream::from_std(ours)?))
}

async fn greet(connection: UnixStream) -> Result<(WorkerClient<Channel>, HelloReply), StartError> {
    let mut client = dial::client(connection).await?;
    let hello = client.hello(HelloRequest { protocol: PROTOCOL }).await;
    let hello = hello.map_err(|status| StartError::Answer(Box::new(status)))?.into_inner();
    if hello.protocol != PROTOCOL {
        return Err(StartError::Version(hello.forebay_version));
    }
    Ok((client, hello))
}
