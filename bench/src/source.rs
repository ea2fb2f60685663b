//! The databases that are read: a PostgreSQL and a MariaDB with TPC-H rows, made by the benchmark.

pub(crate) mod mariadb;
pub(crate) mod postgres;
pub(crate) mod tpch;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use self::mariadb::Mariadb;
use self::postgres::Postgres;

/// Of the user `bench` in both; they listen on loopback only and end with the benchmark.
const PASSWORD: &str = "bench";

/// What a table holds: the number of rows, and the exact sum of one column as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) rows: u64,
    pub(crate) sum: String,
}

/// A database that tables are read from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Postgres(&'a Postgres),
    Mariadb(&'a Mariadb),
}

impl Source<'_> {
    /// Its server's process.
    pub(crate) fn pid(self) -> u32 {
        match self {
            Self::Postgres(postgres) => postgres.pid(),
            Self::Mariadb(mariadb) => mariadb.pid(),
        }
    }

    /// How the peers reach it.
    pub(crate) fn url(self) -> String {
        let (kind, port, database) = self.place();
        format!("{kind}://bench:{PASSWORD}@127.0.0.1:{port}/{database}")
    }

    /// How Forebay reaches it, as the body of a new connection.
    pub(crate) fn connection(self) -> Value {
        let (kind, port, database) = self.place();
        json!({"name": "Source", "type": kind.to_uppercase(), "configuration": {
            "host": "127.0.0.1", "port": port, "database": database, "user": "bench", "password": PASSWORD,
        }})
    }

    fn place(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Postgres(postgres) => ("postgresql", postgres.port, "postgres"),
            Self::Mariadb(mariadb) => ("mysql", mariadb.port, mariadb::DATABASE),
        }
    }

    /// The schema of its tables.
    pub(crate) fn schema(self) -> &'static str {
        match self {
            Self::Postgres(_) => "public",
            Self::Mariadb(_) => mariadb::DATABASE,
        }
    }

    /// What a table holds now.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub(crate) async fn facts(self, table: &str) -> Result<Facts> {
        match self {
            Self::Postgres(postgres) => postgres.facts(table).await,
            Self::Mariadb(mariadb) => mariadb.facts(table),
        }
    }
}

/// The servers that were needed so far, and where they keep their tables.
pub(crate) struct Sources {
    pub(crate) folder: PathBuf,
    pub(crate) scale: f64,
    postgres: Option<Postgres>,
}

impl Sources {
    pub(crate) fn new(folder: PathBuf, scale: f64) -> Self {
        Self { folder, scale, postgres: None }
    }

    /// The PostgreSQL that all cases share; starts it when it is asked for first.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub(crate) async fn postgres(&mut self) -> Result<&Postgres> {
        if self.postgres.is_none() {
            self.postgres = Some(Postgres::start(&self.folder.join("postgresql"), self.scale).await?);
        }
        self.postgres.as_ref().context("a server that has just started")
    }

    /// A MariaDB, which ends when it is dropped: one case uses it.
    ///
    /// # Errors
    ///
    /// When it is missing or does not start.
    pub(crate) async fn mariadb(&self) -> Result<Mariadb> {
        Mariadb::start(&self.folder.join("mariadb"), self.scale).await
    }
}

/// How much a server may keep in memory: all of the tables at scale 1, and not much for a test.
fn buffers(scale: f64) -> &'static str {
    if scale >= 1.0 { "2G" } else { "128M" }
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("a free port")?;
    Ok(listener.local_addr()?.port())
}

/// A program as another user when root runs the benchmark, since database servers refuse to run as root.
fn as_user(program: &Path, user: &str) -> Result<Command> {
    if id(&["-u"])? != 0 {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={}", id(&["-u", user])?)).arg(format!("--regid={}", id(&["-g", user])?));
    command.arg("--clear-groups").arg(program);
    Ok(command)
}

/// Gives a folder to that user when root runs the benchmark.
fn give(folder: &Path, user: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    if id(&["-u"])? == 0 {
        let (user, group) = (id(&["-u", user])?, id(&["-g", user])?);
        std::os::unix::fs::chown(folder, Some(user), Some(group))?;
    }
    Ok(())
}

fn id(of: &[&str]) -> Result<u32> {
    let output = Command::new("id").args(of).output().context("the program id")?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    text.parse()
        .with_context(|| format!("id {} says {text:?}; is the database's package installed?", of.join(" ")))
}

/// Runs a program to its end.
fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Says what a kept folder was made with, and refuses one that was made otherwise.
fn fits(folder: &Path, made_with: &str) -> Result<bool> {
    match std::fs::read_to_string(folder.join("made-with")) {
        Ok(kept) if kept == made_with => Ok(true),
        Ok(kept) => bail!(
            "{} was made with {kept}, and {made_with} is wanted; give another --keep, or remove that folder",
            folder.display()
        ),
        Err(_) => Ok(false),
    }
}
