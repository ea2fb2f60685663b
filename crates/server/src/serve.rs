//! A running server: the data folder, the engine, the dispatcher and the listener.

use std::fs::File;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use axum::ServiceExt;
use axum::extract::Request;
use forebay_core::stop::{Stop, StopHandle};
use forebay_engine::{Engine, FirstKey, Settings};
use forebay_store::Store;
use forebay_warehouse::Limits;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::wiring::{LocalPlane, WallClock};

/// Where a server keeps its data, and how much it may use.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder of the server's data; made at the first start.
    #[arg(long, env = "FOREBAY_DATA_DIR", default_value = "forebay-data")]
    pub(crate) data_dir: PathBuf,
    /// A folder below which connections may read SQLite databases and files; may come several times.
    #[arg(long = "file-root", env = "FOREBAY_FILE_ROOT")]
    pub(crate) file_roots: Vec<PathBuf>,
    /// The most executions that run at a time.
    #[arg(long, default_value_t = 4)]
    pub(crate) running_limit: usize,
    /// The most tables of one extraction that are read at a time.
    #[arg(long, default_value_t = 2)]
    pub(crate) tables_at_a_time: usize,
    /// The most memory of each pool's engine, in MiB.
    #[arg(long, default_value_t = 2048)]
    pub(crate) memory_mib: u64,
}

/// An opened data folder. Its lock is held until it is dropped: two servers on one folder would
/// open the same files.
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    /// The administrator's key, at the first start only.
    pub(crate) first_key: Option<FirstKey>,
    _lock: File,
}

/// Opens the data folder, or makes it.
pub(crate) async fn open(options: &Options) -> anyhow::Result<Opened> {
    let dir = &options.data_dir;
    std::fs::create_dir_all(dir)
        .with_context(|| format!("the data folder {} cannot be made", dir.display()))?;
    let lock = lock(dir)?;
    let store = Store::open(dir)
        .await
        .with_context(|| format!("the metadata in {} cannot be opened", dir.display()))?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let limits = Limits { threads, memory_bytes: options.memory_mib * 1024 * 1024 };
    let plane = Arc::new(LocalPlane::new(&dir.join("pools"), limits));
    let settings = Settings {
        file_roots: options.file_roots.clone(),
        running_limit: options.running_limit.max(1),
        tables_at_a_time: options.tables_at_a_time.max(1),
    };
    let engine = Engine::new(store, plane, Arc::new(WallClock), settings);
    let first_key = engine.first_start().await?;
    Ok(Opened { engine, first_key, _lock: lock })
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    file.try_lock().map_err(|_| {
        anyhow::anyhow!("another forebay already uses the data folder {}; stop it first", dir.display())
    })?;
    Ok(file)
}

/// A server that answers.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: StopHandle,
    dispatcher: JoinHandle<forebay_core::Result<()>>,
    listener: TcpListener,
    opened: Opened,
}

impl Server {
    /// Begins to listen and to run what is queued.
    pub(crate) async fn start(opened: Opened, listen: &str) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = Stop::new();
        let engine = opened.engine.clone();
        let dispatcher = tokio::spawn(async move { engine.dispatch(stopped).await });
        Ok(Self { address, stop, dispatcher, listener, opened })
    }

    /// Answers until `until` resolves; then what runs is stopped and waited for.
    pub(crate) async fn serve(self, until: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { stop, mut dispatcher, listener, opened, .. } = self;
        let service = crate::api::router(opened.engine.clone());
        let service = ServiceExt::<Request>::into_make_service(service);
        // Not the graceful kind: a client that follows an execution would hold the server up.
        tokio::select! {
            served = axum::serve(listener, service) => served?,
            // A server that runs nothing must not look alive.
            ended = &mut dispatcher => ended?.context("the queue of executions cannot be read")?,
            () = until => {
                stop.request();
                dispatcher.await??;
            }
        }
        Ok(())
    }
}

/// Resolves when the process is asked to end.
pub(crate) async fn asked_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! { _ = interrupted => {}, _ = terminated.recv() => {} }
        }
        Err(_) => drop(interrupted.await),
    }
}
