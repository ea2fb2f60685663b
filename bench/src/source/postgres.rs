//! The PostgreSQL source: a server of the benchmark's own. Its tables are made in `postgres/tables.rs`.

mod tables;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio_postgres::{Client, NoTls};

use super::{PASSWORD, as_user, buffers, fits, free_port, give, run};
use crate::guarded::Guarded;

/// Whom the server runs as when root runs the benchmark; Debian's package makes this user.
const USER: &str = "postgres";

/// A running PostgreSQL. Its superuser is `bench`.
pub(crate) struct Postgres {
    client: Client,
    pub(crate) port: u16,
    server: Guarded,
    pub(crate) scale: f64,
    pub(crate) version: String,
}

impl Postgres {
    /// Starts the server in `folder`, and makes it when it is not there.
    ///
    /// # Errors
    ///
    /// When the folder holds another scale, or PostgreSQL is missing or does not start.
    pub(crate) async fn start(folder: &Path, scale: f64) -> Result<Self> {
        let made_with = format!("scale {scale}, layout 2");
        let kept = fits(folder, &made_with)?;
        give(folder, USER)?;
        let (data, log) = (folder.join("data"), folder.join("log"));
        if !kept {
            if data.exists() {
                std::fs::remove_dir_all(&data).context("tables that were not finished")?;
            }
            let word = folder.join("password");
            std::fs::write(&word, PASSWORD)?;
            std::os::unix::fs::chown(
                &word,
                Some(std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(folder)?)),
                None,
            )?;
            let mut initdb = as_user(&programs()?.join("initdb"), USER)?;
            initdb.current_dir(folder);
            initdb.args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--username=bench",
            ]);
            run(initdb.arg("--pwfile").arg(word).arg("--pgdata").arg(&data))?;
        }
        let port = free_port()?;
        let mut command = as_user(&programs()?.join("postgres"), USER)?;
        command.current_dir(folder).arg("-D").arg(&data).arg("-p").arg(port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            &format!("shared_buffers={}B", buffers(scale)),
            "maintenance_work_mem=512MB",
            // A table is made in one transaction, which then writes no log.
            "wal_level=minimal",
            "max_wal_senders=0",
            "max_wal_size=2GB",
            "checkpoint_timeout=30min",
            // Never in the middle of a measurement.
            "autovacuum=off",
            // The source's durability is not what is measured.
            "fsync=off",
        ] {
            command.args(["-c", setting]);
        }
        let server = Guarded::start(&command, "INT", &log)?;
        let client = connect(port, &server).await.with_context(|| format!("see {}", log.display()))?;
        let version = client.query_one("SHOW server_version", &[]).await?.get(0);
        if !kept {
            std::fs::write(folder.join("made-with"), made_with)?;
        }
        Ok(Self { client, port, server, scale, version })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.server.pid
    }
}

async fn connect(port: u16, server: &Guarded) -> Result<Client> {
    let begun = Instant::now();
    loop {
        let mut options = tokio_postgres::Config::new();
        options.host("127.0.0.1").port(port).dbname("postgres").user("bench").password(PASSWORD);
        match options.connect(NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(async move { drop(connection.await) });
                return Ok(client);
            }
            Err(error) if server.is_gone() || begun.elapsed() > Duration::from_secs(120) => {
                return Err(error).context("PostgreSQL does not start");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The folder of PostgreSQL's programs; Debian keeps them out of the `PATH`.
fn programs() -> Result<PathBuf> {
    let mut newest: Option<(u32, PathBuf)> = None;
    for entry in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        let folder = entry.path().join("bin");
        let Some(version) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if folder.join("initdb").exists() && newest.as_ref().is_none_or(|(known, _)| version > *known) {
            newest = Some((version, folder));
        }
    }
    if let Some((_, folder)) = newest {
        return Ok(folder);
    }
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        if folder.join("initdb").exists() && folder.join("postgres").exists() {
            return Ok(folder);
        }
    }
    bail!("PostgreSQL is missing (initdb and postgres); on Debian: apt-get install postgresql")
}
