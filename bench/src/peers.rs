//! What a user could pick instead, and how each is run.

mod environments;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use self::environments::{CORE, DLT, Environment, INGESTR, SLING, packages};
use crate::meter::{Meter, Values};
use crate::source::{Facts, Source, tpch};

struct Peer {
    name: &'static str,
    environment: &'static Environment,
    /// D0 is the load before the delta cases.
    cases: &'static [&'static str],
}

const PEERS: [Peer; 6] = [
    Peer { name: "scanner", environment: &CORE, cases: &["F1", "F2", "F3", "D0", "D3", "D2", "D1"] },
    Peer { name: "adbc", environment: &CORE, cases: &["F1", "F2", "D0", "D3", "D2", "D1"] },
    Peer { name: "connectorx", environment: &CORE, cases: &["F1", "F2", "F3", "D0", "D3", "D2", "D1"] },
    Peer { name: "dlt", environment: &DLT, cases: &["F1"] },
    Peer { name: "sling", environment: &SLING, cases: &["F1"] },
    Peer { name: "ingestr", environment: &INGESTR, cases: &["F1"] },
];

/// None of them may call home while it is measured.
const QUIET: [(&str, &str); 6] = [
    ("DLT_TELEMETRY_DISABLED", "1"),
    ("RUNTIME__DLTHUB_TELEMETRY", "false"),
    ("DO_NOT_TRACK", "1"),
    ("DISABLE_TELEMETRY", "true"),
    ("INGESTR_DISABLE_TELEMETRY", "true"),
    ("SLING_DISABLE_TELEMETRY", "true"),
];

/// The names of all peers.
pub(crate) fn names() -> Vec<String> {
    PEERS.iter().map(|peer| peer.name.to_owned()).collect()
}

/// The peers that can be run.
pub(crate) struct Peers {
    folder: PathBuf,
    script: PathBuf,
    ready: Vec<&'static Peer>,
}

impl Peers {
    /// Installs those of `names` that a wanted case runs, unless they are there. One that cannot be installed leaves a
    /// note.
    ///
    /// # Errors
    ///
    /// When there is no such peer, or the folder cannot be written.
    pub(crate) fn install(
        folder: &Path,
        names: &[String],
        wanted: &[String],
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        let mut peers = Self { folder: folder.to_owned(), script: folder.join("load.py"), ready: Vec::new() };
        for name in names {
            let Some(peer) = PEERS.iter().find(|peer| peer.name == name) else {
                bail!("--peers: there is no {name}; there are {}", self::names().join(", "))
            };
            if !wanted.iter().any(|case| peer.cases.contains(&case.as_str())) {
                continue;
            }
            std::fs::create_dir_all(folder)?;
            // Every peer's file is looked at with the core's DuckDB.
            match CORE.install(folder).and_then(|()| peer.environment.install(folder)) {
                Ok(()) => peers.ready.push(peer),
                Err(error) => notes.push(format!("{name} cannot be installed: {error:#}")),
            }
        }
        if !peers.ready.is_empty() {
            std::fs::write(&peers.script, include_str!("../peers/load.py"))?;
            std::fs::write(folder.join("load_dlt.py"), include_str!("../peers/load_dlt.py"))?;
        }
        Ok(peers)
    }

    /// The peers that run this case.
    pub(crate) fn of(&self, case: &str) -> Vec<&'static str> {
        self.ready.iter().filter(|peer| peer.cases.contains(&case)).map(|peer| peer.name).collect()
    }

    /// Loads tables with one peer, from the start of its process to its end.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub(crate) fn load(
        &self,
        peer: &str,
        mode: &str,
        file: &Path,
        source: Source<'_>,
        tables: &[&str],
    ) -> Result<Values> {
        // Some keep a state, which would make the next load a smaller one.
        let state = file.with_extension("state");
        if mode == "full" && state.exists() {
            std::fs::remove_dir_all(&state)?;
        }
        let mut command = match peer {
            "dlt" => self.dlt(file, &state, source, tables),
            "sling" => self.sling(file, source, tables)?,
            "ingestr" => self.ingestr(file, &state, source, tables)?,
            _ => {
                let mut command = self.core(&[peer, mode]);
                command.arg(file).arg(source.url()).args(tables);
                command
            }
        };
        command.envs(QUIET).env_remove("PYTHONDONTWRITEBYTECODE").stdin(Stdio::null()).stdout(Stdio::null());
        let log = std::fs::File::create(file.with_extension("log"))?;
        let mut meter = Meter::of_children(source.pid());
        let mut child = command.stderr(log).spawn().with_context(|| format!("{command:?}"))?;
        meter.watch(child.id());
        let status = child.wait()?;
        let values = meter.end(Instant::now());
        let said = std::fs::read_to_string(file.with_extension("log")).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        ensure!(status.success(), "{peer} ended with {status}: {}", last.join(" / "));
        Ok(values)
    }

    fn dlt(&self, file: &Path, state: &Path, source: Source<'_>, tables: &[&str]) -> Command {
        let mut command = Command::new(DLT.folder(&self.folder).join("bin/python"));
        command.arg(self.folder.join("load_dlt.py")).arg(file).arg(state).arg(source.url()).args(tables);
        command
    }

    fn sling(&self, file: &Path, source: Source<'_>, tables: &[&str]) -> Result<Command> {
        let folder = SLING.folder(&self.folder);
        let [table] = tables else { bail!("sling is run for one table") };
        // The program itself: the package's command looks for a newer one first.
        let mut command = Command::new(packages(&folder)?.join("sling_linux_amd64/bin/sling-linux-amd64"));
        command.args([
            "run",
            "--src-conn",
            "BENCH_SOURCE",
            "--tgt-conn",
            "BENCH_TARGET",
            "--mode",
            "full-refresh",
        ]);
        command.arg("--src-stream").arg(format!("{}.{table}", source.schema()));
        command.arg("--tgt-object").arg(format!("main.{table}"));
        let home = folder.join("home");
        command.env("HOME", &home).env("SLING_HOME_DIR", home.join(".sling"));
        command.env("DUCKDB_PATH", folder.join("bin/duckdb")).env("DUCKDB_USE_INSTALLED_EXTENSIONS", "true");
        command.env("BENCH_SOURCE", format!("{}?sslmode=disable", source.url()));
        command.env("BENCH_TARGET", format!("duckdb://{}", file.display()));
        Ok(command)
    }

    fn ingestr(&self, file: &Path, state: &Path, source: Source<'_>, tables: &[&str]) -> Result<Command> {
        let [table] = tables else { bail!("ingestr is run for one table") };
        let mut command = Command::new(INGESTR.folder(&self.folder).join("bin/ingestr"));
        command.args(["ingest", "--yes", "--progress", "log", "--source-uri"]).arg(source.url());
        command.arg("--source-table").arg(format!("{}.{table}", source.schema()));
        command.arg("--dest-uri").arg(format!("duckdb:///{}", file.display()));
        command.arg("--dest-table").arg(format!("main.{table}"));
        command.arg("--pipelines-dir").arg(state);
        Ok(command)
    }

    /// What a peer loaded.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(crate) fn facts(&self, file: &Path, table: &str) -> Result<(Facts, String)> {
        let output = self.core(&["check", "full"]).arg(file).args([table, tpch::amount(table)]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let said: Value =
            serde_json::from_str(&text).with_context(|| format!("the check of {table} says {text:?}"))?;
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        Ok((Facts { rows: text("rows").parse()?, sum: text("sum") }, text("type")))
    }

    fn core(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CORE.folder(&self.folder).join("bin/python"));
        command.arg(&self.script).args(arguments);
        command
    }
}
