//! A running server: the data folder, the engine, the dispatcher and the listener.

use std::fs::File;
use std::future::Future;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use forebay_api::{Listening, Site};
use forebay_core::stop::{Stop, StopHandle};
use forebay_engine::{Engine, FirstKey, Settings};
use forebay_store::Store;
use forebay_ui::{OidcOptions, Provider};
use forebay_worker::{Patience, WorkerPlane};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::disk::DataDisk;
use crate::tls::{SiteOptions, Tls};
use crate::wiring::{self, WallClock};

/// Where a server keeps its data, and how much it may use.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder of the server's data; made at the first start.
    #[arg(long, env = "FOREBAY_DATA_DIR", default_value = "forebay-data")]
    pub(crate) data_dir: PathBuf,
    /// A folder below which connections may read SQLite databases and files; may come several times.
    #[arg(long = "file-root", env = "FOREBAY_FILE_ROOT")]
    pub(crate) file_roots: Vec<PathBuf>,
    /// The folder that backups are made in; by default `backups` in the data folder.
    #[arg(long, env = "FOREBAY_BACKUP_DIR")]
    pub(crate) backup_dir: Option<PathBuf>,
    /// The most executions that run at a time.
    #[arg(long, default_value_t = 4)]
    pub(crate) running_limit: usize,
    #[command(flatten)]
    pub(crate) queue: QueueOptions,
    /// The most tables of one extraction that are read at a time.
    #[arg(long, default_value_t = 2)]
    pub(crate) tables_at_a_time: usize,
    /// The most memory of each pool's engine, in MiB.
    #[arg(long, default_value_t = 2048)]
    pub(crate) memory_mib: u64,
    #[command(flatten)]
    pub(crate) workers: WorkerOptions,
    #[command(flatten)]
    pub(crate) oidc: OidcOptions,
}

/// What may run beside each other, and how long it may go on when the server is asked to stop.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct QueueOptions {
    /// The most executions of one pool that run at a time.
    #[arg(long, default_value_t = Self::default().pool_limit)]
    pub(crate) pool_limit: usize,
    /// The most executions that read one source host at a time, of all pools.
    #[arg(long, default_value_t = Self::default().source_limit)]
    pub(crate) source_limit: usize,
    /// How long running executions may go on when the server is asked to stop, in seconds; then they are put back
    /// into the queue for the next start.
    #[arg(long, default_value_t = Self::default().drain_seconds)]
    pub(crate) drain_seconds: u64,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { pool_limit: 2, source_limit: 4, drain_seconds: 10 }
    }
}

/// How the server deals with its workers: the processes that hold the pools, one for each pool in use.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WorkerOptions {
    /// How long a worker that nobody uses is kept, in seconds.
    #[arg(long, default_value_t = Self::default().worker_idle_seconds)]
    pub(crate) worker_idle_seconds: u64,
    /// After how many seconds without a sign of life a worker is killed; what it ran is run again.
    #[arg(long, default_value_t = Self::default().worker_silence_seconds, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) worker_silence_seconds: u64,
    /// How long a cancelled execution may take to stop, in seconds, before its worker is killed.
    #[arg(long, default_value_t = Self::default().worker_stop_seconds, value_parser = clap::value_parser!(u64).range(1..=8))]
    pub(crate) worker_stop_seconds: u64,
    /// The most memory of each worker, in MiB; by default 1024 more than its engine may use.
    #[arg(long)]
    pub(crate) worker_memory_mib: Option<u64>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        let Patience { idle, silence, stop, .. } = Patience::default();
        Self {
            worker_idle_seconds: idle.as_secs(),
            worker_silence_seconds: silence.as_secs(),
            worker_stop_seconds: stop.as_secs(),
            worker_memory_mib: None,
        }
    }
}

/// An opened data folder. Its lock is held until it is dropped: two servers on one folder would
/// open the same files.
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    workers: Arc<WorkerPlane>,
    /// The issuer by which people may sign in.
    oidc: Option<Provider>,
    /// The administrator's key, at the first start only.
    pub(crate) first_key: Option<FirstKey>,
    data_dir: PathBuf,
    _lock: File,
}

