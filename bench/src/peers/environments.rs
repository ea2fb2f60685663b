//! The peers' programs: a virtual environment of Python for each set that goes together, with pinned versions, so that
//! figures of two machines speak of the same programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What one environment holds.
pub(super) struct Environment {
    pub(super) name: &'static str,
    packages: &'static [&'static str],
}

/// The libraries that read a source into Arrow or DuckDB, and DuckDB for every look at what a peer loaded.
pub(super) const CORE: Environment = Environment {
    name: "core",
    packages: &[
        "duckdb==1.5.5",
        "duckdb-extension-postgres-scanner==1.5.5",
        "duckdb-extension-mysql-scanner==1.5.5",
        "connectorx==0.4.6",
        "adbc-driver-postgresql==1.13.0",
        "adbc-driver-manager==1.13.0",
        "pyarrow==26.0.1",
        "pytz",
    ],
};

pub(super) const DLT: Environment = Environment {
    name: "dlt",
    packages: &[
        "dlt[duckdb,postgres,parquet]==1.31.0",
        "duckdb==1.5.5",
        "connectorx==0.4.6",
        "pyarrow==26.0.1",
        "sqlalchemy==2.0.51",
        "psycopg2-binary==2.9.13",
    ],
};

/// The last release that is a Python program; later ones fetch a program at the first start.
pub(super) const INGESTR: Environment = Environment { name: "ingestr", packages: &["ingestr==0.14.155"] };

/// The last release whose package has the program in it. It writes through DuckDB's command line, which wants these
/// two extensions; fetching them itself would need the network at the first run.
pub(super) const SLING: Environment = Environment {
    name: "sling",
    packages: &[
        "sling==1.4.11",
        "sling-linux-amd64==1.4.11",
        "duckdb-cli==1.4.4.post2",
        "duckdb-extension-httpfs==1.4.4",
        "duckdb-extension-json==1.4.4",
    ],
};

impl Environment {
    /// Where it is, below the folder of all of them.
    pub(super) fn folder(&self, all: &Path) -> PathBuf {
        all.join(self.name)
    }

    /// Makes it, unless it is there.
    ///
    /// # Errors
    ///
    /// When Python or a package cannot be had.
    pub(super) fn install(&self, all: &Path) -> Result<()> {
        let folder = self.folder(all);
        let python = folder.join("bin/python");
        let (done, versions) = (folder.join("installed"), self.packages.join("\n"));
        if std::fs::read_to_string(&done).ok().as_deref() == Some(&versions) {
            return Ok(());
        }
        eprintln!("installing {}", self.name);
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(python).args(["-m", "pip", "install", "--quiet"]).args(self.packages))?;
        if self.name == SLING.name {
            let home = folder.join("home/.duckdb/extensions/v1.4.4/linux_amd64");
            std::fs::create_dir_all(&home)?;
            for extension in ["httpfs", "json"] {
                let file = format!("{extension}.duckdb_extension");
                let from = packages(&folder)?
                    .join(format!("duckdb_extension_{extension}/extensions/v1.4.4"))
                    .join(&file);
                std::fs::copy(&from, home.join(file)).with_context(|| from.display().to_string())?;
            }
        }
        std::fs::write(done, versions)?;
        Ok(())
    }
}

/// Where an environment keeps its packages.
pub(super) fn packages(environment: &Path) -> Result<PathBuf> {
    let libraries = environment.join("lib");
    for entry in std::fs::read_dir(&libraries).with_context(|| libraries.display().to_string())? {
        let folder = entry?.path().join("site-packages");
        if folder.exists() {
            return Ok(folder);
        }
    }
    anyhow::bail!("{} has no packages", environment.display())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
