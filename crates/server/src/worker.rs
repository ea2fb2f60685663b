//! `forebay worker`: one pool in a process of its own. The server starts it; the command line is
//! written and read in this file. Nothing of the metadata is named in it, and no secret.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use forebay_core::id::DataPoolId;
use forebay_warehouse::Limits;
use forebay_worker::child::{self, Tether};
use forebay_worker::confine::{Bounds, confine};
use forebay_worker::serve::{About, serve};
use tokio::net::UnixStream;

use crate::local_pool::LocalPool;

/// The most files and connections that a worker may hold open.
const OPEN_FILES: u64 = 1024;
const MIB: u64 = 1024 * 1024;
/// The most disk for what does not fit into the engine's memory.
const TEMP_MIB: u64 = 32 * 1024;

/// What every worker of a server is told, and of which pool it is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The pool.
    #[arg(long)]
    pool: String,
    /// The pool's folder.
    #[arg(long)]
    dir: PathBuf,
    #[command(flatten)]
    means: Means,
}

/// What a worker may use.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Means {
    /// A folder below which connections may read; may come several times.
    #[arg(long = "file-root")]
    pub(crate) file_roots: Vec<PathBuf>,
    /// The threads of the engine.
    #[arg(long)]
    pub(crate) threads: usize,
    /// The most memory of the engine, in MiB.
    #[arg(long)]
    pub(crate) engine_memory_mib: u64,
    /// The most memory of the process, in MiB.
    #[arg(long)]
    pub(crate) memory_mib: u64,
}

impl Means {
    /// The command line of the worker of a pool.
    pub(crate) fn to_arguments(&self, pool: DataPoolId, dir: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["worker".into(), "--pool".into(), pool.to_string().into()];
        arguments.extend(["--dir".into(), dir.into()]);
        for root in &self.file_roots {
            // A link would not lead anywhere any more.
            let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.clone());
            arguments.extend(["--file-root".into(), root.into_os_string()]);
        }
        for (name, number) in [
            ("--threads", u64::try_from(self.threads).unwrap_or(1)),
            ("--engine-memory-mib", self.engine_memory_mib),
            ("--memory-mib", self.memory_mib),
        ] {
            arguments.extend([name.into(), number.to_string().into()]);
        }
        arguments
    }
}

/// Serves the server until it asks for the end; without the server this process ends at once.
pub(crate) fn main(arguments: &Arguments) -> anyhow::Result<()> {
    // Before there is any other thread.
    let confinement = confine(&bounds(arguments));
    let connection = child::inherited_connection()?;
    let tether = child::Tether::new(&connection)?;
    let pool: DataPoolId = arguments.pool.parse().context("--pool must be the id of a data pool")?;
    let Means { threads, engine_memory_mib, .. } = arguments.means;
    let limits = Limits { threads, memory_bytes: engine_memory_mib * MIB, temp_bytes: TEMP_MIB * MIB };
    let plane = Arc::new(LocalPool::new(pool, &arguments.dir, limits));
    let runtime = tokio::runtime::Runtime::new()?;
    let about =
        About { pool, version: env!("CARGO_PKG_VERSION").to_owned(), confinement: confinement.to_string() };
    runtime.block_on(talk(connection, Arc::clone(&plane), about, tether))?;
    // What still runs in foreign code is not waited for; the file is closed when nothing uses it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    drop(plane);
    Ok(())
}

async fn talk(
    connection: std::os::unix::net::UnixStream,
    plane: Arc<LocalPool>,
    about: About,
    tether: Tether,
) -> anyhow::Result<()> {
    connection.set_nonblocking(true)?;
    let connection = UnixStream::from_std(connection)?;
    let opening = {
        let plane = Arc::clone(&plane);
        // Whoever asks first need not wait for all of it. An error is told to whoever asks.
        tokio::spawn(async move { drop(plane.warehouse().await) })
    };
    serve(connection, plane, about, tether).await?;
    opening.await?;
    Ok(())
}

fn bounds(arguments: &Arguments) -> Bounds {
    let mut read: Vec<PathBuf> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(std::env::var_os)
        .flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>())
        .filter(|path| path != Path::new(""))
        .collect();
    // For the names of functions, should it panic.
    read.extend(std::env::current_exe());
    Bounds {
        write: vec![arguments.dir.clone()],
        sources: arguments.means.file_roots.clone(),
        read,
        memory_bytes: Some(arguments.means.memory_mib * MIB),
        open_files: OPEN_FILES,
    }
}