/// Opens the data folder, or makes it.
pub(crate) async fn open(options: &Options) -> anyhow::Result<Opened> {
    let (oidc, oidc_rules) = options.oidc.open()?.unzip();
    let dir = &options.data_dir;
    std::fs::create_dir_all(dir)
        .with_context(|| format!("the data folder {} cannot be made", dir.display()))?;
    // Paths that are told to others must not depend on where this was started.
    let dir = &std::fs::canonicalize(dir)
        .with_context(|| format!("the data folder {} cannot be found", dir.display()))?;
    let lock = lock(dir)?;
    let store = Store::open(dir)
        .await
        .with_context(|| format!("the metadata in {} cannot be opened", dir.display()))?;
    let workers = Arc::new(wiring::workers(options, dir)?);
    let settings = Settings {
        backup_dir: match &options.backup_dir {
            Some(dir) => std::path::absolute(dir)?,
            None => dir.join("backups"),
        },
        exports_dir: dir.join("exports"),
        pools_dir: dir.join("pools"),
        file_roots: options.file_roots.clone(),
        running_limit: options.running_limit.max(1),
        pool_limit: options.queue.pool_limit.max(1),
        source_limit: options.queue.source_limit.max(1),
        drain: Duration::from_secs(options.queue.drain_seconds),
        tables_at_a_time: options.tables_at_a_time.max(1),
        oidc: oidc_rules,
    };
    let engine = Engine::new(
        store,
        Arc::clone(&workers) as _,
        Arc::new(WallClock),
        Arc::new(DataDisk::new(dir)),
        settings,
    );
    let first_key = engine.first_start().await?;
    Ok(Opened { engine, workers, oidc, first_key, data_dir: dir.clone(), _lock: lock })
}

/// Takes the folder's lock, and notes this process in its file.
fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("lock");
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
    if file.try_lock().is_err() {
        let mut holder = String::new();
        // What is not there is not told: the lock is held either way.
        let holder = match file.read_to_string(&mut holder) {
            Ok(_) if !holder.is_empty() => format!(" (process {})", holder.trim()),
            _ => String::new(),
        };
        bail!("another forebay already uses the data folder {}{holder}; stop it first", dir.display());
    }
    // For people alone: a full disk must not keep a server from starting.
    if let Err(error) = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())) {
        tracing::warn!(error = &error as &dyn std::error::Error, "the lock does not name its holder");
    }
    Ok(file)
}

/// A server that answers.
pub(crate) struct Server {
    /// Where it listens, as an address for clients.
    pub(crate) url: String,
    site: Site,
    stop: StopHandle,
    dispatcher: JoinHandle<()>,
    keeper: JoinHandle<()>,
    scheduler: JoinHandle<()>,
    certificate: Option<JoinHandle<()>>,
    listener: Listening,
    opened: Opened,
}

impl Server {
    /// Begins to listen and to run what is queued.
    pub(crate) async fn start(opened: Opened, listen: &str, site: &SiteOptions) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        let tls = Tls::open(site, &opened.data_dir, address).await?;
        let (stop, stopped) = Stop::new();
        let site = Site { public_url: site.public_url.clone(), has_tls: tls.is_some() };
        let url = format!("{}://{address}", if site.has_tls { "https" } else { "http" });
        let listener = Listening::new(listener, tls.as_ref().map(Tls::current));
        let certificate = tls.map(|tls| tokio::spawn(tls.keep_fresh(stopped.clone())));
        let engine = opened.engine.clone();
        let keeper = tokio::spawn({
            let (engine, stopped) = (engine.clone(), stopped.clone());
            async move { engine.keep_house(stopped).await }
        });
        let scheduler = tokio::spawn({
            let (engine, stopped) = (engine.clone(), stopped.clone());
            async move { engine.run_schedules(stopped).await }
        });
        let dispatcher = tokio::spawn(async move { engine.dispatch(stopped).await });
        Ok(Self { url, site, stop, dispatcher, keeper, scheduler, certificate, listener, opened })
    }

    /// Answers until `until` resolves; then what runs is stopped and waited for.
    pub(crate) async fn serve(self, until: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { site, stop, mut dispatcher, keeper, mut scheduler, certificate, listener, opened, .. } =
            self;
        let pages = forebay_ui::pages(opened.oidc.clone());
        let mut serving = forebay_api::serve(opened.engine.clone(), site, pages, listener);
        tokio::select! {
            served = &mut serving => return Ok(served?),
            // A server that runs nothing must not look alive. They end by themselves in a panic alone.
            ended = &mut dispatcher => return ended.context("the queue of executions is not worked on any more"),
            ended = &mut scheduler => return ended.context("the schedules are not looked at any more"),
            () = until => stop.request(),
        }
        let ended = async {
            scheduler.await?;
            dispatcher.await?;
            keeper.await?;
            if let Some(certificate) = certificate {
                certificate.await?;
            }
            opened.workers.stop().await;
            anyhow::Ok(())
        };
        // What still runs is watched and can be cancelled to its end.
        tokio::select! {
            served = &mut serving => Ok(served?),
            ended = ended => ended,
        }
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
