//! What a user could pick instead: each peer in the virtual environment that the benchmark makes for them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::meter::{Meter, Values};
use crate::source::postgres::Facts;

/// Pinned, so that figures of two machines speak of the same programs.
const PACKAGES: [&str; 7] = [
    "duckdb==1.5.5",
    "duckdb-extension-postgres-scanner==1.5.5",
    "connectorx==0.4.6",
    "adbc-driver-postgresql==1.13.0",
    "adbc-driver-manager==1.13.0",
    "pyarrow==26.0.1",
    "pytz",
];

/// The peers' Python and script.
pub(crate) struct Peers {
    python: PathBuf,
    script: PathBuf,
}

impl Peers {
    /// Makes the environment in `folder`, unless it is there.
    ///
    /// # Errors
    ///
    /// When Python or a package cannot be had.
    pub(crate) fn install(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let environment = folder.join("environment");
        let python = environment.join("bin/python");
        let (done, versions) = (folder.join("installed"), PACKAGES.join("\n"));
        if std::fs::read_to_string(&done).ok().as_deref() != Some(&versions) {
            eprintln!("installing the peers");
            run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
            std::fs::write(&done, versions)?;
        }
        let script = folder.join("load.py");
        std::fs::write(&script, include_str!("../peers/load.py"))?;
        Ok(Self { python, script })
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
        url: &str,
        source: u32,
        tables: &[&str],
    ) -> Result<Values> {
        let mut command = self.command(&[peer, mode]);
        command.arg(file).arg(url).args(tables).stdout(Stdio::null());
        let mut meter = Meter::of_children(source);
        let mut child = command.spawn().context("Python")?;
        meter.watch(child.id());
        let status = child.wait()?;
        let values = meter.end(Instant::now());
        ensure!(status.success(), "{peer} ended with {status}");
        Ok(values)
    }

    /// What it loaded.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(crate) fn facts(&self, file: &Path, table: &str, amount: &str) -> Result<(Facts, String)> {
        let output = self.command(&["check", "full"]).arg(file).args([table, amount]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let said: Value =
            serde_json::from_str(&text).with_context(|| format!("the check of {table} says {text:?}"))?;
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        Ok((Facts { rows: text("rows").parse()?, sum: text("sum") }, text("type")))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        // Without its bytecode a peer would pay for compiling at each start.
        command.arg(&self.script).args(arguments).env_remove("PYTHONDONTWRITEBYTECODE").stdin(Stdio::null());
        command
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
